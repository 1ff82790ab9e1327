//! Messages (Figure 2), log entries, and the requests of clients.

use std::sync::Arc;

use super::fields::Change;
use super::snapshot::Snapshot;
use crate::protocol::{Fields, Fingerprint, Message, OpId, ReadPath, Span};

/// A key of the replicated store, by its number in the scenario's table of names.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Key(pub u32);

/// A value: a small integer itself, or the number of a text in the scenario's table of names.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Value(pub u32);

impl Value {
    const TEXT: u32 = 1 << 31;

    /// An integer below 2^31; larger ones wrap.
    pub fn int(number: u32) -> Self {
        Self(number & !Self::TEXT)
    }

    /// The text with this number in the table of names.
    pub fn text(symbol: u32) -> Self {
        Self(symbol | Self::TEXT)
    }

    /// The number in the table of names, if this is a text; the integer otherwise.
    #[inline]
    pub fn decode(self) -> Result<u32, u32> {
        if self.0 & Self::TEXT == 0 { Err(self.0) } else { Ok(self.0 & !Self::TEXT) }
    }
}

/// An operation on the store.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Op {
    /// No operation: a new leader appends it to commit the entries before it (§8).
    #[default]
    Noop,
    /// Sets a key to one value.
    Put {
        /// The key.
        key: Key,
        /// Its new value.
        value: Value,
    },
    /// Reads a key through the log.
    Get {
        /// The key.
        key: Key,
    },
    /// Sets a key to `value` if it is exactly `expected`.
    Cas {
        /// The key.
        key: Key,
        /// The value that it must have.
        expected: Value,
        /// Its new value.
        value: Value,
    },
    /// Adds an item to the list at a key.
    Append {
        /// The key.
        key: Key,
        /// The item.
        value: Value,
    },
}

/// A client's session (diss. §6.3). Client 0 has none: its commands are applied each time that they
/// commit.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Session {
    /// The client, counted from 1.
    pub client: u32,
    /// The serial number that the client gave the command.
    pub seq: u32,
    /// The client has the answers to all lower serial numbers, so they may be discarded.
    pub low: u32,
}

/// The command of a log entry.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Command {
    /// The operation.
    pub op: Op,
    /// The session that it belongs to.
    pub session: Session,
}

impl Command {
    /// A command without a session.
    pub fn plain(op: Op) -> Self {
        Self { op, session: Session::default() }
    }

    /// Its contents, folded into two words.
    #[inline]
    pub(super) fn words(&self) -> (u64, u64) {
        let (tag, key, a, b) = match self.op {
            Op::Noop => (0u64, 0, 0, 0),
            Op::Put { key, value } => (1, key.0, value.0, 0),
            Op::Get { key } => (2, key.0, 0, 0),
            Op::Cas { key, expected, value } => (3, key.0, value.0, expected.0),
            Op::Append { key, value } => (4, key.0, value.0, 0),
        };
        let session = u64::from(self.session.client) << 32 | u64::from(self.session.seq);
        let op = u64::from(key) << 32 | u64::from(a);
        (tag, op ^ fold(session, u64::from(b)))
    }

    /// Its contents, folded into one word.
    #[inline]
    pub(crate) fn fingerprint(&self) -> u64 {
        let (tag, content) = self.words();
        fold(tag, content)
    }
}

/// A log entry. Its index is its position in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Entry {
    /// The term in which a leader received it.
    pub term: u64,
    /// Its command.
    pub command: Command,
    /// Hash of the log up to and including this entry. Each node computes its own ([`super::Log`]):
    /// equal hashes mean equal prefixes, so that checks need not walk logs.
    pub hash: u64,
}

/// The entries of a message. A batch is built once and shared by all followers that need it.
#[derive(Clone, Debug, Default)]
pub enum Entries {
    /// A heartbeat.
    #[default]
    None,
    /// A heartbeat of a leader that measures ([`super::tuning`]).
    Measured {
        /// The follower's last round trip; zero if there is no new one.
        round_trip: Span,
    },
    /// The steady state.
    One(Entry),
    /// Catching up.
    Many(Arc<[Entry]>),
}

impl Entries {
    /// The entries in order.
    pub fn as_slice(&self) -> &[Entry] {
        match self {
            Entries::None | Entries::Measured { .. } => &[],
            Entries::One(entry) => std::slice::from_ref(entry),
            Entries::Many(batch) => batch,
        }
    }

    /// The content, folded into a word.
    #[inline]
    fn fingerprint(&self) -> u64 {
        match self {
            Entries::None => 0,
            Entries::Measured { round_trip } => fold(round_trip.0, 1),
            Entries::One(entry) => entry.hash ^ 1,
            Entries::Many(batch) => batch.last().map_or(0, |last| last.hash ^ batch.len() as u64),
        }
    }
}

