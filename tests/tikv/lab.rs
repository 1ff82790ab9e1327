//! Clusters of the crate's nodes, and an observer that checks what they agree on.

use std::collections::BTreeMap;

use raftlab::protocol::{NodeId, OpId, Protocol as _, ReadPath, Role, Span};
use raftlab::raft::Config;
use raftlab::replica::{Command, Key, Op, Output, ReplicaNote, Request, Session, Value};
use raftlab::sim::{
    DiskSpec, Distribution, HostEvent, Latency, NetworkSpec, Observer, OpEvent, Time, World,
    WorldSpec,
};
use raftlab::tikv::Node;
use raftlab::tikv::settings::unknown_to_the_crate;

pub type Lab = World<Node, Witness>;

/// The paper's settings, with what `TiKV` switches on: PreVote and CheckQuorum.
pub fn config() -> Config {
    Config { pre_vote: true, check_quorum: true, commit_guard: true, ..Config::default() }
}

/// The world around the nodes.
#[derive(Clone, Copy)]
pub struct Setting {
    pub nodes: usize,
    pub loss: f64,
    pub slow_disks: bool,
    pub config: Config,
}

impl Default for Setting {
    fn default() -> Self {
        Self { nodes: 3, loss: 0.0, slow_disks: false, config: config() }
    }
}

impl Setting {
    pub fn chaotic(config: Config) -> Self {
        Self { nodes: 5, loss: 0.05, slow_disks: true, config }
    }

    pub fn world(self, seed: u64) -> Lab {
        self.world_of(self.all_nodes(), seed)
    }

    /// Its nodes in their initial states.
    pub fn all_nodes(self) -> Vec<Node> {
        let config = Config { sticky_votes: self.config.check_quorum, ..self.config };
        assert_eq!(unknown_to_the_crate(&config), None);
        let node = |at| Node::new(NodeId::from(at), self.nodes, config);
        (0..self.nodes).map(node).collect()
    }

    pub fn world_of(self, nodes: Vec<Node>, seed: u64) -> Lab {
        let Self { loss, slow_disks, .. } = self;
        let latency = Latency::All(Distribution::Uniform { low: 1.0, high: 10.0 });
        let network = NetworkSpec {
            latency,
            loss,
            duplicate: loss / 2.0,
            fifo: false,
            ..NetworkSpec::default()
        };
        let between = |low, high| Distribution::Uniform { low, high };
        let disk = if slow_disks {
            DiskSpec { write: between(0.0, 1.0), fsync: between(1.0, 40.0), ..DiskSpec::default() }
        } else {
            DiskSpec::default()
        };
        let spec = WorldSpec { nodes, network, disk, loads: Vec::new(), seed };
        World::new(spec, Witness::default())
    }
}

/// What the nodes agreed on, and where they did not.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// The hash of the log up to each committed index.
    committed: BTreeMap<u64, u64>,
    leaders: BTreeMap<u64, NodeId>,
    /// The last committed index of each node that its log holds: of what a crash takes from a log
    /// the node had only heard that it is committed.
    highest: BTreeMap<NodeId, u64>,
    /// Index and term of each acknowledged write.
    pub acknowledged: Vec<(u64, u64)>,
    /// The last index that was acknowledged when an operation was invoked.
    invoked: BTreeMap<OpId, u64>,
    pub reads: usize,
    pub truncations: usize,
    pub installed: usize,
    /// How often a node stood or asked whether it would win.
    pub asked: usize,
    pub halts: Vec<(NodeId, &'static str)>,
    pub broken: Vec<String>,
}

impl Witness {
    fn agrees(&mut self, id: NodeId, node: &Node, index: u64) {
        let hash = node.log().hash_at(index);
        if index < node.log().base().index || hash == 0 {
            return;
        }
        if *self.committed.entry(index).or_insert(hash) != hash {
            self.broken.push(format!("{id:?} commits another entry at {index}"));
        }
    }

    pub fn commit(&self) -> u64 {
        self.committed.last_key_value().map_or(0, |(index, _)| *index)
    }

    fn last_acknowledged(&self) -> u64 {
        self.acknowledged.iter().map(|(index, _)| *index).max().unwrap_or(0)
    }
}

