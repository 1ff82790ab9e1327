//! Random scenarios on the honest protocol: no violation, no panic, and nothing vacuous.
//!
//! Half of them draw fsync latencies and crash between a write and its completion. The test prints
//! and asserts the number of opportunities for violations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raftlab::check::Checks;
use raftlab::experiment::cluster::Position;
use raftlab::experiment::{Cluster, Ending, OnViolation, Scenario};
use raftlab::fault::clock::Clock;
use raftlab::fault::nemesis::{random_disk_faults, random_faults};
use raftlab::fault::{Fault, Kind, Names};
use raftlab::protocol::{Delay, Mix, Protocol, ReadPath, Span};
use raftlab::raft::variants::VARIANTS;
use raftlab::raft::{AdaptiveTimeout, ElectionRule, Node};
use raftlab::sim::{
    DiskSpec, Distribution, Latency, Load, Luck, NetworkSpec, Pacing, Purpose, Time,
};
use rand::{Rng, RngExt};

#[path = "support/soak.rs"]
mod soak;

/// In `make test`.
const SLICE: u64 = 2_500;
const HORIZON_MS: f64 = 3_000.0;

/// The totals over all scenarios.
#[derive(Default)]
struct Floors {
    with_leader: u64,
    commits: u64,
    slow_disks: u64,
    crashes_with_unsynced_writes: u64,
    struck: BTreeMap<&'static str, u64>,
    coverage: BTreeMap<&'static str, u64>,
}

impl Floors {
    fn add(&mut self, other: Floors) {
        self.with_leader += other.with_leader;
        self.commits += other.commits;
        self.slow_disks += other.slow_disks;
        self.crashes_with_unsynced_writes += other.crashes_with_unsynced_writes;
        for (kind, count) in other.struck {
            *self.struck.entry(kind).or_default() += count;
        }
        for (rule, count) in other.coverage {
            *self.coverage.entry(rule).or_default() += count;
        }
    }
}

