//! Regression tests for past bugs.

use raftlab::experiment::{Cluster, OnViolation, Scenario};
use raftlab::protocol::{Delay, Durability, Span, TimerId};
use raftlab::protocol::{Effects, Input, LocalTime, Message, NodeId, OpId, Protocol, Reply, Role};
use raftlab::raft::{Node, Payload, RaftMessage, Write};
use raftlab::replica::{EntryId, Output, ReplicaNote};
use raftlab::sim::{Time, World};

const A: NodeId = NodeId(0);

fn world(json: &str) -> World<Node, ()> {
    let scenario = Scenario::from_json(json).expect("a scenario");
    Cluster::<Node, _>::new(scenario.into(), 1, OnViolation::Record, ())
        .expect("a cluster")
        .world()
        .clone()
}

/// Only "leaders send periodic heartbeats" (§5.2). A heartbeat timer expired while the leader was
/// paused; when it resumed it first heard of its successor, and then sent a heartbeat in the
/// successor's term.
#[test]
fn a_timer_that_ran_out_during_a_pause_is_void_once_the_node_disarmed_it() {
    let mut world = world(
        r#"{"raftlab": 2, "nodes": ["A", "B", "C"], "heartbeat": 1000,
            "initial": {"term": 1, "leader": "A"}}"#,
    );
    world.run(Time(10_000_000), u64::MAX, &mut ());
    world.pause(A);
    world.run(Time(1_200_000_000), u64::MAX, &mut ()); // first RequestVote, then the timer
    assert!(world.counters().elections > 0);
    world.resume(A);
    assert_eq!(world.node(A).status().role, Role::Follower);
    let heartbeats = world
        .in_flight()
        .iter()
        .filter(|f| f.id.from == A && matches!(f.message, RaftMessage::AppendEntries { .. }))
        .filter(|f| f.message.fields().term > 1)
        .count();
    assert_eq!(heartbeats, 0, "a follower sent AppendEntries of its leader's term");
}

/// "Once these acknowledgments are received, the leader knows that there could not have existed a
/// leader for a greater term at the moment it sent the heartbeats" (diss. §6.4). The refusal of an
/// older term does not show this; it echoed the round, and confirmed it to the same node once that
/// led the newer term.
#[test]
fn a_refusal_of_an_older_term_confirms_no_round() {
    let scenario =
        Scenario::from_json(r#"{"raftlab": 2, "nodes": ["A", "B", "C"]}"#).expect("valid");
    let mut node = Node::new(A, 3, scenario.config());
    node.preset(5, None, raftlab::replica::Log::default(), 0);
    let mut sent = Sent::default();
    let message = RaftMessage::AppendEntries {
        term: 4,
        prev: EntryId::default(),
        commit: 0,
        round: 7,
        payload: Payload::Heartbeat,
    };
    node.handle(LocalTime(1), Input::Message { from: NodeId(1), message: &message }, &mut sent);
    let [RaftMessage::AppendEntriesReply { term: 5, success: false, round, .. }] = sent.0[..]
    else {
        panic!("not a refusal: {:?}", sent.0)
    };
    assert_eq!(round, 0);
}

/// A refusal of entries after index 0 answers another message: a node that led two terms mistook a
/// late refusal of the first term for one of the second, and counted below index 0.
#[test]
fn a_refusal_at_index_0_is_survived() {
    let mut world =
        world(r#"{"raftlab": 2, "nodes": ["A", "B", "C"], "initial": {"term": 1, "leader": "A"}}"#);
    world.run(Time(1_000_000), u64::MAX, &mut ());
    let mut leader = world.node(A).clone();
    let message = RaftMessage::AppendEntriesReply {
        term: 1,
        success: false,
        index: 0,
        hint: EntryId::default(),
        interval: Span::ZERO,
        round: 0,
        carried: true,
    };
    leader.handle(
        LocalTime(1),
        Input::Message { from: NodeId(1), message: &message },
        &mut Sent::default(),
    );
    assert_eq!(leader.status().role, Role::Leader);
}

/// An acknowledgement of entries that were never sent is a lie; it must not advance the leader
/// beyond its log.
#[test]
fn an_acknowledgement_beyond_the_log_is_survived() {
    let mut world =
        world(r#"{"raftlab": 2, "nodes": ["A", "B", "C"], "initial": {"term": 1, "leader": "A"}}"#);
    world.run(Time(1_000_000), u64::MAX, &mut ());
    let mut leader = world.node(A).clone();
    for from in [NodeId(1), NodeId(2)] {
        let message = RaftMessage::AppendEntriesReply {
            term: 1,
            success: true,
            index: u64::MAX,
            hint: EntryId::default(),
            interval: Span::ZERO,
            round: 1,
            carried: true,
        };
        leader.handle(
            LocalTime(1),
            Input::Message { from, message: &message },
            &mut Sent::default(),
        );
    }
    assert_eq!(leader.status().commit_index, leader.status().last_index);
}

/// Keeps the messages that a node sends.
#[derive(Default)]
struct Sent(Vec<RaftMessage>);

impl Effects<Node> for Sent {
    fn send(&mut self, _: NodeId, message: RaftMessage) {
        self.0.push(message);
    }
    fn arm(&mut self, _: TimerId, _: Delay) {}
    fn disarm(&mut self, _: TimerId) {}
    fn write(&mut self, _: impl FnOnce() -> Write) {}
    fn sync(&mut self) -> Durability {
        Durability::Done
    }
    fn reply(&mut self, _: OpId, _: Reply<Output>) {}
    fn note(&mut self, _: ReplicaNote) {}
    fn halt(&mut self, _: &'static str) {}

    fn is_under_way(&self, _: NodeId, _: impl Fn(&RaftMessage) -> bool) -> bool {
        false // every message arrives at once
    }
}
