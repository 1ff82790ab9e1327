//! Compares the recorder's tables with a world of Raft nodes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::kind::{NO_LABEL, NOBODY};
use super::ops::Answer;
use super::schema::{
    EventKind, FaultOutcome, MessageFate, OpStatus, RequestKind, Tables, entries, events, messages,
};
use super::store::NO_ROW;
use super::table::{ColumnSet, Rows};
use super::{DEFAULT_MAX_ROWS, Level, Recorder};
use crate::protocol::{Message, Mix, NodeId, NodeSet, Protocol, ReadPath, Span};
use crate::raft::{Config, Node, Payload, RaftMessage};
use crate::replica::{Command, EntryId, Key, Log, Op, Request, Value};
use crate::sim::{
    DiskSpec, Distribution, Fate, Flight, Latency, Load, MessageId, NetworkSpec, Observer, Overlay,
    Pacing, Time, Unsynced, World, WorldSpec,
};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const C: NodeId = NodeId(2);

fn ms(ms: u64) -> Time {
    Time(ms * 1_000_000)
}

fn config() -> Config {
    Config { max_entries_per_append: 8, max_inflight: 64, ..Config::default() }
}

/// Five nodes of which A leads term 1, one millisecond apart, with load every two milliseconds.
fn spec(fsync_ms: u64, seed: u64) -> WorldSpec<Node> {
    let nodes = (0..5).map(|i| {
        let mut node = Node::new(NodeId(i), 5, config());
        node.preset(1, Some(A), Log::default(), 0);
        if NodeId(i) == A {
            node.preset_leader();
        }
        node
    });
    let latency = Latency::All(Distribution::constant(Span::from_ms(1)));
    let mix = Mix { keys: 3, reads: 0.3, via: ReadPath::ReadIndex, session: false };
    let pacing = Pacing::Open { every: Distribution::constant(Span::from_ms(2)) };
    WorldSpec {
        nodes: nodes.collect(),
        network: NetworkSpec { latency, ..NetworkSpec::default() },
        disk: DiskSpec {
            fsync: Distribution::constant(Span::from_ms(fsync_ms)),
            ..DiskSpec::default()
        },
        loads: vec![Load { start: ms(10), end: None, pacing, mix, home: None }],
        seed,
    }
}

fn full() -> Recorder {
    Recorder::new(5, Level::Full, DEFAULT_MAX_ROWS)
}

fn watched(spec: WorldSpec<Node>) -> World<Node, Recorder> {
    World::new(spec, full())
}

fn run<O: Observer<Node>>(world: &mut World<Node, O>, until: Time) {
    world.run(until, u64::MAX, &mut ());
}

fn cut_off(nodes: &[NodeId]) -> Overlay {
    let minority: NodeSet = nodes.iter().copied().collect();
    let rest = NodeSet::first(5).iter().filter(|id| !minority.contains(*id)).collect();
    Overlay::Partition(vec![minority, rest])
}

fn put(value: u32) -> Request {
    Request::Write(Command::plain(Op::Put { key: Key(0), value: Value::int(value) }))
}

fn stays(world: &World<Node, Recorder>, id: NodeId) -> Vec<entries::Row> {
    let node = i16::from(id.0);
    world.observer().tables().entries.iter().filter(|row| row.node == node).collect()
}

