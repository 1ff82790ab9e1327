//! Learners that catch up before they become voters (diss. §4.2.1).

use raftlab::protocol::{OpId, Reply, Role, Span};
use raftlab::reasons;

use super::support::messages::{acknowledge, append, put};
use super::words::{
    TIMEOUT, answer, heartbeat, in_force, later, learner, promote, refuses, remove, with_learner,
    written,
};

#[test]
fn a_learner_that_has_everything_becomes_a_voter_at_once() {
    let mut leader = with_learner();
    leader.hears(2, acknowledge(2, 3));
    leader.asked(promote(2));
    assert_eq!(in_force(&leader), (4, "12".into()));
}

#[test]
fn a_short_round_is_enough() {
    let mut leader = with_learner();
    leader.asked(promote(2));
    refuses(&leader.asked(learner(3)), reasons::CHANGE_PENDING);
    later(&mut leader, Span(TIMEOUT.0 - 1));
    leader.hears(2, acknowledge(2, 2));
    assert_eq!(in_force(&leader), (3, "1+2".into())); // the round had three entries
    leader.hears(1, acknowledge(2, 3));
    assert_eq!(in_force(&leader), (3, "1+2".into())); // not the learner's
    leader.hears(2, acknowledge(2, 3));
    assert_eq!(in_force(&leader), (4, "12".into()));
    assert_eq!(leader.hears(2, acknowledge(2, 4)).replies, written(4));
}

#[test]
fn after_a_long_round_without_new_entries_it_has_caught_up() {
    let mut leader = with_learner();
    leader.asked(promote(2));
    later(&mut leader, TIMEOUT);
    leader.hears(2, acknowledge(2, 3));
    assert_eq!(in_force(&leader), (4, "12".into()));
}

#[test]
fn after_ten_long_rounds_the_leader_gives_up() {
    let mut leader = with_learner();
    leader.asked(promote(2));
    for round in 1..=10 {
        leader.asked(put(round));
        later(&mut leader, TIMEOUT);
        let last = leader.node.log().last_index();
        let step = leader.hears(2, acknowledge(2, last - 1)); // the round began before
        let refused = Reply::Refused { reason: reasons::TOO_SLOW, hint: None };
        let expected = if round < 10 { vec![] } else { vec![(OpId(1), refused)] };
        assert_eq!(step.replies, expected, "round {round}");
        assert_eq!(in_force(&leader), (3, "1+2".into()));
    }
    leader.asked(promote(2)); // "The caller may always try again"
    let last = leader.node.log().last_index();
    leader.hears(2, acknowledge(2, last));
    assert_eq!(in_force(&leader), (last + 1, "12".into()));
}

#[test]
fn a_learner_that_answers_nothing_is_given_up() {
    let mut leader = with_learner();
    leader.asked(promote(2));
    later(&mut leader, Span(TIMEOUT.0 - 1));
    assert_eq!(heartbeat(&mut leader).replies, []);
    later(&mut leader, Span(1));
    refuses(&heartbeat(&mut leader), reasons::TOO_SLOW);
    leader.asked(remove(2));
    assert_eq!(in_force(&leader), (4, "1".into()));
}

#[test]
fn a_learner_that_answers_heartbeats_is_not_given_up() {
    let mut leader = with_learner();
    leader.asked(promote(2));
    for round in 2..20 {
        later(&mut leader, Span(TIMEOUT.0 / 2));
        assert_eq!(heartbeat(&mut leader).replies, []);
        leader.hears(2, answer(2, 0, round));
    }
    later(&mut leader, Span(TIMEOUT.0 / 2));
    assert_eq!(heartbeat(&mut leader).replies, []); // sees the last answer
    later(&mut leader, TIMEOUT);
    refuses(&heartbeat(&mut leader), reasons::TOO_SLOW);
}

#[test]
fn a_leader_that_steps_down_catches_nobody_up() {
    let mut leader = with_learner();
    leader.asked(promote(2));
    refuses(&leader.hears(2, append(3, (3, 2), &[], 0)), reasons::STEPPED_DOWN);
    assert_eq!(leader.role(), Role::Follower);
}
