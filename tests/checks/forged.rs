//! Events that no schedule of this implementation causes, reported to the checks by hand.

use raftlab::check::{Breach, Checks};
use raftlab::protocol::{NodeId, OpId, ReadPath, Role, Span};
use raftlab::raft::{Node, RaftMessage, Rules};
use raftlab::replica::{EntryId, Key, Output, ReplicaNote, Request, RoleChange};
use raftlab::sim::{Flight, HostEvent, MessageId, Observer, OpEvent, Time};

use super::lab::{A, B, C, by_hand, log, names, nodes};

/// A node with this log in this term, and checks that know it.
fn seen(terms: &[u64], term: u64, commit: u64, role: Role) -> (Checks, Node) {
    let mut node = nodes(3, by_hand(Rules::ALL)).swap_remove(0);
    node.preset(term, None, log(terms), commit);
    if role == Role::Leader {
        node.preset_leader();
    }
    let mut checks = Checks::new(3);
    checks.begin(A, &node);
    (checks, node)
}

/// The same node with another log.
fn changed(node: &Node, terms: &[u64], term: u64) -> Node {
    let mut node = node.clone();
    node.preset(term, None, log(terms), 0);
    node
}

fn send(checks: &mut Checks, message: RaftMessage, copy: u8) {
    let id = MessageId { from: A, to: B, ordinal: 0, copy };
    Observer::<Node>::sent(
        checks,
        Time(1),
        &Flight { id, sent: Time(1), due: Time(2), row: 0, message },
    );
}

fn acknowledgement(term: u64, index: u64) -> RaftMessage {
    RaftMessage::AppendEntriesReply {
        term,
        success: true,
        index,
        hint: EntryId::default(),
        interval: Span::ZERO,
        round: 0,
        carried: true,
    }
}

#[test]
fn a_leader_that_deletes_its_entries() {
    let (mut checks, node) = seen(&[1, 2, 2], 2, 0, Role::Leader);
    let after = changed(&node, &[1], 2);
    checks.noted(Time(5), A, &after, ReplicaNote::Truncated { first: 2, last: 3 });
    assert_eq!(names(checks.violations()), ["leader_append_only"]);
    assert_eq!(checks.violations()[0].index, Some(2));
}

#[test]
fn a_leader_that_overwrites_its_entries() {
    let (mut checks, node) = seen(&[1, 2, 2], 2, 0, Role::Leader);
    let note = ReplicaNote::Appended { first: 2, last: 3, hash: node.log().hash_at(3) };
    checks.noted(Time(5), A, &node, note);
    assert_eq!(names(checks.violations()), ["leader_append_only"]);
}

#[test]
fn a_snapshot_of_what_was_never_committed() {
    let (mut checks, node) = seen(&[1, 1, 1], 1, 2, Role::Follower);
    checks.noted(Time(5), A, &node, ReplicaNote::Snapshot { index: 2 });
    assert_eq!(names(checks.violations()), Vec::<&str>::new());
    checks.noted(Time(5), A, &node, ReplicaNote::Snapshot { index: 3 });
    assert_eq!(names(checks.violations()), ["snapshot_consistency"]);
    assert_eq!(checks.violations()[0].index, Some(3));
}

#[test]
fn a_snapshot_of_another_history_and_an_old_one() {
    let install = |index, hash| {
        let (mut checks, mut node) = seen(&[1, 1, 1], 1, 3, Role::Follower);
        checks.begin(B, &node);
        node.preset(1, None, log(&[]), 0);
        checks.host(Time(4), A, &node, HostEvent::Wiped);
        checks.noted(Time(5), A, &node, ReplicaNote::Installed { first: 1, index: 2, hash });
        checks.noted(Time(6), A, &node, ReplicaNote::Installed { first: 3, index, hash });
        checks.violations().iter().map(|violation| violation.message.clone()).collect::<Vec<_>>()
    };
    let (_, node) = seen(&[1, 1, 1], 1, 3, Role::Follower);
    let [second, third] = [2, 3].map(|index| node.log().hash_at(index));
    assert_eq!(
        install(2, second),
        ["node 0 with commitIndex 2 went back to a snapshot up to index 2"]
    );
    let differs = |index| {
        format!("node 0 has a snapshot up to index {index} that differs from the committed state")
    };
    assert_eq!(install(3, third), [differs(2)]);
    assert_eq!(install(3, second), [differs(3)]);
}

