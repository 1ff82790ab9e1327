//! Timeouts that adapt to the network, by hand: a node's inputs, and the timers and messages that
//! follow.

#[allow(dead_code)] // used by other tests
mod support {
    pub mod cluster;
}

use raftlab::protocol::{
    Delay, Durability, Effects, Input, LocalTime, NodeId, OpId, Protocol as _, Reply, Span, TimerId,
};
use raftlab::raft::{AdaptiveTimeout, Config, Node, Payload, RaftMessage, Write};
use raftlab::replica::{ELECTION, HEARTBEAT, QUORUM};
use raftlab::replica::{EntryId, Log, Output, ReplicaNote};
use support::cluster::config;

/// What a node armed and sent in one step.
#[derive(Default)]
struct Told {
    armed: Vec<(TimerId, Delay)>,
    sent: Vec<(NodeId, RaftMessage)>,
}

impl Effects<Node> for Told {
    fn send(&mut self, to: NodeId, message: RaftMessage) {
        self.sent.push((to, message));
    }
    fn arm(&mut self, timer: TimerId, delay: Delay) {
        self.armed.push((timer, delay));
    }
    fn disarm(&mut self, _: TimerId) {}
    fn write(&mut self, _: impl FnOnce() -> Write) {}
    fn sync(&mut self) -> Durability {
        Durability::Done
    }
    fn reply(&mut self, _: OpId, _: Reply<Output>) {}
    fn note(&mut self, _: ReplicaNote) {}
    fn halt(&mut self, reason: &'static str) {
        panic!("{reason}");
    }

    fn is_under_way(&self, _: NodeId, _: impl Fn(&RaftMessage) -> bool) -> bool {
        false // every message arrives at once
    }
}

fn id(number: u64) -> NodeId {
    NodeId::from(number as usize - 1)
}

/// Node 1 of three.
fn node(adaptive_timeout: AdaptiveTimeout) -> Node {
    let adaptive_timeout = Some(adaptive_timeout);
    Node::new(id(1), 3, Config { adaptive_timeout, check_quorum: true, ..config() })
}

/// Node 1 leads term 1 and has begun its first round.
fn leader() -> Node {
    let mut leader = node(AdaptiveTimeout::default());
    leader.preset(1, None, Log::default(), 0);
    leader.preset_leader();
    at(&mut leader, 0, Input::Start);
    leader
}

fn at(node: &mut Node, ms: u64, input: Input<Node>) -> Told {
    let mut effects = Told::default();
    node.handle(LocalTime(ms * 1_000_000), input, &mut effects);
    effects
}

fn heartbeat(term: u64, round: u64, round_trip: Span) -> RaftMessage {
    let payload = Payload::Measured { round_trip };
    RaftMessage::AppendEntries { term, prev: EntryId::default(), commit: 0, round, payload }
}

fn hears(node: &mut Node, ms: u64, from: u64, message: &RaftMessage) -> Told {
    at(node, ms, Input::Message { from: id(from), message })
}

fn election_timeout(effects: &Told) -> Delay {
    effects.armed.iter().rfind(|(timer, _)| *timer == ELECTION).expect("it is armed").1
}

fn wanted(effects: &Told) -> Span {
    match effects.sent[..] {
        [(_, RaftMessage::AppendEntriesReply { success: true, interval, .. })] => interval,
        _ => panic!("one answer: {:?}", effects.sent),
    }
}

fn answer(round: u64, wanted: Span) -> RaftMessage {
    RaftMessage::AppendEntriesReply {
        term: 1,
        success: true,
        index: 0,
        hint: EntryId::default(),
        interval: wanted,
        round,
        carried: false,
    }
}

/// The leader's heartbeat: its interval, and the round trips that it sent to nodes 2 and 3.
fn beat(effects: &Told) -> (Span, [Option<Span>; 2]) {
    let interval = effects.armed.iter().rfind(|(timer, _)| *timer == HEARTBEAT);
    let told =
        |to| {
            effects.sent.iter().find_map(|(node, message)| match message {
                RaftMessage::AppendEntries {
                    payload: Payload::Measured { round_trip }, ..
                } if *node == id(to) => Some(*round_trip),
                _ => None,
            })
        };
    (interval.expect("it beats").1.min, [told(2), told(3)])
}

#[test]
fn a_follower_sets_its_timeout_by_what_its_leader_measured() {
    let mut follower = node(AdaptiveTimeout::default());
    // Ten round trips of 10 and 14 ms in turn; every second round is lost.
    for sample in 1..=10 {
        let round_trip = Span::from_ms(10 + 4 * (sample % 2));
        let told = hears(&mut follower, 0, 2, &heartbeat(1, 2 * sample, round_trip));
        assert_eq!(election_timeout(&told), config().election_timeout, "{sample} are not enough");
        if sample < 10 {
            assert_eq!(wanted(&told), config().heartbeat());
        }
    }
    let told = hears(&mut follower, 0, 2, &heartbeat(1, 21, Span::ZERO)); // no new round trip
    let (t, twice) = (Span::from_ms(16), Span::from_ms(32)); // 12 + 2 * 2, as 150 to 300
    assert_eq!(election_timeout(&told), Delay { min: t, max: twice });
    // 11 of 20 rounds arrived: 0.45^K <= 0.001 from K = 9 on.
    assert_eq!(wanted(&told), Span(16_000_000 / 9));
    // A new leader: the measurements begin anew.
    let told = hears(&mut follower, 0, 2, &heartbeat(2, 1, Span::from_ms(10)));
    assert_eq!(election_timeout(&told), config().election_timeout);
    assert_eq!(wanted(&told), config().heartbeat());
}

