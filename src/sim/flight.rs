//! Messages on their way.

use serde::{Deserialize, Serialize};

use super::time::Time;
use crate::protocol::NodeId;

/// A message's name: the k-th that one node sent to another. The same in every run in which it is sent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MessageId {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// Counted from 0 on this link.
    pub ordinal: u64,
    /// 0 for the message itself, 1 and up for copies of it.
    #[serde(default)]
    pub copy: u8,
}

impl MessageId {
    /// Its sender, its receiver and which copy it is, for the digest.
    pub(super) fn link(self) -> u64 {
        u64::from(self.copy) << 16 | u64::from(self.from.0) << 8 | u64::from(self.to.0)
    }
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Flight<M> {
    /// Its name.
    pub id: MessageId,
    /// When it was sent.
    pub sent: Time,
    /// When it arrives; [`Time::NEVER`] while it is held.
    pub due: Time,
    /// Its row in the trace.
    pub row: u32,
    /// What it says.
    pub message: M,
}

/// The messages under way, in slots that are used again.
#[derive(Debug)]
pub struct Flights<M> {
    slots: Vec<Option<Flight<M>>>,
    /// Slots that were left, the last one on top.
    free: Vec<u32>,
    /// How many slots were ever used; those behind are left from before this was set back.
    used: usize,
}

impl<M> Default for Flights<M> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), used: 0 }
    }
}

impl<M: Clone> Clone for Flights<M> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), free: self.free.clone(), used: self.used }
    }

    /// Keeps its slots, and will use them in the order in which a new one would.
    fn clone_from(&mut self, source: &Self) {
        if source.used == 0 {
            self.slots[..self.used].fill_with(|| None);
        } else {
            self.slots.clone_from(&source.slots);
        }
        self.free.clone_from(&source.free);
        self.used = source.used;
    }
}

impl<M> Flights<M> {
    /// A message sets out.
    pub fn insert(&mut self, flight: Flight<M>) -> u32 {
        let (slot, place) = self.free_slot();
        *place = Some(flight);
        slot
    }

    /// A slot with nothing in it, and its number. Who makes a message in its slot does not move it there: in
    /// three moves of 128 bytes went 70 of 180 instructions that sending took.
    #[inline]
    pub fn free_slot(&mut self) -> (u32, &mut Option<Flight<M>>) {
        let slot = self.free.pop().unwrap_or_else(|| self.next_slot());
        (slot, &mut self.slots[slot as usize])
    }

    fn next_slot(&mut self) -> u32 {
        if self.used == self.slots.len() {
            self.slots.push(None);
        }
        self.used += 1;
        self.used as u32 - 1
    }

    /// The event of this slot came due: whatever is left in it, and the slot is free.
    #[inline]
    pub fn land(&mut self, slot: u32) -> Option<Flight<M>> {
        self.free.push(slot);
        self.slots[slot as usize].take()
    }

    /// Takes a message out of the air. If an event in the queue points at the slot it stays reserved until
    /// that event comes due.
    pub fn take(&mut self, slot: u32) -> Option<Flight<M>> {
        let flight = self.slots[slot as usize].take()?;
        if flight.due == Time::NEVER {
            self.free.push(slot);
        }
        Some(flight)
    }

    /// How many there are, and slots whose event is still to come.
    pub fn count(&self) -> usize {
        self.used - self.free.len()
    }

    /// All messages under way, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Flight<M>)> {
        self.slots.iter().enumerate().filter_map(|(i, f)| f.as_ref().map(|f| (i as u32, f)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(ordinal: u64) -> Flight<()> {
        let id = MessageId { from: NodeId(0), to: NodeId(1), ordinal, copy: 0 };
        Flight { id, sent: Time::ZERO, due: Time(1), row: 0, message: () }
    }

    /// What a cut loses is lost in the order of slots, and the digest tells.
    #[test]
    fn what_is_set_back_gives_out_slots_as_new() {
        let play = |flights: &mut Flights<()>| {
            let mut slots: Vec<u32> = (0..4).map(|k| flights.insert(flight(k))).collect();
            flights.land(2);
            flights.land(0);
            slots.extend((4..8).map(|k| flights.insert(flight(k))));
            (slots, flights.iter().map(|(slot, f)| (slot, f.id.ordinal)).collect::<Vec<_>>())
        };
        let (mut new, mut used) = (Flights::default(), Flights::default());
        for k in 0..9 {
            used.insert(flight(k));
        }
        used.land(5);
        used.clone_from(&Flights::default());
        assert_eq!(used.iter().count(), 0);
        let expected = play(&mut new);
        assert_eq!(play(&mut used), expected);
        used.clone_from(&new);
        assert_eq!(used.insert(flight(9)), new.insert(flight(9)));
    }
}
