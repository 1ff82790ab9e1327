//! The world: it holds the time, and dispatches all events.

mod clients;
mod director;
mod disks;
mod effects;
mod fingerprint;
mod host;
mod hosts;
mod tamper;
mod tape;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::effects::Fx;
use self::host::{Backlog, Host};
use self::tamper::Tampering;
pub use self::tamper::{Failure, Outgoing, Tap};
pub use self::tape::Sender;
use crate::clone::clone_by_field;
use crate::protocol::{
    Fingerprint, Input, Message, NodeId, NodeSet, OpId, Protocol, Reply, Span, Status, TimerId,
};
use crate::sim::client::{Client, Load, OpState};
use crate::sim::clock::Clock;
use crate::sim::digest::Digest;
use crate::sim::disk::{DiskSpec, Unsynced};
use crate::sim::flight::{Flight, Flights, MessageId};
use crate::sim::luck::Luck;
use crate::sim::network::{Links, Matching, NetworkSpec};
use crate::sim::observer::{Fate, HostEvent, Observer};
use crate::sim::queue::{Due, Queue};
use crate::sim::strike::Strike;
use crate::sim::time::Time;
use crate::sim::timers::Timer;
use crate::sim::work::{Meter, Processing};

/// The initial state of a world.
#[derive(Clone, Debug)]
pub struct WorldSpec<P> {
    /// The nodes in their initial states.
    pub nodes: Vec<P>,
    /// The network between them.
    pub network: NetworkSpec,
    /// The disk of each node.
    pub disk: DiskSpec,
    /// Load on the cluster.
    pub loads: Vec<Load>,
    /// The seed of the run.
    pub seed: u64,
}

/// A condition that stops a run early.
pub trait Stop<P: Protocol, O: Observer<P>> {
    /// Whether to stop; called after every event.
    fn stops(&mut self, world: &World<P, O>) -> bool;
}

/// Never stops.
impl<P: Protocol, O: Observer<P>> Stop<P, O> for () {
    #[inline]
    fn stops(&mut self, _world: &World<P, O>) -> bool {
        false
    }
}

impl<P: Protocol, O: Observer<P>, F: FnMut(&World<P, O>) -> bool> Stop<P, O> for F {
    #[inline(always)] // after every event
    fn stops(&mut self, world: &World<P, O>) -> bool {
        self(world)
    }
}

/// Why a run returned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stopped {
    /// The time was reached.
    Time,
    /// The condition holds.
    Condition,
    /// The maximum number of events was dispatched.
    Events,
    /// An interceptor failed ([`World::take_tap_error`]).
    Tap,
}

/// A cluster in its world.
pub struct World<P: Protocol, O: Observer<P>> {
    nodes: Vec<P>,
    core: Core<P, O>,
}

clone_by_field!([P: Protocol, O: Observer<P>] World<P, O> { nodes, core });

/// Everything but the nodes, so that a node and the world around it can be borrowed at the same
/// time.
struct Core<P: Protocol, O> {
    now: Time,
    queue: Queue,
    flights: Flights<P::Message>,
    links: Links,
    timers: Vec<Timer>,
    hosts: Vec<Host<P>>,
    disk: Arc<DiskSpec>,
    /// Whether every write is durable at once: no disk takes time, and no fault has hit one.
    instant_disk: bool,
    processing: Processing,
    /// Measures messages, if anything depends on their lengths.
    meter: Option<Meter<P::Message>>,
    luck: Luck,
    digest: Digest,
    /// The running nodes that consider themselves leader.
    leaders: NodeSet,
    counters: Counters,
    keeps_last_event: bool,
    last: Option<Dispatched>,
    loads: Vec<Load>,
    clients: Vec<Client<P>>,
    ops: BTreeMap<OpId, OpState<P>>,
    next_op: u64,
    tampering: Tampering<P>,
    holds: Vec<(Strike, Matching)>,
    // The output of a handler, which is processed when it returns; empty between events.
    notes: Vec<P::Note>,
    replies: Vec<(OpId, Reply<P::Output>)>,
    halted: Option<&'static str>,
    observer: O,
}