/// C appends this log; then B, whose log is empty, installs a snapshot of it.
fn installs(checks: &mut Checks, node: &Node, terms: &[u64], between: impl Fn(&mut Checks)) {
    let term = node.term();
    let other = changed(node, terms, term);
    let (last, hash) = (other.log().last_index(), other.log().hash_at(other.log().last_index()));
    checks.noted(Time(2), C, &other, ReplicaNote::Appended { first: 1, last, hash });
    between(checks);
    let installed = ReplicaNote::Installed { first: 1, index: last, hash };
    checks.noted(Time(4), B, &changed(node, &[], term), installed);
}

fn acknowledge(checks: &mut Checks, node: NodeId, index: u64, term: u64) {
    let output = Output::Written { index, term, applied: true };
    Observer::<Node>::op(checks, Time(3), OpId(index), 1, &OpEvent::Ok { node, output: &output });
}

/// A liar acknowledged a write to a client. The write counts once an honest node has committed it
/// with a snapshot, and is then lost, since another honest node has committed a different entry
/// there.
#[test]
fn a_write_that_a_contradicting_snapshot_covers_is_lost() {
    let (mut checks, node) = seen(&[1, 1, 1], 2, 3, Role::Follower);
    installs(&mut checks, &node, &[1, 2, 2], |checks| {
        Observer::<Node>::liar(checks, Time(3), C, None);
        acknowledge(checks, C, 2, 2);
        assert_eq!((checks.violations(), checks.lost_writes()), (&[][..], 0));
    });
    let expected = ["snapshot_consistency", "state_machine_safety", "acknowledged_write_lost"];
    assert_eq!((names(checks.violations()), checks.lost_writes()), (expected.to_vec(), 1));
}

/// Entries that an honest node was the first to commit, with a snapshot, must be the ones that
/// others commit, even if the entries before them are unknown.
#[test]
fn a_write_that_a_snapshot_covers_is_held_by_a_log_that_differs_before_it() {
    let (mut checks, node) = seen(&[2, 2, 3], 3, 0, Role::Follower);
    installs(&mut checks, &node, &[1, 2, 3], |_| {});
    acknowledge(&mut checks, B, 3, 3);
    assert_eq!(names(checks.violations()), ["log_matching"]);
    checks.noted(Time(5), A, &node, ReplicaNote::Committed { first: 1, last: 3 });
    let expected = ["log_matching", "state_machine_safety"];
    assert_eq!((names(checks.violations()), checks.lost_writes()), (expected.to_vec(), 0));
}

#[test]
fn a_commit_index_that_falls_jumps_or_runs_ahead() {
    for (first, last) in [(1, 2), (4, 4), (3, 5)] {
        let (mut checks, node) = seen(&[1, 1, 1, 1], 1, 2, Role::Follower);
        checks.noted(Time(5), A, &node, ReplicaNote::Committed { first, last });
        assert_eq!(names(checks.violations()), ["commit_monotonic"], "{first} to {last}");
    }
    let (mut checks, node) = seen(&[1, 1, 1, 1], 1, 2, Role::Follower);
    checks.noted(Time(5), A, &node, ReplicaNote::Committed { first: 3, last: 4 });
    assert_eq!(checks.violations(), []);
}

#[test]
fn a_disk_that_loses_what_was_acknowledged() {
    let (mut checks, node) = seen(&[1, 1, 1], 1, 0, Role::Follower);
    send(&mut checks, acknowledgement(1, 2), 0);
    checks.host(Time(5), A, &changed(&node, &[1, 1], 1), HostEvent::Crashed);
    assert_eq!(checks.violations(), [], "entry 3 was promised to nobody");
    checks.host(Time(6), A, &changed(&node, &[1], 1), HostEvent::Crashed);
    assert_eq!(names(checks.violations()), ["durable_promise"]);
    assert_eq!(checks.violations()[0].breach, Breach::EntryForgotten { node: A, index: 2 });
}

#[test]
fn a_disk_that_brings_back_another_entry() {
    let (mut checks, node) = seen(&[1, 2], 2, 0, Role::Follower);
    send(&mut checks, acknowledgement(2, 2), 0);
    checks.host(Time(5), A, &changed(&node, &[1, 1], 2), HostEvent::Crashed);
    assert_eq!(names(checks.violations()), ["durable_promise"]);
}

