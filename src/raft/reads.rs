//! Reads without an entry in the log (diss. §6.4): `ReadIndex`, leases, and local reads, which may
//! be stale.

use std::collections::VecDeque;

use super::node::Node;
use super::rules::Rule;
use crate::clone::clone_by_field;
use crate::protocol::{Effects, LocalTime, NodeId, OpId, ReadPath, Reply, Role};
use crate::reasons;
use crate::replica::types::{Key, Output};
use crate::state::StateHash;

/// A leader's heartbeat rounds and the reads that wait for them.
#[derive(Debug, Default)]
pub struct Reads {
    /// The current round, which every `AppendEntries` carries and every reply echoes.
    round: u64,
    /// With leases: the rounds that are not confirmed yet and when they were sent, oldest first.
    sent: VecDeque<(u64, LocalTime)>,
    /// The start of the lease.
    lease_from: Option<LocalTime>,
    waiting: VecDeque<Read>,
    /// Whether this leader has asked a node to stand, whose election no lease holds up.
    forced: bool,
}

clone_by_field!([] Reads {} copied { round, lease_from, forced } empty { sent, waiting });

impl Reads {
    /// Adds it to a fingerprint.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        let Self { round, sent, lease_from, waiting, forced } = self;
        state.add((round, waiting, sent.len(), forced));
        state.past(*lease_from);
        for (round, at) in sent {
            state.add(round);
            state.past(*at);
        }
    }
}

#[derive(Clone, Copy, Debug, Hash)]
struct Read {
    op: OpId,
    key: Key,
    /// The round that must be confirmed.
    round: u64,
    /// The commitIndex to wait for, once it is known.
    index: Option<u64>,
}

impl Reads {
    pub(super) fn round(&self) -> u64 {
        self.round
    }

    pub(super) fn reset(&mut self) {
        (self.round, self.lease_from, self.forced) = (0, None, false);
        self.sent.clear();
    }

    /// A node was asked to stand. Its request for votes may arrive at any time in this term, and
    /// followers grant it although they hear from this leader.
    pub(super) fn force_votes(&mut self) {
        self.forced = true;
    }

    /// Begins a round; its time is recorded only for leases.
    pub(super) fn begin_round(&mut self, now: LocalTime, leased: bool) {
        self.round += 1;
        if leased {
            self.sent.push_back((self.round, now));
            if self.sent.len() > ROUNDS_REMEMBERED {
                self.sent.pop_front();
            }
        }
    }

    pub(super) fn give_up<E: Effects<Node>>(&mut self, fx: &mut E, reason: &'static str) {
        for read in self.waiting.drain(..) {
            fx.reply(read.op, Reply::Refused { reason, hint: None });
        }
    }
}

/// The number of unconfirmed rounds whose times are kept; older ones would be too old for a lease.
const ROUNDS_REMEMBERED: usize = 1024;

impl Node {
    /// A client's read.
    pub(super) fn read<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        op: OpId,
        key: Key,
        via: ReadPath,
        fx: &mut E,
    ) {
        if via == ReadPath::Local {
            return self.serve(op, key, fx);
        }
        if self.role != Role::Leader {
            return fx.reply(op, Reply::Refused { reason: reasons::NOT_LEADER, hint: self.leader });
        }
        if via == ReadPath::Lease && self.config.lease_drift.is_none() {
            let reason = reasons::NO_LEASE;
            return fx.reply(op, Reply::Refused { reason, hint: None });
        }
        // A read under a lease does not wait for other reads. A leader that may not know the latest
        // commitIndex must wait, and its lease may have ended by then.
        if via == ReadPath::Lease && self.has_lease(now) && self.knows_commits() {
            return self.serve(op, key, fx);
        }
        if !self.obeys(Rule::ConfirmBeforeRead) {
            return self.serve(op, key, fx);
        }
        // "the leader issues a new round of heartbeats and waits for their acknowledgments from a
        // majority of the cluster" (diss. §6.4, step 3). Replies to older rounds do not confirm the
        // leader now.
        let round = self.reads.round + u64::from(self.obeys(Rule::RoundAfterRead));
        self.reads.waiting.push_back(Read { op, key, round, index: None });
        self.start_round(now, fx);
    }

    /// A follower answered a round.
    #[inline]
    pub(super) fn round_answered<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        round: u64,
        fx: &mut E,
    ) {
        let progress = &mut self.progress[from.at()];
        let news = round > progress.round;
        progress.round = progress.round.max(round);
        if news && self.config.lease_drift.is_some() || !self.reads.waiting.is_empty() {
            self.reads_confirmed(now, fx);
        }
    }

    /// Serves the reads that may be served: the leader was confirmed after they arrived, it knows
    /// every commit of earlier terms, and it has applied everything that was committed then.
    pub(super) fn reads_confirmed<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        let of_use = self.config.lease_drift.is_some() || !self.reads.waiting.is_empty();
        if !of_use || self.role != Role::Leader {
            return;
        }
        let confirmed = self.quorum.committed_index(|node| self.progress[node.at()].round);
        self.extend_lease(now, confirmed);
        if self.reads.waiting.is_empty() {
            return;
        }
        if !self.knows_commits() {
            return;
        }
        for read in &mut self.reads.waiting {
            read.index.get_or_insert(self.commit);
        }
        while let Some(read) = self.reads.waiting.front().copied() {
            let applied = read.index.is_some_and(|index| index <= self.commit);
            if read.round > confirmed || !applied {
                return;
            }
            self.reads.waiting.pop_front();
            self.serve(read.op, read.key, fx);
        }
    }

    /// "If the leader has not yet marked an entry from its current term committed, it waits until
    /// it has done so" (diss. §6.4, step 1): until then it may not know the latest commitIndex.
    fn knows_commits(&self) -> bool {
        self.log().term_at(self.commit) == Some(self.term()) || !self.obeys(Rule::NoopBeforeRead)
    }

    /// "the leader's lease ... start + election timeout / clock drift bound", where start is when
    /// the heartbeats that a majority acknowledged were *sent* (diss. §6.4.1).
    fn extend_lease(&mut self, now: LocalTime, confirmed: u64) {
        while let Some(&(round, sent)) = self.reads.sent.front() {
            if round > confirmed {
                return;
            }
            self.reads.sent.pop_front();
            let from = if self.obeys(Rule::LeaseFromSend) { sent } else { now };
            self.reads.lease_from = self.reads.lease_from.max(Some(from));
        }
    }

    fn has_lease(&self, now: LocalTime) -> bool {
        let given_up = self.reads.forced && self.obeys(Rule::LeaseTransfer);
        let in_time = |from| now.since(from) < self.config.lease_span();
        !given_up && self.reads.lease_from.is_some_and(in_time)
    }

    fn serve<E: Effects<Self>>(&mut self, op: OpId, key: Key, fx: &mut E) {
        let items = self.machine.read(key);
        let hash = self.machine.history(self.log().hash_at(self.commit));
        fx.reply(op, Reply::Ok(Output::Read { index: self.commit, hash, items }));
    }
}
