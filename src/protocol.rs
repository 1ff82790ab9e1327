//! The contract between a protocol and its world.
//!
//! A protocol is a pure state machine (sans I/O): it never accesses a clock, random numbers, a
//! socket or a disk. The world passes it an [`Input`] with the time on the node's own clock, and
//! the protocol responds through [`Effects`]: messages to send, timers to arm, writes to make
//! durable, replies to clients. Everything that happens between an effect and the next input
//! (latency, loss, fsync, crashes, drift) belongs to the world.
//!
//! The modules `raft` and `sim` both depend on this file; `sim` does not depend on `raft`.

use std::fmt;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::state::StateHash;

/// The maximum number of nodes in a cluster; [`NodeSet`] is a bitmap of this many bits.
pub const MAX_NODES: usize = 255;

/// A node's position in the cluster, counted from 0. Users see names; the core sees positions.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct NodeId(pub u8);

impl NodeId {
    /// The position as an index into per-node vectors.
    pub fn at(self) -> usize {
        usize::from(self.0)
    }
}

impl From<usize> for NodeId {
    /// Positions come from clusters of at most [`MAX_NODES`] nodes.
    fn from(position: usize) -> Self {
        debug_assert!(position < MAX_NODES);
        Self(position as u8)
    }
}

/// A set of nodes as a bitmap: votes, quorums, partitions.
#[derive(Clone, Copy, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct NodeSet([u64; 4]);

impl NodeSet {
    /// The nodes 0..n.
    pub fn first(n: usize) -> Self {
        let bits = |word: usize| n.saturating_sub(word * 64).min(64) as u32;
        Self(std::array::from_fn(|word| u64::MAX.checked_shr(64 - bits(word)).unwrap_or(0)))
    }

    /// Adds a node; true if it was not in the set.
    pub fn insert(&mut self, node: NodeId) -> bool {
        let fresh = !self.contains(node);
        self.0[node.at() >> 6] |= 1 << (node.0 & 63);
        fresh
    }

    /// Removes a node; true if it was in the set.
    pub fn remove(&mut self, node: NodeId) -> bool {
        let was = self.contains(node);
        self.0[node.at() >> 6] &= !(1 << (node.0 & 63));
        was
    }

    /// Whether the node is in the set.
    pub fn contains(&self, node: NodeId) -> bool {
        self.0[node.at() >> 6] >> (node.0 & 63) & 1 == 1
    }

    /// The number of nodes in the set.
    pub fn len(&self) -> usize {
        // Most clusters need one word, and counting bits is slow without an instruction for it.
        let used = self.0.iter().filter(|word| **word != 0);
        used.map(|word| word.count_ones() as usize).sum()
    }

    /// True if the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    /// The nodes in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    /// The nodes in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    /// The nodes in this set that are not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }

    /// The nodes in ascending order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + use<> {
        Nodes { words: self.0, at: 0 }
    }
}

/// The nodes of a set in ascending order.
#[derive(Clone, Debug)]
struct Nodes {
    words: [u64; 4],
    at: usize,
}

impl Iterator for Nodes {
    type Item = NodeId;

    #[inline]
    fn next(&mut self) -> Option<NodeId> {
        while self.words[self.at] == 0 {
            if self.at == self.words.len() - 1 {
                return None;
            }
            self.at += 1;
        }
        let word = &mut self.words[self.at];
        let bit = word.trailing_zeros() as usize;
        *word &= *word - 1;
        Some(NodeId::from(self.at * 64 + bit))
    }

    /// The basis of `for_each`, `count` and the like: word by word takes half of the steps.
    #[inline]
    fn fold<B, F: FnMut(B, NodeId) -> B>(self, init: B, mut f: F) -> B {
        let mut folded = init;
        for (at, mut rest) in self.words.into_iter().enumerate() {
            while rest != 0 {
                folded = f(folded, NodeId::from(at * 64 + rest.trailing_zeros() as usize));
                rest &= rest - 1;
            }
        }
        folded
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::default();
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|n| n.0)).finish()
    }
}

/// A duration in nanoseconds.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Span {
    /// No time.
    pub const ZERO: Span = Span(0);

    /// A number of milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// The duration in milliseconds.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// A time on a node's own clock, in nanoseconds; only differences on the same node are meaningful.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LocalTime(pub u64);

