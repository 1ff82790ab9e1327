//! A scenario over many seeds, on all cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::cluster::{Cluster, Ending, Position};
use super::scenario::{OnViolation, Scenario, ScenarioError};
use super::watch::Watcher;
use crate::sim::{Digest, Time};

/// What one seed came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub ending: Ending,
    /// When it ended.
    pub end: Time,
    /// When the last fault struck; the beginning if none did.
    pub last_strike: Time,
    /// How often a node became leader.
    pub elections: u64,
    /// The highest term at the end.
    pub highest_term: u64,
    /// The highest commitIndex at the end.
    pub commit_index: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// How many violations were found.
    pub violations: u64,
    /// The rules that were violated, in the order in which they first were.
    pub rules: Vec<&'static str>,
    /// The digest.
    pub digest: Digest,
}

/// Runs `count` seeds from `first` on, on `threads` threads, and calls `wait` on this thread until all are
/// done; if `wait` says false they stop. The result is in the order of the seeds whatever the threads do.
pub fn survey<O: Watcher>(
    scenario: &Scenario,
    seeds: std::ops::Range<u64>,
    threads: usize,
    on_violation: OnViolation,
    observer: impl Fn() -> O + Sync,
    mut wait: impl FnMut(u64) -> bool,
) -> Result<Vec<Outcome>, ScenarioError> {
    scenario.validate().map_err(ScenarioError::Invalid)?;
    let count = seeds.end - seeds.start;
    for seed in [seeds.start, seeds.end.saturating_sub(1)] {
        scenario.edits_for(seed)?;
    }
    let scenario = Arc::new(scenario.clone());
    let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let work = || -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let rest = Cluster::at_rest(scenario.clone(), on_violation, observer());
        let mut cluster = rest.clone();
        loop {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= count {
                return outcomes;
            }
            for seed in from..count.min(from + CHUNK) {
                cluster.clone_from(&rest);
                match play(&mut cluster, seeds.start + seed, &stop) {
                    Some(outcome) => outcomes.push(outcome),
                    None => return outcomes,
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let workers = (threads as u64).clamp(1, count.div_ceil(CHUNK).max(1));
    let mut outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            if !wait(done.load(Ordering::Relaxed)) {
                stop.store(true, Ordering::Relaxed);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        // A worker that panicked takes the whole survey with it: that is a bug in raftlab.
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
            .collect()
    });
    outcomes.sort_by_key(|outcome| outcome.seed);
    Ok(outcomes)
}

const CHUNK: u64 = 16;
const SLICE: u64 = 20_000;
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(1);

/// One seed; nothing if it was told to stop.
fn play<O: Watcher>(cluster: &mut Cluster<O>, seed: u64, stop: &AtomicBool) -> Option<Outcome> {
    cluster.begin(seed).ok()?;
    let mut position = Position::default();
    loop {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(ending) = cluster.play(&mut position, SLICE, Time::NEVER) {
            return Some(outcome(cluster, ending));
        }
    }
}

/// What a cluster came to that has ended.
pub fn outcome<O: Watcher>(cluster: &Cluster<O>, ending: Ending) -> Outcome {
    let world = cluster.world();
    let nodes = || (0..world.len()).map(|i| world.node(crate::protocol::NodeId::from(i)));
    Outcome {
        seed: cluster.seed(),
        ending,
        end: world.now(),
        last_strike: cluster.last_strike(),
        elections: world.counters().elections,
        highest_term: nodes().map(crate::raft::Node::term).max().unwrap_or(0),
        commit_index: nodes()
            .map(|node| crate::protocol::Protocol::status(node).commit_index)
            .max()
            .unwrap_or(0),
        delivered: world.counters().delivered,
        violations: world.observer().violation_count() as u64,
        rules: world.observer().violated_rules(),
        digest: world.digest(),
    }
}
