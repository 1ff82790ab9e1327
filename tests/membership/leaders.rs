//! A leader's changes of the configuration (§6, diss. ch. 4), and what it refuses.

use raftlab::protocol::{OpId, Reply, Role};
use raftlab::raft::Config;
use raftlab::reasons;
use raftlab::replica::{Reconfiguration, Replica as _, ReplicaNote, Request};

use super::support::cluster::config;
use super::support::messages::{acknowledge, append, put};
use super::support::recorder::{Subject, id};
use super::words::{
    alone, committed, configure, demote, follower, in_force, joint, leader, leader_of, learner,
    members, of_three, promote, receivers, receivers_of_entries, refuses, remove, voter, written,
};

#[test]
fn a_change_needs_a_leader() {
    let mut follower = follower();
    follower.hears(1, append(1, (1, 1), &[], 1));
    let reply = Reply::Refused { reason: reasons::NOT_LEADER, hint: Some(id(1)) };
    assert_eq!(follower.asked(voter(4)).replies, [(OpId(1), reply.clone())]);
    assert_eq!(follower.asked(Request::Transfer(id(3))).replies, [(OpId(1), reply.clone())]);
    assert_eq!(follower.asked(Request::StepDown).replies, [(OpId(1), reply)]);
}

#[test]
fn a_change_needs_an_entry_of_the_leaders_term_that_is_committed() {
    let mut leader = of_three(1, config()).elected();
    refuses(&leader.asked(voter(4)), reasons::NOTHING_COMMITTED);
    leader.hears(2, acknowledge(2, 2));
    leader.asked(voter(4));
    assert_eq!(in_force(&leader), (3, "1234".into()));
}

#[test]
fn one_change_at_a_time() {
    let mut leader = leader();
    leader.asked(voter(4));
    refuses(&leader.asked(voter(5)), reasons::CHANGE_PENDING);
    refuses(&leader.asked(remove(4)), reasons::CHANGE_PENDING);
    leader.all_say(&acknowledge(2, 3));
    assert_eq!(committed(&leader), (3, "1234".into()));
    leader.asked(voter(5));
    assert_eq!(in_force(&leader), (4, "12345".into()));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut leader = leader();
    refuses(&leader.asked(remove(4)), reasons::NO_MEMBER);
    refuses(&leader.asked(promote(4)), reasons::NO_LEARNER);
    refuses(&leader.asked(promote(2)), reasons::NO_LEARNER);
    refuses(&leader.asked(demote(4)), reasons::NO_VOTER);
    refuses(&leader.asked(learner(2)), reasons::MEMBER);
    refuses(&leader.asked(configure(Reconfiguration::Leave)), reasons::NOT_JOINT);
    refuses(&leader.asked(Request::Transfer(id(4))), reasons::NO_VOTER);
    assert_eq!(leader.node.log().last_index(), 2);
    let mut alone = alone();
    refuses(&alone.asked(remove(1)), reasons::LAST_VOTER);
    refuses(&alone.asked(demote(1)), reasons::LAST_VOTER);
    assert_eq!(in_force(&alone), (0, "1".into()));
}

#[test]
fn a_joint_configuration_is_left_first() {
    let mut leader = leader();
    let step = leader.asked(joint("123", true)); // to itself: decisions need no other nodes
    assert_eq!(step.replies, []);
    let step = leader.hears(2, acknowledge(2, 3));
    assert_eq!(step.replies, written(3)); // that it is in force is all that was asked for
    refuses(&leader.asked(voter(4)), reasons::JOINT);
    refuses(&leader.asked(joint("124", false)), reasons::JOINT);
    leader.asked(configure(Reconfiguration::Leave));
    assert_eq!(in_force(&leader), (4, "123".into()));
}

#[test]
fn a_new_member_gets_the_entry_that_adds_it() {
    let mut leader = leader();
    leader.all_say(&acknowledge(2, 2));
    let step = leader.asked(learner(4));
    assert_eq!(receivers_of_entries(&step), [2, 3, 4]);
    let members = members("123+4");
    assert!(step.notes.contains(&ReplicaNote::Configured { index: 3, members }));
    let step = leader.hears(2, acknowledge(2, 3));
    assert_eq!(step.replies, written(3));
}

#[test]
fn a_member_that_comes_back_is_tracked_anew() {
    let mut leader = leader();
    leader.all_say(&acknowledge(2, 2));
    let matched = |leader: &Subject| leader.node.progress().expect("it leads")[2].1;
    assert_eq!(matched(&leader), 2);
    leader.asked(remove(3));
    assert_eq!(matched(&leader), 0); // its disk may be empty when it comes back
    leader.hears(2, acknowledge(2, 3));
    let step = leader.asked(voter(3));
    assert_eq!(receivers(&step), [2, 3]);
    assert_eq!(matched(&leader), 0);
}

#[test]
fn a_joint_configuration_is_left_when_it_is_committed() {
    let mut leader = leader();
    leader.asked(joint("145", false));
    assert_eq!(in_force(&leader), (3, "123>145".into()));
    leader.all_say(&acknowledge(2, 3));
    assert_eq!(in_force(&leader), (3, "123>145".into())); // 4 and 5 lack it
    let step = leader.hears(4, acknowledge(2, 3));
    assert_eq!(in_force(&leader), (4, "145".into()));
    assert_eq!(step.replies, []);
    assert_eq!(receivers_of_entries(&step), [4]);
    let step = leader.hears(4, acknowledge(2, 4));
    assert_eq!(step.replies, written(4));
}

#[test]
fn a_step_down_leaves_the_outcome_of_a_joint_change_unknown() {
    let mut leader = leader();
    leader.asked(joint("145", false));
    let step = leader.hears(3, append(3, (2, 2), &[3], 2));
    assert_eq!(in_force(&leader), (0, "123".into()));
    let unknown = Reply::Unknown { reason: reasons::STEPPED_DOWN };
    assert_eq!(step.replies, [(OpId(1), unknown)]);
    assert_eq!(leader.hears(3, append(3, (3, 3), &[], 3)).replies, []);
}

#[test]
fn a_leader_that_is_removed_steps_down_when_that_is_committed() {
    let one = Config { max_entries_per_append: 1, max_inflight: 1, ..config() };
    let mut leader = leader_of(one);
    leader.all_say(&acknowledge(2, 2));
    leader.asked(remove(1));
    leader.asked(put(1));
    leader.hears(2, acknowledge(2, 3));
    assert_eq!(leader.role(), Role::Leader); // of 2 and 3 one is no majority
    let step = leader.hears(3, acknowledge(2, 3));
    assert_eq!((leader.role(), leader.commit()), (Role::Follower, 3));
    assert_eq!(step.sent.len(), 0, "it leads no more: {:?}", step.sent);
    assert!(leader.times_out().sent.is_empty());
}

#[test]
fn a_leader_that_becomes_a_learner_steps_down() {
    let mut leader = leader();
    leader.asked(demote(1));
    assert_eq!(in_force(&leader), (3, "23+1".into()));
    leader.all_say(&acknowledge(2, 3));
    assert_eq!(leader.role(), Role::Follower);
}
