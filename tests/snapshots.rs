//! Snapshots by hand (§7): a node's messages, and its resulting state and replies. Each step of
//! Figure 13 has a test here that fails without it.

#[allow(dead_code)] // used by other tests
mod support {
    pub mod cluster;
    pub mod messages;
    pub mod recorder;
}

use std::sync::Arc;

use raftlab::protocol::{Protocol as _, Span};
use raftlab::raft::{Config, RaftMessage, Snapshot, StableState};
use raftlab::replica::machine::Machine;
use raftlab::replica::{Base, Command, EntryId, Key, Op, ReplicaNote, Value};
use support::cluster::{config, log};
use support::messages::{acknowledge, append};
use support::recorder::{Subject, id};

const NEVER: u64 = 1 << 40;

/// Node 1 of three in term 2, with this log.
fn node(terms: &[u64], commit: u64, every: u64) -> Subject {
    let config = Config { noop: false, snapshot_every: Some(every), ..config() };
    Subject::new(1, 3, config).with(2, None, log(terms), commit)
}

/// A leader of term 2 that knows only that its followers' logs end where its own does.
fn leader(terms: &[u64], every: u64) -> Subject {
    let mut leader = node(terms, 0, every);
    leader = leader.with(1, None, log(terms), 0).elected();
    leader.all_say(&acknowledge(2, terms.len() as u64));
    leader
}

fn put(value: u32) -> Op {
    Op::Put { key: Key(0), value: Value::int(value) }
}

/// The snapshot of a leader with this log, in which the key has this value.
fn snapshot(terms: &[u64], value: u32) -> Arc<Snapshot> {
    let log = log(terms);
    let (index, term) = (log.last_index(), log.last_term());
    let mut machine = Machine::default();
    machine.apply_quietly(put(value));
    Arc::new(Snapshot {
        base: Base { index, term, hash: log.hash_at(index) },
        machine,
        members: None,
    })
}

fn install(term: u64, round: u64, snapshot: &Arc<Snapshot>) -> RaftMessage {
    RaftMessage::InstallSnapshot { term, round, snapshot: snapshot.clone() }
}

fn value(subject: &Subject) -> Vec<Value> {
    subject.node.machine().read(Key(0))
}

fn terms(subject: &Subject) -> Vec<u64> {
    subject.node.log().entries().map(|entry| entry.term).collect()
}

fn commit(subject: &Subject) -> u64 {
    subject.node.status().commit_index
}

/// The reply to the leader of term 2 from a follower whose log matches nowhere.
fn refusal(round: u64, prev_index: u64) -> RaftMessage {
    RaftMessage::AppendEntriesReply {
        term: 2,
        success: false,
        index: prev_index,
        hint: EntryId::default(),
        interval: Span::ZERO,
        round,
        carried: false,
    }
}

fn installs(step: &support::recorder::Recorder) -> usize {
    let is_install = |message: &RaftMessage| matches!(message, RaftMessage::InstallSnapshot { .. });
    step.sent.iter().filter(|(_, message)| is_install(message)).count()
}

#[test]
fn a_message_is_no_longer_for_it() {
    assert_eq!(size_of::<RaftMessage>(), 88);
}

#[test]
fn step_1_an_older_term_is_refused() {
    let mut follower = node(&[1, 1], 0, NEVER);
    let step = follower.hears(2, install(1, 1, &snapshot(&[1, 1, 1], 7)));
    assert!(support::messages::rejects(&step));
    assert_eq!((commit(&follower), value(&follower)), (0, vec![]));
}

#[test]
fn step_6_what_follows_a_matching_entry_is_retained() {
    let mut follower = node(&[1, 1, 2, 2], 1, NEVER);
    let step = follower.hears(2, install(2, 1, &snapshot(&[1, 1, 2], 7)));
    follower.hears(2, append(2, (4, 2), &[], 3)); // makes the snapshot durable
    assert_eq!(terms(&follower), [2]);
    assert_eq!((follower.node.log().base().index, follower.node.log().last_index()), (3, 4));
    assert_eq!((commit(&follower), value(&follower)), (3, vec![Value::int(7)]));
    let hash = log(&[1, 1, 2]).hash_at(3);
    assert_eq!(step.notes, [ReplicaNote::Installed { first: 4, index: 3, hash }]);
}

