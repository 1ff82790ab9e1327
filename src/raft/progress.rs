//! The leader's view of a follower, and how it sends to it: probe, replicate or snapshot, as in
//! etcd's `tracker.Progress` and in raft-rs.

use super::payload::Payload;

/// The leader's view of a follower.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Progress {
    /// nextIndex. Invariant: `matched < next`.
    pub next: u64,
    /// matchIndex.
    pub matched: u64,
    /// How the leader sends to it.
    pub state: Pace,
    /// The messages with entries that are in flight.
    pub slots: Slots,
    /// The leader's round when `matched` last changed: a message of a later round cannot be refused
    /// at or below `matched`, unless the follower lost its disk.
    matched_in: u64,
    /// The last heartbeat round that it answered.
    pub round: u64,
    /// True if the leader has heard from it since the last `CheckQuorum`.
    pub active: bool,
}

/// How a leader sends to a follower.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Pace {
    /// Searches for the point where the logs agree: sends one message, then waits for its answer or
    /// the next heartbeat.
    #[default]
    Probe,
    /// A probe is in flight.
    Waiting {
        /// The last index that it carries.
        last: u64,
        /// The round in which it was sent: an answer to a later round means that it was lost or is
        /// late.
        round: u64,
    },
    /// The logs agree: entries are sent without waiting for answers.
    Replicate,
    /// A snapshot is in flight.
    Snapshot {
        /// The round in which it was sent; refusals of older rounds do not concern it.
        round: u64,
    },
}

/// The messages with entries that are in flight to a follower: a window of at most `max_inflight`.
///
/// A message leaves the window when it is answered. Lost messages are never answered: messages that
/// were sent before a heartbeat leave the window when the heartbeat is answered and none of them is
/// still in flight.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq)]
pub struct Slots {
    /// The number of messages sent in round `mark` or later.
    fresh: u32,
    /// The number of messages sent before, but in round `void` or later.
    aged: u32,
    /// `mark` and `void` are rounds. Answers to messages sent before round `void` come too late to
    /// count.
    mark: u64,
    void: u64,
    /// The number of messages that may be in flight now. A refusal reduces it to the number in
    /// flight; it grows by one whenever twice as many were acknowledged. On links that reorder, the
    /// messages after a refused one are refused as well, so that otherwise a full window would be
    /// sent again and again.
    window: u32,
    /// The number of messages acknowledged since it last grew.
    credit: u32,
}

impl Slots {
    /// The number of messages with entries in flight.
    #[inline]
    pub fn taken(self) -> u32 {
        self.fresh + self.aged
    }

    #[inline]
    fn is_full(self) -> bool {
        self.taken() >= self.window
    }

    /// A message that was sent in this round was answered.
    #[inline]
    fn free(&mut self, round: u64) {
        if round >= self.mark {
            self.fresh = self.fresh.saturating_sub(1);
        } else if round >= self.void {
            self.aged = self.aged.saturating_sub(1);
        }
    }

    /// Something new was acknowledged.
    #[inline]
    fn open(&mut self, most: u32) {
        if self.window < most {
            self.credit += 1;
            if self.credit >= self.window.saturating_mul(2) {
                self.window += 1;
                self.credit = 0;
            }
        }
    }

    fn close(&mut self) {
        self.window = self.window.min(self.taken() + 1);
        self.credit = 0;
    }

    /// A heartbeat of a new round is sent.
    fn begin_round(&mut self, round: u64) {
        if self.aged == 0 {
            (self.aged, self.fresh) = (self.fresh, 0);
            (self.void, self.mark) = (self.mark, round);
        }
    }
}

impl Progress {
    /// A new leader's initial view (Figure 2).
    pub(super) fn probing(next: u64, max_inflight: u32) -> Self {
        Self { next, slots: Slots { window: max_inflight, ..Slots::default() }, ..Self::default() }
    }

    /// Whether more entries may be sent while others are in flight.
    #[inline]
    pub(super) fn may_stream(&self) -> bool {
        self.state == Pace::Replicate && !self.slots.is_full()
    }

    /// Whether a probe with these entries may be sent.
    pub(super) fn may_probe(&self, entries: &Payload, max_inflight: u32) -> bool {
        entries.entries().is_empty() || self.slots.taken() < max_inflight
    }

    /// Entries were sent. Assumes that they arrive; if not, the follower refuses a later heartbeat.
    #[inline]
    pub(super) fn streamed(&mut self, count: u64) {
        self.next += count;
        self.slots.fresh += 1;
    }

    /// A probe was sent.
    pub(super) fn probed(&mut self, entries: &Payload, round: u64) {
        let count = entries.entries().len() as u64;
        self.state = Pace::Waiting { last: self.next - 1 + count, round };
        self.slots.fresh += u32::from(count > 0);
    }

