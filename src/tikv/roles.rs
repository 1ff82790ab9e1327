//! What a call of the crate changed in a node's role, term and vote, and why.

use tikv_raft::{RawNode, StateRole};

use super::codec::node_of;
use super::node::Node;
use super::panics::{Panic, catch};
use super::store::Store;
use crate::protocol::{Effects, LocalTime, NodeId, Reply, Role};
use crate::reasons;
use crate::replica::ReplicaNote;
use crate::replica::RoleChange;

/// What is seen of a node's part in elections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct View {
    pub(super) role: Role,
    pub(super) term: u64,
    pub(super) vote: Option<NodeId>,
}

/// Why the crate is called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause {
    /// A message arrived, from a leader or not.
    Message { from: NodeId, of_leader: bool },
    /// The node's own decision.
    Own(RoleChange),
    /// Nothing that may change its role.
    Other,
}

impl Node {
    pub(super) fn view(&self) -> View {
        let raft = &self.raw.raft;
        let role = if self.leads_at_first { Role::Leader } else { role_of(raft.state) };
        View { role, term: raft.term, vote: node_of(raft.vote) }
    }

    /// Calls the crate and reports what changed.
    pub(super) fn call<E: Effects<Self>, T>(
        &mut self,
        now: LocalTime,
        cause: Cause,
        fx: &mut E,
        call: impl FnOnce(&mut RawNode<Store>) -> T,
    ) -> Result<T, Panic> {
        let before = self.view();
        let raw = &mut self.raw;
        let result = catch(move || call(raw))?;
        self.rearm(now, &before, fx);
        let after = self.view();
        if after != before {
            self.changed(before, after, cause, fx);
        } else if after.role == Role::PreCandidate
            && let Cause::Own(why) = cause
        {
            fx.note(ReplicaNote::Role { role: after.role, term: after.term, why }); // it asks again
        }
        Ok(result)
    }

    #[cold]
    fn changed<E: Effects<Self>>(&mut self, before: View, after: View, cause: Cause, fx: &mut E) {
        if before.role == Role::Leader && after.role != Role::Leader {
            self.abdicate(fx);
        }
        let mut last = before;
        if after.role == Role::Leader && before.role == Role::Follower {
            // It was a candidate in between: alone, or by its own decision.
            last = View { role: Role::Candidate, ..after };
            note(before, last, cause, fx);
        }
        note(last, after, cause, fx);
    }

    /// Tells waiting clients that this node no longer leads, so that the outcome of their requests
    /// is unknown.
    fn abdicate<E: Effects<Self>>(&mut self, fx: &mut E) {
        for waiting in std::mem::take(&mut self.waiting) {
            fx.reply(waiting.op, Reply::Unknown { reason: reasons::STEPPED_DOWN });
        }
        self.reads.give_up(fx);
    }
}

/// Notes a change of role, term or vote.
fn note<E: Effects<Node>>(before: View, after: View, cause: Cause, fx: &mut E) {
    let View { role, term, vote } = after;
    if (role, term) != (before.role, before.term) {
        fx.note(ReplicaNote::Role { role, term, why: why(before, after, cause) });
    }
    if let Some(candidate) = vote
        && (term, vote) != (before.term, before.vote)
    {
        fx.note(ReplicaNote::Voted { term, candidate });
    }
}

/// Why a node changed its role or its term.
fn why(before: View, after: View, cause: Cause) -> RoleChange {
    match (after.role, cause) {
        (_, Cause::Own(RoleChange::Usurped)) => RoleChange::Usurped,
        (Role::Leader, _) => RoleChange::ElectionWon,
        (_, Cause::Own(why)) => why,
        (Role::Follower, Cause::Message { from, .. }) if after.term > before.term => {
            RoleChange::HigherTerm(from)
        }
        (Role::Follower, Cause::Message { from, of_leader: true }) => RoleChange::LeaderHeard(from),
        (Role::Follower, _) => RoleChange::ElectionLost,
        _ => RoleChange::PreVoteWon,
    }
}

fn role_of(state: StateRole) -> Role {
    match state {
        StateRole::Follower => Role::Follower,
        StateRole::PreCandidate => Role::PreCandidate,
        StateRole::Candidate => Role::Candidate,
        StateRole::Leader => Role::Leader,
    }
}
