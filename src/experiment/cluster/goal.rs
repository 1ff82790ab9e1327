//! Goals: conditions that a run waits for, and when they are armed.

use super::Cluster;
use crate::experiment::playable::Playable;
use crate::experiment::watch::Watcher;
use crate::fault::{Armed, Condition};
use crate::sim::Time;

/// A condition that a run waits for.
#[derive(Clone, Debug)]
pub struct Goal {
    condition: Condition,
    /// The condition to test: all of it once the goal is armed.
    pub(super) armed: Option<Armed>,
    /// The goal is armed when the last fault before this time has struck; `None` if it is armed.
    awaits: Option<Time>,
}

impl Goal {
    /// Whether the goal is armed, so that all of the condition is tested.
    pub(super) fn is_armed(&self) -> bool {
        self.awaits.is_none()
    }
}

impl<P: Playable, O: Watcher<P>> Cluster<P, O> {
    /// A goal that is armed now.
    pub fn goal(&self, condition: Condition) -> Goal {
        let armed = Some(self.armed(&condition));
        Goal { condition, armed, awaits: None }
    }

    /// A goal that is armed when the last fault that strikes before `end` has struck. The part of
    /// the condition that never holds without a fault is tested from the beginning.
    pub(super) fn goal_after_faults(&self, condition: Condition, end: Time) -> Goal {
        let harm = condition.only_after_harm();
        let awaits = if harm.as_ref() == Some(&condition) { None } else { Some(end) };
        Goal { armed: harm.map(|harm| self.armed(&harm)), condition, awaits }
    }

    /// Arms a goal if its time has come.
    pub(super) fn arm(&self, goal: &mut Goal) {
        let Some(end) = goal.awaits else { return };
        if !self.has_strikes_to_come(end) && !self.has_only_strikes_to_come() {
            goal.armed = Some(self.armed(&goal.condition));
            goal.awaits = None;
        }
    }

    pub(super) fn armed(&self, condition: &Condition) -> Armed {
        condition.arm(&self.scenario.nodes, &self.world)
    }
}
