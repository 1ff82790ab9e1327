//! A node's configuration follows its log and its snapshots (§6, §7, diss. §4.1); who starts
//! elections (diss. §4.2).

use raftlab::protocol::{Input, Protocol as _, Role};
use raftlab::raft::{Config, Node, RaftMessage};
use raftlab::reasons;
use raftlab::replica::{Base, ELECTION, ReplicaNote, Request};

use super::support::cluster::config;
use super::support::messages::append;
use super::support::recorder::{Subject, id};
use super::words::{
    appends, asks, committed, follower, in_force, install, install_at, members, of_three, refuses,
    restart,
};

#[test]
fn a_configuration_is_in_force_when_it_is_appended() {
    let mut follower = follower();
    let step = follower.hears(1, appends(1, (1, 1), &[(1, "1234")], 1));
    assert_eq!(in_force(&follower), (2, "1234".into()));
    assert_eq!(committed(&follower), (0, "123".into()));
    let members = members("1234");
    assert!(step.notes.contains(&ReplicaNote::Configured { index: 2, members }));
    follower.hears(1, append(1, (2, 1), &[], 2));
    assert_eq!(committed(&follower), (2, "1234".into()));
}

#[test]
fn a_truncated_configuration_is_no_longer_in_force() {
    let mut follower = follower();
    follower.hears(1, appends(1, (1, 1), &[(1, "1234"), (1, "12345")], 1));
    assert_eq!(in_force(&follower), (3, "12345".into()));
    let step = follower.hears(3, append(2, (2, 1), &[2], 1));
    assert_eq!(in_force(&follower), (2, "1234".into()));
    let members = members("1234");
    assert!(step.notes.contains(&ReplicaNote::Configured { index: 2, members }));
    assert_eq!(asks(&mut follower), [1, 3, 4]);
    follower.hears(4, append(4, (1, 1), &[4], 1));
    assert_eq!(in_force(&follower), (0, "123".into()));
    assert_eq!(asks(&mut follower), [1, 3]);
}

#[test]
fn a_truncation_after_the_configuration_changes_nothing() {
    let mut follower = follower();
    follower.hears(1, appends(1, (1, 1), &[(1, "1234"), (1, "")], 1));
    let step = follower.hears(3, append(2, (2, 1), &[2], 1));
    let configured = |note: &ReplicaNote| matches!(note, ReplicaNote::Configured { .. });
    assert!(!step.notes.iter().any(configured));
    assert_eq!(in_force(&follower), (2, "1234".into()));
}

#[test]
fn a_restart_finds_the_configurations_of_the_log() {
    let mut follower = follower();
    follower.hears(1, appends(1, (1, 1), &[(1, "1234"), (1, "12345")], 3));
    restart(&mut follower);
    assert_eq!(in_force(&follower), (3, "12345".into()));
    assert_eq!(committed(&follower), (0, "123".into())); // it knows no commitIndex
    assert_eq!(asks(&mut follower), [1, 3, 4, 5]);
}

#[test]
fn a_restart_finds_the_configuration_of_the_snapshot() {
    let mut follower = of_three(2, Config { snapshot_every: Some(1), ..config() });
    follower.hears(1, appends(1, (1, 1), &[(1, "1234"), (1, ""), (1, "")], 4));
    follower.hears(1, append(1, (4, 1), &[], 4)); // makes the snapshot durable
    restart(&mut follower);
    assert_eq!(follower.node.log().base().index, 3);
    assert_eq!(in_force(&follower), (4, "1234".into()));
    assert_eq!(asks(&mut follower), [1, 3, 4]);
}

#[test]
fn a_snapshot_has_the_configuration_at_its_index() {
    let mut follower = of_three(2, Config { snapshot_every: Some(1), ..config() });
    follower.hears(1, appends(1, (1, 1), &[(1, ""), (1, "1234"), (1, "12345")], 2));
    let members = |follower: &Subject| follower.node.stable().snapshot().map(|one| one.members);
    assert_eq!(members(&follower), Some(None)); // the founding one
    follower.hears(1, append(1, (4, 1), &[], 3));
    assert_eq!(members(&follower), Some(Some(self::members("1234"))));
    restart(&mut follower);
    assert_eq!(in_force(&follower), (4, "12345".into())); // the log has a later one
}