clone_by_field!(
    [P: Protocol, O: Clone] Core<P, O> {
        queue, flights, links, timers, hosts, observer
    }
    copied {
        now, instant_disk, processing, luck, digest, leaders, counters, keeps_last_event, last,
        next_op, halted
    }
    empty { loads, clients, ops, tampering, holds, notes, replies }
    shared { disk }
    optional { meter }
);

/// An event that a world dispatched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dispatched {
    /// What was due.
    pub what: Happening,
    /// The node to which it happened; `None` for clients.
    pub node: Option<NodeId>,
    /// Why the node did not handle it: a message to a node that is down is lost, and what happens
    /// to a node that is paused or busy waits.
    pub unhandled: Option<&'static str>,
}

/// What can be due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Happening {
    /// A message arrived.
    Arrival {
        /// Its sender.
        from: NodeId,
        /// Its kind, among [`Message::KINDS`].
        kind: u8,
    },
    /// A timer expired.
    Timer(TimerId),
    /// A node's disk finished an fsync.
    Synced,
    /// A node finished what it was doing, and takes up what waits.
    Freed,
    /// A client of a load generator sends a request, or stops waiting for an answer.
    Client {
        /// Its number, counted from 1.
        client: u32,
    },
}

/// The counters of a world.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Events that had an effect: arrivals, timers, fsyncs, requests of load generators.
    pub events: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that a node received.
    pub delivered: u64,
    /// The number of times that a node became leader.
    pub elections: u64,
    /// Crashes of nodes that had unsynced writes.
    pub unsynced_crashes: u64,
}

