//! The checks against an oracle, which sees a whole run after its end and compares every pair of
//! events.
//!
//! In random scenarios with liars and without some of Raft's rules, both must find the same
//! violated properties, with their first violations at the same time and by the same node, and
//! count the same lost writes.
#![allow(missing_docs)]

#[path = "verdicts/facts.rs"]
mod facts;
#[path = "verdicts/judge.rs"]
mod judge;
#[path = "verdicts/record.rs"]
mod record;
#[path = "support/soak.rs"]
mod soak;
#[path = "verdicts/swarm.rs"]
mod swarm;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raftlab::check::{Checks, Property};
use raftlab::experiment::cluster::Position;
use raftlab::experiment::{Cluster, OnViolation};
use raftlab::protocol::NodeId;
use raftlab::raft::Node;
use raftlab::sim::Time;

use facts::Facts;
use judge::judge;
use record::Record;

/// In `make test`, in addition to those in which the two once differed: an honest node installs a
/// snapshot that contradicts the commits of others.
const SLICE: u64 = 500;
const ONCE_DIFFERED: &[u64] = &[1257, 3128, 5606];

/// A run ends after this many facts, since every pair of them is compared.
const LONGEST: usize = 5_000;

/// The totals over all runs.
#[derive(Default)]
struct Sum {
    with_liars: u64,
    violated: BTreeMap<&'static str, u64>,
    lost_writes: u64,
    differ: Vec<String>,
}

#[test]
fn soak_of_liars_has_the_verdicts_of_an_oracle() {
    let runs = soak::runs(SLICE);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let parts: Vec<Sum> = std::thread::scope(|scope| {
        let work = || {
            let mut sum = Sum::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= runs {
                    return sum;
                }
                play(seed, &mut sum);
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a run failed")).collect()
    });
    let mut sum = Sum::default();
    ONCE_DIFFERED.iter().filter(|seed| **seed >= runs).for_each(|seed| play(*seed, &mut sum));
    for part in parts {
        sum.with_liars += part.with_liars;
        sum.lost_writes += part.lost_writes;
        sum.differ.extend(part.differ);
        for (property, count) in part.violated {
            *sum.violated.entry(property).or_default() += count;
        }
    }
    println!("{runs} runs, {} with liars, {} writes lost", sum.with_liars, sum.lost_writes);
    println!("violated: {:?}", sum.violated);
    assert!(sum.differ.is_empty(), "{} differ:\n{}", sum.differ.len(), sum.differ.join("\n"));
    for property in Property::ALL.iter().filter(|property| !RARE.contains(property)) {
        let count = sum.violated.get(property.name()).copied().unwrap_or(0);
        assert!(count > 0, "{} was violated in no run", property.name());
    }
}

/// Neither a missing rule nor a lie violates this property; tests/checks/forged.rs does.
const RARE: &[Property] = &[Property::LeaderAppendOnly];

fn play(seed: u64, sum: &mut Sum) {
    let scenario = Arc::new(swarm::scenario(seed, !ONCE_DIFFERED.contains(&seed)));
    let nodes = scenario.nodes.len();
    let watch = (Checks::new(nodes), Record::new(nodes));
    let mut cluster = Cluster::<Node, _>::new(scenario.clone(), seed, OnViolation::Record, watch)
        .unwrap_or_else(|why| panic!("seed {seed}: {why}: {}", scenario.to_json()));
    let mut position = Position::default();
    let short = |cluster: &Cluster<Node, (Checks, Record)>| {
        cluster.world().observer().1.events.len() < LONGEST
    };
    while short(&cluster) && cluster.play(&mut position, 500, Time::NEVER).is_none() {}
    let (checks, record) = cluster.world().observer();
    let judgement = judge(&Facts::of(record));
    let slow: BTreeMap<&str, (Time, NodeId)> =
        judgement.verdicts.iter().map(|(name, act)| (*name, (act.time, act.node))).collect();
    let mut fast = BTreeMap::new();
    for violation in checks.violations() {
        fast.entry(violation.property).or_insert((violation.time, violation.nodes[0]));
    }
    sum.with_liars += u64::from(!cluster.world().liars().is_empty());
    sum.lost_writes += judgement.lost_writes;
    for name in slow.keys() {
        *sum.violated.entry(name).or_default() += 1;
    }
    let lost = [judgement.lost_writes, checks.lost_writes()];
    if !same(&slow, &fast) || lost[0] != lost[1] {
        sum.differ.push(format!("seed {seed}: {lost:?} lost, {slow:?}, the checks: {fast:?}"));
    }
}

/// If a leader lacks an entry that another node commits late, the violation names the leader, at
/// the time of the commit.
fn same(slow: &BTreeMap<&str, (Time, NodeId)>, fast: &BTreeMap<&str, (Time, NodeId)>) -> bool {
    slow.len() == fast.len()
        && slow.iter().all(|(name, (time, node))| {
            fast.get(name).is_some_and(|(at, by)| {
                at == time
                    && (by == node
                        || matches!(*name, "leader_completeness" | "acknowledged_write_lost"))
            })
        })
}
