//! Disks: a write reaches the page cache, an fsync makes it durable, and both take time. A disk
//! holds the durable state of its node and the journal of the writes after it, so that a crash can
//! lose them, whatever the protocol.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use crate::clone::clone_by_field;
use crate::protocol::{Durability, Fingerprint as _, Span, Stable, WriteId};
use crate::state::StateHash;

/// The latencies of a disk.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskSpec {
    /// The time of a write to the page cache.
    pub write: Distribution,
    /// The time of an fsync.
    pub fsync: Distribution,
}

impl Default for DiskSpec {
    fn default() -> Self {
        let instant = Distribution::constant(Span::ZERO);
        Self { write: instant.clone(), fsync: instant }
    }
}

impl DiskSpec {
    /// True if every write is durable at once.
    pub fn is_instant(&self) -> bool {
        let zero = Some(Span::ZERO);
        self.write.as_constant() == zero && self.fsync.as_constant() == zero
    }
}

/// What a crash does to unsynced writes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unsynced {
    /// They are lost, as after a power failure.
    #[default]
    Lose,
    /// A random number of the first of them survive.
    Tear,
    /// They survive, as when only the process crashes.
    Keep,
}

/// One node's disk. An fsync covers the writes before it was asked for; later writes wait for the
/// next fsync (group commit). The ordinals of writes continue after a crash.
#[derive(Debug, Default)]
pub struct Disk<S: Stable> {
    /// The last write.
    written: WriteId,
    /// The last write that the node asked to make durable.
    requested: WriteId,
    /// The last durable write.
    durable: WriteId,
    /// The last write that the node knows to be durable.
    known: WriteId,
    /// The last write that the running fsync will make durable.
    syncing: Option<WriteId>,
    /// The last write that waits for the next fsync.
    queued: Option<WriteId>,
    /// The number of fsyncs so far, which is the ordinal of their random draws.
    syncs: u64,
    /// What a crash may leave; `None` if every write is durable at once, so that it is what the
    /// node has in memory.
    media: Option<Box<Media<S>>>,
}

clone_by_field!(
    [S: Stable] Disk<S> { media }
    copied { written, requested, durable, known, syncing, queued, syncs }
);

/// The durable state, and the writes after it.
#[derive(Debug)]
struct Media<S: Stable> {
    state: S,
    /// Every write after the last durable one, oldest first.
    journal: VecDeque<(WriteId, S::Write)>,
}

clone_by_field!([S: Stable] Media<S> { state } empty { journal });

impl<S: Stable> Disk<S> {
    /// A disk whose writes take time, with a durable state.
    pub(super) fn holding(state: S) -> Self {
        let media = Media { state, journal: VecDeque::new() };
        Self { media: Some(Box::new(media)), ..Self::default() }
    }

    /// Adds it to a fingerprint. Of writes only the order counts.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        let Self { written, requested, durable, known, syncing, queued, syncs: _, media } = self;
        let after = |write: &WriteId| write.0.saturating_sub(durable.0);
        let waiting =
            [Some(written), Some(requested), Some(known), syncing.as_ref(), queued.as_ref()];
        if let Some(media) = media {
            state.add(waiting.map(|write| write.map(after)));
            state.add((&media.state, media.journal.len()));
            media.journal.iter().for_each(|(_, write)| state.add(write.fingerprint()));
        }
    }

    /// Writes a change of the state.
    #[inline]
    pub(super) fn write(&mut self, write: impl FnOnce() -> S::Write) {
        self.written.0 += 1;
        if let Some(media) = &mut self.media {
            media.journal.push_back((self.written, write()));
        }
    }

    /// The last write, and the last one that the node knows to be durable.
    pub(super) fn progress(&self) -> (WriteId, WriteId) {
        (self.written, self.known)
    }

    /// The last write, and the last one that is durable.
    pub(super) fn extent(&self) -> (WriteId, WriteId) {
        let durable = if self.media.is_some() { self.durable } else { self.written };
        (self.written, durable)
    }

    /// The node asks to make everything durable.
    pub(super) fn sync(&mut self) -> Durability {
        if self.known == self.written {
            return Durability::Done;
        }
        if self.requested < self.written {
            self.requested = self.written;
            self.queued = Some(self.written);
        }
        Durability::Pending(self.written)
    }

    /// Begins the fsync that waits, unless one is running: its ordinal.
    pub(super) fn begin(&mut self) -> Option<u64> {
        if self.syncing.is_some() {
            return None;
        }
        self.syncing = Some(self.queued.take()?);
        self.syncs += 1;
        Some(self.syncs)
    }

    /// The running fsync finishes; false if there is none.
    pub(super) fn finish(&mut self) -> bool {
        let Some(durable) = self.syncing.take() else { return false };
        self.durable = durable;
        if let Some(media) = &mut self.media {
            media.settle(durable);
        }
        true
    }

    /// The node learns what is durable: the last such write.
    pub(super) fn tell(&mut self) -> WriteId {
        self.known = self.durable;
        self.durable
    }

    /// Power loss: the writes up to `kept` survive. The state that the disk holds then, if it is
    /// not the one that the node has in memory.
    pub(super) fn crash(&mut self, kept: WriteId) -> Option<S> {
        (self.requested, self.durable, self.known) = (self.written, self.written, self.written);
        (self.syncing, self.queued) = (None, None);
        let media = self.media.as_mut()?;
        media.settle(kept);
        let lost = !media.journal.is_empty();
        media.journal.clear();
        lost.then(|| media.state.clone())
    }

    /// A new, empty disk: its state.
    pub(super) fn wipe(&mut self) -> S {
        if let Some(media) = &mut self.media {
            media.state = S::default();
        }
        S::default()
    }
}

