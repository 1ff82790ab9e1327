//! Plays a scenario: the world, what is done to it and when.
//!
//! The world runs between the moments at which something is done ([`Agenda`]); what is scripted at t comes
//! before the world's own events at t.

mod actions;
mod agenda;
mod play;
mod script;
mod strikes;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::actions::Done;
use self::agenda::Agenda;
pub use self::play::{Ending, Position};
use self::script::Played;
use self::strikes::Waiting;
use super::condition::{Armed, Condition};
use super::scenario::{OnViolation, Scenario, ScenarioError};
use super::step::Step;
use super::symbols::{SharedSymbols, Symbols};
use super::watch::Watcher;
use crate::clone::clone_by_field;
use crate::fault::Injector;
use crate::protocol::NodeId;
use crate::raft::Node;
use crate::sim::world::Stopped;
use crate::sim::{Time, World};

/// A cluster in its world, and what is still to be done to it.
pub struct Cluster<O: Watcher> {
    scenario: Arc<Scenario>,
    seed: u64,
    world: World<Node, O>,
    symbols: SharedSymbols,
    injector: Injector,
    agenda: Agenda,
    /// Faults that found nobody to hit and still hope.
    waiting: Vec<Waiting>,
    /// Clients with sessions, by name: their number and the last serial number they gave.
    clients: BTreeMap<String, (u32, u32)>,
    on_violation: OnViolation,
    struck_at: Time,
    /// How many of the scenario's steps were taken.
    taken: usize,
    /// What was played of the scenario, in parts that replay exactly.
    played: Vec<Played>,
    /// Whether all was played of it.
    ended: bool,
    /// Whether its luck became another's on the way.
    parted: bool,
    /// What was done by hand after all that.
    by_hand: Vec<Step>,
}

clone_by_field!(
    [O: Watcher] Cluster<O> {
        symbols, seed, world, injector, agenda, on_violation, struck_at, taken, ended, parted
    }
    empty { waiting, clients, played, by_hand }
    shared { scenario }
);

/// What a run waits for.
#[derive(Clone, Debug)]
pub struct Goal {
    condition: Condition,
    armed: Option<Armed>,
}

impl Goal {
    /// A condition that is armed when the last fault that is planned has struck.
    pub fn after_faults(condition: Condition) -> Self {
        Self { condition, armed: None }
    }
}

/// Why a run came back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// The time was reached.
    Time,
    /// The condition holds.
    Condition,
    /// As many events as were allowed were dispatched, and more are to come.
    Events,
    /// A violation was found, and it was to stop at one.
    Violation,
    /// An interceptor failed.
    Interceptor,
}

impl<O: Watcher> Cluster<O> {
    /// A cluster at the beginning of a scenario that was validated. Its steps are not taken yet.
    pub fn new(
        scenario: Arc<Scenario>,
        seed: u64,
        on_violation: OnViolation,
        observer: O,
    ) -> Result<Self, ScenarioError> {
        let mut cluster = Self::at_rest(scenario, on_violation, observer);
        cluster.begin(seed)?;
        Ok(cluster)
    }

    /// A cluster before anything has begun.
    pub fn at_rest(scenario: Arc<Scenario>, on_violation: OnViolation, mut observer: O) -> Self {
        let (spec, symbols) = scenario.world();
        for (i, node) in spec.nodes.iter().enumerate() {
            observer.begin(NodeId::from(i), node);
        }
        let mut injector = Injector::default();
        for fault in &scenario.faults {
            injector.give(Arc::new(fault.clone()));
        }
        let mut world = World::at_rest(spec, observer);
        if let Some(tick) = scenario.tick {
            world.set_tick(tick);
        }
        Self {
            seed: 0,
            world,
            symbols: symbols.into(),
            injector,
            agenda: Agenda::default(),
            waiting: Vec::new(),
            clients: BTreeMap::new(),
            on_violation,
            struck_at: Time::ZERO,
            taken: 0,
            played: Vec::new(),
            ended: false,
            parted: false,
            by_hand: Vec::new(),
            scenario,
        }
    }