#[test]
fn step_7_a_log_that_does_not_match_is_discarded() {
    let mut follower = node(&[1, 1, 1, 1], 1, NEVER);
    let step = follower.hears(2, install(2, 1, &snapshot(&[1, 1, 2], 7)));
    assert_eq!(terms(&follower), [0; 0]);
    assert_eq!((follower.node.log().last_index(), follower.node.log().last_term()), (3, 2));
    assert_eq!((commit(&follower), value(&follower)), (3, vec![Value::int(7)]));
    let hash = log(&[1, 1, 2]).hash_at(3);
    assert_eq!(step.notes, [ReplicaNote::Installed { first: 2, index: 3, hash }]);
    let [(to, RaftMessage::InstallSnapshotReply { term: 2, index: 3, round: 1 })] = step.sent[..]
    else {
        panic!("one answer: {:?}", step.sent)
    };
    assert_eq!(to, id(2));
    // The entries after it follow.
    assert!(!support::messages::rejects(&follower.hears(2, append(2, (3, 2), &[2], 4))));
    assert_eq!((terms(&follower), commit(&follower)), (vec![2], 4));
}

/// In openraft and others an old snapshot reverted the state, but not lastApplied.
#[test]
fn an_old_snapshot_changes_nothing() {
    let mut follower = node(&[1, 1, 2, 2], 4, NEVER);
    for old in [&[1, 1][..], &[1, 1, 2, 2]] {
        let step = follower.hears(2, install(2, 1, &snapshot(old, 7)));
        assert_eq!(step.notes, []);
        assert_eq!((terms(&follower), commit(&follower)), (vec![1, 1, 2, 2], 4));
        assert_eq!(value(&follower), []);
        assert!(
            matches!(step.sent[..], [(_, RaftMessage::InstallSnapshotReply { .. })]),
            "it has all that is in it"
        );
    }
}

#[test]
fn a_restart_begins_with_the_snapshot() {
    let mut follower = node(&[1, 1], 0, NEVER);
    follower.hears(2, install(2, 1, &snapshot(&[1, 1, 2], 7)));
    follower.node.crash(None);
    assert_eq!((commit(&follower), value(&follower)), (3, vec![Value::int(7)]));
    follower.node.crash(Some(StableState::default()));
    assert_eq!((commit(&follower), value(&follower)), (0, vec![]));
    assert_eq!((follower.node.log().last_index(), follower.node.snapshot_index()), (0, 0));
}

#[test]
fn a_node_compacts_what_it_has_applied_but_for_a_margin() {
    let mut follower = node(&[], 0, 3);
    let taken = |step: &support::recorder::Recorder| {
        let snapshots = step.notes.iter().filter_map(|note| match note {
            ReplicaNote::Snapshot { index } => Some(*index),
            _ => None,
        });
        snapshots.collect::<Vec<_>>()
    };
    let mut bases = Vec::new();
    for index in 1..=9 {
        let prev = (index - 1, if index > 1 { 2 } else { 0 });
        let step = follower.hears(2, append(2, prev, &[2], index));
        let due = if index % 3 == 0 { vec![index] } else { vec![] };
        assert_eq!(taken(&step), due);
        bases.push(follower.node.log().base().index);
    }
    assert_eq!(bases, [0, 0, 0, 0, 0, 0, 3, 3, 3]);
    assert_eq!(follower.node.snapshot_index(), 9);
}

#[test]
fn what_is_not_applied_is_not_compacted() {
    let mut follower = node(&[], 0, 1);
    follower.hears(2, append(2, (0, 0), &[2; 10], 4));
    follower.hears(2, append(2, (10, 2), &[], 4));
    assert_eq!((follower.node.snapshot_index(), follower.node.log().base().index), (4, 3));
    assert_eq!(follower.node.log().last_index(), 10);
}

