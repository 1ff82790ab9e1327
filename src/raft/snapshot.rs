//! Log compaction (§7): a node saves the state of its state machine and removes the entries that
//! led to it; a follower that needs these entries gets the snapshot instead.

use std::sync::Arc;

use super::messages::RaftMessage;
use super::node::Node;
use super::payload::Payload;
use super::rules::Rule;
use crate::protocol::{Effects, LocalTime, NodeId};
use crate::replica::log::Base;
use crate::replica::machine::Machine;
use crate::replica::membership::Members;
use crate::replica::notes::{ReplicaNote, RoleChange};
use crate::replica::types::{Entry, EntryId};

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
        let droppable = index.saturating_sub(every);
        let all = !self.obeys(Rule::SnapshotOfCommitted);
        let index = if all { self.log().last_index() } else { index };
        let Some(term) = self.log().term_at(index) else { return };
        let base = Base { index, term, hash: self.log().hash_at(index) };
        let members = self.configuration_at(index).filter(|_| self.obeys(Rule::SnapshotConfig));
        let mut machine = self.machine.clone();
        self.apply_to(&mut machine, self.commit + 1, index);
        if !self.obeys(Rule::SnapshotSessions) {
            machine.forget_sessions();
        }
        self.save(Arc::new(Snapshot { base, machine, members }), droppable, fx);
        fx.note(ReplicaNote::Snapshot { index });
        self.sync(fx);
    }

    /// Applies entries to a copy of the store.
    fn apply_to(&self, machine: &mut Machine, first: u64, last: u64) {
        let dedup = self.obeys(Rule::SessionDedup);
        for index in first..=last {
            if let Some(Entry { term, hash, command }) = self.log().get(index) {
                machine.apply(index, term, hash, &command, dedup);
            }
        }
    }

    /// Without the rule [`Rule::AppliedWithStore`]: the entries up to commitIndex that are still in
    /// the log are applied to a store that reflects them.
    pub(super) fn apply_again(&mut self) {
        let (mut machine, before) = (self.machine.clone(), self.machine.fingerprint());
        self.apply_to(&mut machine, self.log().base().index + 1, self.commit);
        if machine.fingerprint() != before {
            machine.leaves_the_log();
        }
        self.machine = machine;
    }

    /// "The leader must occasionally send snapshots to followers that lag behind. This happens when
    /// the leader has already discarded the next log entry that it needs to send" (§7). One is in
    /// flight at a time: it is sent again if it was lost and the follower refuses a later
    /// heartbeat.
    pub(super) fn send_snapshot<E: Effects<Self>>(&mut self, peer: NodeId, fx: &mut E) {
        let Some(snapshot) = self.stable.snapshot().cloned() else { return };
        let (term, round) = (self.term(), self.reads.round());
        if !self.obeys(Rule::CompactedTerm) {
            let base = self.log().base().index;
            self.progress[peer.at()].probed_before(base, round);
            return self.send_append(peer, Payload::Heartbeat, fx);
        }
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
        if index > self.commit || !self.obeys(Rule::NewerSnapshot) {
            // 6. "If existing log entry has same index and term as snapshot's last included entry,
            // retain log entries following it"; 7. "discard the entire log".
            let mut kept = Vec::new();
            let first = if self.log().matches(EntryId { term, index }) {
                self.save(snapshot.clone(), index, fx);
                index + 1
            } else {
                if !self.obeys(Rule::ConflictBeforeSnapshot) {
                    let after = index.saturating_sub(self.log().base().index);
                    kept = self.log().entries().skip(after as usize).collect();
                }
                self.install(snapshot.clone(), fx);
                self.commit + 1
            };
            // 8. "Reset state machine using snapshot contents"
            self.machine.clone_from(&snapshot.machine);
            if self.obeys(Rule::SnapshotReconfigures) {
                self.adopt_snapshot(fx);
            }
            self.replaced.clear();
            self.commit = index;
            fx.note(ReplicaNote::Installed { first, index, hash });
            if !kept.is_empty() {
                self.extend(&kept, fx);
                let last = self.log().last_index();
                let hash = self.log().hash_at(last);
                fx.note(ReplicaNote::Appended { first: index + 1, last, hash });
            }
            if term < self.term() && !self.obeys(Rule::SnapshotKeepsTerm) {
                self.become_follower(term, Some(from), RoleChange::LeaderHeard(from), fx);
            }
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
