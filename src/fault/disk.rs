//! Faults of disks.

use serde::{Deserialize, Serialize};

use super::effect::{Effect, Grip, Site};
use super::place::{Aim, Place};
use super::target::{Names, Target};
use super::vocabulary::faults;
use crate::protocol::{Found, Part};
use crate::raft::Lie;
use crate::replica::Replica;
use crate::sim::{DiskFault, DiskSpec, Distribution, Observer, Unsynced};

faults! { Disk:
    /// Crashes nodes and wipes their disks. They restart, empty, when the fault ends.
    Wipe "wipe": "nodes crash and lose their disks"; "they restart, empty, under their old names" {
        /// The nodes.
        node: Target,
    }

    /// Makes writes and fsyncs take longer.
    SlowDisk "slow_disk":
        "disks take longer";
        "writes and fsyncs that begin take as long as before"
    {
        /// The nodes.
        node: Target,
        /// The factor of the time of writes and fsyncs; several multiply.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        factor: f64,
        /// What an fsync, with its writes, takes beyond that; several add up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Distribution>,
    }

    /// Makes every fsync wait for the end of the fault.
    StalledDisk "stalled_disk": "no fsync finishes"; "fsyncs that have waited finish" {
        /// The nodes.
        node: Target,
    }

    /// Leaves no room for writes.
    FullDisk "full_disk":
        "disks have no room for further writes";
        "there is room again, and what has waited is written"
    {
        /// The nodes.
        node: Target,
        /// What a node does then.
        #[serde(default)]
        then: WhenFull,
    }

    /// Makes fsyncs fail with an error, and lose what they should have made durable.
    FailingDisk "failing_disk": "every fsync fails with an error"; "fsyncs no longer fail" {
        /// The nodes.
        node: Target,
        /// What a node does then.
        #[serde(default)]
        then: OnError,
    }

    /// Makes disks report fsyncs that they have not done.
    LyingDisk "lying_disk":
        "fsyncs are reported as done, but a crash loses the data";
        "the next fsync makes everything durable"
    {
        /// The nodes.
        node: Target,
    }

    /// Damages an entry, the vote or the snapshot on disks. Nodes find it when they restart.
    Corrupt "corrupt": "an entry, the vote or the snapshot on a disk is damaged" {
        /// The nodes.
        node: Target,
        /// The part.
        #[serde(default)]
        what: Part,
        /// The index of the entry; a random one if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u64>,
        /// How a node finds the damage.
        #[serde(default)]
        detected: Detected,
    }
}

/// What a node does whose disk is full.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It waits until there is room.
    #[default]
    Wait,
    /// It halts.
    Halt,
}

/// What a node does when an fsync fails.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It halts.
    #[default]
    Halt,
    /// It goes on as if the fsync had been done.
    Ignore,
}

/// How a node finds damage: `true`, `false` or `"truncate"`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(from = "DetectedJson", into = "DetectedJson")]
pub enum Detected {
    /// It knows that it has lost something, and does not vote until that is repaired.
    #[default]
    Yes,
    /// It reads something other than what was written.
    No,
    /// It takes the damage for a torn write, and reads nothing from there on.
    Truncate,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "detected must be true, false or \"truncate\"")]
enum DetectedJson {
    Known(bool),
    As(Reading),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reading {
    Truncate,
}

impl From<Detected> for DetectedJson {
    fn from(detected: Detected) -> Self {
        match detected {
            Detected::Yes => Self::Known(true),
            Detected::No => Self::Known(false),
            Detected::Truncate => Self::As(Reading::Truncate),
        }
    }
}

impl From<DetectedJson> for Detected {
    fn from(json: DetectedJson) -> Self {
        match json {
            DetectedJson::Known(true) => Self::Yes,
            DetectedJson::Known(false) => Self::No,
            DetectedJson::As(Reading::Truncate) => Self::Truncate,
        }
    }
}

impl Disk {
    /// Checks that it can strike these disks, of nodes of our protocol or of another one.
    pub(super) fn suits(&self, disks: &DiskSpec, ours: bool) -> Result<(), String> {
        match self {
            Disk::SlowDisk(slow) if slow.by.is_none() && disks.is_instant() => {
                Err("SlowDisk: a factor changes nothing, since these disks take no time; \
                     give by, or disks with latencies"
                    .into())
            }
            Disk::Corrupt(_) if !ours => {
                Err("Corrupt: only what nodes of protocol \"raft\" keep can be damaged".into())
            }
            _ => Ok(()),
        }
    }
}

fn one() -> f64 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references
fn is_one(factor: &f64) -> bool {
    *factor == 1.0
}

impl Effect for Wipe {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    /// Without a duration they restart at once.
    fn lasts(&self) -> bool {
        false
    }

    fn grip(&self) -> Option<Grip> {
        Some(Grip::Down)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        for id in place.nodes().iter() {
            site.world.crash(id, Unsynced::Lose);
            site.world.wipe(id);
        }
    }
}

impl Effect for SlowDisk {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn limits(&self, _: &Names) -> Result<(), String> {
        if !FACTORS.contains(&self.factor) {
            return Err(format!("factor must be between 1 and 1000000, not {}", self.factor));
        }
        if self.factor == 1.0 && self.by.is_none() {
            return Err("give a factor above 1, or by".into());
        }
        self.by.iter().try_for_each(Distribution::validate).map_err(|why| format!("by: {why}"))
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        let (factor, by) = (self.factor, self.by.clone());
        site.afflict(place, &DiskFault::Slow { factor, by });
    }
}

/// The limits of a factor: even a second becomes no longer than the longest run.
const FACTORS: std::ops::RangeInclusive<f64> = 1.0..=1e6;

impl Effect for StalledDisk {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.afflict(place, &DiskFault::Stalled);
    }
}

impl Effect for FullDisk {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.afflict(place, &DiskFault::Full { halts: self.then == WhenFull::Halt });
    }
}

impl Effect for FailingDisk {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.afflict(place, &DiskFault::Failing { halts: self.then == OnError::Halt });
    }
}

impl Effect for LyingDisk {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.afflict(place, &DiskFault::Lying);
    }
}

impl Effect for Corrupt {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn limits(&self, _: &Names) -> Result<(), String> {
        match self.index {
            Some(0) => Err("index must be at least 1, not 0".into()),
            Some(index) if self.what != Part::Entry => {
                Err(format!("index is for what=\"entry\", not {index} for another part"))
            }
            _ => Ok(()),
        }
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        let found = match self.detected {
            Detected::Yes => Found::AsDamage,
            Detected::No => Found::Never,
            Detected::Truncate => Found::AsTornWrite,
        };
        for id in place.nodes().iter() {
            site.world.corrupt(id, site.strike, self.what, self.index, found);
        }
    }
}