/// Compares the present state in the tables with the world.
fn agrees(world: &World<Node, Recorder>) {
    let tables = world.observer().tables();
    for id in NodeSet::first(world.len()).iter() {
        let (node, status) = (world.node(id), world.node(id).status());
        let mut there: Vec<_> =
            stays(world, id).into_iter().filter(|row| row.truncated_ms.is_nan()).collect();
        there.sort_by_key(|row| row.index);
        let recorded: Vec<_> = there.iter().map(|row| (row.index, row.term, row.hash)).collect();
        let entries = node.log().entries().zip(1..);
        let actual: Vec<_> = entries.map(|(e, index)| (index, e.term as i64, e.hash)).collect();
        assert_eq!(recorded, actual, "log of {id:?} at {}", world.now());
        let committed = &there[..status.commit_index as usize];
        let unseen = |row: &entries::Row| row.appended_ms.is_nan();
        assert!(committed.iter().all(|row| unseen(row) || row.committed_ms >= row.appended_ms));

        let node = i16::from(id.0);
        let last = tables.nodes.iter().filter(|row| row.node == node).last();
        let Some(last) = last else { panic!("no state of {id:?}") };
        assert_eq!((last.term, last.role), (status.term as i64, status.role as i8));
        assert_eq!(last.commit_index, status.commit_index as i32);
        assert_eq!(last.last_index, status.last_index as i32);
        assert_eq!(last.voted_for, status.voted_for.map_or(NOBODY, |id| i16::from(id.0)));
        assert_eq!((last.up, last.paused), (world.is_up(id).into(), world.is_paused(id).into()));
    }
    let fate = |wanted: MessageFate| {
        tables.messages.iter().filter(|row| row.fate == wanted.code()).count()
    };
    let counters = world.counters();
    assert_eq!(fate(MessageFate::Delivered) as u64, counters.delivered);
    let arrivals =
        tables.events.iter(&tables.messages).filter(|row| row.kind == EventKind::Arrival.code());
    assert_eq!(arrivals.count() as u64, counters.delivered);
}

#[test]
fn the_tables_agree_with_the_world_through_crashes_partitions_and_slow_disks() {
    let (mut truncations, mut survivors) = (0, 0);
    for seed in 0..6 {
        let mut world = watched(spec(seed % 3, seed));
        for step in 0..40u64 {
            run(&mut world, ms(50 * step));
            let id = NodeId(((step * 7 + seed) % 5) as u8);
            match step % 8 {
                0 => world.add_overlay(1, cut_off(&[A, id])),
                1 | 6 => {
                    let unsynced = [Unsynced::Lose, Unsynced::Tear, Unsynced::Keep];
                    world.crash(id, unsynced[(step / 8) as usize % 3]);
                }
                2 => {
                    world.pause(id);
                }
                3 => {
                    world.remove_overlay(1);
                }
                4 => {
                    world.wipe(id);
                }
                _ => NodeSet::first(5).iter().for_each(|id| {
                    world.restart(id);
                    world.resume(id);
                }),
            }
            agrees(&world);
        }
        let entries = &world.observer().tables().entries;
        truncations += entries.iter().filter(|row| !row.truncated_ms.is_nan()).count();
        survivors += entries.iter().filter(|row| row.truncated_ms.is_nan()).count();
    }
    assert!(truncations > 100 && survivors > 1000, "{truncations} {survivors}");
}

#[test]
fn what_a_cut_off_leader_appended_ends_when_it_is_overwritten() {
    let mut world = watched(spec(0, 1));
    run(&mut world, ms(20));
    world.add_overlay(1, cut_off(&[A, B]));
    run(&mut world, ms(1000));
    let term = world.node(C).term() as i64;
    world.remove_overlay(1);
    run(&mut world, ms(1200));
    agrees(&world);
    let rows = stays(&world, A);
    let lost: Vec<_> = rows.iter().filter(|row| !row.truncated_ms.is_nan()).collect();
    assert!(!lost.is_empty());
    for row in lost {
        assert_eq!(row.term, 1);
        assert!(row.appended_ms < 1000.0 && row.truncated_ms >= 1000.0);
        assert!(row.committed_ms.is_nan() && row.applied_ms.is_nan());
        let next = rows.iter().find(|other| other.index == row.index && other.term > 1);
        assert!(next.is_some_and(|next| next.term >= term && next.appended_ms >= row.truncated_ms));
    }
}

#[test]
fn a_crash_ends_what_no_fsync_had_reached_and_a_restart_nothing() {
    let mut world = watched(spec(5, 1));
    run(&mut world, ms(101));
    let before = world.node(A).log().last_index();
    world.crash(A, Unsynced::Lose);
    let kept = world.node(A).log().last_index();
    assert!(kept < before);
    let ended = |world: &World<_, _>| {
        stays(world, A).iter().filter(|row| row.truncated_ms == 101.0).count() as u64
    };
    assert_eq!(ended(&world), before - kept);
    run(&mut world, ms(110));
    let rows = stays(&world, A).len();
    world.restart(A);
    assert_eq!((ended(&world), stays(&world, A).len()), (before - kept, rows));
    let first = stays(&world, A)[0].committed_ms;
    run(&mut world, ms(600));
    assert!(world.node(A).status().commit_index > 0);
    assert_eq!(stays(&world, A)[0].committed_ms, first, "the first time counts");
    agrees(&world);
}