    /// Without the rule [`super::Rule::CompactedTerm`]: entries up to `base` are needed that were
    /// removed, and an empty message was sent.
    pub(super) fn probed_before(&mut self, base: u64, round: u64) {
        self.state = Pace::Waiting { last: base, round };
    }

    /// A snapshot up to this index was sent.
    pub(super) fn snapshot_sent(&mut self, index: u64, round: u64) {
        self.next = index + 1;
        self.state = Pace::Snapshot { round };
    }

    /// A new round begins. The log starts at `first`; a follower that needs a snapshot will refuse
    /// the heartbeat.
    pub(super) fn begin_round(&mut self, round: u64, first: u64) {
        self.next = self.next.max(first);
        self.slots.begin_round(round);
    }

    /// The follower answered a message of this round.
    #[inline]
    pub(super) fn answered(&mut self, round: u64, carried: bool) {
        self.active = true;
        if carried {
            self.slots.free(round);
        }
    }

    /// The round before which unanswered messages may have been lost, given an answer to a message
    /// of `round`; `None` if there are none.
    #[inline]
    pub(super) fn doubts(&self, round: u64) -> Option<u64> {
        let Slots { aged, mark, .. } = self.slots;
        (round > self.round && round >= mark && aged > 0).then_some(mark)
    }

    /// These messages were lost.
    pub(super) fn lost(&mut self) {
        self.slots.aged = 0;
    }

    /// The follower has everything up to `index`; returns true if the leader did not know. The
    /// leader's log starts after `base`, and its round is `now`.
    #[inline]
    pub(super) fn matches(
        &mut self,
        index: u64,
        round: u64,
        base: u64,
        now: u64,
        most: u32,
    ) -> bool {
        let news = index > self.matched;
        if self.state != Pace::Replicate && self.may_resume(index, round, base) {
            self.state = Pace::Replicate;
            self.next = self.matched.max(index) + 1;
        }
        if news {
            (self.matched, self.matched_in) = (index, now);
            self.slots.open(most);
        }
        self.next = self.next.max(index + 1);
        news
    }

    /// Whether to resume sending without waiting, now that the follower has everything up to
    /// `index`.
    #[inline(never)] // rare
    fn may_resume(&self, index: u64, round: u64, base: u64) -> bool {
        let news = index > self.matched;
        let first = news && self.matched == 0; // no older message can be answered
        match self.state {
            Pace::Replicate => false,
            Pace::Probe => index + 1 >= self.next,
            Pace::Waiting { last, round: sent } => index >= last || round > sent || first,
            Pace::Snapshot { .. } => index + 1 >= self.next || news && index >= base,
        }
    }

    /// What a refusal at `prev_index`, of a message of this round, means.
    pub(super) fn judge(&self, prev_index: u64, round: u64) -> Verdict {
        // No node refuses entries after index 0, but an answer to this node's AppendEntries of an
        // older term may look like such a refusal.
        if prev_index == 0 {
            return Verdict::Late;
        }
        if prev_index <= self.matched {
            let lost = round > self.matched_in;
            return if lost { Verdict::DiskLost } else { Verdict::Late };
        }
        let speaks = match self.state {
            Pace::Replicate => prev_index < self.next,
            Pace::Probe | Pace::Waiting { .. } => prev_index == self.next - 1,
            Pace::Snapshot { round: sent } => round > sent,
        };
        if speaks { Verdict::Mismatch } else { Verdict::Late }
    }

    /// The logs may agree up to `agreed`: continues from there, with a probe.
    pub(super) fn go_back(&mut self, agreed: u64, verdict: Verdict, now: u64) {
        if verdict == Verdict::DiskLost {
            (self.matched, self.matched_in) = (agreed.min(self.matched), now);
        }
        self.next = agreed.max(self.matched) + 1;
        self.state = Pace::Probe;
    }

    /// A message was refused while replicating, or while the window was still reduced.
    pub(super) fn close_window(&mut self, verdict: Verdict, max_inflight: u32) {
        let first = self.state == Pace::Replicate && verdict != Verdict::Late;
        if first || self.slots.window < max_inflight {
            self.slots.close();
        }
    }

    /// Asserts the invariants.
    #[inline]
    pub(super) fn assert_sound(&self, max_inflight: u32) {
        debug_assert!(self.matched < self.next, "nextIndex is above matchIndex: {self:?}");
        debug_assert!(
            self.slots.taken() <= max_inflight,
            "at most max_inflight messages are in flight: {self:?}"
        );
        debug_assert!(
            self.slots.window <= max_inflight,
            "the window is at most max_inflight: {self:?}"
        );
    }
}

