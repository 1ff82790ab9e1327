//! Nodes that lie: damage to honest nodes counts as a violation, while errors of liars alone are
//! listed separately.

use raftlab::check::Violation;
use raftlab::protocol::{NodeId, Protocol};
use raftlab::raft::{Config, Lie, Rule, Rules};
use raftlab::replica::{Key, Request, Value};

use super::lab::{A, APPEND, B, C, D, E, Lab, REQUEST_VOTE, VOTE, by_hand, names};

/// E1: E has a short log, claims a long one, is elected and overwrites committed entries.
#[test]
fn a_claimed_log_costs_committed_entries() {
    let mut lab = Lab::new(5, by_hand(Rules::ALL));
    lab.campaign(A);
    lab.run(30);
    lab.split(&[&[A, B, C, D], &[E]]);
    lab.put(A, 1);
    lab.run(30);
    lab.heal();
    lab.world.add_lie(E, 9, Lie::ClaimedLog { index: 9_999, term: None, append_entries: false });
    lab.hold(A, E, APPEND);
    lab.campaign(E);
    lab.run(30);
    lab.put(E, 2); // after E's no-op, which replaced entry 2
    lab.run(30);
    assert_eq!(
        lab.violated(),
        [
            "leader_completeness",
            "acknowledged_write_lost",
            "committed_prefix",
            "state_machine_safety"
        ]
    );
    let first = &lab.checks().violations()[0];
    assert!(first.honest, "what E lacks had been committed by honest nodes");
    assert_eq!((first.index, &first.nodes[..]), (Some(2), &[E, A][..]));
}

/// The same lie is harmless if no entry beyond E's log is committed.
#[test]
fn a_claimed_log_costs_nothing_where_nothing_is_committed_beyond() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.campaign(A);
    lab.run(30);
    lab.split(&[&[A], &[B], &[C]]);
    lab.put(A, 1);
    lab.run(30);
    lab.heal();
    lab.world.add_lie(C, 9, Lie::ClaimedLog { index: 9_999, term: None, append_entries: false });
    lab.hold(A, C, APPEND);
    lab.campaign(C);
    assert!(lab.leads(C));
    lab.run(30);
    assert_eq!(lab.checks().violations(), []);
}

/// A leader sends B and C different values for the same index and term: no rule of Raft detects it,
/// and honest nodes diverge.
#[test]
fn an_equivocator_parts_honest_nodes() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.campaign(A);
    lab.run(30);
    assert_eq!(lab.commit(C), 1);
    lab.world.add_lie(A, 9, Lie::Equivocate);
    lab.put(A, 1);
    lab.run(30);
    let values = [A, B, C].map(|id| lab.world.node(id).machine().read(Key(0)));
    assert_eq!(values, [1, 2, 1].map(|value| vec![Value::int(value)]));
    let found = lab.checks().violations();
    for (rule, index) in [("log_matching", 2), ("state_machine_safety", 2)] {
        let of_both = |v: &&Violation| v.nodes.contains(&B) && v.nodes.contains(&C);
        let violation = found.iter().filter(of_both).find(|violation| violation.property == rule);
        let violation = violation.unwrap_or_else(|| panic!("no {rule} between B and C: {found:?}"));
        assert_eq!((violation.index, violation.honest), (Some(index), true));
    }
}

/// Without a value to change, or while the liar does not lead, the same lie has no effect.
#[test]
fn an_equivocator_that_does_not_lead_harms_nobody() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.world.add_lie(B, 9, Lie::Equivocate);
    lab.campaign(A);
    lab.put(A, 1);
    lab.run(30);
    assert_eq!(lab.commit(C), 2);
    assert_eq!(lab.checks().violations(), []);
    assert_eq!(lab.checks().liar_violations(), []);
}

/// A claim of an empty log is as harmless as a slow node: no node with an entry in its log votes
/// for the liar, in any term.
#[test]
fn a_claim_of_an_empty_log_wins_nothing() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.campaign(A);
    lab.run(30);
    lab.world.add_lie(B, 9, Lie::ClaimedLog { index: 0, term: None, append_entries: false });
    for _ in 0..3 {
        lab.campaign(B);
        lab.run(30);
        assert!(!lab.leads(B));
    }
    lab.campaign(C);
    assert!(lab.leads(C));
    assert_eq!(lab.checks().violations(), []);
}

