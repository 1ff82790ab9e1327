//! Observers. They are notified of what happens and cannot change it. A world without an observer
//! is compiled without the calls.

use super::flight::Flight;
use super::network::Links;
use super::time::Time;
use crate::protocol::{NodeId, OpId, Protocol, Span, Status};

/// What happened to a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// A fault had cut the link, or cut it while the message was in flight.
    Cut,
    /// The network lost it.
    Lost,
    /// The receiver was down.
    ReceiverDown,
    /// It was dropped by hand or by an interceptor.
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

/// A change of a node's host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HostEvent {
    /// It lost power.
    Crashed,
    /// It was added, and started for the first time.
    Added,
    /// It restarted.
    Restarted,
    /// It was paused.
    Paused,
    /// It was resumed.
    Resumed,
    /// Its disk was wiped.
    Wiped,
    /// It stopped itself.
    Halted(&'static str),
}

impl HostEvent {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            HostEvent::Crashed => "crashed",
            HostEvent::Added => "added",
            HostEvent::Restarted => "restarted",
            HostEvent::Paused => "paused",
            HostEvent::Resumed => "resumed",
            HostEvent::Wiped => "wiped",
            HostEvent::Halted(_) => "halted",
        }
    }
}

/// What a node's disk did that its node did not know of. The node is down then, and shows what the
/// disk holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DiskEvent {
    /// A crash lost writes that counted as durable.
    LostSynced,
    /// It does not return what was written.
    Corrupted,
}

impl DiskEvent {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            DiskEvent::LostSynced => "lost_synced",
            DiskEvent::Corrupted => "corrupted",
        }
    }
}

/// A change of a node's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClockEvent {
    /// Its rate changed to this.
    Rate(f64),
    /// It was set.
    Set {
        /// The change.
        by: Span,
        /// True if it was set back.
        back: bool,
    },
}

/// An event of a client's operation.
#[derive(Clone, Debug)]
pub enum OpEvent<'a, P: Protocol> {
    /// The client sent the request, for the first time or again.
    Invoked {
        /// The request.
        request: &'a P::Request,
        /// The node; `None` if the client found no leader.
        node: Option<NodeId>,
        /// True if it was sent before.
        again: bool,
    },
    /// It was done.
    Ok {
        /// The node that answered.
        node: NodeId,
        /// The result.
        output: &'a P::Output,
    },
    /// It was not done, and never will be done.
    Failed {
        /// The reason.
        reason: &'static str,
    },
    /// It may have been done, or may still be done.
    Unknown {
        /// The reason.
        reason: &'static str,
    },
}

/// An observer of a world.
#[allow(unused_variables)]
pub trait Observer<P: Protocol>: Clone + Send + Sync + 'static {
    /// False for the absence of an observer.
    const WATCHING: bool = true;
    /// Whether to call [`Observer::settled`] with the states before and after every input.
    const SETTLED: bool = Self::WATCHING;

    /// A message was sent; the result is kept with it as its row.
    fn sent(&mut self, now: Time, flight: &Flight<P::Message>) -> u32 {
        0
    }
    /// A message was held, or released to arrive at another time.
    fn rescheduled(&mut self, now: Time, flight: &Flight<P::Message>) {}
    /// A message arrived or was lost.
    fn ended(&mut self, now: Time, flight: &Flight<P::Message>, fate: Fate) {}
    /// A node changed. Called in order, after the input that caused the changes was handled.
    fn noted(&mut self, now: Time, id: NodeId, node: &P, note: P::Note) {}
    /// A node has handled an input.
    fn settled(&mut self, now: Time, id: NodeId, before: &Status, after: &Status) {}
    /// A timer of a node expired.
    fn timer(&mut self, now: Time, id: NodeId, timer: u8) {}
    /// A node's disk finished an fsync.
    fn synced(&mut self, now: Time, id: NodeId) {}
    /// A node is about to handle a request.
    fn requested(&mut self, now: Time, id: NodeId) {}
    /// A node's host changed.
    fn host(&mut self, now: Time, id: NodeId, node: &P, event: HostEvent) {}
    /// A node's disk broke its word. If a crash shows it, this is called before [`Observer::host`]
    /// for the crash.
    fn disk(&mut self, now: Time, id: NodeId, node: &P, event: DiskEvent) {}
    /// A node's clock changed.
    fn clock(&mut self, now: Time, id: NodeId, event: ClockEvent) {}
    /// A network fault began or ended.
    fn links(&mut self, now: Time, links: &Links) {}
    /// An event of a client's operation.
    fn op(&mut self, now: Time, op: OpId, client: u32, event: &OpEvent<'_, P>) {}
    /// A node began to lie, or was ordered to do something that no honest node does.
    fn liar(&mut self, now: Time, id: NodeId, deed: Option<&'static str>) {}
}

/// No observer.
impl<P: Protocol> Observer<P> for () {
    const WATCHING: bool = false;
}

/// Two observers.
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
    #[inline]
    fn requested(&mut self, now: Time, id: NodeId) {
        self.0.requested(now, id);
        self.1.requested(now, id);
    }
    fn host(&mut self, now: Time, id: NodeId, node: &P, event: HostEvent) {
        self.0.host(now, id, node, event);
        self.1.host(now, id, node, event);
    }
    fn disk(&mut self, now: Time, id: NodeId, node: &P, event: DiskEvent) {
        self.0.disk(now, id, node, event);
        self.1.disk(now, id, node, event);
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
    fn liar(&mut self, now: Time, id: NodeId, deed: Option<&'static str>) {
        self.0.liar(now, id, deed);
        self.1.liar(now, id, deed);
    }
}
