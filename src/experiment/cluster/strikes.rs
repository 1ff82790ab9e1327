//! Strikes of faults: when they begin, wait and end.

use std::sync::Arc;

use super::Cluster;
use super::agenda::Planned;
use crate::experiment::playable::Playable;
use crate::experiment::step::Action;
use crate::experiment::watch::{FaultEvent, Watcher};
use crate::fault::draws::Draws;
use crate::fault::{Armed, Condition, Effect, Kind, Place, Scheduled, Struck};
use crate::sim::{Luck, Strike, Time};

/// What waits for something other than a time.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    /// A strike waits for a node to hit, until a time.
    ForTarget(Strike, Time),
    /// A strike or an action waits for a condition.
    ForCondition(Armed, Planned),
}

impl Waiting {
    pub(super) fn until(&self) -> Time {
        match self {
            Self::ForTarget(_, until) => *until,
            Self::ForCondition(..) => Time::NEVER,
        }
    }

    fn strike(&self) -> Option<Strike> {
        match self {
            Self::ForTarget(strike, _)
            | Self::ForCondition(_, Planned::Strike(strike, _) | Planned::End(strike, _)) => {
                Some(*strike)
            }
            Self::ForCondition(_, Planned::Act(_)) => None,
        }
    }

    /// Whether a fault waits.
    fn is_for_fault(&self) -> bool {
        match self {
            Self::ForCondition(_, Planned::Act(action)) => matches!(**action, Action::Inject(_)),
            _ => true,
        }
    }
}

impl<P: Playable, O: Watcher<P>> Cluster<P, O> {
    // ---- Plans ----------------------------------------------------------------------------------

    /// Plans a fault for its time, or for now, which means before the next event.
    pub(super) fn plan_fault(&mut self, handle: u32) {
        let Some(scheduled) = self.injector.fault(handle) else { return };
        let (strike, now) = (Strike::from(handle), self.world.now());
        if let Some(condition) = scheduled.condition().cloned() {
            return self.await_condition(&condition, Planned::Strike(strike, now));
        }
        let since = if scheduled.at.is_some() { Time::ZERO } else { now };
        let draws = Draws::new(self.world.luck(), strike);
        let at = scheduled.first().map_or(now, |time| since + draws.at(time));
        self.agenda.plan(at.max(now), Planned::Strike(strike, since));
    }

    /// Continues with the random draws of another seed: for nodes and messages, and for the times
    /// of faults that have not begun or ended yet, conditional on that.
    pub fn reseed(&mut self, seed: u64) {
        self.world.redraw(seed);
        let (now, luck, injector) = (self.world.now(), self.world.luck(), &self.injector);
        self.agenda.move_later(now, |planned| {
            let (Planned::Strike(strike, _) | Planned::End(strike, _)) = planned else {
                return None;
            };
            again(injector.fault(strike.handle)?, planned, now, luck)
        });
    }

    /// Injects a fault; one without a time strikes at once.
    pub(super) fn inject(&mut self, scheduled: &Scheduled) -> u32 {
        if scheduled.fault.measures() && !self.world.measures() {
            self.measure();
        }
        let handle = self.injector.give(Arc::new(scheduled.clone()));
        if scheduled.condition().is_some() {
            self.plan_fault(handle);
            self.look_for_targets(); // the condition may hold now
        } else if scheduled.first().is_some() {
            self.plan_fault(handle);
        } else {
            self.strike(Strike::from(handle));
        }
        handle
    }

    /// Plans the strike after this one, `since` it began or ended.
    fn plan_next(&mut self, strike: Strike, since: Time) {
        let Some(scheduled) = self.injector.fault(strike.handle) else { return };
        let Some(gap) = scheduled.gap().filter(|_| scheduled.strikes_after(strike.ordinal)) else {
            return;
        };
        let at = since + Draws::new(self.world.luck(), strike).gap(gap);
        let next = Strike { ordinal: strike.ordinal + 1, ..strike };
        self.agenda.plan(at, Planned::Strike(next, since));
    }

    fn counts_from_the_end(&self, strike: Strike) -> bool {
        self.injector.fault(strike.handle).is_some_and(|given| given.uptime.is_some())
    }

