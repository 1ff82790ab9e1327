//! Log replication (§5.3) and commitment (§5.4.2).

use std::sync::Arc;

use super::messages::RaftMessage;
use super::node::Node;
use super::payload::Payload;
use super::progress::{Pace, Verdict};
use super::rules::Rule;
use crate::protocol::{Effects, LocalTime, NodeId, OpId, Reply, Role, Span};
use crate::reasons;
use crate::replica::notes::{Refusal, ReplicaNote};
use crate::replica::types::Waiting;
use crate::replica::types::{Command, Entry, EntryId, Output};

impl Node {
    /// A client's command (§5.3). "If a client contacts a follower, the follower redirects it"
    /// (§5.1).
    #[inline]
    pub(super) fn propose<E: Effects<Self>>(&mut self, op: OpId, command: Command, fx: &mut E) {
        if self.role != Role::Leader {
            return fx.reply(op, Reply::Refused { reason: reasons::NOT_LEADER, hint: self.leader });
        }
        if self.transfers() {
            let reason = reasons::TRANSFERRING;
            return fx.reply(op, Reply::Refused { reason, hint: None });
        }
        self.append(command, fx);
        let last = self.log().last_index();
        if self.obeys(Rule::ReplyAfterCommit) {
            self.waiting.push_back(Waiting { index: last, op });
        } else {
            let output = Output::Written { index: last, term: self.term(), applied: true };
            fx.reply(op, Reply::Ok(output));
        }
        self.appended(last, fx);
    }

    /// A leader has appended the entry at an index: replicates it.
    #[inline(always)] // into the only caller where it is frequent
    pub(super) fn appended<E: Effects<Self>>(&mut self, last: u64, fx: &mut E) {
        fx.note(ReplicaNote::Appended { first: last, last, hash: self.log().hash_at(last) });
        self.replicate(fx);
        if self.sync(fx) || !self.obeys(Rule::LeaderSync) {
            self.own_disk_reached(last, fx);
        }
    }

    /// Sends every follower as many entries as its progress allows.
    #[inline]
    fn replicate<E: Effects<Self>>(&mut self, fx: &mut E) {
        let mut shared = None;
        for peer in self.peers() {
            self.send_entries(peer, &mut shared, fx);
        }
    }

    /// Sends a follower as many of its next entries as its progress allows. Reuses a batch that was
    /// built for another follower.
    #[inline]
    fn send_entries<E: Effects<Self>>(
        &mut self,
        peer: NodeId,
        shared: &mut Option<(u64, Arc<[Entry]>)>,
        fx: &mut E,
    ) {
        loop {
            let progress = &self.progress[peer.at()];
            let next = progress.next;
            if !progress.may_stream() {
                if progress.state == Pace::Probe && next <= self.log().last_index() {
                    self.send_probe(peer, fx);
                }
                return;
            }
            if next > self.log().last_index() {
                return;
            }
            if next <= self.log().base().index {
                return self.send_snapshot(peer, fx);
            }
            let limit = self.config.max_entries_per_append;
            let count = self.log().count_from(next, limit);
            let entries = match &*shared {
                Some((first, batch)) if *first == next => Payload::Many(batch.clone()),
                _ => Payload::of(self.log(), next, limit),
            };
            if let Payload::Many(batch) = &entries {
                *shared = Some((next, batch.clone()));
            }
            self.send_append(peer, entries, fx);
            self.progress[peer.at()].streamed(count);
        }
    }

    /// One `AppendEntries` at the follower's nextIndex (Figure 2).
    #[inline]
    pub(super) fn send_append<E: Effects<Self>>(
        &mut self,
        peer: NodeId,
        payload: Payload,
        fx: &mut E,
    ) {
        let index = self.progress[peer.at()].next - 1;
        let prev = EntryId { term: self.log().term_at(index).unwrap_or(0), index };
        let message = RaftMessage::AppendEntries {
            term: self.term(),
            prev,
            commit: self.commit,
            round: self.reads.round(),
            payload,
        };
        fx.send(peer, message);
    }