/// One voter that votes twice is enough where majorities can meet in one node: with n odd.
#[test]
fn a_double_vote_makes_two_leaders_of_three_but_not_of_four() {
    let lab = double_vote(3);
    assert_eq!(lab.violated(), ["election_safety"]);
    assert_eq!(names(lab.checks().liar_violations()), ["vote_once"]);
    let apart = &lab.checks().liar_violations()[0];
    assert_eq!((apart.honest, &apart.nodes[..]), (false, &[C][..]));

    let lab = double_vote(4);
    assert_eq!(lab.checks().violations(), []);
    assert_eq!(names(lab.checks().liar_violations()), ["vote_once"]);
}

/// A and B are candidates in the same term and do not hear of each other; C, and with n = 4 D,
/// vote.
fn double_vote(n: usize) -> Lab {
    let mut lab = Lab::new(n, by_hand(Rules::ALL));
    lab.world.add_lie(C, 9, Lie::DoubleVote);
    for (from, to) in [(A, B), (B, A)] {
        lab.hold(from, to, REQUEST_VOTE | APPEND);
    }
    lab.hold(B, C, REQUEST_VOTE);
    lab.campaign(A);
    lab.hold(A, C, APPEND);
    lab.campaign(B);
    lab.deliver_all(B, C);
    lab.run(5);
    lab
}

/// A usurper of a term that an honest leader has: only the liar's own claim is wrong.
#[test]
fn a_usurper_is_listed_apart() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.split(&[&[A, B], &[C]]);
    lab.campaign(A);
    lab.world.command_liar(C, Request::Usurp, "took the lead");
    lab.run(30);
    assert_eq!(lab.violated(), Vec::<&str>::new());
    assert_eq!(names(lab.checks().liar_violations()), ["election_safety"]);
}

/// Entries that only a liar commits are not committed by the cluster.
#[test]
fn honest_nodes_decide_what_is_committed() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.campaign(A);
    lab.run(30);
    // B and C lie, so A believes that they have entries that they discarded.
    lab.world.add_lie(A, 9, Lie::DoubleVote);
    lab.split(&[&[A, B], &[C]]);
    lab.hold(B, A, VOTE);
    lab.put(A, 1);
    lab.run(5); // A has committed entry 2 and B does not know
    assert_eq!((lab.commit(A), lab.commit(B)), (2, 1));
    assert_eq!(lab.checks().violations(), []);
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(C); // lacks entry 2; B refuses
    assert!(!lab.leads(C));
    lab.campaign(B);
    lab.run(30);
    assert_eq!(lab.commit(C), 3);
    assert_eq!(lab.checks().violations(), []);
    assert_eq!(lab.checks().liar_violations(), []);
    let committer = |id: NodeId| lab.world.node(id).status().commit_index;
    assert_eq!(committer(B), 3);
}

/// What only a liar has committed does not belong into an honest node's snapshot.
#[test]
fn a_snapshot_up_to_an_entry_that_only_a_liar_has_committed() {
    let rules = Rules::ALL.without(Rule::SnapshotOfCommitted);
    let mut lab = Lab::new(3, Config { snapshot_every: Some(1), ..by_hand(rules) });
    lab.world.add_lie(B, 9, Lie::ClaimedLog { index: 9_999, term: None, append_entries: false });
    lab.campaign(B);
    lab.run(2);
    assert!(lab.leads(B));
    lab.hold(B, C, APPEND); // A hears of the first commit, C does not
    lab.run(11);
    lab.put(B, 1);
    lab.run(3);
    assert_eq!([A, B, C].map(|id| lab.commit(id)), [1, 2, 0]);
    assert_eq!(lab.violated(), [""; 0]);
    lab.deliver_last(B, C);
    assert_eq!(lab.world.node(C).snapshot_index(), 2);
    assert_eq!(lab.violated(), ["snapshot_consistency"]);
}
