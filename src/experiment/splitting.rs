//! Multilevel splitting: estimates the probability of events that are too rare for plain sampling.
//!
//! A rare event is preceded by levels that are less rare: one node down, two, three, a write lost.
//! From the states in which runs reached a level, new runs are started with other random draws, and
//! so on from level to level. The product of the fractions that reach the next level is an unbiased
//! estimate of the probability of the last one, for any choice of levels (fixed effort splitting:
//! Garvels, "The splitting method in rare event simulation", 2000, §2.3); good levels make it
//! precise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::cluster::{Cluster, Goal, Position, Progress};
use super::crew::crew;
use super::pace::Pace;
use super::playable::Playable;
use super::scenario::{OnViolation, Scenario, ScenarioError};
use super::watch::Watcher;
use crate::fault::Condition;
use crate::sim::luck::{Luck, Purpose, below};

/// The plan of an estimate.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// The scenario, played from its beginning to its horizon. It has neither steps nor `stop`.
    pub scenario: Arc<Scenario>,
    /// The levels, the last of them the event.
    pub levels: Vec<Condition>,
    /// The number of runs that start from each level.
    pub effort: u64,
    /// The number of independent repetitions.
    pub repeats: u64,
    /// The seed from which all random draws are derived.
    pub seed: u64,
}

/// The result of one ascent from the first level to the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ascent {
    /// The number of runs that reached each level.
    pub reached: Vec<u64>,
    /// The number of runs.
    pub runs: u64,
    /// The number of events that they dispatched.
    pub events: u64,
    /// A run that reached the last level: its script and its seed.
    pub example: Option<(Scenario, u64)>,
}

impl Ladder {
    /// Checks that it can be played.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        let invalid = |why: &str| Err(ScenarioError::Invalid(why.to_owned()));
        self.scenario.validate().map_err(ScenarioError::Invalid)?;
        if !self.scenario.steps.is_empty() || self.scenario.stop.is_some() {
            return invalid(
                "a scenario for splitting must have no steps and no stop: give faults, a workload and a horizon",
            );
        }
        if self.scenario.edits.is_some() {
            return invalid("a scenario that was recorded with an interceptor cannot be split");
        }
        if self.levels.is_empty() {
            return invalid("levels: there must be at least one, the event itself");
        }
        let valid = |level: &Condition| level.validate(&self.scenario.nodes);
        self.levels
            .iter()
            .try_for_each(valid)
            .map_err(|why| ScenarioError::Invalid(format!("levels: {why}")))
    }

    /// Climbs `repeats` times on `threads` threads, and calls `wait` with the number of finished
    /// ascents until all are done. If it returns false the threads stop, and the finished ascents
    /// are kept. The result is in the order of the repetitions, regardless of the threads.
    pub fn climb<P: Playable, O: Watcher<P>>(
        &self,
        threads: usize,
        observer: impl Fn() -> O + Sync,
        mut wait: impl FnMut(u64) -> bool,
    ) -> Vec<Ascent> {
        let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let work = || {
            let mut ascents = Vec::new();
            let rest = Cluster::at_rest(self.scenario.clone(), OnViolation::Record, observer());
            loop {
                let repeat = next.fetch_add(1, Ordering::Relaxed);
                if repeat >= self.repeats {
                    break;
                }
                match self.ascend(&rest, repeat, &stop) {
                    Some(ascent) => ascents.push((repeat, ascent)),
                    None => break,
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            ascents
        };
        let workers = (threads as u64).clamp(1, self.repeats.max(1));
        let ascents = crew(workers, work, || {
            if !wait(done.load(Ordering::Relaxed)) {
                stop.store(true, Ordering::Relaxed);
            }
        });
        let mut ascents: Vec<(u64, Ascent)> = ascents.into_iter().flatten().collect();
        ascents.sort_by_key(|(repeat, _)| *repeat);
        ascents.into_iter().map(|(_, ascent)| ascent).collect()
    }

    /// One ascent from the beginning to the last level; `None` if it was stopped.
    fn ascend<P: Playable, O: Watcher<P>>(
        &self,
        rest: &Cluster<P, O>,
        repeat: u64,
        stop: &AtomicBool,
    ) -> Option<Ascent> {
        let mut ascent = Ascent::default();
        let mut entrances: Vec<Cluster<P, O>> = Vec::new();
        let mut cluster = rest.clone();
        for level in 0..self.levels.len() {
            let goal = self.goal(level);
            let starts = std::mem::take(&mut entrances);
            let mut reached = 0;
            if level == 0 || !starts.is_empty() {
                for run in 0..self.effort {
                    let seed = self.seed_of(repeat, level, run);
                    let before = start(&mut cluster, rest, &starts, seed);
                    ascent.runs += 1;
                    let progress = self.run(&mut cluster, &goal, stop)?;
                    ascent.events += cluster.events() - before;
                    if progress == Progress::Condition {
                        reached += 1;
                        entrances.push(cluster.clone());
                    }
                }
            }
            ascent.reached.push(reached);
        }
        ascent.example = entrances.first().map(|end| (end.script(), end.seed()));
        Some(ascent)
    }

    fn run<P: Playable, O: Watcher<P>>(
        &self,
        cluster: &mut Cluster<P, O>,
        level: &Condition,
        stop: &AtomicBool,
    ) -> Option<Progress> {
        let end = self.scenario.end().unwrap_or_default();
        let mut goal: Goal = cluster.goal(level.clone());
        let mut pace = Pace::default();
        loop {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            match cluster.go_on(end, pace.events(), Some(&mut goal)) {
                Progress::Events => pace.slice_ends(),
                progress => return Some(progress),
            };
        }
    }

    /// A level is reached when it, or one above it, holds: a run that skips a level has passed it.
    fn goal(&self, level: usize) -> Condition {
        match &self.levels[level..] {
            [last] => last.clone(),
            levels => Condition::AnyOf { of: levels.to_vec() },
        }
    }

    /// A distinct seed for each run of each level of each repetition.
    fn seed_of(&self, repeat: u64, level: usize, run: u64) -> u64 {
        Luck::new(self.seed).draw(Purpose::Splitting, repeat << 16 | level as u64, run)
    }
}

/// Sets a run back to its start: the beginning, or one of the states in which a level was reached.
/// Returns the number of events up to there.
fn start<P: Playable, O: Watcher<P>>(
    cluster: &mut Cluster<P, O>,
    rest: &Cluster<P, O>,
    starts: &[Cluster<P, O>],
    seed: u64,
) -> u64 {
    if starts.is_empty() {
        cluster.clone_from(rest);
        if cluster.begin(seed).is_err() {
            unreachable!("the ladder was validated");
        }
        return 0;
    }
    let draw = Luck::new(seed).draw(Purpose::Splitting, 0, 0);
    cluster.clone_from(&starts[below(draw, starts.len() as u64) as usize]);
    cluster.part(&mut Position::default(), seed);
    cluster.events()
}
