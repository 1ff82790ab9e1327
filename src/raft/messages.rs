//! The messages between nodes (Figure 2). Each type is one row: its fields, what it promises, whose
//! term it has, its length on the wire, and what the digest and the trace take of it.

use std::sync::Arc;

use super::fields::{Change, Field, Names, Place};
use super::payload::Payload;
use super::snapshot::Snapshot;
use crate::protocol::{Fields, Message, Span};
use crate::replica::sizes::Wire;
use crate::replica::types::{EntryId, fold};
use crate::replica::{Promise, ReplicaMessage};

macro_rules! messages {
    ($(
        $(#[doc = $doc:literal])*
        $kind:ident {
            $($(#[doc = $field_doc:literal])* $field:ident: $type:ty,)*
        }
        $meaning:literal
        promises $promise:expr;
        term of $whose:expr;
        bytes($wire:ident) $bytes:expr;
        digest $digest:expr;
        columns { $($column:ident $(: $value:expr)?),* $(,)? }
    )*) => {
        /// A message between nodes.
        #[derive(Clone, Debug)]
        pub enum RaftMessage {
            $($(#[doc = $doc])* $kind { $($(#[doc = $field_doc])* $field: $type,)* },)*
        }

        /// The types of messages, in the order of their codes in tables.
        enum Kind {
            $($kind,)*
        }

        impl RaftMessage {
            /// What the kinds of [`Message::KINDS`] are, in the same order.
            pub const MEANINGS: &'static [&'static str] = &[$($meaning),*];

            /// A message of a type with empty fields; `None` if there is no such type.
            pub(super) fn blank(kind: &str) -> Option<Self> {
                $(if kind == stringify!($kind) {
                    return Some(RaftMessage::$kind { $($field: Field::blank(),)* });
                })*
                None
            }

            /// Its fields, under the names that interceptors use.
            pub(super) fn places(&mut self) -> Vec<(&'static str, Place<'_>)> {
                let mut places = Vec::new();
                match self {
                    $(RaftMessage::$kind { $($field),* } => {
                        $($field.places(
                            Names {
                                own: stringify!($field),
                                ns: concat!(stringify!($field), "_ns"),
                                index: concat!(stringify!($field), "_index"),
                                term: concat!(stringify!($field), "_term"),
                            },
                            &mut places,
                        );)*
                    })*
                }
                places
            }

            /// The sender's term; of a PreVote, the term of the election that it would start.
            #[inline]
            pub fn term(&self) -> u64 {
                match self {
                    $(RaftMessage::$kind { term, .. } => *term,)*
                }
            }
        }

        impl RaftMessage {
            /// Whose term it has.
            #[allow(unused_variables)]
            pub(super) fn whose_term(&self) -> TermOf {
                match self {
                    $(RaftMessage::$kind { $($field),* } => {
                        $(let $field = $field.value();)*
                        $whose
                    })*
                }
            }
        }

        impl ReplicaMessage for RaftMessage {
            #[inline]
            #[allow(unused_variables)]
            fn promise(&self) -> Promise {
                match self {
                    $(RaftMessage::$kind { $($field),* } => {
                        $(let $field = $field.value();)*
                        $promise
                    })*
                }
            }

            #[inline]
            #[allow(unused_variables)]
            fn size(&self, wire: &Wire) -> u64 {
                match self {
                    $(RaftMessage::$kind { $($field),* } => {
                        let $wire = wire;
                        $(let $field = $field.value();)*
                        HEADER + $bytes
                    })*
                }
            }
        }

        impl Message for RaftMessage {
            type Change = Change;
            const KINDS: &'static [&'static str] = &[$(stringify!($kind)),*];

            #[inline]
            fn kind(&self) -> u8 {
                match self {
                    $(RaftMessage::$kind { .. } => Kind::$kind as u8,)*
                }
            }

            #[inline]
            fn fingerprint(&self) -> u64 {
                match self {
                    $(RaftMessage::$kind { $($field),* } => {
                        $(let $field = $field.value();)*
                        $digest
                    })*
                }
            }

            #[inline]
            #[allow(unused_variables)]
            fn fields(&self) -> Fields {
                match self {
                    $(RaftMessage::$kind { $($field),* } => {
                        $(let $field = $field.value();)*
                        #[allow(clippy::needless_update)]
                        Fields { $($column $(: $value)?,)* ..Fields::default() }
                    })*
                }
            }

            fn change(&mut self, change: &Change) {
                self.set(change);
            }
        }
    };
}

/// Whose term a message has, which decides what a node of an earlier term does.
#[derive(Clone, Copy, Debug)]
pub(super) enum TermOf {
    /// The sender leads this term.
    Leader,
    /// The sender follows in this term.
    Follower,
    /// The sender asks for a vote in this term.
    Candidate {
        /// Its last log entry.
        last: EntryId,
        /// Whether nodes that hear from a leader vote, too.
        forced: bool,
    },
    /// The sender is in this term, and refuses a vote, or before an election (PreVote).
    Voter {
        /// Whether it was asked before an election.
        beforehand: bool,
    },
    /// An election that may never begin (diss. §9.6), or that of the receiver: a vote is granted in
    /// the term that the node itself asked about.
    Election,
}

/// Sender, receiver, type and term.
const HEADER: u64 = 24;

messages! {
    /// Invoked by candidates to gather votes (§5.2).
    RequestVote {
        /// The candidate's term.
        term: u64,
        /// The candidate's last log entry (§5.4).
        last: EntryId,
        /// True if the leader asked the candidate to stand: voters then do not wait until they have
        /// not heard from it (diss. §4.2.3).
        forced: bool,
    }
    "A candidate asks for a vote (§5.2)."
    promises Promise::OwnVote { term };
    term of TermOf::Candidate { last, forced };
    bytes(wire) 16;
    digest fold(term, last.index) ^ fold(last.term ^ 1, 0) ^ u64::from(forced);
    columns { term, index: last.index, index_term: last.term }

    /// The answer to a [`RaftMessage::RequestVote`].
    RequestVoteReply {
        /// The voter's term.
        term: u64,
        /// True if the candidate has the vote.
        granted: bool,
        /// The term that was asked about: a refusal counts only for that election.
        asked: u64,
        /// True if the candidate's log is behind the voter's. Set only if the election rule needs
        /// it.
        stale_log: bool,
    }
    "It grants the vote or refuses it."
    promises if granted { Promise::Vote { term } } else { Promise::Log { term, index: 0 } };
    term of if granted { TermOf::Election } else { TermOf::Voter { beforehand: false } };
    bytes(wire) 9;
    digest fold(term ^ 2 ^ u64::from(stale_log) << 63, asked << 2 | u64::from(granted) << 1);
    columns { term, ok: granted }

    /// Sent by a node before it raises its term, to ask whether it would get votes (diss. §9.6).
    /// Does not change the receiver's state.
    PreVote {
        /// The term of the election that the sender would start.
        term: u64,
        /// The sender's last log entry.
        last: EntryId,
    }
    "A node asks whether it would get a vote, before it raises its term (diss. §9.6)."
    promises Promise::Nothing;
    term of TermOf::Election;
    bytes(wire) 16;
    digest fold(term, last.index) ^ fold(last.term ^ 1, 1);
    columns { term, index: last.index, index_term: last.term }

    /// The answer to a [`RaftMessage::PreVote`].
    PreVoteReply {
        /// The voter's term; if granted, the term asked about.
        term: u64,
        /// True if the node would get the vote.
        granted: bool,
        /// The term that was asked about.
        asked: u64,
        /// False, unless an interceptor sets it.
        stale_log: bool,
    }
    "It says whether it would grant the vote."
    promises Promise::Nothing;
    term of if granted { TermOf::Election } else { TermOf::Voter { beforehand: true } };
    bytes(wire) 9;
    digest fold(term ^ 2 ^ u64::from(stale_log) << 63, asked << 2 | u64::from(granted) << 1 | 1);
    columns { term, ok: granted }

    /// Invoked by the leader to replicate entries and as heartbeat (§5.2, §5.3).
    AppendEntries {
        /// The leader's term.
        term: u64,
        /// The entry before the new ones.
        prev: EntryId,
        /// The leader's commitIndex.
        commit: u64,
        /// The heartbeat round; the reply echoes it, so that the leader can distinguish old replies
        /// from new ones (diss. §6.4).
        round: u64,
        /// The entries to store, or a measurement.
        payload: Payload,
    }
    "A leader replicates entries; without entries it is a heartbeat (§5.3)."
    promises Promise::Nothing; // a leader promised its term before it was elected
    term of TermOf::Leader;
    bytes(wire) 32 + payload.bytes(wire);
    digest fold(term ^ payload.fingerprint(), prev.index)
        ^ fold(prev.term ^ round.rotate_left(32), commit);
    columns {
        term,
        index: prev.index,
        index_term: prev.term,
        entries: payload.entries().len() as u32,
        commit_index: commit,
        ok: false,
    }

    /// The answer to a [`RaftMessage::AppendEntries`].
    AppendEntriesReply {
        /// The follower's term.
        term: u64,
        /// True if the follower's log matched at `prev`.
        success: bool,
        /// On success the last index now known to match; otherwise that of the `prev` that was
        /// refused.
        index: u64,
        /// On failure: the last entry where the leader may try next (§5.3, conflict back-off).
        hint: EntryId,
        /// In reply to a measured heartbeat: the heartbeat interval that the follower requests
        /// ([`super::tuning`]).
        interval: Span,
        /// The round of the message that this answers.
        round: u64,
        /// True if that message carried entries, and so is no longer in flight.
        carried: bool,
    }
    "It acknowledges entries, or refuses them because the one before them does not match."
    promises Promise::Log { term, index: if success { index } else { 0 } };
    term of TermOf::Follower;
    bytes(wire) 33; // the hint or the interval
    digest fold(term ^ 6 << 56, index.rotate_left(2) ^ (u64::from(carried) << 1 | u64::from(success)))
        ^ fold(hint.term ^ round.rotate_left(32), hint.index ^ interval.0);
    columns { term, index, index_term: hint.term, ok: success }

    /// Invoked by the leader to send a snapshot to a follower that lags (§7), in one message.
    InstallSnapshot {
        /// The leader's term.
        term: u64,
        /// The heartbeat round in which it was sent.
        round: u64,
        /// The snapshot with its last index and term.
        snapshot: Arc<Snapshot>,
    }
    "A leader sends its snapshot instead of entries that it no longer has (§7)."
    promises Promise::Nothing;
    term of TermOf::Leader;
    bytes(wire) 24 + wire.machine(&snapshot.machine);
    digest fold(term ^ snapshot.base.hash, snapshot.base.index) ^ fold(3, round);
    columns {
        term,
        index: snapshot.base.index,
        index_term: snapshot.base.term,
        commit_index: snapshot.base.index,
    }

    /// The answer to a [`RaftMessage::InstallSnapshot`].
    InstallSnapshotReply {
        /// The follower's term.
        term: u64,
        /// The snapshot's last index, which now matches.
        index: u64,
        /// The round of the message that this answers.
        round: u64,
    }
    "It acknowledges the snapshot."
    promises Promise::Log { term, index };
    term of TermOf::Follower;
    bytes(wire) 16;
    digest fold(term ^ 4, index) ^ fold(5, round);
    columns { term, index, ok: true }

    /// Sent by a leader to the node to which it hands the leadership (diss. §3.10).
    TimeoutNow {
        /// The leader's term.
        term: u64,
    }
    "A leader asks a follower to start an election at once (diss. §3.10)."
    promises Promise::Nothing;
    term of TermOf::Leader;
    bytes(wire) 0;
    digest fold(term, 8);
    columns { term }
}
