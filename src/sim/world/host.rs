//! The host of a node: whether it is up, its clock, its disk, and what waits for it.

use std::collections::VecDeque;

use crate::clone::clone_by_field;
use crate::protocol::{OpId, Protocol, Span, TimerId};
use crate::sim::clock::Clock;
use crate::sim::disk::Disk;
use crate::sim::flight::Flight;
use crate::sim::luck::{Luck, Purpose, below};
use crate::sim::strike::Strike;
use crate::sim::time::Time;
use crate::sim::work::Slowness;

/// The host of one node.
pub(super) struct Host<P: Protocol> {
    /// False for a machine that is added later.
    pub(super) started: bool,
    pub(super) up: bool,
    pub(super) paused: bool,
    pub(super) incarnation: u32,
    pub(super) clock: Clock,
    pub(super) disk: Disk<P::Stable>,
    /// Whether inputs go through the backlog: it is paused, waits for its disk, or takes time.
    pub(super) queues: bool,
    /// Whether what it handles and sends takes time, or has.
    pub(super) takes_time: bool,
    /// It waits for its disk, and handles nothing else.
    pub(super) blocked: bool,
    /// When it has finished what it has begun.
    pub(super) free_at: Time,
    /// Whether the time for the first input of the backlog has passed, or is passing.
    pub(super) spent: bool,
    /// Whether the end of what it has begun is planned.
    pub(super) wakes: bool,
    /// What makes it slower.
    pub(super) slow: Vec<(Strike, Slowness)>,
    /// The inputs that wait for the node.
    pub(super) backlog: VecDeque<Backlog<P>>,
}

clone_by_field!(
    [P: Protocol] Host<P> { disk }
    copied {
        started, up, paused, incarnation, clock, queues, takes_time, blocked, free_at, spent, wakes
    }
    empty { slow, backlog }
);

impl<P: Protocol> Host<P> {
    pub(super) fn new(started: bool, node: &P, instant_disk: bool) -> Self {
        let disk =
            if instant_disk { Disk::default() } else { Disk::holding(node.stable().clone()) };
        let (clock, backlog) = (Clock::default(), VecDeque::new());
        Self {
            started,
            up: started,
            paused: false,
            incarnation: 0,
            clock,
            disk,
            queues: false,
            takes_time: false,
            blocked: false,
            free_at: Time::ZERO,
            spent: false,
            wakes: false,
            slow: Vec::new(),
            backlog,
        }
    }

    /// From now on what it handles and sends takes time.
    pub(super) fn works(&mut self) {
        self.takes_time = true;
        self.settle();
    }

    /// Updates whether inputs go through the backlog.
    pub(super) fn settle(&mut self) {
        self.queues = self.paused || self.blocked || self.takes_time;
    }

    /// Draws the phase of its ticks, if it has any.
    pub(super) fn begin_ticks(&mut self, entity: u64, luck: Luck) {
        let tick = self.clock.tick();
        if tick > Span::ZERO {
            let draw = luck.draw(Purpose::Phase, entity, 0);
            self.clock.set_ticks(tick, Span(below(draw, tick.0)));
        }
    }
}

#[derive(Clone)]
pub(super) enum Backlog<P: Protocol> {
    Message(Box<Flight<P::Message>>),
    /// A timer expired; void once the node has armed or disarmed it again.
    Timer(TimerId, u64),
    Synced,
    /// An fsync failed, and the node has yet to halt for this reason.
    DiskFailed(&'static str),
    Request(OpId, P::Request),
}
