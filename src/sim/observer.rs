//! Those who watch. They are told what happens and can change nothing; an observer that is not there
//! costs nothing, since the world is compiled without it.

use super::flight::Flight;
use super::network::Links;
use super::time::Time;
use crate::protocol::{NodeId, OpId, Protocol, Span, Status};

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// A fault had cut the link, or cut it while the message was on its way.
    Cut,
    /// The network lost it.
    Lost,
    /// The receiver was down.
    ReceiverDown,
    /// A person, or an interceptor, took it out.
    Removed,
}

impl Fate {
    /// All fates, in the order of their codes in tables.
    pub const ALL: [Fate; 5] =
        [Fate::Delivered, Fate::Cut, Fate::Lost, Fate::ReceiverDown, Fate::Removed];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Delivered => "delivered",
            Fate::Cut => "cut",
            Fate::Lost => "lost",
            Fate::ReceiverDown => "receiver_down",
            Fate::Removed => "removed",
        }
    }
}

/// What happens to a node from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HostEvent {
    /// It lost power.
    Crashed,
    /// It came back.
    Restarted,
    /// It stands still.
    Paused,
    /// It goes on.
    Resumed,
    /// Its disk was emptied.
    Wiped,
    /// It stopped itself.
    Halted(&'static str),
}

impl HostEvent {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            HostEvent::Crashed => "crashed",
            HostEvent::Restarted => "restarted",
            HostEvent::Paused => "paused",
            HostEvent::Resumed => "resumed",
            HostEvent::Wiped => "wiped",
            HostEvent::Halted(_) => "halted",
        }
    }
}

/// What is done to a node's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClockEvent {
    /// It runs at this rate.
    Rate(f64),
    /// It is set.
    Set {
        /// By how much.
        by: Span,
        /// Back, or forward.
        back: bool,
    },
}

/// What happens to a client's operation.
#[derive(Clone, Debug)]
pub enum OpEvent<'a, P: Protocol> {
    /// The client asks a node, for the first time or again.
    Invoked {
        /// What.
        request: &'a P::Request,
        /// Whom; nobody if the client found no leader.
        node: Option<NodeId>,
        /// Whether it asked before.
        again: bool,
    },
    /// It was done.
    Ok {
        /// By whom.
        node: NodeId,
        /// The result.
        output: &'a P::Output,
    },
    /// It was not done and never will be.
    Failed {
        /// Why.
        reason: &'static str,
    },
    /// It may have been done or may yet be.
    Unknown {
        /// Why.
        reason: &'static str,
    },
}

/// One who watches a world.
#[allow(unused_variables)]
pub trait Observer<P: Protocol>: Clone + Send + Sync + 'static {
    /// Whether there is anybody at all.
    const WATCHING: bool = true;
    /// Whether [`Observer::settled`] is wanted: the states before and after every input.
    const SETTLED: bool = Self::WATCHING;

    /// A message sets out; the result is kept with it as its row.
    fn sent(&mut self, now: Time, flight: &Flight<P::Message>) -> u32 {
        0
    }
    /// A message is held, or released to arrive at another time.
    fn rescheduled(&mut self, now: Time, flight: &Flight<P::Message>) {}
    /// A message ends.
    fn ended(&mut self, now: Time, flight: &Flight<P::Message>, fate: Fate) {}
    /// Something changed in a node. In order, after the input that caused it was handled.
    fn noted(&mut self, now: Time, id: NodeId, node: &P, note: P::Note) {}
    /// A node has handled an input.
    fn settled(&mut self, now: Time, id: NodeId, before: &Status, after: &Status) {}
    /// A timer of a node ran out.
    fn timer(&mut self, now: Time, id: NodeId, timer: u8) {}
    /// A node's disk finished an fsync.
    fn synced(&mut self, now: Time, id: NodeId) {}
    /// Something happened to a node from outside.
    fn host(&mut self, now: Time, id: NodeId, node: &P, event: HostEvent) {}
    /// Something was done to a node's clock.
    fn clock(&mut self, now: Time, id: NodeId, event: ClockEvent) {}
    /// A fault began or ceased to act on the network.
    fn links(&mut self, now: Time, links: &Links) {}
    /// Something happened to a client's operation.
    fn op(&mut self, now: Time, op: OpId, client: u32, event: &OpEvent<'_, P>) {}
    /// A node lies from now on.
    fn liar(&mut self, now: Time, id: NodeId) {}
}

/// Nobody watches.
impl<P: Protocol> Observer<P> for () {
    const WATCHING: bool = false;
}

/// Two who watch.
impl<P: Protocol, A: Observer<P>, B: Observer<P>> Observer<P> for (A, B) {
    const WATCHING: bool = A::WATCHING || B::WATCHING;
    const SETTLED: bool = A::SETTLED || B::SETTLED;

    #[inline]
    fn sent(&mut self, now: Time, flight: &Flight<P::Message>) -> u32 {
        let row = self.0.sent(now, flight);
        self.1.sent(now, flight);
        row
    }
    #[inline]
    fn rescheduled(&mut self, now: Time, flight: &Flight<P::Message>) {
        self.0.rescheduled(now, flight);
        self.1.rescheduled(now, flight);
    }
    #[inline]
    fn ended(&mut self, now: Time, flight: &Flight<P::Message>, fate: Fate) {
        self.0.ended(now, flight, fate);
        self.1.ended(now, flight, fate);
    }
    #[inline]
    fn noted(&mut self, now: Time, id: NodeId, node: &P, note: P::Note) {
        self.0.noted(now, id, node, note);
        self.1.noted(now, id, node, note);
    }
    #[inline]
    fn settled(&mut self, now: Time, id: NodeId, before: &Status, after: &Status) {
        self.0.settled(now, id, before, after);
        self.1.settled(now, id, before, after);
    }
    #[inline]
    fn timer(&mut self, now: Time, id: NodeId, timer: u8) {
        self.0.timer(now, id, timer);
        self.1.timer(now, id, timer);
    }
    #[inline]
    fn synced(&mut self, now: Time, id: NodeId) {
        self.0.synced(now, id);
        self.1.synced(now, id);
    }
    fn host(&mut self, now: Time, id: NodeId, node: &P, event: HostEvent) {
        self.0.host(now, id, node, event);
        self.1.host(now, id, node, event);
    }
    fn clock(&mut self, now: Time, id: NodeId, event: ClockEvent) {
        self.0.clock(now, id, event);
        self.1.clock(now, id, event);
    }
    fn links(&mut self, now: Time, links: &Links) {
        self.0.links(now, links);
        self.1.links(now, links);
    }
    #[inline]
    fn op(&mut self, now: Time, op: OpId, client: u32, event: &OpEvent<'_, P>) {
        self.0.op(now, op, client, event);
        self.1.op(now, op, client, event);
    }
    fn liar(&mut self, now: Time, id: NodeId) {
        self.0.liar(now, id);
        self.1.liar(now, id);
    }
}