    /// Starts a round of heartbeats, "AppendEntries RPCs that carry no log entries" (§5.2); a new
    /// leader's first ones are probes. A round detects what was lost since the last one: if entries
    /// or a probe did not arrive, the follower's reply shows it, and a lost reply is repeated.
    pub(super) fn start_round<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        self.reads.begin_round(now, self.config.lease_drift.is_some());
        let own = self.reads.round();
        self.note_round(own, now);
        self.progress[self.id.at()].round = own;
        let first = self.log().base().index + 1;
        for peer in self.peers() {
            let progress = &mut self.progress[peer.at()];
            progress.begin_round(own, first);
            if progress.state != Pace::Probe || !self.send_probe(peer, fx) {
                let payload = self.heartbeat_payload(peer);
                self.send_append(peer, payload, fx);
            }
        }
        self.reads_confirmed(now, fx); // a cluster of one needs no replies
    }

    /// The receiver's side of `AppendEntries` (Figure 2, steps 2 to 5).
    #[inline]
    pub(super) fn handle_append_entries<E: Effects<Self>>(
        &mut self,
        from: NodeId,
        prev: EntryId,
        commit: u64,
        round: u64,
        payload: &Payload,
        fx: &mut E,
    ) {
        let interval = self.wanted_interval(payload);
        let carried = !payload.entries().is_empty();
        let (prev, entries) = self.after_snapshot(prev, payload.entries());
        // 2. "Reply false if log doesn't contain an entry at prevLogIndex whose term matches
        // prevLogTerm"
        if !self.log().matches(prev)
            && self.obeys(Rule::PrevLogCheck)
            && (prev.term > 0 || self.obeys(Rule::CompactedTerm))
        {
            fx.note(ReplicaNote::Refused { from, why: Refusal::PrevLogMismatch });
            return self.reject(from, prev, round, carried, fx);
        }
        // Without the check the entries are appended where the log ends.
        let prev_index = prev.index.min(self.log().last_index());
        if !self.store(prev_index, entries, fx) {
            return;
        }
        // 5. "set commitIndex = min(leaderCommit, index of last new entry)"
        let verified = prev_index + entries.len() as u64;
        let known =
            if self.obeys(Rule::CommitVerified) { verified } else { self.log().last_index() };
        self.commit_to(commit.min(known), fx);
        if self.lacks_entries() {
            self.repair(verified, commit, fx);
        }
        let reply = RaftMessage::AppendEntriesReply {
            term: self.term(),
            success: true,
            index: if self.obeys(Rule::AckVerified) { verified } else { self.log().last_index() },
            hint: EntryId::default(),
            interval,
            round,
            carried,
        };
        self.promise(from, reply, fx);
    }

    /// The part of a message after the beginning of the log. Entries that a snapshot covers are
    /// committed, and every later leader has them (§5.4): they need no check, and cannot be
    /// checked.
    #[inline]
    fn after_snapshot<'a>(&self, prev: EntryId, entries: &'a [Entry]) -> (EntryId, &'a [Entry]) {
        let base = self.log().base();
        let Some(covered) = base.index.checked_sub(prev.index).filter(|covered| *covered > 0)
        else {
            return (prev, entries);
        };
        let fresh = entries.get(covered as usize..).unwrap_or(&[]);
        (EntryId { term: base.term, index: base.index }, fresh)
    }

    /// Steps 3 and 4: "If an existing entry conflicts with a new one (same index but different
    /// terms), delete the existing entry and all that follow it. Append any new entries not already
    /// in the log." False if the node halted instead.
    #[inline]
    fn store<E: Effects<Self>>(&mut self, prev_index: u64, entries: &[Entry], fx: &mut E) -> bool {
        let mut first = prev_index + 1;
        let mut fresh = entries;
        while let [entry, rest @ ..] = fresh {
            match self.log().term_at(first) {
                Some(term) if term == entry.term => (first, fresh) = (first + 1, rest),
                _ => break,
            }
        }
        let conflict = !fresh.is_empty() && first <= self.log().last_index();
        if conflict && !self.truncate_after(first - 1, fx) {
            return false;
        }
        if !self.obeys(Rule::TruncateOnConflict) && !entries.is_empty() && fresh.is_empty() {
            let end = prev_index + entries.len() as u64;
            if self.log().last_index() > end && !self.truncate_after(end, fx) {
                return false;
            }
        }
        if !fresh.is_empty() {
            self.extend(fresh, fx);
            let last = self.log().last_index();
            fx.note(ReplicaNote::Appended { first, last, hash: self.log().hash_at(last) });
        }
        true
    }

    /// Removes conflicting entries. Below the node's own commitIndex this can happen only if a rule
    /// was taken away or a node lied; production systems then halt (`commit_guard`), the paper does
    /// not check.
    fn truncate_after<E: Effects<Self>>(&mut self, index: u64, fx: &mut E) -> bool {
        if self.config.commit_guard && index < self.commit {
            fx.halt(reasons::CONFLICT);
            return false;
        }
        if index < self.commit {
            self.replaced.push((index + 1, self.commit));
        }
        let last = self.log().last_index();
        self.truncate(index, fx);
        fx.note(ReplicaNote::Truncated { first: index + 1, last });
        true
    }

    /// The reply to a leader of an older term. It confirms no round: if that node leads this term
    /// by the time the reply arrives, the reply must not confirm its new rounds (diss. §6.4).
    pub(super) fn reject_stale<E: Effects<Self>>(
        &mut self,
        from: NodeId,
        prev_index: u64,
        fx: &mut E,
    ) {
        self.reject(from, EntryId { term: 0, index: prev_index }, 0, false, fx);
    }

    /// "the follower can include the term of the conflicting entry and the first index it stores
    /// for that term" (§5.3): here the last index whose term is not above the leader's.
    fn reject<E: Effects<Self>>(
        &mut self,
        from: NodeId,
        prev: EntryId,
        round: u64,
        carried: bool,
        fx: &mut E,
    ) {
        let reply = RaftMessage::AppendEntriesReply {
            term: self.term(),
            success: false,
            index: prev.index,
            hint: self.log().last_at_most(prev),
            interval: Span::ZERO,
            round,
            carried,
        };
        self.promise(from, reply, fx);
    }

    /// "If successful: update nextIndex and matchIndex for follower" (Figure 2).
    #[inline(always)] // into the only caller where it is frequent
    pub(super) fn acknowledged<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        index: u64,
        round: u64,
        carried: bool,
        fx: &mut E,
    ) {
        let index = index.min(self.log().last_index()); // only a liar claims more
        self.answered(from, round, carried, fx);
        let (base, own, most) =
            (self.log().base().index, self.reads.round(), self.config.max_inflight);
        let news = self.progress[from.at()].matches(index, round, base, own, most);
        // Only an index above commitIndex can advance it.
        if news && index > self.commit {
            self.maybe_commit(fx);
        }
        if self.plans.is_some() && news {
            self.plans_advance(now, from, fx);
        }
        // A leader that has committed its own removal leads no more.
        if self.progress[from.at()].next <= self.log().last_index() && self.role == Role::Leader {
            self.send_entries(from, &mut None, fx);
        }
        self.progress[from.at()].assert_sound(most);
        self.round_answered(now, from, round, fx);
    }

    /// A follower replied: the message that it answers is no longer in flight, nor are messages
    /// that were sent before an answered heartbeat and were lost.
    #[inline(always)] // as above
    fn answered<E: Effects<Self>>(&mut self, from: NodeId, round: u64, carried: bool, fx: &E) {
        let progress = &mut self.progress[from.at()];
        progress.answered(round, carried);
        if let Some(mark) = progress.doubts(round) {
            self.look_for_lost(from, mark, fx);
        }
    }

    /// Whether entries of rounds before `mark` are still in flight to a follower. This stands for
    /// the transport's knowledge of its connection: etcd's reports what it could not deliver
    /// (`MsgUnreachable`).
    #[inline(never)] // it is rare
    fn look_for_lost<E: Effects<Self>>(&mut self, peer: NodeId, mark: u64, fx: &E) {
        let travel = fx.is_under_way(peer, |message| match message {
            RaftMessage::AppendEntries { round, payload, .. } => {
                *round < mark && !payload.entries().is_empty()
            }
            _ => false,
        });
        if !travel {
            self.progress[peer.at()].lost();
        }
    }

    /// "If AppendEntries fails because of log inconsistency: decrement nextIndex and retry" (Figure
    /// 2), with the follower's hint.
    #[allow(clippy::too_many_arguments)] // the fields of the reply
    pub(super) fn refused<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        prev_index: u64,
        hint: EntryId,
        round: u64,
        carried: bool,
        fx: &mut E,
    ) {
        self.answered(from, round, carried, fx);
        let most = self.config.max_inflight;
        let verdict = self.judge(from, prev_index, round, fx);
        let progress = &mut self.progress[from.at()];
        progress.close_window(verdict, most);
        if verdict == Verdict::Late {
            self.send_entries(from, &mut None, fx); // the window may have room now
        } else {
            let bound = EntryId { index: hint.index.min(prev_index - 1), ..hint };
            let agreed = self.log().last_at_most(bound).index;
            let own = self.reads.round();
            self.progress[from.at()].go_back(agreed, verdict, own);
            self.send_probe(from, fx);
        }
        self.progress[from.at()].assert_sound(most);
        self.round_answered(now, from, round, fx);
    }

    /// What a refusal means. It means that a snapshot was lost only if the snapshot is no longer in
    /// flight: etcd and raft-rs, too, send the next one when their transport reports that the last
    /// one failed (`MsgSnapStatus`).
    fn judge<E: Effects<Self>>(
        &self,
        from: NodeId,
        prev_index: u64,
        round: u64,
        fx: &E,
    ) -> Verdict {
        let progress = &self.progress[from.at()];
        let verdict = progress.judge(prev_index, round);
        let is_snapshot = |message: &_| matches!(message, RaftMessage::InstallSnapshot { .. });
        let awaited = matches!(progress.state, Pace::Snapshot { .. })
            && verdict == Verdict::Mismatch
            && fx.is_under_way(from, is_snapshot);
        if awaited { Verdict::Late } else { verdict }
    }

    /// Sends a probe even if there are no entries to send: its reply shows where the logs agree.
    /// False if the window has no room for it.
    fn send_probe<E: Effects<Self>>(&mut self, peer: NodeId, fx: &mut E) -> bool {
        let (last, round) = (self.log().last_index(), self.reads.round());
        let progress = &mut self.progress[peer.at()];
        if progress.next > last {
            progress.probed(&Payload::Heartbeat, round);
            self.send_append(peer, Payload::Heartbeat, fx);
            return true;
        }
        self.send_probe_with_entries(peer, fx)
    }

    #[inline(never)] // keeps entries out of the caller's stack frame
    fn send_probe_with_entries<E: Effects<Self>>(&mut self, peer: NodeId, fx: &mut E) -> bool {
        let first = self.progress[peer.at()].next;
        if first <= self.log().base().index {
            self.send_snapshot(peer, fx);
            return true;
        }
        let entries = Payload::of(self.log(), first, self.config.max_entries_per_append);
        let progress = &mut self.progress[peer.at()];
        if !progress.may_probe(&entries, self.config.max_inflight) {
            return false;
        }
        progress.probed(&entries, self.reads.round());
        self.send_append(peer, entries, fx);
        true
    }

    /// The leader counts its own entries once they are durable.
    pub(super) fn count_own_disk<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        self.sync(fx);
        self.own_disk_reached(self.durable_index(), fx);
        self.reads_confirmed(now, fx);
    }

    #[inline(always)] // as above
    fn own_disk_reached<E: Effects<Self>>(&mut self, index: u64, fx: &mut E) {
        let own = &mut self.progress[self.id.at()];
        if index > own.matched {
            own.matched = index;
            own.next = index + 1;
            self.maybe_commit(fx);
        }
    }

    /// "If there exists an N such that N > commitIndex, a majority of matchIndex[i] >= N, and
    /// log[N].term == currentTerm: set commitIndex = N" (Figure 2, §5.3, §5.4).
    #[inline]
    pub(super) fn maybe_commit<E: Effects<Self>>(&mut self, fx: &mut E) {
        let matched = |node: NodeId| self.progress[node.at()].matched;
        let Some(index) = self.quorum.committed_above(self.commit, matched) else { return };
        let own_term = self.log().term_at(index) == Some(self.term());
        if own_term || !self.obeys(Rule::CurrentTermCommit) {
            self.commit_to(index.min(self.log().last_index()), fx);
        }
    }
}
