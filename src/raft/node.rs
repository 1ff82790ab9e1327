//! One node: its state (Figure 2) and how it handles an input.

use std::collections::VecDeque;
use std::sync::Arc;

use super::config::Config;
use super::disk::Unsynced;
use super::election::{Asked, VoteReply};
use super::lies::Lie;
use super::membership::{Configurations, Plans, Roster};
use super::messages::RaftMessage;
use super::progress::Progress;
use super::quorum::Quorum;
use super::reads::Reads;
use super::rules::Rule;
use super::stable::StableState;
use super::tuning::Tuning;
use super::variants::Policy;
use crate::clone::clone_by_field;
use crate::protocol::{
    Delay, Effects, Input, LocalTime, Mix, NodeId, NodeSet, OpId, Protocol, Reply, Role, Span,
    Status, Way,
};
use crate::reasons;
use crate::replica::log::Log;
use crate::replica::machine::Machine;
use crate::replica::notes::{ReplicaNote, RoleChange};
use crate::replica::types::Waiting;
use crate::replica::types::{Command, Entry, Key, Op, Output, Request, Session, Value};
use crate::replica::{ELECTION, HEARTBEAT, Membership, QUORUM, Replica};
use crate::state::StateHash;

/// A Raft node.
#[derive(Debug)]
pub struct Node {
    pub(super) id: NodeId,
    /// The settings, and the configuration at the beginning of the log, which copies of the node
    /// share; no members if the node is added later.
    pub(super) config: Arc<Config>,
    pub(super) founding: Arc<Membership>,
    /// currentTerm, votedFor, log[].
    pub(super) stable: StableState,

    // The configuration in force, which follows from the log.
    /// The configurations of the log's entries. Invariant: in ascending order.
    pub(super) configurations: Configurations,
    /// Whether the log or its snapshot holds one, or has held one.
    pub(super) configures: bool,
    /// The members and the quorums of the last one.
    pub(super) roster: Roster,
    pub(super) quorum: Arc<Quorum>,

    // Volatile on all servers.
    pub(super) role: Role,
    pub(super) leader: Option<NodeId>,
    /// commitIndex, which never decreases (Figure 2); everything up to it is applied. It is at most
    /// the log's last index, unless a rule was taken away or a node lies, which [`crate::check`]
    /// detects.
    pub(super) commit: u64,
    pub(super) machine: Machine,
    /// Ranges of indices whose entries were replaced after they had been applied, which happens
    /// only if a rule was taken away or a node lied: the entries that the log has there now were
    /// not applied.
    pub(super) replaced: Vec<(u64, u64)>,
    /// When this node last heard from a leader of its term.
    pub(super) heard_at: Option<LocalTime>,
    /// The present range of its election timeouts: as configured, unless they adapt to the network.
    pub(super) patience: Delay,
    /// The measurements for adaptive timeouts.
    pub(super) tuning: Option<Box<Tuning>>,
    /// The time until which a node that restarted under leases refuses votes.
    pub(super) refuses_votes_until: LocalTime,
    /// What waits for the disk.
    pub(super) unsynced: Unsynced,
    restarted: bool,

    // Volatile on candidates.
    pub(super) granted: NodeSet,
    pub(super) rejected: NodeSet,
    /// The election rule, and what it remembers.
    pub(super) policy: Policy,

    // Volatile on leaders.
    /// One per node; the leader's own tracks its disk. Empty until the node first wins an election
    /// after its start.
    pub(super) progress: Vec<Progress>,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) reads: Reads,
    /// What it does besides; mostly nothing.
    pub(super) plans: Option<Box<Plans>>,
}

clone_by_field!(
    [] Node { stable, unsynced, tuning, reads }
    copied {
        id, configures, roster, role, leader, commit, heard_at, patience, refuses_votes_until,
        restarted, granted, rejected, policy
    }
    empty { machine, waiting, replaced, progress, configurations }
    shared { config, founding, quorum }
    optional { plans }
);

impl Node {
    /// A new node with an empty disk, in a cluster of the nodes 0..`nodes`.
    pub fn new(id: NodeId, nodes: usize, config: Config) -> Self {
        Self::founded(id, nodes, Membership::of(NodeSet::first(nodes)), config)
    }