/// A message between nodes.
#[derive(Clone, Debug)]
pub enum RaftMessage {
    /// Invoked by candidates to gather votes (§5.2), or to ask whether they would get them (diss.
    /// §9.6).
    RequestVote {
        /// The candidate's term; with `pre` the term of the election that it would start.
        term: u64,
        /// Index of the candidate's last log entry (§5.4).
        last_index: u64,
        /// Term of the candidate's last log entry (§5.4).
        last_term: u64,
        /// PreVote: does not change the receiver's state.
        pre: bool,
    },
    /// The answer to a [`RaftMessage::RequestVote`].
    RequestVoteReply {
        /// The voter's term; for a granted PreVote the term asked about.
        term: u64,
        /// True if the candidate has the vote.
        granted: bool,
        /// True for a reply to PreVote.
        pre: bool,
        /// The term that was asked about: a refusal counts only for that election.
        asked: u64,
        /// True if the candidate's log is behind the voter's. Set only if the election rule needs
        /// it.
        stale_log: bool,
    },
    /// Invoked by the leader to replicate entries and as heartbeat (§5.2, §5.3).
    AppendEntries {
        /// The leader's term.
        term: u64,
        /// Index of the entry before the new ones.
        prev_index: u64,
        /// Term of that entry.
        prev_term: u64,
        /// The leader's commitIndex.
        commit: u64,
        /// The heartbeat round; the reply echoes it, so that the leader can distinguish old replies
        /// from new ones (diss. §6.4).
        round: u64,
        /// The entries to store.
        entries: Entries,
    },
    /// The answer to a [`RaftMessage::AppendEntries`].
    AppendEntriesReply {
        /// The follower's term.
        term: u64,
        /// True if the follower's log matched at `prev_index`.
        success: bool,
        /// On success the last index now known to match; otherwise the `prev_index` that was
        /// refused.
        index: u64,
        /// On failure: the last index where the leader may try next (§5.3, conflict back-off). In
        /// reply to a measured heartbeat: the interval that the follower requests, in nanoseconds
        /// ([`super::tuning`]).
        hint_index: u64,
        /// On failure: the follower's term at `hint_index`.
        hint_term: u64,
        /// The round of the message that this answers.
        round: u64,
        /// True if that message carried entries, and so is no longer in flight.
        carried: bool,
    },
    /// Invoked by the leader to send a snapshot to a follower that lags (§7), in one message.
    InstallSnapshot {
        /// The leader's term.
        term: u64,
        /// The heartbeat round in which it was sent.
        round: u64,
        /// The snapshot with its last index and term.
        snapshot: Arc<Snapshot>,
    },
    /// The answer to a [`RaftMessage::InstallSnapshot`].
    InstallSnapshotReply {
        /// The follower's term.
        term: u64,
        /// The snapshot's last index, which now matches.
        index: u64,
        /// The round of the message that this answers.
        round: u64,
    },
}

impl RaftMessage {
    /// What the kinds of [`Message::KINDS`] are, in the same order.
    pub const MEANINGS: &'static [&'static str] = &[
        "A candidate asks for a vote (§5.2).",
        "It grants the vote or refuses it.",
        "A node asks whether it would get a vote, before it raises its term (diss. §9.6).",
        "It says whether it would grant the vote.",
        "A leader replicates entries; without entries it is a heartbeat (§5.3).",
        "It acknowledges entries, or refuses them because the one before them does not match.",
        "A leader sends its snapshot instead of entries that it no longer has (§7).",
        "It acknowledges the snapshot.",
    ];
}

