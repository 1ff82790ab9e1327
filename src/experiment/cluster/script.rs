//! The script of what a cluster has been through.

use super::Cluster;
use crate::experiment::scenario::{Edits, Scenario};
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
}

impl Played {
    pub(super) fn step(self, scenario: &Scenario) -> Step {
        match self {
            Played::Step(at) => scenario.steps[at].clone(),
            Played::Events(count) => Step::Events { count, python: false },
            Played::Until(time) => Step::RunTo(time),
        }
    }
}

impl<O: Watcher> Cluster<O> {
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

    /// The script of all that this cluster has been through.
    pub fn script(&self) -> Scenario {
        self.script_as(self.by_hand.is_empty() && (self.ended || !self.begun))
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
        let edits = self.world.recorded_edits();
        if !edits.is_empty() {
            let edits =
                edits.iter().map(|(id, edit)| (self.message_name(*id), edit.clone())).collect();
            script.edits = Some(Edits { seed: self.seed, edits });
        }
        script
    }
}