    /// What is at rest begins, with the luck of a seed.
    pub fn begin(&mut self, seed: u64) -> Result<(), ScenarioError> {
        self.scenario.check_seed(seed)?;
        self.seed = seed;
        self.world.begin(seed, &self.scenario.workload);
        self.set_edits()?;
        for handle in 1..=self.injector.given() {
            self.plan_fault(handle);
        }
        Ok(())
    }

    // ---- Time -------------------------------------------------------------------------------------

    /// A goal that is armed now.
    pub fn goal(&self, condition: Condition) -> Goal {
        let armed = Some(condition.arm(&self.scenario.nodes, &self.world));
        Goal { condition, armed }
    }

    /// Lets time pass until `until` (half-open), or the goal, or so many events. A world in which only
    /// faults strike comes back after so many strikes, before whatever is due then.
    pub fn run(&mut self, until: Time, events: u64, mut goal: Option<&mut Goal>) -> Progress {
        let last = self.events().saturating_add(events);
        let found = self.world.observer().violation_count();
        let mut performed = 0;
        loop {
            if let Some(goal) = &mut goal
                && goal.armed.is_none()
                && !self.has_strikes_to_come()
            {
                goal.armed = Some(goal.condition.arm(&self.scenario.nodes, &self.world));
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
            let patience = self.waiting.iter().map(|waiting| waiting.until).min();
            let pause = until.min(due).min(patience.unwrap_or(Time::NEVER));
            match self.run_world(pause, last - self.events(), armed, found) {
                Stopped::Tap => return Progress::Interceptor,
                Stopped::Events => {}
                Stopped::Condition => self.look_for_targets(),
                Stopped::Time => {
                    self.lose_patience();
                    if pause == until {
                        let armed = goal.as_ref().and_then(|goal| goal.armed.as_ref());
                        return self.stops(armed, found).unwrap_or(Progress::Time);
                    }
                    if performed >= events {
                        return Progress::Events;
                    }
                }
            }
        }
    }

    fn stops(&self, armed: Option<&Armed>, found: usize) -> Option<Progress> {
        if self.on_violation == OnViolation::Stop && self.world.observer().violation_count() > found
        {
            return Some(Progress::Violation);
        }
        armed.is_some_and(|armed| armed.holds(&self.world)).then_some(Progress::Condition)
    }

    /// The world alone, with only those questions asked after each event that somebody has.
    fn run_world(
        &mut self,
        until: Time,
        events: u64,
        armed: Option<&Armed>,
        found: usize,
    ) -> Stopped {
        let halts = self.on_violation == OnViolation::Stop;
        let hopes = !self.waiting.is_empty();
        match (armed, halts || hopes) {
            (None, false) => self.world.run(until, events, &mut ()),
            (Some(armed), false) => {
                self.world.run(until, events, &mut |world: &World<Node, O>| armed.holds(world))
            }
            (armed, true) => self.world.run(until, events, &mut |world: &World<Node, O>| {
                hopes && !world.leaders().is_empty()
                    || halts && world.observer().violation_count() > found
                    || armed.is_some_and(|armed| armed.holds(world))
            }),
        }
    }

    // ---- What there is to see ---------------------------------------------------------------------

    /// The world.
    pub fn world(&self) -> &World<Node, O> {
        &self.world
    }

    /// The world, for those who do what no scenario says.
    pub fn world_mut(&mut self) -> &mut World<Node, O> {
        &mut self.world
    }

    /// The texts of keys and values as they are now.
    pub fn symbols(&self) -> Arc<Symbols> {
        self.symbols.now()
    }

    /// The table of these texts, for an interceptor of this cluster.
    pub fn shared_symbols(&self) -> SharedSymbols {
        self.symbols.share()
    }

    /// The scenario that is played.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The faults that act now.
    pub fn injector(&self) -> &Injector {
        &self.injector
    }

    /// When a fault struck last; the beginning if none did.
    pub fn last_strike(&self) -> Time {
        self.struck_at
    }

    /// How many events were dispatched.
    pub fn events(&self) -> u64 {
        self.world.counters().events
    }

    /// Whether a fault with this handle was ever given.
    pub fn knows_handle(&self, handle: u32) -> bool {
        self.injector.fault(handle).is_some()
    }
}
