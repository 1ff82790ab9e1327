//! What is planned, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clone::clone_by_field;
use crate::experiment::step::Action;
use crate::sim::Time;

#[derive(Debug, Default)]
pub(super) struct Agenda {
    pub(super) entries: BinaryHeap<Entry>,
    ordinal: u64,
}

clone_by_field!([] Agenda { ordinal } empty { entries });

#[derive(Clone, Debug)]
pub(super) enum Planned {
    /// A strike, and since when it is waited for.
    Strike {
        handle: u32,
        strike: u32,
        since: Time,
    },
    /// The end of a strike, and since when it lasts.
    End {
        handle: u32,
        strike: u32,
        since: Time,
    },
    Act(Box<Action>),
}

/// What is planned, and when; the earliest is the greatest.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) place: Reverse<(Time, u64)>,
    pub(super) planned: Planned,
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

    #[inline]
    pub(super) fn next_time(&self) -> Time {
        self.entries.peek().map_or(Time::NEVER, |entry| entry.place.0.0)
    }
}
