//! The agenda: planned actions by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clone::clone_by_field;
use crate::experiment::step::Action;
use crate::sim::{Strike, Time};

/// Planned actions, the earliest first; actions for the same time in the order in which they were
/// planned.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Entry>,
    ordinal: u64,
}

clone_by_field!([] Agenda { ordinal } empty { entries });

#[derive(Clone, Debug)]
pub(super) enum Planned {
    /// A strike, and the time from which its delay is measured.
    Strike(Strike, Time),
    /// The end of a strike, and the time when it began.
    End(Strike, Time),
    /// An action.
    Act(Box<Action>),
}

/// A planned action with its time; the earliest is the greatest.
#[derive(Clone, Debug)]
struct Entry {
    place: Reverse<(Time, u64)>,
    planned: Planned,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Entry {}

impl Agenda {
    pub(super) fn plan(&mut self, time: Time, planned: Planned) {
        self.ordinal += 1;
        self.entries.push(Entry { place: Reverse((time, self.ordinal)), planned });
    }

    /// When the next action is due; never if that is after the end of every run.
    #[inline]
    pub(super) fn next_time(&self) -> Time {
        let next = self.entries.peek().map_or(Time::NEVER, |entry| entry.place.0.0);
        if next < Time::LAST { next } else { Time::NEVER }
    }

    /// Takes the next action.
    pub(super) fn pop(&mut self) -> Option<Planned> {
        self.entries.pop().map(|entry| entry.planned)
    }

    /// All planned actions, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Time, &Planned)> {
        self.entries.iter().map(|entry| (entry.place.0.0, &entry.planned))
    }

    /// Moves actions that are planned for later than `now` to other times, where `other` gives one.
    pub(super) fn move_later(&mut self, now: Time, other: impl Fn(&Planned) -> Option<Time>) {
        for mut entry in std::mem::take(&mut self.entries) {
            let Reverse((time, ordinal)) = entry.place;
            if time > now {
                entry.place = Reverse((other(&entry.planned).unwrap_or(time), ordinal));
            }
            self.entries.push(entry);
        }
    }

    /// Cancels the planned strikes of a fault.
    pub(super) fn cancel_strikes(&mut self, handle: u32) {
        let stays = |planned: &Planned| !matches!(planned, Planned::Strike(strike, _) if strike.handle == handle);
        self.entries.retain(|entry| stays(&entry.planned));
    }
}
