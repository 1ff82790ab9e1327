//! The contract between a protocol and the world that it lives in.
//!
//! A protocol is a pure state machine (sans I/O): it never sees a clock, a random number, a socket
//! or a disk. The world hands it an [`Input`] together with the time on the node's own clock, and the
//! protocol answers through [`Effects`]: messages to send, timers to arm, writes to make durable,
//! replies to clients. Everything that happens between an effect and the next input (latency, loss,
//! fsync, crashes, drift) is the world's.
//!
//! Both the rooms `raft` and `sim` know this page and neither knows the other through anything else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most nodes that one cluster may have; [`NodeSet`] is a bitmap of this many bits.
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

    /// Adds a node; true if it was not there.
    pub fn insert(&mut self, node: NodeId) -> bool {
        let fresh = !self.contains(node);
        self.0[node.at() >> 6] |= 1 << (node.0 & 63);
        fresh
    }

    /// Takes a node out; true if it was there.
    pub fn remove(&mut self, node: NodeId) -> bool {
        let was = self.contains(node);
        self.0[node.at() >> 6] &= !(1 << (node.0 & 63));
        was
    }

    /// Whether the node is in the set.
    pub fn contains(&self, node: NodeId) -> bool {
        self.0[node.at() >> 6] >> (node.0 & 63) & 1 == 1
    }

    /// How many nodes are in the set.
    pub fn len(&self) -> usize {
        // Most clusters need one word, and counting bits is slow without an instruction for it.
        let used = self.0.iter().filter(|word| **word != 0);
        used.map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no node is in the set.
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

    /// What `for_each`, `count` and the like are made of: word by word it takes half of the steps.
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

/// A length of time in nanoseconds.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Span {
    /// Nothing at all.
    pub const ZERO: Span = Span(0);

    /// So many milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// As milliseconds.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// A moment on a node's own clock, in nanoseconds; only differences on the same node mean anything.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LocalTime(pub u64);

impl LocalTime {
    /// How long ago `earlier` was; zero if the clock was set back behind it.
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

/// How long a timer runs: uniform on [min, max), or exactly `min` if both are equal. The world draws.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Delay {
    /// The shortest that it may run.
    pub min: Span,
    /// The bound that it stays below.
    pub max: Span,
}

impl Delay {
    /// Always the same.
    pub fn exactly(span: Span) -> Self {
        Self { min: span, max: span }
    }
}

/// A timer of a node, numbered by its protocol below [`Protocol::TIMERS`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimerId(pub u8);

/// A client's operation. The same id means the same operation in a fork.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct OpId(pub u64);

/// The ordinal of a write to a node's disk: 1 for its first, ascending, never used again.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WriteId(pub u64);

/// How the disk took a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// The write is durable now.
    Done,
    /// [`Input::Persisted`] will say when it is.
    Pending,
}

/// What the world tells a node.
#[derive(Clone, Debug)]
pub enum Input<'a, P: Protocol> {
    /// The node starts, for the first time or after a crash, with what its disk kept.
    Start,
    /// A message arrived.
    Message {
        /// Its sender.
        from: NodeId,
        /// What it says.
        message: &'a P::Message,
    },
    /// A timer ran out.
    Timer(TimerId),
    /// Every write up to this one is durable.
    Persisted(WriteId),
    /// A client, or a person at the console, asks for something.
    Request {
        /// To be named in the reply.
        op: OpId,
        /// What is asked.
        request: P::Request,
    },
}

/// How a request ended, as far as the node that was asked knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply<T> {
    /// Done, with its result.
    Ok(T),
    /// Not done, and never will be: this node does not take such requests now.
    Refused {
        /// Why.
        reason: &'static str,
        /// Whom to ask instead, as far as this node knows.
        hint: Option<NodeId>,
    },
    /// The node gave up before it knew. The request may have been done or may yet be.
    Unknown {
        /// Why.
        reason: &'static str,
    },
}

/// Where a node puts its answers. Their order is the order in which they take effect.
pub trait Effects<P: Protocol> {
    /// Sends a message. Whatever it promises must be durable by now ([`Effects::persist`]).
    fn send(&mut self, to: NodeId, message: P::Message);
    /// Starts a timer anew; what it was armed for before is forgotten.
    fn arm(&mut self, timer: TimerId, delay: Delay);
    /// Stops a timer.
    fn disarm(&mut self, timer: TimerId);
    /// Makes everything written up to this write durable.
    fn persist(&mut self, write: WriteId) -> Durability;
    /// Answers a client.
    fn reply(&mut self, op: OpId, reply: Reply<P::Output>);
    /// Says what changed, for the digest and for observers. Never steers.
    fn note(&mut self, note: P::Note);
    /// Stops the node for good, as a process that aborts: it takes no input until it is restarted.
    fn halt(&mut self, reason: &'static str);
    /// Whether the network still carries such a message to a node, as the sender's transport knows of its
    /// connection. What was neither answered nor is under way was lost.
    fn is_under_way(&self, to: NodeId, such: impl Fn(&P::Message) -> bool) -> bool;
}

/// A protocol: what one node of it is and does.
pub trait Protocol: Clone + Send + Sync + 'static {
    /// What nodes say to each other.
    type Message: Message;
    /// What a client may ask.
    type Request: Clone + Send + Sync + fmt::Debug + Fingerprint;
    /// What a client is told.
    type Output: Clone + Send + Sync + fmt::Debug + Fingerprint;
    /// What changed in a node.
    type Note: Note;
    /// A rule by which a node lies on the wire ([`Protocol::lie`]).
    type Lie: Clone + Send + Sync + fmt::Debug + Fingerprint;
    /// How many timers a node has.
    const TIMERS: usize;

