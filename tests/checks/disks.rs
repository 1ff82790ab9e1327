//! Faults of disks: what a node does under them, and what the checks say about it.

use raftlab::check::Options;
use raftlab::protocol::{NodeId, Span};
use raftlab::raft::Rules;
use raftlab::sim::{DiskFault, DiskSpec, Observer, Time, Unsynced};

use super::lab::{A, B, C, Lab, by_hand, milliseconds, nodes};

const STRIKE: u32 = 7;
const OTHER: u32 = 8;

/// Writes in 1 ms, fsyncs in 4 ms.
fn slow() -> DiskSpec {
    DiskSpec { write: milliseconds(1.0), fsync: milliseconds(4.0), ..DiskSpec::default() }
}

/// Three nodes, led by A, on disks that take no time and on disks that take 5 ms.
fn clusters() -> [Lab; 2] {
    [DiskSpec::default(), slow()].map(led)
}

fn led(disk: DiskSpec) -> Lab {
    let mut lab = Lab::of(nodes(3, by_hand(Rules::default())), disk, Options::default());
    lab.campaign(A);
    lab.run(60);
    assert!(lab.leads(A));
    lab
}

fn last(lab: &Lab, id: NodeId) -> u64 {
    lab.world.node(id).log().last_index()
}

/// A writes, and the time is enough for it to be committed without faults.
fn put(lab: &mut Lab) -> u64 {
    lab.put(A, 7);
    lab.run(60);
    last(lab, A)
}

fn afflict(lab: &mut Lab, ids: &[NodeId], fault: &DiskFault) {
    ids.iter().for_each(|id| lab.world.add_disk_fault(*id, STRIKE, fault.clone()));
}

fn power_cycle(lab: &mut Lab, ids: &[NodeId], unsynced: Unsynced) {
    for id in ids {
        lab.world.crash(*id, unsynced);
        lab.restart(*id);
    }
}

#[test]
fn a_stalled_disk_holds_back_what_depends_on_it() {
    for mut lab in clusters() {
        afflict(&mut lab, &[B, C], &DiskFault::Stalled);
        lab.world.add_disk_fault(C, OTHER, DiskFault::Stalled);
        let index = put(&mut lab);
        assert_eq!(last(&lab, B), index, "it has the entry in memory");
        assert!(lab.commit(A) < index, "but does not acknowledge it");
        lab.world.remove_disk_faults(STRIKE);
        lab.split(&[&[A, C], &[B]]);
        lab.run(60);
        assert!(lab.commit(A) < index, "C has another stall");
        lab.world.remove_disk_faults(OTHER);
        lab.run(60);
        assert_eq!(lab.commit(A), index);
        assert_eq!(lab.violated(), [""; 0]);
    }
}

#[test]
fn a_leader_with_a_stalled_disk_leads_but_does_not_count_itself() {
    for mut lab in clusters() {
        lab.split(&[&[A, B], &[C]]);
        afflict(&mut lab, &[A], &DiskFault::Stalled);
        let index = put(&mut lab);
        assert!(lab.leads(A) && last(&lab, B) == index && lab.commit(A) < index);
        lab.heal();
        lab.run(60);
        assert_eq!(lab.commit(A), index, "two followers are a majority without it");
    }
}

#[test]
fn what_a_stall_held_back_is_lost_in_a_crash() {
    for (unsynced, kept) in [(Unsynced::Lose, 0), (Unsynced::Keep, 1)] {
        for mut lab in clusters() {
            let before = last(&lab, B);
            afflict(&mut lab, &[B], &DiskFault::Stalled);
            put(&mut lab);
            lab.world.crash(B, unsynced);
            assert_eq!(last(&lab, B), before + kept);
            lab.world.remove_disk_faults(STRIKE);
            lab.restart(B);
            lab.run(60);
            assert_eq!(lab.commit(B), lab.commit(A));
            assert_eq!(lab.violated(), [""; 0]);
        }
    }
}

