//! Nodes that take time to work, or that wait for their disks: what comes meanwhile waits.

use super::{Backlog, Core, World};
use crate::protocol::{Fingerprint, Input, NodeId, Protocol, Span};
use crate::sim::digest::Digest;
use crate::sim::observer::Observer;
use crate::sim::queue::Due;
use crate::sim::strike::Strike;
use crate::sim::time::Time;
use crate::sim::work::{Meter, Processing, Slowness};

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// Sets what the nodes of a world at rest take for each message.
    pub fn set_processing(&mut self, processing: Processing) {
        self.core.processing = processing;
        if !processing.is_free() {
            self.core.links.measure();
            self.core.hosts.iter_mut().for_each(super::Host::works);
        }
    }

    /// Sets how messages are measured.
    pub fn measure_by(&mut self, meter: Meter<P::Message>) {
        self.core.meter = Some(meter);
    }

    /// Whether messages are measured.
    pub fn measures(&self) -> bool {
        self.core.meter.is_some()
    }

    /// A node becomes slower.
    pub fn slow_down(&mut self, id: NodeId, strike: impl Into<Strike>, slowness: Slowness) {
        self.core.absorb_slowness(37, id, &slowness);
        self.core.links.measure();
        let host = &mut self.core.hosts[id.at()];
        host.works();
        host.slow.push((strike.into(), slowness));
    }

    /// A strike that made nodes slower ends. What they have begun takes as long as it would have.
    pub fn end_slowness(&mut self, strike: impl Into<Strike>) {
        let strike = strike.into();
        for id in (0..self.len()).map(NodeId::from) {
            let slow = &mut self.core.hosts[id.at()].slow;
            if let Some(at) = slow.iter().position(|(other, _)| *other == strike) {
                let (_, slowness) = slow.remove(at);
                self.core.absorb_slowness(38, id, &slowness);
            }
        }
    }

    /// Until when a node is busy with what it has begun, if it is; without end if it waits for its
    /// disk.
    pub fn busy_until(&self, id: NodeId) -> Option<Time> {
        let host = &self.core.hosts[id.at()];
        if host.blocked {
            return Some(Time::NEVER);
        }
        (host.free_at > self.core.now).then_some(host.free_at)
    }

    /// The number of inputs that wait for a node: messages, requests, expired timers, fsyncs.
    pub fn queue_len(&self, id: NodeId) -> usize {
        self.core.hosts[id.at()].backlog.len()
    }

    /// A node has finished what it was doing; false if that had no effect.
    pub(super) fn freed(&mut self, id: NodeId, incarnation: u32) -> bool {
        let host = &mut self.core.hosts[id.at()];
        if host.incarnation != incarnation {
            return false;
        }
        host.wakes = false;
        self.work(id)
    }

    /// A node takes up what waits, in order, as far as it can: each when it has taken its time, and
    /// when what it sends in answer has left. False if it takes up nothing now.
    pub(super) fn work(&mut self, id: NodeId) -> bool {
        let mut any = false;
        loop {
            let core = &mut self.core;
            let host = &core.hosts[id.at()];
            if !host.up || host.paused || host.blocked {
                return any;
            }
            if core.now < host.free_at {
                core.wake(id);
                return any;
            }
            let Some(next) = host.backlog.front() else { return any };
            if !host.spent {
                let takes = core.takes(id, next);
                if takes > Span::ZERO {
                    let host = &mut core.hosts[id.at()];
                    (host.spent, host.free_at) = (true, core.now + takes);
                    core.wake(id);
                    return any;
                }
            }
            let host = &mut core.hosts[id.at()];
            host.spent = false;
            let Some(next) = host.backlog.pop_front() else { return any };
            any = true;
            self.take_up(id, next);
        }
    }

    /// A node handles what has waited.
    fn take_up(&mut self, id: NodeId, waited: Backlog<P>) {
        match waited {
            Backlog::Message(mut flight) => self.receive(&mut flight),
            Backlog::Timer(kind, touched) => {
                let index = id.at() * P::TIMERS + usize::from(kind.0);
                if self.core.timers[index].touched() == touched {
                    self.core.observer.timer(self.core.now, id, kind.0);
                    self.step(id, Input::Timer(kind));
                }
            }
            Backlog::Synced => {
                let durable = self.core.hosts[id.at()].disk.tell();
                self.core.observer.synced(self.core.now, id);
                self.step(id, Input::Persisted(durable));
            }
            Backlog::DiskFailed(reason) => self.halt(id, reason),
            Backlog::Request(op, request) => self.requested(id, op, request),
        }
    }
}

impl<P: Protocol, O: Observer<P>> Core<P, O> {
    /// What a node takes before it handles an input.
    fn takes(&self, id: NodeId, input: &Backlog<P>) -> Span {
        let slow = &self.hosts[id.at()].slow;
        match input {
            Backlog::Message(flight) => self.processing.time(self.measure(&flight.message), slow),
            Backlog::Request(..) => self.processing.time(0, slow),
            Backlog::Timer(..) | Backlog::Synced | Backlog::DiskFailed(_) => Span::ZERO,
        }
    }

    fn measure(&self, message: &P::Message) -> u64 {
        self.meter.as_ref().map_or(0, |Meter(bytes)| bytes(message))
    }

    /// When a message leaves its sender, which is busy until then, and its length.
    #[inline(never)] // only with times or bandwidths
    pub(super) fn departs(&mut self, from: NodeId, message: &P::Message) -> (Time, u64) {
        let bytes = self.measure(message);
        let host = &mut self.hosts[from.at()];
        let takes = self.processing.time(bytes, &host.slow);
        if takes > Span::ZERO {
            host.free_at = host.free_at.max(self.now) + takes;
        }
        (host.free_at.max(self.now), bytes)
    }

    /// Plans the end of what a node is doing.
    fn wake(&mut self, id: NodeId) {
        let host = &mut self.hosts[id.at()];
        if !host.wakes {
            host.wakes = true;
            let (free_at, incarnation) = (host.free_at, host.incarnation);
            self.queue.push(free_at, Due::Freed { node: id.0, incarnation });
        }
    }

    fn absorb_slowness(&mut self, what: u64, id: NodeId, slowness: &Slowness) {
        let Slowness { factor, by } = slowness;
        self.absorb_deed(what, Digest::of([id.fingerprint(), factor.to_bits(), by.0]));
    }
}
