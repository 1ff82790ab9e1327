//! The links and messages that a network fault affects.

use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::place::Place;
use super::target::{Names, Target};
use crate::protocol::{MAX_NODES, Message, NodeSet};
use crate::raft::RaftMessage;
use crate::replica::Replica;
use crate::sim::{Matching, Observer, World};

/// Selects the messages that a network fault affects.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct MessageFilter {
    /// The senders; all nodes if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Target>,
    /// The receivers; all nodes if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Target>,
    /// True to include the opposite direction.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub both_ways: bool,
    /// The types of message; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
}

impl MessageFilter {
    /// The types as a bitmap; `None` means all types.
    pub fn kinds(&self) -> Result<Option<u64>, String> {
        if self.types.is_empty() {
            return Ok(None);
        }
        let known = RaftMessage::KINDS;
        self.types
            .iter()
            .try_fold(0, |kinds, name| {
                let at = known.iter().position(|kind| kind == name);
                at.map(|at| kinds | 1 << at).ok_or_else(|| {
                    format!("unknown message type '{name}'; accepted are {}", known.join(", "))
                })
            })
            .map(Some)
    }

    /// Checks its types and targets.
    pub(super) fn validate(&self, names: &Names) -> Result<(), String> {
        self.kinds()?;
        for (parameter, target) in [("from", &self.from), ("to", &self.to)] {
            target.iter().try_for_each(|target| target.validate_as(parameter, names))?;
        }
        self.validate_links(names)
    }

    /// Rejects a filter that contains only links from nodes to themselves.
    fn validate_links(&self, names: &Names) -> Result<(), String> {
        let all = NodeSet::first(names.len());
        let side = |target: &Option<Target>| target.as_ref().map_or(Some(all), |t| t.fixed(names));
        let (Some(from), Some(to)) = (side(&self.from), side(&self.to)) else { return Ok(()) };
        let links = Matching { from, to, both_ways: self.both_ways, kinds: None };
        if !Place::Links(links).is_nowhere(&all) {
            return Ok(());
        }
        Err(format!("there is no link from {} to {}", names.list(&from), names.list(&to)))
    }

    /// The links; `None` if it must wait for a node.
    pub(super) fn place<P: Replica, O: Observer<P>>(
        &self,
        names: &Names,
        world: &World<P, O>,
        draws: Draws,
    ) -> Option<Matching> {
        let all = NodeSet::first(MAX_NODES); // those, too, that are added later
        let side = |target: &Option<Target>, draw: fn(Draws) -> u64| match target {
            Some(target) => target.resolve(names, world, || draw(draws)),
            None => Some(all),
        };
        Some(Matching {
            from: side(&self.from, Draws::target)?,
            to: side(&self.to, Draws::second_target)?,
            both_ways: self.both_ways,
            kinds: self.kinds().ok()?, // validated with the scenario
        })
    }
}

/// Checks a bandwidth, in bytes per second.
pub fn validate_bandwidth(rate: f64) -> Result<(), String> {
    if rate.is_finite() && rate >= 1.0 {
        Ok(())
    } else {
        Err(format!("must be at least 1 byte per second, not {rate}"))
    }
}

/// Checks a probability.
pub fn validate_probability(p: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&p) {
        Ok(())
    } else {
        Err(format!("a probability must be between 0 and 1, not {p}"))
    }
}
