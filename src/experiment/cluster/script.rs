//! The script of what a cluster has been through.

use super::Cluster;
use crate::experiment::edits::Edits;
use crate::experiment::scenario::{Scenario, ScenarioError};
use crate::experiment::step::Step;
use crate::experiment::watch::Watcher;
use crate::sim::Time;

/// Something that was played of the scenario.
#[derive(Clone, Copy, Debug)]
pub(super) enum Played {
    /// A step as it is written, by its place.
    Step(usize),
    /// So many events of one.
    Events(u64),
    /// Time without events, up to here.
    Until(Time),
    /// So much that was planned for now was done.
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

/// How far a cluster had come at some point.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    time: Time,
    events: u64,
    performed: u64,
}

/// What was planned and is done. What is done after the last event, at the moment where a run stops, is told by
/// no count of events and by no time, which stands for all that comes before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Performed {
    total: u64,
    /// The moment and the number of events at which the latest was done, and how much had been before.
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

impl<O: Watcher> Cluster<O> {
    /// How far it has come.
    pub fn mark(&self) -> Mark {
        Mark { time: self.world.now(), events: self.events(), performed: self.performed.total }
    }

    /// What has happened since, in the words of a script.
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

    /// Writes down what has happened by hand since. `python` marks events that led to where a condition held
    /// that was written in Python.
    pub fn record_since(&mut self, mark: Mark, python: bool) {
        for played in self.progress_since(mark).into_iter().flatten() {
            let step = match played {
                Played::Events(count) => Step::Events { count, python },
                played => played.step(&self.scenario),
            };
            self.record(step);
        }
    }

    /// Writes down what was done by hand.
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

    /// How many steps and edits its script has.
    pub fn script_len(&self) -> usize {
        let steps = self.scenario.steps.len() + self.played.len() + self.by_hand.len();
        steps + self.world.recorded_edits().len() + self.scenario.initial_entries()
    }

    /// The script of all that this cluster has been through.
    pub fn script(&self) -> Scenario {
        self.script_as(self.by_hand.is_empty() && self.ended)
    }

    /// The script of all that this cluster has been through, up to now and no further.
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

    /// What interceptors did when the scenario was recorded will be done again.
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