impl Counters {
    /// The difference from earlier counters.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            events: self.events - before.events,
            sent: self.sent - before.sent,
            delivered: self.delivered - before.delivered,
            elections: self.elections - before.elections,
            unsynced_crashes: self.unsynced_crashes - before.unsynced_crashes,
        }
    }
}

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// A world at time 0: every node has started, and no message has arrived.
    pub fn new(mut spec: WorldSpec<P>, observer: O) -> Self {
        let loads = std::mem::take(&mut spec.loads);
        let seed = spec.seed;
        let mut world = Self::at_rest(spec, observer);
        world.begin(seed, &loads);
        world
    }

    /// A world before its beginning: no node has started, there were no random draws, and there is
    /// no load.
    pub fn at_rest(spec: WorldSpec<P>, observer: O) -> Self {
        let n = spec.nodes.len();
        let instant_disk = spec.disk.is_instant();
        let host = |node| Host::new(true, node, instant_disk);
        let core = Core {
            now: Time::ZERO,
            queue: Queue::default(),
            flights: Flights::default(),
            links: Links::new(n, spec.network),
            timers: vec![Timer::default(); n * P::TIMERS],
            hosts: spec.nodes.iter().map(host).collect(),
            instant_disk,
            processing: Processing::default(),
            meter: None,
            disk: Arc::new(spec.disk),
            luck: Luck::new(0),
            digest: Digest::default(),
            leaders: NodeSet::default(),
            counters: Counters::default(),
            keeps_last_event: false,
            last: None,
            loads: Vec::new(),
            clients: Vec::new(),
            ops: BTreeMap::new(),
            next_op: 1,
            tampering: Tampering::default(),
            holds: Vec::new(),
            notes: Vec::new(),
            replies: Vec::new(),
            halted: None,
            observer,
        };
        Self { nodes: spec.nodes, core }
    }

    /// Makes the timers of a world at rest count whole ticks, whose phase differs between nodes.
    pub fn set_tick(&mut self, tick: Span) {
        self.core.hosts.iter_mut().for_each(|host| host.clock.set_ticks(tick, Span::ZERO));
    }

    /// Begins a world at rest, with the random draws of a seed.
    pub fn begin(&mut self, seed: u64, loads: &[Load]) {
        self.core.luck = Luck::new(seed);
        self.core.begin_ticks();
        let ids = 0..self.nodes.len();
        for id in ids.clone().map(NodeId::from) {
            if !self.core.hosts[id.at()].started {
                continue;
            }
            if self.nodes[id.at()].leads() {
                self.core.leaders.insert(id);
            }
            let status = self.nodes[id.at()].status();
            self.core.observer.settled(Time::ZERO, id, &status, &status);
        }
        for id in ids.map(NodeId::from) {
            if self.core.hosts[id.at()].started {
                self.step(id, Input::Start);
            }
        }
        for load in loads {
            self.add_load(load.clone());
        }
    }

    /// Dispatches the events that are due before `until` (half-open, so that consecutive runs add
    /// up), at most `events` of them, and stops after the event for which `stop` returns true. No
    /// event is dispatched after [`Time::LAST`].
    pub fn run<S: Stop<P, O>>(&mut self, until: Time, events: u64, stop: &mut S) -> Stopped {
        if self.core.keeps_last_event {
            self.run_keeping::<S, true>(until, events, stop)
        } else {
            self.run_keeping::<S, false>(until, events, stop)
        }
    }

    /// With `KEEPING` it keeps the last event ([`World::last_event`]), which takes 3 % of the time.
    #[inline(always)]
    fn run_keeping<S: Stop<P, O>, const KEEPING: bool>(
        &mut self,
        until: Time,
        events: u64,
        stop: &mut S,
    ) -> Stopped {
        let last = self.core.counters.events.saturating_add(events);
        let bound = until.min(Time::LAST);
        loop {
            if self.core.counters.events >= last {
                return Stopped::Events;
            }
            let Some(event) = self.core.queue.pop_before(bound) else {
                if until < Time::NEVER {
                    self.core.now = self.core.now.max(bound);
                }
                return Stopped::Time;
            };
            let before = std::mem::replace(&mut self.core.now, event.time);
            let described = if KEEPING { self.core.describe(event.due) } else { None };
            if self.dispatch(event.due, event.seq) {
                self.core.counters.events += 1;
                if KEEPING {
                    self.core.last = described;
                }
                if self.core.tampering.failed() {
                    return Stopped::Tap;
                }
                if stop.stops(self) {
                    return Stopped::Condition;
                }
            } else {
                self.core.now = before; // time does not advance, since there was no event
            }
        }
    }

    /// Dispatches an event that is due now; false if it had no effect (an early wake-up, a removed
    /// message).
    #[inline]
    fn dispatch(&mut self, due: Due, seq: u64) -> bool {
        match due {
            Due::Arrival(slot) => {
                let mut landed = self.core.flights.land(slot);
                landed.as_mut().is_some_and(|flight| {
                    self.arrive(flight);
                    true
                })
            }
            Due::Timer(index) => self.timer(index, seq),
            Due::Synced { node, incarnation } => self.synced(NodeId(node), incarnation),
            Due::Freed { node, incarnation } => self.freed(NodeId(node), incarnation),
            Due::Load(client) => self.client_wakes(client as usize),
        }
    }

    /// Delivers a message. It is passed by reference: moving its 128 bytes takes longer than some
    /// handlers.
    #[inline]
    fn arrive(&mut self, flight: &mut Flight<P::Message>) {
        let core = &mut self.core;
        let MessageId { to, .. } = flight.id;
        let host = &mut core.hosts[to.at()];
        if !host.up {
            core.digest.absorb(core.now.0, 1 << 56 | u64::from(to.0));
            return core.observer.ended(core.now, flight, Fate::ReceiverDown);
        }
        if host.queues {
            host.backlog.push_back(Backlog::Message(Box::new(flight.clone())));
            core.digest.absorb(core.now.0, 2 << 56 | u64::from(to.0));
            self.work(to);
            return;
        }
        self.receive(flight);
    }

    /// A node that is up receives a message.
    #[inline(always)] // two callers: at once, and what has waited
    fn receive(&mut self, flight: &mut Flight<P::Message>) {
        let core = &mut self.core;
        let MessageId { from, to, .. } = flight.id;
        let place = 3 << 56 | u64::from(from.0) << 8 | u64::from(to.0);
        core.digest.absorb(core.now.0 ^ place.rotate_left(8), flight.message.fingerprint());
        core.counters.delivered += 1;
        core.observer.ended(core.now, flight, Fate::Delivered);
        let from = if core.tampering.any() { core.receive_tampered(flight) } else { from };
        self.step(to, Input::Message { from, message: &flight.message });
    }

    fn timer(&mut self, index: u32, seq: u64) -> bool {
        let core = &mut self.core;
        let id = NodeId::from(index as usize / P::TIMERS);
        let host = &mut core.hosts[id.at()];
        let timer = &mut core.timers[index as usize];
        let (luck, queue) = (core.luck, &mut core.queue);
        if !timer.look(index, (core.now, seq), &host.clock, luck, queue) {
            return false;
        }
        let kind = TimerId((index as usize % P::TIMERS) as u8);
        core.digest.absorb(core.now.0, 4 << 56 | u64::from(index));
        if host.queues {
            host.backlog.push_back(Backlog::Timer(kind, timer.touched()));
            self.work(id);
        } else {
            core.observer.timer(core.now, id, kind.0);
            self.step(id, Input::Timer(kind));
        }
        true
    }

    /// A node handles an input, and the world processes its effects.
    #[inline(never)]
    fn step(&mut self, id: NodeId, input: Input<'_, P>) {
        if self.core.tampering.looks {
            return self.step_on_tape(id, input);
        }
        let node = &mut self.nodes[id.at()];
        let core = &mut self.core;
        let before = Before::of::<P, O>(node);
        let local = core.hosts[id.at()].clock.local(core.now);
        node.handle(local, input, &mut Fx { core, id });
        core.handled(id, node, &before);
        if core.halted.is_some() || !core.replies.is_empty() {
            self.aftermath(id);
        }
    }

    #[cold]
    fn halt(&mut self, id: NodeId, reason: &'static str) {
        // The process ends, not the machine; but what could not be written is lost.
        let failed = self.core.hosts[id.at()].disk.has_failed();
        let unsynced = if failed { Unsynced::Lose } else { Unsynced::Keep };
        self.go_down(id, unsynced, HostEvent::Halted(reason));
    }

    #[inline(never)]
    fn aftermath(&mut self, id: NodeId) {
        let mut replies = std::mem::take(&mut self.core.replies);
        for (op, reply) in replies.drain(..) {
            self.core.answered(op, id, reply);
        }
        self.core.replies = replies; // reuses the memory; an answer causes no further answers
        if let Some(reason) = self.core.halted.take() {
            self.halt(id, reason);
        }
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.core.now
    }

    /// The hash of the world's history.
    pub fn digest(&self) -> Digest {
        self.core.digest
    }

    /// The counters.
    pub fn counters(&self) -> Counters {
        self.core.counters
    }

    /// Whether runs keep the last event that they dispatch.
    pub fn keep_last_event(&mut self, keep: bool) {
        self.core.keeps_last_event = keep;
    }

    /// The last event that was dispatched by a run that kept it.
    pub fn last_event(&self) -> Option<Dispatched> {
        self.core.last
    }

    /// The nodes that run, or have run: all but those that are added later.
    pub fn started(&self) -> NodeSet {
        let hosts = self.core.hosts.iter().enumerate();
        hosts.filter(|(_, host)| host.started).map(|(at, _)| NodeId::from(at)).collect()
    }

    /// The number of nodes, with those that are added later.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True if there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node. One that is down shows the state on its disk.
    pub fn node(&self, id: NodeId) -> &P {
        &self.nodes[id.at()]
    }

    /// Whether every write is durable at once, so that disks hold no copy of what nodes hold.
    pub fn has_instant_disks(&self) -> bool {
        self.core.instant_disk
    }

    /// Whether the node is up.
    pub fn is_up(&self, id: NodeId) -> bool {
        self.core.hosts[id.at()].up
    }

    /// Whether the node is paused.
    pub fn is_paused(&self, id: NodeId) -> bool {
        self.core.hosts[id.at()].paused
    }

    /// The node's clock.
    pub fn clock(&self, id: NodeId) -> &Clock {
        &self.core.hosts[id.at()].clock
    }

    /// When a timer of a node expires, if it is armed.
    pub fn timer_due(&self, id: NodeId, timer: TimerId) -> Option<Time> {
        let index = id.at() * P::TIMERS + usize::from(timer.0);
        let core = &self.core;
        let clock = &core.hosts[id.at()].clock;
        core.timers[index].runs_out(index as u32, core.now, clock, core.luck)
    }

    /// The running nodes that consider themselves leader.
    pub fn leaders(&self) -> &NodeSet {
        &self.core.leaders
    }

    /// The operations that were requested by hand, by id.
    pub fn ops(&self) -> &BTreeMap<OpId, OpState<P>> {
        &self.core.ops
    }

    /// The random draws.
    pub fn luck(&self) -> Luck {
        self.core.luck
    }

    /// Adds to the digest that one more fault holds nodes, or one fewer: a second crash of a node
    /// that is down has no effect yet, but keeps it down when the first one ends.
    pub fn held(&mut self, by: u64, nodes: &NodeSet, begins: bool) {
        self.core.absorb_deed(29, Digest::of([by, nodes.fingerprint(), u64::from(begins)]));
    }

    /// Keeps the state, and continues with the random draws of another seed.
    pub fn redraw(&mut self, seed: u64) {
        let core = &mut self.core;
        core.absorb_deed(30, seed);
        core.luck = core.luck.future(seed);
        for (index, timer) in core.timers.iter_mut().enumerate() {
            let clock = &core.hosts[index / P::TIMERS].clock;
            timer.redrawn(index as u32, core.now, clock, &mut core.queue);
        }
    }

    /// The observer.
    pub fn observer(&self) -> &O {
        &self.core.observer
    }

    /// The observer.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.core.observer
    }
}