#[test]
fn a_promise_ends_with_the_entry_and_copies_promise_nothing() {
    let (mut checks, node) = seen(&[1, 1, 1], 1, 0, Role::Follower);
    send(&mut checks, acknowledgement(1, 3), 0);
    let shorter = changed(&node, &[1], 2);
    checks.noted(
        Time(3),
        A,
        &shorter,
        ReplicaNote::Role { role: Role::Follower, term: 2, why: RoleChange::HigherTerm(B) },
    );
    checks.noted(Time(3), A, &shorter, ReplicaNote::Truncated { first: 2, last: 3 });
    send(&mut checks, acknowledgement(2, 3), 1);
    send(&mut checks, acknowledgement(1, 3), 0); // waited for the disk since term 1
    checks.host(Time(5), A, &shorter, HostEvent::Crashed);
    assert_eq!(checks.violations(), []);
}

#[test]
fn a_term_that_falls_while_the_node_runs() {
    let (mut checks, node) = seen(&[], 4, 0, Role::Follower);
    let note = ReplicaNote::Role { role: Role::Follower, term: 3, why: RoleChange::HigherTerm(B) };
    checks.noted(Time(5), A, &changed(&node, &[], 3), note);
    assert_eq!(names(checks.violations()), ["term_monotonic"]);
}

#[test]
fn a_wipe_takes_promises_but_not_votes() {
    let (mut checks, node) = seen(&[1, 1], 3, 2, Role::Follower);
    send(&mut checks, acknowledgement(3, 2), 0);
    let vote =
        |granted| RaftMessage::RequestVoteReply { term: 3, granted, asked: 3, stale_log: false };
    send(&mut checks, vote(true), 0);
    let mut kept = node.clone();
    kept.preset(3, Some(B), log(&[1, 1]), 0);
    checks.host(Time(5), A, &kept, HostEvent::Crashed);
    let mut empty = changed(&node, &[], 0);
    checks.host(Time(5), A, &empty, HostEvent::Wiped);
    checks.noted(
        Time(6),
        A,
        &empty,
        ReplicaNote::Role { role: Role::Candidate, term: 1, why: RoleChange::ElectionTimeout },
    );
    checks.host(Time(7), A, &empty, HostEvent::Crashed);
    assert_eq!(checks.violations(), []);
    empty.preset(3, Some(A), log(&[]), 0);
    let stands = RaftMessage::RequestVote { term: 3, last: EntryId::default(), forced: false };
    send(&mut checks, stands, 0);
    assert_eq!(names(checks.violations()), ["vote_once"]);
}

#[test]
fn a_client_that_is_told_too_early_is_told_of_once() {
    let (mut checks, _) = seen(&[1, 1, 1, 1], 1, 2, Role::Leader);
    for index in 1..=4 {
        let output = Output::Written { index, term: 1, applied: true };
        Observer::<Node>::op(
            &mut checks,
            Time(index),
            OpId(index),
            1,
            &OpEvent::Ok { node: A, output: &output },
        );
    }
    let told: Vec<_> = checks.violations().iter().map(|v| v.breach.index()).collect();
    assert_eq!(
        (names(checks.violations()), told),
        (vec!["acknowledged_write_lost"], vec![Some(3)])
    );
}

#[test]
fn a_read_of_what_is_not_committed() {
    for (index, expected) in [(2, 0), (3, 1)] {
        let (mut checks, node) = seen(&[1, 1, 1, 1], 1, 2, Role::Leader);
        let request = Request::Read { key: Key(0), via: ReadPath::Local };
        let asked = OpEvent::Invoked { request: &request, node: Some(A), again: false };
        Observer::<Node>::op(&mut checks, Time(1), OpId(7), 0, &asked);
        let output = Output::Read { index, hash: node.log().hash_at(index), items: vec![] };
        Observer::<Node>::op(
            &mut checks,
            Time(2),
            OpId(7),
            0,
            &OpEvent::Ok { node: A, output: &output },
        );
        assert_eq!(checks.violations().len(), expected, "at index {index}");
    }
}

#[test]
fn logs_that_differ_before_the_same_entry_are_told_of_once() {
    let (mut checks, node) = seen(&[1, 1], 2, 0, Role::Follower);
    for (id, terms) in [(NodeId(1), &[1, 2, 2, 2][..]), (NodeId(2), &[2, 2, 2, 2])] {
        let other = changed(&node, terms, 2);
        let note = ReplicaNote::Appended { first: 1, last: 4, hash: other.log().hash_at(4) };
        checks.noted(Time(3), id, &other, note);
    }
    let found: Vec<_> = checks.violations().iter().map(|v| (v.property, v.index)).collect();
    assert_eq!(found, [("log_matching", Some(2))]);
}
