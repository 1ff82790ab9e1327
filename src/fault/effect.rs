//! What a fault does: where it is aimed, its limits, how it begins and ends.

use super::injector::Injector;
use super::place::{Aim, Place};
use super::target::Names;
use super::vocabulary::{Family, Kind};
use crate::protocol::{NodeId, NodeSet};
use crate::raft::Lie;
use crate::replica::Replica;
use crate::sim::{DiskFault, Matching, Observer, Overlay, Strike, World};

/// What a fault does. Only where it is aimed and how it begins must be given.
pub trait Effect: Kind {
    /// What it is aimed at. The targets are checked with the scenario.
    fn aim(&self) -> Aim<'_>;

    /// Checks that it is valid in a cluster of these nodes.
    fn validate(&self, names: &Names) -> Result<(), String> {
        self.aim().validate(names)?;
        self.limits(names)
    }

    /// Checks its parameters other than targets.
    fn limits(&self, _names: &Names) -> Result<(), String> {
        Ok(())
    }

    /// True if a strike lasts until it is ended; false if its effect is instantaneous.
    fn lasts(&self) -> bool {
        self.kind().end.is_some()
    }

    /// The state in which it keeps nodes while it is active.
    fn grip(&self) -> Option<Grip> {
        None
    }

    /// Begins.
    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    );

    /// Ends; the strike is no longer active. By default the network loses the fault's overlay, a
    /// disk its fault, and nodes are released from its grip.
    fn end<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        nodes: &NodeSet,
    ) {
        match self.kind().family {
            Family::Network => _ = site.world.remove_overlay(site.strike),
            Family::Disk => _ = site.world.remove_disk_faults(site.strike),
            Family::Node | Family::Clock | Family::Lies => {}
        }
        if let Some(grip) = self.grip() {
            nodes.iter().for_each(|id| site.settle(id, grip));
        }
    }
}

/// A state in which a fault keeps a node. Those of several faults combine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Grip {
    /// It is down while any fault keeps it down.
    Down,
    /// It is paused while any fault pauses it.
    Paused,
    /// Its clock runs at the product of the rates.
    Rate(f64),
}

impl Grip {
    /// For digests: while several faults hold a node, the beginning or end of one of them has no
    /// visible effect.
    pub(super) fn code(self) -> u64 {
        match self {
            Grip::Down => 0,
            Grip::Paused => 1,
            Grip::Rate(rate) => rate.to_bits(),
        }
    }
}

/// The strike that begins or ends, and the world in which it does.
pub struct Site<'a, P: Replica<Lie = Lie>, O: Observer<P>> {
    /// The world.
    pub world: &'a mut World<P, O>,
    /// The strike.
    pub strike: Strike,
    pub(super) injector: &'a mut Injector,
}

impl<P: Replica<Lie = Lie>, O: Observer<P>> Site<'_, P, O> {
    /// Changes what the network does on the links of this place.
    pub(super) fn cover(&mut self, place: &Place, overlay: impl FnOnce(Matching) -> Overlay) {
        if let Place::Links(links) = place {
            self.world.add_overlay(self.strike, overlay(links.clone()));
        }
    }

    /// Makes the disks of these nodes faulty.
    pub(super) fn afflict(&mut self, place: &Place, fault: &DiskFault) {
        for id in place.nodes().iter() {
            self.world.add_disk_fault(id, self.strike, fault.clone());
        }
    }

    /// Cuts the links between these groups.
    pub(super) fn part(&mut self, place: &Place) {
        if let Place::Groups(groups) = place {
            self.world.add_overlay(self.strike, Overlay::Partition(groups.clone()));
        }
    }

    /// Updates a node to the combined state of the faults on it, after one with this grip began or
    /// ended there.
    pub(super) fn settle(&mut self, id: NodeId, grip: Grip) {
        match grip {
            Grip::Down if self.injector.grips(id, Grip::Down) => {}
            Grip::Down => self.let_up(id),
            Grip::Paused if self.injector.grips(id, Grip::Paused) => _ = self.world.pause(id),
            Grip::Paused => _ = self.world.resume(id),
            Grip::Rate(_) => self.world.set_clock_rate(id, self.injector.clock_rate(id)),
        }
    }

    /// Ends the strikes that keep a node in this state.
    pub(super) fn release(&mut self, id: NodeId, grip: Grip) {
        self.injector.release(self.world, id, grip);
    }

    /// Restarts a node that no fault keeps down; pauses it again if a fault does.
    pub(super) fn let_up(&mut self, id: NodeId) {
        if self.world.restart(id) && self.injector.grips(id, Grip::Paused) {
            self.world.pause(id);
        }
    }
}