/// The state of a node before it handles an input.
struct Before {
    led: bool,
    status: Status,
}

impl Before {
    #[inline(always)]
    fn of<P: Protocol, O: Observer<P>>(node: &P) -> Self {
        let status = if O::SETTLED { node.status() } else { Status::default() };
        Self { led: node.leads(), status }
    }
}

impl<P: Protocol, O: Observer<P>> Core<P, O> {
    fn begin_ticks(&mut self) {
        for (entity, host) in (0..).zip(&mut self.hosts) {
            host.begin_ticks(entity, self.luck);
        }
    }

    /// Adds an action on the world to the digest, at once and completely; its later effects follow
    /// from it.
    #[cold]
    fn absorb_deed(&mut self, what: u64, content: u64) {
        self.digest.absorb(self.now.0 ^ what << 56, content);
    }

    /// A node has handled an input.
    #[inline(always)] // two callers: with and without interceptors
    fn handled(&mut self, id: NodeId, node: &P, before: &Before) {
        if O::WATCHING {
            for note in &self.notes {
                self.observer.noted(self.now, id, node, *note);
            }
            self.notes.clear();
        }
        if O::SETTLED {
            self.observer.settled(self.now, id, &before.status, &node.status());
        }
        let leads = node.leads();
        if leads != before.led {
            self.leadership_changed(id, leads);
        }
    }

