//! Repeated random faults have the requested distribution: compares the fractions of time in which
//! nodes are down, over long runs, with exact values.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raftlab::experiment::cluster::Position;
use raftlab::experiment::{Cluster, Ending, OnViolation, Scenario, Watcher, Watches};
use raftlab::fault::node::Crash;
use raftlab::fault::{Fault, Names, Scheduled, Target, When};
use raftlab::protocol::{Delay, NodeId, Span};
use raftlab::raft::Node;
use raftlab::sim::{Distribution, HostEvent, Observer, Time, Unsynced};

#[path = "support/soak.rs"]
mod soak;

const NODES: usize = 3;
const MTTF_MS: f64 = 100_000.0;
const MTTR_MS: f64 = 10_000.0;
const MINUTE: u64 = 60_000;
/// A long run: about 785 failures of each node.
const DAY: u64 = 24 * 60 * MINUTE;
/// In `make test`.
const SLICE: u64 = 500;

/// The total time by the number of nodes that were down.
#[derive(Clone, Default)]
struct Downtime {
    down: usize,
    since: Time,
    spent: [u64; NODES + 1],
}

impl Downtime {
    fn pass(&mut self, now: Time) {
        self.spent[self.down] += now.since(self.since).0;
        self.since = now;
    }
}

impl Observer<Node> for Downtime {
    fn host(&mut self, now: Time, _: NodeId, _: &Node, event: HostEvent) {
        self.pass(now);
        match event {
            HostEvent::Crashed => self.down += 1,
            HostEvent::Restarted => self.down -= 1,
            other => panic!("{other:?}"),
        }
    }
}

impl Watches for Downtime {
    fn finish(&mut self, end: Time) {
        self.pass(end);
    }
}

impl Watcher<Node> for Downtime {}

fn exponential(mean: f64) -> Distribution {
    Distribution::Exponential { mean }
}

/// Crashes of every node; its timers are so slow that Raft costs nothing.
fn crashes(lasts_ms: u64, schedule: impl Fn(Fault) -> Scheduled) -> Scenario {
    let mut scenario = Scenario::new(Names::letters(NODES).expect("three nodes"));
    scenario.election_timeout = Delay::exactly(Span::from_ms(3_600_000));
    scenario.horizon = Some(Time::ZERO + Span::from_ms(lasts_ms));
    scenario.faults = ["A", "B", "C"]
        .map(|name| {
            schedule(Crash { node: Target::One(name.into()), unsynced: Unsynced::Lose }.into())
        })
        .to_vec();
    scenario.validate().expect("a scenario");
    scenario
}

/// The mean of a fraction over runs, and the standard error of that mean.
struct Estimate {
    mean: f64,
    error: f64,
}

impl Estimate {
    fn of(shares: &[f64]) -> Self {
        let n = shares.len() as f64;
        let mean = shares.iter().sum::<f64>() / n;
        let variance = shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, error: (variance / n).sqrt() }
    }

    /// Within the range that is exceeded by chance once in ten thousand times.
    fn assert_is(&self, what: &str, exact: f64) {
        let off = (self.mean - exact) / self.error;
        println!(
            "{what}: {:.5} ± {:.5}, exactly {exact:.5}: {off:+.1} standard errors",
            self.mean, self.error
        );
        assert!(off.abs() < 3.9, "{what} is {} and not {exact}", self.mean);
        assert!(self.error < exact / 40.0, "{what}: the test tells nothing apart");
    }
}

/// The fraction of time in which a node is down, and that in which a majority is, for each run.
fn shares(scenario: &Scenario, runs: u64) -> (Estimate, Estimate) {
    let scenario = Arc::new(scenario.clone());
    let end = scenario.horizon.expect("it was given");
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let mut found = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= runs {
                return found;
            }
            let watch = Downtime::default();
            let mut cluster =
                Cluster::<Node, _>::new(scenario.clone(), seed, OnViolation::Record, watch)
                    .expect("valid");
            let ending = cluster.play(&mut Position::default(), u64::MAX, Time::NEVER);
            assert_eq!(ending, Some(Ending::Horizon));
            let watch = cluster.world_mut().observer_mut();
            watch.finish(end);
            let of = |down: usize| watch.spent[down] as f64 / end.0 as f64;
            found.push(((of(1) + 2.0 * of(2) + 3.0 * of(3)) / NODES as f64, of(2) + of(3)));
        }
    };
    let found: Vec<(f64, f64)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a run failed")).collect()
    });
    let down: Vec<f64> = found.iter().map(|(down, _)| *down).collect();
    let lost: Vec<f64> = found.iter().map(|(_, lost)| *lost).collect();
    (Estimate::of(&down), Estimate::of(&lost))
}

/// Two of three or all of them.
fn majority(p: f64) -> f64 {
    3.0 * p * p - 2.0 * p.powi(3)
}

/// An alternating renewal process.
fn repairable(lasts_ms: u64) -> Scenario {
    crashes(lasts_ms, |crash| Scheduled {
        uptime: Some(exponential(MTTF_MS)),
        duration: Some(exponential(MTTR_MS)),
        ..Scheduled::now(crash)
    })
}

#[test]
fn soak_of_repairable_nodes_has_the_exact_availability() {
    let (down, lost) = shares(&repairable(DAY), soak::runs(SLICE));
    // In the long run a node is down for the fraction MTTR / (MTTF + MTTR).
    let p = MTTR_MS / (MTTF_MS + MTTR_MS);
    down.assert_is("P(a node is down)", p);
    lost.assert_is("P(no quorum)", majority(p));
}

#[test]
fn soak_of_new_clusters_has_the_exact_availability() {
    let (_, lost) = shares(&repairable(10 * MINUTE), soak::runs(16 * SLICE));
    // All are up at first: at t a node is down with probability p(t) = p (1 - exp(-t / τ)). This is
    // the mean of 3 p(t)² - 2 p(t)³ over ten minutes, with exp(-t / τ) negligible at the end.
    let p = MTTR_MS / (MTTF_MS + MTTR_MS);
    let share = MTTF_MS * p / (10 * MINUTE) as f64; // τ of ten minutes
    let exact = 3.0 * p * p * (1.0 - 1.5 * share) - 2.0 * p.powi(3) * (1.0 - 11.0 / 6.0 * share);
    assert!((exact - 0.02277).abs() < 5e-6, "{exact}");
    lost.assert_is("P(no quorum in the first ten minutes)", exact);
}

#[test]
fn soak_of_overlapping_strikes_has_the_exact_availability() {
    let scenario = crashes(DAY, |crash| Scheduled {
        at: Some(When::Time(exponential(MTTF_MS))),
        every: Some(exponential(MTTF_MS)),
        duration: Some(exponential(MTTR_MS)),
        ..Scheduled::now(crash)
    });
    let (down, lost) = shares(&scenario, soak::runs(SLICE));
    // Strikes are a Poisson process, independent of their durations: the number of active ones has
    // a Poisson distribution with mean MTTR / MTBF (M/M/∞), and a node is up if there is none.
    let p = 1.0 - (-MTTR_MS / MTTF_MS).exp();
    down.assert_is("P(a node is down)", p);
    lost.assert_is("P(no quorum)", majority(p));
}
