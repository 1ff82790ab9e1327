//! Messages in flight.

use serde::{Deserialize, Serialize};

use super::time::Time;
use crate::protocol::NodeId;

/// A message's id: the k-th message that one node sent to another. It is the same in every run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MessageId {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// Counted from 0 on this link.
    pub ordinal: u64,
    /// 0 for the original, 1 and up for its copies.
    #[serde(default)]
    pub copy: u8,
}

impl MessageId {
    /// Sender, receiver and number of the copy, for the digest.
    pub(super) fn link(self) -> u64 {
        u64::from(self.copy) << 16 | u64::from(self.from.0) << 8 | u64::from(self.to.0)
    }
}

/// A message in flight.
#[derive(Clone, Debug)]
pub struct Flight<M> {
    /// Its id.
    pub id: MessageId,
    /// When it was sent.
    pub sent: Time,
    /// When it arrives; [`Time::NEVER`] while it is held.
    pub due: Time,
    /// Its row in the trace.
    pub row: u32,
    /// Its contents.
    pub message: M,
}

/// The messages in flight, in slots that are reused.
#[derive(Debug)]
pub struct Flights<M> {
    slots: Vec<Option<Flight<M>>>,
    /// Free slots, the last freed one on top.
    free: Vec<u32>,
    /// The number of slots in use so far; later slots are left from before a reset.
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

    /// Keeps its slots, and uses them in the same order as a new one would.
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
    /// Adds a message.
    pub fn insert(&mut self, flight: Flight<M>) -> u32 {
        let (slot, place) = self.free_slot();
        *place = Some(flight);
        slot
    }

    /// The message in a slot.
    pub fn get(&self, slot: u32) -> Option<&Flight<M>> {
        self.slots.get(slot as usize)?.as_ref()
    }

    /// An empty slot and its number. The caller constructs the message in the slot: three moves of
    /// 128 bytes took 70 of the 180 instructions for sending.
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

    /// The event of this slot came due: takes the message, if it is still there, and frees the
    /// slot.
    #[inline]
    pub fn land(&mut self, slot: u32) -> Option<Flight<M>> {
        self.free.push(slot);
        self.slots[slot as usize].take()
    }

    /// Removes a message. If an event in the queue refers to the slot, the slot stays reserved
    /// until that event comes due.
    pub fn take(&mut self, slot: u32) -> Option<Flight<M>> {
        let flight = self.slots[slot as usize].take()?;
        if flight.due == Time::NEVER {
            self.free.push(slot);
        }
        Some(flight)
    }

    /// The number of messages and of reserved slots.
    pub fn count(&self) -> usize {
        self.used - self.free.len()
    }

    /// All messages in flight, by slot.
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

    /// A cut loses messages in the order of slots, which affects the digest.
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
