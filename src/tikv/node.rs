//! One node: the crate's object and what its user has to keep beside it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use tikv_raft::{RawNode, StateRole};

use super::clock::Patience;
use super::codec::{encode, id_of, node_of};
use super::messages::TikvMessage;
use super::panics::{Panic, catch};
use super::reads::Reads;
use super::ready::Held;
use super::roles::{Cause, View};
use super::settings::Setup;
use super::store::{Kept, Store};
use crate::protocol::{
    Effects, Input, LocalTime, Mix, NodeId, OpId, Protocol, Reply, Status, WriteId,
};
use crate::raft::{Config, Lie, Snapshot, StableState};
use crate::reasons;
use crate::replica::Replica;
use crate::replica::ReplicaNote;
use crate::replica::machine::Machine;
use crate::replica::types::Waiting;
use crate::replica::{Command, Entry, Log, Membership, Output, Request, RoleChange};
use crate::replica::{HEARTBEAT, QUORUM};
use crate::state::StateHash;

/// A node of `TiKV`'s Raft.
pub struct Node {
    pub(super) setup: Arc<Setup>,
    /// The crate's object. Between inputs it has nothing to hand out.
    pub(super) raw: RawNode<Store>,
    pub(super) machine: Machine,
    /// commitIndex, as it was reported.
    pub(super) commit: u64,
    /// lastApplied.
    pub(super) applied: u64,
    pub(super) patience: Patience,
    /// What waits for the disk, oldest first.
    pub(super) held: VecDeque<Held>,
    /// The write of a snapshot, until it is durable.
    pub(super) saving: Option<WriteId>,
    /// The contents of the snapshot that just arrived.
    pub(super) arriving: Option<Arc<Snapshot>>,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) reads: Reads,
    /// Whether it has started since it was made or crashed.
    pub(super) started: bool,
    /// Whether it starts as leader of its term.
    pub(super) leads_at_first: bool,
    /// The last panic of the crate.
    pub(super) panic: Option<Panic>,
}

impl Node {
    /// A new node with an empty disk, in a cluster of the nodes 0..`nodes`.
    ///
    /// The settings must be such that [`super::settings::unknown_to_the_crate`] finds none.
    pub fn new(id: NodeId, nodes: usize, config: Config) -> Self {
        Self::built(Arc::new(Setup::new(id, nodes, config)), Kept::default())
    }

    fn built(setup: Arc<Setup>, kept: Kept) -> Self {
        let raw = setup.build(kept, 0);
        Self {
            setup,
            raw,
            machine: Machine::default(),
            commit: 0,
            applied: 0,
            patience: Patience::default(),
            held: VecDeque::new(),
            saving: None,
            arriving: None,
            waiting: VecDeque::new(),
            reads: Reads::default(),
            started: false,
            leads_at_first: false,
            panic: None,
        }
    }

    /// A node that is not a member of a cluster yet. No scenario has one: the crate's clusters keep
    /// their members here.
    pub fn spare(id: NodeId, config: Config) -> Self {
        Self::new(id, 0, config)
    }

    /// Sets the initial state: term, vote and log on disk, and a known commitIndex.
    pub fn preset(&mut self, term: u64, vote: Option<NodeId>, log: Log, commit: u64) {
        let commit = commit.min(log.last_index());
        self.load(Kept::preset(term, vote, log, commit), commit);
    }

    /// Makes it the initial leader of its term: it appends an empty entry when it starts.
    pub fn preset_leader(&mut self) {
        self.leads_at_first = true;
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.setup.config
    }

    /// What it has written, durable or not.
    pub(super) fn kept(&self) -> &Kept {
        &self.raw.store().kept
    }

    pub(super) fn kept_mut(&mut self) -> &mut Kept {
        &mut self.raw.mut_store().kept
    }

    /// currentTerm, votedFor, log and snapshot.
    pub fn state(&self) -> &StableState {
        self.kept().state()
    }

    /// The log, durable or not.
    pub fn log(&self) -> &Log {
        self.kept().log()
    }

    /// currentTerm.
    pub fn term(&self) -> u64 {
        self.raw.raft.term
    }

    /// The key-value store as applied here.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The message of the crate's panic that halted it.
    pub fn panic(&self) -> Option<&str> {
        self.panic.as_ref().map(|panic| &*panic.text)
    }

    pub(super) fn leader(&self) -> Option<NodeId> {
        node_of(self.raw.raft.leader_id)
    }