impl LocalTime {
    /// The time since `earlier`; zero if the clock was set back to before it.
    pub fn since(self, earlier: LocalTime) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Span> for LocalTime {
    type Output = LocalTime;

    fn add(self, span: Span) -> LocalTime {
        LocalTime(self.0.saturating_add(span.0))
    }
}

/// The duration of a timer: uniform on [min, max), or exactly `min` if both are equal. The world
/// draws it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Delay {
    /// The shortest duration.
    pub min: Span,
    /// The upper bound (excluded).
    pub max: Span,
}

impl Delay {
    /// A fixed duration.
    pub fn exactly(span: Span) -> Self {
        Self { min: span, max: span }
    }
}

/// A timer of a node, numbered by its protocol below [`Protocol::TIMERS`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimerId(pub u8);

/// The id of a client's operation. A fork has the same operation under the same id.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct OpId(pub u64);

/// The ordinal of a write to a node's disk: 1 for its first, ascending, never reused.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WriteId(pub u64);

/// Whether a write is durable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// The write is durable now.
    Done,
    /// [`Input::Persisted`] will follow when this write is, or a later one.
    Pending(WriteId),
}

/// An input to a node.
#[derive(Clone, Debug)]
pub enum Input<'a, P: Protocol> {
    /// The node starts, for the first time or after a crash, with the contents of its disk.
    Start,
    /// A message arrived.
    Message {
        /// Its sender.
        from: NodeId,
        /// Its contents.
        message: &'a P::Message,
    },
    /// A timer expired.
    Timer(TimerId),
    /// Every write up to this one is durable.
    Persisted(WriteId),
    /// A request of a client, or by hand.
    Request {
        /// The id for the reply.
        op: OpId,
        /// The request.
        request: P::Request,
    },
}

/// The outcome of a request, as far as the node that received it knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply<T> {
    /// Done, with its result.
    Ok(T),
    /// Not done, and never will be done: this node does not accept such requests now.
    Refused {
        /// The reason.
        reason: &'static str,
        /// The node to ask instead, if known.
        hint: Option<NodeId>,
    },
    /// The node gave up before it knew. The request may have been done, or may still be done.
    Unknown {
        /// The reason.
        reason: &'static str,
    },
}

/// The effects of a step. They take effect in the order of the calls.
pub trait Effects<P: Protocol> {
    /// Sends a message. Whatever it promises must be durable by now ([`Effects::sync`]).
    fn send(&mut self, to: NodeId, message: P::Message);
    /// Starts a timer, or restarts it.
    fn arm(&mut self, timer: TimerId, delay: Delay);
    /// Stops a timer.
    fn disarm(&mut self, timer: TimerId);
    /// Writes a change of the stable state to the node's disk. It is durable after the next
    /// [`Effects::sync`]; the value need not be made if the disk cannot lose it.
    fn write(&mut self, write: impl FnOnce() -> <P::Stable as Stable>::Write);
    /// Makes everything written so far durable.
    fn sync(&mut self) -> Durability;
    /// Answers a client.
    fn reply(&mut self, op: OpId, reply: Reply<P::Output>);
    /// Reports a change, for the digest and for observers. Has no influence on the run.
    fn note(&mut self, note: P::Note);
    /// Stops the node, as a process that aborts: it accepts no input until it is restarted.
    fn halt(&mut self, reason: &'static str);
    /// Whether such a message to a node is still in flight, which stands for the knowledge of the
    /// sender's transport. A message that is neither answered nor in flight was lost.
    fn is_under_way(&self, to: NodeId, such: impl Fn(&P::Message) -> bool) -> bool;
}

/// What a node keeps across a crash. The node has it in memory and writes each change to its disk,
/// which belongs to the world; the fingerprint is for the digest, as far as [`Protocol::status`]
/// does not contain it.
pub trait Stable:
    Clone + Default + fmt::Debug + Fingerprint + Hash + Send + Sync + 'static
{
    /// A change of it.
    type Write: Clone + fmt::Debug + Fingerprint + Send + Sync;

    /// Carries out a change.
    fn apply(&mut self, write: Self::Write);

    /// A part of it that can be damaged: its index and its fingerprint. Of entries the one at
    /// `index` or, without one, one by a random draw. `None` if there is no such part.
    fn locate(&self, _part: Part, _index: Option<u64>, _draw: u64) -> Option<(u64, u64)> {
        None
    }

    /// Makes it what a node reads after damage; false if the damaged part was replaced before, or
    /// reads as it was.
    fn damage(&mut self, _damage: &Damage) -> bool {
        false
    }
}

/// A part of what a node keeps.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// An entry of its log.
    #[default]
    Entry,
    /// votedFor.
    Vote,
    /// Its snapshot.
    Snapshot,
}

