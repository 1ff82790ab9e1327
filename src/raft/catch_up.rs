//! Catching up a learner before it becomes a voter (diss. §4.2.1), so that it does not hold up
//! commitment.

use super::node::Node;
use crate::protocol::{Effects, LocalTime, NodeId, OpId, Reply};
use crate::reasons;
use crate::replica::Reconfiguration;
use crate::state::StateHash;

/// "The algorithm waits a fixed number of rounds (such as 10)." Here it ends as soon as a round was
/// short enough.
const ROUNDS: u32 = 10;

/// "the replication of entries to the new server is split into rounds [...]. Each round replicates
/// all the log entries present in the leader's log at the start of the round".
#[derive(Clone, Copy, Debug)]
pub(super) struct CatchUp {
    node: NodeId,
    pub(super) op: OpId,
    round: u32,
    /// The last entry when the round began.
    last: u64,
    began: LocalTime,
    /// The last heartbeat that the learner is known to have answered, and since when.
    answered: u64,
    heard_at: LocalTime,
}

impl CatchUp {
    /// Adds it to a fingerprint.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        let Self { node, op, round, last, began, answered, heard_at } = self;
        state.add((node, op, round, last, answered));
        state.past(Some(*began));
        state.past(Some(*heard_at));
    }
}

impl Node {
    /// The leader is asked to make a learner a voter.
    pub(super) fn begin_catch_up<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        node: NodeId,
        op: OpId,
        fx: &mut E,
    ) {
        let (last, answered) = (self.log().last_index(), self.progress[node.at()].round);
        let (began, heard_at) = (now, now);
        let catch_up = CatchUp { node, op, round: 1, last, began, answered, heard_at };
        self.plans_mut().catch_up = Some(catch_up);
        self.catch_up_advances(now, node, fx);
    }

    /// The log of a follower has grown. "If the last round lasts less than an election timeout,
    /// then the leader adds the new server to the cluster [...]. Otherwise, the leader aborts the
    /// configuration change with an error."
    pub(super) fn catch_up_advances<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        fx: &mut E,
    ) {
        let (matched, last_index) = (self.progress[from.at()].matched, self.log().last_index());
        let timeout = self.config.election_timeout.min;
        let catch_up = self.plans.as_mut().and_then(|plans| plans.catch_up.as_mut());
        let Some(catch_up) = catch_up.filter(|catch_up| catch_up.node == from) else { return };
        loop {
            if matched < catch_up.last {
                return;
            }
            if now.since(catch_up.began) < timeout {
                break;
            }
            if catch_up.round == ROUNDS {
                return self.abort_catch_up(fx);
            }
            // If the learner already has everything, the next round takes no time.
            (catch_up.round, catch_up.last, catch_up.began) = (catch_up.round + 1, last_index, now);
        }
        let op = catch_up.op;
        self.plans_mut().catch_up = None;
        match self.next_configuration(Reconfiguration::Promote(from)) {
            Ok(next) => self.append_configuration(next, Some(op), fx),
            Err((reason, hint)) => fx.reply(op, Reply::Refused { reason, hint }),
        }
    }

    /// "The leader should also abort the change if the new server is unavailable": if it answers
    /// nothing for an election timeout, as in LogCabin.
    pub(super) fn watch_catch_up<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        let timeout = self.config.election_timeout.min;
        let catch_up = self.plans.as_mut().and_then(|plans| plans.catch_up.as_mut());
        let Some(catch_up) = catch_up else { return };
        let answered = self.progress[catch_up.node.at()].round;
        if answered > catch_up.answered {
            (catch_up.answered, catch_up.heard_at) = (answered, now);
        } else if now.since(catch_up.heard_at) >= timeout {
            self.abort_catch_up(fx);
        }
    }

    fn abort_catch_up<E: Effects<Self>>(&mut self, fx: &mut E) {
        if let Some(CatchUp { op, .. }) = self.plans_mut().catch_up.take() {
            fx.reply(op, Reply::Refused { reason: reasons::TOO_SLOW, hint: None });
        }
    }
}