#[test]
fn a_log_in_mid_story_is_recorded_from_the_beginning() {
    let mut log = Log::default();
    for term in [1, 1, 2] {
        log.push(term, Command::default());
    }
    let mut spec = spec(0, 1);
    spec.loads.clear();
    let mut recorder = full();
    for (id, node) in (0..).map(NodeId).zip(&mut spec.nodes) {
        node.preset(2, None, log.clone(), 2);
        recorder.begin(id, node);
    }
    let begun = World::new(spec.clone(), recorder);
    agrees(&begun);
    let times: Vec<_> =
        stays(&begun, B).iter().map(|row| (row.appended_ms, row.committed_ms)).collect();
    assert_eq!(times[..2], [(0.0, 0.0), (0.0, 0.0)]);
    assert!(times[2].1.is_nan());

    let mut late = watched(spec);
    late.request(None, None, put(1));
    run(&mut late, ms(100));
    agrees(&late);
    assert!(stays(&late, A)[0].appended_ms.is_nan(), "appended before the recorder began");
}

#[test]
fn a_message_says_what_became_of_it() {
    let mut spec = spec(0, 1);
    spec.loads.clear();
    let mut world = watched(spec);
    let message = |world: &World<Node, Recorder>, to: NodeId, copy: i32| {
        let mut all = world.observer().tables().messages.iter();
        let row = all.find(|row| (row.to, row.copy) == (i16::from(to.0), copy));
        row.map(|row: messages::Row| (row.fate, row.due_ms, row.ended_ms))
    };
    let name = |to| MessageId { from: A, to, ordinal: 0, copy: 0 };
    let is = |said: Option<(i8, f64, f64)>, fate: MessageFate, due: f64, ended: f64| {
        let Some(said) = said else { panic!("no such message") };
        let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
        assert_eq!(said.0, fate.code(), "{fate:?}");
        assert!(same(said.1, due) && same(said.2, ended), "{fate:?}: {said:?}");
    };
    is(message(&world, B, 0), MessageFate::InFlight, 1.0, f64::NAN);
    world.duplicate(name(B));
    is(message(&world, B, 1), MessageFate::InFlight, f64::NAN, f64::NAN);
    world.hold(name(C));
    is(message(&world, C, 0), MessageFate::InFlight, f64::NAN, f64::NAN);
    world.add_overlay(1, cut_off(&[NodeId(3)]));
    world.remove_overlay(1);
    world.crash(NodeId(4), Unsynced::Lose);
    run(&mut world, ms(2));
    is(message(&world, B, 0), MessageFate::Delivered, 1.0, 1.0);
    is(message(&world, NodeId(3), 0), MessageFate::Cut, 1.0, 0.0);
    is(message(&world, NodeId(4), 0), MessageFate::ReceiverDown, 1.0, 1.0);
    world.release(name(C), Span::from_ms(5));
    is(message(&world, C, 0), MessageFate::InFlight, 7.0, f64::NAN);
    run(&mut world, ms(8));
    is(message(&world, C, 0), MessageFate::Delivered, 7.0, 7.0);
    world.drop_message(MessageId { copy: 1, ..name(B) });
    is(message(&world, B, 1), MessageFate::Removed, f64::NAN, 8.0);

    let append = world.observer().tables().messages.iter().next();
    let Some(append) = append else { panic!("a leader begins with a heartbeat") };
    assert_eq!(<RaftMessage as Message>::KINDS[append.kind as usize], "AppendEntries");
    assert_eq!((append.term, append.ordinal, append.entries), (1, 0, 0));
}

