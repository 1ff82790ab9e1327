//! What a node keeps on its disk, and the crate's view of it.

use std::sync::Arc;

use tikv_raft::eraftpb::{ConfState, Entry as CrateEntry, HardState, Snapshot as CrateSnapshot};
use tikv_raft::util::limit_size;
use tikv_raft::{Error, GetEntriesContext, RaftState, Storage, StorageError};

use super::codec::{encode, id_of};
use crate::clone::clone_by_field;
use crate::protocol::{Fingerprint, NodeId, Stable};
use crate::raft::{Snapshot, StableState};
use crate::replica::types::fold;
use crate::replica::{Entry, Log};

/// currentTerm, votedFor, log and snapshot as our Raft keeps them, and commitIndex, which the crate
/// keeps as well.
#[derive(Debug, Default, Hash)]
pub struct Kept {
    state: StableState,
    commit: u64,
}

clone_by_field!([] Kept { state } copied { commit });

/// A write to the disk.
#[derive(Clone, Debug)]
pub enum Write {
    /// What the crate asks to be stored, in one batch: it is durable completely or not at all.
    Batch(Box<Batch>),
    /// A snapshot that the node took.
    Save {
        /// The snapshot.
        snapshot: Arc<Snapshot>,
        /// The last index that may be removed once it is durable.
        droppable: u64,
    },
}

/// What the crate asks to be stored at a time.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// currentTerm.
    pub term: u64,
    /// votedFor.
    pub vote: Option<NodeId>,
    /// commitIndex.
    pub commit: u64,
    /// A leader's snapshot, in place of the log.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Entries, in place of those that the log has from this index on.
    pub entries: Option<(u64, Box<[Entry]>)>,
}

impl Fingerprint for Write {
    fn fingerprint(&self) -> u64 {
        match self {
            Write::Batch(batch) => {
                let Batch { term, vote, commit, snapshot, entries } = &**batch;
                let last = |entries: &[Entry]| entries.last().map_or(0, |last| last.hash);
                let entries = entries.as_ref().map_or(0, |(first, new)| fold(*first, last(new)));
                let snapshot = snapshot.as_ref().map_or(0, |snapshot| snapshot.base.hash);
                [*term, vote.fingerprint(), *commit, snapshot, entries].into_iter().fold(1, fold)
            }
            Write::Save { snapshot, droppable } => fold(2, fold(snapshot.base.hash, *droppable)),
        }
    }
}

impl Stable for Kept {
    type Write = Write;

    fn apply(&mut self, write: Write) {
        self.state.compact(); // whatever was written before is durable
        match write {
            Write::Batch(batch) => self.store(*batch),
            Write::Save { snapshot, droppable } => self.state.save(snapshot, droppable),
        }
    }
}

impl Fingerprint for Kept {
    fn fingerprint(&self) -> u64 {
        fold(self.state.fingerprint(), self.commit)
    }
}

impl Kept {
    /// An initial state.
    pub(super) fn preset(term: u64, vote: Option<NodeId>, log: Log, commit: u64) -> Self {
        let commit = commit.min(log.last_index());
        Self { state: StableState::preset(term, vote, log), commit }
    }

    /// currentTerm, votedFor, log and snapshot.
    pub fn state(&self) -> &StableState {
        &self.state
    }

    /// The log.
    #[inline]
    pub fn log(&self) -> &Log {
        self.state.log()
    }

    /// commitIndex.
    pub fn commit(&self) -> u64 {
        self.commit
    }

    pub(super) fn state_mut(&mut self) -> &mut StableState {
        &mut self.state
    }

    pub(super) fn set_commit(&mut self, commit: u64) {
        self.commit = commit;
    }

    /// The batch with everything from an index of the log on, if that changed.
    pub(super) fn batch(&self, snapshot: Option<Arc<Snapshot>>, first: Option<u64>) -> Batch {
        let log = self.log();
        let from = |first| (first..=log.last_index()).filter_map(|index| log.get(index)).collect();
        Batch {
            term: self.state.term(),
            vote: self.state.vote(),
            commit: self.commit,
            snapshot,
            entries: first.map(|first| (first, from(first))),
        }
    }

