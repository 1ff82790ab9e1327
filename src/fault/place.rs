//! Where a fault strikes: nodes, groups or links.

use super::draws::Draws;
use super::links::MessageFilter;
use super::partition::Groups;
use super::target::{Names, Target};
use crate::protocol::{MAX_NODES, NodeId, NodeSet};
use crate::replica::Replica;
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
    pub fn groups(mut groups: Vec<NodeSet>) -> Self {
        let all = NodeSet::first(MAX_NODES); // those, too, that are added later
        let grouped = groups.iter().fold(NodeSet::default(), |some, group| some.union(group));
        groups.push(all.without(&grouped));
        groups.retain(|group| !group.is_empty());
        Self::Groups(groups)
    }

    /// True if it contains none of these nodes, and no link between them.
    pub fn is_nowhere(&self, all: &NodeSet) -> bool {
        let every = |connected: &dyn Fn(NodeId, NodeId) -> bool| {
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
                let groups = groups.iter().map(|group| names.list(group));
                groups.filter(|group| !group.is_empty()).collect::<Vec<_>>().join(" | ")
            }
            Place::Links(Matching { from, to, both_ways, .. }) => {
                let arrow = if *both_ways { "↔" } else { "→" };
                format!("{} {arrow} {}", names.list(from), names.list(to))
            }
        }
    }
}

/// What a fault is aimed at, until it strikes.
#[derive(Clone, Copy, Debug)]
pub enum Aim<'a> {
    /// Nodes.
    Nodes(&'a Target),
    /// Links.
    Links(&'a MessageFilter),
    /// The links between groups.
    Groups(Groups<'a>),
}

impl Aim<'_> {
    /// Checks that there is something to hit in a cluster of these nodes.
    pub(super) fn validate(&self, names: &Names) -> Result<(), String> {
        match self {
            Aim::Nodes(node) => node.validate_as("node", names),
            Aim::Links(filter) => filter.validate(names),
            Aim::Groups(groups) => groups.validate(names),
        }
    }

    /// What it hits now; `None` if it must wait for a node that does not exist yet, such as a
    /// leader.
    pub(super) fn place<P: Replica, O: Observer<P>>(
        &self,
        names: &Names,
        world: &World<P, O>,
        draws: Draws,
    ) -> Option<Place> {
        match self {
            Aim::Nodes(node) => node.resolve(names, world, || draws.target()).map(Place::Nodes),
            Aim::Links(filter) => filter.place(names, world, draws).map(Place::Links),
            Aim::Groups(groups) => groups.place(names, world, draws),
        }
    }
}
