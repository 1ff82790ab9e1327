//! What a run waits for, and from when on.

use super::Cluster;
use crate::experiment::condition::{Armed, Condition};
use crate::experiment::watch::Watcher;
use crate::sim::Time;

/// What a run waits for.
#[derive(Clone, Debug)]
pub struct Goal {
    condition: Condition,
    /// What is looked at: all of the condition once it is armed.
    pub(super) armed: Option<Armed>,
    /// It is armed when the last fault before this time has struck; nothing if it is armed.
    awaits: Option<Time>,
}

impl Goal {
    /// Whether all of the condition is looked at.
    pub(super) fn is_armed(&self) -> bool {
        self.awaits.is_none()
    }
}

impl<O: Watcher> Cluster<O> {
    /// A goal that is armed now.
    pub fn goal(&self, condition: Condition) -> Goal {
        let armed = Some(self.armed(&condition));
        Goal { condition, armed, awaits: None }
    }

    /// A goal that is armed when the last fault that strikes before `end` has struck. What no cluster meets
    /// without a fault is looked at from the beginning.
    pub(super) fn goal_after_faults(&self, condition: Condition, end: Time) -> Goal {
        let harm = condition.only_after_harm();
        let awaits = if harm.as_ref() == Some(&condition) { None } else { Some(end) };
        Goal { armed: harm.map(|harm| self.armed(&harm)), condition, awaits }
    }

    /// Arms a goal whose time has come.
    pub(super) fn arm(&self, goal: &mut Goal) {
        let Some(end) = goal.awaits else { return };
        if !self.has_strikes_to_come(end) && !self.has_only_strikes_to_come() {
            goal.armed = Some(self.armed(&goal.condition));
            goal.awaits = None;
        }
    }

    fn armed(&self, condition: &Condition) -> Armed {
        condition.arm(&self.scenario.nodes, &self.world)
    }
}
