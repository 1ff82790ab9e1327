//! Damage on disks: entries, votes and snapshots that are not what was written.

use raftlab::check::Options;
use raftlab::protocol::{Found, NodeId, Part, Protocol as _, ReadPath};
use raftlab::raft::{Config, Rules};
use raftlab::sim::{DiskSpec, Unsynced};

use super::lab::{A, B, C, Lab, by_hand, milliseconds, nodes};

const STRIKE: u32 = 7;

fn slow() -> DiskSpec {
    DiskSpec { write: milliseconds(1.0), fsync: milliseconds(4.0), ..DiskSpec::default() }
}

/// Three nodes, led by A, on disks that take no time and on disks that take 5 ms.
fn clusters(config: &Config) -> [Lab; 2] {
    [DiskSpec::default(), slow()].map(|disk| {
        let mut lab = Lab::of(nodes(3, *config), disk, Options::default());
        lab.campaign(A);
        lab.run(60);
        lab
    })
}

fn paper() -> Config {
    by_hand(Rules::default())
}

fn snapshots() -> Config {
    Config { snapshot_every: Some(2), ..paper() }
}

fn last(lab: &Lab, id: NodeId) -> u64 {
    lab.world.node(id).log().last_index()
}

/// A writes, and the time is enough for it to be committed.
fn put(lab: &mut Lab) -> u64 {
    lab.put(A, 7);
    lab.run(60);
    last(lab, A)
}

/// B's last entry, committed by A and B alone, is damaged, and B restarts where A is not.
fn damaged_entry(lab: &mut Lab, found: Found) -> u64 {
    put(lab);
    lab.split(&[&[A, B], &[C]]);
    let index = put(lab);
    assert_eq!(lab.commit(A), index);
    lab.split(&[&[B, C], &[A]]);
    lab.run(20);
    assert!(lab.world.corrupt(B, STRIKE, Part::Entry, Some(index), found));
    assert_eq!(last(lab, B), index, "what is in memory is whole");
    lab.world.crash(B, Unsynced::Keep);
    lab.restart(B);
    index
}

#[test]
fn damage_that_is_found_keeps_a_node_from_voting_until_it_is_repaired() {
    for mut lab in clusters(&paper()) {
        let index = damaged_entry(&mut lab, Found::AsDamage);
        assert_eq!(last(&lab, B), index - 1);
        for id in [B, C] {
            lab.campaign(id);
            lab.run(60);
            assert!(!lab.leads(id), "neither stands nor votes");
        }
        power_cycle(&mut lab, B);
        lab.campaign(C);
        lab.run(60);
        assert!(!lab.leads(C), "nor after another restart");
        lab.heal();
        elect(&mut lab, A); // C votes for it
        assert!(last(&lab, B) > index);
        power_cycle(&mut lab, B);
        lab.split(&[&[B, C], &[A]]);
        lab.campaign(B);
        lab.run(60);
        assert!(lab.leads(B), "it votes again, even after a restart");
        assert_eq!(lab.violated(), [""; 0]);
    }
}

/// A node restarts, and campaigns until it leads: others know of later terms.
fn elect(lab: &mut Lab, id: NodeId) {
    power_cycle(lab, id);
    while !lab.leads(id) {
        lab.campaign(id);
        lab.run(60);
        assert!(lab.world.node(id).term() < 9, "it never leads");
    }
}

fn power_cycle(lab: &mut Lab, id: NodeId) {
    lab.crash(id);
    lab.restart(id);
}

#[test]
fn damage_taken_for_a_torn_write_loses_a_committed_entry() {
    for mut lab in clusters(&paper()) {
        let index = damaged_entry(&mut lab, Found::AsTornWrite);
        assert_eq!(last(&lab, B), index - 1);
        assert_eq!(lab.violated(), [""; 0], "the disk broke its word, not the node");
        lab.campaign(C);
        lab.run(60);
        assert!(lab.leads(C));
        let broken = ["leader_completeness", "acknowledged_write_lost", "state_machine_safety"];
        assert_eq!(lab.violated(), broken);
    }
}

