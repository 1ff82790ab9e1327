//! The tables of tikv/raft-rs (`test_raft_paper.rs`, which takes the paper section by section), row
//! by row, against this implementation.
//!
//! The tables are in `tests/reference`. Each test asserts the number of rows that it checked. Rows
//! that differ from the paper are listed here with the reason.

#[allow(dead_code)] // used by other tests
mod support {
    pub mod cluster;
    pub mod messages;
    pub mod recorder;
    pub mod tables;
}

use std::collections::BTreeSet;

use raftlab::protocol::{Delay, Input, NodeId, Role, Span, TimerId};
use raftlab::raft::{Config, Node, RaftMessage};
use raftlab::replica::{
    Command, Entry, EntryId, Key, Op, Replica as _, ReplicaNote, Request, Value,
};
use raftlab::replica::{ELECTION, HEARTBEAT, QUORUM};
use raftlab::sim::{DiskSpec, NetworkSpec, Time, Unsynced, World, WorldSpec};
use serde_json::Value as Json;
use support::cluster::{config, log};
use support::messages::{acknowledge, append, append_all, put, rejects, request_vote};
use support::recorder::{Cluster, Recorder, Subject, id};
use support::tables::{check, check_but, entries, in_words, integer, reference, table, terms};

// --- 5.2 Leader election ---

#[test]
fn election_in_one_round() {
    // "step-down to follower on majority rejection is etcd/raft-rs behaviour; plain Raft may stay
    // candidate until timeout": raftlab steps down too, so those rows are checked like the others.
    check("election_one_round", 13, |case| {
        let mut subject = fresh(1, integer(&case["size"]));
        subject.times_out();
        for (voter, granted) in case["replies"].as_object().expect("replies are by node") {
            let granted = granted == true;
            let reply =
                RaftMessage::RequestVoteReply { term: 1, granted, asked: 1, stale_log: false };
            subject.hears(voter.parse().expect("nodes are numbers"), reply);
        }
        assert_eq!(subject.role().name(), case["state"]);
        assert_eq!(subject.term(), integer(&case["term"]));
    });
}

#[test]
fn votes_are_first_come_first_served() {
    // In some rows node 1 asks itself, which no node does; the answer is still correct.
    check("follower_vote_fcfs", 6, |case| {
        let vote = Some(integer(&case["voted"])).filter(|node| *node > 0);
        let mut subject = fresh(1, 3).with(1, vote, log(&[]), 0);
        let step = subject.hears(integer(&case["candidate"]), request_vote(1, 0, 0));
        assert_eq!(rejects(&step), case["reject"] == true);
    });
}

#[test]
fn a_candidate_follows_a_legitimate_leader() {
    check("candidate_fallback", 2, |case| {
        let mut subject = fresh(1, 3);
        subject.times_out();
        assert_eq!((subject.role(), subject.term()), (Role::Candidate, 1));
        subject.hears(2, append(integer(&case["term"]), (0, 0), &[], 0));
        assert_eq!(subject.role().name(), case["state"]);
        assert_eq!(subject.term(), integer(&case["new_term"]));
    });
}

const ROUNDS: u32 = 1000;

/// A tick of the tables is a nanosecond of the world: ten timeouts from 10 on.
const TEN_TIMEOUTS: Delay = Delay { min: Span(10), max: Span(20) };

#[test]
fn timeouts_are_randomised() {
    in_words("timeout_randomised");
    for restart in [as_follower, as_candidate] {
        let mut world = waiting(1);
        let drawn: BTreeSet<u64> = (0..10_000).map(|_| restart(&mut world, id(1))).collect();
        assert!((11..=19).all(|ticks| drawn.contains(&ticks)), "{drawn:?}");
        assert!((9..=10).contains(&drawn.len()), "{drawn:?}");
    }
}

