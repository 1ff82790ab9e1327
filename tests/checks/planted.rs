//! Each rule of Raft is taken away, and the property that it protects breaks. The same schedule
//! with the rule in force breaks nothing.

use raftlab::protocol::{Delay, ReadPath, Span};
use raftlab::raft::{Config, Rule, Rules};
use raftlab::replica::Session;

use super::lab::{A, ACK, APPEND, B, C, D, E, Lab, REQUEST_VOTE, VOTE, by_hand};
use super::{durability, elections, membership, snapshots};

type Script = fn(Config) -> Lab;

/// The schedule that needs each rule.
fn script(rule: Rule) -> Script {
    match rule {
        Rule::UpToDateCheck => lagging_candidate,
        Rule::LastTermCheck => elections::longer_log_of_an_older_term,
        Rule::TermFromDisk => elections::whole_cluster_restarts,
        Rule::KeepVote => elections::request_after_an_empty_heartbeat,
        Rule::PreVoteKeepsVote => elections::voter_asks_beforehand,
        Rule::DistinctVoters => elections::vote_arrives_twice,
        Rule::GrantedVotes => elections::refused_candidate,
        Rule::AckVerified => elections::follower_with_a_longer_log,
        Rule::ReplyAfterCommit => elections::write_of_a_leader_alone,
        Rule::ConfirmBeforeRead => elections::read_of_a_leader_alone,
        Rule::RoundAfterRead => elections::late_confirmation,
        Rule::PrevLogCheck => diverged_follower,
        Rule::PersistVote | Rule::PersistTerm => voter_restarts,
        Rule::SyncBeforeAck => durability::power_failure_after_an_acknowledgement,
        Rule::LeaderSync => durability::leader_with_a_stalled_disk,
        Rule::DamageIsNoTornWrite => durability::damaged_entry,
        Rule::CurrentTermCommit => figure_8,
        Rule::QuorumSize => two_halves,
        Rule::TermCheckAppend => late_append_of_an_old_term,
        Rule::TermCheckVote => late_vote,
        Rule::TermCheckAck => late_acknowledgement,
        Rule::TruncateOnConflict => late_append_of_this_term,
        Rule::CommitVerified => heartbeat_before_repair,
        Rule::SessionDedup => command_sent_again,
        Rule::SnapshotSessions => snapshots::session_from_a_snapshot,
        Rule::SnapshotOfCommitted => snapshots::snapshot_among_writes,
        Rule::SnapshotBeforeCompaction => durability::power_failure_during_a_snapshot,
        Rule::AppliedWithStore => snapshots::restart_from_a_snapshot,
        Rule::NewerSnapshot => snapshots::snapshot_arrives_twice,
        Rule::ConflictBeforeSnapshot => snapshots::snapshot_for_a_longer_log,
        Rule::CompactedTerm => snapshots::snapshot_for_a_diverged_log,
        Rule::SnapshotKeepsTerm => snapshots::snapshot_of_an_older_term,
        Rule::NoopBeforeRead => new_leader_reads,
        Rule::LeaseSticky => election_under_a_lease,
        Rule::LeaseRestartWait => voter_restarts_under_a_lease,
        Rule::LeaseFromSend => slow_acknowledgement,
        Rule::LeaseDriftBound => drifting_clocks,
        Rule::LeaseTransfer => membership::transfer_under_a_lease,
        Rule::ConfigAfterCommit => membership::two_leaders_change,
        Rule::OneConfigAtATime => membership::changes_overlap,
        Rule::JointConsensus | Rule::JointMajorities => membership::two_at_once,
        Rule::ConfigOnAppend => membership::restarted_nodes_know_no_commit,
        Rule::ConfigRollback => membership::overwritten_change,
        Rule::SnapshotConfig => membership::restarted_from_a_snapshot,
        Rule::SnapshotReconfigures => membership::overwritten_change_below_a_snapshot,
        Rule::LearnersDoNotVote => membership::learners_beside_the_leader,
        Rule::RemovedLeader => membership::leader_removes_itself,
    }
}

/// In these schedules the checks see something else before it: that a promise is no longer on the
/// disk, or that a node commits what it did not compare.
const SHOWN_LATER: [Rule; 3] = [Rule::PersistVote, Rule::PersistTerm, Rule::PrevLogCheck];