/// A message sent before the follower's snapshot has entries that the follower has removed: they
/// are committed.
#[test]
fn what_a_snapshot_covers_matches() {
    for (prev, sent, after) in [
        ((0, 0), &[1, 1][..], 3),      // entirely covered
        ((0, 0), &[1, 1, 2], 3),       // up to its end
        ((0, 0), &[1, 1, 2, 2, 2], 5), // and beyond
        ((2, 1), &[2, 2], 4),          // from within
        ((1, 9), &[1], 3),             // the term there is not known
    ] {
        let mut follower = node(&[], 0, NEVER);
        follower.hears(2, install(2, 1, &snapshot(&[1, 1, 2], 7)));
        let step = follower.hears(2, append(2, prev, sent, 0));
        assert!(!support::messages::rejects(&step));
        assert_eq!(follower.node.log().last_index(), after, "{sent:?} after {prev:?}");
        assert_eq!(follower.node.log().base().index, 3);
        let acknowledged = step.sent.iter().find_map(|(_, message)| match message {
            RaftMessage::AppendEntriesReply { index, .. } => Some(*index),
            _ => None,
        });
        assert_eq!(acknowledged, Some(after));
    }
}

#[test]
fn who_needs_what_is_gone_gets_the_snapshot_once_a_round() {
    let mut leader = leader(&[1, 1, 1, 1], 2);
    let request = raftlab::replica::Request::Write(Command::plain(put(5)));
    leader.asked(request);
    leader.hears(2, acknowledge(2, 5)); // commits 1 to 5, and takes a snapshot
    leader.asked(request);
    assert_eq!((leader.node.snapshot_index(), leader.node.log().base().index), (5, 3));
    assert_eq!(value(&leader), [Value::int(5)]);
    // Node 3 lost its disk. A refusal in the round of its acknowledgement may be older than the
    // loss.
    assert_eq!(installs(&leader.hears(3, refusal(1, 4))), 0);
    leader.step(raftlab::protocol::Input::Timer(raftlab::replica::HEARTBEAT));
    assert_eq!(installs(&leader.hears(3, refusal(2, 6))), 0, "it has what it acknowledged");
    assert_eq!(installs(&leader.hears(3, refusal(2, 4))), 1, "it has not");
    assert_eq!(installs(&leader.hears(3, refusal(2, 5))), 0, "it is under way");
    let beat = leader.step(raftlab::protocol::Input::Timer(raftlab::replica::HEARTBEAT));
    let prev = beat.sent.iter().find_map(|(to, message)| match message {
        RaftMessage::AppendEntries { prev, .. } if *to == id(3) => Some(prev.index),
        _ => None,
    });
    assert_eq!((installs(&beat), prev), (0, Some(5)));
    // Its refusal means that the snapshot was lost.
    assert_eq!(installs(&leader.hears(3, refusal(3, 5))), 1);
    let installed = RaftMessage::InstallSnapshotReply { term: 2, index: 5, round: 3 };
    let step = leader.hears(3, installed);
    assert!(
        matches!(
            step.sent[..],
            [(_, RaftMessage::AppendEntries { prev: EntryId { term: 2, index: 5 }, .. })]
        ),
        "the entries after it follow: {:?}",
        step.sent
    );
}

/// "prevLogIndex 0" and "the previous entry was removed" differ; WRaft and RedisRaft confused them.
#[test]
fn a_heartbeat_never_asks_about_what_is_gone() {
    let mut leader = leader(&[1, 1, 1, 1], 1);
    leader.asked(raftlab::replica::Request::Write(Command::plain(put(5))));
    leader.hears(3, refusal(1, 4)); // a probe from the beginning is in flight to node 3
    leader.hears(2, acknowledge(2, 5));
    leader.hears(2, acknowledge(2, 5));
    assert_eq!(leader.node.log().base(), {
        let whole = log(&[1, 1, 1, 1]);
        Base { index: 4, term: 1, hash: whole.hash_at(4) }
    });
    let beat = leader.step(raftlab::protocol::Input::Timer(raftlab::replica::HEARTBEAT));
    let asked = beat.sent.iter().filter_map(|(_, message)| match message {
        RaftMessage::AppendEntries { prev, .. } => Some((prev.index, prev.term)),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    assert_eq!(asked.len(), 2, "both followers: {:?}", beat.sent);
    for (prev_index, prev_term) in asked {
        assert_eq!(Some(prev_term), leader.node.log().term_at(prev_index), "it is there");
    }
}
