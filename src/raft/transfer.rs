//! Leadership transfer (diss. §3.10).

use super::membership::Plans;
use super::messages::RaftMessage;
use super::node::Node;
use crate::protocol::{Effects, LocalTime, NodeId, OpId, Reply, Role};
use crate::reasons;
use crate::replica::Output;
use crate::replica::notes::RoleChange;
use crate::state::StateHash;

/// A transfer of leadership.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) to: NodeId,
    pub(super) op: OpId,
    began: LocalTime,
    /// Whether `TimeoutNow` was sent.
    sent: bool,
}

impl Transfer {
    /// Adds it to a fingerprint.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        let Self { to, op, began, sent } = self;
        state.add((to, op, sent));
        state.past(Some(*began));
    }

    /// What the client learns when the leader steps down: the transfer is complete if "its next
    /// message to the prior leader" is why (diss. §3.10). If another node's is, the target may have
    /// won all the same.
    pub(super) fn outcome(&self, why: RoleChange) -> Reply<Output> {
        let reason = reasons::STEPPED_DOWN;
        if why.from() == Some(self.to) {
            Reply::Ok(Output::Done)
        } else if self.sent {
            Reply::Unknown { reason }
        } else {
            Reply::Refused { reason, hint: None }
        }
    }
}

impl Node {
    /// "1. The prior leader stops accepting new client requests. 2. The prior leader fully updates
    /// the target server's log to match its own. 3. The prior leader sends a `TimeoutNow` request
    /// to the target server."
    pub(super) fn transfer<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        op: OpId,
        to: NodeId,
        fx: &mut E,
    ) {
        let refusal = if self.role != Role::Leader {
            Some(reasons::NOT_LEADER)
        } else if !self.configuration().1.votes(to) {
            Some(reasons::NO_VOTER)
        } else if self.transfers() {
            Some(reasons::TRANSFERRING)
        } else {
            None
        };
        if let Some(reason) = refusal {
            let hint = self.leader.filter(|_| reason == reasons::NOT_LEADER);
            return fx.reply(op, Reply::Refused { reason, hint });
        }
        if to == self.id {
            return fx.reply(op, Reply::Ok(Output::Done));
        }
        self.plans_mut().transfer = Some(Transfer { to, op, began: now, sent: false });
        self.transfer_advances(to, fx);
    }

    /// Whether a transfer is going on, during which no requests are accepted.
    #[inline]
    pub(super) fn transfers(&self) -> bool {
        self.plans.as_ref().is_some_and(|plans| plans.transfer.is_some())
    }

    /// The log of a follower has grown: when the target's matches, it may stand.
    pub(super) fn transfer_advances<E: Effects<Self>>(&mut self, from: NodeId, fx: &mut E) {
        let matched = self.progress[from.at()].matched == self.log().last_index();
        let Some(Plans { transfer: Some(transfer), .. }) = self.plans.as_deref_mut() else {
            return;
        };
        if matched && transfer.to == from && !transfer.sent {
            transfer.sent = true;
            self.reads.force_votes();
            fx.send(from, RaftMessage::TimeoutNow { term: self.term() });
        }
    }

    /// "If leadership transfer does not complete after about an election timeout, the prior leader
    /// aborts the transfer and resumes accepting client requests."
    pub(super) fn abort_transfer<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        let timeout = self.config.election_timeout.min;
        let Some(plans) = &mut self.plans else { return };
        if let Some(late) = plans.transfer.take_if(|transfer| now.since(transfer.began) >= timeout)
        {
            fx.reply(late.op, Reply::Unknown { reason: reasons::TRANSFER_ABORTED });
        }
    }

    /// The receiver's side of `TimeoutNow`: "the target server starts a new election (incrementing
    /// its term and becoming a candidate)", without asking first whether it would win.
    pub(super) fn handle_timeout_now<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        term: u64,
        fx: &mut E,
    ) {
        if term == self.term() && self.role == Role::Follower && self.may_campaign() {
            self.stand(now, RoleChange::TimeoutNow(from), fx);
        }
    }
}
