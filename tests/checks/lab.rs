//! A cluster that is driven by hand: no node starts an election or times out unless told to.

use raftlab::check::{Checks, Options, Violation};
use raftlab::protocol::{Delay, NodeId, NodeSet, OpId, Protocol, ReadPath, Role, Span};
use raftlab::raft::{Config, Node, Rules};
use raftlab::replica::{Command, Key, Log, Op, Reconfiguration, Request, Session, Value};
use raftlab::sim::world::{World, WorldSpec};
use raftlab::sim::{
    DiskSpec, Distribution, Latency, Matching, MessageId, NetworkSpec, Overlay, Time, Unsynced,
};

pub const A: NodeId = NodeId(0);
pub const B: NodeId = NodeId(1);
pub const C: NodeId = NodeId(2);
pub const D: NodeId = NodeId(3);
pub const E: NodeId = NodeId(4);

/// The kinds of message, as bitmaps for [`Lab::hold`].
pub const REQUEST_VOTE: u64 = 1 << 0;
pub const VOTE: u64 = 1 << 1;
pub const PRE_VOTE: u64 = 1 << 2;
pub const APPEND: u64 = 1 << 4;
pub const ACK: u64 = 1 << 5;
pub const INSTALL_SNAPSHOT: u64 = 1 << 6;
pub const TIMEOUT_NOW: u64 = 1 << 8;

/// Election timeouts of hours: elections are started only by hand. Heartbeats every 10 ms.
pub fn by_hand(rules: Rules) -> Config {
    let election_timeout = Delay { min: Span::from_ms(3_600_000), max: Span::from_ms(7_200_000) };
    Config { election_timeout, heartbeat: Some(Span::from_ms(10)), ..timed(rules) }
}

/// The paper's timeouts, without any extension.
pub fn timed(rules: Rules) -> Config {
    Config {
        election_timeout: Delay { min: Span::from_ms(150), max: Span::from_ms(300) },
        max_inflight: 64,
        rules,
        ..Config::default()
    }
}

pub fn milliseconds(value: f64) -> Distribution {
    Distribution::Constant { value }
}

pub fn fixed_network() -> NetworkSpec {
    NetworkSpec { latency: Latency::All(milliseconds(1.0)), ..NetworkSpec::default() }
}

pub fn nodes(n: usize, config: Config) -> Vec<Node> {
    (0..n).map(|i| Node::new(NodeId::from(i), n, config)).collect()
}

pub fn group(nodes: &[NodeId]) -> NodeSet {
    nodes.iter().copied().collect()
}

pub struct Lab {
    pub world: World<Node, Checks>,
}

const SPLIT: u32 = 1;

impl Lab {
    pub fn new(n: usize, config: Config) -> Self {
        Self::of(nodes(n, config), DiskSpec::default(), Options::default())
    }

    /// With machines that run and are no members.
    pub fn with_spares(n: usize, spares: usize, config: Config) -> Self {
        let mut lab = Self::new(n, config);
        for id in (n..n + spares).map(NodeId::from) {
            let node = Node::spare(id, config);
            lab.world.observer_mut().begin(id, &node);
            lab.world.make_room(node);
            lab.world.start(id);
        }
        lab
    }

    pub fn of(nodes: Vec<Node>, disk: DiskSpec, options: Options) -> Self {
        let mut checks = Checks::with_options(nodes.len(), options);
        for (i, node) in nodes.iter().enumerate() {
            checks.begin(NodeId::from(i), node);
        }
        let spec = WorldSpec { nodes, network: fixed_network(), disk, loads: vec![], seed: 1 };
        Self { world: World::new(spec, checks) }
    }

    pub fn run(&mut self, ms: u64) {
        let until = self.world.now() + Span::from_ms(ms);
        self.world.run(until, u64::MAX, &mut ());
    }

    /// A node starts an election, and the votes have time to arrive.
    pub fn campaign(&mut self, node: NodeId) {
        self.world.order(node, Request::Campaign);
        self.run(3);
    }

    pub fn put(&mut self, node: NodeId, value: u32) -> OpId {
        self.write(node, Session::default(), value)
    }

