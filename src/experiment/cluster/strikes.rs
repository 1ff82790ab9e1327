//! Faults: when they strike, whom they wait for, and when they end.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Cluster;
use super::agenda::Planned;
use crate::experiment::step::Action;
use crate::experiment::watch::{FaultEvent, Watcher};
use crate::fault::injector::{Draws, has_an_end};
use crate::fault::{Fault, Scheduled, Struck};
use crate::protocol::NodeSet;
use crate::sim::{Luck, Overlay, Time};

#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    handle: u32,
    strike: u32,
    pub(super) until: Time,
}

impl<O: Watcher> Cluster<O> {
    /// Plans a fault for its time, or for now: what is planned for now is done before the next event.
    pub(super) fn plan_fault(&mut self, handle: u32) {
        let Some(scheduled) = self.injector.fault(handle) else { return };
        let now = self.world.now();
        let draws = Draws::new(self.world.luck(), handle, 0);
        let at = match (&scheduled.at, &scheduled.after) {
            (Some(at), _) => (Time::ZERO + draws.at(at)).max(now),
            (None, Some(after)) => now + draws.at(after),
            (None, None) => now,
        };
        let since = if scheduled.at.is_some() { Time::ZERO } else { now };
        self.agenda.plan(at, Planned::Strike { handle, strike: 0, since });
    }

    /// From here on the luck is another seed's: that of nodes and messages, and that of the faults that are
    /// still to come or to end, of which no more is known than that they have not yet.
    pub fn reseed(&mut self, seed: u64) {
        self.world.redraw(seed);
        let (now, luck) = (self.world.now(), self.world.luck());
        for mut entry in std::mem::take(&mut self.agenda.entries) {
            let Reverse((time, ordinal)) = entry.place;
            if time > now {
                let again = self.again(&entry.planned, now, luck);
                entry.place = Reverse((again.unwrap_or(time), ordinal));
            }
            self.agenda.entries.push(entry);
        }
    }

    /// Another time for what is planned, later than now, if luck has a say in it.
    fn again(&self, planned: &Planned, now: Time, luck: Luck) -> Option<Time> {
        let (Planned::Strike { handle, .. } | Planned::End { handle, .. }) = planned else {
            return None;
        };
        let fault = self.injector.fault(*handle)?;
        let (since, span) = match planned {
            Planned::Strike { strike: 0, since, .. } => {
                let draws = Draws::new(luck, *handle, 0);
                let at = fault.at.as_ref().or(fault.after.as_ref())?;
                (since, draws.at_beyond(at, now.since(*since)))
            }
            Planned::Strike { strike, since, .. } => {
                let draws = Draws::new(luck, *handle, strike - 1);
                (since, draws.gap_beyond(fault.every.as_ref()?, now.since(*since)))
            }
            Planned::End { strike, since, .. } => {
                let draws = Draws::new(luck, *handle, *strike);
                (since, draws.duration_beyond(fault.duration.as_ref()?, now.since(*since)))
            }
            Planned::Act(_) => return None,
        };
        Some(*since + span?)
    }

    /// Gives a fault; one without a time strikes at once.
    pub(super) fn inject(&mut self, scheduled: &Scheduled) -> u32 {
        let handle = self.injector.give(Arc::new(scheduled.clone()));
        if scheduled.at.is_some() || scheduled.after.is_some() {
            self.plan_fault(handle);
        } else {
            self.strike(handle, 0);
        }
        handle
    }

    pub(super) fn perform_next(&mut self) {
        let Some(entry) = self.agenda.entries.pop() else { return };
        match entry.planned {
            Planned::Strike { handle, strike, .. } => self.strike(handle, strike),
            Planned::End { handle, .. } => self.end_fault(handle),
            Planned::Act(action) => {
                self.act(&action);
            }
        }
    }

    fn strike(&mut self, handle: u32, strike: u32) {
        let Some(scheduled) = self.injector.fault(handle) else { return };
        let now = self.world.now();
        let draws = Draws::new(self.world.luck(), handle, strike);
        if let Some(every) = &scheduled.every
            && scheduled.times.is_none_or(|times| strike + 1 < times)
        {
            let next = now + draws.gap(every);
            let planned = Planned::Strike { handle, strike: strike + 1, since: now };
            self.agenda.plan(next, planned);
        }
        let until = now + scheduled.patience;
        if scheduled.every.is_some() {
            self.end_fault(handle); // what is left of the strike before
        }
        if !self.try_to_strike(handle, draws) {
            self.waiting.push(Waiting { handle, strike, until });
            if self.world.observer().writes_faults() {
                let (kind, detail) = self.tell(handle);
                let event = FaultEvent::Waiting { kind, detail };
                self.world.observer_mut().fault(now, handle, event);
            }
        }
    }