#[test]
fn soak_of_random_scenarios_breaks_nothing() {
    let scenarios = soak::runs(SLICE);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let parts: Vec<Floors> = std::thread::scope(|scope| {
        let work = || {
            let mut floors = Floors::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= scenarios {
                    return floors;
                }
                play(seed, &mut floors);
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a scenario failed")).collect()
    });
    let mut floors = Floors::default();
    parts.into_iter().for_each(|part| floors.add(part));

    println!("{scenarios} scenarios, {} elected a leader", floors.with_leader);
    println!(
        "{} entries committed; {} scenarios had slow disks",
        floors.commits, floors.slow_disks
    );
    println!("{} crashes hit writes that were not synced", floors.crashes_with_unsynced_writes);
    println!("faults struck: {:?}", floors.struck);
    println!("checks evaluated: {:?}", floors.coverage);
    assert!(floors.with_leader > scenarios * 9 / 10);
    assert!(floors.commits > scenarios * 50);
    assert!((scenarios * 2 / 5..scenarios * 3 / 5).contains(&floors.slow_disks));
    assert!(floors.crashes_with_unsynced_writes > scenarios / 20);
    for kind in [
        "partition",
        "isolate",
        "cut",
        "delay",
        "loss",
        "duplicate",
        "crash",
        "pause",
        "clock_rate",
        "slow_disk",
        "stalled_disk",
        "full_disk",
        "failing_disk",
    ] {
        let struck = floors.struck.get(kind).copied().unwrap_or(0);
        assert!(struck > scenarios / 20, "{kind} struck {struck} times");
    }
    for rule in raftlab::check::PROPERTIES {
        let evaluated = floors.coverage.get(rule.name).copied().unwrap_or(0);
        assert!(evaluated > scenarios / 20, "{} was evaluated {evaluated} times", rule.name);
    }
}

fn play(seed: u64, floors: &mut Floors) {
    let scenario = Arc::new(random_scenario(seed));
    let watch = Checks::new(scenario.nodes.len());
    let mut cluster = Cluster::<Node, _>::new(scenario.clone(), seed, OnViolation::Stop, watch)
        .unwrap_or_else(|why| panic!("seed {seed}: {why}: {}", scenario.to_json()));
    let mut position = Position::default();
    // In slices, to check from time to time for unsynced writes that a crash would lose.
    let mut known: Vec<u32> = Vec::new();
    let ending = loop {
        let ending = cluster.play(&mut position, 50, Time::NEVER);
        let injector = cluster.injector();
        for active in injector.active() {
            if !known.contains(&active.strike.handle) {
                known.push(active.strike.handle);
                let given = injector.fault(active.strike.handle).expect("it was given");
                *floors.struck.entry(given.fault.kind().name).or_default() += 1;
            }
        }
        if let Some(ending) = ending {
            break ending;
        }
    };
    let found = cluster.world().observer().violations();
    assert_eq!(ending, Ending::Horizon, "seed {seed} of {}: {found:#?}", scenario.to_json());
    let nodes = || (0..cluster.world().len()).map(|i| cluster.world().node(i.into()).status());
    floors.with_leader += u64::from(cluster.world().counters().elections > 0);
    floors.commits += nodes().map(|status| status.commit_index).max().unwrap_or(0);
    floors.slow_disks += u64::from(!scenario.disk.is_instant());
    floors.crashes_with_unsynced_writes += cluster.world().counters().unsynced_crashes;
    for (rule, count) in cluster.world().observer().coverage() {
        *floors.coverage.entry(rule).or_default() += count;
    }
}

/// A scenario whose every setting is drawn from the seed (swarm testing).
fn random_scenario(seed: u64) -> Scenario {
    let mut rng = Luck::new(seed).stream(Purpose::Nemesis, 0);
    let nodes = rng.random_range(1..=7);
    let mut scenario = Scenario::new(Names::letters(nodes).expect("1 to 7 nodes"));
    let timeout = rng.random_range(30..300);
    scenario.election_timeout = Delay {
        min: Span::from_ms(timeout),
        max: Span::from_ms(timeout * rng.random_range(1..=3) + rng.random_range(1..50)),
    };
    scenario.pre_vote = rng.random();
    scenario.sticky_votes = rng.random();
    scenario.check_quorum = rng.random();
    scenario.noop = rng.random_bool(0.8);
    scenario.commit_guard = rng.random();
    scenario.max_entries_per_append = [1, 2, 64][rng.random_range(0..3)];
    scenario.max_inflight = [1, 4, 256][rng.random_range(0..3)];
    scenario.network = NetworkSpec {
        latency: Latency::All(random_latency(&mut rng)),
        loss: if rng.random() { rng.random_range(0.0..0.2) } else { 0.0 },
        duplicate: if rng.random() { rng.random_range(0.0..0.2) } else { 0.0 },
        fifo: rng.random_bool(0.2),
        ..NetworkSpec::default()
    };
    if rng.random() {
        scenario.disk = DiskSpec {
            write: Distribution::Exponential { mean: rng.random_range(0.1..5.0) },
            fsync: Distribution::Exponential { mean: rng.random_range(0.1..30.0) },
            ..DiskSpec::default()
        };
    }
    let clocks_may_drift: bool = rng.random();
    if !clocks_may_drift && rng.random() {
        scenario.lease_drift = Some(0.01);
    }
    scenario.workload = vec![random_load(&mut rng, scenario.lease_drift.is_some())];
    if rng.random() {
        scenario.workload.push(Load {
            start: Time::ZERO,
            end: None,
            pacing: Pacing::Open { every: Distribution::Exponential { mean: 10.0 } },
            mix: Mix::default(),
            home: None,
        });
    }
    scenario.faults = random_faults(&mut rng, HORIZON_MS);
    if !clocks_may_drift {
        scenario.faults.retain(|fault| !matches!(fault.fault, Fault::Clock(Clock::ClockRate(_))));
    }
    random_election_rule(&mut rng, &mut scenario);
    if rng.random_bool(0.4) {
        scenario.snapshot_every = Some([1, 3, 10, 40][rng.random_range(0..4)]);
    }
    if rng.random_bool(0.5) {
        scenario.faults.extend(random_disk_faults(&mut rng, HORIZON_MS, true));
    }
    scenario.horizon = Some(Time((HORIZON_MS * 1e6) as u64));
    scenario
}

fn random_election_rule(rng: &mut impl Rng, scenario: &mut Scenario) {
    let leases = scenario.lease_drift.is_some();
    match rng.random_range(0..5) {
        0 => {
            let (name, ..) = VARIANTS[rng.random_range(0..VARIANTS.len())];
            let rule = serde_json::from_value(name.into()).expect("the name of a rule");
            if !(scenario.pre_vote && ElectionRule::asks_about_log(rule)) {
                scenario.election_rule = rule;
            }
        }
        1 => {
            scenario.candidate_backoff = 2.0;
            scenario.candidate_timeout =
                Some(Delay { min: Span::from_ms(20), max: Span::from_ms(80) });
        }
        2 if !leases => scenario.timeout_step = Some(Span::from_ms(50)),
        3 if !leases => {
            scenario.adaptive_timeout =
                Some(AdaptiveTimeout { min_samples: 3, ..AdaptiveTimeout::default() });
        }
        _ => {}
    }
}

fn random_latency(rng: &mut impl Rng) -> Distribution {
    match rng.random_range(0..3) {
        0 => Distribution::Constant { value: rng.random_range(0.1..10.0) },
        1 => Distribution::Lognormal { median: rng.random_range(0.5..10.0), sigma: 0.5 },
        _ => Distribution::Pareto { scale: rng.random_range(0.5..5.0), shape: 1.5 },
    }
}

fn random_load(rng: &mut impl Rng, leases: bool) -> Load {
    let via = match rng.random_range(0..3) {
        0 => ReadPath::Log,
        1 if leases => ReadPath::Lease,
        _ => ReadPath::ReadIndex,
    };
    Load {
        start: Time::ZERO,
        end: None,
        pacing: Pacing::Closed {
            clients: rng.random_range(1..=4),
            think: Distribution::Exponential { mean: 10.0 },
            timeout: Span::from_ms(rng.random_range(50..500)),
            retry: rng.random(),
        },
        mix: Mix { keys: 3, reads: 0.4, via, session: rng.random() },
        home: None,
    }
}