#[test]
fn a_timeout_and_a_crash_end_what_was_measured() {
    let quick = || {
        let mut follower = node(AdaptiveTimeout { min_samples: 1, ..AdaptiveTimeout::default() });
        hears(&mut follower, 0, 2, &heartbeat(1, 1, Span::from_ms(10)));
        let told = hears(&mut follower, 0, 2, &heartbeat(1, 2, Span::from_ms(10)));
        assert_eq!(election_timeout(&told).min, Span::from_ms(10));
        follower
    };
    let stood = at(&mut quick(), 20, Input::Timer(ELECTION));
    assert_eq!(election_timeout(&stood), config().election_timeout);
    let mut crashed = quick();
    crashed.crash(None);
    assert_eq!(election_timeout(&at(&mut crashed, 20, Input::Start)), config().election_timeout);
}

#[test]
fn a_follower_is_bound_to_its_leader_as_long_as_it_would_wait_for_it() {
    let mut follower = node(AdaptiveTimeout { min_samples: 1, ..AdaptiveTimeout::default() });
    hears(&mut follower, 0, 2, &heartbeat(1, 1, Span::from_ms(10)));
    let asks = RaftMessage::PreVote { term: 2, last: EntryId::default() };
    let grants = |told: &Told| {
        matches!(told.sent[..], [(_, RaftMessage::PreVoteReply { granted: true, .. })])
    };
    assert!(!grants(&hears(&mut follower, 9, 3, &asks)), "9 of 10 ms (9.6)");
    assert!(grants(&hears(&mut follower, 11, 3, &asks)), "the configured 150 ms are not over");
}

#[test]
fn a_leader_measures_and_beats_as_often_as_it_is_asked_to() {
    let mut leader = leader();
    let first = at(&mut leader, 50, Input::Timer(HEARTBEAT)); // round 2
    assert_eq!(beat(&first), (Span::from_ms(50), [Some(Span::ZERO); 2]));
    hears(&mut leader, 57, 2, &answer(2, Span::from_ms(20)));
    let second = at(&mut leader, 100, Input::Timer(HEARTBEAT));
    assert_eq!(beat(&second), (Span::from_ms(20), [Some(Span::from_ms(7)), Some(Span::ZERO)]));
    hears(&mut leader, 109, 3, &answer(3, Span::from_ms(30)));
    hears(&mut leader, 110, 2, &answer(3, Span::from_ms(40)));
    let third = at(&mut leader, 120, Input::Timer(HEARTBEAT));
    let (ten, nine) = (Span::from_ms(10), Span::from_ms(9));
    assert_eq!(beat(&third), (Span::from_ms(30), [Some(ten), Some(nine)]));
    // A reply to entries requests no interval, and is not measured: they were sent later than their
    // round.
    hears(&mut leader, 140, 2, &answer(3, Span::ZERO));
    let fourth = at(&mut leader, 150, Input::Timer(HEARTBEAT));
    assert_eq!(beat(&fourth).1[0], Some(Span::ZERO));
}

#[test]
fn where_heartbeats_are_rare_check_quorum_waits_for_two() {
    let mut leader = leader();
    let armed = |told: &Told| told.armed.iter().rfind(|(timer, _)| *timer == QUORUM).copied();
    let everybody_wants = |leader: &mut Node, interval| {
        for follower in [2, 3] {
            hears(leader, 60, follower, &answer(1, interval));
        }
        armed(&at(leader, 150, Input::Timer(QUORUM))).expect("it heard a quorum (6.2)").1
    };
    let timeout = Delay::exactly(config().election_timeout.min);
    assert_eq!(everybody_wants(&mut leader, Span::from_ms(40)), timeout);
    let rare = everybody_wants(&mut leader, Span::from_ms(400));
    assert_eq!(rare, Delay::exactly(Span::from_ms(800)));
}

#[test]
fn wild_claims_break_nothing() {
    let mut follower = node(AdaptiveTimeout { min_samples: 1, ..AdaptiveTimeout::default() });
    for (round, trip) in [(u64::MAX, u64::MAX), (0, 1), (1 << 63, u64::MAX / 2), (7, 0)] {
        let told = hears(&mut follower, 0, 2, &heartbeat(1, round, Span(trip)));
        let Delay { min, max } = election_timeout(&told);
        assert!(Span::ZERO < min && min <= max && max <= Span::from_ms(120_000));
    }
    let mut leader = leader();
    for (round, wanted) in [(0, u64::MAX), (u64::MAX, 1), (1, u64::MAX)] {
        hears(&mut leader, 10, 2, &answer(round, Span(wanted)));
        let (interval, _) = beat(&at(&mut leader, 20, Input::Timer(HEARTBEAT)));
        assert!(Span::ZERO < interval && interval <= Span::from_ms(60_000));
    }
}