#[test]
fn timeouts_seldom_conflict() {
    let table = table("timeout_nonconflict");
    for restart in [as_follower, as_candidate] {
        let mut world = waiting(5);
        let conflicts = (0..ROUNDS).filter(|_| {
            let ticks: Vec<u64> = (1..=5).map(|node| restart(&mut world, id(node))).collect();
            let first = ticks.iter().min();
            ticks.iter().filter(|ticks| Some(*ticks) == first).count() > 1
        });
        let share = conflicts.count() as f64 / f64::from(ROUNDS);
        assert!(share <= 0.3, "{share}");
        let exact = table["exact_probability_5_nodes_10_values"].as_f64().expect("a number");
        let deviation = (exact * (1.0 - exact) / f64::from(ROUNDS)).sqrt();
        assert!((share - exact).abs() < 4.0 * deviation, "{share} is far from {exact}");
    }
}

/// A node restarts; returns how long it will wait for a leader.
fn as_follower(world: &mut World<Node, ()>, node: NodeId) -> u64 {
    assert!(world.crash(node, Unsynced::Lose) && world.restart(node));
    wait_of(world, node)
}

/// A node starts an election; returns how long it will wait for votes.
fn as_candidate(world: &mut World<Node, ()>, node: NodeId) -> u64 {
    assert!(world.order(node, Request::Campaign));
    wait_of(world, node)
}

fn wait_of(world: &World<Node, ()>, node: NodeId) -> u64 {
    world.timer_due(node, ELECTION).expect("the election timer runs").since(world.now()).0
}

/// A world in which time does not advance, so that candidates get no messages.
fn waiting(nodes: usize) -> World<Node, ()> {
    let config = Config { election_timeout: TEN_TIMEOUTS, ..config() };
    // A node alone would win at once; with a second one it waits.
    let size = nodes.max(2);
    let nodes = (0..size).map(|at| Node::new(NodeId::from(at), size, config)).collect();
    let (network, disk) = (NetworkSpec::default(), DiskSpec::default());
    let world = World::new(WorldSpec { nodes, network, disk, loads: Vec::new(), seed: 1 }, ());
    assert_eq!(world.now(), Time::ZERO);
    world
}

// --- 5.3 Log replication ---

#[test]
fn a_leader_commits_what_a_majority_has() {
    check("leader_ack_commit", 9, |case| {
        let mut leader = fresh(1, integer(&case["size"])).elected();
        leader.all_say(&acknowledge(1, 1));
        assert_eq!(leader.commit(), 1, "the no-op");
        leader.asked(put(7));
        for peer in case["acceptors"].as_array().expect("a list of nodes") {
            leader.hears(integer(peer), acknowledge(1, 2));
        }
        assert_eq!(leader.commit() == 2, case["committed"] == true);
    });
}

#[test]
fn a_commit_covers_all_preceding_entries() {
    check("leader_commit_preceding", 4, |case| {
        let mut leader = fresh(1, 3).with(2, None, log(&terms(&case["log"])), 0).elected();
        leader.asked(put(7));
        let expected = entries(&case["committed_log"]);
        leader.all_say(&acknowledge(3, expected.len() as u64));
        assert_eq!(leader.log(), expected);
        assert_eq!(leader.commit(), expected.len() as u64);
    });
}

#[test]
fn a_follower_applies_what_is_committed_in_order() {
    check("follower_commit", 4, |case| {
        let word =
            |json: &Json| Value::text(u32::from(json.as_str().expect("a word").as_bytes()[0]));
        let words = |list: &Json| -> Vec<Value> {
            list.as_array().expect("a list of words").iter().map(word).collect()
        };
        let entry = |value| Entry {
            term: 1,
            command: Command::plain(Op::Append { key: Key(0), value }),
            hash: 0,
        };
        let batch: Vec<Entry> = words(&case["entries"]).into_iter().map(entry).collect();
        let mut follower = fresh(1, 3).with(1, None, log(&[]), 0);
        follower.hears(2, append_all(1, (0, 0), batch, integer(&case["commit"])));
        assert_eq!(follower.commit(), integer(&case["commit"]));
        assert_eq!(follower.node.machine().read(Key(0)), words(&case["applied"]));
    });
}

