//! The world is generic over the protocol: this one is not Raft. The running node with the lowest
//! position leads. It sends regular heartbeats, and a node that hears none takes over. There is no
//! quorum and nothing is stored on disk, so a partition has two leaders, which Raft prevents.

use raftlab::protocol::{
    Delay, Effects, Input, LocalTime, Message, NodeId, NodeSet, Note, Protocol, Reply, Role, Span,
    Status, TimerId,
};
use raftlab::sim::{
    DiskSpec, Distribution, Latency, NetworkSpec, OpStatus, Overlay, Time, Unsynced, World,
    WorldSpec,
};

// --- The protocol ---
const BEAT: Delay = Delay { min: Span::from_ms(10), max: Span::from_ms(11) };
const PATIENCE: Delay = Delay { min: Span::from_ms(40), max: Span::from_ms(60) };

#[derive(Clone, Debug)]
struct Heir {
    id: NodeId,
    peers: Vec<NodeId>,
    leader: Option<NodeId>,
}

impl Protocol for Heir {
    type Stable = ();
    type Message = Leads;
    type Request = ();
    type Output = Option<NodeId>;
    type Note = Leads;
    type Lie = ();
    const TIMERS: usize = 1;

    fn handle<E: Effects<Self>>(&mut self, _: LocalTime, input: Input<'_, Self>, fx: &mut E) {
        let leader = match input {
            Input::Timer(_) => self.id,
            Input::Message { from, .. } if from < self.id => from,
            Input::Request { op, .. } => return fx.reply(op, Reply::Ok(self.leader)),
            Input::Start => return fx.arm(TimerId(0), PATIENCE),
            _ => return,
        };
        self.leader = Some(leader);
        fx.note(Leads(leader));
        let followers = self.peers.iter().filter(|_| leader == self.id);
        followers.for_each(|peer| fx.send(*peer, Leads(leader)));
        fx.arm(TimerId(0), if leader == self.id { BEAT } else { PATIENCE });
    }

    fn crash(&mut self, _: Option<()>) {
        self.leader = None;
    }

    fn stable(&self) -> &() {
        &()
    }

    fn status(&self) -> Status {
        let role = if self.leader == Some(self.id) { Role::Leader } else { Role::Follower };
        Status { role, leader: self.leader, ..Status::default() }
    }
}

#[derive(Clone, Copy, Debug)]
struct Leads(NodeId);

impl Message for Leads {
    type Change = ();
    const KINDS: &'static [&'static str] = &["Beat"];

    fn kind(&self) -> u8 {
        0
    }

    fn fingerprint(&self) -> u64 {
        u64::from(self.0.0)
    }
}

impl Note for Leads {
    fn fingerprint(&self) -> u64 {
        u64::from(self.0.0)
    }
}
// --- The world ---

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const C: NodeId = NodeId(2);

#[test]
fn the_protocol_is_short() {
    let (_, rest) =
        include_str!("other_protocol.rs").split_once("// --- The protocol ---").unwrap();
    let (protocol, _) = rest.split_once("// --- The world ---").unwrap();
    let lines = protocol.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 60, "{lines} lines that are not empty");
}

#[test]
fn the_lowest_living_node_leads() {
    let mut world = world(1);
    run(&mut world, 300);
    assert_eq!(leaders(&world), [A]);
    world.crash(A, Unsynced::Lose);
    assert_eq!(leaders(&world), []);
    run(&mut world, 300);
    assert_eq!(leaders(&world), [B]);
    world.restart(A);
    run(&mut world, 300);
    assert_eq!(leaders(&world), [A]);
}

#[test]
fn a_partition_has_two_leaders_until_it_heals() {
    let mut world = world(1);
    run(&mut world, 300);
    let groups = vec![[A, B].into_iter().collect::<NodeSet>(), [C].into_iter().collect()];
    world.add_overlay(1, Overlay::Partition(groups));
    run(&mut world, 300);
    assert_eq!(leaders(&world), [A, C]);
    world.remove_overlay(1);
    run(&mut world, 300);
    assert_eq!(leaders(&world), [A]);
}

#[test]
fn clients_are_answered() {
    let mut world = world(1);
    let early = world.request(Some(C), None, ());
    run(&mut world, 300);
    let late = world.request(Some(C), None, ());
    assert_eq!(world.ops()[&early].status, OpStatus::Ok(None));
    assert_eq!(world.ops()[&late].status, OpStatus::Ok(Some(A)));
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    let story = |seed| {
        let mut world = world(seed);
        run(&mut world, 200);
        world.crash(A, Unsynced::Lose);
        run(&mut world, 200);
        let fork = world.clone();
        let ends = [world, fork].map(|mut world| {
            world.restart(A);
            run(&mut world, 200);
            (world.digest(), world.counters())
        });
        assert_eq!(ends[0], ends[1], "a fork is the same world");
        ends[0]
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1).0, story(2).0);
    assert!(story(1).1.delivered > 50, "the story has something to tell");
}

fn world(seed: u64) -> World<Heir, ()> {
    let ids = [A, B, C];
    let heir = |id| {
        let peers = ids.into_iter().filter(|peer| *peer != id).collect();
        Heir { id, peers, leader: None }
    };
    let latency = Latency::All(Distribution::Uniform { low: 1.0, high: 5.0 });
    let network = NetworkSpec { latency, loss: 0.05, ..NetworkSpec::default() };
    let nodes = ids.map(heir).to_vec();
    let disk = DiskSpec::default();
    World::new(WorldSpec { nodes, network, disk, loads: Vec::new(), seed }, ())
}

fn run(world: &mut World<Heir, ()>, ms: u64) {
    let until: Time = world.now() + Span::from_ms(ms);
    world.run(until, u64::MAX, &mut ());
}

fn leaders(world: &World<Heir, ()>) -> Vec<NodeId> {
    world.leaders().iter().collect()
}
