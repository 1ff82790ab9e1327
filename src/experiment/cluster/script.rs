//! The script: the steps that replay a cluster's history.

use super::Cluster;
use crate::experiment::edits::Edits;
use crate::experiment::playable::Playable;
use crate::experiment::scenario::{Scenario, ScenarioError};
use crate::experiment::step::Step;
use crate::experiment::watch::Watcher;
use crate::sim::Time;

/// A played part of the scenario.
#[derive(Clone, Copy, Debug)]
pub(super) enum Played {
    /// A whole step, by its position.
    Step(usize),
    /// A number of events of a step.
    Events(u64),
    /// Time without events, up to this time.
    Until(Time),
    /// A number of actions that were planned for this time.
    Planned(u64),
}

impl Played {
    pub(super) fn step(self, scenario: &Scenario) -> Step {
        match self {
            Played::Step(at) => scenario.steps[at].clone(),
            Played::Events(count) => Step::Events { count, python: false },
            Played::Until(time) => Step::RunTo(time),
            Played::Planned(count) => Step::Planned(count),
        }
    }
}

/// The progress of a cluster at some point.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    time: Time,
    events: u64,
    performed: u64,
}

/// The number of planned actions that were performed. It is needed for actions at the time when a
/// run stops, after its last event: they are not determined by the number of events or the time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Performed {
    total: u64,
    /// The time and the number of events when the latest was performed, and the number of actions
    /// before.
    place: (Time, u64),
    before: u64,
}

impl Performed {
    pub(super) fn count(&mut self, place: (Time, u64)) {
        if self.place != place {
            (self.place, self.before) = (place, self.total);
        }
        self.total += 1;
    }
}

impl<P: Playable, O: Watcher<P>> Cluster<P, O> {
    /// The present progress.
    pub fn mark(&self) -> Mark {
        Mark { time: self.world.now(), events: self.events(), performed: self.performed.total }
    }

    /// The steps that replay what has happened since a mark.
    #[inline]
    pub(super) fn progress_since(&self, mark: Mark) -> [Option<Played>; 3] {
        let (now, events) = (self.world.now(), self.events());
        let Performed { total, place, before } = self.performed;
        let planned = if place == (now, events) { total - before.max(mark.performed) } else { 0 };
        let dispatched = events - mark.events;
        [
            (dispatched > 0).then_some(Played::Events(dispatched)),
            (now > mark.time).then_some(Played::Until(now)),
            (planned > 0).then_some(Played::Planned(planned)),
        ]
    }

    /// Records what has happened by hand since a mark. `python` marks events that led to a state
    /// where a Python predicate held.
    pub fn record_since(&mut self, mark: Mark, python: bool) {
        for played in self.progress_since(mark).into_iter().flatten() {
            let step = match played {
                Played::Events(count) => Step::Events { count, python },
                played => played.step(&self.scenario),
            };
            self.record(step);
        }
    }

    /// Records a step by hand.
    pub fn record(&mut self, step: Step) {
        match (self.by_hand.last_mut(), &step) {
            (Some(Step::Run(before)), Step::Run(more)) => before.0 += more.0,
            (Some(Step::Events { count, python }), Step::Events { count: more, python: also })
                if python == also =>
            {
                *count += more;
            }
            _ => self.by_hand.push(step),
        }
    }

    /// The number of steps and edits in its script.
    pub fn script_len(&self) -> usize {
        let steps = self.scenario.steps.len() + self.played.len() + self.by_hand.len();
        steps + self.world.recorded_edits().len() + self.scenario.initial_entries()
    }

    /// The script of this cluster's history.
    pub fn script(&self) -> Scenario {
        self.script_as(self.by_hand.is_empty() && self.ended)
    }

    /// The script of this cluster's history, which ends now.
    pub fn script_up_to_now(&self) -> Scenario {
        self.script_as(false)
    }

    fn script_as(&self, as_written: bool) -> Scenario {
        let mut script = (*self.scenario).clone();
        if !as_written {
            let played = self.played.iter().map(|played| played.step(&self.scenario));
            script.steps = played.chain(self.by_hand.iter().cloned()).collect();
            if script.steps.is_empty() {
                script.steps.push(Step::RunTo(self.world.now()));
            }
            script.stop = None;
            script.horizon = None;
        }
        let (recorded, names) = (self.world.recorded_edits(), &self.scenario.nodes);
        let name = |id| self.message_name(id);
        let edits = Edits::of(self.seed, recorded, names, &self.symbols.now(), name);
        script.edits = edits.or(script.edits);
        script
    }

    /// Sets the recorded edits of interceptors, to replay them.
    pub(super) fn set_edits(&mut self) -> Result<(), ScenarioError> {
        let Some(recorded) = &self.scenario.edits else { return Ok(()) };
        let names = &self.scenario.nodes;
        let edits = self.symbols.update(|symbols| {
            symbols.add(&recorded.keys, &recorded.values);
            let named = recorded.edits.iter().map(|(name, edit)| {
                Ok((self.scenario.message_id(name)?, edit.read(names, symbols, None)?))
            });
            named.collect::<Result<_, String>>()
        });
        self.world.set_edits(edits.map_err(ScenarioError::Invalid)?);
        Ok(())
    }
}
