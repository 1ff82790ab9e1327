//! Copies of worlds go on as the original does.

use raftlab::protocol::{NodeId, ReadPath};
use raftlab::raft::Config;
use raftlab::sim::Unsynced;

use crate::faults::Chaos;
use crate::lab::{Setting, config, put, read, run};

/// At many points of a run with slow disks, in which writes, reads and votes wait.
#[test]
fn a_fork_is_the_same_world() {
    for seed in 0..20 {
        let config = Config { snapshot_every: (seed % 2 == 1).then_some(10), ..config() };
        let mut world = Setting::chaotic(config).world(seed);
        let mut chaos = Chaos::new(seed);
        for _ in 0..40 {
            chaos.step(&mut world);
            let (mut fork, mut later) = (world.clone(), chaos.clone());
            chaos.step(&mut world);
            later.step(&mut fork);
            assert_eq!(world.digest(), fork.digest(), "seed {seed} at {:?}", world.now());
            assert_eq!(format!("{:?}", world.observer()), format!("{:?}", fork.observer()));
        }
    }
}

/// A fork of a fork, after every event.
#[test]
fn copies_of_copies_are_the_same_world() {
    let setting = Setting::chaotic(Config { snapshot_every: Some(5), ..config() });
    let (mut world, mut copied) = (setting.world(1), setting.world(1));
    for n in 0..4_000u32 {
        let asks = n % 20 == 0;
        for world in [&mut world, &mut copied] {
            world.run(raftlab::sim::Time::LAST, 1, &mut ());
            if asks {
                world.request(None, None, put(n));
                world.request(None, None, read(n % 7, ReadPath::ReadIndex));
            }
            if n == 2_000 {
                world.crash(NodeId(0), Unsynced::Lose);
            }
            if n == 2_500 {
                world.restart(NodeId(0));
            }
        }
        copied = copied.clone();
        assert_eq!(world.digest(), copied.digest(), "event {n}");
    }
    assert!(world.observer().acknowledged.len() > 50, "{:?}", world.observer());
}

/// As a sweep does it: the same cluster is set back to its beginning for the next seed.
#[test]
fn a_cluster_can_be_set_back() {
    let fresh = Setting::chaotic(config()).world(3);
    let mut world = fresh.clone();
    let mut digests = Vec::new();
    for _ in 0..3 {
        world.clone_from(&fresh);
        let mut chaos = Chaos::new(3);
        (0..30).for_each(|_| chaos.step(&mut world));
        run(&mut world, 100);
        digests.push(world.digest());
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}