    /// A new node that is not a member of a cluster yet.
    pub fn spare(id: NodeId, config: Config) -> Self {
        Self::founded(id, 0, Membership::default(), config)
    }

    fn founded(id: NodeId, nodes: usize, founding: Membership, config: Config) -> Self {
        let tuning = |settings| Box::new(Tuning::new(settings, nodes, config.heartbeat()));
        let mut node = Self {
            id,
            patience: config.election_timeout,
            tuning: config.adaptive_timeout.map(tuning),
            founding: Arc::new(founding),
            configurations: Vec::new(),
            configures: false,
            roster: Roster::of(&founding),
            quorum: Arc::default(),
            stable: StableState::default(),
            role: Role::Follower,
            leader: None,
            commit: 0,
            machine: Machine::default(),
            replaced: Vec::new(),
            heard_at: None,
            refuses_votes_until: LocalTime::default(),
            unsynced: Unsynced::default(),
            restarted: false,
            granted: NodeSet::default(),
            rejected: NodeSet::default(),
            policy: Policy::new(config.election_rule),
            config: Arc::new(config),
            progress: Vec::new(),
            waiting: VecDeque::new(),
            reads: Reads::default(),
            plans: None,
        };
        node.quorum = Arc::new(node.electorate(&founding));
        node
    }

    /// Sets the initial state: term, vote and log on disk, and a known commitIndex.
    pub fn preset(&mut self, term: u64, vote: Option<NodeId>, log: Log, commit: u64) {
        self.stable = StableState::preset(term, vote, log);
        for index in 1..=commit.min(self.log().last_index()) {
            self.apply(index);
            self.commit = index;
        }
    }

    /// Makes it the initial leader of its term: it sends heartbeats when it starts.
    pub fn preset_leader(&mut self) {
        self.set_role(Role::Leader);
    }

    /// The log, durable or not.
    pub fn log(&self) -> &Log {
        self.stable.log()
    }

    /// The last index that its snapshot covers; 0 without one.
    pub fn snapshot_index(&self) -> u64 {
        self.stable.snapshot_index()
    }

    /// currentTerm.
    pub fn term(&self) -> u64 {
        self.stable.term()
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The key-value store as applied here.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    fn start<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        self.found_on_disk();
        if self.restarted && self.config.lease_drift.is_some() && self.obeys(Rule::LeaseRestartWait)
        {
            self.refuses_votes_until = now + self.config.election_timeout.min;
        }
        if self.role == Role::Leader {
            self.lead(now, self.log().last_index() + 1, fx);
        } else if !self.roster.is_empty() {
            fx.arm(ELECTION, self.patience);
        }
    }

