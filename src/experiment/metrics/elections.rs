//! Counts elections: candidacies, wins, and terms without a winner.

use crate::protocol::NodeId;
use crate::sim::Time;

/// The number of terms that are tracked at a time. A candidacy in a term that is further below the
/// highest counts as a candidacy, but does not change the term's outcome.
const WINDOW: u64 = 64;

/// Counts candidacies and their outcomes.
#[derive(Clone, Debug, Default)]
pub struct Elections {
    /// The number of times that a node started a PreVote.
    pub asked: u64,
    /// The number of times that a node became a candidate.
    pub candidacies: u64,
    /// The number of times that a node became leader.
    pub won: u64,
    /// When a node last became leader.
    pub last: Option<Time>,
    /// The number of times that a different node became leader.
    pub changes: u64,
    /// Terms that a node started while there was a leader with a quorum.
    pub disruptions: u64,
    /// The highest term with a candidate or leader.
    highest: u64,
    /// Bit i describes term `highest - i`: a node was a candidate, a second one was, a node led.
    stood: u64,
    contested: u64,
    led: u64,
    /// Terms without a winner that have left the window, and those among them with two or more
    /// candidates.
    unwon: u64,
    split: u64,
    last_leader: Option<NodeId>,
}

impl Elections {
    /// Sets counts to zero; keeps the terms.
    pub fn restart(&mut self) {
        let Self { highest, led, last_leader, .. } = *self;
        *self = Self { highest, led, last_leader, ..Self::default() };
    }

    /// A node became a candidate in a term; `available` is true if there was a leader with a
    /// quorum.
    pub fn stood(&mut self, term: u64, available: bool) {
        self.candidacies += 1;
        self.disruptions += u64::from(available && term > self.highest);
        if let Some(bit) = self.bit(term) {
            // A node is a candidate at most once per term.
            self.contested |= self.stood & bit;
            self.stood |= bit;
        }
    }

    /// A node won a term.
    pub fn led(&mut self, now: Time, term: u64, id: NodeId) {
        self.won += 1;
        self.last = Some(now);
        self.changes += u64::from(self.last_leader.is_some_and(|last| last != id));
        self.in_office(term, id);
    }

    /// A node is leader of a term at the beginning of the run.
    pub fn in_office(&mut self, term: u64, id: NodeId) {
        self.last_leader = Some(id);
        if let Some(bit) = self.bit(term) {
            self.led |= bit;
        }
    }

    /// Terms with a candidate and no winner. The highest one is not counted, since it may still be
    /// won.
    pub fn unwon(&self) -> u64 {
        self.unwon + u64::from((self.stood & !self.led & !1).count_ones())
    }

    /// Those among them with two or more candidates.
    pub fn split_votes(&self) -> u64 {
        self.split + u64::from((self.contested & !self.led & !1).count_ones())
    }

    fn bit(&mut self, term: u64) -> Option<u64> {
        if term > self.highest {
            let by = term - self.highest;
            let (leave, stay) =
                if by >= WINDOW { (u64::MAX, 0) } else { (!0 << (WINDOW - by), by) };
            self.unwon += u64::from((self.stood & !self.led & leave).count_ones());
            self.split += u64::from((self.contested & !self.led & leave).count_ones());
            for terms in [&mut self.stood, &mut self.contested, &mut self.led] {
                *terms = if by >= WINDOW { 0 } else { *terms << stay };
            }
            self.highest = term;
        }
        let back = self.highest - term;
        (back < WINDOW).then(|| 1 << back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    #[test]
    fn a_term_for_which_two_stood_and_that_nobody_won_is_a_split_vote() {
        let mut elections = Elections::default();
        elections.stood(1, false);
        elections.stood(1, false);
        assert_eq!(elections.split_votes(), 0, "it may still be won");
        elections.stood(2, false);
        assert_eq!((elections.split_votes(), elections.unwon()), (1, 1));
        elections.led(Time(2), 2, A);
        elections.stood(3, true);
        elections.led(Time(3), 3, B);
        assert_eq!((elections.split_votes(), elections.candidacies, elections.won), (1, 4, 2));
        assert_eq!((elections.changes, elections.disruptions), (1, 1));
    }

    #[test]
    fn a_lone_candidate_that_does_not_win_splits_no_vote() {
        let mut elections = Elections::default();
        for term in 1..=100 {
            elections.stood(term, false);
        }
        assert_eq!((elections.split_votes(), elections.unwon()), (0, 99));
    }

    #[test]
    fn an_older_term_may_be_won_late() {
        let mut elections = Elections::default();
        elections.stood(1, false);
        elections.stood(1, false);
        elections.stood(2, false);
        elections.led(Time(3), 1, A);
        assert_eq!(elections.split_votes(), 0);
    }

    #[test]
    fn terms_that_leave_the_window_are_not_forgotten() {
        let mut elections = Elections::default();
        for term in 1..=1_000 {
            elections.stood(term, false);
            elections.stood(term, false);
            if term % 10 == 0 {
                elections.led(Time(term), term, A);
            }
        }
        assert_eq!(elections.split_votes(), 900);
        elections.stood(5_000, false);
        elections.stood(1, false); // has left the window
        assert_eq!(elections.split_votes(), 900);
        elections.stood(9_000, false);
        assert_eq!((elections.split_votes(), elections.unwon()), (900, 901));
    }
}