impl Observer<Node> for Witness {
    fn noted(&mut self, _: Time, id: NodeId, node: &Node, note: ReplicaNote) {
        match note {
            ReplicaNote::Committed { first, last } => {
                (first..=last).for_each(|index| self.agrees(id, node, index));
                let highest = self.highest.entry(id).or_default();
                *highest = last.max(*highest);
            }
            ReplicaNote::Role { role: Role::Leader, term, .. }
                if *self.leaders.entry(term).or_insert(id) != id =>
            {
                self.broken.push(format!("term {term} has two leaders"));
            }
            ReplicaNote::Role { role: Role::Candidate | Role::PreCandidate, .. } => self.asked += 1,
            ReplicaNote::Truncated { first, .. } => {
                self.truncations += 1;
                if first <= self.highest.get(&id).copied().unwrap_or(0) {
                    self.broken.push(format!("{id:?} deletes the committed entry {first}"));
                }
            }
            ReplicaNote::Installed { .. } => self.installed += 1,
            _ => {}
        }
    }

    fn host(&mut self, _: Time, id: NodeId, node: &Node, event: HostEvent) {
        let holds = |index: &u64| self.committed.get(index) == Some(&node.log().hash_at(*index));
        let highest = self.highest.entry(id).or_default();
        *highest = (0..=*highest).rev().find(holds).unwrap_or(0);
        if let HostEvent::Halted(reason) = event {
            self.halts.push((id, reason));
        }
    }

    fn op(&mut self, _: Time, op: OpId, _: u32, event: &OpEvent<'_, Node>) {
        match event {
            OpEvent::Invoked { again: false, .. } => {
                let known = self.last_acknowledged();
                self.invoked.insert(op, known);
            }
            OpEvent::Ok { output: Output::Written { index, term, .. }, .. } => {
                self.acknowledged.push((*index, *term));
            }
            OpEvent::Ok { output: Output::Read { index, hash, .. }, .. } => {
                self.reads += 1;
                let known = self.committed.get(index).copied().unwrap_or(*hash);
                if *index < self.invoked[&op] || known != *hash {
                    self.broken.push(format!("{op:?} read the state at {index}, which is stale"));
                }
            }
            _ => {}
        }
    }
}

pub fn put(value: u32) -> Request {
    let op = Op::Put { key: Key(value % 7), value: Value::int(value) };
    Request::Write(Command { op, session: Session::default() })
}

pub fn read(key: u32, via: ReadPath) -> Request {
    Request::Read { key: Key(key), via }
}

/// Runs until a node leads.
pub fn run_to_leader(world: &mut Lab) {
    world.run(Time::LAST, u64::MAX, &mut |world: &Lab| !world.leaders().is_empty());
}

pub fn run(world: &mut Lab, ms: u64) {
    let until = world.now() + Span::from_ms(ms);
    world.run(until, u64::MAX, &mut ());
}

pub fn ids(world: &Lab) -> impl Iterator<Item = NodeId> + use<> {
    (0..world.len()).map(NodeId::from)
}

/// The leader of the highest term.
pub fn leader(world: &Lab) -> Option<NodeId> {
    world.leaders().iter().max_by_key(|id| world.node(*id).status().term)
}

/// Every node holds and has applied the same log, with every acknowledged write.
pub fn assert_settled(world: &Lab, what: &str) {
    let witness = world.observer();
    assert_eq!(witness.broken, Vec::<String>::new(), "{what}");
    assert_eq!(
        witness.halts,
        [],
        "{what}: {:?}",
        ids(world).map(|id| world.node(id).panic()).collect::<Vec<_>>()
    );
    let states: Vec<_> = ids(world).map(|id| (world.is_up(id), world.node(id).status())).collect();
    let lasts: Vec<_> =
        states.iter().map(|(_, s)| (s.last_index, s.commit_index, s.last_applied)).collect();
    assert!(
        lasts.iter().all(|last| *last == lasts[0] && last.0 == last.1 && last.1 == last.2),
        "{what}: {states:?}"
    );
    for id in ids(world) {
        let node = world.node(id);
        assert_eq!(node.log().hash_at(lasts[0].0), world.node(NodeId(0)).log().hash_at(lasts[0].0));
        assert!(node.machine().contents().eq(world.node(NodeId(0)).machine().contents()), "{what}");
        for &(index, term) in &witness.acknowledged {
            let there = index < node.log().base().index || node.log().term_at(index) == Some(term);
            assert!(there, "{what}: {id:?} lacks the acknowledged entry {index} of term {term}");
        }
    }
}
