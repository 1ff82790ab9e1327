//! Schedules that need the rules of durability; see `planted.rs`.

use raftlab::check::Options;
use raftlab::protocol::{Found, Part};
use raftlab::raft::Config;
use raftlab::sim::{DiskFault, DiskSpec, Unsynced};

use super::lab::{A, B, C, Lab, milliseconds, nodes};

const STRIKE: u32 = 7;

/// A leads three nodes whose writes take 5 ms.
fn led_by_a(config: Config) -> Lab {
    let disk =
        DiskSpec { write: milliseconds(1.0), fsync: milliseconds(4.0), ..DiskSpec::default() };
    let mut lab = Lab::of(nodes(3, config), disk, Options::default());
    lab.campaign(A);
    lab.run(60);
    assert!(lab.leads(A));
    lab
}

/// BUGS 18: B loses power before its disk has the entry that A commits with it. C never had it.
pub fn power_failure_after_an_acknowledgement(config: Config) -> Lab {
    let mut lab = led_by_a(config);
    lab.split(&[&[A, B], &[C]]);
    lab.put(A, 1);
    lab.run(3);
    lab.crash(B);
    lab.split(&[&[A], &[B, C]]);
    lab.restart(B);
    lab.run(10);
    lab.campaign(C);
    lab.run(30);
    assert!(lab.leads(C));
    lab
}

/// BUGS 19: only B's disk has the entry when A loses power.
pub fn leader_with_a_stalled_disk(config: Config) -> Lab {
    let mut lab = led_by_a(config);
    lab.split(&[&[A, B], &[C]]);
    lab.world.add_disk_fault(A, STRIKE, DiskFault::Stalled);
    lab.put(A, 1);
    lab.run(30);
    lab.crash(A);
    lab.world.remove_disk_faults(STRIKE);
    lab.split(&[&[A, C], &[B]]);
    lab.restart(A);
    lab.campaign(A);
    lab.run(30);
    assert!(lab.leads(A));
    lab
}

/// BUGS 21: B finds damage in the entry that only A has besides, and hears from C.
pub fn damaged_entry(config: Config) -> Lab {
    let mut lab = led_by_a(config);
    lab.split(&[&[A, B], &[C]]);
    lab.put(A, 1);
    lab.run(60);
    let index = lab.commit(A);
    lab.split(&[&[A], &[B, C]]);
    assert!(lab.world.corrupt(B, STRIKE, Part::Entry, Some(index), Found::AsDamage));
    lab.world.crash(B, Unsynced::Keep);
    lab.restart(B);
    lab.campaign(C);
    lab.run(60);
    lab
}

/// BUGS 23: B loses power while it saves a snapshot.
pub fn power_failure_during_a_snapshot(config: Config) -> Lab {
    let mut lab = led_by_a(Config { snapshot_every: Some(2), ..config });
    while lab.world.node(B).snapshot_index() < 6 {
        let before = lab.world.node(B).snapshot_index();
        lab.put(A, 1);
        for _ in 0..60 {
            lab.run(1);
            if lab.world.node(B).snapshot_index() > before.max(4) {
                break;
            }
        }
    }
    lab.run(6);
    lab.crash(B);
    lab.restart(B);
    lab.run(60);
    lab
}
