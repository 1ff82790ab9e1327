//! Applies faults, keeps the active strikes, and ends them.
//!
//! Strikes are independent, and their effects combine in any order: a link is up iff no active
//! fault cuts it; a node is up iff no fault keeps it down, and runs iff it is up and no fault
//! pauses it; the rates of a clock multiply; all lies are applied.

use std::sync::Arc;

use super::draws::Draws;
use super::place::Place;
use super::schedule::Scheduled;
use super::target::Names;
use super::vocabulary::{Family, Fault};
use crate::clone::clone_by_field;
use crate::protocol::{NodeId, NodeSet, Span};
use crate::raft::Lie;
use crate::reasons;
use crate::replica::{Replica, Request};
use crate::sim::{Matching, Observer, Overlay, Strike, Time, Unsynced, World};

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
        given.is_some_and(|given| Place::of(&given.fault, names, world, draws).is_some())
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
        let Some(place) = Place::of(&given.fault, names, world, draws) else {
            return Struck::NotYet;
        };
        if place.is_nowhere(names.len()) {
            return Struck::Hit(Place::Nodes(NodeSet::default()));
        }
        if given.fault.kind().end.is_some() {
            self.active.push(Active { strike, nodes: place.nodes(), since: world.now() });
            told(world, &given.fault, &place.nodes(), true);
        }
        match &place {
            Place::Nodes(nodes) => self.act_on_nodes(world, strike, &given.fault, nodes),
            Place::Groups(groups) => {
                world.add_overlay(strike, Overlay::Partition(groups.clone()));
            }
            Place::Links(links) => act_on_links(world, strike, &given.fault, links.clone()),
        }
        Struck::Hit(place)
    }

    fn act_on_nodes<P: Replica<Lie = Lie>, O: Observer<P>>(
        &mut self,
        world: &mut World<P, O>,
        strike: Strike,
        fault: &Fault,
        nodes: &NodeSet,
    ) {
        if let Fault::Isolate { .. } = fault {
            let alone = nodes.iter().map(|id| [id].into_iter().collect()).collect();
            if let Place::Groups(groups) = Place::groups(alone, world.len()) {
                world.add_overlay(strike, Overlay::Partition(groups));
            }
            return;
        }
        nodes.iter().for_each(|id| self.act_on_node(world, strike, fault, id));
    }

    fn act_on_node<P: Replica<Lie = Lie>, O: Observer<P>>(
        &mut self,
        world: &mut World<P, O>,
        strike: Strike,
        fault: &Fault,
        id: NodeId,
    ) {
        match fault {
            Fault::Crash { unsynced, .. } => _ = world.crash(id, *unsynced),
            Fault::Wipe { .. } => {
                world.crash(id, Unsynced::Lose);
                world.wipe(id);
            }
            Fault::Restart { .. } => {
                self.release(world, id, holds_down);
                self.let_up(world, id);
            }
            Fault::Pause { .. } | Fault::ClockRate { .. } => self.combine(world, id, fault),
            Fault::Resume { .. } => {
                self.release(world, id, pauses);
                world.resume(id);
            }
            Fault::ClockJump { by, .. } => {
                let span = Span((by.abs() * 1e6).round() as u64);
                world.jump_clock(id, span, *by < 0.0);
            }
            Fault::Lie { lie, .. } => world.add_lie(id, strike, lie.clone()),
            Fault::ForgetVote { .. } => {
                world.command_liar(id, Request::ForgetVote, reasons::FORGOT_VOTE);
            }
            Fault::Usurp { .. } => {
                world.command_liar(id, Request::Usurp, reasons::USURPED);
            }
            _ => {}
        }
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
        match &given.fault {
            Fault::Hold { .. } => _ = world.stop_holding(strike),
            Fault::Lie { .. } => _ = world.remove_lie(strike),
            fault if fault.kind().family == Family::Network => _ = world.remove_overlay(strike),
            fault => nodes.iter().for_each(|id| self.combine(world, id, fault)),
        }
        true
    }

    /// Updates a node to the combined effect of the faults on it, after a fault of this kind began
    /// or ended there.
    fn combine<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        world: &mut World<P, O>,
        id: NodeId,
        fault: &Fault,
    ) {
        match fault {
            Fault::Crash { .. } | Fault::Wipe { .. } if !self.acts_on(id, holds_down) => {
                self.let_up(world, id);
            }
            Fault::Pause { .. } => {
                if self.acts_on(id, pauses) {
                    world.pause(id);
                } else {
                    world.resume(id);
                }
            }
            Fault::ClockRate { .. } => world.set_clock_rate(id, self.clock_rate(id)),
            _ => {}
        }
    }

    /// Restarts a node that no fault keeps down; pauses it again if a fault does.
    fn let_up<P: Replica<Lie = Lie>, O: Observer<P>>(&self, world: &mut World<P, O>, id: NodeId) {
        if world.restart(id) && self.acts_on(id, pauses) {
            world.pause(id);
        }
    }

    fn acting_on(&self, id: NodeId) -> impl Iterator<Item = &Fault> {
        let there = self.active.iter().filter(move |active| active.nodes.contains(id));
        there.filter_map(|active| Some(&self.fault(active.strike.handle)?.fault))
    }

    fn acts_on(&self, id: NodeId, kind: fn(&Fault) -> bool) -> bool {
        self.acting_on(id).any(kind)
    }

    /// The product of the rates that act on a clock, within the limits of a rate.
    fn clock_rate(&self, id: NodeId) -> f64 {
        let rates = self.acting_on(id).filter_map(|fault| match fault {
            Fault::ClockRate { rate, .. } => Some(*rate),
            _ => None,
        });
        rates.product::<f64>().clamp(*RATES.start(), *RATES.end())
    }

    /// Ends strikes of a kind at a node; a strike without nodes has ended.
    fn release<P: Replica<Lie = Lie>, O: Observer<P>>(
        &mut self,
        world: &mut World<P, O>,
        id: NodeId,
        kind: fn(&Fault) -> bool,
    ) {
        for active in &mut self.active {
            let Some(given) = scheduled(&self.given, active.strike.handle) else { continue };
            if kind(&given.fault) && active.nodes.remove(id) {
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
    let what = match fault {
        Fault::Crash { .. } | Fault::Wipe { .. } => 0,
        Fault::Pause { .. } => 1,
        Fault::ClockRate { rate, .. } => rate.to_bits(),
        _ => return,
    };
    world.held(what, nodes, begins);
}

/// The limits of a clock's rate: even a thousand times as fast, it does not overflow in the longest
/// run.
pub const RATES: std::ops::RangeInclusive<f64> = 1e-6..=1e3;

fn holds_down(fault: &Fault) -> bool {
    matches!(fault, Fault::Crash { .. } | Fault::Wipe { .. })
}

fn pauses(fault: &Fault) -> bool {
    matches!(fault, Fault::Pause { .. })
}

fn scheduled(given: &[Arc<Scheduled>], handle: u32) -> Option<&Scheduled> {
    given.get(handle.checked_sub(1)? as usize).map(Arc::as_ref)
}

fn act_on_links<P: Replica<Lie = Lie>, O: Observer<P>>(
    world: &mut World<P, O>,
    strike: Strike,
    fault: &Fault,
    links: Matching,
) {
    match fault {
        Fault::Cut { .. } => world.add_overlay(strike, Overlay::Cut(links)),
        Fault::Delay { by, .. } => world.add_overlay(strike, Overlay::Delay(links, by.clone())),
        Fault::Loss { probability, .. } => {
            world.add_overlay(strike, Overlay::Loss(links, *probability));
        }
        Fault::Duplicate { probability, .. } => {
            world.add_overlay(strike, Overlay::Duplicate(links, *probability));
        }
        _ => world.hold_matching(strike, links),
    }
}