#[test]
fn damage_that_nobody_finds_is_another_entry() {
    for mut lab in clusters(&paper()) {
        let index = damaged_entry(&mut lab, Found::Never);
        assert_eq!(last(&lab, B), index);
        let entry = |id, index| lab.world.node(id).log().get(index).unwrap();
        assert_eq!(entry(A, index - 1), entry(B, index - 1));
        assert_eq!(entry(A, index).term, entry(B, index).term);
        assert_ne!(entry(A, index).command, entry(B, index).command);
        assert_eq!(lab.violated(), ["log_matching"]);
        lab.heal();
        put(&mut lab);
        assert!(lab.violated().contains(&"state_machine_safety"));
    }
}

/// The node whose log is shorter than before catches up without a new leader.
#[test]
fn the_same_leader_repairs_a_node() {
    for found in [Found::AsDamage, Found::AsTornWrite] {
        for mut lab in clusters(&paper()) {
            let index = damaged_entry(&mut lab, found);
            lab.heal();
            lab.run(60);
            assert_eq!((last(&lab, B), lab.commit(B)), (index, index));
            lab.split(&[&[A, B], &[C]]);
            lab.put(A, 7);
            lab.run(3); // B has the entry, but not on a disk that takes time
            power_cycle(&mut lab, B);
            lab.split(&[&[B, C], &[A]]);
            lab.campaign(B);
            lab.run(60);
            assert!(lab.leads(B), "it is whole again, and its disk knows");
            assert_eq!(lab.violated(), [""; 0]);
        }
    }
}

/// An old message of the leader whose acknowledged entries are damaged repairs nothing: it could
/// have been sent before they were committed.
#[test]
fn a_late_message_does_not_repair() {
    for mut lab in clusters(&paper()) {
        put(&mut lab);
        lab.hold(A, B, super::lab::APPEND);
        lab.run(15);
        lab.stop_holding(A, B);
        lab.run(30);
        let index = damaged_entry(&mut lab, Found::AsDamage);
        lab.deliver_all(A, B);
        lab.run(20);
        assert_eq!(last(&lab, B), index - 1);
        lab.campaign(C);
        lab.run(60);
        assert!(!lab.leads(C));
    }
}

#[test]
fn a_part_that_was_replaced_since_is_not_damaged() {
    for mut lab in clusters(&paper()) {
        lab.split(&[&[A], &[B, C]]);
        let index = put(&mut lab);
        assert!(lab.world.corrupt(A, STRIKE, Part::Entry, Some(index), Found::AsDamage));
        lab.campaign(B);
        lab.heal();
        lab.run(100);
        assert_eq!(last(&lab, A), index);
        power_cycle(&mut lab, A);
        assert_eq!(last(&lab, A), index);
    }
}

#[test]
fn a_vote_is_lost_found_lost_or_another_one() {
    for (found, seen) in
        [(Found::AsDamage, None), (Found::AsTornWrite, None), (Found::Never, Some(C))]
    {
        for mut lab in clusters(&paper()) {
            lab.split(&[&[B, C], &[A]]);
            power_cycle(&mut lab, A);
            lab.hold(B, C, super::lab::APPEND);
            lab.campaign(B); // C votes for it
            lab.run(60);
            assert!(lab.leads(B));
            assert!(lab.world.corrupt(C, STRIKE, Part::Vote, None, found));
            power_cycle(&mut lab, C);
            assert_eq!(lab.world.node(C).status().voted_for, seen);
            lab.split(&[&[A, C], &[B]]);
            lab.campaign(A); // in the same term
            lab.run(60);
            assert_eq!(lab.leads(A), found == Found::AsTornWrite, "{found:?}");
            let broken: &[&str] =
                if lab.leads(A) { &["vote_once", "election_safety"] } else { &[] };
            assert_eq!(lab.violated()[..broken.len()], *broken);
            elect(&mut lab, A); // a later term has other votes
        }
    }
}

