//! Persistent state (Figure 2): currentTerm, votedFor and log, and which part of it is durable.
//!
//! The state lives here once. What has been written but is not yet durable is remembered as the way
//! back: a crash undoes it, a completed fsync forgets it.

use std::collections::VecDeque;

use super::log::Log;
use super::types::{Command, Entry};
use crate::clone::clone_by_field;
use crate::protocol::{Durability, NodeId, WriteId};

/// currentTerm, votedFor and log on a disk that may lag behind.
#[derive(Debug, Default)]
pub struct Storage {
    term: u64,
    vote: Option<NodeId>,
    log: Log,
    /// Ordinal of the last write.
    written: WriteId,
    /// The last write that the disk was asked to make durable.
    requested: WriteId,
    /// Invariant: one step back for every write after the last durable one, oldest first.
    undo: VecDeque<(WriteId, Undo)>,
}

clone_by_field!([] Storage { log } copied { term, vote, written, requested } empty { undo });

#[derive(Clone, Debug)]
enum Undo {
    Ballot { term: u64, vote: Option<NodeId> },
    Append { count: u64 },
    Truncate { tail: Vec<Entry> },
}

impl Storage {
    /// currentTerm.
    #[inline]
    pub fn term(&self) -> u64 {
        self.term
    }

    /// votedFor.
    #[inline]
    pub fn vote(&self) -> Option<NodeId> {
        self.vote
    }

    /// The log, durable or not.
    #[inline]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Ordinal of the last write.
    pub fn written(&self) -> WriteId {
        self.written
    }

    /// Writes currentTerm and votedFor.
    pub fn set_ballot(&mut self, term: u64, vote: Option<NodeId>) {
        if (term, vote) != (self.term, self.vote) {
            self.remember(Undo::Ballot { term: self.term, vote: self.vote });
            (self.term, self.vote) = (term, vote);
        }
    }

    /// Writes one entry behind the last.
    #[inline]
    pub fn append(&mut self, term: u64, command: Command) {
        self.log.push(term, command);
        self.remember(Undo::Append { count: 1 });
    }

    /// Writes entries behind the last.
    #[inline]
    pub fn extend(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.log.push(entry.term, entry.command);
        }
        self.remember(Undo::Append { count: entries.len() as u64 });
    }

    /// Drops every entry behind `index`.
    pub fn truncate(&mut self, index: u64) {
        let tail = self.log.truncate(index);
        self.remember(Undo::Truncate { tail });
    }

    #[inline]
    fn remember(&mut self, undo: Undo) {
        self.written.0 += 1;
        self.undo.push_back((self.written, undo));
    }

    /// Asks the disk to make all writes durable; true if they are already.
    #[inline]
    pub(crate) fn sync(&mut self, persist: impl FnOnce(WriteId) -> Durability) -> bool {
        if self.undo.is_empty() {
            return true;
        }
        if self.requested < self.written {
            self.requested = self.written;
            if persist(self.written) == Durability::Done {
                // Nearly always the only one; to clear a queue takes three times as long.
                self.undo.pop_back();
                if !self.undo.is_empty() {
                    self.undo.clear();
                }
                return true;
            }
        }
        self.undo.is_empty()
    }

    /// The disk has made every write up to this one durable.
    pub fn persisted(&mut self, write: WriteId) {
        while self.undo.front().is_some_and(|(id, _)| *id <= write) {
            self.undo.pop_front();
        }
    }

    /// Index of the last entry that a crash would leave in place, if nothing was truncated since. (A
    /// leader truncates nothing, and all that it wrote before its election is durable.)
    #[inline]
    pub fn durable_index(&self) -> u64 {
        let volatile: u64 = self
            .undo
            .iter()
            .map(|(_, undo)| if let Undo::Append { count } = undo { *count } else { 0 })
            .sum();
        self.log.last_index() - volatile
    }

    /// Power loss: writes after `durable` never happened.
    pub fn crash(&mut self, durable: WriteId) {
        while self.undo.back().is_some_and(|(id, _)| *id > durable) {
            match self.undo.pop_back() {
                Some((_, Undo::Ballot { term, vote })) => (self.term, self.vote) = (term, vote),
                Some((_, Undo::Append { count })) => {
                    self.log.truncate(self.log.last_index() - count);
                }
                Some((_, Undo::Truncate { tail })) => self.log.restore(tail),
                None => unreachable!("the loop saw a last step"),
            }
        }
        self.undo.clear();
        self.requested = self.written;
    }

    /// A new disk. Write ordinals go on, so that an old fsync cannot be taken for a new one.
    pub fn wipe(&mut self) {
        *self = Self { written: self.written, requested: self.written, ..Self::default() };
    }

    /// The rule [`super::Rule::PersistVote`] is gone: the vote never reached the disk.
    pub fn lose_vote(&mut self) {
        self.vote = None;
    }

    /// The rule [`super::Rule::PersistTerm`] is gone: only the log tells the term.
    pub fn lose_term(&mut self) {
        (self.term, self.vote) = (self.log.last_term(), None);
    }

    /// A world that begins in mid-story.
    pub(crate) fn preset(term: u64, vote: Option<NodeId>, log: Log) -> Self {
        Self { term, vote, log, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_undoes_exactly_what_was_not_durable() {
        let mut storage = Storage::default();
        storage.set_ballot(1, None);
        storage.append(1, Command::default());
        storage.append(1, Command::default());
        storage.persisted(storage.written());
        let durable = storage.written();
        storage.truncate(1);
        storage.set_ballot(2, Some(NodeId(1)));
        storage.append(2, Command::default());
        assert_eq!((storage.term(), storage.log().last_index()), (2, 2));
        storage.crash(durable);
        assert_eq!((storage.term(), storage.vote()), (1, None));
        assert_eq!((storage.log().last_index(), storage.log().last_term()), (2, 1));
    }

    #[test]
    fn a_partial_sync_keeps_a_prefix_of_the_writes() {
        let mut storage = Storage::default();
        storage.append(1, Command::default());
        let first = storage.written();
        storage.append(1, Command::default());
        storage.crash(first);
        assert_eq!(storage.log().last_index(), 1);
    }

    #[test]
    fn durable_index_lags_behind_unsynced_appends() {
        let mut storage = Storage::default();
        storage.append(1, Command::default());
        storage.persisted(storage.written());
        storage.append(1, Command::default());
        assert_eq!((storage.durable_index(), storage.log().last_index()), (1, 2));
    }
}