/// How a node finds damage when it reads its disk.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Found {
    /// It does not: it reads something other than what was written.
    Never,
    /// As damage: it knows that it has lost something.
    AsDamage,
    /// As the end of what was written, as after a write that a crash has torn.
    AsTornWrite,
}

/// Damage of a part of what a node keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Damage {
    /// The part.
    pub part: Part,
    /// Its index.
    pub index: u64,
    /// Its fingerprint, if it was not replaced since.
    pub print: u64,
    /// How the node finds it.
    pub found: Found,
    /// The number of nodes.
    pub nodes: usize,
}

impl Fingerprint for Damage {
    fn fingerprint(&self) -> u64 {
        let Self { part, index, print, found, nodes: _ } = self;
        let words = [*part as u64, *index, *print, *found as u64];
        words.into_iter().fold(0, |folded: u64, word| {
            folded.rotate_left(9).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ word
        })
    }
}

/// Keeps nothing.
impl Stable for () {
    type Write = ();

    fn apply(&mut self, (): ()) {}
}

/// A protocol: the state and behaviour of one node.
pub trait Protocol: Clone + Send + Sync + 'static {
    /// What a node keeps across a crash.
    type Stable: Stable;
    /// The messages between nodes.
    type Message: Message;
    /// The requests of clients.
    type Request: Clone + Send + Sync + fmt::Debug + Fingerprint;
    /// The answers to requests.
    type Output: Clone + Send + Sync + fmt::Debug + Fingerprint;
    /// The changes in a node.
    type Note: Note;
    /// A rule by which a node lies on the wire ([`Protocol::lie`]).
    type Lie: Clone + Send + Sync + fmt::Debug + Fingerprint;
    /// The number of timers of a node.
    const TIMERS: usize;

    /// One step: handles an input at a time on the node's own clock.
    fn handle<E: Effects<Self>>(&mut self, now: LocalTime, input: Input<'_, Self>, fx: &mut E);

    /// The node loses power, and with it its volatile state. Its disk then holds `disk`; without
    /// it, everything that the node wrote.
    fn crash(&mut self, disk: Option<Self::Stable>);

    /// Adds its state to a fingerprint: all that its answers to later inputs depend on, except for
    /// the settings, which never change. By default that is its status and its stable state.
    fn hash_state(&self, state: &mut StateHash) {
        state.add((self.status(), self.stable()));
    }

    /// The public state of the node.
    fn status(&self) -> Status;

    /// The stable state as the node has it in memory: with every write, durable or not.
    fn stable(&self) -> &Self::Stable;

    /// The `ordinal`-th request of a load generator's `client`, from one uniform draw.
    fn request(_mix: &Mix, _client: u32, _ordinal: u64, _draw: u64) -> Option<Self::Request> {
        None
    }

    /// Rewrites a message that a lying node is about to send (`Outgoing`) or has received
    /// (`Incoming`).
    fn lie(_lie: &mut Self::Lie, _liar: NodeId, _way: Way, _message: &mut Self::Message) {}

    /// Whether the node leads.
    fn leads(&self) -> bool {
        self.status().role == Role::Leader
    }
}

/// The direction of a liar's message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// The liar sends it.
    Outgoing {
        /// The receiver.
        to: NodeId,
    },
    /// The liar received it.
    Incoming,
}

/// A value that the digest takes in as a word, which depends on discriminants and numbers, not on
/// names.
pub trait Fingerprint {
    /// Its contents, folded into a word.
    fn fingerprint(&self) -> u64;
}

/// No content.
impl Fingerprint for () {
    fn fingerprint(&self) -> u64 {
        0
    }
}

