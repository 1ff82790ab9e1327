//! Disks: a write reaches the page cache, an fsync makes it durable, and both take time. A disk
//! holds the durable state of its node and the journal of the writes after it, so that a crash can
//! lose them, whatever the protocol.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::disk_faults::{self, DiskFault, Outcome};
use super::distribution::Distribution;
use super::strike::Strike;
use crate::clone::clone_by_field;
use crate::protocol::{Damage, Durability, Fingerprint as _, Part, Span, Stable, WriteId};
use crate::state::StateHash;

/// The latencies of a disk.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskSpec {
    /// The time of a write to the page cache.
    pub write: Distribution,
    /// The time of an fsync.
    pub fsync: Distribution,
    /// Whether a node waits for its fsyncs: until one is done, it handles nothing else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub blocks: bool,
}

impl Default for DiskSpec {
    fn default() -> Self {
        let instant = Distribution::constant(Span::ZERO);
        Self { write: instant.clone(), fsync: instant, blocks: false }
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
    /// The active faults, in the order of their strikes.
    faults: Vec<(Strike, DiskFault)>,
    /// Damage that its node has not read yet.
    damages: Vec<Damage>,
    /// Where an error was ignored: no later write can be read after a crash.
    hole: Option<WriteId>,
    /// The last write for which there was room, if the disk is full.
    room: Option<WriteId>,
    /// The running fsync has taken its time, and waits for the end of a fault.
    overdue: bool,
    /// An fsync failed.
    failed: bool,
}

clone_by_field!(
    [S: Stable] Media<S> { state }
    copied { hole, room, overdue, failed }
    empty { journal, faults, damages }
);

/// What a crash leaves of a state.
#[derive(Debug, PartialEq)]
pub(super) struct Left<S> {
    /// What the disk holds.
    pub(super) state: S,
    /// Whether that is something other than what was written.
    pub(super) corrupted: bool,
}

/// What becomes of an fsync that is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Synced {
    /// There is none, or it waits for the end of a fault.
    Not,
    /// It is reported as done.
    Done,
    /// It fails, and with it the node, for this reason.
    Failed(&'static str),
}

impl<S: Stable> Disk<S> {
    /// A disk whose writes take time, with a durable state.
    pub(super) fn holding(state: S) -> Self {
        Self { media: Some(Box::new(Media::new(state))), ..Self::default() }
    }

