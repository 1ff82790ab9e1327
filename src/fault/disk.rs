//! Faults of disks.

use super::effect::{Effect, Grip, Site};
use super::place::{Aim, Place};
use super::target::Target;
use super::vocabulary::faults;
use crate::raft::Lie;
use crate::replica::Replica;
use crate::sim::{Observer, Unsynced};

faults! { Disk:
    /// Crashes nodes and wipes their disks. They restart, empty, when the fault ends.
    Wipe "wipe": "nodes crash and lose their disks"; "they restart, empty, under their old names" {
        /// The nodes.
        node: Target,
    }
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
