//! What the cluster has committed: the one sequence that every node must follow.

use crate::protocol::NodeId;
use crate::raft::{Command, Log};
use crate::sim::Time;

/// A committed entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Committed {
    /// Hash of the log up to it.
    pub(super) hash: u64,
    /// The entry's term.
    pub(super) term: u64,
    /// The term of the node that committed it first.
    pub(super) in_term: u64,
    /// When that was.
    pub(super) at: Time,
    /// What it carries.
    pub(super) command: Command,
    /// Who committed it first.
    pub(super) by: NodeId,
    /// Whether an honest node has committed it. What only a liar committed is nobody's truth yet.
    pub(super) honest: bool,
    /// Whether a client was told that it is written.
    pub(super) acked: bool,
}

/// The committed sequence. The first honest node to commit an index decides what stands there.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<Committed>,
    frontiers: Staircase,
    acked: Staircase,
}

impl Ledger {
    /// The highest index.
    #[inline]
    pub(super) fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The entry at an index from 1 to [`Ledger::last`].
    #[inline]
    pub(super) fn get(&self, index: u64) -> Option<&Committed> {
        self.entries.get(index.checked_sub(1)? as usize)
    }

    /// Hash of the sequence up to an index; 0 before the first.
    #[inline]
    pub(super) fn hash_at(&self, index: u64) -> u64 {
        self.get(index).map_or(0, |entry| entry.hash)
    }

    /// The hashes of the sequence from the first index to this one.
    pub(super) fn hashes(&self, last: u64) -> impl Iterator<Item = u64> {
        self.entries.iter().take(last as usize).map(|entry| entry.hash)
    }

    /// Whether a log has what was committed up to an index. What a snapshot covers is told by its end.
    pub(super) fn is_in(&self, log: &Log, index: u64) -> bool {
        let told = index.max(log.base().index);
        log.hash_at(told) == self.hash_at(told)
    }

    /// Adds the entries of a log behind the last, up to `last`.
    #[inline]
    pub(super) fn extend(&mut self, now: Time, log: &Log, last: u64, by: NodeId, rank: Rank) {
        for index in self.last() + 1..=last {
            let Some(entry) = log.get(index) else { return };
            self.entries.push(Committed {
                hash: entry.hash,
                term: entry.term,
                in_term: rank.in_term,
                at: now,
                command: entry.command,
                by,
                honest: rank.honest,
                acked: false,
            });
        }
    }

    /// An honest node has committed everything up to this index: what only a liar had is true now. (A forged
    /// snapshot can put it beyond all that is known.)
    #[inline]
    pub(super) fn confirm(&mut self, now: Time, index: u64, by: NodeId, in_term: u64) {
        let index = index.min(self.last());
        for entry in self.entries[..index as usize].iter_mut().rev() {
            if entry.honest {
                break;
            }
            *entry = Committed { in_term, at: now, by, honest: true, ..*entry };
        }
        self.frontiers.add(in_term, index);
    }

    /// Forgets what only a liar committed, from this index on.
    pub(super) fn forget_from(&mut self, index: u64) {
        self.entries.truncate(index as usize - 1);
    }

    /// A client was told that this entry is written. True if it is.
    #[inline]
    pub(super) fn acknowledge(&mut self, index: u64, term: u64) -> bool {
        let Some(entry) = index.checked_sub(1).and_then(|at| self.entries.get_mut(at as usize))
        else {
            return false;
        };
        let written = entry.term == term;
        if written {
            entry.acked = true;
            self.acked.add(entry.in_term, index);
        }
        written
    }

    /// The highest index committed in a term before this one. A late winner of an old term may lack what
    /// newer terms committed.
    pub(super) fn committed_before(&self, term: u64) -> Option<u64> {
        self.frontiers.before(term)
    }

    /// The highest index that was committed in a term before this one and acknowledged to a client.
    pub(super) fn acked_before(&self, term: u64) -> Option<u64> {
        self.acked.before(term)
    }

    /// The first acknowledged index between these two.
    pub(super) fn first_acked(&self, from: u64, to: u64) -> Option<u64> {
        (from..=to).find(|index| self.get(*index).is_some_and(|entry| entry.acked))
    }

