//! Persistent state (Figure 2): currentTerm, votedFor, log and snapshot, and which part of it is
//! durable.
//!
//! The state is stored once. Writes that are not yet durable have undo records: a crash applies
//! them, a completed fsync discards them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::log::Log;
use super::snapshot::Snapshot;
use super::types::{Command, Entry};
use crate::clone::clone_by_field;
use crate::protocol::{Durability, NodeId, WriteId};

/// currentTerm, votedFor, log and snapshot on a disk that may lag behind.
#[derive(Debug, Default)]
pub struct Storage {
    term: u64,
    vote: Option<NodeId>,
    log: Log,
    /// The last snapshot.
    snapshot: Option<Arc<Snapshot>>,
    /// The last index that may be removed once the snapshot, which covers it, is durable.
    droppable: u64,
    /// Ordinal of the last write.
    written: WriteId,
    /// The last write that the disk was asked to make durable.
    requested: WriteId,
    /// Invariant: one undo record for every write after the last durable one, oldest first.
    undo: VecDeque<(WriteId, Undo)>,
}

clone_by_field!([] Storage { log, snapshot } copied { term, vote, droppable, written, requested } empty { undo });

/// An undo record. Rare variants are boxed, since the others are created with every message.
#[derive(Clone, Debug)]
enum Undo {
    Ballot { term: u64, vote: Option<NodeId> },
    Append { count: u64 },
    Truncate { tail: Box<[Entry]> },
    Snapshot { before: Option<Arc<Snapshot>> },
    Install { before: Box<(Log, Option<Arc<Snapshot>>)> },
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

    /// The last snapshot.
    #[inline]
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// Ordinal of the last write.
    pub fn written(&self) -> WriteId {
        self.written
    }

    /// Writes currentTerm and votedFor.
    pub fn set_ballot(&mut self, term: u64, vote: Option<NodeId>) {
        if (term, vote) != (self.term, self.vote) {
            let (before, voted) = (self.term, self.vote);
            self.remember(|| Undo::Ballot { term: before, vote: voted });
            (self.term, self.vote) = (term, vote);
        }
    }

    /// Writes one entry after the last.
    #[inline]
    pub fn append(&mut self, term: u64, command: Command) {
        self.log.push(term, command);
        self.remember(|| Undo::Append { count: 1 });
    }