/// Collects the times at which fsyncs finished.
#[derive(Clone, Default)]
struct Fsyncs(Vec<f64>);

impl Observer<raftlab::raft::Node> for Fsyncs {
    fn synced(&mut self, now: Time, id: NodeId) {
        if id == B {
            self.0.push(now.as_ms());
        }
    }
}

/// How long B's disk takes for an fsync that begins at 0 ms with these faults.
fn time_of_an_fsync(disk: DiskSpec, faults: &[DiskFault]) -> f64 {
    use raftlab::sim::world::{World, WorldSpec};
    use raftlab::sim::{NetworkSpec, Overlay};
    let spec = WorldSpec {
        nodes: nodes(3, by_hand(Rules::default())),
        network: NetworkSpec::default(),
        disk,
        loads: vec![],
        seed: 1,
    };
    let mut world = World::new(spec, Fsyncs::default());
    world.add_overlay(1, Overlay::Partition(vec![[B].into_iter().collect()]));
    for (strike, fault) in (10..).zip(faults) {
        world.add_disk_fault(B, strike, fault.clone());
    }
    world.order(B, raftlab::replica::Request::Campaign);
    world.run(Time::ZERO + Span::from_ms(10_000), u64::MAX, &mut ());
    world.observer().0[0]
}

#[test]
fn slow_disks_multiply_and_add() {
    let times = |factor: f64| DiskFault::Slow { factor, by: None };
    let more = |ms: f64| DiskFault::Slow { factor: 1.0, by: Some(milliseconds(ms)) };
    for (faults, expected) in [
        (vec![], 5.0),
        (vec![times(10.0)], 50.0),
        (vec![times(10.0), times(3.0)], 150.0),
        (vec![more(20.0)], 25.0),
        (vec![times(2.0), more(20.0), more(1.0)], 31.0),
    ] {
        assert_eq!(time_of_an_fsync(slow(), &faults), expected, "{faults:?}");
    }
    assert_eq!(time_of_an_fsync(DiskSpec::default(), &[more(20.0), times(3.0)]), 20.0);
}

#[test]
fn a_node_on_a_failing_disk_halts_without_a_promise() {
    for mut lab in clusters() {
        lab.split(&[&[A, B], &[C]]);
        let before = last(&lab, B);
        afflict(&mut lab, &[B], &DiskFault::Failing { halts: true });
        let index = put(&mut lab);
        assert!(!lab.world.is_up(B) && lab.commit(A) < index);
        assert_eq!(last(&lab, B), before, "what could not be written is lost");
        lab.restart(B);
        lab.run(60);
        assert!(!lab.world.is_up(B), "the next write fails again");
        lab.world.remove_disk_faults(STRIKE);
        lab.restart(B);
        lab.run(60);
        assert_eq!(lab.commit(A), index);
        assert_eq!(lab.violated(), [""; 0]);
    }
}

#[test]
fn a_paused_node_halts_when_it_learns_of_the_error() {
    let mut lab = led(slow());
    lab.put(A, 7);
    lab.run(3); // the entry has arrived at B, whose fsync runs
    lab.world.pause(B);
    afflict(&mut lab, &[B], &DiskFault::Failing { halts: true });
    lab.run(60);
    assert!(lab.world.is_up(B) && lab.world.is_paused(B));
    lab.world.remove_disk_faults(STRIKE);
    lab.world.resume(B);
    assert!(!lab.world.is_up(B));
    assert_eq!(lab.violated(), [""; 0]);
}

