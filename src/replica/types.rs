//! Log entries, and the requests of clients.

use super::membership::{Change, Members};
use crate::protocol::{Fingerprint, NodeId, OpId, ReadPath};

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
    /// Not an operation: the entry holds a configuration (§6).
    Config(Members),
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
    pub(crate) fn words(&self) -> (u64, u64) {
        let (tag, key, a, b) = match self.op {
            Op::Noop => (0u64, 0, 0, 0),
            Op::Put { key, value } => (1, key.0, value.0, 0),
            Op::Get { key } => (2, key.0, 0, 0),
            Op::Cas { key, expected, value } => (3, key.0, value.0, expected.0),
            Op::Append { key, value } => (4, key.0, value.0, 0),
            Op::Config(members) => {
                let [voters, outgoing, learners] = members.words();
                (5, voters, learners, outgoing)
            }
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

/// The place of an entry. The order is that of logs: "the log with the later term is more up to
/// date. If the logs end with the same term, then whichever log is longer" (§5.4.1).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryId {
    /// Its term.
    pub term: u64,
    /// Its index.
    pub index: u64,
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
    /// Change the configuration (§6, diss. ch. 4).
    Configure(Reconfiguration),
    /// Hand the leadership to another node (diss. §3.10).
    Transfer(NodeId),
    /// Stop leading, without a successor.
    StepDown,
    /// Start an election now, as if the election timer had expired.
    Campaign,
    /// A lie: lead the next term without an election.
    Usurp,
    /// A lie: forget this node's vote.
    ForgetVote,
}

/// A request to change the configuration.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reconfiguration {
    /// One member, in one step (diss. §4.1).
    One(Change),
    /// A learner becomes a voter, once it has caught up (diss. §4.2.1).
    Promote(NodeId),
    /// A voter becomes a learner.
    Demote(NodeId),
    /// Any configuration, by way of a joint one (§6): its voters and learners, and whether the
    /// joint one is left only by [`Reconfiguration::Leave`].
    Joint(Members),
    /// Leave the joint configuration.
    Leave,
}

impl Reconfiguration {
    /// In words.
    pub fn text(&self, name: impl Fn(NodeId) -> String) -> String {
        match self {
            Reconfiguration::One(Change::AddVoter(node)) => format!("add voter {}", name(*node)),
            Reconfiguration::One(Change::AddLearner(node)) => {
                format!("add learner {}", name(*node))
            }
            Reconfiguration::One(Change::Remove(node)) => format!("remove {}", name(*node)),
            Reconfiguration::Promote(node) => format!("promote {}", name(*node)),
            Reconfiguration::Demote(node) => format!("demote {}", name(*node)),
            Reconfiguration::Joint(members) => {
                format!("change to {}", members.membership().text(name))
            }
            Reconfiguration::Leave => "leave the joint configuration".into(),
        }
    }
}

impl Fingerprint for Reconfiguration {
    fn fingerprint(&self) -> u64 {
        let (tag, content) = match self {
            Reconfiguration::One(Change::AddVoter(node)) => (1, node.fingerprint()),
            Reconfiguration::One(Change::AddLearner(node)) => (2, node.fingerprint()),
            Reconfiguration::One(Change::Remove(node)) => (3, node.fingerprint()),
            Reconfiguration::Promote(node) => (4, node.fingerprint()),
            Reconfiguration::Joint(members) => {
                (5, Command::plain(Op::Config(*members)).fingerprint())
            }
            Reconfiguration::Leave => (6, 0),
            Reconfiguration::Demote(node) => (7, node.fingerprint()),
        };
        fold(tag, content)
    }
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
            Request::Configure(reconfiguration) => fold(6, reconfiguration.fingerprint()),
            Request::Transfer(to) => fold(7, to.fingerprint()),
            Request::StepDown => 8,
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, Hash, PartialEq)]
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
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Waiting {
    pub(crate) index: u64,
    pub(crate) op: OpId,
}