#[test]
fn an_operation_says_how_it_ended() {
    let mut spec = spec(0, 1);
    spec.loads.clear();
    let mut world = watched(spec);
    world.request(None, None, put(7));
    world.request(Some(B), None, put(8));
    run(&mut world, ms(10));
    let cas = Op::Cas { key: Key(0), expected: Value::int(1), value: Value::int(2) };
    world.request(None, None, Request::Write(Command::plain(cas)));
    world.request(None, None, Request::Read { key: Key(0), via: ReadPath::Local });
    let refused = world.request(Some(C), None, put(9));
    world.request_again(refused, Some(A), None);
    run(&mut world, ms(20));

    let recorder = world.observer();
    let ops: Vec<_> = recorder.tables().ops.iter().collect();
    let status: Vec<_> = ops.iter().map(|row| OpStatus::NAMES[row.status as usize]).collect();
    assert_eq!(status, ["ok", "failed", "ok", "ok", "ok"]);
    assert_eq!(recorder.reasons()[ops[1].reason as usize], "not the leader");
    assert_eq!((ops[0].index, ops[0].term, ops[0].node), (1, 1, 0));
    assert_eq!(ops[0].ended_ms, 4.0); // a probe and its answer, the entry and its answer
    assert_eq!(Answer::decode(ops[0].result), Answer::None);
    assert_eq!(ops[2].kind, RequestKind::Cas.code());
    assert_eq!(Answer::decode(ops[2].result), Answer::TookEffect(false));
    assert_eq!(Answer::decode(ops[3].result), Answer::Items { first: 0, count: 1 });
    assert_eq!(recorder.items().get(0).map(|item| item.value), Some(Value::int(7).0));
    assert_eq!((ops[4].attempts, ops[4].node, ops[4].invoked_ms), (2, 0, 10.0));
}

#[test]
fn a_fault_may_wait_before_it_strikes() {
    let mut recorder = full();
    recorder.fault_waiting(ms(1), 7.into(), "crash", "leader".to_owned());
    recorder.fault_waiting(ms(1), 8.into(), "crash", String::new());
    recorder.fault_started(ms(5), 7.into(), "crash", "A,B".to_owned(), "leader".to_owned());
    recorder.fault_expired(ms(6), 8.into());
    recorder.fault_ended(ms(9), 7.into());
    let rows: Vec<_> = recorder.tables().faults.iter().collect();
    let told: Vec<_> = rows.iter().map(|row| (row.handle, row.start_ms, row.end_ms)).collect();
    assert_eq!(told, [(7, 1.0, 5.0), (8, 1.0, 6.0), (7, 5.0, 9.0)]);
    let outcomes: Vec<_> = rows.iter().map(|row| row.outcome).collect();
    let expected = [FaultOutcome::Waited, FaultOutcome::Expired, FaultOutcome::Struck];
    assert_eq!(outcomes, expected.map(FaultOutcome::code));
    assert_eq!(recorder.texts()[rows[2].nodes as usize], "A,B");
}

#[test]
fn the_run_is_the_same_at_every_level() {
    fn digest<O: Observer<Node>>(observer: O) -> String {
        let mut world = World::new(spec(1, 3), observer);
        run(&mut world, ms(300));
        world.crash(A, Unsynced::Lose);
        run(&mut world, ms(900));
        format!("{:?}", world.digest())
    }
    let recorders = [Level::Full, Level::States, Level::Off].map(|l| Recorder::new(5, l, 1 << 20));
    for recorder in recorders.into_iter().chain([Recorder::new(5, Level::Full, 10)]) {
        assert_eq!(digest(recorder), digest(()));
    }
}

#[test]
fn a_level_leaves_tables_empty() {
    let rows = |level| {
        let mut world = World::new(spec(0, 1), Recorder::new(5, level, DEFAULT_MAX_ROWS));
        run(&mut world, ms(300));
        world.crash(A, Unsynced::Lose);
        world.observer_mut().fault_started(ms(300), 1.into(), "crash", "A".into(), String::new());
        world.observer().tables().all().map(|table| table.rows() > 0)
    };
    // Members are recorded at the beginning, by the player of a scenario.
    assert_eq!(rows(Level::Full), [true, true, true, true, false, true, true]);
    assert_eq!(rows(Level::States), [false, true, true, true, false, false, true]);
    assert_eq!(rows(Level::Off), [false; 7]);
}