    /// The first index up to `end` at which a log does not have what was committed. They differ at `end`,
    /// and a prefix hash that differs once differs ever after.
    pub(super) fn parting(&self, log: &Log, end: u64) -> u64 {
        let (mut same, mut differs) = (log.base().index.min(end - 1), end);
        while differs - same > 1 {
            let middle = u64::midpoint(same, differs);
            if log.hash_at(middle) == self.hash_at(middle) {
                same = middle;
            } else {
                differs = middle;
            }
        }
        differs
    }
}

/// Under which circumstances entries are added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rank {
    pub(super) in_term: u64,
    pub(super) honest: bool,
}

/// The highest index reached in each term, as far as no earlier term reached as high: terms and indices
/// both ascend, so the highest index before a term is a binary search away.
#[derive(Clone, Debug, Default)]
struct Staircase {
    steps: Vec<(u64, u64)>,
}

impl Staircase {
    #[inline]
    fn add(&mut self, term: u64, index: u64) {
        match self.steps.last_mut() {
            Some((last, reached)) if *last == term => *reached = (*reached).max(index),
            _ => self.add_step(term, index),
        }
    }

    fn add_step(&mut self, term: u64, index: u64) {
        let at = self.steps.partition_point(|(other, _)| *other < term);
        if at > 0 && self.steps[at - 1].1 >= index {
            return;
        }
        let covered = self.steps[at..].iter().take_while(|(_, other)| *other <= index).count();
        match self.steps.get(at) {
            // The same term had reached further already.
            Some((other, reached)) if *other == term && *reached > index => {}
            _ => {
                self.steps.splice(at..at + covered, [(term, index)]);
            }
        }
    }

    fn before(&self, term: u64) -> Option<u64> {
        let at = self.steps.partition_point(|(other, _)| *other < term);
        self.steps[..at].last().map(|(_, index)| *index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Command, Log};

    /// The slow way: every pair, looked through.
    fn before(pairs: &[(u64, u64)], term: u64) -> Option<u64> {
        pairs.iter().filter(|(other, _)| *other < term).map(|(_, index)| *index).max()
    }

    #[test]
    fn a_staircase_knows_the_highest_index_before_each_term() {
        let mut word = 7u64;
        for _ in 0..200 {
            let (mut stairs, mut pairs) = (Staircase::default(), Vec::new());
            for _ in 0..20 {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let pair = (word >> 40 & 7, (word >> 50 & 15) + 1);
                pairs.push(pair);
                stairs.add(pair.0, pair.1);
                for term in 0..9 {
                    assert_eq!(stairs.before(term), before(&pairs, term), "{pairs:?} {stairs:?}");
                }
            }
        }
    }

    #[test]
    fn logs_part_where_the_first_entry_differs() {
        let (mut ours, mut theirs) = (Log::default(), Log::default());
        for term in [1, 1, 2, 2, 2] {
            ours.push(term, Command::default());
        }
        for term in [1, 1, 2, 3] {
            theirs.push(term, Command::default());
        }
        let mut ledger = Ledger::default();
        let rank = Rank { in_term: 2, honest: true };
        ledger.extend(Time::ZERO, &ours, 5, NodeId(0), rank);
        assert_eq!(ledger.parting(&theirs, 5), 4);
        assert_eq!(ledger.parting(&Log::default(), 5), 1);
        assert_eq!((ledger.last(), ledger.first_acked(1, 5)), (5, None));
        assert!(ledger.acknowledge(4, 2) && !ledger.acknowledge(4, 3) && !ledger.acknowledge(6, 2));
        assert_eq!(ledger.first_acked(1, 5), Some(4));
    }

    #[test]
    fn what_only_a_liar_committed_is_no_truth() {
        let mut log = Log::default();
        log.push(1, Command::default());
        log.push(1, Command::default());
        let mut ledger = Ledger::default();
        ledger.extend(Time::ZERO, &log, 2, NodeId(4), Rank { in_term: 1, honest: false });
        assert_eq!(ledger.committed_before(2), None);
        ledger.confirm(Time::ZERO, 1, NodeId(0), 1);
        assert!(ledger.get(1).is_some_and(|entry| entry.honest));
        assert!(ledger.get(2).is_some_and(|entry| !entry.honest));
        assert_eq!(ledger.committed_before(2), Some(1));
        ledger.forget_from(2);
        assert_eq!(ledger.last(), 1);
    }
}
