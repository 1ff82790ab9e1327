//! Drives nodes by hand, without a world, and records the effects of each input.

use std::collections::VecDeque;

use raftlab::protocol::{
    Delay, Durability, Effects, Input, LocalTime, NodeId, OpId, Protocol as _, Reply, Role, TimerId,
};
use raftlab::raft::{Config, Node, RaftMessage, Write};
use raftlab::replica::ELECTION;
use raftlab::replica::{Log, Output, ReplicaNote, Request};

/// What a node did in one step. Its disk is instant, and its clock shows what the test says.
#[derive(Default)]
pub struct Recorder {
    pub sent: Vec<(NodeId, RaftMessage)>,
    pub notes: Vec<ReplicaNote>,
    pub replies: Vec<(OpId, Reply<Output>)>,
    /// Timers in the order in which they were armed (true) and disarmed (false).
    timers: Vec<(TimerId, bool)>,
}

impl Recorder {
    pub fn arms(&self, timer: TimerId) -> bool {
        self.timers.contains(&(timer, true))
    }
}

impl Effects<Node> for Recorder {
    fn send(&mut self, to: NodeId, message: RaftMessage) {
        self.sent.push((to, message));
    }

    fn arm(&mut self, timer: TimerId, _: Delay) {
        self.timers.push((timer, true));
    }

    fn disarm(&mut self, timer: TimerId) {
        self.timers.push((timer, false));
    }

    fn write(&mut self, _: impl FnOnce() -> Write) {}

    fn sync(&mut self) -> Durability {
        Durability::Done
    }

    fn reply(&mut self, op: OpId, reply: Reply<Output>) {
        self.replies.push((op, reply));
    }

    fn note(&mut self, note: ReplicaNote) {
        self.notes.push(note);
    }

    fn halt(&mut self, reason: &'static str) {
        panic!("the node halts: {reason}");
    }

    fn is_under_way(&self, _: NodeId, _: impl Fn(&RaftMessage) -> bool) -> bool {
        false // every message arrives at once
    }
}

/// The tables number nodes from 1.
pub fn id(number: u64) -> NodeId {
    NodeId::from(number as usize - 1)
}

/// One node, as in the tables.
#[derive(Clone)]
pub struct Subject {
    pub node: Node,
    pub now: LocalTime,
    peers: Vec<u64>,
    armed: [bool; Node::TIMERS],
}

impl Subject {
    /// Node `number` of a cluster of this size.
    pub fn new(number: u64, nodes: u64, config: Config) -> Self {
        let node = Node::new(id(number), nodes as usize, config);
        let peers = (1..=nodes).filter(|peer| *peer != number).collect();
        Self { node, now: LocalTime(0), peers, armed: [true, false, false] }
    }

    /// With this term, vote and log on disk, committed up to an index.
    pub fn with(mut self, term: u64, vote: Option<u64>, log: Log, commit: u64) -> Self {
        self.node.preset(term, vote.map(id), log, commit);
        self
    }

    /// Wins an election in which all nodes vote for it.
    pub fn elected(mut self) -> Self {
        self.times_out();
        let vote = RaftMessage::RequestVoteReply {
            term: self.term(),
            granted: true,
            asked: self.term(),
            stale_log: false,
        };
        self.all_say(&vote);
        assert_eq!(self.role(), Role::Leader);
        self
    }

    /// One step.
    pub fn step(&mut self, input: Input<'_, Node>) -> Recorder {
        let mut recorder = Recorder::default();
        self.node.handle(self.now, input, &mut recorder);
        for (timer, armed) in &recorder.timers {
            self.armed[usize::from(timer.0)] = *armed;
        }
        recorder
    }

    /// A message from node `from`.
    #[allow(clippy::needless_pass_by_value)] // makes the tables of the paper easier to read
    pub fn hears(&mut self, from: u64, message: RaftMessage) -> Recorder {
        self.step(Input::Message { from: id(from), message: &message })
    }

    /// The same message from every other node.
    pub fn all_say(&mut self, message: &RaftMessage) {
        for peer in self.peers.clone() {
            self.hears(peer, message.clone());
        }
    }

    /// The election timer expires.
    pub fn times_out(&mut self) -> Recorder {
        self.step(Input::Timer(ELECTION))
    }

    /// A client sends a request.
    pub fn asked(&mut self, request: Request) -> Recorder {
        self.step(Input::Request { op: OpId(1), request })
    }

    pub fn is_armed(&self, timer: TimerId) -> bool {
        self.armed[usize::from(timer.0)]
    }

    pub fn term(&self) -> u64 {
        self.node.term()
    }

    pub fn is_one_of_three(&self) -> bool {
        self.peers.len() == 2
    }

    pub fn leader(&self) -> Option<NodeId> {
        self.node.status().leader
    }

    pub fn role(&self) -> Role {
        self.node.status().role
    }

    pub fn commit(&self) -> u64 {
        self.node.status().commit_index
    }

    /// The log as the tables write it: (term, index).
    pub fn log(&self) -> Vec<(u64, u64)> {
        (1..).zip(self.node.log().entries()).map(|(index, entry)| (entry.term, index)).collect()
    }
}

/// Nodes with instant, ordered delivery; `None` neither receives nor sends.
pub struct Cluster(pub Vec<Option<Subject>>);

impl Cluster {
    /// Node `number` handles an input, and all messages are delivered until none are left.
    pub fn play(&mut self, number: u64, act: impl FnOnce(&mut Subject) -> Recorder) {
        let actor = self.0[id(number).at()].as_mut().expect("who acts is there");
        let mut mail: VecDeque<_> = envelopes(id(number), act(actor)).collect();
        while let Some((from, to, message)) = mail.pop_front() {
            if let Some(receiver) = &mut self.0[to.at()] {
                mail.extend(envelopes(
                    to,
                    receiver.step(Input::Message { from, message: &message }),
                ));
            }
        }
    }

    /// Node `number`.
    pub fn node(&self, number: u64) -> &Subject {
        self.0[id(number).at()].as_ref().expect("who is asked is there")
    }
}

fn envelopes(
    from: NodeId,
    recorder: Recorder,
) -> impl Iterator<Item = (NodeId, NodeId, RaftMessage)> {
    recorder.sent.into_iter().map(move |(to, message)| (from, to, message))
}
