//! Ceilings: what a run may need of the machine. Beyond them is an error that says so, and not the end of the
//! process. `docs/limits.md` is the table of all of them.

use super::cluster::Cluster;
use super::condition::Condition;
use super::initial::Initial;
use super::scenario::Scenario;
use super::step::Step;
use super::watch::Watcher;
use crate::fault::Names;
use crate::protocol::NodeId;

/// Most clients of all load generators together.
pub const MAX_CLIENTS: u32 = 100_000;
/// Most keys of one load generator.
pub const MAX_KEYS: u32 = 1_000_000;
/// Most entries at the beginning, those of all nodes added up.
pub const MAX_INITIAL_ENTRIES: usize = 2_000_000;
/// Most messages under way at once.
pub const MAX_IN_FLIGHT: usize = 200_000;
/// How deep conditions may be nested, and actions that are put off: `a | (b & c)` is 2 deep.
pub const MAX_DEPTH: usize = 16;

impl Scenario {
    /// Why it would need too much from its beginning, if so.
    pub(super) fn check_size(&self) -> Result<(), String> {
        let clients: u64 = self.workload.iter().map(|load| u64::from(load.clients())).sum();
        if clients > u64::from(MAX_CLIENTS) {
            return Err(format!(
                "workload: clients: all loads together have at most {MAX_CLIENTS}, not {clients}"
            ));
        }
        let entries = self.initial_entries();
        if entries > MAX_INITIAL_ENTRIES {
            return Err(format!(
                "initial: log: all nodes together begin with at most {MAX_INITIAL_ENTRIES} entries, not {entries}"
            ));
        }
        Ok(())
    }

    /// How many entries and clients there are from the beginning on: what it takes to build a cluster.
    pub fn size(&self) -> usize {
        self.initial_entries() + self.load_clients() as usize
    }

    /// How many entries there are in the logs of all nodes at the beginning.
    pub(super) fn initial_entries(&self) -> usize {
        self.initial.as_ref().map_or(0, |initial| initial.entries(&self.nodes))
    }

    /// Whether it waits for what only checks can find.
    pub fn needs_checks(&self) -> bool {
        let waits =
            |step: &Step| matches!(step, Step::RunUntil { until, .. } if until.needs_checks());
        self.stop.as_ref().is_some_and(Condition::needs_checks) || self.steps.iter().any(waits)
    }
}

impl Initial {
    /// How many entries there are in the logs of all nodes.
    fn entries(&self, names: &Names) -> usize {
        names.all().iter().map(|name| self.log_of(name).len()).sum()
    }
}

impl<O: Watcher> Cluster<O> {
    /// How much there is to copy: entries, keys and messages under way.
    pub fn size(&self) -> usize {
        let world = self.world();
        let nodes = (0..world.len()).map(|at| world.node(NodeId::from(at)).size());
        nodes.sum::<usize>() + world.in_flight_count() + world.ops().len()
    }

    /// Why it must not run on, if so. Asked between slices of events, not after each.
    pub fn check_size(&self) -> Result<(), String> {
        let (world, most) = (self.world(), MAX_IN_FLIGHT);
        let under_way = world.in_flight_count();
        if under_way <= most {
            return Ok(());
        }
        Err(format!(
            "{under_way} messages are under way at {}, more than the {most} that raftlab keeps: latencies are \
             too long for what is sent meanwhile. Shorten them, or send less: longer heartbeats, election \
             timeouts or pauses between requests, a lower max_inflight",
            world.now()
        ))
    }
}
