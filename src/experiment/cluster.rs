//! A cluster that plays a scenario: its world, and the actions on it.
//!
//! The world runs between the times of planned actions (`Agenda`); actions at time t come before
//! the world's own events at t.

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
use super::playable::Playable;
use super::scenario::{OnViolation, Scenario, ScenarioError};
use super::step::Step;
use super::symbols::{SharedSymbols, Symbols};
use super::watch::Watcher;
use crate::clone::clone_by_field;
use crate::fault::Injector;
use crate::protocol::NodeId;

use crate::replica::ReplicaMessage as _;
use crate::sim::{Meter, Time, World};

/// A cluster in its world, with the planned actions.
pub struct Cluster<P: Playable, O: Watcher<P>> {
    scenario: Arc<Scenario>,
    seed: u64,
    world: World<P, O>,
    symbols: SharedSymbols,
    injector: Injector,
    agenda: Agenda,
    /// Faults that found no node to hit and are still waiting.
    waiting: Vec<Waiting>,
    /// Clients with sessions, by name: their number and their last serial number.
    clients: BTreeMap<String, (u32, u32)>,
    on_violation: OnViolation,
    struck_at: Time,
    /// Whether a strike has happened or expired.
    has_struck: bool,
    performed: Performed,
    /// The number of the scenario's steps that were taken.
    taken: usize,
    /// The played parts of the scenario, which replay exactly.
    played: Vec<Played>,
    /// Whether the scenario has ended.
    ended: bool,
    /// Whether it continued with the random draws of another seed.
    parted: bool,
    /// The steps by hand after the scenario.
    by_hand: Vec<Step>,
}

clone_by_field!(
    [P: Playable, O: Watcher<P>] Cluster<P, O> {
        symbols, seed, world, injector, agenda, on_violation, struck_at, has_struck, performed, taken,
        ended, parted
    }
    empty { waiting, clients, played, by_hand }
    shared { scenario }
    mend hand_out_texts
);

/// Why a run returned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// The time was reached.
    Time,
    /// The condition holds.
    Condition,
    /// The maximum number of events was dispatched, and more are due.
    Events,
    /// A violation was found, and the run stops at violations.
    Violation,
    /// An interceptor failed.
    Interceptor,
}

impl<P: Playable, O: Watcher<P>> Cluster<P, O> {
    /// A cluster at the beginning of a validated scenario, before its first step.
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

    /// A cluster before its world begins.
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
        world.set_processing(scenario.processing);
        if let Some(tick) = scenario.tick {
            world.set_tick(tick);
        }
        for at in scenario.nodes.founding()..scenario.nodes.len() {
            make_room(&mut world, &scenario, NodeId::from(at));
        }
        let mut cluster = Self {
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
        };
        if cluster.scenario.measures() {
            cluster.measure();
        }
        cluster
    }

    /// Begins a cluster at rest, with the random draws of a seed.
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

    /// Gives the observer the texts of this cluster, instead of those of the cluster from which it
    /// was cloned.
    fn hand_out_texts(&mut self) {
        let symbols = &self.symbols;
        self.world.observer_mut().measure_by(&|| symbols.wire());
        if self.world.measures() {
            self.measure();
        }
    }

    /// Makes the world measure messages, by the texts of this cluster.
    #[cold]
    fn measure(&mut self) {
        let wire = self.symbols.wire();
        self.world.measure_by(Meter(Arc::new(move |message: &P::Message| message.size(&wire))));
    }

    // ---- State ---------------------------------------------------------------------------------

    /// The world.
    pub fn world(&self) -> &World<P, O> {
        &self.world
    }

    /// The world, for changes that no scenario can express.
    pub fn world_mut(&mut self) -> &mut World<P, O> {
        &mut self.world
    }

    /// The present texts of keys and values.
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

    /// The faults.
    pub fn injector(&self) -> &Injector {
        &self.injector
    }

    /// When the last fault struck; the beginning of the run if none did.
    pub fn last_strike(&self) -> Time {
        self.struck_at
    }

    /// The number of events that were dispatched.
    pub fn events(&self) -> u64 {
        self.world.counters().events
    }

    /// Whether there is a fault with this handle.
    pub fn knows_handle(&self, handle: u32) -> bool {
        self.injector.fault(handle).is_some()
    }
}

/// Makes room for a machine that is added later.
fn make_room<P: Playable, O: Watcher<P>>(world: &mut World<P, O>, scenario: &Scenario, id: NodeId) {
    let node = scenario.spare::<P>(id);
    world.observer_mut().begin(id, &node);
    world.make_room(node);
}