#[test]
fn a_ceiling_is_told_and_what_is_below_it_stays_right() {
    let mut world = World::new(spec(0, 1), Recorder::new(5, Level::Full, 1000));
    assert_eq!(world.observer().ceilings(), []);
    run(&mut world, ms(2000));
    let recorder = world.observer();
    let full: Vec<_> = recorder.ceilings().iter().map(|c| (c.table, c.rows)).collect();
    assert_eq!(full, ["messages", "nodes", "entries", "events"].map(|t| (t, 1000)));
    let said = recorder.ceilings()[0].to_string();
    assert!(said.starts_with("the trace of messages has reached its ceiling of 1000 rows at "));
    assert!(said.ends_with(" ms; raise trace_rows= or use a lower trace level"));
    assert!(recorder.tables().messages.iter().all(|row| row.fate == MessageFate::Delivered.code()));
    world.crash(A, Unsynced::Lose);
    run(&mut world, ms(3000));
    assert!(world.observer().tables().entries.iter().all(|row| row.truncated_ms.is_nan()));
}

/// An observer that records arrivals as they happen.
#[derive(Clone, Default)]
struct Arrivals(Vec<events::Row>);

impl Observer<Node> for Arrivals {
    fn ended(&mut self, now: Time, flight: &Flight<RaftMessage>, fate: Fate) {
        if fate == Fate::Delivered {
            self.0.push(events::Row {
                time_ms: now.as_ms(),
                node: i16::from(flight.id.to.0),
                kind: EventKind::Arrival.code(),
                detail: i16::from(flight.message.kind()),
                from: i16::from(flight.id.from.0),
                term: flight.message.fields().term as i64,
                why: NO_LABEL,
                cause: NO_ROW,
            });
        }
    }
}

#[test]
fn arrivals_stand_among_events_also_those_of_messages_that_have_no_row() {
    for ceiling in [DEFAULT_MAX_ROWS, 1500] {
        let recorder = Recorder::new(5, Level::Full, ceiling);
        let idle = WorldSpec { loads: Vec::new(), ..spec(0, 1) }; // requests are events, too
        let mut world = World::new(idle, (recorder, Arrivals::default()));
        world.crash(B, Unsynced::Lose);
        world.crash(C, Unsynced::Lose);
        run(&mut world, ms(20_000));
        let (recorder, Arrivals(arrivals)) = world.observer();
        let Tables { events, messages, .. } = recorder.tables();
        let rows: Vec<_> = events.iter(messages).collect();
        assert_eq!(rows.len(), events.rows());
        assert!(rows.is_sorted_by_key(|row| row.time_ms));
        let is_arrival = |row: &&events::Row| row.kind == EventKind::Arrival.code();
        let without_cause = |row: &events::Row| events::Row { cause: NO_ROW, ..*row };
        let told: Vec<_> = rows.iter().filter(is_arrival).map(without_cause).collect();
        assert!(told.len() < rows.len(), "timers and crashes too");
        assert_eq!(told, arrivals[..told.len()]);
        if ceiling == DEFAULT_MAX_ROWS {
            assert_eq!(told.len(), arrivals.len());
        } else {
            assert_eq!(rows.len(), ceiling);
            let unrecorded = |row: &&events::Row| {
                messages.full_since().is_some_and(|since| row.time_ms > since.as_ms() + 1.0)
            };
            assert!(told.iter().any(|row| unrecorded(&row)), "there are more messages than events");
        }
        let sets = events.column_sets(recorder.tables());
        assert_eq!(sets.iter().map(|set| set.rows()).sum::<usize>(), rows.len());
    }
}