#[test]
fn a_follower_checks_the_entry_before() {
    check("follower_check_append", 5, |case| {
        let mut follower = fresh(1, 3).with(2, None, log(&[1, 2]), 1);
        let prev = (integer(&case["prev_index"]), integer(&case["prev_term"]));
        let step = follower.hears(2, append(2, prev, &[], 0));
        let [(_, RaftMessage::AppendEntriesReply { success, index, hint, .. })] = step.sent[..]
        else {
            panic!("one answer");
        };
        assert_eq!(!success, case["reject"] == true);
        // etcd answers a message from before its commitIndex with the commitIndex; the paper's
        // matchIndex is prevLogIndex + entries, as in raftlab.
        let before_commit = prev.0 < follower.commit();
        let expected = if before_commit { prev.0 } else { integer(&case["reply_index"]) };
        assert_eq!(index, expected);
        let expected = (integer(&case["reject_hint"]), integer(&case["hint_term"]));
        assert_eq!((hint.index, hint.term), expected);
    });
}

#[test]
fn a_follower_appends_and_truncates() {
    check("follower_append", 4, |case| {
        let mut follower = fresh(1, 3).with(2, None, log(&[1, 2]), 0);
        let prev = (integer(&case["prev_index"]), integer(&case["prev_term"]));
        let new = terms(&case["entries"]);
        // The table's message is of term 2 even where its entries are of later terms, which no
        // leader's are; here it is of its last entry's term.
        let term = new.iter().copied().chain([2]).max().expect("at least 2");
        let step = follower.hears(2, append(term, prev, &new, 0));
        assert_eq!(follower.log(), entries(&case["log"]));
        let appended = step.notes.iter().find_map(|note| match note {
            ReplicaNote::Appended { first, last, .. } => Some(*first..=*last),
            _ => None,
        });
        let mut written = follower.log();
        written.retain(|(_, at)| appended.as_ref().is_some_and(|new| new.contains(at)));
        assert_eq!(written, entries(&case["newly_written"]));
    });
}

#[test]
fn a_leader_brings_the_followers_of_figure_7_into_line() {
    let table = table("sync_follower_log_fig7");
    let followers = table["followers"].as_object().expect("followers are by name");
    for (name, follower) in followers {
        let leader = fresh(1, 3).with(8, None, log(&terms(&table["leader"])), 0);
        let follower = fresh(2, 3).with(7, None, log(&terms(follower)), 0);
        let mut cluster = Cluster(vec![Some(leader), Some(follower), None]);
        cluster.play(1, Subject::times_out);
        let vote =
            RaftMessage::RequestVoteReply { term: 9, granted: true, asked: 9, stale_log: false };
        cluster.play(1, |leader| leader.hears(3, vote));
        cluster.play(1, |leader| leader.asked(put(7)));
        let mut expected = entries(&table["leader"]);
        expected.extend([(9, 11), (9, 12)]);
        assert_eq!(cluster.node(1).log(), expected, "the leader of ({name})");
        assert_eq!(cluster.node(2).log(), expected, "({name})");
        let (hash, same) = (cluster.node(1).node.log(), cluster.node(2).node.log());
        assert_eq!(hash.hash_at(12), same.hash_at(12), "({name})");
    }
    assert_eq!(followers.len(), 6);
}

// --- 5.4 Safety ---

#[test]
fn a_voter_compares_logs() {
    // The last row's log has falling terms, which no run of Raft produces: a node may refuse to
    // hold it.
    check_but("voter_up_to_date", 9, &[9], |case| {
        let mut voter = fresh(1, 2).with(2, None, log(&terms(&case["voter_log"])), 0);
        let (index, term) = (integer(&case["last_index"]), integer(&case["last_term"]));
        let step = voter.hears(2, request_vote(3, index, term));
        assert_eq!(rejects(&step), case["reject"] == true);
    });
}

