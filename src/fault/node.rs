//! Faults of processes.

use super::effect::{Effect, Grip, Site};
use super::place::{Aim, Place};
use super::target::{Names, Target};
use super::vocabulary::faults;
use crate::protocol::{NodeSet, Span};
use crate::raft::Lie;
use crate::replica::Replica;
use crate::sim::time::millis;
use crate::sim::{Observer, Processing, Slowness, Unsynced};

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

    /// Makes nodes take longer for every message that they receive or send.
    SlowNode "slow_node":
        "nodes take longer for each message";
        "what they begin takes as long as before"
    {
        /// The nodes.
        node: Target,
        /// The factor of their processing times; several multiply.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        factor: f64,
        /// What each message takes beyond that; several add up.
        #[serde(default, with = "millis::span", skip_serializing_if = "is_none")]
        by: Span,
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

fn one() -> f64 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
fn is_one(factor: &f64) -> bool {
    *factor == 1.0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
fn is_none(by: &Span) -> bool {
    *by == Span::ZERO
}

impl Node {
    /// Checks that it changes something, with what nodes take for messages.
    pub fn suits(&self, processing: &Processing) -> Result<(), String> {
        match self {
            Node::SlowNode(slow) if slow.by == Span::ZERO && processing.is_free() => {
                Err("SlowNode: factor: nodes take no time for messages; give processing, or by"
                    .into())
            }
            _ => Ok(()),
        }
    }
}

impl Effect for SlowNode {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn limits(&self, _: &Names) -> Result<(), String> {
        if !FACTORS.contains(&self.factor) {
            return Err(format!("factor must be between 1 and 1000000, not {}", self.factor));
        }
        if self.factor == 1.0 && self.by == Span::ZERO {
            return Err("give a factor above 1, or by".into());
        }
        Ok(())
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        let slowness = Slowness { factor: self.factor, by: self.by };
        for id in place.nodes().iter() {
            site.world.slow_down(id, site.strike, slowness);
        }
    }

    fn end<P: Replica<Lie = Lie>, O: Observer<P>>(&self, site: &mut Site<'_, P, O>, _: &NodeSet) {
        site.world.end_slowness(site.strike);
    }
}

/// The limits of a factor: even a second becomes no longer than the longest run.
const FACTORS: std::ops::RangeInclusive<f64> = 1.0..=1e6;

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
