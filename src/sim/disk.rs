//! Disks: a write reaches the page cache, an fsync makes it durable, and both take their time.

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use crate::protocol::{Span, WriteId};

/// How long a disk takes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskSpec {
    /// From the write to the page cache.
    pub write: Distribution,
    /// From the page cache to the platter.
    pub fsync: Distribution,
}

impl Default for DiskSpec {
    fn default() -> Self {
        let instant = Distribution::constant(Span::ZERO);
        Self { write: instant.clone(), fsync: instant }
    }
}

impl DiskSpec {
    /// Whether everything is durable at once.
    pub fn is_instant(&self) -> bool {
        let zero = Some(Span::ZERO);
        self.write.as_constant() == zero && self.fsync.as_constant() == zero
    }
}

/// What a crash does to writes that no fsync has confirmed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unsynced {
    /// They are gone, as after a power failure.
    #[default]
    Lose,
    /// A random number of the first ones survive.
    Tear,
    /// They survive, as after the death of the process alone.
    Keep,
}

/// One node's disk. An fsync covers what was written before it began; what comes while it runs waits for
/// the next one (group commit).
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk {
    /// Everything up to here survives a crash.
    pub durable: WriteId,
    /// What the running fsync will make durable.
    pub syncing: Option<WriteId>,
    /// What waits for the next one.
    pub queued: Option<WriteId>,
    /// How many fsyncs were begun; the ordinal of their luck.
    pub syncs: u64,
}
