//! Limits of the resources of a run. Exceeding one is an error, not the end of the process.
//! `docs/limits.md` lists all of them.

use super::cluster::Cluster;
use super::initial::Initial;
use super::playable::Playable;
use super::scenario::Scenario;
use super::step::Step;
use super::watch::Watcher;
use crate::fault::{Condition, Names, Scheduled};
use crate::protocol::NodeId;

/// The maximum number of clients of all load generators together.
pub const MAX_CLIENTS: u32 = 100_000;
/// The maximum number of keys of one load generator.
pub const MAX_KEYS: u32 = 1_000_000;
/// The maximum number of initial entries of all nodes together.
pub const MAX_INITIAL_ENTRIES: usize = 2_000_000;
/// The maximum number of messages in flight.
pub const MAX_IN_FLIGHT: usize = 200_000;

impl Scenario {
    /// Checks that its initial state does not exceed a limit.
    pub(super) fn check_size(&self) -> Result<(), String> {
        let clients: u64 = self.workload.iter().map(|load| u64::from(load.clients())).sum();
        if clients > u64::from(MAX_CLIENTS) {
            return Err(format!(
                "workload: clients: all loads together must have at most {MAX_CLIENTS}, not {clients}"
            ));
        }
        let entries = self.initial_entries();
        if entries > MAX_INITIAL_ENTRIES {
            return Err(format!(
                "initial: log: all nodes together must have at most {MAX_INITIAL_ENTRIES} entries, not {entries}"
            ));
        }
        Ok(())
    }

    /// The number of initial entries and clients, which determines the time to build a cluster.
    pub fn size(&self) -> usize {
        self.initial_entries() + self.load_clients() as usize
    }

    /// The number of initial entries in the logs of all nodes.
    pub(super) fn initial_entries(&self) -> usize {
        self.initial.as_ref().map_or(0, |initial| initial.entries(&self.nodes))
    }

    /// Whether it waits for a violation, which only checks can find.
    pub fn needs_checks(&self) -> bool {
        let waits = |step: &Step| match step {
            Step::RunUntil { until, .. } => until.needs_checks(),
            Step::Do(action) => action.needs_checks(),
            _ => false,
        };
        self.stop.as_ref().is_some_and(Condition::needs_checks)
            || self.steps.iter().any(waits)
            || self.faults.iter().any(Scheduled::needs_checks)
    }
}

impl Initial {
    /// The number of entries in the logs of all nodes.
    fn entries(&self, names: &Names) -> usize {
        names.all().iter().map(|name| self.log_of(name).len()).sum()
    }
}

impl<P: Playable, O: Watcher<P>> Cluster<P, O> {
    /// The amount of data to copy: entries (checks also keep those that are compacted, and disks
    /// have their own copy unless they are instant), keys, messages in flight and operations.
    pub fn size(&self) -> usize {
        let world = self.world();
        let copies = if world.has_instant_disks() { 1 } else { 2 };
        let nodes = (0..world.len()).map(|at| {
            let node = world.node(NodeId::from(at));
            copies * node.size() + node.log().last_index() as usize
        });
        nodes.sum::<usize>() + world.in_flight_count() + world.ops().len()
    }

    /// Checks that it does not exceed a limit. Called between slices of events.
    pub fn check_size(&self) -> Result<(), String> {
        let (world, most) = (self.world(), MAX_IN_FLIGHT);
        let under_way = world.in_flight_count();
        if under_way <= most {
            return Ok(());
        }
        Err(format!(
            "{under_way} messages are in flight at {}, more than the limit of {most}: latencies are \
             too long for what is sent meanwhile. Shorten them, or send less: longer heartbeats, election \
             timeouts or pauses between requests, a lower max_inflight",
            world.now()
        ))
    }
}