    fn handled<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        input: &Input<'_, Self>,
        fx: &mut E,
    ) -> Result<(), Panic> {
        self.drop_covered();
        self.set_elapsed(now);
        match *input {
            Input::Message { from, message } => self.receive(now, from, message, fx)?,
            Input::Timer(HEARTBEAT) => self.heartbeat_timer(now, fx)?,
            Input::Timer(QUORUM) => self.quorum_timer(now, fx)?,
            Input::Timer(_) => self.election_timer(now, fx)?,
            Input::Request { op, request } => self.requested(now, op, request, fx)?,
            Input::Persisted(write) => self.persisted(write, fx)?,
            Input::Start => self.start(now, fx)?,
        }
        self.drain(fx)
    }

    fn start<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) -> Result<(), Panic> {
        self.started = true;
        self.panic = None;
        self.begin_counting(now, fx);
        if self.leads_at_first {
            // It led before it started, so that nothing is noted but the entry that it appends.
            self.raw.raft.term = self.term().saturating_sub(1); // to which a candidate adds one
            let raw = &mut self.raw;
            catch(move || lead(raw))?;
            self.leads_at_first = false;
            self.lead_later(fx);
        }
        Ok(())
    }

    fn receive<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        message: &TikvMessage,
        fx: &mut E,
    ) -> Result<(), Panic> {
        self.arriving = message.snapshot().cloned();
        let ignored = self.ignores(message);
        let cause = Cause::Message { from, of_leader: message.is_of_leader() };
        let mut inner = message.message().clone();
        inner.from = id_of(from);
        let lacks = message.is_heartbeat() && inner.commit > self.raw.raft.raft_log.last_index();
        let stepped = self.call(now, cause, fx, |raw| {
            let _ = raw.step(inner); // an error says that it is ignored
        });
        let reason = if lacks { reasons::LOST_LOG } else { reasons::PANICKED };
        stepped.map_err(|panic| Panic { reason, ..panic })?;
        if let Some(why) = ignored.or_else(|| self.refuses(from)) {
            fx.note(ReplicaNote::Refused { from, why });
        }
        Ok(())
    }

    fn requested<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        op: OpId,
        request: Request,
        fx: &mut E,
    ) -> Result<(), Panic> {
        match request {
            Request::Write(command) => return self.propose(now, op, command, fx),
            Request::Read { key, via } => return self.read(op, key, via, fx),
            Request::Campaign => {
                let cause = Cause::Own(RoleChange::Campaign);
                self.call(now, cause, fx, |raw| {
                    let _ = raw.campaign(); // a leader ignores it
                })?;
            }
            Request::Usurp => {
                let cause = Cause::Own(RoleChange::Usurped);
                self.call(now, cause, fx, |raw| {
                    let term = raw.raft.term;
                    raw.raft.become_follower(term, tikv_raft::INVALID_ID);
                })?;
                self.call(now, cause, fx, lead)?;
            }
            Request::ForgetVote => self.raw.raft.vote = tikv_raft::INVALID_ID,
            Request::Configure(_) | Request::Transfer(_) | Request::StepDown => {
                // A scenario that asks for one is refused.
                let refused = Reply::Refused { reason: reasons::NOT_KNOWN, hint: None };
                fx.reply(op, refused);
                return Ok(());
            }
        }
        fx.reply(op, Reply::Ok(Output::Done));
        Ok(())
    }

    /// A client's write. The crate would forward it to the leader; as ours, a node that does not
    /// lead refuses it. It is found again by its index, as in `TiKV`: the log has no place for the
    /// operation's id.
    fn propose<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        op: OpId,
        command: Command,
        fx: &mut E,
    ) -> Result<(), Panic> {
        let refused = Reply::Refused { reason: reasons::NOT_LEADER, hint: self.leader() };
        if self.raw.raft.state != StateRole::Leader {
            fx.reply(op, refused);
            return Ok(());
        }
        let taken = self
            .call(now, Cause::Other, fx, |raw| raw.propose(Vec::new(), encode(&command)).is_ok())?;
        if taken {
            let index = self.raw.raft.raft_log.last_index();
            self.waiting.push_back(Waiting { index, op });
        } else {
            fx.reply(op, refused);
        }
        Ok(())
    }

    /// Loads what is on the disk, as a process that starts, and applies the entries up to an index.
    fn load(&mut self, kept: Kept, applied: u64) {
        let snapshot = kept.state().snapshot().cloned();
        let first = snapshot.as_ref().map_or(0, |snapshot| snapshot.base.index);
        let mut machine = snapshot.map(|snapshot| snapshot.machine.clone()).unwrap_or_default();
        let applied = applied.max(first);
        for index in first + 1..=applied {
            if let Some(Entry { term, command, hash }) = kept.log().get(index) {
                machine.apply(index, term, hash, &command, true);
            }
        }
        let setup = Arc::clone(&self.setup);
        let raw = setup.build(kept, applied);
        let (leads_at_first, panic) = (false, self.panic.take());
        *self = Self {
            raw,
            machine,
            commit: applied,
            applied,
            leads_at_first,
            panic,
            ..Self::built(setup, Kept::default())
        };
    }
}

