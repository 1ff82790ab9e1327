//! Schedules that need the rules of snapshots; see `planted.rs`.

use raftlab::protocol::ReadPath;
use raftlab::raft::Config;
use raftlab::replica::{Command, Key, Op, Request, Session, Value};

use super::lab::{A, ACK, B, C, D, E, INSTALL_SNAPSHOT, Lab};

/// A leads this many nodes, which take a snapshot every 4 entries.
fn led_by_a(nodes: usize, config: Config) -> Lab {
    let mut lab = Lab::new(nodes, Config { snapshot_every: Some(4), ..config });
    lab.campaign(A);
    lab.run(30);
    lab
}

/// BUGS 30: the client retries a command when C's sessions come from a snapshot.
pub fn session_from_a_snapshot(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    let op = lab.write(A, Session { client: 1, seq: 1, low: 1 }, 1);
    lab.run(30);
    lab.put_each(A, 10);
    lab.crash(C);
    lab.restart(C);
    lab.run(30);
    lab.world.request_again(op, Some(A), None);
    lab.run(30);
    lab
}

/// BUGS 28: A takes a snapshot when others have acknowledged a part of its log.
pub fn snapshot_among_writes(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    lab.hold(B, A, ACK);
    lab.hold(C, A, ACK);
    (0..6).for_each(|value| _ = lab.put(A, value));
    lab.run(5);
    while lab.commit(A) < 4 {
        lab.deliver_first(B, A);
    }
    assert_eq!(lab.world.node(A).log().last_index(), 7);
    lab
}

/// BUGS 22: C restarts from a snapshot, and has some of the entries before it.
pub fn restart_from_a_snapshot(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    for value in 0..10 {
        let op = Op::Append { key: Key(0), value: Value::int(value) };
        lab.world.request(Some(A), None, Request::Write(Command::plain(op)));
        lab.run(5);
    }
    lab.run(30);
    lab.crash(C);
    lab.restart(C);
    lab.run(30);
    lab.read(C, ReadPath::Local);
    lab
}

/// BUGS 24: a copy of the snapshot that C has installed arrives when C has committed more.
pub fn snapshot_arrives_twice(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    lab.split(&[&[A, B], &[C]]);
    lab.put_each(A, 20);
    lab.hold(A, C, INSTALL_SNAPSHOT);
    lab.heal();
    lab.run(30);
    let snapshot = lab.held(A, C)[0];
    let copy = lab.world.duplicate(snapshot).expect("it is held");
    lab.deliver_first(A, C);
    lab.run(30);
    lab.put_each(A, 2);
    lab.run(30);
    assert_eq!(lab.commit(C), lab.commit(A));
    assert!(lab.world.deliver(copy));
    lab.run(30);
    lab
}

/// BUGS 25: the log of B, which is A's, is longer than the snapshot that C sends.
pub fn snapshot_for_a_longer_log(config: Config) -> Lab {
    let mut lab = led_by_a(5, config);
    lab.split(&[&[A, B], &[C, D, E]]);
    (0..20).for_each(|value| _ = lab.put(A, value));
    lab.run(30);
    lab.campaign(C);
    assert!(lab.leads(C));
    lab.put_each(C, 12);
    lab.split(&[&[A], &[B, C, D, E]]);
    lab.run(60);
    assert!(lab.world.node(B).snapshot_index() > 0);
    lab
}

/// BUGS 26: A's second entry is its own, and C no longer has the committed one.
pub fn snapshot_for_a_diverged_log(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    lab.split(&[&[A], &[B, C]]);
    lab.put(A, 1);
    lab.campaign(C);
    assert!(lab.leads(C));
    lab.put_each(C, 12);
    lab.heal();
    lab.run(60);
    lab
}

/// BUGS 27: A leads its second term and sends a snapshot that ends with an entry of its first.
pub fn snapshot_of_an_older_term(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    lab.split(&[&[A, B], &[C]]);
    lab.put_each(A, 20);
    lab.crash(A);
    lab.restart(A);
    lab.campaign(A);
    assert!(lab.leads(A));
    lab.heal();
    lab.run(60);
    assert!(lab.world.node(C).snapshot_index() > 0);
    lab
}