    /// Whether a strike may still begin before `end`. For a fault with unlimited strikes, only the
    /// first counts.
    pub(super) fn has_strikes_to_come(&self, end: Time) -> bool {
        let is_bounded = |strike: &Strike| {
            let given = self.injector.fault(strike.handle);
            given.is_some_and(|given| given.times.is_some() && given.strikes_after(strike.ordinal))
        };
        let counts = |planned: &Planned| match planned {
            Planned::Strike(strike, _) => {
                let given = self.injector.fault(strike.handle);
                strike.ordinal == 0 || given.is_some_and(|given| given.times.is_some())
            }
            Planned::End(strike, _) => self.counts_from_the_end(*strike) && is_bounded(strike),
            Planned::Act(action) => matches!(**action, Action::Inject(_)),
        };
        self.waiting.iter().any(Waiting::is_for_fault)
            || self.agenda.iter().any(|(time, planned)| time < end && counts(planned))
    }

    /// Whether there are faults, and all of them are planned for later.
    pub(super) fn has_only_strikes_to_come(&self) -> bool {
        let strikes = |planned: &Planned| matches!(planned, Planned::Strike(..));
        !self.has_struck && self.agenda.iter().any(|(_, planned)| strikes(planned))
    }

    // ---- Strikes -------------------------------------------------------------------------------

    pub(super) fn strike(&mut self, strike: Strike) {
        let Some(scheduled) = self.injector.fault(strike.handle) else { return };
        let (now, patience) = (self.world.now(), scheduled.patience);
        let (repeats, is_open) = (scheduled.every.is_some(), scheduled.duration.is_none());
        if repeats && is_open {
            self.end_strikes(strike.handle);
        }
        if repeats {
            self.plan_next(strike, now);
        }
        if self.try_to_strike(strike) {
            return;
        }
        self.waiting.push(Waiting::ForTarget(strike, now + patience));
        if self.world.observer().writes_faults() {
            let (kind, detail) = self.tell(strike.handle);
            self.observe(strike, FaultEvent::Waiting { kind, detail });
        }
    }

    /// Tries to strike; false if it must wait for a node.
    fn try_to_strike(&mut self, strike: Strike) -> bool {
        let now = self.world.now();
        let names = &self.scenario.nodes;
        let Struck::Hit(place) = self.injector.strike(&mut self.world, names, strike) else {
            return false;
        };
        self.has_struck = true;
        if !place.nodes().is_empty() {
            self.struck_at = now;
        }
        if self.world.observer().writes_faults() {
            self.tell_struck(strike, &place);
        }
        if self.injector.is_active(strike) {
            self.plan_end(strike);
        } else {
            self.is_over(strike);
        }
        for ended in self.injector.take_ended() {
            self.is_over(ended);
        }
        true
    }

    fn plan_end(&mut self, strike: Strike) {
        let Some(scheduled) = self.injector.fault(strike.handle) else { return };
        let now = self.world.now();
        if let Some(duration) = &scheduled.duration {
            let lasts = Draws::new(self.world.luck(), strike).duration(duration);
            self.agenda.plan(now + lasts, Planned::End(strike, now));
        } else if !scheduled.fault.lasts() {
            self.end_strike(strike);
        }
    }

    /// Waiting strikes that now find a node strike.
    #[inline]
    pub(super) fn look_for_targets(&mut self) {
        if !self.waiting.is_empty() {
            self.look_again_for_targets();
        }
    }

    #[cold]
    fn look_again_for_targets(&mut self) {
        let awaits = |waiting: &Waiting| matches!(waiting, Waiting::ForCondition(..));
        // What a strike does can make another condition hold.
        while self.look_at_all_that_waits() && self.waiting.iter().any(awaits) {}
    }

    /// Tests once whether what waits has an end; true if something has.
    fn look_at_all_that_waits(&mut self) -> bool {
        let mut any = false;
        for waiting in std::mem::take(&mut self.waiting) {
            let violations = self.world.observer().violation_count();
            match waiting {
                Waiting::ForTarget(strike, _) if self.try_to_strike(strike) => any = true,
                Waiting::ForCondition(armed, then) if armed.holds(&self.world, violations) => {
                    any = true;
                    self.condition_holds(then);
                }
                waiting => self.waiting.push(waiting),
            }
        }
        any
    }

    /// Makes a strike or an action wait for a condition, which is armed now.
    pub(super) fn await_condition(&mut self, condition: &Condition, then: Planned) {
        let armed = self.armed(condition);
        let strike = if let Planned::Strike(strike, _) = &then { Some(*strike) } else { None };
        self.waiting.push(Waiting::ForCondition(armed, then));
        if let Some(strike) = strike
            && self.world.observer().writes_faults()
        {
            let (kind, detail) = self.tell(strike.handle);
            self.observe(strike, FaultEvent::Awaits { kind, detail });
        }
    }