/// Makes a follower lead the next term.
fn lead(raw: &mut RawNode<Store>) {
    raw.raft.become_candidate();
    raw.raft.become_leader();
    raw.raft.bcast_append();
}

impl fmt::Debug for Node {
    /// The crate's object cannot be printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Node");
        shown.field("id", &self.setup.id).field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Replica for Node {
    fn membership(&self) -> (u64, &Membership) {
        (0, &self.setup.membership)
    }

    fn term(&self) -> u64 {
        Node::term(self)
    }

    fn log(&self) -> &Log {
        Node::log(self)
    }

    fn machine(&self) -> &Machine {
        Node::machine(self)
    }

    fn snapshot_index(&self) -> u64 {
        self.state().snapshot_index()
    }

    fn progress(&self) -> Option<Vec<(u64, u64)>> {
        let of = |id| self.raw.raft.prs().get(id).map(|peer| (peer.next_idx, peer.matched));
        let nodes = self.raw.store().members.voters.iter().map(|id| of(*id).unwrap_or_default());
        (self.raw.raft.state == StateRole::Leader).then(|| nodes.collect())
    }
}

impl Protocol for Node {
    type Stable = Kept;
    type Message = TikvMessage;
    type Request = Request;
    type Output = Output;
    type Note = ReplicaNote;
    type Lie = Lie;
    const TIMERS: usize = 3;

    fn handle<E: Effects<Self>>(&mut self, now: LocalTime, input: Input<'_, Self>, fx: &mut E) {
        if let Err(panic) = self.handled(now, &input, fx) {
            fx.halt(panic.reason);
            self.panic = Some(panic);
        }
        self.arriving = None;
    }

    fn crash(&mut self, disk: Option<Kept>) {
        let mut kept = disk.unwrap_or_else(|| self.kept().clone());
        kept.state_mut().compact();
        self.load(kept, 0);
    }

    fn status(&self) -> Status {
        let View { role, term, vote } = self.view();
        Status {
            term,
            role,
            voted_for: vote,
            leader: self.leader(),
            commit_index: self.commit,
            last_applied: self.applied,
            last_index: self.log().last_index(),
            last_term: self.log().last_term(),
        }
    }

    fn hash_state(&self, state: &mut StateHash) {
        let Self {
            setup: _,
            raw,
            machine,
            commit,
            applied,
            patience,
            held,
            saving,
            arriving: _, // only within a step
            waiting,
            reads,
            started,
            leads_at_first,
            panic: _, // what halted it
        } = self;
        state.add((self.kept(), machine, commit, applied));
        state.add((waiting, saving.is_some(), started, leads_at_first));
        patience.hash_state(state);
        reads.hash_state(state);
        state.add(held.len());
        held.iter().for_each(|held| held.hash_state(state));
        let raft = &raw.raft;
        let View { role, term, vote } = self.view();
        state.add((role, term, vote, raft.leader_id, raft.raft_log.committed));
        state.add((raft.raft_log.persisted, raft.raft_log.applied, raft.raft_log.unstable.offset));
        for id in &raw.store().members.voters {
            let peer = raft.prs().get(*id);
            state.add(peer.map(|peer| (peer.next_idx, peer.matched, peer.recent_active)));
            state.add(peer.map(|peer| (peer.state as u8, peer.paused, peer.pending_snapshot)));
            state.add(peer.map(|peer| (peer.ins.count(), peer.ins.full())));
            state.add(raft.prs().votes().get(id));
        }
    }

    fn stable(&self) -> &Kept {
        self.kept()
    }

    fn request(mix: &Mix, client: u32, ordinal: u64, draw: u64) -> Option<Request> {
        crate::raft::Node::request(mix, client, ordinal, draw)
    }

    fn leads(&self) -> bool {
        self.raw.raft.state == StateRole::Leader || self.leads_at_first
    }
}
