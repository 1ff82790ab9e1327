//! Log compaction (§7): a node saves the state of its state machine and removes the entries that
//! led to it; a follower that needs these entries gets the snapshot instead.

use std::sync::Arc;

use super::messages::RaftMessage;
use super::node::Node;
use super::rules::Rule;
use crate::protocol::{Effects, LocalTime, NodeId};
use crate::replica::log::Base;
use crate::replica::machine::Machine;
use crate::replica::membership::Members;
use crate::replica::notes::ReplicaNote;
use crate::replica::types::EntryId;

/// "Snapshot: the state machine state, and lastIncludedIndex and lastIncludedTerm" (Figure 12).
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The last entry that it includes.
    pub base: Base,
    /// The store with its sessions.
    pub machine: Machine,
    /// The configuration, unless it is that at the beginning of the log (§7, "the latest
    /// configuration in the log as of last included index").
    pub members: Option<Members>,
}

impl Node {
    /// "Each server takes snapshots independently, covering just the committed entries in its log"
    /// (§7): one whenever `snapshot_every` entries were applied since the last. The same number of
    /// entries before it are kept, so that a follower that lags a little gets entries.
    #[inline]
    pub(super) fn compact<E: Effects<Self>>(&mut self, fx: &mut E) {
        let Some(every) = self.config.snapshot_every else { return };
        let index = self.commit;
        if index >= self.snapshot_index() + every {
            self.take_snapshot(index, every, fx);
        }
    }

    #[inline(never)] // rare
    fn take_snapshot<E: Effects<Self>>(&mut self, index: u64, every: u64, fx: &mut E) {
        let Some(term) = self.log().term_at(index) else { return };
        let base = Base { index, term, hash: self.log().hash_at(index) };
        let members = self.configuration_at(index).filter(|_| self.obeys(Rule::SnapshotConfig));
        let snapshot = Arc::new(Snapshot { base, machine: self.machine.clone(), members });
        self.save(snapshot, index.saturating_sub(every), fx);
        fx.note(ReplicaNote::Snapshot { index });
        self.sync(fx);
    }

    /// "The leader must occasionally send snapshots to followers that lag behind. This happens when
    /// the leader has already discarded the next log entry that it needs to send" (§7). One is in
    /// flight at a time: it is sent again if it was lost and the follower refuses a later
    /// heartbeat.
    pub(super) fn send_snapshot<E: Effects<Self>>(&mut self, peer: NodeId, fx: &mut E) {
        let Some(snapshot) = self.stable.snapshot().cloned() else { return };
        let (term, round) = (self.term(), self.reads.round());
        self.progress[peer.at()].snapshot_sent(snapshot.base.index, round);
        fx.send(peer, RaftMessage::InstallSnapshot { term, round, snapshot });
    }

    /// The receiver's side of `InstallSnapshot` (Figure 13, steps 6 to 8; for step 1 see
    /// [`Node::follow`]).
    #[inline(never)] // rare
    pub(super) fn handle_install_snapshot<E: Effects<Self>>(
        &mut self,
        from: NodeId,
        round: u64,
        snapshot: &Arc<Snapshot>,
        fx: &mut E,
    ) {
        let Base { index, term, hash } = snapshot.base;
        // A snapshot up to commitIndex or before is old: the store already contains it.
        if index > self.commit {
            // 6. "If existing log entry has same index and term as snapshot's last included entry,
            // retain log entries following it"; 7. "discard the entire log".
            let first = if self.log().matches(EntryId { term, index }) {
                self.save(snapshot.clone(), index, fx);
                index + 1
            } else {
                self.install(snapshot.clone(), fx);
                self.commit + 1
            };
            // 8. "Reset state machine using snapshot contents"
            self.machine.clone_from(&snapshot.machine);
            self.adopt_snapshot(fx);
            self.replaced.clear();
            self.commit = index;
            fx.note(ReplicaNote::Installed { first, index, hash });
        }
        let reply = RaftMessage::InstallSnapshotReply { term: self.term(), index, round };
        self.promise(from, reply, fx);
    }

    /// A follower has installed a snapshot, and so has every entry up to its last index.
    #[inline(never)] // rare
    pub(super) fn acknowledged_snapshot<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        index: u64,
        round: u64,
        fx: &mut E,
    ) {
        self.acknowledged(now, from, index, round, false, fx);
    }
}
