//! Membership (§6, diss. ch. 4): the configuration in force, and the leader's changes of it, one
//! member at a time or by way of a joint configuration.

use std::sync::Arc;

use super::catch_up::CatchUp;
use super::node::Node;
use super::progress::Progress;
use super::quorum::Quorum;
use super::rules::Rule;
use super::transfer::Transfer;
use crate::protocol::{Effects, LocalTime, NodeId, NodeSet, OpId, Reply, Role};
use crate::reasons;
use crate::replica::membership::Invalid;
use crate::replica::notes::{ReplicaNote, RoleChange};
use crate::replica::types::{Command, Op, Waiting};
use crate::replica::{Change, Members, Membership, Reconfiguration};
use crate::state::StateHash;

/// "each server adopts Cnew as soon as that entry exists in its log" (diss. §4.1): the
/// configurations after the founding one, by the index of their entry.
pub(super) type Configurations = Vec<(u64, Membership)>;

/// The members of the configuration in force, in a form that is quick to go through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Roster {
    /// The members are among the nodes below this.
    span: u16,
    /// The members among the first 32 nodes; all bits are set as long as every node below `span`
    /// is one, for founding configurations can be larger.
    members: u32,
    /// Those that vote.
    voters: u32,
}

impl Roster {
    /// Of a configuration.
    pub(super) fn of(now: &Membership) -> Self {
        let all = now.all();
        let span = all.iter().last().map_or(0, |last| last.at() + 1);
        let mask = |of: &NodeSet| {
            if of.len() == span { u32::MAX } else { of.iter().fold(0, |mask, id| mask | 1 << id.0) }
        };
        Self { span: span as u16, members: mask(&all), voters: mask(&now.voting()) }
    }

    /// True if there is no member.
    pub(super) fn is_empty(self) -> bool {
        self.span == 0
    }

    /// Whether a node votes.
    fn votes(self, id: NodeId) -> bool {
        u16::from(id.0) < self.span && has(self.voters, id)
    }

    /// The members but one node.
    #[inline]
    fn but(self, me: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        let nodes = (0..usize::from(self.span)).map(NodeId::from);
        nodes.filter(move |id| *id != me && has(self.members, *id))
    }

    /// The members that vote but one node.
    #[inline]
    fn voters_but(self, me: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        let nodes = (0..usize::from(self.span)).map(NodeId::from);
        nodes.filter(move |id| *id != me && has(self.voters, *id))
    }
}

/// Whether a node is in a mask; beyond the first 32 nodes there are only founding members.
#[inline]
fn has(mask: u32, id: NodeId) -> bool {
    mask >> (id.0 & 31) & 1 == 1
}

/// What a leader does besides replication. Most leaders do nothing of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plans {
    /// A learner that catches up.
    pub(super) catch_up: Option<CatchUp>,
    /// The operation that waits until the joint configuration is left.
    pub(super) joint: Option<OpId>,
    /// A transfer of leadership.
    pub(super) transfer: Option<Transfer>,
}

impl Plans {
    /// Adds them to a fingerprint.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        let Self { catch_up, joint, transfer } = self;
        state.add((joint, catch_up.is_some(), transfer.is_some()));
        if let Some(catch_up) = catch_up {
            catch_up.hash_state(state);
        }
        if let Some(transfer) = transfer {
            transfer.hash_state(state);
        }
    }
}

impl Node {
    /// The configuration in force: "a server always uses the latest configuration in its log,
    /// regardless of whether the entry is committed" (§6). With the index of its entry; 0 for the
    /// founding one.
    pub(super) fn configuration(&self) -> (u64, &Membership) {
        self.configurations.last().map_or((0, &*self.founding), |(index, now)| (*index, now))
    }

    /// The configuration that was in force at an index of the log.
    pub(super) fn configuration_at(&self, index: u64) -> Option<Members> {
        let earlier = self.configurations.iter().rev().find(|(at, _)| *at <= index);
        earlier.and_then(|(_, then)| Members::of(then))
    }