impl Message for RaftMessage {
    type Change = Change;
    const KINDS: &'static [&'static str] = &[
        "RequestVote",
        "RequestVoteReply",
        "PreVote",
        "PreVoteReply",
        "AppendEntries",
        "AppendEntriesReply",
        "InstallSnapshot",
        "InstallSnapshotReply",
    ];

    #[inline]
    fn kind(&self) -> u8 {
        match self {
            RaftMessage::RequestVote { pre, .. } => u8::from(*pre) * 2,
            RaftMessage::RequestVoteReply { pre, .. } => 1 + u8::from(*pre) * 2,
            RaftMessage::AppendEntries { .. } => 4,
            RaftMessage::AppendEntriesReply { .. } => 5,
            RaftMessage::InstallSnapshot { .. } => 6,
            RaftMessage::InstallSnapshotReply { .. } => 7,
        }
    }

    #[inline]
    fn fingerprint(&self) -> u64 {
        match *self {
            RaftMessage::RequestVote { term, last_index, last_term, pre } => {
                fold(term, last_index) ^ fold(last_term ^ 1, u64::from(pre))
            }
            RaftMessage::RequestVoteReply { term, granted, pre, asked, stale_log } => {
                let answer = asked << 2 | u64::from(granted) << 1 | u64::from(pre);
                fold(term ^ 2 ^ u64::from(stale_log) << 63, answer)
            }
            RaftMessage::AppendEntries {
                term,
                prev_index,
                prev_term,
                commit,
                round,
                ref entries,
            } => {
                fold(term ^ entries.fingerprint(), prev_index)
                    ^ fold(prev_term ^ round.rotate_left(32), commit)
            }
            RaftMessage::AppendEntriesReply {
                term,
                success,
                index,
                hint_index,
                hint_term,
                round,
                carried,
            } => {
                let flags = u64::from(carried) << 1 | u64::from(success);
                fold(term ^ 6 << 56, index.rotate_left(2) ^ flags)
                    ^ fold(hint_term ^ round.rotate_left(32), hint_index)
            }
            RaftMessage::InstallSnapshot { term, round, ref snapshot } => {
                fold(term ^ snapshot.base.hash, snapshot.base.index) ^ fold(3, round)
            }
            RaftMessage::InstallSnapshotReply { term, index, round } => {
                fold(term ^ 4, index) ^ fold(5, round)
            }
        }
    }

    #[inline]
    fn fields(&self) -> Fields {
        match *self {
            RaftMessage::RequestVote { term, last_index, last_term, .. } => {
                Fields { term, index: last_index, index_term: last_term, ..Fields::default() }
            }
            RaftMessage::RequestVoteReply { term, granted, .. } => {
                Fields { term, ok: granted, ..Fields::default() }
            }
            RaftMessage::AppendEntries {
                term, prev_index, prev_term, commit, ref entries, ..
            } => Fields {
                term,
                index: prev_index,
                index_term: prev_term,
                entries: entries.as_slice().len() as u32,
                commit_index: commit,
                ok: false,
            },
            RaftMessage::AppendEntriesReply { term, success, index, hint_term, .. } => {
                Fields { term, index, index_term: hint_term, ok: success, ..Fields::default() }
            }
            RaftMessage::InstallSnapshot { term, ref snapshot, .. } => {
                let (index, index_term) = (snapshot.base.index, snapshot.base.term);
                Fields { term, index, index_term, commit_index: index, ..Fields::default() }
            }
            RaftMessage::InstallSnapshotReply { term, index, .. } => {
                Fields { term, index, ok: true, ..Fields::default() }
            }
        }
    }

    fn change(&mut self, change: &Change) {
        self.set(change);
    }
}

/// Folds two words into one; a change in either changes the result.
#[inline]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9E37_79B9_7F4A_7C15) * u128::from(b ^ 0xD1B5_4A32_D192_ED03);
    (product as u64) ^ (product >> 64) as u64
}

/// A request of a client, or by hand, to a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Request {
    /// Replicate and apply a command.
    Write(Command),
    /// Read a key without an entry in the log.
    Read {
        /// The key.
        key: Key,
        /// The read path.
        via: ReadPath,
    },
    /// Start an election now, as if the election timer had expired.
    Campaign,
    /// A lie: lead the next term without an election.
    Usurp,
    /// A lie: forget this node's vote.
    ForgetVote,
}

impl Fingerprint for Request {
    fn fingerprint(&self) -> u64 {
        match self {
            Request::Write(command) => {
                fold(1 ^ u64::from(command.session.low) << 8, command.fingerprint())
            }
            Request::Read { key, via } => fold(2, u64::from(key.0) << 8 | *via as u64),
            Request::Campaign => 3,
            Request::Usurp => 4,
            Request::ForgetVote => 5,
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A write took effect.
    Written {
        /// The index of its entry.
        index: u64,
        /// The term of its entry.
        term: u64,
        /// False for a compare-and-set that found another value.
        applied: bool,
    },
    /// A read was served.
    Read {
        /// lastApplied of the node that served it, at that time.
        index: u64,
        /// Hash of the log up to there.
        hash: u64,
        /// The items at the key; empty if it was never set.
        items: Vec<Value>,
    },
    /// A request by hand was carried out.
    Done,
}

impl Fingerprint for Output {
    fn fingerprint(&self) -> u64 {
        match self {
            Output::Written { index, term, applied } => {
                fold(1 ^ u64::from(*applied) << 8, fold(*index, *term))
            }
            Output::Read { index, hash, items } => items
                .iter()
                .fold(fold(*index, *hash), |folded, item| fold(folded, u64::from(item.0))),
            Output::Done => 3,
        }
    }
}

/// An operation that waits in a node for its entry to commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) index: u64,
    pub(crate) op: OpId,
}