    fn try_to_strike(&mut self, handle: u32, draws: Draws) -> bool {
        let now = self.world.now();
        let names = &self.scenario.nodes;
        let Struck::Hit(nodes) = self.injector.strike(&mut self.world, names, draws) else {
            return false;
        };
        self.struck_at = now;
        if self.world.observer().writes_faults() {
            self.tell_struck(handle, nodes);
        }
        let Some(scheduled) = self.injector.fault(handle) else { return true };
        if let Some(duration) = &scheduled.duration {
            let planned = Planned::End { handle, strike: draws.strike(), since: now };
            self.agenda.plan(now + draws.duration(duration), planned);
        } else if matches!(scheduled.fault, Fault::Wipe { .. }) {
            self.end_fault(handle);
        }
        true
    }

    fn tell_struck(&mut self, handle: u32, nodes: NodeSet) {
        let now = self.world.now();
        let (kind, detail) = self.tell(handle);
        let has_an_end = self.injector.fault(handle).is_some_and(|given| has_an_end(&given.fault));
        let nodes = self.whom(handle).unwrap_or_else(|| self.scenario.nodes.list(&nodes));
        let observer = self.world.observer_mut();
        observer.fault(now, handle, FaultEvent::Struck { kind, nodes, detail });
        if !has_an_end {
            observer.fault(now, handle, FaultEvent::Ended);
        }
        for ended in self.injector.take_ended() {
            self.world.observer_mut().fault(now, ended, FaultEvent::Ended);
        }
    }

    /// A fault's name in tables, and its parameters as JSON.
    fn tell(&self, handle: u32) -> (&'static str, String) {
        let told = |given: &Scheduled| {
            let fault = &given.fault;
            (fault.kind().name, serde_json::to_string(fault).unwrap_or_default())
        };
        self.injector.fault(handle).map(told).unwrap_or_default()
    }

    /// Whom a fault of the network hit: the groups of a partition, or from whom to whom.
    fn whom(&self, handle: u32) -> Option<String> {
        let (_, overlay) = self.world.links().overlays().iter().find(|(h, _)| *h == handle)?;
        let names = &self.scenario.nodes;
        let list = |nodes: &NodeSet| names.list(nodes);
        Some(match overlay {
            Overlay::Partition(groups) => {
                let groups = groups.iter().filter(|group| !group.is_empty());
                groups.map(list).collect::<Vec<_>>().join(" | ")
            }
            Overlay::Cut(matching)
            | Overlay::Delay(matching, _)
            | Overlay::Loss(matching, _)
            | Overlay::Duplicate(matching, _) => {
                let arrow = if matching.both_ways { "↔" } else { "→" };
                format!("{} {arrow} {}", list(&matching.from), list(&matching.to))
            }
        })
    }

    /// A leader came: those who waited for one strike.
    pub(super) fn look_for_targets(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            let draws = Draws::new(self.world.luck(), waiting.handle, waiting.strike);
            if !self.try_to_strike(waiting.handle, draws) {
                self.waiting.push(waiting);
            }
        }
    }

    pub(super) fn lose_patience(&mut self) {
        let now = self.world.now();
        let (hoping, given_up): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.until > now);
        self.waiting = hoping;
        for waiting in given_up {
            self.world.observer_mut().fault(now, waiting.handle, FaultEvent::Expired);
        }
    }

    pub(super) fn end_fault(&mut self, handle: u32) {
        if self.injector.end(&mut self.world, handle) {
            let now = self.world.now();
            self.world.observer_mut().fault(now, handle, FaultEvent::Ended);
        }
    }

    /// Whether a fault is planned that has not struck yet. One that strikes again and again without end does
    /// not count after its first strike.
    pub(super) fn has_strikes_to_come(&self) -> bool {
        let counts = |planned: &Planned| match planned {
            Planned::Strike { strike: 0, .. } => true,
            Planned::Act(action) => matches!(**action, Action::Inject(_)),
            Planned::Strike { handle, .. } => {
                self.injector.fault(*handle).is_some_and(|fault| fault.times.is_some())
            }
            Planned::End { .. } => false,
        };
        !self.waiting.is_empty() || self.agenda.entries.iter().any(|entry| counts(&entry.planned))
    }
}
