//! Random schedules of faults, for tests of robustness.

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use super::clock::ClockRate;
use super::disk::{
    Corrupt, Detected, FailingDisk, FullDisk, LyingDisk, OnError, SlowDisk, StalledDisk, WhenFull,
};
use super::links::MessageFilter;
use super::network::{Cut, Delay, Duplicate, Isolate, Loss, Partition};
use super::node::{Crash, Pause};
use super::partition::Shape;
use super::schedule::{Scheduled, When};
use super::target::Target;
use super::vocabulary::Fault;
use crate::protocol::Part;
use crate::sim::{Distribution, Unsynced};

/// Draws the fault schedule of one random run: a few faults of several kinds, which strike within
/// `horizon_ms`, last for some time and end. There are no lies and no faults of disks.
pub fn random_faults(rng: &mut impl Rng, horizon_ms: f64) -> Vec<Scheduled> {
    let count = rng.random_range(1..=8);
    (0..count).map(|_| random_fault(rng, horizon_ms)).collect()
}

fn random_fault(rng: &mut impl Rng, horizon_ms: f64) -> Scheduled {
    let (first, second) = (random_target(rng), random_target(rng));
    let filter =
        MessageFilter { from: Some(first.clone()), to: None, both_ways: false, types: vec![] };
    let shapes = [Shape::Halves, Shape::Random, Shape::Bridge, Shape::MajoritiesRing];
    let unsynced = [Unsynced::Lose, Unsynced::Tear, Unsynced::Keep];
    let fault: Fault = match rng.random_range(0..12) {
        0 | 1 => {
            let shape = shapes.choose(rng).copied();
            Partition { groups: vec![], shape, bridge: None }.into()
        }
        2 => Partition { groups: vec![first], shape: None, bridge: None }.into(),
        3 => Isolate { node: first }.into(),
        4 => Cut { filter: MessageFilter { to: Some(second), ..filter } }.into(),
        5 => {
            let by = Distribution::Exponential { mean: rng.random_range(1.0..400.0) };
            Delay { filter, by }.into()
        }
        6 => Loss { filter, probability: rng.random_range(0.05..0.8) }.into(),
        7 => Duplicate { filter, probability: rng.random_range(0.05..0.8) }.into(),
        8 | 9 => {
            let unsynced = unsynced.choose(rng).copied().unwrap_or_default();
            Crash { node: first, unsynced }.into()
        }
        10 => Pause { node: first }.into(),
        _ => ClockRate { node: first, rate: rng.random_range(0.5..2.0) }.into(),
    };
    some_time(rng, horizon_ms, fault)
}

/// Draws faults of disks in the same way: such that nodes notice them, so that no property may be
/// violated, or of all kinds.
pub fn random_disk_faults(rng: &mut impl Rng, horizon_ms: f64, noticed: bool) -> Vec<Scheduled> {
    let count = rng.random_range(1..=3);
    (0..count).map(|_| random_disk_fault(rng, horizon_ms, noticed)).collect()
}

fn random_disk_fault(rng: &mut impl Rng, horizon_ms: f64, noticed: bool) -> Scheduled {
    let node = random_target(rng);
    let fault = match rng.random_range(0..if noticed { 8 } else { 12 }) {
        0 | 1 => {
            let by = Distribution::Exponential { mean: rng.random_range(1.0..100.0) };
            SlowDisk { node, factor: 1.0, by: Some(by) }.into()
        }
        2 => StalledDisk { node }.into(),
        3 => FullDisk { node, then: WhenFull::Wait }.into(),
        4 => FullDisk { node, then: WhenFull::Halt }.into(),
        5 => FailingDisk { node, then: OnError::Halt }.into(),
        6 | 7 => corrupt(rng, node, &[Detected::Yes]),
        8 => LyingDisk { node }.into(),
        9 => FailingDisk { node, then: OnError::Ignore }.into(),
        _ => corrupt(rng, node, &[Detected::No, Detected::Truncate]),
    };
    some_time(rng, horizon_ms, fault)
}

fn corrupt(rng: &mut impl Rng, node: Target, ways: &[Detected]) -> Fault {
    let parts = [Part::Entry, Part::Vote, Part::Snapshot];
    let what = parts.choose(rng).copied().unwrap_or_default();
    let detected = ways.choose(rng).copied().unwrap_or_default();
    Corrupt { node, what, index: None, detected }.into()
}

fn some_time(rng: &mut impl Rng, horizon_ms: f64, fault: Fault) -> Scheduled {
    Scheduled {
        at: Some(When::Time(constant(rng.random_range(0.0..horizon_ms * 0.7)))),
        duration: Some(constant(rng.random_range(1.0..horizon_ms * 0.3))),
        ..Scheduled::now(fault)
    }
}

fn random_target(rng: &mut impl Rng) -> Target {
    const WHOM: [&str; 5] = ["leader", "a follower", "a node", "a minority", "a majority"];
    Target::One(WHOM[rng.random_range(0..WHOM.len())].into())
}

fn constant(value: f64) -> Distribution {
    Distribution::Constant { value: value.round() }
}