#[test]
fn an_ignored_error_leaves_a_hole_that_later_writes_do_not_fill() {
    for mut lab in clusters() {
        let before = last(&lab, B);
        afflict(&mut lab, &[B], &DiskFault::Failing { halts: false });
        let index = put(&mut lab);
        assert!(lab.commit(B) == index && lab.world.is_up(B), "it goes on");
        lab.world.remove_disk_faults(STRIKE);
        put(&mut lab);
        for unsynced in [Unsynced::Keep, Unsynced::Lose] {
            let mut fork = Lab { world: lab.world.clone() };
            fork.world.crash(B, unsynced);
            assert_eq!(last(&fork, B), before, "its log ends at the hole");
            fork.restart(B);
            let index = put(&mut fork);
            fork.crash(B);
            assert_eq!(last(&fork, B), index, "after the restart it writes a log without a hole");
            assert_eq!(fork.violated(), [""; 0], "a majority still has everything");
        }
    }
}

#[test]
fn a_disk_that_lies_loses_what_it_reported_until_its_next_fsync() {
    for mut lab in clusters() {
        let before = last(&lab, B);
        afflict(&mut lab, &[B], &DiskFault::Lying);
        let index = put(&mut lab);
        assert_eq!(lab.commit(B), index);
        let mut fork = Lab { world: lab.world.clone() };
        fork.crash(B);
        assert_eq!(last(&fork, B), before);
        let mut fork = Lab { world: lab.world.clone() };
        fork.world.crash(B, Unsynced::Keep);
        assert_eq!(last(&fork, B), index, "a disk without power loses, a process does not");
        lab.world.remove_disk_faults(STRIKE);
        let mut fork = Lab { world: lab.world.clone() };
        fork.crash(B);
        assert_eq!(last(&fork, B), before, "the end of the fault makes nothing durable");
        let index = put(&mut lab);
        lab.crash(B);
        assert_eq!(last(&lab, B), index, "an fsync does");
    }
}

/// The node kept its promises as far as it could know; what the cluster promised is broken.
#[test]
fn what_a_lying_disk_lost_is_no_broken_promise_of_its_node() {
    for fault in [DiskFault::Lying, DiskFault::Failing { halts: false }] {
        for mut lab in clusters() {
            lab.split(&[&[A, B], &[C]]);
            afflict(&mut lab, &[B], &fault);
            let index = put(&mut lab);
            assert_eq!(lab.commit(A), index);
            power_cycle(&mut lab, &[B], Unsynced::Lose);
            assert_eq!(lab.violated(), [""; 0]);
            lab.split(&[&[B, C], &[A]]);
            lab.campaign(C);
            lab.run(60);
            let broken = ["leader_completeness", "acknowledged_write_lost", "state_machine_safety"];
            assert_eq!(lab.violated(), broken);
        }
    }
}

/// The same on an honest disk: nothing is lost.
#[test]
fn an_honest_disk_keeps_what_it_reported() {
    for mut lab in clusters() {
        lab.split(&[&[A, B], &[C]]);
        put(&mut lab);
        power_cycle(&mut lab, &[B], Unsynced::Lose);
        lab.split(&[&[B, C], &[A]]);
        lab.campaign(C);
        lab.run(60);
        assert!(!lab.leads(C));
        assert_eq!(lab.violated(), [""; 0]);
    }
}

#[test]
fn a_lost_vote_lets_a_node_vote_twice() {
    for mut lab in clusters() {
        lab.split(&[&[B, C], &[A]]);
        afflict(&mut lab, &[C], &DiskFault::Lying);
        lab.campaign(B);
        lab.run(60);
        assert!(lab.leads(B));
        power_cycle(&mut lab, &[C], Unsynced::Lose);
        assert_eq!(lab.violated(), [""; 0]);
        lab.split(&[&[A, C], &[B]]);
        power_cycle(&mut lab, &[A], Unsynced::Lose); // it led the term before
        lab.campaign(A);
        lab.run(60);
        assert_eq!(lab.violated()[..2], ["vote_once", "election_safety"]);
    }
}