#[test]
fn each_rule_prevents_what_the_table_says() {
    let mut wrong = Vec::new();
    for &rule in Rule::ALL {
        let script = script(rule);
        let without = script(by_hand(Rules::ALL.without(rule)));
        let violated = without.violated();
        println!("{:24} {violated:?}", rule.bug());
        for violation in without.checks().violations() {
            println!("    {} {}", violation.time, violation.message);
        }
        let with = script(by_hand(Rules::ALL));
        let shown = if SHOWN_LATER.contains(&rule) { 3 } else { 1 };
        if !violated.iter().take(shown).any(|property| *property == rule.breaks()) {
            wrong.push(format!("{}: {violated:?}, not {}", rule.bug(), rule.breaks()));
        }
        let needless = with.violated();
        if !needless.is_empty() {
            wrong.push(format!("{}: {needless:?} with all rules", rule.bug()));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// BUGS 6: C lacks entries that A and B committed, and starts an election.
fn lagging_candidate(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.campaign(A);
    lab.run(30);
    lab.split(&[&[A, B], &[C]]);
    lab.put(A, 1);
    lab.run(30);
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(C);
    lab.run(30);
    lab
}

/// BUGS 10: A's second entry is its own; the leader's third is appended after it.
fn diverged_follower(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.campaign(A);
    lab.run(30);
    lab.split(&[&[A], &[B, C]]);
    lab.put(A, 1);
    lab.campaign(B);
    lab.run(30);
    lab.campaign(C);
    lab.heal();
    lab.run(50);
    lab
}

/// BUGS 1 and 2: A and C are candidates in the same term; B votes for A, restarts, and hears from
/// C.
fn voter_restarts(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.hold(A, C, REQUEST_VOTE | APPEND);
    lab.hold(C, A, REQUEST_VOTE | APPEND);
    lab.hold(C, B, REQUEST_VOTE);
    lab.campaign(C);
    lab.campaign(A);
    assert!(lab.leads(A));
    lab.crash(B);
    lab.restart(B);
    lab.hold(A, B, APPEND);
    lab.deliver_first(C, B);
    lab.run(5);
    lab
}

/// BUGS 9, the paper's Figure 8 with three nodes: A commits its old entry by counting, and B
/// overwrites it.
fn figure_8(config: Config) -> Lab {
    let mut lab = Lab::new(3, Config { max_entries_per_append: 1, ..config });
    lab.campaign(A);
    lab.run(30);
    lab.split(&[&[A], &[B, C]]);
    lab.put(A, 1); // entry 2@1, only on A
    lab.crash(A);
    lab.hold(B, C, APPEND);
    lab.campaign(B); // entry 2@2, only on B
    assert!(lab.leads(B));
    lab.crash(B);
    lab.heal();
    lab.restart(A);
    lab.campaign(A); // of term 2, in which C has voted
    lab.hold(A, C, APPEND);
    lab.hold(C, A, ACK);
    lab.campaign(A); // appends 3@3
    assert!(lab.leads(A));
    lab.deliver_first(A, C); // 3@3 alone, as batches hold one entry
    lab.deliver_first(C, A); // refused
    lab.deliver_first(A, C); // 2@1
    lab.deliver_first(C, A); // is on A and C
    lab.crash(A);
    lab.restart(B);
    lab.campaign(B); // of term 3, in which C has voted
    lab.campaign(B); // the last entry of B is 2@2, later than that of C
    assert!(lab.leads(B));
    lab.run(30);
    lab
}

/// BUGS 7: half of four nodes on either side.
fn two_halves(config: Config) -> Lab {
    let mut lab = Lab::new(4, config);
    lab.split(&[&[A, B], &[C, D]]);
    lab.campaign(A);
    lab.campaign(C);
    lab.put(A, 1);
    lab.put(C, 2);
    lab.run(30);
    lab
}

/// BUGS 15: an append of A reaches C while B already leads a newer term.
fn late_append_of_an_old_term(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.campaign(A);
    lab.run(30);
    lab.hold(A, C, APPEND);
    lab.put(A, 1);
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(B);
    lab.put(B, 2);
    lab.run(30);
    assert_eq!(lab.commit(C), 3);
    lab.deliver_first(A, C);
    lab.run(30);
    lab
}

/// BUGS 5: a vote of term 1 for A arrives while A is a candidate in term 2.
fn late_vote(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.hold(B, A, VOTE);
    lab.hold(A, C, REQUEST_VOTE | APPEND);
    lab.campaign(A);
    lab.hold(A, B, REQUEST_VOTE | APPEND);
    lab.campaign(A);
    lab.deliver_first(B, A);
    lab.hold(B, A, REQUEST_VOTE);
    lab.campaign(B);
    assert!(lab.leads(B));
    lab
}

/// BUGS 14: B's acknowledgement of an entry that it has since deleted counts for the entry that A
/// then has at that index.
fn late_acknowledgement(config: Config) -> Lab {
    let mut lab = Lab::new(5, config);
    lab.campaign(A);
    lab.run(5);
    lab.hold(B, A, ACK);
    lab.split(&[&[A, B], &[C, D, E]]);
    lab.put(A, 1);
    lab.put(A, 2);
    lab.run(15);
    while lab.held(B, A).len() > 1 {
        lab.deliver_first(B, A); // all but the last, that of entry 3
    }
    lab.stop_holding(B, A);
    lab.split(&[&[A, B], &[C, D, E]]);
    lab.campaign(C);
    lab.campaign(C);
    lab.heal();
    lab.run(30);
    lab.split(&[&[C], &[A, B, D, E]]);
    lab.hold(A, B, APPEND);
    lab.hold(A, E, APPEND | REQUEST_VOTE);
    lab.campaign(A);
    assert!(lab.leads(A));
    lab.put(A, 3);
    lab.run(5);
    lab.deliver_first(B, A);
    lab.run(15);
    lab.split(&[&[A, D], &[B, C, E]]);
    lab.campaign(B);
    lab.run(15);
    lab
}

/// BUGS 11: the first append of A, with one entry, arrives after the second, with two.
fn late_append_of_this_term(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.split(&[&[A, B, C]]);
    lab.hold(A, B, APPEND);
    lab.campaign(A);
    lab.stop_holding(A, B);
    lab.split(&[&[A, B], &[C]]);
    lab.put(A, 1);
    lab.run(120);
    assert_eq!(lab.commit(B), 2);
    lab.deliver_first(A, B);
    lab.run(30);
    lab
}

/// BUGS 12: B has committed its second entry with C, and its heartbeat verifies only A's first
/// entry.
fn heartbeat_before_repair(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.campaign(A);
    lab.run(30);
    lab.split(&[&[A], &[B, C]]);
    lab.put(A, 1); // entry 2@1, only on A
    lab.campaign(B);
    lab.run(30);
    assert_eq!((lab.commit(A), lab.commit(B)), (1, 2));
    lab.heal();
    lab.run(60);
    lab
}

/// BUGS 43: the client retries its command.
fn command_sent_again(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.campaign(A);
    let session = Session { client: 1, seq: 1, low: 1 };
    let op = lab.write(A, session, 1);
    lab.run(30);
    lab.world.request_again(op, Some(A), None);
    lab.run(30);
    lab
}

/// BUGS 39: B is elected with all entries but does not know that the last one is committed.
fn new_leader_reads(config: Config) -> Lab {
    let mut lab = Lab::new(3, Config { noop: false, ..config });
    lab.campaign(A);
    lab.put(A, 1);
    lab.run(5); // a round trip, but no heartbeat
    assert_eq!((lab.commit(A), lab.commit(B)), (1, 0));
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(B);
    assert!(lab.leads(B));
    lab.read(B, ReadPath::ReadIndex);
    lab.run(30);
    lab
}

const NO_DRIFT: Option<f64> = Some(0.0);

/// A is cut off; B leads and takes a write; a client asks A.
fn stale_leader_reads(lab: &mut Lab) {
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(B);
    lab.put(B, 2);
    lab.run(20);
    lab.read(A, ReadPath::Lease);
    lab.run(20);
}

/// diss. §6.4.1: B starts an election while A's lease lasts.
fn election_under_a_lease(config: Config) -> Lab {
    let mut lab = Lab::new(3, Config { lease_drift: NO_DRIFT, ..config });
    lab.campaign(A);
    lab.put(A, 1);
    lab.run(30);
    stale_leader_reads(&mut lab);
    lab
}

/// The same, but C, which would refuse its vote, has restarted.
fn voter_restarts_under_a_lease(config: Config) -> Lab {
    let mut lab = Lab::new(3, Config { lease_drift: NO_DRIFT, ..config });
    lab.campaign(A);
    lab.put(A, 1);
    lab.run(30);
    lab.split(&[&[A, B], &[C]]);
    lab.crash(C);
    lab.restart(C);
    stale_leader_reads(&mut lab);
    lab
}

/// One round of heartbeats and a promise of one second.
fn one_lease(config: Config, drift_ppm: u32) -> Config {
    let election_timeout = Delay { min: Span::from_ms(1_000), max: Span::from_ms(3_600_000) };
    let heartbeat = Some(Span::from_ms(60_000));
    let lease_drift = Some(f64::from(drift_ppm) / 1e6);
    Config { election_timeout, heartbeat, lease_drift, ..config }
}

/// "The lease approach assumes a bound on clock drift" (diss. §6.4.1): within it a lease is safe,
/// beyond it no rule is enough.
#[test]
fn a_lease_is_as_good_as_its_bound_on_drift() {
    let read = |drift_ppm| drifting_by_a_fifth(one_lease(by_hand(Rules::ALL), drift_ppm));
    let (inside, outside) = (read(200_000), read(10_000));
    assert_eq!(inside.checks().violations(), []);
    assert_eq!(outside.violated(), ["linearizable_reads"]);
}

/// The replies to A's heartbeat take 0.9 s: the followers' promises have nearly expired when they
/// arrive.
fn slow_acknowledgement(config: Config) -> Lab {
    let mut lab = Lab::new(3, one_lease(config, 0));
    lab.hold(B, A, ACK);
    lab.hold(C, A, ACK);
    lab.campaign(A);
    lab.run(900);
    lab.deliver_all(B, A);
    lab.deliver_all(C, A);
    lab.run(200);
    stale_leader_reads(&mut lab);
    lab
}

/// A's clock is slow and C's is fast, each within the bound.
fn drifting_clocks(config: Config) -> Lab {
    drifting_by_a_fifth(one_lease(config, 200_000))
}

/// A's clock is slow and C's is fast, by a fifth.
fn drifting_by_a_fifth(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.world.set_clock_rate(A, 0.8);
    lab.world.set_clock_rate(C, 1.2);
    lab.campaign(A);
    lab.run(900);
    stale_leader_reads(&mut lab);
    lab
}