/// Over crashes, pauses, slow disks, leader changes and requests.
#[test]
fn every_event_says_what_caused_it() {
    let mut world = watched(spec(2, 3));
    for step in 1..=40 {
        run(&mut world, ms(100 * step));
        let node = NodeId((step % 5) as u8);
        match step % 4 {
            0 => _ = world.crash(node, Unsynced::Lose) || world.restart(node),
            1 => _ = world.pause(node) || world.resume(node),
            _ => {
                let op = Op::Put { key: Key(0), value: Value::int(step as u32) };
                world.request(None, None, Request::Write(Command::plain(op)));
            }
        }
    }
    let recorder = world.observer();
    let Tables { events, messages, .. } = recorder.tables();
    let rows: Vec<_> = events.iter(messages).collect();
    let kind = |row: &events::Row| EventKind::NAMES[row.kind as usize];
    let detail = |label: i16| recorder.details()[label as usize];
    let cause = |row: u32| (row != NO_ROW).then(|| rows[row as usize]);
    let mut seen = BTreeSet::new();
    for (at, row) in (0..).zip(&rows) {
        let Some(before) = cause(row.cause) else {
            let outside = ["request", "fsync", "crashed", "restarted", "paused", "resumed"];
            let from_outside = kind(row).starts_with("timer") || outside.contains(&kind(row));
            assert!(from_outside || row.time_ms == 0.0 || kind(row) == "arrival", "{row:?}");
            continue;
        };
        assert!(row.cause < at, "{row:?} comes after {before:?}");
        seen.insert((kind(row), kind(&before)));
        match kind(row) {
            "arrival" => assert_eq!(before.node, row.from, "{row:?} sent at {before:?}"),
            _ => assert_eq!((before.node, before.time_ms), (row.node, row.time_ms), "{row:?}"),
        }
        if kind(row) == "role" {
            let why = detail(row.why);
            match (why, kind(&before)) {
                ("higher_term" | "leader_heard", "arrival") => assert_eq!(row.from, before.from),
                ("election_timeout", "timer_election")
                | ("quorum_lost", "timer_quorum")
                | ("election_won" | "pre_vote_won" | "election_lost", "arrival" | "fsync") => {}
                other => panic!("{row:?}: {other:?}"),
            }
        }
    }
    for pair in [
        ("arrival", "request"),
        ("arrival", "fsync"),
        ("arrival", "arrival"),
        ("arrival", "timer_heartbeat"),
        ("role", "timer_election"),
        ("role", "arrival"),
        ("voted", "arrival"),
    ] {
        assert!(seen.contains(&pair), "{pair:?} of {seen:?}");
    }
    for message in messages.iter() {
        match cause(message.cause) {
            Some(before) => {
                assert_eq!((before.node, before.time_ms), (message.from, message.sent_ms));
            }
            None => assert_eq!(message.sent_ms, 0.0, "{message:?} has no cause"),
        }
    }
}

#[test]
fn what_a_liar_claims_beyond_what_a_column_holds_is_told_as_the_most_that_it_holds() {
    let mut recorder = full();
    let message = RaftMessage::AppendEntries {
        term: u64::MAX,
        prev: EntryId { term: 7, index: 1 << 40 },
        commit: (1 << 31) - 1,
        round: 0,
        payload: Payload::Heartbeat,
    };
    let id = MessageId { from: A, to: B, ordinal: 0, copy: 0 };
    let flight = Flight { id, sent: ms(1), due: ms(2), row: 0, message };
    Observer::<Node>::sent(&mut recorder, ms(1), &flight);
    let row = recorder.tables().messages.get(0);
    let told = row.map(|row| (row.term, row.index, row.index_term, row.commit_index));
    assert_eq!(told, Some((i64::MAX, i32::MAX, 7, i32::MAX)));
}

#[test]
fn a_fork_goes_its_own_way_and_readers_keep_what_they_read() {
    let mut world = watched(spec(0, 1));
    run(&mut world, ms(500));
    let read: Vec<_> = world.observer().tables().messages.chunks().collect();
    let rows = |chunks: &[Arc<super::store::Chunk<messages::Row>>]| -> Vec<String> {
        let rows = chunks.iter().flat_map(|chunk| (0..chunk.rows()).map(|row| chunk.at(row)));
        rows.map(|row| format!("{row:?}")).collect()
    };
    let before = rows(&read);
    let mut fork = world.clone();
    fork.crash(A, Unsynced::Lose);
    run(&mut fork, ms(1500));
    assert_eq!(rows(&read), before);
    assert_eq!(world.observer().tables().messages.len(), before.len());
    agrees(&world);
    agrees(&fork);
    run(&mut world, ms(1500));
    agrees(&world);
    assert_eq!(rows(&read), before);
}