    /// One step: an input at a time on the node's own clock.
    fn handle<E: Effects<Self>>(&mut self, now: LocalTime, input: Input<'_, Self>, fx: &mut E);

    /// The node loses power. Writes after `durable` never happened.
    fn crash(&mut self, durable: WriteId);

    /// The node's disk is empty from now on, as if it were new.
    fn wipe(&mut self);

    /// The node at a glance.
    fn status(&self) -> Status;

    /// What its disk holds and how much of it is known to be committed, folded into a word for the digest, as far
    /// as [`Protocol::status`] does not say it.
    fn stable(&self) -> u64 {
        0
    }

    /// What a load generator sends as the `ordinal`-th request of `client`, from one uniform draw.
    fn request(_mix: &Mix, _client: u32, _ordinal: u64, _draw: u64) -> Option<Self::Request> {
        None
    }

    /// Rewrites a message that a lying node is about to send (`Outgoing`) or has received (`Incoming`).
    fn lie(_lie: &mut Self::Lie, _liar: NodeId, _way: Way, _message: &mut Self::Message) {}

    /// Whether the node leads.
    fn leads(&self) -> bool {
        self.status().role == Role::Leader
    }
}

/// Which way a message passes a liar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// The liar sends it.
    Outgoing {
        /// To this node.
        to: NodeId,
    },
    /// The liar received it.
    Incoming,
}

/// What the digest takes in as a word: made of discriminants and numbers, and not of names.
pub trait Fingerprint {
    /// Its content, folded into a word.
    fn fingerprint(&self) -> u64;
}

/// Nothing is said.
impl Fingerprint for () {
    fn fingerprint(&self) -> u64 {
        0
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

/// Nobody is 0, and so must nobody's fingerprint be.
impl<T: Fingerprint> Fingerprint for Option<T> {
    fn fingerprint(&self) -> u64 {
        self.as_ref().map_or(0, T::fingerprint)
    }
}

/// What the world has to know of a message.
pub trait Message: Clone + Send + Sync + fmt::Debug + 'static {
    /// Another value of one of its fields ([`Message::change`]).
    type Change: Clone + Send + Sync + fmt::Debug;
    /// The names of the kinds of message, in the protocol's standard terms.
    const KINDS: &'static [&'static str];
    /// Which of [`Message::KINDS`] this is.
    fn kind(&self) -> u8;
    /// Its content, folded into a word for the digest.
    fn fingerprint(&self) -> u64;
    /// Its fields as the trace shows them.
    fn fields(&self) -> Fields {
        Fields::default()
    }
    /// Says something else in one field, for who tampers with it.
    fn change(&mut self, _change: &Self::Change) {}
}

/// What the world has to know of a note.
pub trait Note: Copy + Send + Sync + fmt::Debug {
    /// Its content, folded into a word for the digest.
    fn fingerprint(&self) -> u64;
}

/// The fields of a message that tables show. What a kind of message does not have stays at its default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fields {
    /// The sender's term.
    pub term: u64,
    /// `prevLogIndex`, or the candidate's `lastLogIndex`, or the index that a reply is about.
    pub index: u64,
    /// The term of the entry at `index`.
    pub index_term: u64,
    /// How many entries travel.
    pub entries: u32,
    /// The sender's commitIndex.
    pub commit_index: u64,
    /// Granted, or success.
    pub ok: bool,
}

/// A node at a glance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Status {
    /// currentTerm.
    pub term: u64,
    /// follower, precandidate, candidate or leader.
    pub role: Role,
    /// votedFor in this term.
    pub voted_for: Option<NodeId>,
    /// Whom the node takes for the leader.
    pub leader: Option<NodeId>,
    /// commitIndex.
    pub commit_index: u64,
    /// lastApplied.
    pub last_applied: u64,
    /// Index of the last entry of the log.
    pub last_index: u64,
    /// Term of the last entry of the log.
    pub last_term: u64,
    /// Ordinal of the last write.
    pub written: WriteId,
}

/// What a node takes itself for.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Answers; waits for a leader.
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

/// What a load generator asks for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// How many keys, drawn uniformly.
    pub keys: u32,
    /// Which share of the requests reads.
    pub reads: f64,
    /// How reads are served.
    pub via: ReadPath,
    /// Whether requests carry a client session, so that a retry applies once.
    pub session: bool,
}

impl Default for Mix {
    fn default() -> Self {
        Self { keys: 1, reads: 0.0, via: ReadPath::Log, session: false }
    }
}

/// How a read is served.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadPath {
    /// As an entry of the log: linearizable, costs a write.
    #[default]
    Log,
    /// The leader confirms with a quorum that it still leads (diss. §6.4).
    ReadIndex,
    /// The leader trusts its lease (diss. §6.4.1): needs bounded clock drift.
    Lease,
    /// Whatever this node has applied. Stale by nature.
    Local,
}
