//! The fields of messages by name, which interceptors can read and set.

use std::sync::Arc;

use super::messages::RaftMessage;
use super::payload::Payload;
use super::snapshot::Snapshot;
use crate::protocol::{Message, Span};
use crate::replica::log::{Base, prefix_hash};
use crate::replica::machine::Machine;
use crate::replica::membership::Members;
use crate::replica::types::{Command, Entry, EntryId, Key, Output, Value, fold};

/// A reference to a field of a message.
#[derive(Debug)]
pub(super) enum Place<'a> {
    Number(&'a mut u64),
    Flag(&'a mut bool),
    Entries(&'a mut Payload),
    Snapshot(&'a mut Arc<Snapshot>),
}

/// The value of a field.
#[derive(Clone, Debug)]
pub enum Content {
    /// A number.
    Number(u64),
    /// True or false.
    Flag(bool),
    /// Entries of the log.
    Entries(Payload),
    /// A snapshot.
    Snapshot(Arc<Snapshot>),
}

impl Content {
    /// The type of such a field in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Content::Number(_) => "an integer from 0 to 2^64 - 1",
            Content::Flag(_) => "true or false",
            Content::Entries(_) => "a list of entries",
            Content::Snapshot(_) => "a snapshot",
        }
    }
}

/// A new value for a field.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its name.
    pub field: &'static str,
    /// The value.
    pub content: Content,
}

/// The names of a field: its own, that of a duration, and those of the two numbers of an
/// [`EntryId`].
pub(super) struct Names {
    pub(super) own: &'static str,
    pub(super) ns: &'static str,
    pub(super) index: &'static str,
    pub(super) term: &'static str,
}

/// A type of fields.
pub(super) trait Field: Sized {
    /// Its value, as the rows of messages use it.
    type Value<'a>
    where
        Self: 'a;

    /// The value of a field.
    fn value(&self) -> Self::Value<'_>;

    /// An empty field.
    fn blank() -> Self;

    /// The places that interceptors can set.
    fn places<'a>(&'a mut self, names: Names, places: &mut Vec<(&'static str, Place<'a>)>);
}

macro_rules! copied {
    ($($type:ty: |$field:ident, $names:ident| [$(($name:expr, $place:expr)),*];)*) => {
        $(impl Field for $type {
            type Value<'a> = Self;

            #[inline(always)]
            fn value(&self) -> Self {
                *self
            }

            fn blank() -> Self {
                Self::default()
            }

            fn places<'a>(&'a mut self, $names: Names, places: &mut Vec<(&'static str, Place<'a>)>) {
                let $field = self;
                places.extend([$(($name, $place)),*]);
            }
        })*
    };
}

copied! {
    u64: |number, names| [(names.own, Place::Number(number))];
    bool: |flag, names| [(names.own, Place::Flag(flag))];
    Span: |span, names| [(names.ns, Place::Number(&mut span.0))];
    EntryId: |id, names| [
        (names.index, Place::Number(&mut id.index)),
        (names.term, Place::Number(&mut id.term))
    ];
}

impl Field for Payload {
    type Value<'a> = &'a Self;

    #[inline(always)]
    fn value(&self) -> &Self {
        self
    }

    fn blank() -> Self {
        Self::default()
    }

    fn places<'a>(&'a mut self, _: Names, places: &mut Vec<(&'static str, Place<'a>)>) {
        places.push(match self {
            Payload::Measured { round_trip } => ("round_trip_ns", Place::Number(&mut round_trip.0)),
            entries => ("entries", Place::Entries(entries)),
        });
    }
}

impl Field for Arc<Snapshot> {
    type Value<'a> = &'a Snapshot;

    #[inline(always)]
    fn value(&self) -> &Snapshot {
        self
    }

    fn blank() -> Self {
        Arc::new(Snapshot::forged(&Holdings::default()))
    }

    fn places<'a>(&'a mut self, names: Names, places: &mut Vec<(&'static str, Place<'a>)>) {
        places.push((names.own, Place::Snapshot(self)));
    }
}

