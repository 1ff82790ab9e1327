//! Strikes with faults, keeps their handles, and ends them.

use std::sync::Arc;

use super::target::{Names, Target, pick};
use super::vocabulary::{Fault, MessageFilter, Scheduled, Shape};
use crate::clone::clone_by_field;
use crate::protocol::{NodeId, NodeSet, Span};
use crate::raft::{Node, Request};
use crate::sim::luck::{Luck, Purpose, below};
use crate::sim::network::{Matching, Overlay};
use crate::sim::{Distribution, Observer, Time, World};

/// A fault that acts now.
#[derive(Clone, Debug)]
pub struct Active {
    /// Its handle.
    pub handle: u32,
    /// Whom it hit.
    pub nodes: NodeSet,
    /// Since when.
    pub since: Time,
}

/// What a strike came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Struck {
    /// It hit these.
    Hit(NodeSet),
    /// There is nobody to hit, yet.
    Nobody,
}

/// The faults that were given, and those that act now.
#[derive(Debug, Default)]
pub struct Injector {
    /// By handle, counted from 1.
    given: Vec<Arc<Scheduled>>,
    active: Vec<Active>,
    /// Faults that another fault has ended: a crash by a restart.
    ended: Vec<u32>,
}

clone_by_field!([] Injector {} empty { active, ended } lists { given });

/// The draws of one strike of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    luck: Luck,
    handle: u32,
    strike: u32,
}

impl Draws {
    /// The draws of the `strike`-th strike of the fault with this handle.
    pub fn new(luck: Luck, handle: u32, strike: u32) -> Self {
        Self { luck, handle, strike }
    }

    /// Which strike it is.
    pub fn strike(self) -> u32 {
        self.strike
    }

    fn draw(self, what: u64) -> u64 {
        let ordinal = u64::from(self.strike) * 8 + what;
        self.luck.draw(Purpose::Fault, u64::from(self.handle), ordinal)
    }

    /// A time that the schedule leaves to luck.
    pub fn at(self, distribution: &Distribution) -> Span {
        distribution.sample(self.draw(0))
    }

    /// How long it lasts.
    pub fn duration(self, distribution: &Distribution) -> Span {
        distribution.sample(self.draw(1))
    }

    /// From this strike to the next.
    pub fn gap(self, distribution: &Distribution) -> Span {
        Span(distribution.sample(self.draw(2)).0.max(1))
    }

    /// Another time that the schedule leaves to luck, longer than what has passed already. Nothing if the
    /// distribution has none.
    pub fn at_beyond(self, distribution: &Distribution, passed: Span) -> Option<Span> {
        distribution.sample_beyond(self.draw(0), passed)
    }

    /// Another duration, longer than it has lasted already.
    pub fn duration_beyond(self, distribution: &Distribution, passed: Span) -> Option<Span> {
        distribution.sample_beyond(self.draw(1), passed)
    }

    /// Another gap, longer than what has passed already since the strike.
    pub fn gap_beyond(self, distribution: &Distribution, passed: Span) -> Option<Span> {
        distribution.sample_beyond(self.draw(2), passed)
    }

    fn target(self) -> u64 {
        self.draw(3)
    }

    fn second_target(self) -> u64 {
        self.draw(4)
    }
}

impl Injector {
    /// Takes a fault and returns its handle.
    pub fn give(&mut self, fault: Arc<Scheduled>) -> u32 {
        self.given.push(fault);
        self.given.len() as u32
    }

    /// How many were given: the last handle.
    pub fn given(&self) -> u32 {
        self.given.len() as u32
    }

    /// The fault with this handle.
    pub fn fault(&self, handle: u32) -> Option<&Scheduled> {
        scheduled(&self.given, handle)
    }

    /// The faults that act now, oldest first.
    pub fn active(&self) -> &[Active] {
        &self.active
    }