    /// An event that is due, for users who step through a run.
    #[cold]
    fn describe(&self, due: Due) -> Option<Dispatched> {
        let (what, node) = match due {
            Due::Arrival(slot) => {
                let flight = self.flights.get(slot)?;
                let MessageId { from, to, .. } = flight.id;
                (Happening::Arrival { from, kind: flight.message.kind() }, Some(to))
            }
            Due::Timer(index) => {
                let (node, timer) = (index as usize / P::TIMERS, index as usize % P::TIMERS);
                (Happening::Timer(TimerId(timer as u8)), Some(NodeId::from(node)))
            }
            Due::Synced { node, .. } => (Happening::Synced, Some(NodeId(node))),
            Due::Freed { node, .. } => (Happening::Freed, Some(NodeId(node))),
            Due::Load(at) => (Happening::Client { client: self.clients[at as usize].number }, None),
        };
        let host = node.map(|node| &self.hosts[node.at()]);
        let unhandled = match host {
            Some(host) if !host.up => Some("down"),
            Some(host) if host.paused => Some("paused"),
            Some(host) if host.queues && what != Happening::Freed => self.busy(host),
            _ => None,
        };
        Some(Dispatched { what, node, unhandled })
    }

    /// Why a node does not handle an event at once, if it does not: it is busy, or will be with it.
    fn busy(&self, host: &Host<P>) -> Option<&'static str> {
        let busy = host.blocked || self.now < host.free_at || !self.processing.is_free();
        (busy || !host.slow.is_empty()).then_some("busy")
    }

    fn leadership_changed(&mut self, id: NodeId, leads: bool) {
        if leads {
            self.leaders.insert(id);
            self.counters.elections += 1;
        } else {
            self.leaders.remove(id);
        }
    }
}