impl<S: Stable> Media<S> {
    /// The writes up to `last` become durable.
    fn settle(&mut self, last: WriteId) {
        while self.journal.front().is_some_and(|(id, _)| *id <= last) {
            if let Some((_, write)) = self.journal.pop_front() {
                self.state.apply(write);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Fingerprint;

    /// The numbers that were written.
    #[derive(Clone, Debug, Default, Hash, PartialEq)]
    struct Numbers(Vec<u64>);

    impl Fingerprint for Numbers {
        fn fingerprint(&self) -> u64 {
            self.0.iter().sum()
        }
    }

    impl Stable for Numbers {
        type Write = u64;

        fn apply(&mut self, write: u64) {
            self.0.push(write);
        }
    }

    fn writing(disk: &mut Disk<Numbers>, numbers: impl IntoIterator<Item = u64>) {
        numbers.into_iter().for_each(|number| disk.write(|| number));
    }

    fn synced(disk: &mut Disk<Numbers>) -> WriteId {
        assert!(disk.begin().is_some() && disk.finish());
        disk.tell()
    }

    #[test]
    fn a_crash_keeps_what_was_synced_and_a_prefix_of_the_rest() {
        for kept in 2..=4 {
            let mut disk = Disk::holding(Numbers(vec![7]));
            writing(&mut disk, [1, 2]);
            assert_eq!(disk.sync(), Durability::Pending(WriteId(2)));
            assert_eq!(synced(&mut disk), WriteId(2));
            assert_eq!(disk.sync(), Durability::Done);
            writing(&mut disk, [3, 4]);
            assert_eq!(disk.extent(), (WriteId(4), WriteId(2)));
            let left = [7, 1, 2, 3, 4][..=kept].to_vec();
            let whole = kept == 4;
            assert_eq!(disk.crash(WriteId(kept as u64)), (!whole).then_some(Numbers(left)));
            assert_eq!(disk.extent(), (WriteId(4), WriteId(4)), "what is lost is not owed");
            assert_eq!(disk.sync(), Durability::Done);
        }
    }

    #[test]
    fn an_fsync_covers_what_was_asked_before_it_began() {
        let mut disk = Disk::holding(Numbers::default());
        writing(&mut disk, [1]);
        disk.sync();
        assert_eq!(disk.begin(), Some(1));
        writing(&mut disk, [2]);
        disk.sync();
        writing(&mut disk, [3]);
        assert_eq!(disk.begin(), None, "one at a time");
        assert!(disk.finish());
        assert_eq!(disk.tell(), WriteId(1));
        assert_eq!(disk.begin(), Some(2));
        assert!(disk.finish());
        assert_eq!(disk.sync(), Durability::Pending(WriteId(3)), "the node does not know of 2 yet");
        assert_eq!(disk.tell(), WriteId(2));
        assert_eq!(disk.crash(WriteId(2)), Some(Numbers(vec![1, 2])));
    }

    #[test]
    fn a_disk_that_is_instant_loses_nothing_and_a_new_one_is_empty() {
        let mut instant = Disk::<Numbers>::default();
        instant.write(|| unreachable!("nobody can lose it"));
        assert_eq!(instant.extent(), (WriteId(1), WriteId(1)));
        assert_eq!(instant.crash(WriteId(1)), None);
        let mut disk = Disk::holding(Numbers(vec![7]));
        assert_eq!(disk.wipe(), Numbers::default());
        writing(&mut disk, [1, 2]);
        assert_eq!(disk.crash(WriteId(1)), Some(Numbers(vec![1])));
    }
}