#[test]
fn a_candidate_tells_where_its_log_ends() {
    check("vote_request_content", 2, |case| {
        let mut follower = fresh(1, 3);
        let term = integer(&case["term"]);
        follower.hears(2, append(term - 1, (0, 0), &terms(&case["log"]), 0));
        let step = follower.times_out();
        let (index, of) = (integer(&case["last_index"]), integer(&case["last_term"]));
        let asked: Vec<NodeId> = step
            .sent
            .iter()
            .map(|(to, message)| match *message {
                RaftMessage::RequestVote { term: t, last, .. } => {
                    assert_eq!((t, last.index, last.term), (term, index, of));
                    *to
                }
                _ => panic!("a candidate asks for votes"),
            })
            .collect();
        assert_eq!(asked, [id(2), id(3)]);
    });
}

#[test]
fn only_entries_of_the_current_term_are_committed_by_counting() {
    check("commit_only_current_term", 3, |case| {
        let mut leader = fresh(1, 2).with(2, None, log(&[1, 2]), 0).elected();
        leader.asked(put(7));
        assert_eq!(leader.log(), [(1, 1), (2, 2), (3, 3), (3, 4)]);
        leader.hears(2, acknowledge(3, integer(&case["acked"])));
        assert_eq!(leader.commit(), integer(&case["commit"]));
    });
}

#[test]
fn the_commit_rule_of_figure_2() {
    // Rows 5, 9 and 11 have entries of a later term than the leader's, which no run of Raft
    // produces.
    check_but("commit_rule", 14, &[5, 9, 11], |case| {
        let matched: Vec<u64> =
            case["match"].as_array().expect("a list of indices").iter().map(integer).collect();
        let term = integer(&case["term"]);
        let config = Config { noop: false, ..config() };
        let mut leader = Subject::new(1, matched.len() as u64, config).with(
            term,
            Some(1),
            log(&terms(&case["log"])),
            0,
        );
        leader.node.preset_leader();
        leader.step(Input::Start);
        assert_eq!(leader.node.progress().expect("it leads")[0].1, matched[0]);
        for (peer, index) in (2..).zip(&matched[1..]) {
            leader.hears(peer, acknowledge(term, *index));
        }
        assert_eq!(leader.commit(), integer(&case["commit"]));
    });
}

#[test]
fn the_receiver_of_append_entries_in_figure_2() {
    check("handle_append", 11, |case| {
        let mut follower = fresh(1, 3).with(2, None, log(&[1, 2]), 0);
        let prev = (integer(&case["prev_index"]), integer(&case["prev_term"]));
        let new = terms(&case["entries"]);
        // "handler called directly (term check skipped)": two rows are of term 1, which the node
        // would refuse before it reached the rule that they test. All are of term 2 here.
        let step = follower.hears(2, append(2, prev, &new, integer(&case["leader_commit"])));
        assert_eq!(follower.node.log().last_index(), integer(&case["last_index"]));
        assert_eq!(follower.commit(), integer(&case["commit"]));
        assert_eq!(rejects(&step), case["reject"] == true);
    });
}

#[test]
fn the_receiver_of_request_vote_in_figure_2() {
    check("request_vote", 21, |case| {
        let (index, of) = (integer(&case["last_index"]), integer(&case["last_term"]));
        let term = of.max(2);
        let vote = Some(integer(&case["voted_for"])).filter(|node| *node > 0);
        let state = case["state"].as_str().expect("a role");
        let config = Config { noop: false, pre_vote: state == "precandidate", ..config() };
        let begin = if state == "candidate" { term - 1 } else { term };
        let mut voter = Subject::new(1, 3, config).with(begin, vote, log(&[2, 2]), 0);
        match state {
            "leader" => {
                voter.node.preset_leader();
                voter.step(Input::Start);
            }
            "candidate" | "precandidate" => drop(voter.times_out()),
            _ => {}
        }
        assert_eq!((voter.role().name(), voter.term()), (state, term));
        let step = voter.hears(2, request_vote(term, index, of));
        assert_eq!(rejects(&step), case["reject"] == true);
    });
}

// --- Roles ---

