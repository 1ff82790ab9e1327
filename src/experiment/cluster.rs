//! Plays a scenario: the world, what is done to it and when.
//!
//! The world runs between the moments at which something is done ([`Agenda`]); what is scripted at t comes
//! before the world's own events at t.

mod actions;
mod agenda;
mod goal;
mod play;
mod script;
mod strikes;
mod time;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::actions::Done;
use self::agenda::Agenda;
pub use self::goal::Goal;
pub use self::play::{Ending, Position};
pub use self::script::Mark;
use self::script::{Performed, Played};
use self::strikes::Waiting;
use super::scenario::{OnViolation, Scenario, ScenarioError};
use super::step::Step;
use super::symbols::{SharedSymbols, Symbols};
use super::watch::Watcher;
use crate::clone::clone_by_field;
use crate::fault::Injector;
use crate::protocol::NodeId;
use crate::raft::Node;
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
    /// Whether a strike has come to pass, or was given up.
    has_struck: bool,
    performed: Performed,
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
        symbols, seed, world, injector, agenda, on_violation, struck_at, has_struck, performed, taken, ended, parted
    }
    empty { waiting, clients, played, by_hand }
    shared { scenario }
    mend hand_out_texts
);

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
        let symbols = SharedSymbols::from(symbols);
        observer.measure_by(&|| symbols.wire());
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
            symbols,
            injector,
            agenda: Agenda::default(),
            waiting: Vec::new(),
            clients: BTreeMap::new(),
            on_violation,
            struck_at: Time::ZERO,
            has_struck: false,
            performed: Performed::default(),
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

    /// Who watches measures messages by the texts of this cluster, not by those of the one it was cloned from.
    fn hand_out_texts(&mut self) {
        let symbols = &self.symbols;
        self.world.observer_mut().measure_by(&|| symbols.wire());
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