    #[inline]
    fn receive<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        message: &RaftMessage,
        fx: &mut E,
    ) {
        let begins_anew = self.observe_term(now, from, message, fx);
        match *message {
            RaftMessage::AppendEntries { term, prev, commit, round, ref payload } => {
                if self.follow(now, from, term, prev.index, fx) {
                    self.measure(round, payload);
                    self.handle_append_entries(from, prev, commit, round, payload, fx);
                }
            }
            RaftMessage::AppendEntriesReply {
                term,
                success,
                index,
                hint,
                interval,
                round,
                carried,
            } => {
                if !self.is_for_this_term(from, term, fx) {
                } else if success {
                    self.measured(now, from, round, interval);
                    self.acknowledged(now, from, index, round, carried, fx);
                } else {
                    self.refused(now, from, index, hint, round, carried, fx);
                }
            }
            RaftMessage::InstallSnapshot { term, round, ref snapshot } => {
                if self.follow(now, from, term, snapshot.base.index, fx) {
                    self.handle_install_snapshot(from, round, snapshot, fx);
                }
            }
            RaftMessage::InstallSnapshotReply { term, index, round } => {
                if self.is_for_this_term(from, term, fx) {
                    self.acknowledged_snapshot(now, from, index, round, fx);
                }
            }
            RaftMessage::RequestVote { term, last, forced } => {
                let asked = Asked { term, last, forced };
                self.handle_request_vote(now, from, asked, begins_anew, fx);
            }
            RaftMessage::TimeoutNow { term } => self.handle_timeout_now(now, from, term, fx),
            RaftMessage::RequestVoteReply { term, granted, asked, stale_log } => {
                let reply = VoteReply { term, granted, asked, stale_log };
                self.handle_request_vote_reply(now, from, reply, fx);
            }
            RaftMessage::PreVote { term, last } => {
                self.handle_pre_vote(now, from, term, last, fx);
            }
            RaftMessage::PreVoteReply { term, granted, asked, stale_log } => {
                let reply = VoteReply { term, granted, asked, stale_log };
                self.handle_pre_vote_reply(now, from, reply, fx);
            }
        }
    }

    fn requested<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        op: OpId,
        request: Request,
        fx: &mut E,
    ) {
        match request {
            Request::Write(command) => self.propose(op, command, fx),
            Request::Read { key, via } => self.read(now, op, key, via, fx),
            Request::Configure(wanted) => self.configure(now, op, wanted, fx),
            Request::Transfer(to) => self.transfer(now, op, to, fx),
            Request::StepDown if self.role == Role::Leader => {
                self.become_follower(self.term(), None, RoleChange::StepDown, fx);
                fx.reply(op, Reply::Ok(Output::Done));
            }
            Request::StepDown => {
                let (reason, hint) = (reasons::NOT_LEADER, self.leader);
                fx.reply(op, Reply::Refused { reason, hint });
            }
            Request::Campaign if !self.may_campaign() => {
                fx.reply(op, Reply::Refused { reason: reasons::NO_VOTER, hint: None });
            }
            Request::Campaign => {
                if self.role != Role::Leader {
                    self.campaign(now, RoleChange::Campaign, fx);
                }
                fx.reply(op, Reply::Ok(Output::Done));
            }
            Request::Usurp => {
                let (next, why) = (self.term().saturating_add(1), RoleChange::Usurped);
                self.become_follower(next, None, why, fx);
                self.become_leader(now, why, fx);
                fx.reply(op, Reply::Ok(Output::Done));
            }
            Request::ForgetVote => {
                let term = self.term();
                self.set_ballot(term, None, fx);
                self.sync(fx);
                fx.reply(op, Reply::Ok(Output::Done));
            }
        }
    }

    #[inline]
    pub(super) fn obeys(&self, rule: Rule) -> bool {
        self.config.rules.has(rule)
    }

    /// Changes the role along the arrows of Figure 4: a leader can only become a follower. (A
    /// usurper becomes a follower first, see [`Request::Usurp`].)
    pub(super) fn set_role(&mut self, role: Role) {
        debug_assert!(
            self.role != Role::Leader || role == Role::Follower,
            "{:?} cannot change from {} to {}",
            self.id,
            self.role.name(),
            role.name()
        );
        self.role = role;
    }

    /// "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to
    /// follower" (§5.1); also when a candidate hears the leader of its own term (§5.2).
    pub(super) fn become_follower<E: Effects<Self>>(
        &mut self,
        term: u64,
        leader: Option<NodeId>,
        why: RoleChange,
        fx: &mut E,
    ) {
        let led = self.role == Role::Leader;
        let changed = self.role != Role::Follower || term != self.term();
        if term != self.term() {
            self.set_ballot(term, None, fx);
            self.heard_at = None;
            self.forget_measurements();
        }
        self.set_role(Role::Follower);
        self.leader = leader;
        if led {
            self.abdicate(why, fx);
        }
        if changed {
            fx.note(ReplicaNote::Role { role: self.role, term, why });
        }
    }

    /// Tells waiting clients that this node no longer leads, so that the outcome of their requests
    /// is unknown.
    fn abdicate<E: Effects<Self>>(&mut self, why: RoleChange, fx: &mut E) {
        fx.disarm(HEARTBEAT);
        fx.disarm(QUORUM);
        fx.arm(ELECTION, self.patience);
        for waiting in std::mem::take(&mut self.waiting) {
            fx.reply(waiting.op, Reply::Unknown { reason: reasons::STEPPED_DOWN });
        }
        self.reads.give_up(fx, reasons::STEPPED_DOWN);
        self.drop_plans(why, fx);
    }

    /// Raises commitIndex and applies what it now covers (Figure 2, rules for all servers).
    #[inline]
    pub(super) fn commit_to<E: Effects<Self>>(&mut self, index: u64, fx: &mut E) {
        if index <= self.commit {
            return;
        }
        let first = self.commit + 1;
        while self.commit < index {
            let at = self.commit + 1;
            self.commit = at;
            let Some((command, applied)) = self.apply(at) else { continue };
            let Session { client, seq, .. } = command.session;
            if client != 0 {
                fx.note(ReplicaNote::Session { client, seq, index: at, fresh: applied.fresh });
            }
            while self.waiting.front().is_some_and(|w| w.index == at) {
                if let Some(waiting) = self.waiting.pop_front() {
                    fx.reply(waiting.op, Reply::Ok(applied.output.clone()));
                }
            }
        }
        fx.note(ReplicaNote::Committed { first, last: index });
        self.compact(fx);
        if self.configures {
            self.configuration_committed(first, index, fx);
        }
    }

    /// Applies the entry at an index. Sends no reply or note if no client waits for it and it has
    /// no session.
    #[inline]
    fn apply(&mut self, index: u64) -> Option<(Command, crate::replica::machine::Applied)> {
        let command = self.stable.log().command_at(index)?;
        let awaited = self.waiting.front().is_some_and(|w| w.index == index);
        if !awaited && command.session.client == 0 {
            self.machine.apply_quietly(command.op);
            return None;
        }
        let Entry { term, hash, .. } = self.stable.log().get(index)?;
        let dedup = self.config.rules.has(Rule::SessionDedup);
        let applied = self.machine.apply(index, term, hash, &command, dedup);
        Some((command, applied))
    }

    /// Discards all volatile state; `stable` is on the disk.
    fn forget(&mut self) {
        self.forget_measurements();
        // Destructured, so that a new field does not compile until it is decided here whether it
        // survives.
        let Self {
            id: _,
            config: _,
            founding: _,
            configurations: _,
            configures: _,
            roster: _,
            quorum: _,
            stable: _,
            role,
            leader,
            commit,
            machine,
            replaced,
            heard_at,
            patience: _,
            tuning: _,
            refuses_votes_until,
            unsynced: _,
            restarted,
            granted,
            rejected,
            policy,
            progress,
            waiting,
            reads,
            plans,
        } = self;
        *plans = None;
        (*role, *leader, *commit, *heard_at) = (Role::Follower, None, 0, None);
        (*refuses_votes_until, *restarted) = (LocalTime::default(), true);
        (*granted, *rejected) = (NodeSet::default(), NodeSet::default());
        policy.forget();
        machine.forget();
        replaced.clear();
        waiting.clear();
        progress.clear();
        *reads = Reads::default();
        self.forget_unsynced();
        // The snapshot is on the disk, too, and the entries that it covers are committed.
        if let Some(snapshot) = self.stable.snapshot() {
            self.machine.clone_from(&snapshot.machine);
            self.commit = snapshot.base.index;
            if !self.obeys(Rule::AppliedWithStore) {
                self.apply_again();
            }
        }
        self.find_configurations();
    }
}

