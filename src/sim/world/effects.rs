//! Applies a node's effects to the world.

use std::mem::ManuallyDrop;

use super::{Backlog, Core};
use crate::protocol::{
    Delay, Durability, Effects, Message, NodeId, Note, OpId, Protocol, Reply, Span, Stable, TimerId,
};
use crate::sim::flight::{Flight, MessageId};
use crate::sim::network::Passage;
use crate::sim::observer::{Fate, Observer};
use crate::sim::queue::Due;
use crate::sim::time::Time;

/// The effects of one node's step.
pub(super) struct Fx<'a, P: Protocol, O> {
    pub(super) core: &'a mut Core<P, O>,
    pub(super) id: NodeId,
}

impl<P: Protocol, O: Observer<P>> Effects<P> for Fx<'_, P, O> {
    #[inline(always)] // a call would move the message
    fn send(&mut self, to: NodeId, message: P::Message) {
        self.core.send(self.id, to, message);
    }

    #[inline]
    fn arm(&mut self, timer: TimerId, delay: Delay) {
        let index = self.id.at() * P::TIMERS + usize::from(timer.0);
        let core = &mut *self.core;
        let clock = &core.hosts[self.id.at()].clock;
        core.timers[index].arm(index as u32, core.now, clock, core.luck, delay, &mut core.queue);
    }

    #[inline]
    fn disarm(&mut self, timer: TimerId) {
        self.core.timers[self.id.at() * P::TIMERS + usize::from(timer.0)].disarm();
    }

    #[inline]
    fn write(&mut self, write: impl FnOnce() -> <P::Stable as Stable>::Write) {
        self.core.hosts[self.id.at()].disk.write(write);
    }

    #[inline]
    fn sync(&mut self) -> Durability {
        if self.core.instant_disk { Durability::Done } else { self.core.sync(self.id) }
    }

    #[inline]
    fn reply(&mut self, op: OpId, reply: Reply<P::Output>) {
        self.core.replies.push((op, reply));
    }

    #[inline(always)] // a call would move the note
    fn note(&mut self, note: P::Note) {
        self.core.digest.absorb(note.fingerprint(), u64::from(self.id.0));
        if O::WATCHING {
            self.core.notes.push(note);
        }
    }

    fn halt(&mut self, reason: &'static str) {
        self.core.halted = Some(reason);
    }

    fn is_under_way(&self, to: NodeId, such: impl Fn(&P::Message) -> bool) -> bool {
        self.core.carries(self.id, to, such)
    }
}

impl<P: Protocol, O: Observer<P>> Core<P, O> {
    /// Whether such a message is in flight, or waits for a node that is paused or busy.
    pub(super) fn carries(
        &self,
        from: NodeId,
        to: NodeId,
        such: impl Fn(&P::Message) -> bool,
    ) -> bool {
        let sought = |flight: &Flight<P::Message>| {
            (flight.id.from, flight.id.to) == (from, to) && such(&flight.message)
        };
        let waits = |left: &Backlog<P>| match left {
            Backlog::Message(flight) => sought(flight),
            _ => false,
        };
        self.flights.iter().any(|(_, flight)| sought(flight))
            || self.hosts[to.at()].backlog.iter().any(waits)
    }

    #[inline(always)] // a call would move the message
    fn send(&mut self, from: NodeId, to: NodeId, message: P::Message) {
        // `ManuallyDrop` keeps the message out of memory. Otherwise the compiler spills it, so that
        // an unwinding panic could drop it, and reloading it in 16-byte pairs right after 8-byte
        // stores stalls.
        let message = ManuallyDrop::new(message);
        let ordinal = self.links.count(from, to);
        self.counters.sent += 1;
        match self.links.plain() {
            Some(latency) if self.holds.is_empty() && !self.tampering.any() => {
                let id = MessageId { from, to, ordinal, copy: 0 };
                self.set_out(id, self.now + latency, message);
            }
            // Not the id, which would be spilled as well.
            _ => self.send_over_faults(from, to, ordinal, ManuallyDrop::into_inner(message)),
        }
    }

    #[inline(always)] // a call would move the message
    fn set_out(&mut self, id: MessageId, due: Time, message: ManuallyDrop<P::Message>) {
        let (slot, place) = self.flights.free_slot();
        if place.is_some() {
            unreachable!("a free slot is empty"); // saves the code that would drop an old message
        }
        let message = ManuallyDrop::into_inner(message);
        let flight = place.insert(Flight { id, sent: self.now, due, row: 0, message });
        if O::WATCHING {
            flight.row = self.observer.sent(self.now, flight);
        }
        if due < Time::NEVER {
            self.queue.push(due, Due::Arrival(slot));
        }
    }

    #[inline(never)]
    fn send_over_faults(&mut self, from: NodeId, to: NodeId, ordinal: u64, message: P::Message) {
        let id = MessageId { from, to, ordinal, copy: 0 };
        if self.tampering.any() {
            return self.send_tampered(id, message);
        }
        self.enter_network(id, message, Span::ZERO, &[]);
    }

    /// Sends a message after a delay, with copies, each by its delay after the message.
    #[inline(always)] // without delay and copies their code disappears
    pub(super) fn enter_network(
        &mut self,
        id: MessageId,
        message: P::Message,
        delay: Span,
        copies: &[Span],
    ) {
        let (MessageId { from, to, ordinal, .. }, kind) = (id, message.kind());
        if self.holds.iter().any(|(_, matching)| matching.message(from, to, kind)) {
            return self.set_out(id, Time::NEVER, ManuallyDrop::new(message));
        }
        let (now, bytes) =
            if self.links.measures() { self.departs(from, &message) } else { (self.now, 0) };
        match self.links.passage(now, self.luck, from, to, kind, (ordinal, bytes)) {
            Passage::Arrives { after, again } => {
                let leaves = now + delay;
                let again = again.map(|again| leaves + again);
                let copies = copies.iter().map(|later| leaves + after + *later);
                for (copy, due) in (1..).zip(again.into_iter().chain(copies)) {
                    let message = ManuallyDrop::new(message.clone());
                    self.set_out(MessageId { copy, ..id }, due, message);
                }
                self.set_out(id, leaves + after, ManuallyDrop::new(message));
            }
            Passage::Cut { after } => {
                self.never_arrives(id, now + delay + after, message, Fate::Cut);
            }
            Passage::Lost { after } => {
                self.never_arrives(id, now + delay + after, message, Fate::Lost);
            }
        }
    }

    /// `due` is when it would have arrived.
    fn never_arrives(&mut self, id: MessageId, due: Time, message: P::Message, fate: Fate) {
        self.digest.absorb(self.now.0 ^ 18 << 56, id.ordinal << 24 | id.link());
        if O::WATCHING {
            let mut flight = Flight { id, sent: self.now, due, row: 0, message };
            flight.row = self.observer.sent(self.now, &flight);
            self.observer.ended(self.now, &flight, fate);
        }
    }
}
