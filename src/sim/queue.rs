//! The event queue: a total order by (time, sequence number).
//!
//! With constant latency most messages are pushed in the order in which they come due; they are
//! kept in a lane with push and pop in constant time. Events that come due out of order, and all
//! timers, are kept in a heap.

use crate::clone::clone_by_field;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use super::time::Time;

/// What is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// The message in this slot arrives.
    Arrival(u32),
    /// This timer may have expired.
    Timer(u32),
    /// A node's disk finished an fsync.
    Synced {
        /// The node.
        node: u8,
        /// Its incarnation when the write began.
        incarnation: u32,
    },
    /// A node has finished what it was doing.
    Freed {
        /// The node.
        node: u8,
        /// Its incarnation when it began.
        incarnation: u32,
    },
    /// A load generator's next request.
    Load(u32),
}

/// An event with its position in the order.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When it is due.
    pub time: Time,
    /// The sequence number: among events at the same time, the smaller comes first.
    pub seq: u64,
    /// What is due.
    pub due: Due,
}

impl Event {
    fn key(&self) -> u128 {
        u128::from(self.time.0) << 64 | u128::from(self.seq)
    }
}

/// In the heap the earliest event is the greatest.
#[derive(Clone, Copy, Debug)]
struct Earliest(Event);

impl Ord for Earliest {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.key().cmp(&self.0.key())
    }
}

impl PartialOrd for Earliest {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Earliest {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for Earliest {}

/// All future events.
#[derive(Debug, Default)]
pub struct Queue {
    seq: u64,
    /// Invariant: ascending by key.
    lane: VecDeque<Event>,
    heap: BinaryHeap<Earliest>,
}

clone_by_field!([] Queue { seq } empty { lane, heap });

impl Queue {
    /// The next sequence number.
    #[inline]
    pub fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Adds an event.
    #[inline(always)] // called once or twice per message, and as short as a call
    pub fn push(&mut self, time: Time, due: Due) {
        let event = Event { time, seq: self.next_seq(), due };
        match self.lane.back() {
            Some(last) if last.time > time => self.heap.push(Earliest(event)),
            last => {
                debug_assert!(last.is_none_or(|last| last.seq < event.seq), "ascending by key");
                self.lane.push_back(event);
            }
        }
    }

    /// Adds a wake-up of a timer, at the position in the order that was reserved when it was armed.
    #[inline]
    pub fn push_timer(&mut self, time: Time, seq: u64, due: Due) {
        self.heap.push(Earliest(Event { time, seq, due }));
    }

    /// The next event, if it is due before `until`.
    #[inline(always)] // a call would return it through memory, and reading it back would stall
    pub fn pop_before(&mut self, until: Time) -> Option<Event> {
        let from_heap = match (self.lane.front(), self.heap.peek()) {
            (Some(lane), Some(Earliest(heap))) => heap.key() < lane.key(),
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (None, None) => return None,
        };
        if from_heap {
            let next = self.heap.peek_mut()?;
            if next.0.time >= until {
                return None;
            }
            Some(std::collections::binary_heap::PeekMut::pop(next).0)
        } else {
            if self.lane.front()?.time >= until {
                return None;
            }
            self.lane.pop_front()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_then_sequence() {
        let mut queue = Queue::default();
        let reserved = queue.next_seq();
        for (i, time) in [5u64, 7, 7, 3, 6, 9, 3].into_iter().enumerate() {
            queue.push(Time(time), Due::Arrival(i as u32));
        }
        queue.push_timer(Time(7), reserved, Due::Timer(0));
        let mut order = Vec::new();
        while let Some(event) = queue.pop_before(Time(9)) {
            order.push((event.time.0, event.seq));
        }
        assert_eq!(order, [(3, 5), (3, 8), (5, 2), (6, 6), (7, 1), (7, 3), (7, 4)]);
        assert_eq!(queue.pop_before(Time::NEVER).map(|e| e.time), Some(Time(9)));
    }
}
