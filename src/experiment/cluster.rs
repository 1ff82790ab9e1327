//! Plays a scenario: the world, what is done to it and when.
//!
//! The world runs between the moments at which something is done ([`Agenda`]); what is scripted at t comes
//! before the world's own events at t.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use super::condition::{Armed, Condition};
use super::scenario::{Edits, OnViolation, Scenario, ScenarioError};
use super::step::{Action, Step};
use super::symbols::Symbols;
use super::watch::{FaultEvent, Watcher};
use crate::clone::clone_by_field;
use crate::fault::injector::{Draws, has_an_end};
use crate::fault::{Fault, Injector, Scheduled, Struck};
use crate::protocol::{NodeId, NodeSet, OpId};
use crate::raft::{Node, Request, Session};
use crate::sim::world::Stopped;
use crate::sim::{Luck, Overlay, Time, World};

/// A cluster in its world, and what is still to be done to it.
pub struct Cluster<O: Watcher> {
    scenario: Arc<Scenario>,
    seed: u64,
    world: World<Node, O>,
    symbols: Arc<Symbols>,
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
    /// Whether anything was played of it, and whether all was.
    begun: bool,
    ended: bool,
    /// Whether its luck became another's on the way.
    parted: bool,
    /// What was done by hand after all that.
    by_hand: Vec<Step>,
}

clone_by_field!(
    [O: Watcher] Cluster<O> {
        seed, world, injector, agenda, on_violation, struck_at, taken, begun, ended, parted
    }
    empty { waiting, clients, played, by_hand }
    shared { scenario, symbols }
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

/// How a scenario ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// Its `stop` condition held.
    Stop,
    /// Time ran out.
    Horizon,
    /// All steps were taken.
    Steps,
    /// A violation was found, and it was to stop at one.
    Violation,
    /// A step waited in vain.
    NotReached,
    /// An interceptor failed.
    Interceptor,
}

impl Ending {
    /// All endings, in the order of their codes in tables.
    pub const ALL: [Ending; 6] = [
        Ending::Stop,
        Ending::Horizon,
        Ending::Steps,
        Ending::Violation,
        Ending::NotReached,
        Ending::Interceptor,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Stop => "stop",
            Ending::Horizon => "horizon",
            Ending::Steps => "steps",
            Ending::Violation => "violation",
            Ending::NotReached => "not_reached",
            Ending::Interceptor => "interceptor",
        }
    }
}

/// Something that was played of the scenario.
#[derive(Clone, Copy, Debug)]
enum Played {
    /// A step as it is written, by its place.
    Step(usize),
    /// So many events of one.
    Events(u64),
    /// Time without events, up to here.
    Until(Time),
}

impl Played {
    fn step(self, scenario: &Scenario) -> Step {
        match self {
            Played::Step(at) => scenario.steps[at].clone(),
            Played::Events(count) => Step::Events { count, python: false },
            Played::Until(time) => Step::RunTo(time),
        }
    }
}

#[derive(Debug, Default)]
struct Agenda {
    entries: BinaryHeap<Entry>,
    ordinal: u64,
}

clone_by_field!([] Agenda { ordinal } empty { entries });

#[derive(Clone, Debug)]
enum Planned {
    /// A strike, and since when it is waited for.
    Strike {
        handle: u32,
        strike: u32,
        since: Time,
    },
    /// The end of a strike, and since when it lasts.
    End {
        handle: u32,
        strike: u32,
        since: Time,
    },
    Act(Box<Action>),
}

/// What is planned, and when; the earliest is the greatest.
#[derive(Clone, Debug)]
struct Entry {
    place: Reverse<(Time, u64)>,
    planned: Planned,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Entry {}

impl Agenda {
    fn plan(&mut self, time: Time, planned: Planned) {
        self.ordinal += 1;
        self.entries.push(Entry { place: Reverse((time, self.ordinal)), planned });
    }

