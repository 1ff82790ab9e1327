//! Messages on their way.

use serde::{Deserialize, Serialize};

use super::time::Time;
use crate::clone::clone_by_field;
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

/// What an interceptor did to a message: recorded, so that the same seed replays without the interceptor.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// It never left.
    Drop,
    /// These fields were changed.
    Set(Vec<(String, u64)>),
}

/// The messages under way, in slots that are used again.
#[derive(Debug)]
pub struct Flights<M> {
    slots: Vec<Option<Flight<M>>>,
    free: Vec<u32>,
}

clone_by_field!([M: Clone] Flights<M> {} empty { slots, free });

impl<M> Default for Flights<M> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
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
        let slot = self.free.pop().unwrap_or_else(|| self.add_slot());
        (slot, &mut self.slots[slot as usize])
    }

    #[cold]
    fn add_slot(&mut self) -> u32 {
        self.slots.push(None);
        self.slots.len() as u32 - 1
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

    /// All messages under way, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Flight<M>)> {
        self.slots.iter().enumerate().filter_map(|(i, f)| f.as_ref().map(|f| (i as u32, f)))
    }
}