    fn store(&mut self, batch: Batch) {
        let Batch { term, vote, commit, snapshot, entries } = batch;
        if let Some(snapshot) = snapshot {
            self.state.install(snapshot);
        }
        if let Some((first, entries)) = entries {
            self.state.truncate(first - 1);
            self.state.extend(entries);
        }
        self.state.set_ballot(term, vote);
        self.commit = commit;
    }
}

/// What the crate reads from: all that was written, durable or not, as it asks for.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) kept: Kept,
    pub(super) members: Arc<ConfState>,
    /// The maximum number of entries in one message. The crate has a limit in bytes.
    pub(super) batch: usize,
}

impl Storage for Store {
    fn initial_state(&self) -> tikv_raft::Result<RaftState> {
        let state = self.kept.state();
        let hard_state = HardState {
            term: state.term(),
            vote: state.vote().map_or(0, id_of),
            commit: self.kept.commit(),
            ..HardState::default()
        };
        Ok(RaftState { hard_state, conf_state: ConfState::clone(&self.members) })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> tikv_raft::Result<Vec<CrateEntry>> {
        let log = self.kept.log();
        if low <= log.base().index {
            return Err(Error::Store(StorageError::Compacted));
        }
        // Only what goes into messages could be fetched later.
        let limit = if context.can_async() { self.batch } else { usize::MAX };
        let entries = (low..high).take(limit).filter_map(|index| entry(log, index));
        let mut entries = entries.collect();
        limit_size(&mut entries, max_size.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> tikv_raft::Result<u64> {
        let log = self.kept.log();
        let gone = index < log.base().index;
        let error = if gone { StorageError::Compacted } else { StorageError::Unavailable };
        log.term_at(index).ok_or(Error::Store(error))
    }

    fn first_index(&self) -> tikv_raft::Result<u64> {
        Ok(self.kept.log().base().index + 1)
    }

    fn last_index(&self) -> tikv_raft::Result<u64> {
        Ok(self.kept.log().last_index())
    }

    /// Only what the crate must know of it; the contents travel beside it.
    fn snapshot(&self, request_index: u64, _: u64) -> tikv_raft::Result<CrateSnapshot> {
        let base = self.kept.state().snapshot().map(|snapshot| snapshot.base);
        let base = base.filter(|base| base.index >= request_index);
        let base = base.ok_or(Error::Store(StorageError::SnapshotTemporarilyUnavailable))?;
        let mut snapshot = CrateSnapshot::default();
        let about = snapshot.mut_metadata();
        about.set_conf_state(ConfState::clone(&self.members));
        (about.index, about.term) = (base.index, base.term);
        Ok(snapshot)
    }
}

/// An entry of our log as the crate's.
fn entry(log: &Log, index: u64) -> Option<CrateEntry> {
    let Entry { term, command, .. } = log.get(index)?;
    Some(CrateEntry { term, index, data: encode(&command).into(), ..CrateEntry::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::Command;

    /// A disk that gets the same writes holds what the node has in memory.
    #[test]
    fn writes_carry_every_change() {
        let (mut memory, mut disk) = (Kept::default(), Kept::default());
        for (first, entries, term) in [(1, 3, 1), (3, 4, 2), (7, 1, 2), (2, 1, 5)] {
            memory.state_mut().truncate(first - 1);
            (0..entries).for_each(|_| memory.state_mut().append(term, Command::default()));
            memory.state_mut().set_ballot(term, Some(NodeId(term as u8)));
            memory.set_commit(1);
            disk.apply(Write::Batch(Box::new(memory.batch(None, Some(first)))));
            assert_eq!(disk.fingerprint(), memory.fingerprint());
            assert_eq!(disk.log().last(), memory.log().last());
            assert_eq!(disk.state().vote(), memory.state().vote());
        }
    }
}