/// The meaning of a refusal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// None: it is older than the leader's knowledge.
    Late,
    /// The logs differ before the refused entries, or entries before them are missing.
    Mismatch,
    /// The follower no longer has entries that it acknowledged.
    DiskLost,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = 3;

    fn replicating(matched: u64, next: u64) -> Progress {
        let mut progress = Progress::probing(1, MOST);
        progress.matches(matched, 0, 0, 1, MOST);
        progress.next = next;
        progress
    }

    fn waiting(matched: u64, next: u64) -> Progress {
        let mut progress = Progress { matched, matched_in: 1, ..Progress::probing(next, MOST) };
        progress.probed(&Payload::Heartbeat, 1);
        progress
    }

    /// etcd's and raft-rs's `test_progress_maybe_decr`: from (matched, next), refused at an index,
    /// with a hint.
    #[test]
    fn it_goes_back_as_the_tracker_of_etcd_does() {
        for (progress, refused, hint, goes_back, next) in [
            (replicating(5, 10), 5, 5, false, 10), // not above matchIndex
            (replicating(5, 10), 4, 4, false, 10),
            (replicating(5, 10), 9, 9, true, 10),
            (replicating(5, 10), 9, 5, true, 6),
            (waiting(0, 10), 5, 5, false, 10), // not the probe's index
            (waiting(0, 10), 9, 8, true, 9),
            (waiting(0, 2), 1, 0, true, 1),
            (waiting(0, 1), 0, 0, false, 1), // no node refuses entries after index 0
            (waiting(0, 10), 9, 2, true, 3),
            (waiting(0, 10), 9, 0, true, 1),
            (waiting(4, 10), 9, 2, true, 5), // never below matchIndex
        ] {
            let mut after = progress;
            let verdict = progress.judge(refused, 1);
            if verdict == Verdict::Mismatch {
                after.go_back(hint, verdict, 1);
            }
            let told = (verdict == Verdict::Mismatch, after.next, after.matched);
            assert_eq!(told, (goes_back, next, progress.matched), "{progress:?} {refused} {hint}");
            after.assert_sound(MOST);
        }
    }

    #[test]
    fn what_is_refused_in_a_later_round_is_not_there_any_more() {
        let mut progress = replicating(5, 10);
        assert_eq!(progress.judge(5, 1), Verdict::Late);
        assert_eq!(progress.judge(5, 2), Verdict::DiskLost);
        progress.go_back(2, Verdict::DiskLost, 2);
        assert_eq!((progress.matched, progress.next), (2, 3));
        assert_eq!(progress.judge(2, 2), Verdict::Late);
    }

    #[test]
    fn late_answers_do_not_end_a_probe_or_a_snapshot() {
        let mut probe = waiting(3, 5);
        probe.state = Pace::Waiting { last: 8, round: 2 };
        for (index, round, resumes) in [(4, 2, false), (7, 1, false), (8, 2, true), (4, 3, true)] {
            let mut after = probe;
            after.matches(index, round, 0, 2, MOST);
            assert_eq!(after.state == Pace::Replicate, resumes, "{index} in {round}");
            after.assert_sound(MOST);
        }
        let mut snapshot = waiting(3, 5);
        snapshot.snapshot_sent(20, 2);
        for (index, resumes) in [(3, false), (9, false), (10, true), (20, true)] {
            let mut after = snapshot;
            after.matches(index, 2, 10, 2, MOST);
            assert_eq!(after.state == Pace::Replicate, resumes, "{index}");
            after.assert_sound(MOST);
        }
        assert_eq!(snapshot.judge(20, 2), Verdict::Late);
        assert_eq!(snapshot.judge(20, 3), Verdict::Mismatch);
    }

    #[test]
    fn lost_messages_leave_the_window_and_their_answers_count_no_more() {
        let mut progress = replicating(5, 6);
        progress.begin_round(1, 1);
        for _ in 0..MOST {
            progress.streamed(1);
        }
        assert!(!progress.may_stream());
        progress.begin_round(2, 1);
        assert_eq!((progress.doubts(1), progress.doubts(2)), (None, Some(2)));
        progress.lost();
        progress.streamed(1);
        progress.begin_round(3, 1);
        progress.streamed(1);
        progress.answered(1, true); // after all
        progress.answered(3, false); // a heartbeat's
        assert_eq!(progress.slots.taken(), 2);
        progress.answered(2, true);
        progress.answered(3, true);
        assert_eq!(progress.slots.taken(), 0);
    }

    #[test]
    fn refusals_close_the_window_and_acknowledgements_open_it() {
        let mut progress = replicating(1, 2);
        progress.streamed(1);
        progress.close_window(Verdict::Late, MOST);
        assert!(progress.may_stream(), "it was open, and nothing followed a lost message");
        progress.close_window(Verdict::Mismatch, MOST);
        progress.streamed(1);
        assert!(!progress.may_stream());
        for (index, may) in [(2, false), (3, false), (4, false), (5, true)] {
            progress.next = 9;
            progress.matches(index, 1, 0, 1, MOST);
            assert_eq!(progress.may_stream(), may, "{index}");
        }
    }
}
