//! Conditions that a run, a fault or an action can wait for.

use serde::{Deserialize, Serialize};

use super::target::{Names, membership};
use crate::protocol::{NodeId, OpId, Role};
use crate::replica::Replica;
use crate::sim::{Observer, World};

/// The maximum depth of nested conditions and of deferred actions: `a | (b & c)` is 2 deep.
pub const MAX_DEPTH: usize = 16;

macro_rules! conditions {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal $({ $($(#[doc = $field_doc:literal])* $field:ident: $ty:ty),* })?;)*) => {
        /// A condition on a cluster.
        #[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
        #[serde(tag = "condition", rename_all = "snake_case", deny_unknown_fields)]
        pub enum Condition {
            $($(#[doc = $doc])* $variant $({ $($(#[doc = $field_doc])* $field: $ty),* })?,)*
        }

        /// All conditions with their parameters and meanings, from which Python and documentation
        /// follow.
        pub const CONDITIONS: &[(&str, &[&str], &str)] = &[
            $(($name, &[$($(stringify!($field)),*)?], concat!($($doc),*)),)*
        ];
    };
}

conditions! {
    /// a node becomes leader after the condition was armed
    LeaderElected "leader_elected";
    /// no running node is leader
    NoLeader "no_leader";
    /// at least `count` nodes consider themselves leader at the same time
    Leaders "leaders" {
        /// the number of nodes
        count: u32
    };
    /// this node is leader
    Leads "leads" {
        /// its name
        node: String
    };
    /// at least `nodes` nodes have committed an index; a majority of the cluster if not given
    Committed "committed" {
        /// the index
        index: u64,
        /// the number of nodes
        nodes: Option<u32>
    };
    /// some node has reached this term
    TermReached "term_reached" {
        /// the term
        term: u64
    };
    /// all running nodes have the same log and have committed all of it
    CaughtUp "caught_up";
    /// an operation has been answered
    Answered "answered" {
        /// its id
        op: u64
    };
    /// a check has found a violation
    Violated "violated";
    /// at least `count` nodes are down
    Down "down" {
        /// the number of nodes
        count: u32
    };
    /// at least `count` nodes are candidates at the same time
    Candidates "candidates" {
        /// the number of nodes
        count: u32
    };
    /// the logs of at least `count` nodes, up or down, end before the highest commitIndex of any
    /// node
    Behind "behind" {
        /// the number of nodes
        count: u32
    };
    /// this node is a voter of the newest committed configuration
    Member "member" {
        /// its name
        node: String
    };
    /// the configuration of the leader of the highest term is joint
    InJoint "in_joint";
    /// at least one of several conditions holds
    AnyOf "any_of" {
        /// the conditions
        of: Vec<Condition>
    };
    /// several conditions hold at the same time
    AllOf "all_of" {
        /// the conditions
        of: Vec<Condition>
    };
}

/// A condition, with the state of the world when it was armed.
#[derive(Clone, Debug)]
pub struct Armed {
    condition: Condition,
    node: Option<NodeId>,
    elections: u64,
    parts: Vec<Armed>,
}

impl Condition {
    /// Checks that it can hold in a cluster of these nodes.
    pub fn validate(&self, names: &Names) -> Result<(), String> {
        self.validate_within(names, MAX_DEPTH)
    }

    fn validate_within(&self, names: &Names, depth: usize) -> Result<(), String> {
        match self {
            Condition::Leads { node } | Condition::Member { node } => names.id(node).map(|_| ()),
            Condition::AnyOf { of } | Condition::AllOf { of } => {
                if of.is_empty() {
                    let what =
                        if matches!(self, Condition::AnyOf { .. }) { "any_of" } else { "all_of" };
                    return Err(format!("{what} needs at least one condition"));
                }
                if depth == 0 {
                    return Err(format!("conditions can be nested at most {MAX_DEPTH} deep"));
                }
                of.iter().try_for_each(|part| part.validate_within(names, depth - 1))
            }
            Condition::Leaders { count: nodes }
            | Condition::Down { count: nodes }
            | Condition::Candidates { count: nodes }
            | Condition::Behind { count: nodes }
            | Condition::Committed { nodes: Some(nodes), .. }
                if *nodes == 0 || *nodes as usize > names.len() =>
            {
                Err(format!(
                    "the number of nodes must be between 1 and {}, not {nodes}",
                    names.len()
                ))
            }
            _ => Ok(()),
        }
    }

    /// True if it depends on the results of the checks.
    pub fn needs_checks(&self) -> bool {
        match self {
            Condition::Violated => true,
            Condition::AnyOf { of } | Condition::AllOf { of } => of.iter().any(Self::needs_checks),
            _ => false,
        }
    }

    /// The part of it that holds only if something went wrong, and that can be waited for before
    /// the last fault has struck. What an undisturbed cluster fulfils (a leader, equal logs) shows
    /// recovery only after that.
    pub fn only_after_harm(&self) -> Option<Self> {
        match self {
            Condition::Down { .. } | Condition::Violated => Some(self.clone()),
            Condition::Leaders { count } if *count > 1 => Some(self.clone()),
            Condition::AnyOf { of } => {
                let of: Vec<_> = of.iter().filter_map(Self::only_after_harm).collect();
                (!of.is_empty()).then_some(Condition::AnyOf { of })
            }
            Condition::AllOf { of } => {
                let whole = of.iter().all(|part| part.only_after_harm().as_ref() == Some(part));
                whole.then(|| self.clone())
            }
            _ => None,
        }
    }

    /// Arms it now: edges count from here.
    pub fn arm<P: Replica, O: Observer<P>>(&self, names: &Names, world: &World<P, O>) -> Armed {
        let node = match self {
            Condition::Leads { node } | Condition::Member { node } => names.id(node).ok(),
            _ => None,
        };
        let parts = match self {
            Condition::AnyOf { of } | Condition::AllOf { of } => {
                of.iter().map(|part| part.arm(names, world)).collect()
            }
            _ => Vec::new(),
        };
        Armed { condition: self.clone(), node, elections: world.counters().elections, parts }
    }

    /// The condition in words.
    pub fn text(&self) -> String {
        match self {
            Condition::LeaderElected => "a leader is elected".into(),
            Condition::NoLeader => "no node leads".into(),
            Condition::Leaders { count } => format!("{count} nodes lead at once"),
            Condition::Leads { node } => format!("{node} leads"),
            Condition::Committed { index, nodes: None } => {
                format!("a majority has committed index {index}")
            }
            Condition::Committed { index, nodes: Some(nodes) } => {
                format!("{nodes} nodes have committed index {index}")
            }
            Condition::TermReached { term } => format!("term {term} is reached"),
            Condition::CaughtUp => "all nodes that are up have caught up".into(),
            Condition::Answered { op } => format!("operation {op} is answered"),
            Condition::Violated => "a property is violated".into(),
            Condition::Down { count } => format!("{count} nodes are down"),
            Condition::Candidates { count } => format!("{count} nodes are candidates"),
            Condition::Behind { count } => format!("{count} nodes lack committed entries"),
            Condition::Member { node } => format!("{node} is a voter"),
            Condition::InJoint => "the configuration is joint".into(),
            Condition::AnyOf { of } => join(of, " or "),
            Condition::AllOf { of } => join(of, " and "),
        }
    }
}

impl Armed {
    /// Whether it holds now, in a world with this number of violations. Called after every event,
    /// most often for a leader.
    #[inline(always)]
    pub fn holds<P: Replica, O: Observer<P>>(&self, world: &World<P, O>, found: usize) -> bool {
        match self.condition {
            Condition::LeaderElected => self.sees_new_leader(world),
            _ => self.looks(world, found),
        }
    }

    #[inline(always)]
    fn sees_new_leader<P: Replica, O: Observer<P>>(&self, world: &World<P, O>) -> bool {
        world.counters().elections > self.elections
    }

    #[inline(never)]
    fn looks<P: Replica, O: Observer<P>>(&self, world: &World<P, O>, found: usize) -> bool {
        match self.condition {
            Condition::LeaderElected => self.sees_new_leader(world),
            Condition::NoLeader => world.leaders().is_empty(),
            Condition::Leaders { count } => world.leaders().len() >= count as usize,
            Condition::Leads { .. } => self.node.is_some_and(|id| world.leaders().contains(id)),
            Condition::Committed { index, nodes } => {
                let has = |id: &NodeId| world.node(*id).status().commit_index >= index;
                match nodes {
                    Some(needed) => nodes_of(world).filter(has).count() >= needed as usize,
                    None => {
                        let voters = membership(world).voters;
                        voters.iter().filter(has).count() > voters.len() / 2
                    }
                }
            }
            Condition::TermReached { term } => {
                nodes_of(world).any(|id| world.node(id).term() >= term)
            }
            Condition::CaughtUp => caught_up(world),
            Condition::Answered { op } => {
                world.ops().get(&OpId(op)).is_some_and(|state| !state.status.is_pending())
            }
            Condition::Violated => found > 0,
            Condition::Down { count } => {
                nodes_of(world).filter(|id| !world.is_up(*id)).count() >= count as usize
            }
            Condition::Candidates { count } => {
                let stands = |id: &NodeId| {
                    world.is_up(*id) && world.node(*id).status().role == Role::Candidate
                };
                nodes_of(world).filter(stands).count() >= count as usize
            }
            Condition::Behind { count } => {
                let known = nodes_of(world).map(|id| world.node(id).status().commit_index);
                let committed = known.max().unwrap_or(0);
                let lacks = |id: &NodeId| world.node(*id).log().last_index() < committed;
                nodes_of(world).filter(lacks).count() >= count as usize
            }
            Condition::Member { .. } => {
                self.node.is_some_and(|id| membership(world).voters.contains(id))
            }
            Condition::InJoint => {
                world.leader_for(None).is_some_and(|id| world.node(id).membership().1.is_joint())
            }
            Condition::AnyOf { .. } => self.parts.iter().any(|part| part.holds(world, found)),
            Condition::AllOf { .. } => self.parts.iter().all(|part| part.holds(world, found)),
        }
    }
}

fn nodes_of<P: Replica, O: Observer<P>>(
    world: &World<P, O>,
) -> impl Iterator<Item = NodeId> + use<P, O> {
    world.started().iter()
}

fn join(conditions: &[Condition], by: &str) -> String {
    conditions.iter().map(Condition::text).collect::<Vec<_>>().join(by)
}

fn caught_up<P: Replica, O: Observer<P>>(world: &World<P, O>) -> bool {
    let mut up = nodes_of(world).filter(|id| world.is_up(*id));
    let end = |id: NodeId| {
        let node = world.node(id);
        let last = node.log().last_index();
        (node.status().commit_index == last).then(|| (last, node.log().hash_at(last)))
    };
    let Some(first) = up.next() else { return false };
    let Some(first) = end(first) else { return false };
    up.all(|id| end(id) == Some(first))
}
