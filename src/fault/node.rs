//! Faults of processes.

use super::effect::{Effect, Grip, Site};
use super::place::{Aim, Place};
use super::target::Target;
use super::vocabulary::faults;
use crate::raft::Lie;
use crate::replica::Replica;
use crate::sim::{Observer, Unsynced};

faults! { Node:
    /// Cuts the power of nodes. They restart when the fault ends.
    Crash "crash": "nodes lose power, and keep only what their disks have synced"; "they restart" {
        /// The nodes.
        node: Target,
        /// What happens to writes that were not synced.
        #[serde(default)]
        unsynced: Unsynced,
    }

    /// Restarts nodes that are down.
    Restart "restart": "nodes that are down restart, and the faults that kept them down end" {
        /// The nodes.
        node: Target,
    }

    /// Pauses nodes. When the fault ends they process the messages and timers that have waited.
    Pause "pause": "nodes are paused; messages and timers wait"; "they process what has waited" {
        /// The nodes.
        node: Target,
    }

    /// Resumes paused nodes.
    Resume "resume": "paused nodes continue, and the faults that paused them end" {
        /// The nodes.
        node: Target,
    }
}

impl Effect for Crash {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn grip(&self) -> Option<Grip> {
        Some(Grip::Down)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        place.nodes().iter().for_each(|id| _ = site.world.crash(id, self.unsynced));
    }
}

impl Effect for Restart {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        for id in place.nodes().iter() {
            site.release(id, Grip::Down);
            site.let_up(id);
        }
    }
}

impl Effect for Pause {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn grip(&self) -> Option<Grip> {
        Some(Grip::Paused)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        place.nodes().iter().for_each(|id| site.settle(id, Grip::Paused));
    }
}

impl Effect for Resume {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        for id in place.nodes().iter() {
            site.release(id, Grip::Paused);
            site.world.resume(id);
        }
    }
}