    /// Whether this node may start an election: a voter, also one whose removal is not committed
    /// yet, for it "might still be needed" (diss. §4.2.2); but none whose log is damaged.
    pub(super) fn may_campaign(&self) -> bool {
        !self.lacks_entries() && (self.roster.votes(self.id) || self.is_still_needed())
    }

    #[cold]
    fn is_still_needed(&self) -> bool {
        let before = self.configurations.iter().rev().nth(1);
        let voted = before.map_or(&*self.founding, |(_, then)| then).votes(self.id);
        self.configuration().0 > self.commit && voted
    }

    /// Adopts the configuration of an entry that was just appended.
    pub(super) fn adopt<E: Effects<Self>>(&mut self, index: u64, members: Members, fx: &mut E) {
        self.configurations.push((index, members.membership()));
        self.reconfigured();
        fx.note(ReplicaNote::Configured { index, members });
    }

    /// Adopts the configurations among the entries from `first` on.
    pub(super) fn adopt_from<E: Effects<Self>>(&mut self, first: u64, fx: &mut E) {
        self.configures = true;
        if self.obeys(Rule::ConfigOnAppend) {
            self.adopt_between(first, self.log().last_index(), fx);
        }
    }

    fn adopt_between<E: Effects<Self>>(&mut self, first: u64, last: u64, fx: &mut E) {
        let found: Vec<_> = self.log().configurations(first).collect();
        for (index, members) in found.into_iter().filter(|(index, _)| *index <= last) {
            self.adopt(index, members, fx);
        }
    }

    /// The log was cut after `index`: the configuration before that is in force again (§6).
    pub(super) fn unadopt<E: Effects<Self>>(&mut self, index: u64, fx: &mut E) {
        if !self.obeys(Rule::ConfigRollback) {
            return;
        }
        let before = self.configurations.len();
        self.configurations.retain(|(at, _)| *at <= index);
        if self.configurations.len() < before {
            self.reconfigured();
            self.note_configuration(fx);
        }
    }

    /// A snapshot replaced the log, up to its end or up to the snapshot's.
    pub(super) fn adopt_snapshot<E: Effects<Self>>(&mut self, fx: &mut E) {
        let before = self.configuration().0;
        self.find_configurations();
        if self.configuration().0 != before {
            self.note_configuration(fx);
        }
    }

    fn note_configuration<E: Effects<Self>>(&self, fx: &mut E) {
        let (index, now) = self.configuration();
        if let Some(members) = Members::of(now) {
            fx.note(ReplicaNote::Configured { index, members });
        }
    }

    /// Finds the configurations of the snapshot and the log, after a restart. Not in a log that has
    /// never had any, which may be long.
    pub(super) fn find_configurations(&mut self) {
        let covered = self.snapshot_index();
        let snapshot = self.stable.snapshot().and_then(|snapshot| snapshot.members);
        self.configures |= snapshot.is_some();
        if !self.configures {
            return;
        }
        let of_log = self.log().configurations(self.log().base().index + 1);
        // At a restart a node knows of no commit after its snapshot.
        let on_append = self.obeys(Rule::ConfigOnAppend);
        let of_log = of_log.filter(|(index, _)| *index > covered && on_append);
        let all = snapshot.map(|members| (covered, members)).into_iter().chain(of_log);
        self.configurations = all.map(|(index, members)| (index, members.membership())).collect();
        self.reconfigured();
    }

    /// Sets what depends on the configuration.
    fn reconfigured(&mut self) {
        let (_, now) = self.configuration();
        let (roster, electorate) = (Roster::of(now), self.electorate(now));
        self.roster = roster;
        self.quorum = Arc::new(electorate);
        if self.role == Role::Leader {
            // A new member is sent this entry at once: its answer shows what it lacks.
            self.track_members(self.log().last_index());
        }
    }

