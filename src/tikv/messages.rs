//! The crate's messages in the world.

use std::sync::{Arc, LazyLock};

use protobuf::Message as _;
use tikv_raft::eraftpb::{Entry, Message as CrateMessage, MessageType};

use super::codec::decode;
use crate::protocol::{Fields, Message};
use crate::raft::fields::{Change, Content, Editable};
use crate::raft::{RaftMessage, Snapshot};
use crate::replica::types::fold;
use crate::replica::{Promise, ReplicaMessage, Wire};

/// A message between nodes.
#[derive(Clone, Debug)]
pub struct TikvMessage {
    message: Arc<CrateMessage>,
    /// The contents of a snapshot, which the crate leaves to its user.
    snapshot: Option<Arc<Snapshot>>,
}

macro_rules! kinds {
    ($($kind:ident $of_crate:ident $name:literal;)*) => {
        #[derive(Clone, Copy)]
        enum Kind {
            $($kind,)*
        }

        /// Raft's name of each kind.
        const NAMES: &[&str] = &[$($name),*];

        /// The crate's types that are sent, by kind.
        const TYPES: &[MessageType] = &[$(MessageType::$of_crate),*];

        /// The kind of a message with a type of the crate. All others stay within a node.
        fn kind_of(message: MessageType) -> Kind {
            match message {
                $(MessageType::$of_crate => Kind::$kind,)*
                local => unreachable!("{local:?} is not sent: requests are not forwarded"),
            }
        }
    };
}

// A heartbeat of the crate is a message of its own, which refers to no place in the log. In tables
// it is what it is in the paper, an AppendEntries without entries.
kinds! {
    RequestVote MsgRequestVote "RequestVote";
    RequestVoteReply MsgRequestVoteResponse "RequestVoteReply";
    PreVote MsgRequestPreVote "PreVote";
    PreVoteReply MsgRequestPreVoteResponse "PreVoteReply";
    AppendEntries MsgAppend "AppendEntries";
    AppendEntriesReply MsgAppendResponse "AppendEntriesReply";
    InstallSnapshot MsgSnapshot "InstallSnapshot";
    Heartbeat MsgHeartbeat "AppendEntries";
    HeartbeatReply MsgHeartbeatResponse "AppendEntriesReply";
}

/// By kind: its code among [`Message::KINDS`].
static CODES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let code = |name| RaftMessage::KINDS.iter().position(|kind| kind == name);
    NAMES.iter().map(|name| code(name).expect("a name of Raft") as u8).collect()
});

impl TikvMessage {
    pub(super) fn new(message: CrateMessage, snapshot: Option<Arc<Snapshot>>) -> Self {
        Self { message: Arc::new(message), snapshot }
    }

    /// The message as the crate has it, with a snapshot that is empty.
    pub fn message(&self) -> &CrateMessage {
        &self.message
    }

    /// The contents of a snapshot.
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// The sender's term; of a PreVote and of a granted answer, the term of the election.
    pub fn term(&self) -> u64 {
        self.message.term
    }

    /// Whether a leader sends it.
    pub(super) fn is_of_leader(&self) -> bool {
        matches!(
            self.message.get_msg_type(),
            MessageType::MsgAppend | MessageType::MsgHeartbeat | MessageType::MsgSnapshot
        )
    }

    pub(super) fn is_snapshot(&self) -> bool {
        self.message.get_msg_type() == MessageType::MsgSnapshot
    }

    pub(super) fn is_heartbeat(&self) -> bool {
        self.message.get_msg_type() == MessageType::MsgHeartbeat
    }

    fn is_reply(&self) -> bool {
        matches!(
            kind_of(self.message.get_msg_type()),
            Kind::RequestVoteReply
                | Kind::PreVoteReply
                | Kind::AppendEntriesReply
                | Kind::HeartbeatReply
        )
    }
}

impl ReplicaMessage for TikvMessage {
    /// That of the crate's message as protobuf, with the texts of keys and values, for which its
    /// entries hold numbers, and the contents of a snapshot.
    fn size(&self, wire: &Wire) -> u64 {
        let entries = self.message.get_entries().iter();
        let texts: u64 = entries.map(|entry| wire.op(decode(entry.get_data()).op)).sum();
        let snapshot = self.snapshot.as_ref().map_or(0, |snapshot| wire.machine(&snapshot.machine));
        u64::from(self.message.compute_size()) + texts + snapshot
    }

    fn promise(&self) -> Promise {
        let CrateMessage { term, index, reject, .. } = *self.message;
        match kind_of(self.message.get_msg_type()) {
            Kind::RequestVote => Promise::OwnVote { term },
            Kind::RequestVoteReply if !reject => Promise::Vote { term },
            Kind::AppendEntriesReply if !reject => Promise::Log { term, index },
            Kind::RequestVoteReply | Kind::AppendEntriesReply | Kind::HeartbeatReply => {
                Promise::Log { term, index: 0 }
            }
            _ => Promise::Nothing,
        }
    }
}

