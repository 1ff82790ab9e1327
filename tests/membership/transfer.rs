//! Transfer of leadership (diss. §3.10), and what it plans as part of its state.

use raftlab::protocol::{OpId, Protocol as _, Reply, Role, Span};
use raftlab::raft::{Config, RaftMessage};
use raftlab::reasons;
use raftlab::replica::{EntryId, Output, Request};
use raftlab::state::StateHash;

use super::support::cluster::config;
use super::support::messages::{acknowledge, append, put, request_vote};
use super::support::recorder::{Subject, id};
use super::words::{
    TIMEOUT, heartbeat, later, leader, of_three, promote, refuses, told_to_stand, voter,
    with_learner, written,
};

#[test]
fn the_target_is_told_once_its_log_is_complete() {
    let mut leader = leader();
    leader.asked(put(1));
    assert_eq!(leader.asked(Request::Transfer(id(3))).sent.len(), 0);
    assert_eq!(told_to_stand(&leader.hears(2, acknowledge(2, 3))), [0; 0]); // not the target
    assert_eq!(told_to_stand(&leader.hears(3, acknowledge(2, 2))), [0; 0]); // lacks the last entry
    assert_eq!(told_to_stand(&leader.hears(3, acknowledge(2, 3))), [3]);
    assert_eq!(told_to_stand(&leader.hears(3, acknowledge(2, 3))), [0; 0]);
}

#[test]
fn during_a_transfer_requests_are_refused() {
    let mut leader = leader();
    leader.hears(3, acknowledge(2, 2));
    assert_eq!(told_to_stand(&leader.asked(Request::Transfer(id(3)))), [3]);
    refuses(&leader.asked(put(1)), reasons::TRANSFERRING);
    refuses(&leader.asked(voter(4)), reasons::TRANSFERRING);
    refuses(&leader.asked(Request::Transfer(id(2))), reasons::TRANSFERRING);
    later(&mut leader, Span(TIMEOUT.0 - 1));
    assert_eq!(heartbeat(&mut leader).replies, []);
    refuses(&leader.asked(put(1)), reasons::TRANSFERRING);
    later(&mut leader, Span(1));
    let unknown = Reply::Unknown { reason: reasons::TRANSFER_ABORTED };
    assert_eq!(heartbeat(&mut leader).replies, [(OpId(1), unknown)]);
    assert_eq!(leader.asked(put(1)).replies, []);
    assert_eq!(leader.hears(3, acknowledge(2, 3)).replies, written(3));
}

#[test]
fn a_transfer_to_itself_is_done() {
    let mut leader = leader();
    let step = leader.asked(Request::Transfer(id(1)));
    assert_eq!(step.replies, [(OpId(1), Reply::Ok(Output::Done))]);
    assert_eq!(leader.asked(put(1)).replies, []);
}

#[test]
fn a_transfer_is_complete_when_the_target_has_a_later_term() {
    let outcome = |told: bool, from: u64| {
        let mut leader = leader();
        if told {
            leader.hears(3, acknowledge(2, 2));
        }
        leader.asked(Request::Transfer(id(3)));
        let step = leader.hears(from, request_vote(3, 2, 2));
        assert_eq!(leader.role(), Role::Follower);
        step.replies[0].1.clone()
    };
    let reason = reasons::STEPPED_DOWN;
    assert_eq!(outcome(true, 3), Reply::Ok(Output::Done));
    assert_eq!(outcome(true, 2), Reply::Unknown { reason }); // 3 may stand all the same
    assert_eq!(outcome(false, 2), Reply::Refused { reason, hint: None });
}

#[test]
fn only_a_follower_of_that_term_stands() {
    let told = |subject: &mut Subject, term| {
        let step = subject.hears(1, RaftMessage::TimeoutNow { term });
        let forced = |message: &RaftMessage| match message {
            RaftMessage::RequestVote { forced, .. } => *forced,
            _ => false,
        };
        step.sent.iter().filter(|(_, message)| forced(message)).count()
    };
    let mut follower = of_three(2, Config { pre_vote: true, ..config() });
    assert_eq!(told(&mut follower, 0), 0);
    assert_eq!(told(&mut follower, 1), 2); // without asking first
    assert_eq!((follower.role(), follower.term()), (Role::Candidate, 2));
    assert_eq!(told(&mut follower, 2), 0); // it stands already
    assert_eq!(told(&mut follower, 3), 2);
    assert_eq!(follower.term(), 4);
}

#[test]
fn a_forced_vote_does_not_wait_for_the_leader() {
    for forced in [false, true] {
        let mut voter = of_three(2, Config { sticky_votes: true, ..config() });
        voter.hears(1, append(1, (1, 1), &[], 1));
        let last = EntryId { term: 1, index: 1 };
        voter.hears(3, RaftMessage::RequestVote { term: 2, last, forced });
        assert_eq!(voter.term(), if forced { 2 } else { 1 });
    }
}

#[test]
fn plans_are_part_of_a_state() {
    let print = |subject: &Subject| {
        let mut state = StateHash::at(subject.now);
        subject.node.hash_state(&mut state);
        std::hash::Hasher::finish(&state)
    };
    // With nothing but the plans changed:
    let learner = with_learner();
    let catching = |began: u64, waited: u64| {
        let mut one = learner.clone();
        later(&mut one, Span(began));
        one.asked(promote(2));
        later(&mut one, Span(waited));
        print(&one)
    };
    assert_ne!(catching(0, 0), print(&learner));
    assert_ne!(catching(0, 5), catching(0, 0));
    assert_eq!(catching(7, 5), catching(0, 5)); // times count from now
    let leader = leader();
    let transferring = |to, began: u64, waited: u64| {
        let mut one = leader.clone();
        later(&mut one, Span(began));
        one.asked(Request::Transfer(id(to)));
        later(&mut one, Span(waited));
        print(&one)
    };
    assert_ne!(transferring(3, 0, 0), print(&leader));
    assert_ne!(transferring(3, 0, 5), transferring(3, 0, 0));
    assert_eq!(transferring(3, 7, 5), transferring(3, 0, 5));
}
