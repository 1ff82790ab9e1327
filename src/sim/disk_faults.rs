//! Faults of a disk. Several act at the same time: times multiply and add up, and of the others the
//! first of these decides about an fsync: it does not finish, it fails and its node halts, its
//! error is ignored, the disk lies about it.

use super::digest::Digest;
use super::distribution::Distribution;
use super::luck::{Luck, Purpose};
use super::strike::Strike;
use crate::protocol::{Fingerprint, Span};
use crate::reasons;

/// A fault of a disk, as long as it acts.
#[derive(Clone, Debug, PartialEq)]
pub enum DiskFault {
    /// Writes and fsyncs that begin take longer.
    Slow {
        /// The factor of their time.
        factor: f64,
        /// What an fsync, with its writes, takes beyond that.
        by: Option<Distribution>,
    },
    /// No fsync finishes.
    Stalled,
    /// There is no room for further writes.
    Full {
        /// Whether the node halts; otherwise it waits until there is room.
        halts: bool,
    },
    /// Every fsync fails with an error, and what it should have made durable is lost.
    Failing {
        /// Whether the node halts; otherwise it ignores the error.
        halts: bool,
    },
    /// Fsyncs are reported as done, and make nothing durable.
    Lying,
}

impl Fingerprint for DiskFault {
    fn fingerprint(&self) -> u64 {
        match self {
            Self::Slow { factor, by } => Digest::of([1, factor.to_bits(), by.fingerprint()]),
            Self::Stalled => 2,
            Self::Full { halts } => 3 + u64::from(*halts),
            Self::Failing { halts } => 5 + u64::from(*halts),
            Self::Lying => 7,
        }
    }
}

/// What becomes of an fsync that has taken its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// It makes everything durable that was written before it was asked for.
    Done,
    /// It does so once the fault has ended.
    Waits,
    /// It fails, and its node halts for this reason.
    Fails(&'static str),
    /// It fails, and its node ignores that.
    Ignored,
    /// It makes nothing durable, and nobody knows.
    Lies,
}

impl Outcome {
    /// With these faults.
    pub(super) fn of<'a>(faults: impl Iterator<Item = &'a DiskFault>) -> Self {
        faults.map(Self::under).max_by_key(|outcome| outcome.weight()).unwrap_or(Self::Done)
    }

    fn under(fault: &DiskFault) -> Self {
        match fault {
            DiskFault::Slow { .. } => Self::Done,
            DiskFault::Stalled | DiskFault::Full { halts: false } => Self::Waits,
            DiskFault::Full { halts: true } => Self::Fails(reasons::DISK_FULL),
            DiskFault::Failing { halts: true } => Self::Fails(reasons::DISK_FAILED),
            DiskFault::Failing { halts: false } => Self::Ignored,
            DiskFault::Lying => Self::Lies,
        }
    }

    fn weight(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Lies => 1,
            Self::Ignored => 2,
            Self::Fails(_) => 3,
            Self::Waits => 4,
        }
    }
}

/// Whether faults make an fsync take time that takes none otherwise.
pub(super) fn delay(faults: &[(Strike, DiskFault)]) -> bool {
    faults.iter().any(|(_, fault)| matches!(fault, DiskFault::Slow { by: Some(_), .. }))
}

/// The time of the `sync`-th fsync of a disk, which takes `span` without faults.
pub(super) fn slowed(
    faults: &[(Strike, DiskFault)],
    span: Span,
    luck: Luck,
    disk: u64,
    sync: u64,
) -> Span {
    let (mut product, mut sum) = (1.0, 0);
    for (strike, fault) in faults {
        let DiskFault::Slow { factor, by } = fault else { continue };
        product *= factor;
        if let Some(by) = by {
            let draw = luck.draw(Purpose::Disk, strike.luck_of(disk), sync);
            sum = by.sample(draw).0.saturating_add(sum);
        }
    }
    Span(((span.0 as f64 * product).round() as u64).saturating_add(sum))
}