/// The fields that can be set: by name, in the order of [`Editable::contents`].
impl Editable for TikvMessage {
    fn blank(kind: &str) -> Option<Self> {
        let at = NAMES.iter().position(|name| *name == kind)?;
        let mut message = CrateMessage::default();
        message.set_msg_type(TYPES[at]);
        Some(Self::new(message, None))
    }

    fn samples() -> Vec<Self> {
        Self::blank("AppendEntries").into_iter().collect()
    }

    fn contents(&self) -> Vec<(&'static str, Content)> {
        let message = &*self.message;
        vec![
            ("term", Content::Number(message.term)),
            ("index", Content::Number(message.index)),
            ("index_term", Content::Number(message.log_term)),
            ("commit", Content::Number(message.commit)),
            ("reject", Content::Flag(message.reject)),
        ]
    }
}

impl Message for TikvMessage {
    type Change = Change;
    const KINDS: &'static [&'static str] = RaftMessage::KINDS;

    fn kind(&self) -> u8 {
        CODES[kind_of(self.message.get_msg_type()) as usize]
    }

    fn fingerprint(&self) -> u64 {
        let message = &*self.message;
        let about = message.get_snapshot().get_metadata();
        let hash = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.base.hash);
        let flags = (kind_of(message.get_msg_type()) as u64) << 1 | u64::from(message.reject);
        let words = [
            message.term,
            message.log_term,
            message.index,
            message.commit,
            message.commit_term,
            message.reject_hint,
            message.request_snapshot,
            message.priority as u64,
            about.index,
            about.term,
            hash,
        ];
        let folded = words.into_iter().fold(flags, fold);
        let folded = message.get_entries().iter().map(print).fold(folded, fold);
        message.get_context().iter().fold(folded, |folded, byte| fold(folded, u64::from(*byte)))
    }

    fn fields(&self) -> Fields {
        let message = &*self.message;
        let about = message.get_snapshot().get_metadata();
        let (index, index_term) = if self.is_snapshot() {
            (about.index, about.term)
        } else {
            (message.index, message.log_term)
        };
        Fields {
            term: message.term,
            index,
            index_term,
            entries: message.get_entries().len() as u32,
            commit_index: message.commit,
            ok: self.is_reply() && !message.reject,
        }
    }

    fn change(&mut self, change: &Change) {
        let message = Arc::make_mut(&mut self.message);
        match (change.field, &change.content) {
            ("term", Content::Number(term)) => message.term = *term,
            ("index", Content::Number(index)) => message.index = *index,
            ("index_term", Content::Number(term)) => message.log_term = *term,
            ("commit", Content::Number(commit)) => message.commit = *commit,
            ("reject", Content::Flag(reject)) => message.reject = *reject,
            _ => {}
        }
    }
}

/// The contents of an entry.
fn print(entry: &Entry) -> u64 {
    fold(fold(entry.term, entry.index), decode(entry.get_data()).fingerprint())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::Command;
    use crate::replica::{Key, Op, Value};
    use crate::tikv::codec::encode;

    fn append(values: &[u32]) -> TikvMessage {
        let entry = |value: &u32| {
            let op = Op::Put { key: Key(3), value: Value::int(*value) };
            Entry { term: 2, data: encode(&Command::plain(op)).into(), ..Entry::default() }
        };
        let mut message =
            CrateMessage { term: 2, index: 9, log_term: 1, ..CrateMessage::default() };
        message.set_msg_type(MessageType::MsgAppend);
        message.set_entries(values.iter().map(entry).collect());
        TikvMessage::new(message, None)
    }

    #[test]
    fn every_kind_has_a_name_of_raft() {
        assert_eq!(CODES.len(), NAMES.len());
        assert_eq!(TikvMessage::KINDS[usize::from(append(&[]).kind())], "AppendEntries");
        let Fields { term, index, index_term, entries, ok, .. } = append(&[1, 2]).fields();
        assert_eq!((term, index, index_term, entries, ok), (2, 9, 1, 2, false));
    }

    #[test]
    fn a_change_of_any_field_changes_the_fingerprint() {
        let plain = append(&[1]);
        let mut seen =
            vec![plain.fingerprint(), append(&[2]).fingerprint(), append(&[]).fingerprint()];
        for field in ["term", "index", "index_term", "commit"] {
            let mut changed = plain.clone();
            changed.change(&Change { field, content: Content::Number(77) });
            seen.push(changed.fingerprint());
        }
        let mut rejected = plain.clone();
        rejected.change(&Change { field: "reject", content: Content::Flag(true) });
        seen.push(rejected.fingerprint());
        let different: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(different.len(), seen.len());
    }

    #[test]
    fn a_message_weighs_what_its_texts_do() {
        let size = |values: &[u32]| append(values).size(&Wire::default());
        assert_eq!(size(&[1_000]) - size(&[1]), 3, "three digits more");
        assert!(size(&[1, 2]) > size(&[1]) + 25);
    }
}