#[test]
fn roles_change_as_they_may() {
    // raft-rs may go from precandidate to leader in one step; here a node is always a candidate
    // first, since only votes of the new term make a leader (§5.2). In a cluster of one it is all
    // three in one step.
    let unused = ("precandidate", "leader");
    let changes = role_changes();
    check("state_transitions", 16, |case| {
        let change = (case["from"].as_str().expect("a role"), case["to"].as_str().expect("a role"));
        let expected = case["allowed"] == true && change != unused;
        assert_eq!(changes.contains(&change), expected, "{change:?}");
    });
}

/// Every change of role that some input causes in some node; keeping a role is a change to the same
/// role.
fn role_changes() -> BTreeSet<(&'static str, &'static str)> {
    let mut changes = BTreeSet::new();
    for subject in subjects() {
        for step in steps(&subject) {
            let mut subject = subject.clone();
            let (mut role, mut term) = (subject.role(), subject.term());
            let notes = step(&mut subject).notes;
            let mut next = notes.iter().filter_map(|note| match note {
                ReplicaNote::Role { role, term, .. } => Some((*role, *term)),
                _ => None,
            });
            let first = next.next().unwrap_or((role, term));
            for (to, of) in [first].into_iter().chain(next) {
                // "candidate/precandidate increments: become_candidate +1 term,
                // become_pre_candidate +0"
                match to {
                    Role::Candidate if to != role || of != term => assert_eq!(of, term + 1),
                    Role::PreCandidate => assert_eq!(of, term),
                    _ => assert!(of >= term),
                }
                changes.insert((role.name(), to.name()));
                (role, term) = (to, of);
            }
            assert_eq!((subject.role(), subject.term()), (role, term), "every change is noted");
        }
    }
    changes
}

/// A node in each role, alone and among three, with PreVote and without.
fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for (size, pre_vote) in [(1, false), (1, true), (3, false), (3, true)] {
        let config = Config { pre_vote, check_quorum: true, ..config() };
        let follower = Subject::new(1, size, config);
        let mut asking = follower.clone();
        asking.times_out();
        let mut candidate = asking.clone();
        candidate.all_say(&RaftMessage::PreVoteReply {
            term: 1,
            granted: true,
            asked: 1,
            stale_log: false,
        });
        let mut leader = candidate.clone();
        leader.all_say(&RaftMessage::RequestVoteReply {
            term: 1,
            granted: true,
            asked: 1,
            stale_log: false,
        });
        subjects.extend([follower, asking, candidate, leader]);
    }
    let roles: BTreeSet<Role> = subjects.iter().map(Subject::role).collect();
    assert_eq!(roles.len(), Role::ALL.len());
    subjects
}

/// An input of a node.
type Step = Box<dyn Fn(&mut Subject) -> Recorder>;

/// All inputs of a node whose term is at most 1.
fn steps(subject: &Subject) -> Vec<Step> {
    let mut messages = Vec::new();
    let terms = if subject.is_one_of_three() { 0..3 } else { 0..0 }; // a single node hears nothing
    for term in terms {
        messages.push(append(term, (0, 0), &[], 0));
        messages.push(acknowledge(term, 0));
        let last = EntryId { term, index: 1 };
        messages.push(RaftMessage::RequestVote { term, last, forced: false });
        messages.push(RaftMessage::PreVote { term, last });
        for granted in [false, true] {
            let (asked, stale_log) = (term, false);
            messages.push(RaftMessage::RequestVoteReply { term, granted, asked, stale_log });
            messages.push(RaftMessage::PreVoteReply { term, granted, asked, stale_log });
        }
    }
    let mut steps: Vec<Step> = Vec::new();
    for message in messages {
        let by_all = message.clone();
        steps.push(Box::new(move |subject| subject.hears(2, message.clone())));
        steps.push(Box::new(move |subject| {
            let mut both = subject.hears(2, by_all.clone());
            both.notes.extend(subject.hears(3, by_all.clone()).notes);
            both
        }));
    }
    for timer in [ELECTION, HEARTBEAT, QUORUM] {
        steps.push(Box::new(move |subject| runs_out(subject, timer)));
    }
    steps.push(Box::new(|subject| subject.asked(Request::Campaign)));
    steps.push(Box::new(|subject| subject.asked(put(7))));
    steps
}

