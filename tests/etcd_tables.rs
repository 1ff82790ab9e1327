//! The tables of etcd-io/raft (quorums and configurations), row by row, against this
//! implementation.
//!
//! They are in `tests/reference`. Each test asserts the number of rows that it checked.

#[allow(dead_code)] // used by other tests
mod support {
    pub mod tables;
}

use raftlab::protocol::{NodeId, NodeSet};
use raftlab::raft::{Quorum, VoteResult};
use raftlab::replica::membership::Invalid;
use raftlab::replica::{Change, Membership};
use serde_json::Value as Json;
use support::tables::{integer, reference, rows_of};

// --- Quorums ---

#[test]
fn quorum_of_a_majority_commits() {
    check_quorums("quorum_majority_commit", 16, committed);
}

#[test]
fn quorum_of_a_majority_votes() {
    check_quorums("quorum_majority_vote", 22, voted);
}

#[test]
fn joint_quorum_commits() {
    check_quorums("quorum_joint_commit", 50, committed);
}

#[test]
fn joint_quorum_votes() {
    check_quorums("quorum_joint_vote", 39, voted);
}

/// Compares a quorum's results with the rows of a table.
fn check_quorums(table: &str, rows: usize, said: fn(&Quorum, &Json) -> (Json, Json)) {
    let table = reference(&format!("etcd-raft/{table}.json"));
    let cases = rows_of(&table);
    for case in cases {
        let voters = nodes(&case["voters"]);
        let quorum = match &case["voters_outgoing"] {
            Json::Null => Quorum::majority(voters),
            outgoing => Quorum::joint(voters, nodes(outgoing)),
        };
        let (found, expected) = said(&quorum, case);
        assert_eq!(found, expected, "line {}", case["line"]);
    }
    assert_eq!(cases.len(), rows);
}

fn committed(quorum: &Quorum, case: &Json) -> (Json, Json) {
    let acked = |node: NodeId| case["acked_index"][number_of(node)].as_u64().unwrap_or(0);
    let index = quorum.committed_index(acked);
    let found = if index == u64::MAX { Json::from("inf") } else { Json::from(index) };
    (found, case["committed_index"].clone())
}

fn voted(quorum: &Quorum, case: &Json) -> (Json, Json) {
    let answered = |granted: bool| {
        let votes = case["votes"].as_object().expect("votes are by node");
        let such = votes.iter().filter(move |(_, vote)| **vote == granted);
        such.map(|(node, _)| id(node.parse().expect("nodes are numbers"))).collect::<NodeSet>()
    };
    let found = match quorum.vote_result(&answered(true), &answered(false)) {
        VoteResult::Won => "VoteWon",
        VoteResult::Lost => "VoteLost",
        VoteResult::Pending => "VotePending",
    };
    (Json::from(found), case["vote_result"].clone())
}

fn nodes(list: &Json) -> NodeSet {
    list.as_array().expect("a list of nodes").iter().map(|node| id(integer(node))).collect()
}

/// The tables number nodes from 1.
fn id(number: u64) -> NodeId {
    NodeId::from(number as usize - 1)
}

fn number_of(node: NodeId) -> String {
    (node.at() + 1).to_string()
}

// --- Configurations ---

/// The rows of a file are applied one after the other, to an empty configuration at first. A row
/// that is refused changes nothing.
///
/// What the leader knows of each member (`match` and `next`) is not compared: here a configuration
/// does not carry it.
#[test]
fn configurations_change_as_in_etcd() {
    let table = reference("etcd-raft/confchange.json");
    let mut rows = 0;
    for (file, steps) in table["files"].as_object().expect("rows are by file") {
        let mut now = Membership::default();
        for step in steps.as_array().expect("a list of rows") {
            let next = changed(&now, step);
            assert_eq!(next, wanted(step), "{file}, line {}", step["line"]);
            now = next.unwrap_or(now);
            rows += 1;
        }
    }
    assert_eq!(rows, 58);
}

fn changed(now: &Membership, step: &Json) -> Result<Membership, Invalid> {
    let changes = step["changes"].as_array().expect("a list of changes").iter();
    let changes: Vec<Change> = changes.filter_map(change).collect();
    match step["cmd"].as_str() {
        Some("simple") => now.simple(&changes),
        Some("enter-joint") => now.enter_joint(&changes, step["autoleave"] == false),
        _ => now.leave_joint(),
    }
}

/// Node 0 is none, and an update is of a node's address, which is no part of a configuration here.
fn change(change: &Json) -> Option<Change> {
    let node = id(Some(integer(&change["id"])).filter(|number| *number > 0)?);
    match change["op"].as_str() {
        Some("add_voter") => Some(Change::AddVoter(node)),
        Some("add_learner") => Some(Change::AddLearner(node)),
        Some("remove") => Some(Change::Remove(node)),
        _ => None,
    }
}

fn wanted(step: &Json) -> Result<Membership, Invalid> {
    if let Some(error) = step["expect_error"].as_str() {
        return Err(match error {
            "removed all voters" | "can't make a zero-voter config joint" => Invalid::NoVoters,
            "can't leave a non-joint config" => Invalid::NotJoint,
            "more than one voter changed without entering joint config" => Invalid::TwoVoters,
            "config is already joint" | "can't apply simple config change in joint config" => {
                Invalid::Joint
            }
            _ => panic!("another error: {error}"),
        });
    }
    let expected = &step["expect"];
    let joint = !expected["voters_outgoing"].is_null();
    let wanted = Membership {
        voters: nodes(&expected["voters"]),
        outgoing: if joint { nodes(&expected["voters_outgoing"]) } else { NodeSet::default() },
        learners: nodes(&expected["learners"]),
        next_learners: nodes(&expected["learners_next"]),
        stays: joint && expected["auto_leave"] == false,
    };
    let tracked = expected["progress"].as_array().expect("a list of members").iter();
    let tracked: Vec<_> =
        tracked.map(|of| (id(integer(&of["id"])), of["learner"] == true)).collect();
    let members = wanted.all();
    let members: Vec<_> = members.iter().map(|id| (id, wanted.learners.contains(id))).collect();
    assert_eq!(members, tracked);
    Ok(wanted)
}