#[test]
fn a_snapshot_is_lost_found_lost_or_another_one() {
    for found in [Found::AsDamage, Found::AsTornWrite, Found::Never] {
        for mut lab in clusters(&snapshots()) {
            (0..6).for_each(|_| _ = put(&mut lab));
            let end = last(&lab, B);
            assert!(lab.world.node(B).log().base().index > 0);
            assert!(lab.world.corrupt(B, STRIKE, Part::Snapshot, None, found));
            lab.split(&[&[B, C], &[A]]);
            power_cycle(&mut lab, B);
            if found == Found::Never {
                assert_eq!(last(&lab, B), end);
                lab.world.request(Some(B), None, read());
                assert_eq!(lab.violated(), ["linearizable_reads"]);
                spreads(lab);
                continue;
            }
            assert_eq!((last(&lab, B), lab.world.node(B).snapshot_index()), (0, 0));
            lab.campaign(C);
            lab.run(60);
            assert_eq!(lab.leads(C), found == Found::AsTornWrite);
            lab.heal();
            elect(&mut lab, A);
            assert_eq!(last(&lab, B), last(&lab, A));
            assert_eq!(lab.violated(), [""; 0]);
        }
    }
}

/// The altered snapshot, of which all logs know nothing, reaches a node that lost its disk.
fn spreads(mut lab: Lab) {
    lab.split(&[&[A, B, C]]);
    elect(&mut lab, B);
    lab.split(&[&[A], &[B, C]]);
    lab.wipe(C);
    lab.run(60);
    assert_eq!(lab.violated(), ["linearizable_reads", "snapshot_consistency"]);
    let installed = lab.checks().violations().iter().filter(|one| one.nodes.contains(&C));
    assert_eq!(installed.map(|one| one.property).collect::<Vec<_>>(), ["snapshot_consistency"]);
}

fn read() -> raftlab::replica::Request {
    raftlab::replica::Request::Read { key: raftlab::replica::Key(0), via: ReadPath::Local }
}

/// While no entry before it is gone, a lost snapshot is made from the log again.
#[test]
fn a_snapshot_beside_its_entries_is_no_loss() {
    for mut lab in clusters(&snapshots()) {
        put(&mut lab);
        let end = last(&lab, B);
        assert_eq!((lab.world.node(B).log().base().index, end), (0, 2));
        assert!(lab.world.corrupt(B, STRIKE, Part::Snapshot, None, Found::AsTornWrite));
        power_cycle(&mut lab, B);
        assert_eq!(last(&lab, B), end);
        lab.run(60);
        assert_eq!(lab.commit(B), end);
        assert_eq!(lab.violated(), [""; 0]);
    }
}

#[test]
fn a_node_that_is_down_shows_the_damage_at_once() {
    for mut lab in clusters(&paper()) {
        let index = put(&mut lab);
        lab.crash(B);
        assert!(lab.world.corrupt(B, STRIKE, Part::Entry, Some(index), Found::AsTornWrite));
        assert_eq!(last(&lab, B), index - 1);
        lab.restart(B);
        lab.run(60);
        assert_eq!(last(&lab, B), index);
        assert_eq!(lab.violated(), [""; 0]);
    }
}

#[test]
fn what_is_not_there_cannot_be_damaged() {
    for mut lab in clusters(&paper()) {
        let index = put(&mut lab);
        for (part, at) in
            [(Part::Entry, Some(index + 1)), (Part::Entry, Some(0)), (Part::Snapshot, None)]
        {
            assert!(!lab.world.corrupt(B, STRIKE, part, at, Found::AsDamage), "{part:?} {at:?}");
        }
        power_cycle(&mut lab, B);
        assert_eq!(last(&lab, B), index);
        lab.wipe(B);
        assert!(!lab.world.corrupt(B, STRIKE, Part::Vote, None, Found::AsDamage));
    }
}
