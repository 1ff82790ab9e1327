//! Disks: a write reaches the page cache, an fsync makes it durable, and both take time.

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use crate::protocol::{Span, WriteId};

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

/// One node's disk. An fsync covers the writes before it began; later writes wait for the next
/// fsync (group commit).
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk {
    /// The last durable write.
    pub durable: WriteId,
    /// The last write that the running fsync will make durable.
    pub syncing: Option<WriteId>,
    /// The last write that waits for the next fsync.
    pub queued: Option<WriteId>,
    /// The number of fsyncs so far, which is the ordinal of their random draws.
    pub syncs: u64,
}