#[test]
fn on_a_full_disk_a_node_waits_for_room_or_halts() {
    for (halts, mut lab) in [false, true].into_iter().flat_map(|h| clusters().map(|lab| (h, lab))) {
        lab.split(&[&[A, B], &[C]]);
        let before = last(&lab, B);
        afflict(&mut lab, &[B], &DiskFault::Full { halts });
        let index = put(&mut lab);
        assert!(lab.commit(A) < index && lab.world.is_up(B) != halts);
        let mut fork = Lab { world: lab.world.clone() };
        fork.world.crash(B, Unsynced::Keep);
        assert_eq!(last(&fork, B), before, "the write found no room");
        lab.world.remove_disk_faults(STRIKE);
        lab.restart(B);
        lab.run(60);
        assert_eq!(lab.commit(A), index);
        assert_eq!(lab.violated(), [""; 0]);
    }
}

#[test]
fn a_full_disk_makes_earlier_writes_durable() {
    let mut lab = led(slow());
    lab.put(A, 7);
    lab.run(3); // the entry has arrived at B, whose fsync runs
    afflict(&mut lab, &[B], &DiskFault::Full { halts: true });
    lab.split(&[&[A, B], &[C]]);
    lab.run(60);
    assert!(lab.world.is_up(B));
    assert_eq!(lab.commit(A), last(&lab, A));
}

#[test]
fn a_fault_of_a_disk_acts_on_a_node_that_was_down_when_it_began() {
    for mut lab in clusters() {
        lab.split(&[&[A, B], &[C]]);
        lab.crash(B);
        afflict(&mut lab, &[B], &DiskFault::Stalled);
        lab.restart(B);
        let index = put(&mut lab);
        assert!(last(&lab, B) == index && lab.commit(A) < index);
    }
}

/// Of several faults a stall comes first, then what halts a node, then an ignored error.
#[test]
fn faults_of_one_disk_combine() {
    let failing = |halts| DiskFault::Failing { halts };
    for mut lab in clusters() {
        for (strike, fault) in [(1, DiskFault::Lying), (2, failing(false)), (3, failing(true))] {
            lab.world.add_disk_fault(B, strike, fault);
        }
        afflict(&mut lab, &[B], &DiskFault::Stalled);
        assert_eq!(lab.world.disk_faults(B).count(), 4);
        put(&mut lab);
        assert!(lab.world.is_up(B));
        let mut fork = Lab { world: lab.world.clone() };
        fork.world.remove_disk_faults(STRIKE);
        fork.run(60);
        assert!(!fork.world.is_up(B));
        for strike in [3, STRIKE] {
            lab.world.remove_disk_faults(strike);
        }
        lab.run(60);
        lab.world.remove_disk_faults(2);
        lab.world.remove_disk_faults(1);
        let before = last(&lab, B);
        put(&mut lab);
        lab.crash(B);
        assert!(last(&lab, B) < before, "an error was ignored");
    }
}

/// A run goes on alike from a copy, and the digest tells faults apart.
#[test]
fn runs_with_faults_of_disks_are_deterministic() {
    let play = |fault: Option<DiskFault>| {
        clusters().map(|mut lab| {
            fault.iter().for_each(|fault| afflict(&mut lab, &[B], fault));
            put(&mut lab);
            let mut fork = Lab { world: lab.world.clone() };
            for lab in [&mut lab, &mut fork] {
                put(lab);
                power_cycle(lab, &[B], Unsynced::Tear);
                put(lab);
            }
            assert_eq!(fork.world.digest(), lab.world.digest());
            format!("{:?}", lab.world.digest())
        })
    };
    let slower = |factor, ms| DiskFault::Slow { factor, by: Some(milliseconds(ms)) };
    let faults = [
        slower(1.0, 2.0),
        slower(2.0, 2.0),
        slower(1.0, 3.0),
        DiskFault::Stalled,
        DiskFault::Full { halts: false },
        DiskFault::Full { halts: true },
        DiskFault::Failing { halts: false },
        DiskFault::Failing { halts: true },
        DiskFault::Lying,
    ];
    let mut seen: Vec<_> = [None].into_iter().chain(faults.map(Some)).map(play).collect();
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
}
