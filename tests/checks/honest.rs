//! An honest cluster under all faults at once has no violation, although every property is checked.

use raftlab::check::{Checks, PROPERTIES, Property};
use raftlab::protocol::{Mix, NodeId, ReadPath, Span};
use raftlab::raft::{Config, Node, Rules};
use raftlab::replica::{Key, Request};
use raftlab::sim::world::{World, WorldSpec};
use raftlab::sim::{
    DiskSpec, Distribution, Latency, Load, Luck, Matching, NetworkSpec, Overlay, Pacing, Purpose,
    Stream, Time, Unsynced,
};
use rand::RngExt;

use super::lab::{group, milliseconds, nodes, timed};

const SEEDS: u64 = 240;

#[test]
fn an_honest_cluster_violates_nothing_and_leaves_nothing_unchecked() {
    let mut coverage = vec![0; PROPERTIES.len()];
    let (mut stale, mut idle) = (0, 0);
    for seed in 0..SEEDS {
        let world = campaign(seed);
        let checks = world.observer();
        assert_eq!(checks.violations(), [], "seed {seed}");
        for (sum, (_, count)) in coverage.iter_mut().zip(checks.coverage()) {
            *sum += count;
        }
        stale += checks.stale_local_reads();
        idle += u64::from((0..world.len()).all(|i| world.node(i.into()).log().last_index() < 50));
    }
    println!("{coverage:?} stale {stale} idle {idle}");
    for (property, count) in Property::ALL.iter().zip(coverage) {
        assert!(count > 100, "{} was checked {count} times", property.name());
    }
    assert!(stale > 0, "local reads are stale by nature");
    assert!(idle < SEEDS / 20, "{idle} runs of {SEEDS} wrote next to nothing");
}

/// A fork includes the checks, and the same seed gives the same results.
#[test]
fn a_fork_sees_what_the_straight_run_sees() {
    let mut straight = Campaign::new(5);
    straight.go(20);
    let mut fork = Campaign { world: straight.world.clone(), ..straight.clone() };
    straight.go(20);
    fork.go(20);
    assert_eq!(straight.world.digest(), fork.world.digest());
    assert_eq!(straight.world.observer().coverage(), fork.world.observer().coverage());
}

fn campaign(seed: u64) -> World<Node, Checks> {
    let mut campaign = Campaign::new(seed);
    campaign.go(40);
    campaign.calm();
    campaign.world
}

#[derive(Clone)]
struct Campaign {
    world: World<Node, Checks>,
    luck: Stream,
    leases: bool,
    overlays: u32,
}

impl Campaign {
    fn new(seed: u64) -> Self {
        let mut luck = Luck::new(seed).stream(Purpose::Nemesis, 0);
        let n = luck.random_range(3..=5);
        let config = config(&mut luck);
        let network = NetworkSpec {
            latency: Latency::All(Distribution::Uniform {
                low: 1.0,
                high: pick(&mut luck, &[2.0, 12.0, 40.0]),
            }),
            loss: pick(&mut luck, &[0.0, 0.03]),
            duplicate: pick(&mut luck, &[0.0, 0.03]),
            fifo: luck.random_bool(0.2),
            ..NetworkSpec::default()
        };
        let disk = DiskSpec {
            write: milliseconds(0.0),
            fsync: Distribution::Uniform { low: 0.0, high: pick(&mut luck, &[0.0, 3.0, 30.0]) },
            ..DiskSpec::default()
        };
        let disk = if luck.random_bool(0.3) { DiskSpec::default() } else { disk };
        let spec = WorldSpec { nodes: nodes(n, config), network, disk, loads: loads(), seed };
        let world = World::new(spec, Checks::new(n));
        Self { world, luck, leases: config.lease_drift.is_some(), overlays: 0 }
    }

    fn go(&mut self, steps: u32) {
        for _ in 0..steps {
            let ms = self.luck.random_range(5..120);
            self.run(ms);
            self.strike();
        }
    }

    fn run(&mut self, ms: u64) {
        let until = self.world.now() + Span::from_ms(ms);
        self.world.run(until, u64::MAX, &mut ());
    }

