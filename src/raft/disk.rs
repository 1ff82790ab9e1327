//! A node and its disk: it writes each change of its persistent state, and keeps the promises that
//! depend on a write until that is durable.

use std::collections::VecDeque;
use std::sync::Arc;

use super::messages::RaftMessage;
use super::node::Node;
use super::rules::Rule;
use super::snapshot::Snapshot;
use super::stable::Write;
use crate::clone::clone_by_field;
use crate::protocol::{Durability, Effects, LocalTime, Message as _, NodeId, Role, WriteId};
use crate::replica::log::Log;
use crate::replica::types::{Command, Entry, Op};
use crate::replica::{Promise, ReplicaMessage as _};
use crate::state::StateHash;

/// How much of the log and its snapshot is durable.
#[derive(Clone, Copy, Debug, Default, Hash)]
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

impl Unsynced {
    /// Adds it to a fingerprint. Of writes only the order counts.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        let Self { durable, awaited, outbox } = self;
        let before = |write: &WriteId| awaited.iter().filter(|(other, _)| other < write).count();
        state.add((durable, awaited.len(), outbox.len()));
        awaited.iter().for_each(|(_, extent)| state.add(extent));
        for (write, to, message) in outbox {
            state.add((before(write), to, message.fingerprint()));
        }
    }

    /// The log was cut after an index: what is written there later is not durable yet.
    fn cut(&mut self, index: u64) {
        let extents = self.awaited.iter_mut().map(|(_, extent)| extent);
        extents.chain([&mut self.durable]).for_each(|extent| extent.last = extent.last.min(index));
    }
}

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
        let mut configures = false;
        for entry in entries {
            self.stable.append(entry.term, entry.command);
            configures |= matches!(entry.command.op, Op::Config(_));
        }
        fx.write(|| Write::Append { entries: last_of(self.stable.log(), entries.len()) });
        if configures {
            self.adopt_from(self.log().last_index() + 1 - entries.len() as u64, fx);
        }
    }

    /// Removes every entry after `index`.
    pub(super) fn truncate<E: Effects<Self>>(&mut self, index: u64, fx: &mut E) {
        self.stable.truncate(index);
        self.unsynced.cut(index);
        fx.write(|| Write::Truncate { index });
        if !self.configurations.is_empty() {
            self.unadopt(index, fx);
        }
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
        if !self.obeys(Rule::SnapshotBeforeCompaction) {
            let index = snapshot.base.index;
            fx.write(|| Write::Drop { index });
            self.sync(fx);
        }
        fx.write(|| Write::Save { snapshot, droppable });
    }

    /// Writes a snapshot in place of the whole log.
    pub(super) fn install<E: Effects<Self>>(&mut self, snapshot: Arc<Snapshot>, fx: &mut E) {
        self.stable.install(snapshot.clone());
        self.unsynced.cut(snapshot.base.index);
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
            Durability::Pending(write) => self.hold_back(write, to, message, fx),
        }
    }

    #[inline(never)] // keeps the message out of the caller's stack frame
    fn hold_back<E: Effects<Self>>(
        &mut self,
        write: WriteId,
        to: NodeId,
        message: RaftMessage,
        fx: &mut E,
    ) {
        self.await_disk(write);
        let acknowledges = matches!(message.promise(), Promise::Log { index: 1.., .. });
        if acknowledges && !self.obeys(Rule::SyncBeforeAck) {
            return fx.send(to, message);
        }
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

    /// Index of the last entry that is known to be durable.
    #[inline]
    pub(super) fn durable_index(&self) -> u64 {
        if self.obeys(Rule::LeaderSync) { self.durable().last } else { self.log().last_index() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Delay, OpId, Protocol as _, Reply, TimerId};
    use crate::raft::Config;
    use crate::raft::stable::StableState;
    use crate::replica::log::Base;
    use crate::replica::machine::Machine;
    use crate::replica::notes::ReplicaNote;
    use crate::replica::types::Output;

    /// A disk on which nothing is durable until [`Node::persisted`] is called.
    #[derive(Default)]
    struct Slow {
        written: u64,
        sent: Vec<RaftMessage>,
    }

    impl Effects<Node> for Slow {
        fn send(&mut self, _: NodeId, message: RaftMessage) {
            self.sent.push(message);
        }
        fn arm(&mut self, _: TimerId, _: Delay) {}
        fn disarm(&mut self, _: TimerId) {}
        fn write(&mut self, write: impl FnOnce() -> Write) {
            self.written += 1;
            write();
        }
        fn sync(&mut self) -> Durability {
            Durability::Pending(WriteId(self.written))
        }
        fn reply(&mut self, _: OpId, _: Reply<Output>) {}
        fn note(&mut self, _: ReplicaNote) {}
        fn halt(&mut self, _: &'static str) {}
        fn is_under_way(&self, _: NodeId, _: impl Fn(&RaftMessage) -> bool) -> bool {
            false
        }
    }

    /// A node with these entries on its disk.
    fn node(terms: &[u64]) -> Node {
        let mut log = Log::default();
        terms.iter().for_each(|term| log.push(*term, Command::default()));
        let mut node = Node::new(NodeId(0), 3, Config::default());
        node.preset(4, None, log, 0);
        node.found_on_disk();
        node
    }

    fn written(node: &mut Node, fx: &mut Slow) -> WriteId {
        node.append(Command::default(), fx);
        node.sync(fx);
        WriteId(fx.written)
    }

    #[test]
    fn an_entry_is_durable_once_its_own_write_is() {
        let (mut node, mut fx) = (node(&[1]), Slow::default());
        let first = written(&mut node, &mut fx);
        let second = written(&mut node, &mut fx);
        assert_eq!((node.durable_index(), node.log().last_index()), (1, 3));
        node.persisted(LocalTime(0), first, &mut fx);
        assert_eq!(node.durable_index(), 2);
        node.persisted(LocalTime(0), second, &mut fx);
        assert_eq!(node.durable_index(), 3);
    }

    /// A usurper counted entries as durable that it had written where others were cut off.
    #[test]
    fn what_is_written_where_the_log_was_cut_is_not_durable() {
        let (mut node, mut fx) = (node(&[1, 1, 2, 2, 2]), Slow::default());
        let before = written(&mut node, &mut fx);
        node.truncate(2, &mut fx);
        let after = written(&mut node, &mut fx);
        assert_eq!((node.durable_index(), node.log().last_index()), (2, 3));
        node.persisted(LocalTime(0), before, &mut fx);
        assert_eq!(node.durable_index(), 2, "that write made entries durable that are gone");
        node.persisted(LocalTime(0), after, &mut fx);
        assert_eq!(node.durable_index(), 3);
    }

    #[test]
    fn a_promise_waits_for_its_write() {
        let (mut node, mut fx) = (node(&[1]), Slow::default());
        node.append(Command::default(), &mut fx);
        let reply = RaftMessage::InstallSnapshotReply { term: 4, index: 2, round: 0 };
        node.promise(NodeId(1), reply, &mut fx);
        assert!(fx.sent.is_empty());
        node.persisted(LocalTime(0), WriteId(fx.written - 1), &mut fx);
        assert!(fx.sent.is_empty());
        node.persisted(LocalTime(0), WriteId(fx.written), &mut fx);
        assert_eq!(fx.sent.len(), 1);
    }

    /// After a crash at any time the disk has the snapshot or the entries.
    #[test]
    fn entries_stay_until_the_snapshot_is_durable() {
        let (mut node, mut fx) = (node(&[1; 10]), Slow::default());
        let base = Base { index: 8, term: 1, hash: node.log().hash_at(8) };
        let snapshot = Arc::new(Snapshot { base, machine: Machine::default(), members: None });
        node.save(snapshot, 5, &mut fx);
        node.sync(&mut fx);
        node.drop_covered();
        assert_eq!(node.log().base().index, 0);
        node.persisted(LocalTime(0), WriteId(fx.written), &mut fx);
        node.drop_covered();
        assert_eq!((node.log().base().index, node.log().last_index()), (5, 10));
    }

    #[test]
    fn a_crash_leaves_what_was_on_the_disk() {
        let (mut node, mut fx) = (node(&[1, 1]), Slow::default());
        written(&mut node, &mut fx);
        let mut log = Log::default();
        log.push(1, Command::default());
        node.crash(Some(StableState::preset(3, Some(NodeId(2)), log)));
        let status = node.status();
        assert_eq!((status.term, status.voted_for, status.last_index), (3, Some(NodeId(2)), 1));
        assert_eq!(node.durable_index(), 1, "nothing is awaited");
    }
}
