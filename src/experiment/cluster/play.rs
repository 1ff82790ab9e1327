//! Playing a scenario: its steps, then the time up to its end.

use std::sync::Arc;

use super::script::Played;
use super::{Cluster, Goal, Mark, Progress};
use crate::experiment::playable::Playable;
use crate::experiment::step::Step;
use crate::experiment::watch::Watcher;
use crate::sim::Time;

/// How a scenario ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// Its `stop` condition held.
    Stop,
    /// Time ran out.
    Horizon,
    /// All steps were taken.
    Steps,
    /// A violation was found, and the run stops at violations.
    Violation,
    /// The condition of a step did not hold within its limit.
    NotReached,
    /// An interceptor failed.
    Interceptor,
    /// Time ran out before `stop` was armed: the faults that it waits for did not strike.
    NotArmed,
}

impl Ending {
    /// All endings, in the order of their codes in tables.
    pub const ALL: [Ending; 7] = [
        Ending::Stop,
        Ending::Horizon,
        Ending::Steps,
        Ending::Violation,
        Ending::NotReached,
        Ending::Interceptor,
        Ending::NotArmed,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Stop => "stop",
            Ending::Horizon => "horizon",
            Ending::Steps => "steps",
            Ending::Violation => "violation",
            Ending::NotReached => "not_reached",
            Ending::Interceptor => "interceptor",
            Ending::NotArmed => "not_armed",
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Ending::Stop => "The condition of `stop` held.",
            Ending::Horizon => "Time ran out.",
            Ending::Steps => "All steps were taken, and there was no `stop`.",
            Ending::Violation => "A property was violated, and the run was to stop at that.",
            Ending::NotReached => "The condition of a step was never met.",
            Ending::Interceptor => "An interceptor raised an error.",
            Ending::NotArmed => {
                "Time ran out before `stop` was armed: the faults that it waits for did not strike."
            }
        }
    }
}

/// The position within a step of a cluster that plays its scenario in slices.
#[derive(Clone, Debug, Default)]
pub struct Position {
    /// The mark at its beginning, or where its last part was recorded.
    begun: Option<Mark>,
    /// Whether a part of it is already recorded.
    told: bool,
    end: Option<Time>,
    events: Option<u64>,
    goal: Option<Goal>,
}

/// The progress of a step.
enum Taken {
    Whole,
    Part,
    Last(Ending),
}

impl<P: Playable, O: Watcher<P>> Cluster<P, O> {
    /// Plays the rest of the scenario, up to `until`. After `events` events, or as many steps, it
    /// returns `None`: call it again with the same `position`.
    pub fn play(&mut self, position: &mut Position, events: u64, until: Time) -> Option<Ending> {
        let last = self.events().saturating_add(events);
        let last_step = self.taken.saturating_add(events as usize);
        while self.taken < self.scenario.steps.len() {
            if self.taken >= last_step {
                return None;
            }
            if self.world.now() >= until.min(Time::LAST) {
                return Some(Ending::Horizon);
            }
            let begun = *position.begun.get_or_insert_with(|| self.mark());
            let found = self.world.observer().violation_count();
            let scenario = Arc::clone(&self.scenario);
            let step = &scenario.steps[self.taken];
            match self.take_step(step, position, last - self.events(), until) {
                Taken::Whole => {
                    if position.told {
                        self.write_progress(begun);
                    } else if self.parted {
                        self.record(step.clone());
                    } else {
                        self.played.push(Played::Step(self.taken));
                    }
                    self.taken += 1;
                    *position = Position::default();
                    if let Some(ending) = self.stopped_by_what_was_done(found) {
                        self.play_ends(position, ending);
                        return Some(ending);
                    }
                }
                Taken::Part => return None,
                Taken::Last(ending) => {
                    self.play_ends(position, ending);
                    return Some(ending);
                }
            }
        }
        let Some(end) = self.scenario.end_after(self.world.now()) else {
            self.ended = true;
            return Some(Ending::Steps);
        };
        let end = *position.end.get_or_insert(end);
        position.begun.get_or_insert_with(|| self.mark());
        if let (None, Some(stop)) = (&position.goal, &self.scenario.stop) {
            position.goal = Some(self.goal_after_faults(stop.clone(), end));
        }
        let goal = &mut position.goal;
        let ending = match self.run(end.min(until), last - self.events(), goal.as_mut()) {
            Progress::Time if until < end => Ending::Horizon,
            Progress::Time if goal.as_ref().is_some_and(|goal| !goal.is_armed()) => {
                Ending::NotArmed
            }
            Progress::Time => Ending::Horizon,
            Progress::Condition => Ending::Stop,
            Progress::Violation => Ending::Violation,
            Progress::Interceptor => Ending::Interceptor,
            Progress::Events => return None,
        };
        self.play_ends(position, ending);
        self.ended &= ending != Ending::Horizon || until >= end;
        Some(ending)
    }

