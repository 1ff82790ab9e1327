//! What is planned, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clone::clone_by_field;
use crate::experiment::step::Action;
use crate::sim::{Strike, Time};

/// What is planned, the earliest first; what is planned for one moment in the order in which it was planned.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Entry>,
    ordinal: u64,
}

clone_by_field!([] Agenda { ordinal } empty { entries });

#[derive(Clone, Debug)]
pub(super) enum Planned {
    /// A strike, and since when it is waited for.
    Strike(Strike, Time),
    /// The end of a strike, and since when it lasts.
    End(Strike, Time),
    /// Something is done.
    Act(Box<Action>),
}

/// What is planned, and when; the earliest is the greatest.
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

    /// When something is due next; never if that is after the end of every run.
    #[inline]
    pub(super) fn next_time(&self) -> Time {
        let next = self.entries.peek().map_or(Time::NEVER, |entry| entry.place.0.0);
        if next < Time::LAST { next } else { Time::NEVER }
    }

    /// What is due next.
    pub(super) fn pop(&mut self) -> Option<Planned> {
        self.entries.pop().map(|entry| entry.planned)
    }

    /// All that is planned, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Time, &Planned)> {
        self.entries.iter().map(|entry| (entry.place.0.0, &entry.planned))
    }

    /// Puts what is planned for later than `now` off to other times; what has none stays.
    pub(super) fn move_later(&mut self, now: Time, other: impl Fn(&Planned) -> Option<Time>) {
        for mut entry in std::mem::take(&mut self.entries) {
            let Reverse((time, ordinal)) = entry.place;
            if time > now {
                entry.place = Reverse((other(&entry.planned).unwrap_or(time), ordinal));
            }
            self.entries.push(entry);
        }
    }

    /// No more strikes of this fault.
    pub(super) fn cancel_strikes(&mut self, handle: u32) {
        let stays = |planned: &Planned| !matches!(planned, Planned::Strike(strike, _) if strike.handle == handle);
        self.entries.retain(|entry| stays(&entry.planned));
    }
}