impl Replica for Node {
    fn term(&self) -> u64 {
        Node::term(self)
    }

    fn log(&self) -> &Log {
        Node::log(self)
    }

    fn machine(&self) -> &Machine {
        Node::machine(self)
    }

    fn has_applied(&self, index: u64) -> bool {
        let replaced = |&(first, last): &(u64, u64)| (first..=last).contains(&index);
        index <= self.commit && !self.replaced.iter().any(replaced)
    }

    fn snapshot_index(&self) -> u64 {
        Node::snapshot_index(self)
    }

    fn membership(&self) -> (u64, &Membership) {
        self.configuration()
    }

    fn committed_membership(&self) -> (u64, &Membership) {
        let committed = self.configurations.iter().rev().find(|(index, _)| *index <= self.commit);
        committed.map_or((0, &*self.founding), |(index, then)| (*index, then))
    }

    fn progress(&self) -> Option<Vec<(u64, u64)>> {
        let followers = || self.progress.iter().map(|peer| (peer.next, peer.matched)).collect();
        (self.role == Role::Leader).then(followers)
    }
}

impl Protocol for Node {
    type Stable = StableState;
    type Message = RaftMessage;
    type Request = Request;
    type Output = Output;
    type Note = ReplicaNote;
    type Lie = Lie;
    const TIMERS: usize = 3;

