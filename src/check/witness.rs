//! The checker's record of one node's actions and promises, which is kept across crashes of the
//! node.

use super::story::Moments;
use crate::protocol::{NodeId, Role};
use crate::replica::Log;

/// The record of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    /// Its role, as of its last note.
    pub(super) role: Role,
    /// Its term, as of its last note.
    pub(super) term: u64,
    /// Its commitIndex, which is volatile: 0 after a crash.
    pub(super) commit: u64,
    /// The highest index that it ever committed and whose entry is still in its log. A crash may
    /// lose an entry that was committed elsewhere but not synced here, which is not an error.
    pub(super) kept: u64,
    /// Whether it is known to have committed a different history, which is reported once.
    pub(super) apart: bool,
    /// The prefix hash of every entry of its log.
    pub(super) hashes: Vec<u64>,
    /// The promises in its messages. A wipe clears them.
    pub(super) promised: Promised,
    /// The votes that it sent, by ascending term. A wipe does not clear them: the candidates have
    /// them.
    pub(super) votes: Vec<(u64, NodeId)>,
    /// Its most recent moments.
    pub(super) moments: Moments,
}

/// The promises in a node's messages, which must therefore be on its disk (Figure 2).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Promised {
    /// The highest term.
    pub(super) term: u64,
    /// The last vote.
    pub(super) vote: Option<(u64, NodeId)>,
    /// The highest index that it acknowledged and has not deleted since.
    pub(super) index: u64,
}

impl Witness {
    /// Index of the last entry of its log.
    #[inline]
    pub(super) fn last(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Hash of its log up to an index; 0 before the first entry and after the last.
    #[inline]
    pub(super) fn hash_at(&self, index: u64) -> u64 {
        self.hashes.get(index.wrapping_sub(1) as usize).copied().unwrap_or(0)
    }

    /// Reads the whole log anew.
    pub(super) fn see(&mut self, log: &Log) {
        let same = self.common(log);
        self.hashes.truncate(same as usize);
        self.extend(log, log.last_index());
    }

    /// The log grew up to `last`, mostly by one entry, which has this hash if the log still holds
    /// it.
    #[inline]
    pub(super) fn grow(&mut self, log: &Log, last: u64, hash: Option<u64>) {
        match hash {
            Some(hash) if last == self.last() + 1 => self.hashes.push(hash),
            _ => self.extend(log, last),
        }
    }

    /// The log grew up to `last`.
    #[inline(never)] // so that one entry needs no registers for a loop
    pub(super) fn extend(&mut self, log: &Log, last: u64) {
        for index in self.last() + 1..=last {
            self.hashes.push(log.hash_at(index));
        }
    }

    /// The last index up to which the log is unchanged.
    pub(super) fn common(&self, log: &Log) -> u64 {
        // Entries that a snapshot covers are unchanged if the hash at its last index is.
        let base = log.base().index;
        let covered = if self.hash_at(base) == log.hash_at(base) { base } else { 0 };
        let (mut same, mut differs) = (covered, self.last().min(log.last_index()) + 1);
        while differs - same > 1 {
            let middle = u64::midpoint(same, differs);
            if self.hashes[middle as usize - 1] == log.hash_at(middle) {
                same = middle;
            } else {
                differs = middle;
            }
        }
        same
    }

    /// The node sends a reply. One of an older term, which waited for the disk, is ignored: it may
    /// be out of date, and its receiver will not count it.
    #[inline]
    pub(super) fn acknowledge(&mut self, term: u64, index: u64) {
        self.promised.term = self.promised.term.max(term);
        if term >= self.term {
            self.promised.index = self.promised.index.max(index);
        }
    }

    /// The node sends a vote. Returns the other candidate that has its vote in this term, if there
    /// is one.
    #[inline]
    pub(super) fn vote(&mut self, term: u64, candidate: NodeId) -> Option<NodeId> {
        self.promised.vote = Some((term, candidate));
        let newest = self.votes.last().is_none_or(|(last, _)| *last < term);
        let at = if newest {
            self.votes.len()
        } else {
            self.votes.partition_point(|(other, _)| *other < term)
        };
        match self.votes.get(at) {
            Some((other, first)) if *other == term => Some(*first).filter(|f| *f != candidate),
            _ => {
                self.votes.insert(at, (term, candidate));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::Command;

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        for &term in terms {
            log.push(term, Command::default());
        }
        log
    }

    #[test]
    fn votes_of_old_terms_are_remembered() {
        let mut witness = Witness::default();
        assert_eq!(witness.vote(3, NodeId(1)), None);
        assert_eq!(witness.vote(5, NodeId(2)), None);
        assert_eq!(witness.vote(5, NodeId(2)), None);
        assert_eq!(witness.vote(4, NodeId(0)), None);
        assert_eq!(witness.vote(3, NodeId(2)), Some(NodeId(1)));
        assert_eq!(witness.vote(4, NodeId(0)), None);
    }

    #[test]
    fn what_a_crash_left_of_a_log_is_found() {
        let mut witness = Witness::default();
        witness.see(&log(&[1, 1, 2, 2]));
        assert_eq!(witness.common(&log(&[1, 1, 2, 2])), 4);
        assert_eq!(witness.common(&log(&[1, 1])), 2);
        assert_eq!(witness.common(&log(&[1, 1, 1, 1, 1])), 2);
        assert_eq!(witness.common(&log(&[])), 0);
        witness.see(&log(&[1, 1, 1]));
        assert_eq!(witness.common(&log(&[1, 1, 1, 4])), 3);
    }
}
