//! Running the world: actions planned for time t are performed before the world's own events at t.

use super::strikes::Waiting;
use super::{Cluster, Goal, Progress};
use crate::experiment::playable::Playable;
use crate::experiment::scenario::OnViolation;
use crate::experiment::watch::Watcher;
use crate::fault::{Armed, Injector, Names};

use crate::sim::world::{Stop, Stopped};
use crate::sim::{Time, World};

impl<P: Playable, O: Watcher<P>> Cluster<P, O> {
    /// Lets time pass until `until` (half-open), the goal, or after `events` events. If only faults
    /// remain (no world events), returns after `events` strikes, so that the caller can still check
    /// for interrupts. No run goes beyond [`Time::LAST`]; with [`Time::NEVER`] time stops after the
    /// last event before it.
    pub fn run(&mut self, until: Time, events: u64, mut goal: Option<&mut Goal>) -> Progress {
        let until = if until < Time::NEVER { until.min(Time::LAST) } else { until };
        let last = self.events().saturating_add(events);
        let found = self.world.observer().violation_count();
        let mut performed = 0;
        loop {
            self.look_for_targets();
            if let Some(goal) = &mut goal {
                self.arm(goal);
            }
            let armed = goal.as_ref().and_then(|goal| goal.armed.as_ref());
            if let Some(progress) = self.stops(armed, found) {
                return progress;
            }
            if self.events() >= last {
                return Progress::Events;
            }
            let due = self.agenda.next_time();
            if due < until && due <= self.world.now() {
                self.perform_next();
                performed += 1;
                continue;
            }
            let pause = until.min(due).min(self.loses_patience_at());
            if self.run_world(pause, last - self.events(), armed, found) == Stopped::Time {
                self.lose_patience();
                if pause == until {
                    return self.stops(armed, found).unwrap_or(Progress::Time);
                }
                if performed >= events {
                    return Progress::Events;
                }
            }
        }
    }

    /// Whether runs keep the last event that they dispatch.
    pub fn keep_last_event(&mut self, keep: bool) {
        self.world.keep_last_event(keep);
    }

    /// Why to stop, if so; called after every event and every strike. An interceptor's failure
    /// comes first.
    fn stops(&self, armed: Option<&Armed>, found: usize) -> Option<Progress> {
        if self.world.tap_failed() {
            return Some(Progress::Interceptor);
        }
        if self.stops_at_violations() && self.world.observer().violation_count() > found {
            return Some(Progress::Violation);
        }
        let violations = self.world.observer().violation_count();
        let holds = armed.is_some_and(|armed| armed.holds(&self.world, violations));
        holds.then_some(Progress::Condition)
    }

    pub(super) fn stops_at_violations(&self) -> bool {
        self.on_violation == OnViolation::Stop
    }

    fn loses_patience_at(&self) -> Time {
        let first = self.waiting.iter().map(Waiting::until).min();
        first.filter(|first| *first < Time::LAST).unwrap_or(Time::NEVER)
    }

    /// Runs the world alone, with only the necessary tests after each event.
    fn run_world(
        &mut self,
        until: Time,
        events: u64,
        armed: Option<&Armed>,
        found: usize,
    ) -> Stopped {
        let halts = self.stops_at_violations() && self.world.observer().checks().is_some();
        let hopes = !self.waiting.is_empty();
        match (armed, halts || hopes) {
            (None, false) => self.world.run(until, events, &mut ()),
            (Some(armed), false) => self.world.run(until, events, &mut Until(armed)),
            (armed, true) => {
                let (waiting, injector) = (&self.waiting, &self.injector);
                let names = &self.scenario.nodes;
                self.world.run(until, events, &mut |world: &World<P, O>| {
                    !waiting.is_empty() && is_over(waiting, injector, world, names)
                        || halts && world.observer().violation_count() > found
                        || armed.is_some_and(|armed| {
                            armed.holds(world, world.observer().violation_count())
                        })
                })
            }
        }
    }
}

/// Stops when a condition holds.
struct Until<'a>(&'a Armed);

impl<P: Playable, O: Watcher<P>> Stop<P, O> for Until<'_> {
    #[inline(always)] // after every event
    fn stops(&mut self, world: &World<P, O>) -> bool {
        self.0.holds(world, world.observer().violation_count())
    }
}

/// Whether a fault that waits for a target finds one, or an awaited condition holds.
#[inline(never)] // mostly none waits
fn is_over<P: Playable, O: Watcher<P>>(
    waiting: &[Waiting],
    injector: &Injector,
    world: &World<P, O>,
    names: &Names,
) -> bool {
    waiting.iter().any(|waiting| match waiting {
        Waiting::ForTarget(strike, _) => injector.finds(world, names, *strike),
        Waiting::ForCondition(armed, _) => armed.holds(world, world.observer().violation_count()),
    })
}
