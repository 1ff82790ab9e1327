//! Stories: the moments that led to a violation, and their texts.

use std::fmt;

use super::faults::{Ends, Force};
use crate::protocol::{NodeId, Role};
use crate::replica::{Command, Key, Op, Value};
use crate::sim::{ClockEvent, DiskEvent, HostEvent, Time};

/// A moment in the story of a violation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// When it happened.
    pub time: Time,
    /// The node to which it happened.
    pub node: NodeId,
    /// What happened.
    pub what: What,
}

impl Moment {
    /// The moment as a sentence.
    pub fn tell(&self, names: &impl Names) -> String {
        let who = names.node(self.node);
        match self.what {
            What::Became { role, term } => format!("{who} became {} of term {term}", role.name()),
            What::Voted { term, candidate } => {
                format!("{who} voted for {} in term {term}", names.node(candidate))
            }
            What::Truncated { first, last } => format!("{who} deleted entries {first} to {last}"),
            What::Committed { index, term } => {
                format!("{who} was the first to commit entry {index}@{term}")
            }
            What::Installed { index } => {
                format!("{who} installed a snapshot up to index {index}")
            }
            What::Host(event) => format!("{who} {}", event.name()),
            What::Disk(DiskEvent::Corrupted) => format!("the disk of {who} was corrupted"),
            What::Disk(DiskEvent::LostSynced) => {
                format!("the disk of {who} lost what it had reported as durable")
            }
            What::Lied(None) => format!("{who} began to lie"),
            What::Lied(Some(deed)) => format!("{who} {deed} (a lie)"),
            What::Links { force, ends, over } => {
                let what = if over { "ended" } else { "began" };
                format!("a {force} {what} {}", ends.tell(&who, names))
            }
            What::Clock(ClockEvent::Rate(rate)) => {
                format!("the clock of {who} ran at rate {rate} from then on")
            }
            What::Clock(ClockEvent::Set { by, back }) => {
                let way = if back { "back" } else { "forward" };
                format!("the clock of {who} was set {way} by {} ms", by.as_ms())
            }
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tell(&Numbers))
    }
}

/// An event of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// Its role or its term changed.
    Became {
        /// The new role.
        role: Role,
        /// The term.
        term: u64,
    },
    /// It voted.
    Voted {
        /// The term.
        term: u64,
        /// The candidate.
        candidate: NodeId,
    },
    /// It deleted entries.
    Truncated {
        /// Index of the first.
        first: u64,
        /// Index of the last.
        last: u64,
    },
    /// It was the first to commit the entry concerned.
    Committed {
        /// The entry's index.
        index: u64,
        /// The entry's term.
        term: u64,
    },
    /// It installed a leader's snapshot.
    Installed {
        /// The snapshot's last index.
        index: u64,
    },
    /// Its host changed.
    Host(HostEvent),
    /// Its disk broke its word.
    Disk(DiskEvent),
    /// It began to lie, or did this.
    Lied(Option<&'static str>),
    /// A fault began or ended on some of its links.
    Links {
        /// The effect of the fault.
        force: Force,
        /// The links.
        ends: Ends,
        /// True if it ended.
        over: bool,
    },
    /// Its clock changed.
    Clock(ClockEvent),
}

/// A time, with a position among the events at that time. Beyond 1023 events at one time positions
/// are no longer distinct.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Stamp(u64);

impl Stamp {
    const PLACES: u32 = 10;

    /// The position of the next event.
    #[inline]
    pub(super) fn next(self, now: Time) -> Self {
        let first = now.0 << Self::PLACES;
        let last = first | ((1 << Self::PLACES) - 1);
        Self((self.0 + 1).clamp(first, last))
    }

    /// Its time.
    pub(super) fn time(self) -> Time {
        Time(self.0 >> Self::PLACES)
    }
}

/// The last few moments of a node, in a ring that is allocated once.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    ring: Vec<Placed>,
    /// The position of the oldest, which is overwritten next once the ring is full.
    next: usize,
}

impl Moments {
    /// The number of moments that are kept.
    const KEPT: usize = 12;

    pub(super) fn push(&mut self, moment: Placed) {
        if self.ring.len() < Self::KEPT {
            self.ring.reserve_exact(Self::KEPT - self.ring.len());
            self.ring.push(moment);
        } else {
            self.ring[self.next] = moment;
            self.next = (self.next + 1) % Self::KEPT;
        }
    }

    /// The latest.
    pub(super) fn last(&self) -> Option<Placed> {
        self.iter().last()
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Placed> {
        let (newer, older) = self.ring.split_at(self.next);
        older.iter().chain(newer).copied()
    }
}

/// A moment with its position among others of the same time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) stamp: Stamp,
    pub(super) node: NodeId,
    pub(super) what: What,
}

/// The last of these moments, merged with the faults since the first of them (or since the
/// beginning, if no moment was left out): the last of the active faults and the last of the ended
/// ones.
pub(super) fn story(
    of: impl Iterator<Item = Placed>,
    faults: impl FnOnce(Stamp) -> [Vec<Placed>; 2],
) -> Vec<Moment> {
    let (mut moments, all) = last(of);
    let since = moments.first().filter(|_| !all).map_or(Stamp::default(), |first| first.stamp);
    for faults in faults(since) {
        moments.extend(last(faults.into_iter()).0);
    }
    moments.sort_by_key(|moment| moment.stamp);
    let told = |Placed { stamp, node, what }| Moment { time: stamp.time(), node, what };
    moments.into_iter().map(told).collect()
}

/// The last of some moments, in order, and whether none was left out.
fn last(of: impl Iterator<Item = Placed>) -> (Vec<Placed>, bool) {
    let mut moments: Vec<Placed> = of.collect();
    moments.sort_by_key(|moment| moment.stamp);
    let dropped = moments.len().saturating_sub(Moments::KEPT);
    (moments.split_off(dropped), dropped == 0)
}

/// The names of nodes, keys and values.
pub trait Names {
    /// A node's name.
    fn node(&self, id: NodeId) -> String;
    /// A key's name.
    fn key(&self, key: Key) -> String;
    /// A value's text.
    fn value(&self, value: Value) -> String;

    /// A command in words.
    fn command(&self, command: &Command) -> String {
        match command.op {
            Op::Noop => "no-op".into(),
            Op::Put { key, value } => format!("{} = {}", self.key(key), self.value(value)),
            Op::Get { key } => format!("get {}", self.key(key)),
            Op::Cas { key, expected, value } => {
                format!("{} = {} if {}", self.key(key), self.value(value), self.value(expected))
            }
            Op::Append { key, value } => format!("{} += {}", self.key(key), self.value(value)),
            Op::Config(members) => {
                format!("configuration {}", members.membership().text(|id| self.node(id)))
            }
        }
    }
}

/// Numbers instead of names.
#[derive(Clone, Copy, Debug)]
pub struct Numbers;

impl Names for Numbers {
    fn node(&self, id: NodeId) -> String {
        format!("node {}", id.0)
    }

    fn key(&self, key: Key) -> String {
        format!("k{}", key.0)
    }

    fn value(&self, value: Value) -> String {
        match value.decode() {
            Err(number) => number.to_string(),
            Ok(text) => format!("text {text}"),
        }
    }
}
