//! Partitions: their groups and shapes.

use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::place::Place;
use super::target::{Names, Target, pick};
use crate::protocol::{NodeId, NodeSet};
use crate::replica::Replica;
use crate::sim::luck::below;
use crate::sim::{Observer, World};

/// Shapes of a partition.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A randomly drawn minority, and the rest.
    Halves,
    /// Two random groups, to which each node is assigned independently, or one isolated node.
    Random,
    /// Two halves that are connected only through one node.
    Bridge,
    /// Each node is connected to a majority, and no two to the same one (Jepsen).
    MajoritiesRing,
}

/// The groups of a partition, or the shape from which they are made when it strikes.
#[derive(Clone, Copy, Debug)]
pub struct Groups<'a> {
    /// The groups; empty if there is a shape.
    pub groups: &'a [Target],
    /// The shape.
    pub shape: Option<Shape>,
    /// With [`Shape::Bridge`]: the node that is connected to both halves.
    pub bridge: Option<&'a Target>,
}

impl Groups<'_> {
    /// Checks that it cuts a link in a cluster of these nodes.
    pub(super) fn validate(&self, names: &Names) -> Result<(), String> {
        validate_groups(self.groups, self.shape, names)?;
        self.bridge.map_or(Ok(()), |node| validate_bridge(node, self.shape, names))
    }

    /// The groups; `None` if it must wait for a node.
    pub(super) fn place<P: Replica, O: Observer<P>>(
        &self,
        names: &Names,
        world: &World<P, O>,
        draws: Draws,
    ) -> Option<Place> {
        let Some(shape) = self.shape else {
            return resolve(self.groups, names, world, draws);
        };
        let bridge = match self.bridge {
            Some(node) => Some(node.resolve(names, world, || draws.target())?),
            None => None,
        };
        Some(Place::groups(lay_out(shape, bridge, &world.started(), names, draws)))
    }
}

/// The groups of a partition. A node that a role adds to two groups stays in the earlier one.
fn resolve<P: Replica, O: Observer<P>>(
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
    Some(Place::groups(sets))
}

/// Makes groups of this shape.
fn lay_out(
    shape: Shape,
    bridge: Option<NodeSet>,
    all: &NodeSet,
    names: &Names,
    draws: Draws,
) -> Vec<NodeSet> {
    let n = all.len();
    let draw = draws.target();
    match shape {
        Shape::Halves => {
            let minority = pick(all, (n - 1) / 2, names, draw);
            vec![minority, all.without(&minority)]
        }
        Shape::Random => {
            // A random number of nodes on one side, from one to all but one.
            let size = 1 + below(draws.second_target(), (n.max(2) - 1) as u64) as usize;
            let side = pick(all, size, names, draw);
            vec![side, all.without(&side)]
        }
        Shape::Bridge => {
            let bridge = bridge.unwrap_or_else(|| pick(all, 1, names, draw));
            let half = pick(&all.without(&bridge), (n - 1) / 2, names, draws.second_target());
            vec![half.union(&bridge), all.without(&half)]
        }
        Shape::MajoritiesRing => {
            // In a ring each node is connected to its nearest neighbours, up to a majority.
            let order: Vec<NodeId> = {
                let mut left = *all;
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

/// Checks the groups.
fn validate_groups(groups: &[Target], shape: Option<Shape>, names: &Names) -> Result<(), String> {
    match (groups, shape) {
        ([], None) => return Err("a partition needs groups or a shape".into()),
        ([_, ..], Some(_)) => return Err("a partition has groups or a shape, not both".into()),
        _ => {}
    }
    let mut seen: Vec<(NodeId, usize)> = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        group.validate_as("groups", names)?;
        for id in
            group.words().iter().filter_map(|word| names.ids(word).ok()).flat_map(|ids| ids.iter())
        {
            if let Some((_, other)) = seen.iter().find(|(node, other)| *node == id && *other != i) {
                return Err(format!(
                    "groups: '{}' and '{}' overlap in node '{}'; for a node that sees both sides use the shape 'bridge'",
                    groups[*other].text(),
                    group.text(),
                    names.name(id)
                ));
            }
            seen.push((id, i));
        }
    }
    validate_that_it_cuts(groups, shape, names)
}

/// Rejects a partition that leaves all nodes together, which is a mistake.
fn validate_that_it_cuts(
    groups: &[Target],
    shape: Option<Shape>,
    names: &Names,
) -> Result<(), String> {
    if let Some(shape) = shape {
        let (least, nodes) = (shape.least_nodes(), names.len());
        let written = serde_json::to_value(shape).unwrap_or_default();
        let shape = written.as_str().unwrap_or_default();
        return if nodes >= least {
            Ok(())
        } else {
            Err(format!(
                "the shape '{shape}' needs at least {least} nodes to cut a link, not {nodes}"
            ))
        };
    }
    let fixed: Option<Vec<NodeSet>> = groups.iter().map(|group| group.fixed(names)).collect();
    match fixed.map(Place::groups) {
        Some(place) if place.is_nowhere(&NodeSet::first(names.len())) => {
            let all = groups.iter().map(Target::text).collect::<Vec<_>>().join("', '");
            Err(format!("groups: '{all}' contains every node, so the partition cuts nothing"))
        }
        _ => Ok(()),
    }
}

/// Checks the node that is connected to both halves.
fn validate_bridge(bridge: &Target, shape: Option<Shape>, names: &Names) -> Result<(), String> {
    if shape != Some(Shape::Bridge) {
        return Err("bridge needs the shape 'bridge'".into());
    }
    bridge.validate_as("bridge", names)?;
    if bridge.is_one(names) {
        return Ok(());
    }
    Err(format!("bridge must be one node, not '{}'", bridge.text()))
}

impl Shape {
    /// The minimum number of nodes with which it cuts a link.
    fn least_nodes(self) -> usize {
        match self {
            Shape::Random => 2,
            Shape::Halves | Shape::Bridge => 3,
            Shape::MajoritiesRing => 4,
        }
    }
}