#[test]
fn an_installed_snapshot_brings_its_configuration() {
    let mut follower = follower();
    follower.hears(1, appends(1, (1, 1), &[(1, "1234")], 1));
    let step = follower.hears(3, install(2, &[1, 2, 2], Some(members("234"))));
    assert_eq!(in_force(&follower), (3, "234".into()));
    assert_eq!(committed(&follower), (3, "234".into()));
    let members = members("234");
    assert!(step.notes.contains(&ReplicaNote::Configured { index: 3, members }));
    assert_eq!(asks(&mut follower), [3, 4]);
}

#[test]
fn an_installed_snapshot_without_one_has_the_founding_configuration() {
    let mut follower = follower();
    follower.hears(1, appends(1, (1, 1), &[(1, "1234")], 1));
    follower.hears(3, install(2, &[1, 2, 2], None));
    assert_eq!(in_force(&follower), (0, "123".into()));
    assert_eq!(asks(&mut follower), [1, 3]);
}

#[test]
fn a_configuration_after_an_installed_snapshot_stays_in_force() {
    let mut follower = follower();
    follower.hears(1, appends(1, (1, 1), &[(1, ""), (1, "1234")], 1));
    let base = follower.node.log().hash_at(2);
    let step = follower.hears(1, install_at(1, Base { index: 2, term: 1, hash: base }, None));
    assert_eq!(in_force(&follower), (3, "1234".into()));
    let configured = |note: &ReplicaNote| matches!(note, ReplicaNote::Configured { .. });
    assert!(!step.notes.iter().any(configured));
}

#[test]
fn a_learner_starts_no_election() {
    let mut learner = follower();
    learner.hears(1, appends(1, (1, 1), &[(1, "13+2")], 2));
    assert!(learner.times_out().sent.is_empty());
    assert!(learner.is_armed(ELECTION));
    assert_eq!(learner.role(), Role::Follower);
    refuses(&learner.asked(Request::Campaign), reasons::NO_VOTER);
    assert!(learner.hears(1, RaftMessage::TimeoutNow { term: 1 }).sent.is_empty());
}

#[test]
fn a_removed_node_starts_elections_until_its_removal_is_committed() {
    // "a server that is not part of its own latest configuration should still start new elections,
    // as it might still be needed until the Cnew entry is committed" (diss. §4.2.2)
    let mut removed = follower();
    removed.hears(1, appends(1, (1, 1), &[(1, "13")], 1));
    assert_eq!(asks(&mut removed), [1, 3]);
    assert_eq!(removed.role(), Role::Candidate);
    // "It does not count its own vote"
    let granted =
        |term| RaftMessage::RequestVoteReply { term, granted: true, asked: term, stale_log: false };
    removed.hears(1, granted(removed.term()));
    assert_eq!(removed.role(), Role::Candidate);
    removed.hears(3, granted(removed.term()));
    assert_eq!(removed.role(), Role::Leader);

    let mut removed = follower();
    removed.hears(1, appends(1, (1, 1), &[(1, "13")], 2));
    assert!(removed.times_out().sent.is_empty());
    restart(&mut removed);
    assert_eq!(asks(&mut removed), [1, 3]); // it does not know that any more
}

#[test]
fn a_learner_that_was_never_a_voter_starts_none_before_either() {
    let mut learner = follower();
    learner.hears(1, appends(1, (1, 1), &[(1, "13+2"), (1, "134+2")], 1));
    assert!(learner.times_out().sent.is_empty());
}

#[test]
fn learners_are_not_asked_for_votes() {
    let mut candidate = follower();
    candidate.hears(1, appends(1, (1, 1), &[(1, "123+45")], 1));
    assert_eq!(asks(&mut candidate), [1, 3]);
    let mut candidate = follower();
    candidate.hears(1, appends(1, (1, 1), &[(1, "123>245")], 1));
    assert_eq!(asks(&mut candidate), [1, 3, 4, 5]);
}

#[test]
fn a_machine_without_a_configuration_waits_for_a_leader() {
    let mut spare = Subject::new(4, 0, config());
    spare.node = Node::spare(id(4), config());
    let step = spare.step(Input::Start);
    assert!(step.sent.is_empty() && !step.arms(ELECTION));
    assert!(spare.times_out().sent.is_empty());
    spare.hears(1, appends(1, (0, 0), &[(1, "123"), (1, "1234")], 1));
    assert_eq!(asks(&mut spare), [1, 2, 3]);
}