    /// An immediate action can stop a run, too, such as a step that injects a fault.
    fn stopped_by_what_was_done(&self, found: usize) -> Option<Ending> {
        if self.world.tap_failed() {
            return Some(Ending::Interceptor);
        }
        let broken = self.world.observer().violation_count() > found;
        (broken && self.stops_at_violations()).then_some(Ending::Violation)
    }

    /// Continues with the random draws of another seed; the run is then no longer that of the
    /// scenario alone.
    pub fn part(&mut self, position: &mut Position, seed: u64) {
        let now = self.world.now();
        self.write(Played::Until(now));
        self.parted = true;
        self.reseed(seed);
        self.record(Step::Reseed(seed));
        position.begun = None;
    }

    /// Lets time pass after all steps, and records it.
    pub fn go_on(&mut self, until: Time, events: u64, goal: Option<&mut Goal>) -> Progress {
        let begun = self.mark();
        let progress = self.run(until, events, goal);
        self.write_progress(begun);
        progress
    }

    /// Records the played part of an unfinished step, or the time after the last step.
    fn play_ends(&mut self, position: &mut Position, ending: Ending) {
        if let Some(begun) = position.begun.take() {
            self.write_progress(begun);
        }
        position.told = true;
        let whole = self.taken == self.scenario.steps.len();
        self.ended = whole && matches!(ending, Ending::Stop | Ending::Horizon | Ending::NotArmed);
    }

    /// Records what has happened since a mark.
    fn write_progress(&mut self, begun: Mark) {
        let played = self.progress_since(begun);
        played.into_iter().flatten().for_each(|played| self.write(played));
    }

    fn write(&mut self, played: Played) {
        if self.parted {
            self.record(played.step(&Arc::clone(&self.scenario)));
        } else {
            self.played.push(played);
        }
    }

    fn take_step(
        &mut self,
        step: &Step,
        position: &mut Position,
        events: u64,
        until: Time,
    ) -> Taken {
        let now = self.world.now();
        let progress = match step {
            Step::Run(span) => {
                let end = *position.end.get_or_insert(now + *span);
                match self.run(end.min(until), events, None) {
                    Progress::Time if until < end => return Taken::Last(Ending::Horizon),
                    progress => progress,
                }
            }
            Step::RunTo(end) => match self.run((*end).min(until), events, None) {
                Progress::Time if until < *end => return Taken::Last(Ending::Horizon),
                progress => progress,
            },
            Step::RunUntil { until: condition, limit } => {
                let end = *position.end.get_or_insert(now + *limit);
                let goal = position.goal.get_or_insert_with(|| self.goal(condition.clone()));
                match self.run(end.min(until), events, Some(goal)) {
                    Progress::Time if until < end => return Taken::Last(Ending::Horizon),
                    Progress::Time => return Taken::Last(Ending::NotReached),
                    progress => progress,
                }
            }
            Step::Events { count, .. } => {
                let goal = *position.events.get_or_insert(self.events() + count);
                match self.run(until, events.min(goal - self.events()), None) {
                    Progress::Violation => Progress::Violation,
                    Progress::Interceptor => Progress::Interceptor,
                    _ if self.events() == goal => Progress::Time,
                    Progress::Time => return Taken::Last(Ending::Horizon),
                    progress => progress,
                }
            }
            Step::Do(action) => {
                self.act(action);
                Progress::Time
            }
            Step::Planned(count) => {
                for _ in 0..*count {
                    self.perform_due();
                    self.look_for_targets();
                }
                Progress::Time
            }
            Step::Reseed(seed) => {
                self.reseed(*seed);
                Progress::Time
            }
        };
        match progress {
            Progress::Time | Progress::Condition => Taken::Whole,
            Progress::Events => Taken::Part,
            Progress::Violation => Taken::Last(Ending::Violation),
            Progress::Interceptor => Taken::Last(Ending::Interceptor),
        }
    }
}
