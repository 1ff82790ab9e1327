//! What the world does to nodes and links.

use std::sync::Arc;

use raftlab::protocol::{NodeId, NodeSet, ReadPath};
use raftlab::raft::Config;
use raftlab::raft::fields::{Change, Content};
use raftlab::sim::{Edit, Outgoing, Overlay, Unsynced};
use raftlab::tikv::{Node, TikvMessage};

use crate::lab::{Lab, Setting, assert_settled, config, ids, leader, put, read, run};
use crate::soak;

/// Random faults and requests: numbers from a seed, so that a copy does the same.
#[derive(Clone)]
pub struct Chaos {
    state: u64,
    value: u32,
}

impl Chaos {
    pub fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x9E37_79B9_7F4A_7C15, value: 0 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB) >> 33) % bound
    }

    fn node(&mut self, world: &Lab) -> NodeId {
        NodeId::from(self.below(world.len() as u64) as usize)
    }

    /// Some requests, perhaps a fault, and some time.
    pub fn step(&mut self, world: &mut Lab) {
        for _ in 0..self.below(4) {
            self.value += 1;
            world.request(None, None, put(self.value));
        }
        if self.below(2) == 0 {
            let (key, via) = (self.below(7) as u32, ReadPath::ReadIndex);
            world.request(None, None, read(key, via));
        }
        match self.below(8) {
            0 => {
                let one: NodeSet = ids(world).filter(|_| self.below(2) == 0).collect();
                let other = NodeSet::first(world.len()).without(&one);
                world.remove_overlay(1);
                world.add_overlay(1, Overlay::Partition(vec![one, other]));
            }
            1 | 2 => {
                world.remove_overlay(1);
            }
            3 => {
                let loses = [Unsynced::Lose, Unsynced::Tear, Unsynced::Keep];
                let (node, unsynced) = (self.node(world), loses[self.below(3) as usize]);
                world.crash(node, unsynced);
            }
            4 | 5 => {
                let node = self.node(world);
                world.restart(node);
            }
            6 if self.below(2) == 0 => {
                if let Some(leader) = leader(world) {
                    world.crash(leader, Unsynced::Lose);
                }
            }
            _ => {}
        }
        let ms = 1 + self.below(120);
        run(world, ms);
    }
}

/// Ends all faults.
fn heal(world: &mut Lab) {
    while world.remove_overlay(1) {}
    for id in ids(world) {
        world.restart(id);
    }
}

#[test]
fn acknowledged_writes_survive_a_crash_of_all_nodes() {
    for seed in 0..20 {
        let mut world = Setting { slow_disks: true, ..Setting::default() }.world(seed);
        run(&mut world, 1_000);
        for n in 0..30 {
            world.request(None, None, put(n));
            run(&mut world, 10);
        }
        for id in ids(&world) {
            world.crash(id, Unsynced::Lose);
        }
        assert!(world.counters().unsynced_crashes > 0);
        let acknowledged = world.observer().acknowledged.len();
        assert!(acknowledged > 0);
        heal(&mut world);
        run(&mut world, 3_000);
        world.request(None, None, put(99)); // commits what is left of earlier terms
        run(&mut world, 500);
        assert_settled(&world, &format!("seed {seed}"));
        assert_eq!(world.observer().acknowledged.len(), acknowledged + 1);
    }
}