    /// Strikes with the fault whose draws these are. With [`Struck::Nobody`] nothing happened.
    pub fn strike<O: Observer<Node>>(
        &mut self,
        world: &mut World<Node, O>,
        names: &Names,
        draws: Draws,
    ) -> Struck {
        let handle = draws.handle;
        let Some(Scheduled { fault, .. }) = scheduled(&self.given, handle) else {
            return Struck::Nobody;
        };
        let wakes = matches!(fault, Fault::Restart { .. } | Fault::Resume { .. });
        let stays = has_an_end(fault);
        let all = NodeSet::first(names.len());
        let hit = match fault {
            Fault::Partition { groups, shape } => {
                let groups = match shape {
                    Some(shape) => Some(lay_out(*shape, names, draws)),
                    None => resolve_groups(groups, names, world, draws),
                };
                let Some(groups) = groups else { return Struck::Nobody };
                world.add_overlay(handle, Overlay::Partition(groups));
                all
            }
            Fault::Cut { filter }
            | Fault::Delay { filter, .. }
            | Fault::Loss { filter, .. }
            | Fault::Duplicate { filter, .. }
            | Fault::Hold { filter } => {
                let Some(matching) = resolve_filter(filter, names, world, draws) else {
                    return Struck::Nobody;
                };
                let hit = matching.from;
                act_on_messages(world, handle, fault, matching);
                hit
            }
            Fault::Isolate { node }
            | Fault::Crash { node, .. }
            | Fault::Restart { node }
            | Fault::Pause { node }
            | Fault::Resume { node }
            | Fault::Wipe { node }
            | Fault::ClockRate { node, .. }
            | Fault::ClockJump { node, .. }
            | Fault::Lie { node, .. }
            | Fault::ForgetVote { node }
            | Fault::Usurp { node } => {
                let Some(hit) = node.resolve(names, world, draws.target()) else {
                    return Struck::Nobody;
                };
                act_on_nodes(world, handle, fault, &hit);
                hit
            }
        };
        if wakes {
            hit.iter().for_each(|id| self.forget_node(id));
        }
        if stays {
            self.active.push(Active { handle, nodes: hit, since: world.now() });
        }
        Struck::Hit(hit)
    }

    /// Ends a fault; false if it does not act.
    pub fn end<O: Observer<Node>>(&mut self, world: &mut World<Node, O>, handle: u32) -> bool {
        let Some(at) = self.active.iter().position(|active| active.handle == handle) else {
            return false;
        };
        let ended = self.active.remove(at);
        let Some(Scheduled { fault, .. }) = scheduled(&self.given, handle) else { return false };
        match fault {
            Fault::Partition { .. }
            | Fault::Isolate { .. }
            | Fault::Cut { .. }
            | Fault::Delay { .. }
            | Fault::Loss { .. }
            | Fault::Duplicate { .. } => {
                world.remove_overlay(handle);
            }
            Fault::Hold { .. } => {
                world.stop_holding(handle);
            }
            Fault::Lie { .. } => {
                world.remove_lie(handle);
            }
            Fault::Crash { .. } | Fault::Wipe { .. } => {
                ended.nodes.iter().for_each(|id| {
                    world.restart(id);
                });
            }
            Fault::Pause { .. } => ended.nodes.iter().for_each(|id| {
                world.resume(id);
            }),
            Fault::ClockRate { .. } => {
                ended.nodes.iter().for_each(|id| world.set_clock_rate(id, 1.0));
            }
            Fault::Restart { .. }
            | Fault::Resume { .. }
            | Fault::ClockJump { .. }
            | Fault::ForgetVote { .. }
            | Fault::Usurp { .. } => {}
        }
        true
    }

    /// The handles of all faults of the network that act now.
    pub fn network_faults(&self) -> Vec<u32> {
        let network = |fault: &Scheduled| fault.fault.kind().family == "network";
        let handles = self.active.iter().map(|active| active.handle);
        handles.filter(|handle| self.fault(*handle).is_some_and(network)).collect()
    }

    /// The handles of faults that another fault has ended since this was asked.
    pub fn take_ended(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.ended)
    }

    /// A node runs again: a fault that kept it from running has nothing left to end there.
    fn forget_node(&mut self, id: NodeId) {
        for active in &mut self.active {
            let kept_from_running = scheduled(&self.given, active.handle).is_some_and(|given| {
                matches!(
                    given.fault,
                    Fault::Crash { .. } | Fault::Wipe { .. } | Fault::Pause { .. }
                )
            });
            if kept_from_running && active.nodes.remove(id) && active.nodes.is_empty() {
                self.ended.push(active.handle);
            }
        }
        self.active.retain(|active| !active.nodes.is_empty());
    }
}

fn scheduled(given: &[Arc<Scheduled>], handle: u32) -> Option<&Scheduled> {
    given.get(handle.checked_sub(1)? as usize).map(Arc::as_ref)
}

/// Whether ending the fault changes anything.
pub fn has_an_end(fault: &Fault) -> bool {
    fault.kind().end != "nothing"
}

