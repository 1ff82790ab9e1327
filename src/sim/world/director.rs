//! Messages moved by hand, and network faults.

use super::{Core, World};
use crate::protocol::{Fingerprint, Message, Protocol, Span};
use crate::sim::flight::{Flight, MessageId};
use crate::sim::network::{Links, Matching, Overlay};
use crate::sim::observer::{Fate, Observer};
use crate::sim::queue::Due;
use crate::sim::strike::Strike;
use crate::sim::time::Time;

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// A network fault begins. Messages in flight over links that it cuts are lost.
    pub fn add_overlay(&mut self, strike: impl Into<Strike>, overlay: Overlay) {
        let core = &mut self.core;
        let lost: Vec<u32> = core
            .flights
            .iter()
            .filter(|(_, flight)| flight.due != Time::NEVER)
            .filter(|(_, flight)| match &overlay {
                Overlay::Cut(cut) => {
                    cut.message(flight.id.from, flight.id.to, flight.message.kind())
                }
                other => other.cuts(flight.id.from, flight.id.to),
            })
            .map(|(slot, _)| slot)
            .collect();
        for slot in lost {
            core.remove_flight(slot, Fate::Cut);
        }
        let strike = strike.into();
        core.absorb_overlay(23, strike, &overlay);
        core.links.add(strike, overlay);
        core.observer.links(core.now, &core.links);
    }

    /// A fault ends; true if it was a network fault.
    pub fn remove_overlay(&mut self, strike: impl Into<Strike>) -> bool {
        let core = &mut self.core;
        let strike = strike.into();
        let removed = core.links.remove(strike);
        if let Some(overlay) = &removed {
            core.absorb_overlay(24, strike, overlay);
            core.observer.links(core.now, &core.links);
        }
        removed.is_some()
    }

    /// The links.
    pub fn links(&self) -> &Links {
        &self.core.links
    }

    /// All messages in flight, in the order of arrival; held ones last.
    pub fn in_flight(&self) -> Vec<&Flight<P::Message>> {
        let mut flights: Vec<_> = self.core.flights.iter().map(|(_, flight)| flight).collect();
        flights.sort_by_key(|flight| (flight.due, flight.sent, flight.id));
        flights
    }

    /// Whether a message is in flight.
    pub fn is_in_flight(&self, id: MessageId) -> bool {
        self.core.slot_of(id).is_some()
    }

    /// The number of messages in flight; dropped ones count until they would have arrived.
    pub fn in_flight_count(&self) -> usize {
        self.core.flights.count()
    }

    /// Holds matching messages as they are sent, from now on.
    pub fn hold_matching(&mut self, strike: impl Into<Strike>, matching: Matching) {
        self.core.absorb_deed(25, matching.fingerprint());
        self.core.holds.push((strike.into(), matching));
    }

    /// Stops holding messages as they are sent; true if they were held.
    pub fn stop_holding(&mut self, strike: impl Into<Strike>) -> bool {
        let strike = strike.into();
        let Some(at) = self.core.holds.iter().position(|(other, _)| *other == strike) else {
            return false;
        };
        let (_, matching) = self.core.holds.remove(at);
        self.core.absorb_deed(26, matching.fingerprint());
        true
    }

    /// Holds a message, to be released or delivered later. False if it is not in flight.
    pub fn hold(&mut self, id: MessageId) -> bool {
        self.reschedule(id, None)
    }

    /// Releases a message, which arrives after `after`.
    pub fn release(&mut self, id: MessageId, after: Span) -> bool {
        let due = self.core.now + after;
        self.reschedule(id, Some(due))
    }

    fn reschedule(&mut self, id: MessageId, due: Option<Time>) -> bool {
        let Some(mut flight) = self.core.pick(id) else { return false };
        let core = &mut self.core;
        flight.due = due.unwrap_or(Time::NEVER);
        core.digest.absorb(core.now.0 ^ 16 << 56, flight.due.0);
        core.digest.absorb(id.ordinal, 16 << 56 | id.link());
        core.observer.rescheduled(core.now, &flight);
        let slot = core.flights.insert(flight);
        if let Some(due) = due {
            core.queue.push(due, Due::Arrival(slot));
        }
        true
    }

    /// Delivers a message now, even over a link that is cut.
    pub fn deliver(&mut self, id: MessageId) -> bool {
        let Some(mut flight) = self.core.pick(id) else { return false };
        self.core.counters.events += 1;
        self.arrive(&mut flight);
        true
    }

    /// Drops a message.
    pub fn drop_message(&mut self, id: MessageId) -> bool {
        let slot = self.core.slot_of(id);
        if let Some(slot) = slot {
            self.core.remove_flight(slot, Fate::Removed);
        }
        slot.is_some()
    }

    /// Makes a copy of a message, held until it is released or delivered. Returns its id.
    pub fn duplicate(&mut self, id: MessageId) -> Option<MessageId> {
        let core = &mut self.core;
        let slot = core.slot_of(id)?;
        let same = |other: &MessageId| {
            (other.from, other.to, other.ordinal) == (id.from, id.to, id.ordinal)
        };
        let highest =
            core.flights.iter().filter(|(_, f)| same(&f.id)).map(|(_, f)| f.id.copy).max()?;
        let original = core.flights.iter().find(|(s, _)| *s == slot)?.1;
        let mut copy = original.clone();
        copy.id.copy = highest.checked_add(1)?;
        copy.due = Time::NEVER;
        copy.row = core.observer.sent(core.now, &copy);
        core.digest.absorb(core.now.0 ^ 17 << 56, id.ordinal << 24 | id.link());
        let name = copy.id;
        core.flights.insert(copy);
        Some(name)
    }
}

impl<P: Protocol, O: Observer<P>> Core<P, O> {
    /// Adds the beginning or end of a network fault to the digest, with the strike, on which delays
    /// depend.
    fn absorb_overlay(&mut self, what: u64, strike: Strike, overlay: &Overlay) {
        let luck = if let Overlay::Delay(..) = overlay { strike.luck_of(0) } else { 0 };
        self.absorb_deed(what, overlay.fingerprint() ^ luck);
    }

    fn slot_of(&self, id: MessageId) -> Option<u32> {
        self.flights.iter().find(|(_, flight)| flight.id == id).map(|(slot, _)| slot)
    }

    fn pick(&mut self, id: MessageId) -> Option<Flight<P::Message>> {
        let slot = self.slot_of(id)?;
        self.flights.take(slot)
    }

    fn remove_flight(&mut self, slot: u32, fate: Fate) {
        if let Some(flight) = self.flights.take(slot) {
            let id = flight.id;
            self.digest.absorb(self.now.0 ^ 19 << 56, id.ordinal << 24 | id.link());
            self.observer.ended(self.now, &flight, fate);
        }
    }
}