    /// The quorums of a configuration: "agreement (for elections and entry commitment) requires
    /// separate majorities from both the old and new configurations" (§6).
    pub(super) fn electorate(&self, now: &Membership) -> Quorum {
        let mut quorum = if now.is_joint() && self.obeys(Rule::JointMajorities) {
            Quorum::joint(now.voters, now.outgoing)
        } else {
            Quorum::majority(now.voters)
        };
        if !self.obeys(Rule::LearnersDoNotVote) {
            quorum = quorum.counting(&now.learners);
        }
        if !self.obeys(Rule::RemovedLeader) && self.role == Role::Leader {
            quorum = quorum.counting(&NodeSet::from_iter([self.id]));
        }
        if self.obeys(Rule::QuorumSize) { quorum } else { quorum.off_by_one() }
    }

    /// A leader tracks every member, and itself.
    #[inline]
    pub(super) fn track_members(&mut self, next: u64) {
        let fresh = Progress::probing(next, self.config.max_inflight);
        let nodes = usize::from(self.roster.span).max(self.id.at() + 1);
        self.progress.resize(self.progress.len().max(nodes), fresh);
        if !self.configurations.is_empty() {
            self.track_anew(nodes, fresh);
        }
    }

    /// A node that is no member is tracked from the beginning if it comes back.
    #[cold]
    fn track_anew(&mut self, nodes: usize, fresh: Progress) {
        if let Some(tuning) = &mut self.tuning {
            tuning.make_room(nodes);
        }
        let (me, members) = (self.id, self.configuration().1.all());
        for (at, progress) in self.progress.iter_mut().enumerate() {
            let id = NodeId::from(at);
            if id != me && !members.contains(id) {
                *progress = fresh;
            }
        }
    }

    // ---- The leader's changes ------------------------------------------------------------------

