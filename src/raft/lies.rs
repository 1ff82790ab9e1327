//! Lies: how a Byzantine node falsifies messages. The node itself runs honest code; the lie
//! rewrites its messages between the node and the network.

use serde::{Deserialize, Serialize};

use super::messages::RaftMessage;
use super::payload::Payload;
use crate::protocol::{Fingerprint, NodeId, Way};
use crate::replica::types::{Command, EntryId, Op, Value, fold};

/// The lies: name and meaning.
pub const LIES: &[(&str, &str)] = &[
    (
        "claimed_log",
        "claims a longer or a shorter log than it has, in RequestVote or also in AppendEntries",
    ),
    (
        "equivocate",
        "as leader, sends different values for the same index and term to every second follower",
    ),
    ("double_vote", "grants every vote, regardless of earlier votes and of the candidate's log"),
    ("forged_ack", "acknowledges entries that it discards"),
];

/// A rule by which a node lies.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "lie", rename_all = "snake_case", deny_unknown_fields)]
pub enum Lie {
    /// Claims a longer log than it has, or a shorter one.
    ClaimedLog {
        /// The claimed index of its last entry.
        index: u64,
        /// The claimed term of that entry; by default the highest that any log can have: the term
        /// before the candidate's, or 0 for an empty log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        term: Option<u64>,
        /// Whether it keeps lying as leader, with `prevLogIndex` in `AppendEntries` set to the
        /// claim.
        #[serde(default)]
        append_entries: bool,
    },
    /// As leader, sends different values to every second follower: numbers one higher, `0` for a
    /// text.
    Equivocate,
    /// Grants every vote, regardless of earlier votes and of the candidate's log.
    DoubleVote,
    /// Acknowledges entries that it discards.
    ForgedAck {
        /// The term and the last index that it was offered in it; kept between messages.
        #[serde(skip)]
        offered: (u64, u64),
    },
}

impl Fingerprint for Lie {
    fn fingerprint(&self) -> u64 {
        match self {
            Lie::ClaimedLog { index, term, append_entries } => {
                let term = fold(u64::from(term.is_some()), term.unwrap_or(0));
                fold(1 ^ u64::from(*append_entries) << 8, fold(*index, term))
            }
            Lie::Equivocate => 2,
            Lie::DoubleVote => 3,
            Lie::ForgedAck { offered: (term, index) } => fold(4 ^ term, *index),
        }
    }
}

impl Lie {
    pub(super) fn rewrite(&mut self, liar: NodeId, way: Way, message: &mut RaftMessage) {
        match way {
            Way::Outgoing { to } => {
                self.outgoing(message);
                if *self == Lie::Equivocate && is_fooled(liar, to) {
                    equivocate(message);
                }
            }
            Way::Incoming => self.incoming(message),
        }
    }

    fn outgoing(&mut self, message: &mut RaftMessage) {
        match (self, message) {
            (
                Lie::ClaimedLog { index, term: claimed, .. },
                RaftMessage::RequestVote { term, last, .. } | RaftMessage::PreVote { term, last },
            ) => *last = claim(*index, *claimed, *term),
            (
                Lie::ClaimedLog { index, term: claimed, append_entries: true },
                RaftMessage::AppendEntries { term, prev, .. },
            ) => *prev = claim(*index, *claimed, *term),
            (Lie::DoubleVote, RaftMessage::RequestVoteReply { granted, .. }) => {
                *granted = true;
            }
            (
                Lie::ForgedAck { offered: (of, upto) },
                RaftMessage::AppendEntriesReply { term, success, index, .. },
            ) if *of == *term && *upto > 0 => {
                *success = true;
                *index = *upto;
            }
            _ => {}
        }
    }

    fn incoming(&mut self, message: &mut RaftMessage) {
        if let (
            Lie::ForgedAck { offered },
            RaftMessage::AppendEntries { term, prev, payload, .. },
        ) = (self, message)
        {
            let last = prev.index.saturating_add(payload.entries().len() as u64);
            let before = if offered.0 == *term { offered.1 } else { 0 };
            *offered = (*term, before.max(last));
            *payload = Payload::Heartbeat;
        }
    }
}

/// The entry that a liar claims; without a term, the highest that it can have.
fn claim(index: u64, claimed: Option<u64>, term: u64) -> EntryId {
    EntryId { term: claimed.unwrap_or_else(|| highest_term(index, term)), index }
}

/// The highest term that an entry at an index can have in a log of a candidate for `term`.
fn highest_term(index: u64, term: u64) -> u64 {
    if index == 0 { 0 } else { term.saturating_sub(1) }
}

/// Whether a node is among every second of the others, starting with the first.
fn is_fooled(liar: NodeId, to: NodeId) -> bool {
    (to.0 - u8::from(to > liar)).is_multiple_of(2)
}

/// The same indices and terms with other values.
fn equivocate(message: &mut RaftMessage) {
    let RaftMessage::AppendEntries { payload, .. } = message else { return };
    if payload.entries().is_empty() {
        return; // a heartbeat, perhaps with a measurement
    }
    let twisted = payload.entries().iter().map(|entry| (entry.term, twist(entry.command)));
    *payload = Payload::forged(twisted);
}

fn twist(mut command: Command) -> Command {
    if let Op::Put { value, .. } | Op::Cas { value, .. } | Op::Append { value, .. } =
        &mut command.op
    {
        *value = Value::int(value.decode().map_or_else(|number| number.wrapping_add(1), |_| 0));
    }
    command
}
