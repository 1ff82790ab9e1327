//! Random scenarios with liars: each draws a mix of missing rules, lies, faults, load and settings.

use raftlab::experiment::Scenario;
use raftlab::fault::disk::Wipe;
use raftlab::fault::lies::{self, ForgetVote, Usurp};
use raftlab::fault::nemesis::{random_disk_faults, random_faults};
use raftlab::fault::{Fault, Names, Scheduled, Target, When};
use raftlab::protocol::{Delay, Mix, ReadPath, Span};
use raftlab::raft::{Lie, Rule};
use raftlab::sim::{
    DiskSpec, Distribution, Latency, Load, Luck, NetworkSpec, Pacing, Purpose, Time,
};
use rand::{Rng, RngExt};

const HORIZON_MS: f64 = 1_200.0;

/// The scenario of a seed, with faults of disks in some runs if `disks`.
pub fn scenario(seed: u64, disks: bool) -> Scenario {
    let mut rng = Luck::new(seed).stream(Purpose::Nemesis, 1);
    let nodes = [1, 2, 3, 3, 4, 5, 5, 7][rng.random_range(0..8)];
    let mut scenario = Scenario::new(Names::letters(nodes).expect("1 to 7 nodes"));
    settings(&mut rng, &mut scenario);
    bugs(&mut rng, &mut scenario);
    for _ in 0..rng.random_range(1..=3) {
        scenario.workload.push(load(&mut rng, scenario.lease_drift.is_some()));
    }
    scenario.faults = random_faults(&mut rng, HORIZON_MS);
    if rng.random_bool(0.3) {
        scenario.faults.push(struck(&mut rng, Wipe { node: target(Who::Any) }.into()));
    }
    if rng.random_bool(0.7) {
        for _ in 0..rng.random_range(1..=4) {
            let lie = lie(&mut rng);
            scenario.faults.push(struck(&mut rng, lie));
        }
    }
    let mut rng = Luck::new(seed).stream(Purpose::Nemesis, 2);
    if disks && rng.random_bool(0.4) {
        scenario.faults.extend(random_disk_faults(&mut rng, HORIZON_MS, false));
    }
    scenario.horizon = Some(Time((HORIZON_MS * 1e6) as u64));
    scenario
}

fn settings(rng: &mut impl Rng, scenario: &mut Scenario) {
    let timeout = rng.random_range(30..150);
    scenario.election_timeout = Delay {
        min: Span::from_ms(timeout),
        max: Span::from_ms(timeout * rng.random_range(1..=3) + rng.random_range(1..50)),
    };
    scenario.pre_vote = rng.random_bool(0.3);
    scenario.sticky_votes = rng.random_bool(0.3);
    scenario.check_quorum = rng.random_bool(0.3);
    scenario.noop = rng.random_bool(0.7);
    scenario.commit_guard = rng.random_bool(0.2);
    scenario.max_entries_per_append = [1, 2, 64][rng.random_range(0..3)];
    scenario.max_inflight = [1, 4, 256][rng.random_range(0..3)];
    let mean = [0.5, 2.0, 10.0][rng.random_range(0..3)];
    scenario.network = NetworkSpec {
        latency: Latency::All(match rng.random_range(0..2) {
            0 => Distribution::Constant { value: mean },
            _ => Distribution::Lognormal { median: mean, sigma: 0.7 },
        }),
        loss: if rng.random_bool(0.3) { rng.random_range(0.0..0.2) } else { 0.0 },
        duplicate: if rng.random_bool(0.3) { rng.random_range(0.0..0.2) } else { 0.0 },
        fifo: rng.random_bool(0.3),
        ..NetworkSpec::default()
    };
    if rng.random_bool(0.4) {
        scenario.disk = DiskSpec {
            write: Distribution::Constant { value: 0.1 },
            fsync: Distribution::Exponential { mean: rng.random_range(0.1..20.0) },
            ..DiskSpec::default()
        };
    }
    if rng.random_bool(0.3) {
        scenario.lease_drift = Some(0.01);
    }
    if rng.random_bool(0.4) {
        scenario.snapshot_every = Some([1, 3, 10][rng.random_range(0..3)]);
    }
}

/// That a snapshot is old or not committed, both find. What its node owes from then on, whose store
/// and log have parted, they count differently.
const COUNTED_APART: &[Rule] = &[Rule::NewerSnapshot, Rule::SnapshotOfCommitted];

fn bugs(rng: &mut impl Rng, scenario: &mut Scenario) {
    if rng.random_bool(0.4) {
        return;
    }
    let share = [0.1, 0.3][rng.random_range(0..2)];
    let mut removed = Vec::new();
    for rule in Rule::ALL.iter().filter(|rule| !COUNTED_APART.contains(rule)) {
        let leases = rule.bug().starts_with("lease_");
        if rng.random_bool(share) && (scenario.lease_drift.is_some() || !leases) {
            removed.push(*rule);
        }
    }
    scenario.bugs = removed.into();
}

fn load(rng: &mut impl Rng, leases: bool) -> Load {
    let via = match rng.random_range(0..4) {
        0 => ReadPath::Log,
        1 => ReadPath::Local,
        2 if leases => ReadPath::Lease,
        _ => ReadPath::ReadIndex,
    };
    let think = Distribution::Exponential { mean: [5.0, 20.0, 60.0][rng.random_range(0..3)] };
    let pacing = if rng.random_bool(0.2) {
        Pacing::Open { every: Distribution::Exponential { mean: 15.0 } }
    } else {
        Pacing::Closed {
            clients: rng.random_range(1..=3),
            think,
            timeout: Span::from_ms(rng.random_range(20..200)),
            retry: rng.random(),
        }
    };
    let mix = Mix { keys: 2, reads: rng.random_range(0.0..0.7), via, session: rng.random() };
    Load { start: Time::ZERO, end: None, pacing, mix, home: None }
}

fn lie(rng: &mut impl Rng) -> Fault {
    let who = [Who::Leader, Who::Follower, Who::Any, Who::First][rng.random_range(0..4)];
    let node = target(who);
    let lie = match rng.random_range(0..6) {
        0 => return Usurp { node }.into(),
        1 => return ForgetVote { node }.into(),
        2 => Lie::DoubleVote,
        3 => Lie::ForgedAck { offered: (0, 0) },
        _ => Lie::ClaimedLog {
            index: [3, 50, 9_999][rng.random_range(0..3)],
            term: [None, Some(1)][rng.random_range(0..2)],
            append_entries: rng.random_bool(0.3),
        },
    };
    lies::Lie { node, lie }.into()
}

#[derive(Clone, Copy)]
enum Who {
    Leader,
    Follower,
    Any,
    First,
}

fn target(who: Who) -> Target {
    Target::One(
        match who {
            Who::Leader => "leader",
            Who::Follower => "a follower",
            Who::Any => "a node",
            Who::First => "A",
        }
        .into(),
    )
}

fn struck(rng: &mut impl Rng, fault: Fault) -> Scheduled {
    let constant = |value: f64| Distribution::Constant { value: value.round() };
    Scheduled {
        at: Some(When::Time(constant(rng.random_range(0.0..HORIZON_MS * 0.8)))),
        duration: Some(constant(rng.random_range(50.0..HORIZON_MS))),
        ..Scheduled::now(fault)
    }
}