    /// The condition of a strike or an action holds: it happens now, or after its delay.
    fn condition_holds(&mut self, then: Planned) {
        let now = self.world.now();
        match then {
            Planned::Act(action) => _ = self.act(&action),
            Planned::Strike(strike, _) => {
                self.observe(strike, FaultEvent::Ended);
                let given = self.injector.fault(strike.handle);
                let Some(delay) = given.and_then(Scheduled::first) else {
                    return self.strike(strike);
                };
                let at = now + Draws::new(self.world.luck(), strike).at(delay);
                self.agenda.plan(at, Planned::Strike(strike, now));
            }
            Planned::End(strike, _) => self.end_strike(strike),
        }
    }

    pub(super) fn lose_patience(&mut self) {
        let now = self.world.now();
        let (hoping, given_up): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.until() > now);
        self.waiting = hoping;
        for strike in given_up.iter().filter_map(Waiting::strike) {
            self.has_struck = true;
            self.observe(strike, FaultEvent::Expired);
            self.is_passed(strike);
        }
    }

    // ---- Ends ----------------------------------------------------------------------------------

    pub(super) fn end_strike(&mut self, strike: Strike) {
        if self.injector.end(&mut self.world, strike) {
            self.is_over(strike);
        }
    }

    /// Ends a fault: its active, waiting and planned strikes.
    pub(super) fn end_fault(&mut self, handle: u32) {
        self.end_strikes(handle);
        self.agenda.cancel_strikes(handle);
    }

    /// Ends the active and waiting strikes of a fault.
    fn end_strikes(&mut self, handle: u32) {
        for strike in self.injector.strikes_of(handle) {
            self.end_strike(strike);
        }
        let (of_it, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.strike().is_some_and(|strike| strike.handle == handle));
        self.waiting = others;
        for strike in of_it.iter().filter_map(Waiting::strike) {
            self.observe(strike, FaultEvent::Ended);
        }
    }

    fn is_over(&mut self, strike: Strike) {
        self.observe(strike, FaultEvent::Ended);
        self.is_passed(strike);
    }

    /// A strike has ended or expired: plans the next one, if its time is measured from here.
    fn is_passed(&mut self, strike: Strike) {
        if self.counts_from_the_end(strike) {
            self.plan_next(strike, self.world.now());
        }
    }

    /// The faults that have not struck because their conditions never held, in words.
    pub fn unmet(&self) -> Vec<String> {
        let unmet = |waiting: &Waiting| match waiting {
            Waiting::ForCondition(_, Planned::Strike(strike, _)) => {
                let given = self.injector.fault(strike.handle)?;
                let class = given.fault.kind().class;
                Some(format!("{class} ({})", given.condition()?.text()))
            }
            _ => None,
        };
        self.waiting.iter().filter_map(unmet).collect()
    }

    // ---- Reports to observers ------------------------------------------------------------------

    fn observe(&mut self, strike: Strike, event: FaultEvent) {
        let now = self.world.now();
        self.world.observer_mut().fault(now, strike, event);
    }

    fn tell_struck(&mut self, strike: Strike, place: &Place) {
        let (kind, detail) = self.tell(strike.handle);
        let nodes = place.text(&self.scenario.nodes);
        self.observe(strike, FaultEvent::Struck { kind, nodes, detail });
    }

    /// A fault's name in tables, and its parameters as JSON.
    fn tell(&self, handle: u32) -> (&'static str, String) {
        let told = |given: &Scheduled| {
            let fault = &given.fault;
            (fault.kind().name, serde_json::to_string(fault).unwrap_or_default())
        };
        self.injector.fault(handle).map(told).unwrap_or_default()
    }
}

/// Another random time for a planned action, later than now, if its time is random.
fn again(fault: &Scheduled, planned: &Planned, now: Time, luck: Luck) -> Option<Time> {
    let (since, span) = match planned {
        Planned::Strike(strike, since) => {
            let passed = now.since(*since);
            let span = match strike.ordinal.checked_sub(1) {
                None => Draws::new(luck, *strike).at_beyond(fault.first()?, passed),
                Some(before) => {
                    let before = Strike { ordinal: before, ..*strike };
                    Draws::new(luck, before).gap_beyond(fault.gap()?, passed)
                }
            };
            (since, span)
        }
        Planned::End(strike, since) => {
            let draws = Draws::new(luck, *strike);
            (since, draws.duration_beyond(fault.duration.as_ref()?, now.since(*since)))
        }
        Planned::Act(_) => return None,
    };
    Some(*since + span?)
}
