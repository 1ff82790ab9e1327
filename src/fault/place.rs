//! Where a fault strikes: nodes, groups or links.

use super::draws::Draws;
use super::target::{Names, Target, pick};
use super::vocabulary::{Fault, MessageFilter, Shape};
use crate::protocol::{NodeId, NodeSet};
use crate::replica::Replica;
use crate::sim::luck::below;
use crate::sim::{Matching, Observer, World};

/// Where a fault strikes.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// At these nodes.
    Nodes(NodeSet),
    /// Between these groups.
    Groups(Vec<NodeSet>),
    /// On these links.
    Links(Matching),
}

impl Place {
    /// Between these groups, and the nodes that are in none of them.
    pub fn groups(mut groups: Vec<NodeSet>, nodes: usize) -> Self {
        let all = NodeSet::first(nodes);
        let grouped = groups.iter().fold(NodeSet::default(), |some, group| some.union(group));
        groups.push(all.without(&grouped));
        groups.retain(|group| !group.is_empty());
        Self::Groups(groups)
    }

    /// True if it contains no node and no link, in a cluster of this many nodes.
    pub fn is_nowhere(&self, nodes: usize) -> bool {
        let every = |connected: &dyn Fn(NodeId, NodeId) -> bool| {
            let all = NodeSet::first(nodes);
            all.iter().all(|a| all.iter().all(|b| a == b || connected(a, b)))
        };
        match self {
            Place::Nodes(nodes) => nodes.is_empty(),
            Place::Groups(groups) => {
                every(&|a, b| groups.iter().any(|g| g.contains(a) && g.contains(b)))
            }
            Place::Links(links) => every(&|a, b| !links.link(a, b)),
        }
    }

    /// The nodes that the strike hits.
    pub fn nodes(&self) -> NodeSet {
        match self {
            Place::Nodes(nodes) => *nodes,
            Place::Groups(groups) => {
                groups.iter().fold(NodeSet::default(), |all, group| all.union(group))
            }
            Place::Links(links) => links.from,
        }
    }

    /// Its text in the trace: nodes separated by commas, groups by |, links with an arrow.
    pub fn text(&self, names: &Names) -> String {
        match self {
            Place::Nodes(nodes) => names.list(nodes),
            Place::Groups(groups) => {
                groups.iter().map(|group| names.list(group)).collect::<Vec<_>>().join(" | ")
            }
            Place::Links(Matching { from, to, both_ways, .. }) => {
                let arrow = if *both_ways { "↔" } else { "→" };
                format!("{} {arrow} {}", names.list(from), names.list(to))
            }
        }
    }

    /// Where this fault strikes now; `None` if it must wait for a node that does not exist yet,
    /// such as a leader.
    pub fn of<P: Replica, O: Observer<P>>(
        fault: &Fault,
        names: &Names,
        world: &World<P, O>,
        draws: Draws,
    ) -> Option<Self> {
        match fault {
            Fault::Partition { groups, shape: None, .. } => groups_of(groups, names, world, draws),
            Fault::Partition { shape: Some(shape), bridge, .. } => {
                let bridge = match bridge {
                    Some(node) => Some(node.resolve(names, world, || draws.target())?),
                    None => None,
                };
                Some(Self::groups(lay_out(*shape, bridge, names, draws), names.len()))
            }
            Fault::Cut { filter }
            | Fault::Delay { filter, .. }
            | Fault::Loss { filter, .. }
            | Fault::Duplicate { filter, .. }
            | Fault::Hold { filter } => links_of(filter, names, world, draws).map(Self::Links),
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
                node.resolve(names, world, || draws.target()).map(Self::Nodes)
            }
        }
    }
}

fn links_of<P: Replica, O: Observer<P>>(
    filter: &MessageFilter,
    names: &Names,
    world: &World<P, O>,
    draws: Draws,
) -> Option<Matching> {
    let all = NodeSet::first(names.len());
    let side = |target: &Option<Target>, draw: fn(Draws) -> u64| match target {
        Some(target) => target.resolve(names, world, || draw(draws)),
        None => Some(all),
    };
    Some(Matching {
        from: side(&filter.from, Draws::target)?,
        to: side(&filter.to, Draws::second_target)?,
        both_ways: filter.both_ways,
        kinds: filter.kinds().ok()?, // validated with the scenario
    })
}

/// The groups of a partition. A node that a role adds to two groups stays in the earlier one.
fn groups_of<P: Replica, O: Observer<P>>(
    groups: &[Target],
    names: &Names,
    world: &World<P, O>,
    draws: Draws,
) -> Option<Place> {
    let mut grouped = NodeSet::default();
    let mut sets = Vec::with_capacity(groups.len() + 1);
    for group in groups {
        let nodes = group.resolve(names, world, || draws.target())?.without(&grouped);
        grouped = grouped.union(&nodes);
        sets.push(nodes);
    }
    Some(Place::groups(sets, names.len()))
}

fn lay_out(shape: Shape, bridge: Option<NodeSet>, names: &Names, draws: Draws) -> Vec<NodeSet> {
    let n = names.len();
    let all = NodeSet::first(n);
    let draw = draws.target();
    match shape {
        Shape::Halves => {
            let minority = pick(&all, (n - 1) / 2, names, draw);
            vec![minority, all.without(&minority)]
        }
        Shape::Random => {
            // A random number of nodes on one side, from one to all but one.
            let size = 1 + below(draws.second_target(), (n.max(2) - 1) as u64) as usize;
            let side = pick(&all, size, names, draw);
            vec![side, all.without(&side)]
        }
        Shape::Bridge => {
            let bridge = bridge.unwrap_or_else(|| pick(&all, 1, names, draw));
            let half = pick(&all.without(&bridge), (n - 1) / 2, names, draws.second_target());
            vec![half.union(&bridge), all.without(&half)]
        }
        Shape::MajoritiesRing => {
            // In a ring each node is connected to its nearest neighbours, up to a majority.
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
