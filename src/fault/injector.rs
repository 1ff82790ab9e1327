//! Applies faults, keeps the active strikes, and ends them.
//!
//! Strikes are independent, and their effects combine in any order: a link is up iff no active
//! fault cuts it; a node is up iff no fault keeps it down, and runs iff it is up and no fault
//! pauses it; the rates of a clock multiply; all lies are applied.

use std::sync::Arc;

use super::clock::RATES;
use super::draws::Draws;
use super::effect::{Effect, Grip, Site};
use super::place::Place;
use super::schedule::Scheduled;
use super::target::Names;
use super::vocabulary::{Family, Fault, Kind};
use crate::clone::clone_by_field;
use crate::protocol::{NodeId, NodeSet};
use crate::raft::Lie;
use crate::replica::Replica;
use crate::sim::{Observer, Strike, Time, World};

/// An active strike.
#[derive(Clone, Debug)]
pub struct Active {
    /// The strike.
    pub strike: Strike,
    /// The nodes that it hit.
    pub nodes: NodeSet,
    /// When it began.
    pub since: Time,
}

/// The result of a strike.
#[derive(Clone, Debug, PartialEq)]
pub enum Struck {
    /// It hit this place, which may be empty.
    Hit(Place),
    /// It must wait for a node that does not exist yet, such as a leader.
    NotYet,
}

/// The injected faults and the active strikes.
#[derive(Debug, Default)]
pub struct Injector {
    /// The injected faults by handle, counted from 1.
    given: Vec<Arc<Scheduled>>,
    active: Vec<Active>,
    /// Strikes that another fault has ended, such as a crash by a restart.
    ended: Vec<Strike>,
}

clone_by_field!([] Injector {} empty { active, ended } lists { given });

impl Injector {
    /// Adds a fault and returns its handle.
    pub fn give(&mut self, fault: Arc<Scheduled>) -> u32 {
        self.given.push(fault);
        self.given.len() as u32
    }

    /// The number of faults, which is the last handle.
    pub fn given(&self) -> u32 {
        self.given.len() as u32
    }

    /// The fault with this handle.
    pub fn fault(&self, handle: u32) -> Option<&Scheduled> {
        scheduled(&self.given, handle)
    }

    /// The active strikes, oldest first.
    pub fn active(&self) -> &[Active] {
        &self.active
    }

    /// Whether this strike is active.
    pub fn is_active(&self, strike: Strike) -> bool {
        self.active.iter().rev().any(|active| active.strike == strike) // most often the last one
    }

    /// The active strikes of one fault.
    pub fn strikes_of(&self, handle: u32) -> Vec<Strike> {
        self.strikes(|strike, _| strike.handle == handle)
    }

    /// The active strikes of all network faults.
    pub fn network_strikes(&self) -> Vec<Strike> {
        self.strikes(|_, fault| fault.kind().family == Family::Network)
    }

    fn strikes(&self, wanted: impl Fn(Strike, &Fault) -> bool) -> Vec<Strike> {
        let known = |active: &Active| {
            let given = self.fault(active.strike.handle)?;
            wanted(active.strike, &given.fault).then_some(active.strike)
        };
        self.active.iter().filter_map(known).collect()
    }

    /// Takes the strikes that another fault has ended since the last call.
    pub fn take_ended(&mut self) -> Vec<Strike> {
        std::mem::take(&mut self.ended)
    }

    /// Whether a waiting strike finds a node to hit.
    pub fn finds<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        world: &World<P, O>,
        names: &Names,
        strike: Strike,
    ) -> bool {
        let draws = Draws::new(world.luck(), strike);
        let given = self.fault(strike.handle);
        given.is_some_and(|given| given.fault.aim().place(names, world, draws).is_some())
    }

    /// Strikes. Has no effect if it returns [`Struck::NotYet`].
    pub fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &mut self,
        world: &mut World<P, O>,
        names: &Names,
        strike: Strike,
    ) -> Struck {
        let Some(given) = self.given.get(strike.handle as usize - 1).map(Arc::clone) else {
            return Struck::NotYet;
        };
        let draws = Draws::new(world.luck(), strike);
        let Some(place) = given.fault.aim().place(names, world, draws) else {
            return Struck::NotYet;
        };
        if place.is_nowhere(&world.started()) {
            return Struck::Hit(Place::Nodes(NodeSet::default()));
        }
        if given.fault.kind().end.is_some() {
            self.active.push(Active { strike, nodes: place.nodes(), since: world.now() });
            told(world, &given.fault, &place.nodes(), true);
        }
        let mut site = Site { world, strike, injector: self };
        given.fault.strike(&mut site, &place);
        Struck::Hit(place)
    }

    /// Ends a strike; false if it is not active.
    pub fn end<P: Replica<Lie = Lie>, O: Observer<P>>(
        &mut self,
        world: &mut World<P, O>,
        strike: Strike,
    ) -> bool {
        let Some(at) = self.active.iter().position(|active| active.strike == strike) else {
            return false;
        };
        let nodes = self.active.remove(at).nodes;
        let Some(given) = self.given.get(strike.handle as usize - 1).map(Arc::clone) else {
            return false;
        };
        told(world, &given.fault, &nodes, false);
        given.fault.end(&mut Site { world, strike, injector: self }, &nodes);
        true
    }

    fn acting_on(&self, id: NodeId) -> impl Iterator<Item = &Fault> {
        let there = self.active.iter().filter(move |active| active.nodes.contains(id));
        there.filter_map(|active| Some(&self.fault(active.strike.handle)?.fault))
    }

    /// Whether a fault keeps this node in this state.
    pub(super) fn grips(&self, id: NodeId, grip: Grip) -> bool {
        self.acting_on(id).any(|fault| fault.grip() == Some(grip))
    }

    /// The product of the rates that act on a clock, within the limits of a rate.
    pub(super) fn clock_rate(&self, id: NodeId) -> f64 {
        let rates = self.acting_on(id).filter_map(|fault| match fault.grip() {
            Some(Grip::Rate(rate)) => Some(rate),
            _ => None,
        });
        rates.product::<f64>().clamp(*RATES.start(), *RATES.end())
    }

    /// Ends the strikes that keep a node in this state; a strike without nodes has ended.
    pub(super) fn release<P: Replica<Lie = Lie>, O: Observer<P>>(
        &mut self,
        world: &mut World<P, O>,
        id: NodeId,
        grip: Grip,
    ) {
        for active in &mut self.active {
            let Some(given) = scheduled(&self.given, active.strike.handle) else { continue };
            if given.fault.grip() == Some(grip) && active.nodes.remove(id) {
                told(world, &given.fault, &NodeSet::from_iter([id]), false);
                if active.nodes.is_empty() {
                    self.ended.push(active.strike);
                }
            }
        }
        self.active.retain(|active| !active.nodes.is_empty());
    }
}

/// Reports a fault on nodes to the world, for its digest: while several faults hold a node, the
/// beginning or end of one of them has no visible effect. The world itself knows network faults and
/// lies.
fn told<P: Replica<Lie = Lie>, O: Observer<P>>(
    world: &mut World<P, O>,
    fault: &Fault,
    nodes: &NodeSet,
    begins: bool,
) {
    if let Some(grip) = fault.grip() {
        world.held(grip.code(), nodes, begins);
    }
}

fn scheduled(given: &[Arc<Scheduled>], handle: u32) -> Option<&Scheduled> {
    given.get(handle.checked_sub(1)? as usize).map(Arc::as_ref)
}
