//! A node and its disk: it writes each change of its persistent state, and keeps the promises that
//! depend on a write until that is durable.

use std::collections::VecDeque;
use std::sync::Arc;

use super::log::Log;
use super::messages::RaftMessage;
use super::node::Node;
use super::snapshot::Snapshot;
use super::stable::Write;
use super::types::{Command, Entry};
use crate::clone::clone_by_field;
use crate::protocol::{Durability, Effects, LocalTime, NodeId, Role, WriteId};

/// How much of the log and its snapshot is durable.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    /// The last durable index.
    last: u64,
    /// The last index that a durable snapshot covers.
    snapshot: u64,
}

/// What waits for the disk.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// How far the disk has come, as long as a write is awaited.
    durable: Extent,
    /// What the awaited writes will make durable, oldest first.
    awaited: VecDeque<(WriteId, Extent)>,
    /// Messages whose promises are not durable yet, oldest first.
    outbox: VecDeque<(WriteId, NodeId, RaftMessage)>,
}

clone_by_field!([] Unsynced {} copied { durable } empty { awaited, outbox });

impl Node {
    /// Writes currentTerm and votedFor.
    pub(super) fn set_ballot<E: Effects<Self>>(
        &mut self,
        term: u64,
        vote: Option<NodeId>,
        fx: &mut E,
    ) {
        if (term, vote) != (self.term(), self.stable.vote()) {
            self.stable.set_ballot(term, vote);
            fx.write(|| Write::Ballot { term, vote });
        }
    }

    /// Writes one entry after the last.
    #[inline]
    pub(super) fn append<E: Effects<Self>>(&mut self, command: Command, fx: &mut E) {
        self.stable.append(self.term(), command);
        fx.write(|| Write::Append { entries: last_of(self.stable.log(), 1) });
    }

    /// Writes entries after the last.
    #[inline]
    pub(super) fn extend<E: Effects<Self>>(&mut self, entries: &[Entry], fx: &mut E) {
        for entry in entries {
            self.stable.append(entry.term, entry.command);
        }
        fx.write(|| Write::Append { entries: last_of(self.stable.log(), entries.len()) });
    }

    /// Removes every entry after `index`.
    pub(super) fn truncate<E: Effects<Self>>(&mut self, index: u64, fx: &mut E) {
        self.stable.truncate(index);
        fx.write(|| Write::Truncate { index });
    }

    /// Writes a snapshot; the entries up to `droppable`, which it covers, may be removed once it is
    /// durable.
    pub(super) fn save<E: Effects<Self>>(
        &mut self,
        snapshot: Arc<Snapshot>,
        droppable: u64,
        fx: &mut E,
    ) {
        self.stable.save(snapshot.clone(), droppable);
        fx.write(|| Write::Save { snapshot, droppable });
    }

    /// Writes a snapshot in place of the whole log.
    pub(super) fn install<E: Effects<Self>>(&mut self, snapshot: Arc<Snapshot>, fx: &mut E) {
        self.stable.install(snapshot.clone());
        fx.write(|| Write::Install { snapshot });
    }

    /// Sends a message that promises what was written, once that is durable (Figure 2: "updated on
    /// stable storage before responding to RPCs").
    #[inline]
    pub(super) fn promise<E: Effects<Self>>(
        &mut self,
        to: NodeId,
        message: RaftMessage,
        fx: &mut E,
    ) {
        match fx.sync() {
            Durability::Done => fx.send(to, message),
            Durability::Pending(write) => self.hold_back(write, to, message),
        }
    }

    #[inline(never)] // keeps the message out of the caller's stack frame
    fn hold_back(&mut self, write: WriteId, to: NodeId, message: RaftMessage) {
        self.await_disk(write);
        self.unsynced.outbox.push_back((write, to, message));
    }

    /// Asks the disk to make everything durable; true if it already is.
    #[inline]
    pub(super) fn sync<E: Effects<Self>>(&mut self, fx: &mut E) -> bool {
        match fx.sync() {
            Durability::Done => true,
            Durability::Pending(write) => {
                self.await_disk(write);
                false
            }
        }
    }

    #[inline(never)] // only with slow disks
    fn await_disk(&mut self, write: WriteId) {
        let extent = self.extent();
        let awaited = &mut self.unsynced.awaited;
        debug_assert!(awaited.back().is_none_or(|(last, _)| *last <= write), "writes are in order");
        if awaited.back().is_none_or(|(last, _)| *last < write) {
            awaited.push_back((write, extent));
        }
    }

    /// Every write up to this one is durable: what waited for it happens.
    pub(super) fn persisted<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        write: WriteId,
        fx: &mut E,
    ) {
        let Unsynced { durable, awaited, outbox } = &mut self.unsynced;
        while let Some((_, extent)) = done(awaited, |(id, _)| *id <= write) {
            *durable = extent;
        }
        while let Some((_, to, message)) = done(outbox, |(id, ..)| *id <= write) {
            fx.send(to, message);
        }
        match self.role {
            Role::Candidate => self.count_own_vote(now, fx),
            Role::Leader => self.count_own_disk(now, fx),
            Role::Follower | Role::PreCandidate => {}
        }
    }

    /// Index of the last entry that would survive a crash, if nothing was truncated since. (A
    /// leader truncates nothing, and everything that it wrote before its election is durable.)
    #[inline]
    pub(super) fn durable_index(&self) -> u64 {
        self.durable().last
    }

    /// Removes entries that a durable snapshot covers. Not in the step that wrote them, because
    /// observers look at the log after the step.
    #[inline]
    pub(super) fn drop_covered(&mut self) {
        if self.stable.may_compact() && self.durable().snapshot == self.snapshot_index() {
            self.stable.compact();
        }
    }

    /// After a start: all that a node finds on its disk is durable.
    pub(super) fn found_on_disk(&mut self) {
        self.unsynced.durable = self.extent();
    }

    /// After a crash nothing is awaited.
    pub(super) fn forget_unsynced(&mut self) {
        self.unsynced.awaited.clear();
        self.unsynced.outbox.clear();
    }

    fn durable(&self) -> Extent {
        if self.unsynced.awaited.is_empty() { self.extent() } else { self.unsynced.durable }
    }

    fn extent(&self) -> Extent {
        Extent { last: self.log().last_index(), snapshot: self.snapshot_index() }
    }
}

/// Takes the oldest of a queue if it is done.
fn done<T>(queue: &mut VecDeque<T>, is_done: impl FnOnce(&T) -> bool) -> Option<T> {
    if queue.front().is_some_and(is_done) { queue.pop_front() } else { None }
}

/// The last entries of a log.
fn last_of(log: &Log, count: usize) -> Box<[Entry]> {
    let last = log.last_index();
    (last + 1 - count as u64..=last).filter_map(|index| log.get(index)).collect()
}