    #[inline(always)] // called once per step
    fn handle<E: Effects<Self>>(&mut self, now: LocalTime, input: Input<'_, Self>, fx: &mut E) {
        self.drop_covered();
        match input {
            Input::Message { from, message } => self.receive(now, from, message, fx),
            Input::Timer(HEARTBEAT) => self.heartbeat(now, fx),
            Input::Timer(QUORUM) => self.check_quorum(fx),
            Input::Timer(_) => self.campaign(now, RoleChange::ElectionTimeout, fx),
            Input::Request { op, request } => self.requested(now, op, request, fx),
            Input::Persisted(write) => self.persisted(now, write, fx),
            Input::Start => self.start(now, fx),
        }
    }

    fn crash(&mut self, disk: Option<StableState>) {
        if let Some(found) = disk {
            self.stable = found;
            self.stable.compact();
        }
        if !self.obeys(Rule::SnapshotBeforeCompaction) {
            self.stable.lose_what_nothing_covers();
        }
        if !self.obeys(Rule::DamageIsNoTornWrite) {
            self.stable.ignore_damage();
        }
        if !self.obeys(Rule::PersistTerm) {
            self.stable.lose_term();
        }
        if !self.obeys(Rule::TermFromDisk) {
            self.stable.lose_every_term();
        }
        if !self.obeys(Rule::PersistVote) {
            self.stable.lose_vote();
        }
        self.forget();
    }

    fn hash_state(&self, state: &mut StateHash) {
        let Self {
            id: _,
            config: _,
            founding: _,
            configurations,
            configures: _,
            roster: _,
            quorum: _,
            stable,
            role,
            leader,
            commit,
            machine,
            replaced,
            heard_at,
            patience,
            tuning,
            refuses_votes_until,
            unsynced,
            restarted,
            granted,
            rejected,
            policy,
            progress,
            waiting,
            reads,
            plans,
        } = self;
        state.add((configurations, plans.is_some()));
        state.add((stable, role, leader, commit, machine, replaced));
        state.past(*heard_at);
        state.until(*refuses_votes_until);
        state.add((patience, restarted, granted, rejected, policy, progress, waiting));
        unsynced.hash_state(state);
        reads.hash_state(state);
        if let Some(plans) = plans {
            plans.hash_state(state);
        }
        if let Some(tuning) = tuning {
            tuning.hash_state(state);
        }
    }

    fn status(&self) -> Status {
        Status {
            term: self.term(),
            role: self.role,
            voted_for: self.stable.vote(),
            leader: self.leader,
            commit_index: self.commit,
            last_applied: self.commit,
            last_index: self.log().last_index(),
            last_term: self.log().last_term(),
        }
    }

    fn stable(&self) -> &StableState {
        &self.stable
    }

    fn request(mix: &Mix, client: u32, ordinal: u64, draw: u64) -> Option<Request> {
        let key = Key((draw % u64::from(mix.keys.max(1))) as u32);
        let share = (draw >> 11) as f64 / (1u64 << 53) as f64;
        if share < mix.reads {
            return Some(match mix.via {
                crate::protocol::ReadPath::Log => Request::Write(Command::plain(Op::Get { key })),
                via => Request::Read { key, via },
            });
        }
        let seq = ordinal as u32;
        let session = if mix.session {
            Session { client, seq: seq.wrapping_add(1), low: seq.wrapping_add(1) }
        } else {
            Session::default()
        };
        let op = Op::Put { key, value: Value::int(seq) };
        Some(Request::Write(Command { op, session }))
    }

    fn lie(lie: &mut Lie, liar: NodeId, way: Way, message: &mut RaftMessage) {
        lie.rewrite(liar, way, message);
    }

    #[inline]
    fn leads(&self) -> bool {
        self.role == Role::Leader
    }
}

/// The election timeout that most texts quote: 150 to 300 ms (paper §9.3).
pub const PAPER_ELECTION_TIMEOUT: Delay =
    Delay { min: Span::from_ms(150), max: Span::from_ms(300) };