impl Fingerprint for u64 {
    fn fingerprint(&self) -> u64 {
        *self
    }
}

impl Fingerprint for NodeId {
    fn fingerprint(&self) -> u64 {
        u64::from(self.0) + 1
    }
}

impl Fingerprint for NodeSet {
    fn fingerprint(&self) -> u64 {
        self.iter().fold(0, |folded: u64, id| {
            folded.rotate_left(9).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ id.fingerprint()
        })
    }
}

/// `None` folds to 0.
impl<T: Fingerprint> Fingerprint for Option<T> {
    fn fingerprint(&self) -> u64 {
        self.as_ref().map_or(0, T::fingerprint)
    }
}

/// The world's view of a message.
pub trait Message: Clone + Send + Sync + fmt::Debug + 'static {
    /// Another value of one of its fields ([`Message::change`]).
    type Change: Clone + Send + Sync + fmt::Debug;
    /// The names of the kinds of message, in the protocol's standard terms.
    const KINDS: &'static [&'static str];
    /// Which of [`Message::KINDS`] this is.
    fn kind(&self) -> u8;
    /// Its contents, folded into a word for the digest.
    fn fingerprint(&self) -> u64;
    /// Its fields as the trace shows them.
    fn fields(&self) -> Fields {
        Fields::default()
    }
    /// Changes the value of one field, for interceptors.
    fn change(&mut self, _change: &Self::Change) {}
}

/// The world's view of a note.
pub trait Note: Copy + Send + Sync + fmt::Debug {
    /// Its content, folded into a word for the digest.
    fn fingerprint(&self) -> u64;
}

/// The fields of a message that tables show. A field that a kind of message lacks has its default
/// value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fields {
    /// The sender's term.
    pub term: u64,
    /// `prevLogIndex`, the candidate's `lastLogIndex`, or the index that a reply refers to.
    pub index: u64,
    /// The term of the entry at `index`.
    pub index_term: u64,
    /// The number of entries.
    pub entries: u32,
    /// The sender's commitIndex.
    pub commit_index: u64,
    /// True if a reply grants a vote or reports success.
    pub ok: bool,
}

/// The public state of a node.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq)]
pub struct Status {
    /// currentTerm.
    pub term: u64,
    /// The node's role.
    pub role: Role,
    /// votedFor in this term.
    pub voted_for: Option<NodeId>,
    /// The leader that the node recognizes.
    pub leader: Option<NodeId>,
    /// commitIndex.
    pub commit_index: u64,
    /// lastApplied.
    pub last_applied: u64,
    /// Index of the last entry of the log.
    pub last_index: u64,
    /// Term of the last entry of the log.
    pub last_term: u64,
}

/// The role of a node, as it sees itself.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Answers requests of leaders and candidates.
    #[default]
    Follower,
    /// Asks whether it could win an election (diss. §9.6).
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads its term.
    Leader,
}

impl Role {
    /// All roles, in the order of their codes in tables.
    pub const ALL: [Role; 4] = [Role::Follower, Role::PreCandidate, Role::Candidate, Role::Leader];

    /// The name in tables and plots.
    pub fn name(self) -> &'static str {
        match self {
            Role::Follower => "follower",
            Role::PreCandidate => "precandidate",
            Role::Candidate => "candidate",
            Role::Leader => "leader",
        }
    }
}

/// The mix of a load generator's requests.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// The number of keys, which are drawn uniformly.
    pub keys: u32,
    /// The fraction of requests that are reads.
    pub reads: f64,
    /// The read path.
    pub via: ReadPath,
    /// Whether requests carry a client session, so that a retried one is applied once.
    pub session: bool,
}

impl Default for Mix {
    fn default() -> Self {
        Self { keys: 1, reads: 0.0, via: ReadPath::Log, session: false }
    }
}

/// A read path.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadPath {
    /// Through the log, as an entry: linearizable, costs a write.
    #[default]
    Log,
    /// The leader confirms with a quorum that it still leads (diss. §6.4).
    ReadIndex,
    /// The leader relies on its lease (diss. §6.4.1): needs bounded clock drift.
    Lease,
    /// The node's applied state, without any check: may be stale.
    Local,
}