/// A timer expires, if it is armed.
fn runs_out(subject: &mut Subject, timer: TimerId) -> Recorder {
    if subject.is_armed(timer) { subject.step(Input::Timer(timer)) } else { Recorder::default() }
}

#[test]
fn everybody_steps_down_before_a_higher_term() {
    in_words("all_server_stepdown");
    let mut checked = 0;
    for mut subject in subjects().into_iter().filter(Subject::is_one_of_three) {
        let (before, log) = (subject.clone(), subject.log());
        subject.hears(2, request_vote(3, 3, 3));
        assert_eq!((subject.role(), subject.term()), (Role::Follower, 3));
        assert_eq!((subject.leader(), subject.log()), (None, log.clone()));
        let mut subject = before;
        subject.hears(2, append(3, (3, 3), &[], 0));
        assert_eq!((subject.role(), subject.term()), (Role::Follower, 3));
        assert_eq!((subject.leader(), subject.log()), (Some(id(2)), log));
        checked += 2;
    }
    assert_eq!(checked, 16, "four roles, with PreVote and without, two messages");
}

// --- Small networks ---

#[test]
fn elections_in_broken_networks() {
    check("leader_election_networks", 6, |case| {
        for (pre_vote, state) in [(false, &case["state"]), (true, &case["prevote_state"])] {
            let places = case["nodes"].as_array().expect("a list of nodes");
            let config = Config { pre_vote, ..config() };
            let node = |(number, place): (u64, &Json)| {
                let node = Subject::new(number, places.len() as u64, config);
                Some(match place.as_str().expect("a description") {
                    "X" => return None,
                    "up" => node,
                    "log[1]" => node.with(1, None, log(&[1]), 0),
                    "log[1,1]" => node.with(1, None, log(&[1, 1]), 0),
                    other => panic!("unknown node '{other}'"),
                })
            };
            let mut cluster = Cluster((1..).zip(places).map(node).collect());
            cluster.play(1, Subject::times_out);
            let state = state.as_str().expect("a role");
            let (state, term) = match state.strip_suffix(" (term 0)") {
                Some(state) => (state, 0),
                None => (state, 1),
            };
            let subject = cluster.node(1);
            assert_eq!((subject.role().name(), subject.term()), (state, term), "{pre_vote}");
        }
    });
}

#[test]
fn a_new_leader_overwrites_newer_entries_that_were_not_committed() {
    in_words("overwrite_newer_logs");
    let node = |number, term, vote, entries: &[u64]| {
        Some(fresh(number, 5).with(term, vote, log(entries), 0))
    };
    let mut cluster = Cluster(vec![
        node(1, 1, Some(1), &[1]),
        node(2, 1, Some(1), &[1]),
        node(3, 2, Some(3), &[2]),
        node(4, 2, Some(3), &[]),
        node(5, 2, Some(3), &[]),
    ]);
    cluster.play(1, Subject::times_out);
    assert_eq!((cluster.node(1).role(), cluster.node(1).term()), (Role::Follower, 2));
    cluster.play(1, Subject::times_out);
    assert_eq!((cluster.node(1).role(), cluster.node(1).term()), (Role::Leader, 3));
    for number in 1..=5 {
        assert_eq!(cluster.node(number).log(), [(1, 1), (3, 2)], "node {number}");
    }
}

#[test]
fn no_table_is_left_out() {
    let file = reference("raft-rs/paper_tables.json");
    let names: Vec<&String> = file.as_object().expect("tables are by name").keys().collect();
    let source = include_str!("paper_tables.rs");
    for name in names.into_iter().filter(|name| *name != "source") {
        assert!(source.contains(&format!("(\"{name}\"")), "nobody looks at '{name}'");
    }
}

/// Node `number` of a cluster of this size, at its first start.
fn fresh(number: u64, nodes: u64) -> Subject {
    Subject::new(number, nodes, config())
}