fn act_on_nodes<O: Observer<Node>>(
    world: &mut World<Node, O>,
    handle: u32,
    fault: &Fault,
    hit: &NodeSet,
) {
    if let Fault::Isolate { .. } = fault {
        let rest = NodeSet::first(world.len()).iter().filter(|id| !hit.contains(*id)).collect();
        let mut groups: Vec<NodeSet> = hit.iter().map(|id| [id].into_iter().collect()).collect();
        groups.push(rest);
        return world.add_overlay(handle, Overlay::Partition(groups));
    }
    for id in hit.iter() {
        match fault {
            Fault::Crash { unsynced, .. } => {
                world.crash(id, *unsynced);
            }
            Fault::Restart { .. } => {
                world.restart(id);
            }
            Fault::Pause { .. } => {
                world.pause(id);
            }
            Fault::Resume { .. } => {
                world.resume(id);
            }
            Fault::Wipe { .. } => {
                world.crash(id, crate::sim::Unsynced::Lose);
                world.wipe(id);
            }
            Fault::ClockRate { rate, .. } => world.set_clock_rate(id, *rate),
            Fault::ClockJump { by, .. } => {
                let span = Span((by.abs() * 1e6).round() as u64);
                world.jump_clock(id, span, *by < 0.0);
            }
            Fault::Lie { lie, .. } => world.add_lie(id, handle, lie.clone()),
            Fault::ForgetVote { .. } => world.command_liar(id, Request::ForgetVote),
            Fault::Usurp { .. } => world.command_liar(id, Request::Usurp),
            _ => {}
        }
    }
}

fn act_on_messages<O: Observer<Node>>(
    world: &mut World<Node, O>,
    handle: u32,
    fault: &Fault,
    matching: Matching,
) {
    match fault {
        Fault::Cut { .. } => world.add_overlay(handle, Overlay::Cut(matching)),
        Fault::Delay { by, .. } => world.add_overlay(handle, Overlay::Delay(matching, by.clone())),
        Fault::Loss { probability, .. } => {
            world.add_overlay(handle, Overlay::Loss(matching, *probability));
        }
        Fault::Duplicate { probability, .. } => {
            world.add_overlay(handle, Overlay::Duplicate(matching, *probability));
        }
        _ => world.hold_matching(handle, matching),
    }
}

fn resolve_filter<O: Observer<Node>>(
    filter: &MessageFilter,
    names: &Names,
    world: &World<Node, O>,
    draws: Draws,
) -> Option<Matching> {
    let all = NodeSet::first(names.len());
    let side = |target: &Option<Target>, draw| match target {
        Some(target) => target.resolve(names, world, draw),
        None => Some(all),
    };
    Some(Matching {
        from: side(&filter.from, draws.target())?,
        to: side(&filter.to, draws.second_target())?,
        both_ways: filter.both_ways,
        kinds: filter.kinds().ok()?, // validated with the scenario
    })
}

/// The groups of a partition, and the rest as one more.
fn resolve_groups<O: Observer<Node>>(
    groups: &[Target],
    names: &Names,
    world: &World<Node, O>,
    draws: Draws,
) -> Option<Vec<NodeSet>> {
    let mut rest = NodeSet::first(names.len());
    let mut sets = Vec::with_capacity(groups.len() + 1);
    for group in groups {
        let nodes = group.resolve(names, world, draws.target())?;
        // A role may name a node that stands in an earlier group: there it stays.
        let nodes: NodeSet = nodes.iter().filter(|id| rest.remove(*id)).collect();
        sets.push(nodes);
    }
    sets.push(rest);
    Some(sets)
}

fn lay_out(shape: Shape, names: &Names, draws: Draws) -> Vec<NodeSet> {
    let n = names.len();
    let all = NodeSet::first(n);
    let rest = |some: &NodeSet| all.iter().filter(|id| !some.contains(*id)).collect::<NodeSet>();
    let draw = draws.target();
    match shape {
        Shape::Halves => {
            let minority = pick(&all, (n - 1) / 2, names, draw);
            vec![minority, rest(&minority)]
        }
        Shape::Random => {
            // As many nodes on one side as a draw says, from one to all but one.
            let size = 1 + below(draws.second_target(), (n.max(2) - 1) as u64) as usize;
            let side = pick(&all, size, names, draw);
            vec![side, rest(&side)]
        }
        Shape::Bridge => {
            let bridge = pick(&all, 1, names, draw);
            let half = pick(&rest(&bridge), (n - 1) / 2, names, draws.second_target());
            let with_bridge =
                |side: &NodeSet| side.iter().chain(bridge.iter()).collect::<NodeSet>();
            let other = rest(&half);
            vec![with_bridge(&half), other]
        }
        Shape::MajoritiesRing => {
            // In a ring each node sees itself and its neighbours up to a majority: a group a link.
            let order: Vec<NodeId> = {
                let mut left = all;
                let mut order = Vec::with_capacity(n);
                while let Some(first) =
                    pick(&left, 1, names, draw ^ order.len() as u64).iter().next()
                {
                    left.remove(first);
                    order.push(first);
                }
                order
            };
            let reach = (n / 2).div_ceil(2);
            let link = |i: usize, d: usize| [order[i], order[(i + d) % n]].into_iter().collect();
            (0..n).flat_map(|i| (1..=reach).map(move |d| (i, d))).map(|(i, d)| link(i, d)).collect()
        }
    }
}