    /// A disk that was instant so far, and holds this, gets something to lose.
    pub(super) fn hold(&mut self, state: &S) {
        if self.media.is_none() {
            self.settle_all();
            self.media = Some(Box::new(Media::new(state.clone())));
        }
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
            media.hash_faults(state, after);
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

    /// The last write, and the last one that is durable, whatever the disk reports.
    pub(super) fn extent(&self) -> (WriteId, WriteId) {
        (
            self.written,
            self.media.as_ref().map_or(self.written, |media| media.settled(self.written)),
        )
    }

    /// The last write that a crash can leave, of those up to `kept`.
    pub(super) fn readable(&self, kept: WriteId) -> WriteId {
        self.media.as_ref().map_or(kept, |media| media.readable(kept))
    }

    /// The last write that counts as durable.
    pub(super) fn reported(&self) -> WriteId {
        if self.media.is_some() { self.durable } else { self.written }
    }

    /// Its active faults.
    pub(super) fn faults(&self) -> &[(Strike, DiskFault)] {
        self.media.as_ref().map_or(&[], |media| &media.faults)
    }

    /// A fault begins.
    pub(super) fn add_fault(&mut self, strike: Strike, fault: DiskFault) {
        let Some(media) = &mut self.media else { return };
        if matches!(fault, DiskFault::Full { .. }) {
            media.room.get_or_insert(self.written);
        }
        media.faults.push((strike, fault));
    }

    /// A fault ends; `None` if it does not act on this disk.
    pub(super) fn remove_fault(&mut self, strike: Strike) -> Option<DiskFault> {
        let media = self.media.as_mut()?;
        let at = media.faults.iter().position(|(other, _)| *other == strike)?;
        let (_, fault) = media.faults.remove(at);
        if !media.faults.iter().any(|(_, fault)| matches!(fault, DiskFault::Full { .. })) {
            media.room = None;
        }
        Some(fault)
    }

    /// Whether the running fsync has waited for the end of faults that have ended now.
    pub(super) fn is_overdue(&mut self) -> bool {
        let Some(media) = &mut self.media else { return false };
        let due = self.syncing.filter(|_| media.overdue);
        let is_due = due.is_some_and(|last| media.outcome(last) != Outcome::Waits);
        media.overdue &= !is_due;
        is_due
    }

    /// Whether an fsync of the writes up to `last`, which takes no time without faults, is reported
    /// as done at once.
    pub(super) fn syncs_at_once(&self, last: WriteId) -> bool {
        let Some(media) = &self.media else { return true };
        let reported = !matches!(media.outcome(last), Outcome::Waits | Outcome::Fails(_));
        reported && self.is_idle() && !disk_faults::delay(&media.faults)
    }

    /// Whether an fsync runs or waits.
    pub(super) fn is_running(&self) -> bool {
        self.syncing.is_some() || self.queued.is_some()
    }

    /// No fsync runs or waits, and the node knows of all that finished.
    fn is_idle(&self) -> bool {
        self.syncing.is_none() && self.queued.is_none() && self.known == self.durable
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

    /// The running fsync has taken its time.
    pub(super) fn finish(&mut self) -> Synced {
        let Some(last) = self.syncing else { return Synced::Not };
        let synced = self.media.as_mut().map_or(Synced::Done, |media| media.sync(last));
        if synced != Synced::Not {
            self.syncing = None;
        }
        if synced == Synced::Done {
            self.durable = last;
        }
        synced
    }

    /// An fsync, which takes no time without faults: [`Synced::Not`] if it takes time now.
    pub(super) fn sync_at_once(&mut self) -> Synced {
        let (last, idle) = (self.written, self.is_idle());
        let Some(media) = &mut self.media else { return Synced::Done };
        if !idle || disk_faults::delay(&media.faults) || media.outcome(last) == Outcome::Waits {
            return Synced::Not;
        }
        let synced = media.sync(last);
        if synced == Synced::Done {
            self.settle_all();
        }
        synced
    }

    /// Whether an fsync failed since the last crash.
    pub(super) fn has_failed(&self) -> bool {
        self.media.as_ref().is_some_and(|media| media.failed)
    }

    /// Everything counts as durable, and the node knows.
    fn settle_all(&mut self) {
        (self.requested, self.durable, self.known) = (self.written, self.written, self.written);
    }

    /// The node learns what is durable: the last such write.
    pub(super) fn tell(&mut self) -> WriteId {
        self.known = self.durable;
        self.durable
    }

    /// Power loss: the writes up to `kept` survive. The state that the disk holds then, if it is
    /// not the one that the node has in memory.
    pub(super) fn crash(&mut self, kept: WriteId) -> Option<Left<S>> {
        self.settle_all();
        (self.syncing, self.queued) = (None, None);
        let written = self.written;
        let media = self.media.as_mut()?;
        media.settle(kept);
        media.forget(written);
        let lost = !media.journal.is_empty();
        media.journal.clear();
        let corrupted = media.read_damages();
        (lost || corrupted).then(|| Left { state: media.state.clone(), corrupted })
    }

    /// What can be damaged: the index of a part and its fingerprint, on a disk that holds it.
    pub(super) fn locate(&self, part: Part, index: Option<u64>, draw: u64) -> Option<(u64, u64)> {
        self.media.as_ref()?.state.locate(part, index, draw)
    }

    /// A part is damaged, which its node finds when it reads its disk.
    pub(super) fn corrupt(&mut self, damage: Damage) {
        if let Some(media) = &mut self.media {
            media.damages.push(damage);
        }
    }

    /// A node that is down reads its disk: the state, if that is not what was written.
    pub(super) fn read_damages(&mut self) -> Option<S> {
        let media = self.media.as_mut()?;
        media.read_damages().then(|| media.state.clone())
    }

    /// A new, empty disk: its state.
    pub(super) fn wipe(&mut self) -> S {
        if let Some(media) = &mut self.media {
            media.state = S::default();
            media.damages.clear();
        }
        S::default()
    }
}

impl<S: Stable> Media<S> {
    fn new(state: S) -> Self {
        Self {
            state,
            journal: VecDeque::new(),
            faults: Vec::new(),
            damages: Vec::new(),
            hole: None,
            room: None,
            overdue: false,
            failed: false,
        }
    }

    /// The last durable write, if `written` is the last of all.
    fn settled(&self, written: WriteId) -> WriteId {
        self.journal.front().map_or(written, |(first, _)| WriteId(first.0 - 1))
    }

    /// The last write that a crash can leave, of those up to `kept`.
    fn readable(&self, kept: WriteId) -> WriteId {
        [self.hole, self.room].into_iter().flatten().fold(kept, WriteId::min)
    }

    /// What becomes of an fsync of the writes up to `last`. A full disk has room for earlier ones.
    fn outcome(&self, last: WriteId) -> Outcome {
        let fits = self.room.is_some_and(|room| last <= room);
        let faults = self.faults.iter().map(|(_, fault)| fault);
        Outcome::of(faults.filter(|fault| !(fits && matches!(fault, DiskFault::Full { .. }))))
    }

    /// An fsync of the writes up to `last` has taken its time.
    fn sync(&mut self, last: WriteId) -> Synced {
        match self.outcome(last) {
            Outcome::Waits => {
                self.overdue = true;
                return Synced::Not;
            }
            Outcome::Fails(reason) => {
                self.failed = true;
                return Synced::Failed(reason);
            }
            Outcome::Ignored => {
                let durable = self.settled(last);
                self.hole.get_or_insert(durable);
            }
            Outcome::Lies => {}
            Outcome::Done => self.settle(self.hole.map_or(last, |hole| hole.min(last))),
        }
        Synced::Done
    }

    /// Adds its faults, and what they have done, to a fingerprint.
    fn hash_faults(&self, state: &mut StateHash, after: impl Fn(&WriteId) -> u64) {
        let Self { state: _, journal: _, faults, damages, hole, room, overdue, failed } = self;
        if !(faults.is_empty() && damages.is_empty() && hole.is_none()) {
            faults.iter().for_each(|(_, fault)| state.add(fault.fingerprint()));
            damages.iter().for_each(|damage| state.add(damage.fingerprint()));
            state.add((hole.as_ref().map(&after), room.as_ref().map(&after), overdue, failed));
        }
    }

    /// Its node reads the state with its damages. True if that is not what was written.
    fn read_damages(&mut self) -> bool {
        let damages = std::mem::take(&mut self.damages);
        damages.iter().filter(|damage| self.state.damage(damage)).count() > 0
    }

    /// After a crash, which ended the fsync and left what can be read.
    fn forget(&mut self, written: WriteId) {
        (self.hole, self.overdue, self.failed) = (None, false, false);
        self.room = self.room.map(|_| written);
    }

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

    fn state(left: Option<Left<Numbers>>) -> Option<Numbers> {
        left.map(|left| left.state)
    }

    fn synced(disk: &mut Disk<Numbers>) -> WriteId {
        assert!(disk.begin().is_some());
        assert_eq!(disk.finish(), Synced::Done);
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
            assert_eq!(state(disk.crash(WriteId(kept as u64))), (!whole).then_some(Numbers(left)));
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
        assert_eq!(disk.finish(), Synced::Done);
        assert_eq!(disk.tell(), WriteId(1));
        assert_eq!(disk.begin(), Some(2));
        assert_eq!(disk.finish(), Synced::Done);
        assert_eq!(disk.sync(), Durability::Pending(WriteId(3)), "the node does not know of 2 yet");
        assert_eq!(disk.tell(), WriteId(2));
        assert_eq!(state(disk.crash(WriteId(2))), Some(Numbers(vec![1, 2])));
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
        assert_eq!(state(disk.crash(WriteId(1))), Some(Numbers(vec![1])));
    }
}