    pub fn change(&mut self, node: NodeId, wanted: Reconfiguration) {
        self.world.request(Some(node), None, Request::Configure(wanted));
    }

    pub fn write(&mut self, node: NodeId, session: Session, value: u32) -> OpId {
        let op = Op::Put { key: Key(0), value: Value::int(value) };
        self.world.request(Some(node), None, Request::Write(Command { op, session }))
    }

    /// Writes values one after the other, and each has the time to be committed.
    pub fn put_each(&mut self, node: NodeId, count: u32) {
        for value in 0..count {
            self.put(node, value);
            self.run(5);
        }
    }

    pub fn read(&mut self, node: NodeId, via: ReadPath) -> OpId {
        self.world.request(Some(node), None, Request::Read { key: Key(0), via })
    }

    /// Partitions the network into these groups, instead of earlier ones.
    pub fn split(&mut self, groups: &[&[NodeId]]) {
        self.heal();
        let groups = groups.iter().map(|nodes| group(nodes)).collect();
        self.world.add_overlay(SPLIT, Overlay::Partition(groups));
    }

    pub fn heal(&mut self) {
        self.world.remove_overlay(SPLIT);
    }

    /// Holds messages of these kinds from now on.
    pub fn hold(&mut self, from: NodeId, to: NodeId, kinds: u64) {
        let handle = u32::from(from.0) << 8 | u32::from(to.0);
        let (from, to) = (group(&[from]), group(&[to]));
        let matching = Matching { from, to, both_ways: false, kinds: Some(kinds) };
        self.world.hold_matching(handle, matching);
    }

    /// Stops holding new messages of this link; held ones stay held.
    pub fn stop_holding(&mut self, from: NodeId, to: NodeId) {
        self.world.stop_holding(u32::from(from.0) << 8 | u32::from(to.0));
    }

    /// The held messages of a link, in the order in which they were sent.
    pub fn held(&self, from: NodeId, to: NodeId) -> Vec<MessageId> {
        let held = self.world.in_flight().into_iter().filter(|flight| flight.due == Time::NEVER);
        held.map(|flight| flight.id).filter(|id| (id.from, id.to) == (from, to)).collect()
    }

    /// Delivers the held message of a link that was sent first.
    pub fn deliver_first(&mut self, from: NodeId, to: NodeId) {
        let first = self.held(from, to).first().copied();
        assert!(
            first.is_some_and(|id| self.world.deliver(id)),
            "nothing is held on {from:?}-{to:?}"
        );
    }

    /// Delivers the held message of a link that was sent last.
    pub fn deliver_last(&mut self, from: NodeId, to: NodeId) {
        let last = self.held(from, to).last().copied();
        assert!(
            last.is_some_and(|id| self.world.deliver(id)),
            "nothing is held on {from:?}-{to:?}"
        );
    }

    /// Delivers the messages of a link that are held now.
    pub fn deliver_all(&mut self, from: NodeId, to: NodeId) {
        for id in self.held(from, to) {
            self.world.deliver(id);
        }
    }

    pub fn crash(&mut self, node: NodeId) {
        self.world.crash(node, Unsynced::Lose);
    }

    pub fn restart(&mut self, node: NodeId) {
        self.world.restart(node);
    }

    pub fn wipe(&mut self, node: NodeId) {
        self.crash(node);
        self.world.wipe(node);
        self.restart(node);
    }

    pub fn leads(&self, node: NodeId) -> bool {
        self.world.node(node).status().role == Role::Leader
    }

    pub fn commit(&self, node: NodeId) -> u64 {
        self.world.node(node).status().commit_index
    }

    pub fn checks(&self) -> &Checks {
        self.world.observer()
    }

    /// The properties that were violated, in the order of their first violations.
    pub fn violated(&self) -> Vec<&'static str> {
        names(self.checks().violations())
    }
}

pub fn names(violations: &[Violation]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for violation in violations {
        if !names.contains(&violation.property) {
            names.push(violation.property);
        }
    }
    names
}

pub fn log(terms: &[u64]) -> Log {
    let mut log = Log::default();
    for (i, &term) in terms.iter().enumerate() {
        let value = Value::int(i as u32 + 1);
        log.push(term, Command::plain(Op::Put { key: Key(0), value }));
    }
    log
}