/// A message whose fields can be read and set by name.
pub trait Editable: Message<Change = Change> {
    /// A message of a type with empty fields; `None` if there is no such type.
    fn blank(kind: &str) -> Option<Self>;

    /// Messages that have every field that a message can have.
    fn samples() -> Vec<Self>;

    /// Its fields: names and values.
    fn contents(&self) -> Vec<(&'static str, Content)>;
}

impl Editable for RaftMessage {
    fn blank(kind: &str) -> Option<Self> {
        RaftMessage::blank(kind)
    }

    fn samples() -> Vec<Self> {
        let mut samples: Vec<_> = Self::KINDS.iter().filter_map(|kind| Self::blank(kind)).collect();
        let measured = samples.iter().cloned().filter_map(|mut message| match &mut message {
            RaftMessage::AppendEntries { payload, .. } => {
                *payload = Payload::Measured { round_trip: Span::ZERO };
                Some(message)
            }
            _ => None,
        });
        let measured: Vec<_> = measured.collect();
        samples.extend(measured);
        samples
    }

    fn contents(&self) -> Vec<(&'static str, Content)> {
        let content = |place| match place {
            Place::Number(number) => Content::Number(*number),
            Place::Flag(flag) => Content::Flag(*flag),
            Place::Entries(entries) => Content::Entries(entries.clone()),
            Place::Snapshot(snapshot) => Content::Snapshot(Arc::clone(snapshot)),
        };
        let mut copy = self.clone();
        copy.places().into_iter().map(|(name, place)| (name, content(place))).collect()
    }
}

impl RaftMessage {
    /// Sets a field, if its type of message has it.
    pub(super) fn set(&mut self, change: &Change) {
        for (_, place) in self.places().into_iter().filter(|(name, _)| *name == change.field) {
            match (place, &change.content) {
                (Place::Number(place), Content::Number(number)) => *place = *number,
                (Place::Flag(place), Content::Flag(flag)) => *place = *flag,
                (Place::Entries(place), Content::Entries(entries)) => place.clone_from(entries),
                (Place::Snapshot(place), Content::Snapshot(snapshot)) => {
                    *place = Arc::clone(snapshot);
                }
                _ => {}
            }
        }
    }
}

impl Payload {
    /// Entries that need not be in any log. Their hashes cover their contents, for the digest; a
    /// node that stores them computes its own.
    pub fn forged(entries: impl IntoIterator<Item = (u64, Command)>) -> Self {
        let mut before = 0;
        let entry = |(term, command)| {
            before = prefix_hash(before, term, &command);
            Entry { term, command, hash: before }
        };
        let entries: Vec<Entry> = entries.into_iter().map(entry).collect();
        match entries[..] {
            [] => Payload::Heartbeat,
            [entry] => Payload::One(entry),
            _ => Payload::Many(entries.into()),
        }
    }
}

/// The contents of a forged snapshot.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// The last index that it covers.
    pub index: u64,
    /// The term of the entry there.
    pub term: u64,
    /// Keys with their items.
    pub store: Vec<(Key, Vec<Value>)>,
    /// Sessions: the client, the serial number below which it has every answer, and those that were
    /// applied.
    pub sessions: Vec<(u32, u32, Vec<u32>)>,
    /// The configuration, unless it is that at the beginning.
    pub members: Option<Members>,
}

impl Snapshot {
    /// A snapshot that no node need have taken. Its hash covers its contents.
    pub fn forged(holdings: &Holdings) -> Self {
        let Holdings { index, term, ref store, ref sessions, members } = *holdings;
        let mut machine = Machine::default();
        store.iter().for_each(|(key, items)| machine.set(*key, items));
        let answer = Output::Written { index, term, applied: true };
        for (client, low, applied) in sessions {
            machine.remember(*client, *low, applied, &answer);
        }
        let hash = fold(machine.fingerprint() ^ index.rotate_left(32), term);
        Self { base: Base { index, term, hash }, machine, members }
    }
}