    /// Writes entries after the last.
    #[inline]
    pub fn extend(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.log.push(entry.term, entry.command);
        }
        self.remember(|| Undo::Append { count: entries.len() as u64 });
    }

    /// Removes every entry after `index`.
    pub fn truncate(&mut self, index: u64) {
        let tail = self.log.truncate(index).into_boxed_slice();
        self.remember(|| Undo::Truncate { tail });
    }

    /// Writes a snapshot. Once it is durable the entries up to `droppable`, which it covers, may be
    /// removed ([`Storage::compact`]): after a crash at any time, the disk has the snapshot or the
    /// entries.
    pub fn save(&mut self, snapshot: Arc<Snapshot>, droppable: u64) {
        let before = self.snapshot.replace(snapshot);
        self.droppable = droppable;
        self.remember(|| Undo::Snapshot { before });
    }

    /// Writes a snapshot in place of the whole log.
    pub fn replace_log(&mut self, snapshot: Arc<Snapshot>) {
        let log = std::mem::replace(&mut self.log, Log::starting_at(snapshot.base));
        let before = self.snapshot.replace(snapshot);
        self.remember(|| Undo::Install { before: Box::new((log, before)) });
    }

    /// Removes entries that a durable snapshot covers. Not in the step that wrote them, because
    /// observers look at the log after the step.
    #[inline]
    pub fn compact(&mut self) {
        if self.droppable > self.log.base().index && !self.awaits_snapshot() {
            self.log.compact(self.droppable);
        }
    }

    /// Whether a snapshot is not durable yet.
    fn awaits_snapshot(&self) -> bool {
        let is_snapshot =
            |undo: &Undo| matches!(undo, Undo::Snapshot { .. } | Undo::Install { .. });
        self.undo.iter().any(|(_, undo)| is_snapshot(undo))
    }

    /// Records how to undo a write. The record is constructed in the queue itself: a temporary
    /// would be written to the stack in 8-byte stores and copied at once in 16-byte loads, which
    /// stall the processor.
    #[inline]
    fn remember(&mut self, undo: impl FnOnce() -> Undo) {
        debug_assert!(
            self.undo.back().is_none_or(|(id, _)| *id <= self.written),
            "undo records are in order: {:?} after {:?}",
            self.written,
            self.undo
        );
        self.written.0 += 1;
        if self.undo.len() < self.undo.capacity() {
            self.undo.push_back((self.written, undo()));
        } else {
            self.remember_in_more_room(undo());
        }
    }

    #[cold]
    #[inline(never)]
    fn remember_in_more_room(&mut self, undo: Undo) {
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
                // Nearly always the only one; clearing a queue takes three times as long.
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

    /// Index of the last entry that would survive a crash, if nothing was truncated since. (A
    /// leader truncates nothing, and everything that it wrote before its election is durable.)
    #[inline]
    pub fn durable_index(&self) -> u64 {
        let volatile: u64 = self
            .undo
            .iter()
            .map(|(_, undo)| if let Undo::Append { count } = undo { *count } else { 0 })
            .sum();
        self.log.last_index() - volatile
    }

    /// Power loss: undoes the writes after `durable`.
    pub fn crash(&mut self, durable: WriteId) {
        while self.undo.back().is_some_and(|(id, _)| *id > durable) {
            match self.undo.pop_back() {
                Some((_, Undo::Ballot { term, vote })) => (self.term, self.vote) = (term, vote),
                Some((_, Undo::Append { count })) => {
                    self.log.truncate(self.log.last_index() - count);
                }
                Some((_, Undo::Truncate { tail })) => self.log.restore(tail),
                Some((_, Undo::Snapshot { before })) => self.snapshot = before,
                Some((_, Undo::Install { before })) => (self.log, self.snapshot) = *before,
                None => unreachable!("the loop saw a last record"),
            }
        }
        self.undo.clear();
        self.requested = self.written;
        self.droppable = self.droppable.min(self.snapshot.as_ref().map_or(0, |s| s.base.index));
    }

    /// A new, empty disk. Write ordinals continue, so that an old fsync cannot be mistaken for a
    /// new one.
    pub fn wipe(&mut self) {
        *self = Self { written: self.written, requested: self.written, ..Self::default() };
    }

    /// Without the rule [`super::Rule::PersistVote`]: the vote never reached the disk.
    pub fn lose_vote(&mut self) {
        self.vote = None;
    }

    /// Without the rule [`super::Rule::PersistTerm`]: the term is that of the last log entry.
    pub fn lose_term(&mut self) {
        (self.term, self.vote) = (self.log.last_term(), None);
    }

    /// The storage of an initial state.
    pub(crate) fn preset(term: u64, vote: Option<NodeId>, log: Log) -> Self {
        Self { term, vote, log, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::log::Base;
    use crate::raft::machine::Machine;

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

    /// Of ten entries, a snapshot at 8.
    fn with_snapshot() -> Storage {
        let mut storage = Storage::default();
        (0..10).for_each(|_| storage.append(1, Command::default()));
        storage.persisted(storage.written());
        let (index, hash) = (8, storage.log().hash_at(8));
        let base = Base { index, term: 1, hash };
        storage.save(Arc::new(Snapshot { base, machine: Machine::default() }), 5);
        storage
    }

    #[test]
    fn entries_stay_until_the_snapshot_is_durable() {
        let mut storage = with_snapshot();
        assert_eq!((storage.log().base().index, storage.log().last_index()), (0, 10));
        storage.compact();
        assert_eq!(storage.log().base().index, 0);
        storage.persisted(storage.written());
        storage.compact();
        assert_eq!((storage.log().base().index, storage.log().last_index()), (5, 10));
        let mut crashed = with_snapshot();
        let durable = WriteId(crashed.written().0 - 1);
        crashed.crash(durable);
        assert!(crashed.snapshot().is_none());
        crashed.append(1, Command::default());
        crashed.persisted(crashed.written());
        crashed.compact();
        assert_eq!(crashed.log().base().index, 0, "nothing covers them");
    }

    #[test]
    fn a_crash_brings_back_the_log_that_a_snapshot_replaced() {
        let mut storage = with_snapshot();
        storage.persisted(storage.written());
        storage.compact();
        let base = Base { index: 20, term: 3, hash: 7 };
        let durable = storage.written();
        let snapshot = Arc::new(Snapshot { base, machine: Machine::default() });
        storage.replace_log(snapshot.clone());
        assert_eq!((storage.log().last_index(), storage.log().last_term()), (20, 3));
        storage.crash(durable);
        assert_eq!((storage.log().base().index, storage.log().last_index()), (5, 10));
        assert_eq!(storage.snapshot().map(|snapshot| snapshot.base.index), Some(8));
        storage.replace_log(snapshot);
        storage.crash(storage.written());
        assert_eq!((storage.log().base(), storage.log().last_index()), (base, 20));
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