/// Over 100 seeds of partitions, crashes, lossy links and slow disks.
#[test]
fn soak_logs_agree_on_the_committed_prefix() {
    let mut seen = [0; 5];
    for seed in 0..soak::runs(100) {
        let config = Config {
            snapshot_every: (seed % 3 == 0).then_some(10),
            pre_vote: seed % 4 != 1,
            check_quorum: seed % 5 != 2,
            max_entries_per_append: if seed % 7 == 0 { 1 } else { 64 },
            ..config()
        };
        let mut world = Setting::chaotic(config).world(seed);
        let mut chaos = Chaos::new(seed);
        (0..100).for_each(|_| chaos.step(&mut world));
        heal(&mut world);
        run(&mut world, 5_000);
        world.request(None, None, put(99));
        run(&mut world, 2_000);
        assert_settled(&world, &format!("seed {seed}"));
        let witness = world.observer();
        let counts = [
            witness.acknowledged.len(),
            witness.reads,
            witness.truncations,
            witness.installed,
            world.counters().unsynced_crashes as usize,
        ];
        seen.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    println!("acknowledged, reads, truncations, snapshots installed, unsynced crashes: {seen:?}");
    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
}

#[test]
fn a_follower_that_lags_gets_a_snapshot_also_if_one_is_lost() {
    for lost in [false, true] {
        let config = Config { snapshot_every: Some(10), ..config() };
        let mut world = Setting { slow_disks: true, config, ..Setting::default() }.world(2);
        run(&mut world, 1_000);
        let first = leader(&world).unwrap();
        let down = ids(&world).find(|id| *id != first).unwrap();
        world.crash(down, Unsynced::Lose);
        for n in 0..100 {
            world.request(None, None, put(n));
            run(&mut world, 20);
        }
        assert!(world.node(first).log().base().index > 50);
        world.restart(down);
        if lost {
            world.run(raftlab::sim::Time::LAST, u64::MAX, &mut |world: &Lab| {
                world.in_flight().iter().any(|flight| flight.message.snapshot().is_some())
            });
            let apart =
                vec![[down].into_iter().collect(), ids(&world).filter(|id| *id != down).collect()];
            world.add_overlay(1, Overlay::Partition(apart));
            run(&mut world, 100);
            world.remove_overlay(1);
        }
        run(&mut world, 2_000);
        assert_settled(&world, "caught up");
        assert_eq!(world.observer().installed, 1);
    }
}

/// The crate panics if a leader says that more is committed than the log holds, which it can only
/// find after the loss of what it had acknowledged.
#[test]
fn a_node_that_lost_its_disk_halts_with_a_reason() {
    let mut world = Setting::default().world(9);
    run(&mut world, 1_000);
    let first = leader(&world).unwrap();
    (0..10).for_each(|n| {
        world.request(None, None, put(n));
    });
    run(&mut world, 500);
    let victim = ids(&world).find(|id| *id != first).unwrap();
    world.crash(victim, Unsynced::Lose);
    world.wipe(victim);
    world.restart(victim);
    run(&mut world, 500);
    assert_eq!(world.observer().halts, [(victim, "its log lacks entries that are committed")]);
    assert!(!world.is_up(victim));
    let text = world.node(victim).panic().unwrap();
    assert!(text.starts_with("to_commit 11 is out of range [last_index 0]"), "{text}");
    let mut fork = world.clone();
    run(&mut world, 100);
    run(&mut fork, 100);
    assert_eq!(world.digest(), fork.digest());
}

/// Whatever a message says, a node halts at worst; the process that simulates it goes on.
#[test]
fn soak_forged_messages_halt_nodes_at_most() {
    let mut halts = std::collections::BTreeMap::<&str, usize>::new();
    for seed in 0..soak::runs(50) {
        let config = Config { snapshot_every: Some(10), ..config() };
        let mut world = Setting::chaotic(config).world(seed);
        world.intercept(
            1,
            Arc::new(move |outgoing: &Outgoing<'_, Node>| Ok(forged(seed, outgoing))),
        );
        let mut chaos = Chaos::new(seed);
        for _ in 0..60 {
            chaos.step(&mut world);
            let fork = world.clone();
            assert_eq!(fork.digest(), world.digest());
        }
        for (_, reason) in &world.observer().halts {
            *halts.entry(reason).or_default() += 1;
        }
    }
    println!("halts: {halts:?}");
    assert_eq!(halts.len(), 2, "for both reasons: {halts:?}");
}

/// Changes a field of one message in thirty.
fn forged(seed: u64, outgoing: &Outgoing<'_, Node>) -> Option<Edit<TikvMessage>> {
    let id = outgoing.id;
    let mut luck =
        Chaos::new(seed ^ id.ordinal << 20 ^ u64::from(id.from.0) << 8 ^ u64::from(id.to.0));
    if luck.below(30) > 0 {
        return None;
    }
    let near = luck.below(20);
    let number = [0, 1, near, near, 1 << 40, u64::MAX - 1, u64::MAX][luck.below(7) as usize];
    let field = ["term", "index", "index_term", "commit", "reject"][luck.below(5) as usize];
    let flag = luck.below(2) == 0;
    let content = if field == "reject" { Content::Flag(flag) } else { Content::Number(number) };
    Some(Edit { changes: vec![Change { field, content }], ..Edit::default() })
}