    #[inline]
    fn next_time(&self) -> Time {
        self.entries.peek().map_or(Time::NEVER, |entry| entry.place.0.0)
    }
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    handle: u32,
    strike: u32,
    until: Time,
}

/// What an action gave back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    /// Nothing.
    Nothing,
    /// A fault with this handle.
    Handle(u32),
    /// An operation with this id.
    Op(OpId),
    /// A copy of a message has this number.
    Copy(u8),
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
        Self {
            seed: 0,
            world: World::at_rest(spec, observer),
            symbols: Arc::new(symbols),
            injector,
            agenda: Agenda::default(),
            waiting: Vec::new(),
            clients: BTreeMap::new(),
            on_violation,
            struck_at: Time::ZERO,
            taken: 0,
            played: Vec::new(),
            begun: false,
            ended: false,
            parted: false,
            by_hand: Vec::new(),
            scenario,
        }
    }

    /// What is at rest begins, with the luck of a seed.
    pub fn begin(&mut self, seed: u64) -> Result<(), ScenarioError> {
        let edits = self.scenario.edits_for(seed)?;
        self.seed = seed;
        self.world.begin(seed, &self.scenario.workload);
        if !edits.is_empty() {
            self.world.set_edits(edits);
        }
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

    /// Plays what is left of the scenario, up to `until`. After `events` events it returns nothing: call it
    /// again with the same `position`.
    pub fn play(&mut self, position: &mut Position, events: u64, until: Time) -> Option<Ending> {
        self.begun = true;
        let last = self.events().saturating_add(events);
        while self.taken < self.scenario.steps.len() {
            if self.world.now() >= until {
                return Some(Ending::Horizon);
            }
            let begun = *position.begun.get_or_insert((self.world.now(), self.events()));
            let scenario = Arc::clone(&self.scenario);
            let step = &scenario.steps[self.taken];
            match self.take_step(step, position, last - self.events(), until) {
                Taken::Whole => {
                    if position.told {
                        self.write_progress(begun);
                    } else if self.parted {
                        self.record(step.clone());
                    } else {
                        self.played.push(Played::Step(self.taken));
                    }
                    self.taken += 1;
                    *position = Position::default();
                }
                Taken::Part => return None,
                Taken::Last(ending) => {
                    self.play_ends(position, ending);
                    return Some(ending);
                }
            }
        }
        let Some(end) = self.scenario.end() else {
            self.ended = true;
            return Some(Ending::Steps);
        };
        position.begun.get_or_insert((self.world.now(), self.events()));
        let goal = match &self.scenario.stop {
            Some(stop) => {
                Some(position.goal.get_or_insert_with(|| Goal::after_faults(stop.clone())))
            }
            None => None,
        };
        let ending = match self.run(end.min(until), last - self.events(), goal) {
            Progress::Time => Ending::Horizon,
            Progress::Condition => Ending::Stop,
            Progress::Violation => Ending::Violation,
            Progress::Interceptor => Ending::Interceptor,
            Progress::Events => return None,
        };
        self.play_ends(position, ending);
        self.ended &= ending != Ending::Horizon || until >= end;
        Some(ending)
    }

    /// From here on the luck is another seed's, and what is played is no longer the scenario as it is written.
    pub fn part(&mut self, position: &mut Position, seed: u64) {
        let now = self.world.now();
        self.write(Played::Until(now));
        self.parted = true;
        self.reseed(seed);
        self.record(Step::Reseed(seed));
        position.begun = None;
    }

    /// Lets time pass after all steps, and writes it down.
    pub fn go_on(&mut self, until: Time, events: u64, goal: Option<&mut Goal>) -> Progress {
        let begun = (self.world.now(), self.events());
        let progress = self.run(until, events, goal);
        self.write_progress(begun);
        progress
    }

    /// Writes down how far a step came that was not taken whole, or the time after the last step.
    fn play_ends(&mut self, position: &mut Position, ending: Ending) {
        if let Some(begun) = position.begun.take() {
            self.write_progress(begun);
        }
        position.told = true;
        let whole = self.taken == self.scenario.steps.len();
        self.ended = whole && matches!(ending, Ending::Stop | Ending::Horizon);
    }

    /// Writes down what was dispatched since, and what time passed after the last event.
    fn write_progress(&mut self, begun: (Time, u64)) {
        let count = self.events() - begun.1;
        if count > 0 {
            self.write(Played::Events(count));
        }
        if self.world.now() > begun.0 {
            self.write(Played::Until(self.world.now()));
        }
    }

    fn write(&mut self, played: Played) {
        if self.parted {
            self.record(played.step(&Arc::clone(&self.scenario)));
        } else {
            self.played.push(played);
        }
    }

    fn take_step(
        &mut self,
        step: &Step,
        position: &mut Position,
        events: u64,
        until: Time,
    ) -> Taken {
        let now = self.world.now();
        let progress = match step {
            Step::Run(span) => {
                let end = *position.end.get_or_insert(now + *span);
                match self.run(end.min(until), events, None) {
                    Progress::Time if until < end => return Taken::Last(Ending::Horizon),
                    progress => progress,
                }
            }
            Step::RunTo(end) => match self.run((*end).min(until), events, None) {
                Progress::Time if until < *end => return Taken::Last(Ending::Horizon),
                progress => progress,
            },
            Step::RunUntil { until: condition, limit } => {
                let end = *position.end.get_or_insert(now + *limit);
                let goal = position.goal.get_or_insert_with(|| self.goal(condition.clone()));
                match self.run(end.min(until), events, Some(goal)) {
                    Progress::Time if until < end => return Taken::Last(Ending::Horizon),
                    Progress::Time => return Taken::Last(Ending::NotReached),
                    progress => progress,
                }
            }
            Step::Events { count, .. } => {
                let goal = *position.events.get_or_insert(self.events() + count);
                match self.run(until, events.min(goal - self.events()), None) {
                    Progress::Violation => Progress::Violation,
                    Progress::Interceptor => Progress::Interceptor,
                    _ if self.events() == goal => Progress::Time,
                    Progress::Time => return Taken::Last(Ending::Horizon),
                    progress => progress,
                }
            }
            Step::Do(action) => {
                self.act(action);
                Progress::Time
            }
            Step::Reseed(seed) => {
                self.reseed(*seed);
                Progress::Time
            }
        };
        match progress {
            Progress::Time | Progress::Condition => Taken::Whole,
            Progress::Events => Taken::Part,
            Progress::Violation => Taken::Last(Ending::Violation),
            Progress::Interceptor => Taken::Last(Ending::Interceptor),
        }
    }

    // ---- Actions ----------------------------------------------------------------------------------

    /// Does something now. (It was validated with the scenario, or by [`Scenario::validate_action`].)
    pub fn act(&mut self, action: &Action) -> Done {
        match action {
            Action::Inject(fault) => Done::Handle(self.inject(fault)),
            Action::Heal { handle: Some(handle) } => {
                self.end_fault(*handle);
                Done::Nothing
            }
            Action::Heal { handle: None } => {
                for handle in self.injector.network_faults() {
                    self.end_fault(handle);
                }
                Done::Nothing
            }
            Action::Propose { command, at, home, client } => {
                let session = client.as_ref().map_or_else(Session::default, |c| self.session(c));
                let command = command.command(self.symbols_mut(), session);
                Done::Op(self.world.request(
                    self.id(at.as_ref()),
                    self.id(home.as_ref()),
                    Request::Write(command),
                ))
            }
            Action::Read { key, via, at, home } => {
                let key = self.symbols_mut().key(key);
                let request = if *via == crate::protocol::ReadPath::Log {
                    Request::Write(crate::raft::Command::plain(crate::raft::Op::Get { key }))
                } else {
                    Request::Read { key, via: *via }
                };
                Done::Op(self.world.request(self.id(at.as_ref()), self.id(home.as_ref()), request))
            }
            Action::Retry { op, at, home } => {
                let (at, home) = (self.id(at.as_ref()), self.id(home.as_ref()));
                self.world.request_again(OpId(*op), at, home);
                Done::Op(OpId(*op))
            }
            Action::GiveUp { op } => {
                self.world.give_up(OpId(*op));
                Done::Nothing
            }
            Action::Campaign { node } => {
                if let Ok(id) = self.scenario.nodes.id(node) {
                    self.world.order(id, Request::Campaign);
                }
                Done::Nothing
            }
            Action::Message { message, what, after } => self.move_message(message, *what, *after),
            Action::At { time, action } => {
                self.agenda.plan((*time).max(self.world.now()), Planned::Act(action.clone()));
                Done::Nothing
            }
        }
    }

    fn id(&self, name: Option<&String>) -> Option<NodeId> {
        name.and_then(|name| self.scenario.nodes.id(name).ok())
    }

    /// The next serial number of a client's session (dissertation 6.3). Whoever drives a cluster by hand may
    /// retry any operation, so no answer is ever forgotten.
    fn session(&mut self, client: &str) -> Session {
        let number = self.scenario.load_clients() + self.clients.len() as u32 + 1;
        let (number, seq) = self.clients.entry(client.to_owned()).or_insert((number, 0));
        *seq += 1;
        Session { client: *number, seq: *seq, low: 0 }
    }

    // ---- Faults -----------------------------------------------------------------------------------

    /// Plans a fault for its time, or for now: what is planned for now is done before the next event.
    fn plan_fault(&mut self, handle: u32) {
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
    fn inject(&mut self, scheduled: &Scheduled) -> u32 {
        let handle = self.injector.give(Arc::new(scheduled.clone()));
        if scheduled.at.is_some() || scheduled.after.is_some() {
            self.plan_fault(handle);
        } else {
            self.strike(handle, 0);
        }
        handle
    }

    fn perform_next(&mut self) {
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
    fn look_for_targets(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            let draws = Draws::new(self.world.luck(), waiting.handle, waiting.strike);
            if !self.try_to_strike(waiting.handle, draws) {
                self.waiting.push(waiting);
            }
        }
    }

    fn lose_patience(&mut self) {
        let now = self.world.now();
        let (hoping, given_up): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.until > now);
        self.waiting = hoping;
        for waiting in given_up {
            self.world.observer_mut().fault(now, waiting.handle, FaultEvent::Expired);
        }
    }

    fn end_fault(&mut self, handle: u32) {
        if self.injector.end(&mut self.world, handle) {
            let now = self.world.now();
            self.world.observer_mut().fault(now, handle, FaultEvent::Ended);
        }
    }

    /// Whether a fault is planned that has not struck yet. One that strikes again and again without end does
    /// not count after its first strike.
    fn has_strikes_to_come(&self) -> bool {
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

    // ---- By hand ----------------------------------------------------------------------------------

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

    // ---- What there is to see ---------------------------------------------------------------------

    /// The world.
    pub fn world(&self) -> &World<Node, O> {
        &self.world
    }

    /// The world, for those who do what no scenario says.
    pub fn world_mut(&mut self) -> &mut World<Node, O> {
        &mut self.world
    }

    /// The texts of keys and values.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// The texts of keys and values, to add to.
    pub fn symbols_mut(&mut self) -> &mut Symbols {
        Arc::make_mut(&mut self.symbols)
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

/// Where in a step a cluster stands that plays its scenario in slices.
#[derive(Clone, Debug, Default)]
pub struct Position {
    /// When, and after how many events, it began, or what was last written down of it.
    begun: Option<(Time, u64)>,
    /// Whether a part of it is written down already.
    told: bool,
    end: Option<Time>,
    events: Option<u64>,
    goal: Option<Goal>,
}

/// How much of a step was taken.
enum Taken {
    Whole,
    Part,
    Last(Ending),
}
