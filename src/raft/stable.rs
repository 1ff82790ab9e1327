//! Persistent state (Figure 2): currentTerm, votedFor, log and snapshot.
//!
//! A node reads and changes its own copy, and writes every change to its disk ([`Write`]); the
//! world decides which writes survive a crash.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::damage::Missing;
use super::snapshot::Snapshot;
use crate::clone::clone_by_field;
use crate::protocol::{Damage, Fingerprint, NodeId, Part, Stable};
use crate::replica::log::Log;
use crate::replica::types::{Command, Entry, fold};

/// currentTerm, votedFor, log and snapshot.
#[derive(Debug, Default)]
pub struct StableState {
    term: u64,
    vote: Option<NodeId>,
    log: Log,
    /// The last snapshot.
    snapshot: Option<Arc<Snapshot>>,
    /// The last index that may be removed once the snapshot, which covers it, is durable.
    droppable: u64,
    /// What damage to the disk has taken.
    missing: Missing,
}

clone_by_field!([] StableState { log, snapshot } copied { term, vote, droppable, missing });

/// A change of a node's persistent state.
#[derive(Clone, Debug)]
pub enum Write {
    /// currentTerm and votedFor.
    Ballot {
        /// currentTerm.
        term: u64,
        /// votedFor.
        vote: Option<NodeId>,
    },
    /// Entries after the last.
    Append {
        /// The entries, with the hashes of the log up to them.
        entries: Box<[Entry]>,
    },
    /// The removal of every entry after an index.
    Truncate {
        /// The last index that remains.
        index: u64,
    },
    /// A snapshot of entries that the log holds.
    Save {
        /// The snapshot.
        snapshot: Arc<Snapshot>,
        /// The last index that may be removed once it is durable.
        droppable: u64,
    },
    /// A snapshot in place of the whole log.
    Install {
        /// The snapshot.
        snapshot: Arc<Snapshot>,
    },
    /// The removal of the entries up to an index, before a snapshot that covers them is durable:
    /// only without the rule [`super::Rule::SnapshotBeforeCompaction`].
    Drop {
        /// The last index that is removed.
        index: u64,
    },
    /// The end of a repair: a leader has sent what damage had taken from the log.
    Repaired,
}

impl Fingerprint for Write {
    fn fingerprint(&self) -> u64 {
        match self {
            Write::Ballot { term, vote } => fold(1, fold(*term, vote.fingerprint())),
            Write::Append { entries } => {
                fold(2 ^ (entries.len() as u64) << 8, entries.last().map_or(0, |last| last.hash))
            }
            Write::Truncate { index } => fold(3, *index),
            Write::Save { snapshot, droppable } => fold(4, fold(snapshot.base.hash, *droppable)),
            Write::Install { snapshot } => fold(5, snapshot.base.hash),
            Write::Repaired => 6,
            Write::Drop { index } => fold(7, *index),
        }
    }
}

impl Hash for StableState {
    /// Of the log the hash of its prefix, which covers every entry.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { term, vote, log, snapshot, droppable, missing } = self;
        let snapshot = snapshot.as_ref().map(|snapshot| snapshot.base);
        (term, vote, log.base(), log.last(), log.hash_at(log.last_index())).hash(state);
        (snapshot, droppable).hash(state);
        if *missing != Missing::default() {
            missing.hash(state);
        }
    }
}

impl Stable for StableState {
    type Write = Write;

    fn apply(&mut self, write: Write) {
        self.compact(); // whatever was written before is durable
        match write {
            Write::Ballot { term, vote } => self.set_ballot(term, vote),
            Write::Append { entries } => self.extend(entries),
            Write::Truncate { index } => self.truncate(index),
            Write::Save { snapshot, droppable } => self.save(snapshot, droppable),
            Write::Install { snapshot } => self.install(snapshot),
            Write::Repaired => self.repaired(),
            Write::Drop { index } => self.log.compact(index),
        }
    }

    fn locate(&self, part: Part, index: Option<u64>, draw: u64) -> Option<(u64, u64)> {
        self.part(part, index, draw)
    }

    fn damage(&mut self, damage: &Damage) -> bool {
        self.read_damaged(damage)
    }
}

impl Fingerprint for StableState {
    fn fingerprint(&self) -> u64 {
        fold(self.log.hash_at(self.log.last_index()), self.snapshot_index())
    }
}

impl StableState {
    /// An initial state.
    pub(crate) fn preset(term: u64, vote: Option<NodeId>, log: Log) -> Self {
        Self { term, vote, log, ..Self::default() }
    }

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