    /// A request to change the configuration. One at a time, and none before the leader has
    /// committed an entry of its own term (Ongaro, raft-dev, 10 July 2015).
    pub(super) fn configure<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        op: OpId,
        wanted: Reconfiguration,
        fx: &mut E,
    ) {
        match self.next_configuration(wanted) {
            Err((reason, hint)) => fx.reply(op, Reply::Refused { reason, hint }),
            Ok(next) => match wanted {
                Reconfiguration::Promote(node) => self.begin_catch_up(now, node, op, fx),
                Reconfiguration::Joint(members)
                    if !members.membership().stays && next.is_joint() =>
                {
                    self.plans_mut().joint = Some(op);
                    self.append_configuration(next, None, fx);
                }
                _ => self.append_configuration(next, Some(op), fx),
            },
        }
    }

    /// The configuration after a change, or why the leader refuses it.
    pub(super) fn next_configuration(
        &self,
        wanted: Reconfiguration,
    ) -> Result<Membership, (&'static str, Option<NodeId>)> {
        if self.role != Role::Leader {
            return Err((reasons::NOT_LEADER, self.leader));
        }
        let refused = |reason| Err((reason, None));
        let (index, now) = self.configuration();
        let own_term = self.log().term_at(self.commit) == Some(self.term());
        if !own_term && self.obeys(Rule::ConfigAfterCommit) {
            return refused(reasons::NOTHING_COMMITTED);
        }
        let pending = index > self.commit && self.obeys(Rule::OneConfigAtATime);
        if pending || self.plans.as_ref().is_some_and(|plans| plans.catch_up.is_some()) {
            return refused(reasons::CHANGE_PENDING);
        }
        if self.transfers() {
            return refused(reasons::TRANSFERRING);
        }
        let next = match wanted {
            Reconfiguration::One(Change::Remove(node)) if !now.contains(node) => {
                return refused(reasons::NO_MEMBER);
            }
            Reconfiguration::One(Change::AddLearner(node)) if now.contains(node) => {
                return refused(reasons::MEMBER);
            }
            Reconfiguration::Promote(node) if !now.learners.contains(node) => {
                return refused(reasons::NO_LEARNER);
            }
            Reconfiguration::Demote(node) if !now.voters.contains(node) => {
                return refused(reasons::NO_VOTER);
            }
            Reconfiguration::Promote(node) => now.simple(&[Change::AddVoter(node)]),
            Reconfiguration::Demote(node) => now.simple(&[Change::AddLearner(node)]),
            Reconfiguration::One(change) => now.simple(&[change]),
            Reconfiguration::Leave => now.leave_joint(),
            Reconfiguration::Joint(members) => {
                let wanted = members.membership();
                let joint = now.towards(&wanted.voters, &wanted.learners, wanted.stays);
                if self.obeys(Rule::JointConsensus) {
                    joint
                } else {
                    joint.and_then(|joint| joint.leave_joint())
                }
            }
        };
        next.map_err(|invalid| {
            let reason = match invalid {
                Invalid::Joint => reasons::JOINT,
                Invalid::NotJoint => reasons::NOT_JOINT,
                Invalid::TwoVoters => reasons::TWO_VOTERS,
                Invalid::NoVoters => reasons::LAST_VOTER,
            };
            (reason, None)
        })
    }

    /// Appends a configuration. It is in force before its entry is replicated, so that the entry
    /// goes to the members that it adds.
    pub(super) fn append_configuration<E: Effects<Self>>(
        &mut self,
        next: Membership,
        op: Option<OpId>,
        fx: &mut E,
    ) {
        let Some(members) = Members::of(&next) else { return };
        self.configures = true;
        self.append(Command::plain(Op::Config(members)), fx);
        let index = self.log().last_index();
        if self.obeys(Rule::ConfigOnAppend) {
            self.adopt(index, members, fx);
        }
        if let Some(op) = op {
            self.waiting.push_back(Waiting { index, op });
        }
        self.appended(index, fx);
    }

    /// commitIndex moved from before `first` to `last`. A committed joint configuration is left; a
    /// leader that is no voter any more "steps down once the Cnew entry is committed" (diss.
    /// §4.2.2).
    pub(super) fn configuration_committed<E: Effects<Self>>(
        &mut self,
        first: u64,
        last: u64,
        fx: &mut E,
    ) {
        if !self.obeys(Rule::ConfigOnAppend) {
            self.adopt_between(first, last, fx);
        }
        let (index, now) = self.configuration();
        let now = *now;
        if self.role != Role::Leader || index == 0 || index > last {
            return;
        }
        if now.is_joint() {
            let Some(next) = now.leave_joint().ok().filter(|_| !now.stays) else { return };
            let op = self.plans.as_mut().and_then(|plans| plans.joint.take());
            self.append_configuration(next, op, fx);
        } else if !now.votes(self.id) {
            self.become_follower(self.term(), None, RoleChange::Removed, fx);
        }
    }

    /// A follower's log has grown.
    #[inline(never)] // rare
    pub(super) fn plans_advance<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        fx: &mut E,
    ) {
        self.transfer_advances(from, fx);
        self.catch_up_advances(now, from, fx);
    }

    /// Gives up what takes too long. Looks at each heartbeat.
    #[inline(never)] // rare
    pub(super) fn watch_plans<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        self.abort_transfer(now, fx);
        self.watch_catch_up(now, fx);
    }

    pub(super) fn plans_mut(&mut self) -> &mut Plans {
        self.plans.get_or_insert_default()
    }

    /// The leader stepped down, and does nothing of what it planned.
    pub(super) fn drop_plans<E: Effects<Self>>(&mut self, why: RoleChange, fx: &mut E) {
        let Some(plans) = self.plans.take() else { return };
        let Plans { catch_up, joint, transfer } = *plans;
        if let Some(catch_up) = catch_up {
            fx.reply(catch_up.op, Reply::Refused { reason: reasons::STEPPED_DOWN, hint: None });
        }
        if let Some(op) = joint {
            fx.reply(op, Reply::Unknown { reason: reasons::STEPPED_DOWN });
        }
        if let Some(transfer) = transfer {
            fx.reply(transfer.op, transfer.outcome(why));
        }
    }

    /// The other members.
    #[inline]
    pub(super) fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.roster.but(self.id)
    }

    /// The other members that vote.
    #[inline]
    pub(super) fn other_voters(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.roster.voters_but(self.id)
    }
}