    fn strike(&mut self) {
        let id = self.node();
        match self.luck.random_range(0..12) {
            0 | 1 => {
                let unsynced = [Unsynced::Lose, Unsynced::Tear, Unsynced::Keep];
                let unsynced = pick(&mut self.luck, &unsynced);
                let leader = self.world.leader_for(None);
                let victim = leader.filter(|_| self.luck.random_bool(0.5)).unwrap_or(id);
                self.world.crash(victim, unsynced);
            }
            2..=4 => self.restart_all(),
            5 => self.partition(),
            6 => self.cut(id),
            7 | 8 => self.heal(),
            9 => {
                self.world.pause(id);
            }
            10 => {
                self.resume_all();
                self.bend_clock(id);
            }
            _ => {
                self.world.order(id, Request::Campaign);
                let read = Request::Read { key: Key(0), via: ReadPath::Local };
                self.world.request(Some(id), None, read);
            }
        }
    }

    /// Leases tolerate drift within their bound, but no jumps.
    fn bend_clock(&mut self, id: NodeId) {
        if self.leases {
            self.world.set_clock_rate(id, self.luck.random_range(0.96..1.04));
        } else {
            self.world.set_clock_rate(id, self.luck.random_range(0.7..1.4));
            let by = Span::from_ms(self.luck.random_range(1..500));
            self.world.jump_clock(id, by, self.luck.random());
        }
    }

    fn calm(&mut self) {
        self.heal();
        self.resume_all();
        self.restart_all();
        self.run(1_000);
    }

    fn node(&mut self) -> NodeId {
        NodeId::from(self.luck.random_range(0..self.world.len()))
    }

    fn partition(&mut self) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for id in (0..self.world.len()).map(NodeId::from) {
            if self.luck.random() { left.push(id) } else { right.push(id) }
        }
        self.overlays += 1;
        let groups = vec![group(&left), group(&right)];
        self.world.add_overlay(self.overlays, Overlay::Partition(groups));
    }

    fn cut(&mut self, from: NodeId) {
        let to = self.node();
        self.overlays += 1;
        let (from, to) = (group(&[from]), group(&[to]));
        let both_ways = self.luck.random();
        let cut = Overlay::Cut(Matching { from, to, both_ways, kinds: None });
        self.world.add_overlay(self.overlays, cut);
    }

    fn heal(&mut self) {
        for handle in 1..=self.overlays {
            self.world.remove_overlay(handle);
        }
    }

    fn restart_all(&mut self) {
        for id in (0..self.world.len()).map(NodeId::from) {
            self.world.restart(id);
        }
    }

    fn resume_all(&mut self) {
        for id in (0..self.world.len()).map(NodeId::from) {
            self.world.resume(id);
        }
    }
}

fn config(luck: &mut Stream) -> Config {
    Config {
        pre_vote: luck.random(),
        sticky_votes: luck.random(),
        check_quorum: luck.random(),
        noop: luck.random_bool(0.8),
        max_entries_per_append: pick(luck, &[1, 3, 64]),
        max_inflight: pick(luck, &[1, 4, 64]),
        lease_drift: luck.random::<bool>().then_some(0.05),
        commit_guard: luck.random(),
        snapshot_every: pick(luck, &[None, Some(1), Some(5), Some(30)]),
        ..timed(Rules::ALL)
    }
}

/// Random writes, clients with sessions that retry, and clients of each read path.
fn loads() -> Vec<Load> {
    let load = |pacing, mix| Load { start: Time(0), end: None, pacing, mix, home: None };
    let every = Distribution::Exponential { mean: 10.0 };
    let clients = |clients, retry| Pacing::Closed {
        clients,
        think: Distribution::Exponential { mean: 10.0 },
        timeout: Span::from_ms(120),
        retry,
    };
    let mut loads = vec![
        load(Pacing::Open { every }, Mix { keys: 3, ..Mix::default() }),
        load(clients(2, true), Mix { keys: 3, session: true, ..Mix::default() }),
    ];
    for via in [ReadPath::Log, ReadPath::ReadIndex, ReadPath::Lease, ReadPath::Local] {
        loads.push(load(clients(1, true), Mix { keys: 3, reads: 0.7, via, session: true }));
        loads.push(load(clients(1, false), Mix { keys: 3, reads: 0.9, via, session: false }));
    }
    loads
}

fn pick<T: Copy>(luck: &mut Stream, from: &[T]) -> T {
    from[luck.random_range(0..from.len())]
}