    /// The log.
    #[inline]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The last snapshot.
    #[inline]
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// The last index that its snapshot covers; 0 without one.
    #[inline]
    pub fn snapshot_index(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.base.index)
    }

    /// Sets currentTerm and votedFor.
    pub(crate) fn set_ballot(&mut self, term: u64, vote: Option<NodeId>) {
        (self.term, self.vote) = (term, vote);
    }

    /// Adds one entry after the last.
    #[inline]
    pub(crate) fn append(&mut self, term: u64, command: Command) {
        self.log.push(term, command);
    }

    /// Adds entries after the last, with the hashes that they have.
    pub(crate) fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.log.extend(entries);
    }

    /// Removes every entry after `index`.
    pub(crate) fn truncate(&mut self, index: u64) {
        self.log.truncate(index);
    }

    /// Sets a snapshot. Once it is durable the entries up to `droppable`, which it covers, may be
    /// removed ([`StableState::compact`]): after a crash at any time, the disk has the snapshot or
    /// the entries.
    pub(crate) fn save(&mut self, snapshot: Arc<Snapshot>, droppable: u64) {
        self.snapshot = Some(snapshot);
        self.droppable = droppable;
    }

    /// Sets a snapshot in place of the whole log.
    pub(crate) fn install(&mut self, snapshot: Arc<Snapshot>) {
        self.log = Log::starting_at(snapshot.base);
        self.snapshot = Some(snapshot);
    }

    /// Whether entries may be removed once the snapshot is durable.
    #[inline]
    pub(crate) fn may_compact(&self) -> bool {
        self.droppable > self.log.base().index
    }

    /// Removes entries that a snapshot, which is durable, covers.
    #[inline]
    pub(crate) fn compact(&mut self) {
        if self.may_compact() {
            self.log.compact(self.droppable);
        }
    }

    /// What damage to the disk has taken.
    #[inline]
    pub(super) fn missing(&self) -> Missing {
        self.missing
    }

    pub(super) fn missing_mut(&mut self) -> &mut Missing {
        &mut self.missing
    }

    /// The log is whole again.
    pub(super) fn repaired(&mut self) {
        self.missing.log_is_whole();
    }

    pub(super) fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Replaces the snapshot by one of the same index.
    pub(super) fn replace_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = Some(snapshot);
    }

    /// A log without a snapshot.
    pub(super) fn replace_log(&mut self, log: Log) {
        (self.log, self.snapshot, self.droppable) = (log, None, 0);
    }

    /// Without the rule [`super::Rule::PersistVote`]: the vote never reached the disk.
    pub(crate) fn lose_vote(&mut self) {
        self.vote = None;
    }

    /// Without the rule [`super::Rule::SnapshotBeforeCompaction`]: a log whose first entries are in
    /// no snapshot leads to no state.
    pub(crate) fn lose_what_nothing_covers(&mut self) {
        if self.log.base().index > self.snapshot_index() {
            self.replace_log(Log::default());
        }
    }

    /// Without the rule [`super::Rule::DamageIsNoTornWrite`]: nothing is known to be missing.
    pub(crate) fn ignore_damage(&mut self) {
        self.missing = Missing::default();
    }

    /// Without the rule [`super::Rule::PersistTerm`]: the term is that of the last log entry.
    pub(crate) fn lose_term(&mut self) {
        (self.term, self.vote) = (self.log.last_term(), None);
    }

    /// Without the rule [`super::Rule::TermFromDisk`]: the node begins with the term of a new one.
    pub(crate) fn lose_every_term(&mut self) {
        (self.term, self.vote) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::log::Base;
    use crate::replica::machine::Machine;

    fn entries(log: &Log, from: u64) -> Box<[Entry]> {
        (from..=log.last_index()).filter_map(|index| log.get(index)).collect()
    }

    fn seen(state: &StableState) -> (u64, Option<NodeId>, Base, Vec<Entry>, u64) {
        let log = state.log();
        (state.term(), state.vote(), log.base(), log.entries().collect(), state.snapshot_index())
    }

    /// Of ten entries, a snapshot at 8.
    fn with_snapshot() -> StableState {
        let mut state = StableState::default();
        (0..10).for_each(|_| state.append(1, Command::default()));
        let base = Base { index: 8, term: 1, hash: state.log().hash_at(8) };
        state.save(Arc::new(Snapshot { base, machine: Machine::default(), members: None }), 5);
        state
    }

    /// A disk that gets the same writes holds what the node has in memory.
    #[test]
    fn writes_carry_every_change() {
        let (mut memory, mut disk) = (with_snapshot(), with_snapshot());
        memory.compact();
        let mut write = |change: &dyn Fn(&mut StableState) -> Write| {
            disk.apply(change(&mut memory));
            assert_eq!(seen(&disk), seen(&memory));
        };
        write(&|state| {
            state.set_ballot(2, Some(NodeId(1)));
            Write::Ballot { term: 2, vote: Some(NodeId(1)) }
        });
        write(&|state| {
            state.append(2, Command::default());
            state.append(2, Command::default());
            Write::Append { entries: entries(state.log(), 11) }
        });
        write(&|state| {
            state.truncate(9);
            Write::Truncate { index: 9 }
        });
        write(&|state| {
            let base = Base { index: 9, term: 1, hash: state.log().hash_at(9) };
            let snapshot = Arc::new(Snapshot { base, machine: Machine::default(), members: None });
            state.save(snapshot.clone(), 6);
            Write::Save { snapshot, droppable: 6 }
        });
        write(&|state| {
            state.compact();
            state.append(3, Command::default());
            Write::Append { entries: entries(state.log(), 10) }
        });
        write(&|state| {
            let base = Base { index: 20, term: 3, hash: 7 };
            let snapshot = Arc::new(Snapshot { base, machine: Machine::default(), members: None });
            state.install(snapshot.clone());
            Write::Install { snapshot }
        });
    }

    #[test]
    fn a_snapshot_makes_room_only_where_nothing_else_needs_the_entries() {
        let mut state = with_snapshot();
        assert_eq!((state.log().base().index, state.log().last_index()), (0, 10));
        state.compact();
        assert_eq!((state.log().base().index, state.log().last_index()), (5, 10));
    }
}
