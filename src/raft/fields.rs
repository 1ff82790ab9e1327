//! The fields of messages by name, which interceptors can read and set.

use std::sync::Arc;

use super::log::{Base, prefix_hash};
use super::machine::Machine;
use super::snapshot::Snapshot;
use super::types::{Command, Entries, Entry, Key, Output, RaftMessage, Value, fold};

/// A reference to a field of a message.
#[derive(Debug)]
enum Place<'a> {
    Number(&'a mut u64),
    Flag(&'a mut bool),
    Entries(&'a mut Entries),
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
    Entries(Entries),
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

impl RaftMessage {
    /// A message of a type with empty fields; `None` if there is no such type.
    pub fn blank(kind: &str) -> Option<Self> {
        let (term, index, round) = (0, 0, 0);
        let pre = matches!(kind, "PreVote" | "PreVoteReply");
        Some(match kind {
            "RequestVote" | "PreVote" => {
                RaftMessage::RequestVote { term, last_index: 0, last_term: 0, pre }
            }
            "RequestVoteReply" | "PreVoteReply" => RaftMessage::RequestVoteReply {
                term,
                granted: false,
                pre,
                asked: 0,
                stale_log: false,
            },
            "AppendEntries" => RaftMessage::AppendEntries {
                term,
                prev_index: 0,
                prev_term: 0,
                commit: 0,
                round,
                entries: Entries::None,
            },
            "AppendEntriesReply" => RaftMessage::AppendEntriesReply {
                term,
                success: false,
                index,
                hint_index: 0,
                hint_term: 0,
                round,
                carried: false,
            },
            "InstallSnapshot" => {
                let snapshot = Arc::new(Snapshot::forged(&Holdings::default()));
                RaftMessage::InstallSnapshot { term, round, snapshot }
            }
            "InstallSnapshotReply" => RaftMessage::InstallSnapshotReply { term, index, round },
            _ => return None,
        })
    }

    /// Its fields: names and values.
    pub fn contents(&self) -> Vec<(&'static str, Content)> {
        let content = |place| match place {
            Place::Number(number) => Content::Number(*number),
            Place::Flag(flag) => Content::Flag(*flag),
            Place::Entries(entries) => Content::Entries(entries.clone()),
            Place::Snapshot(snapshot) => Content::Snapshot(Arc::clone(snapshot)),
        };
        let mut copy = self.clone();
        copy.places().into_iter().map(|(name, place)| (name, content(place))).collect()
    }

    /// Sets a field, if its type of message has it.
    pub fn set(&mut self, change: &Change) {
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

    fn places(&mut self) -> Vec<(&'static str, Place<'_>)> {
        use Place::{Flag, Number};
        match self {
            RaftMessage::RequestVote { term, last_index, last_term, pre: _ } => vec![
                ("term", Number(term)),
                ("last_index", Number(last_index)),
                ("last_term", Number(last_term)),
            ],
            RaftMessage::RequestVoteReply { term, granted, pre: _, asked, stale_log } => vec![
                ("term", Number(term)),
                ("granted", Flag(granted)),
                ("asked", Number(asked)),
                ("stale_log", Flag(stale_log)),
            ],
            RaftMessage::AppendEntries { term, prev_index, prev_term, commit, round, entries } => {
                vec![
                    ("term", Number(term)),
                    ("prev_index", Number(prev_index)),
                    ("prev_term", Number(prev_term)),
                    ("commit", Number(commit)),
                    ("round", Number(round)),
                    match entries {
                        Entries::Measured { round_trip } => {
                            ("round_trip", Number(&mut round_trip.0))
                        }
                        entries => ("entries", Place::Entries(entries)),
                    },
                ]
            }
            RaftMessage::AppendEntriesReply {
                term,
                success,
                index,
                hint_index,
                hint_term,
                round,
                carried,
            } => vec![
                ("term", Number(term)),
                ("success", Flag(success)),
                ("index", Number(index)),
                ("hint_index", Number(hint_index)),
                ("hint_term", Number(hint_term)),
                ("round", Number(round)),
                ("carried", Flag(carried)),
            ],
            RaftMessage::InstallSnapshot { term, round, snapshot } => vec![
                ("term", Number(term)),
                ("round", Number(round)),
                ("snapshot", Place::Snapshot(snapshot)),
            ],
            RaftMessage::InstallSnapshotReply { term, index, round } => {
                vec![("term", Number(term)), ("index", Number(index)), ("round", Number(round))]
            }
        }
    }
}

impl Entries {
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
            [] => Entries::None,
            [entry] => Entries::One(entry),
            _ => Entries::Many(entries.into()),
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
}

impl Snapshot {
    /// A snapshot that no node need have taken. Its hash covers its contents.
    pub fn forged(holdings: &Holdings) -> Self {
        let Holdings { index, term, ref store, ref sessions } = *holdings;
        let mut machine = Machine::default();
        store.iter().for_each(|(key, items)| machine.set(*key, items));
        let answer = Output::Written { index, term, applied: true };
        for (client, low, applied) in sessions {
            machine.remember(*client, *low, applied, &answer);
        }
        let hash = fold(machine.fingerprint() ^ index.rotate_left(32), term);
        Self { base: Base { index, term, hash }, machine }
    }
}
