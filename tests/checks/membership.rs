//! Schedules that need the rules of membership and of leadership transfer; see `planted.rs`.

use raftlab::protocol::{NodeId, ReadPath};
use raftlab::raft::Config;
use raftlab::replica::{Change, Members, Membership, Reconfiguration, Request};

use super::lab::{A, ACK, APPEND, B, C, D, E, Lab, TIMEOUT_NOW, group};

fn voter(node: NodeId) -> Reconfiguration {
    Reconfiguration::One(Change::AddVoter(node))
}

fn remove(node: NodeId) -> Reconfiguration {
    Reconfiguration::One(Change::Remove(node))
}

fn to(voters: &[NodeId]) -> Reconfiguration {
    let members = Members::of(&Membership::of(group(voters)));
    Reconfiguration::Joint(members.expect("there are few nodes"))
}

/// A leads `founding` nodes, and the others up to E run, but are no members.
fn led_by_a(founding: usize, config: Config) -> Lab {
    let mut lab = Lab::with_spares(founding, 5 - founding, config);
    lab.campaign(A);
    lab.run(30);
    lab
}

/// BUGS 31, the bug of 2015: A adds E, which only E learns; B, whose term has no commit yet,
/// removes A, which only C learns. Three of five elect A, and two of three have committed without
/// it.
pub fn two_leaders_change(config: Config) -> Lab {
    let mut lab = led_by_a(4, config);
    lab.split(&[&[A, E], &[B, C, D]]);
    lab.change(A, voter(E));
    lab.run(30);
    lab.hold(B, D, APPEND);
    lab.campaign(B);
    assert!(lab.leads(B));
    lab.change(B, remove(A));
    lab.run(10);
    lab.split(&[&[A, D, E], &[B, C]]);
    lab.crash(A);
    lab.restart(A);
    lab.campaign(A); // in B's term, in which D has voted
    lab.campaign(A);
    assert!(lab.leads(A));
    lab
}

/// A with two new nodes, and the other two of the old ones: each side has a majority of its own.
fn two_majorities(config: Config, change: impl Fn(&mut Lab)) -> Lab {
    let mut lab = led_by_a(3, config);
    lab.split(&[&[A, D, E], &[B, C]]);
    change(&mut lab);
    lab.put(A, 1);
    lab.run(30);
    lab.campaign(B);
    assert!(lab.leads(B));
    lab.run(10);
    lab
}

/// BUGS 33: the second change comes before the first is committed.
pub fn changes_overlap(config: Config) -> Lab {
    two_majorities(config, |lab| {
        lab.change(A, voter(D));
        lab.change(A, voter(E));
    })
}

/// BUGS 32 (Figure 10): two voters are added at once.
pub fn two_at_once(config: Config) -> Lab {
    two_majorities(config, |lab| lab.change(A, to(&[A, B, C, D, E])))
}

/// D and E are voters. A and B restart, and C does not.
fn grown_and_restarted(mut lab: Lab, before_the_restart: impl Fn(&mut Lab)) -> Lab {
    lab.change(A, voter(D));
    lab.run(30);
    lab.change(A, voter(E));
    lab.run(30);
    before_the_restart(&mut lab);
    lab.split(&[&[A, B], &[C, D, E]]);
    for node in [A, B] {
        lab.crash(node);
        lab.restart(node);
    }
    lab.campaign(A);
    lab.campaign(D);
    assert!(lab.leads(D));
    lab
}

/// BUGS 34: A and B hold the new configurations, and do not know yet that they are committed.
pub fn restarted_nodes_know_no_commit(config: Config) -> Lab {
    grown_and_restarted(led_by_a(3, config), |_| {})
}

/// BUGS 29: the entries of the new configurations are gone.
pub fn restarted_from_a_snapshot(config: Config) -> Lab {
    let config = Config { snapshot_every: Some(4), ..config };
    grown_and_restarted(led_by_a(3, config), |lab| {
        for value in 0..20 {
            lab.put(A, value);
            lab.run(5);
        }
    })
}

/// BUGS 35: the entry with which A removes D is overwritten. C then adds E, which A and B do not
/// learn.
pub fn overwritten_change(config: Config) -> Lab {
    let mut lab = led_by_a(4, config);
    lab.split(&[&[A], &[B, C, D]]);
    lab.change(A, remove(D));
    lab.run(5);
    lab.campaign(C);
    assert!(lab.leads(C));
    lab.heal();
    lab.run(30);
    lab.split(&[&[A, B], &[C, D, E]]);
    lab.change(C, voter(E));
    lab.run(30);
    lab.put(C, 1);
    lab.run(30);
    lab.campaign(A);
    lab
}

/// BUGS 29: the same, but A gets a snapshot in place of the entry. C's configuration and A's have
/// quorums without a common node.
pub fn overwritten_change_below_a_snapshot(config: Config) -> Lab {
    let mut lab = led_by_a(4, Config { snapshot_every: Some(4), ..config });
    lab.split(&[&[A], &[B, C, D]]);
    lab.change(A, remove(D));
    lab.run(5);
    lab.campaign(C);
    assert!(lab.leads(C));
    lab.put_each(C, 20);
    lab.heal();
    lab.run(60);
    assert!(lab.world.node(A).log().base().index > 2);
    lab.split(&[&[A, B], &[C, D, E]]);
    lab.change(C, voter(E));
    lab.run(30);
    lab.put(C, 1);
    lab.run(30);
    lab.campaign(A);
    lab
}

/// BUGS 8: A with the learners D and E, and the other voters.
pub fn learners_beside_the_leader(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    for node in [D, E] {
        lab.change(A, Reconfiguration::One(Change::AddLearner(node)));
        lab.run(30);
    }
    lab.split(&[&[A, D, E], &[B, C]]);
    lab.put(A, 1);
    lab.run(30);
    lab.campaign(B);
    assert!(lab.leads(B));
    lab
}

/// BUGS 36: A removes itself, and then has only B's acknowledgement. C has the new configuration
/// and not the write that follows it.
pub fn leader_removes_itself(config: Config) -> Lab {
    let mut lab = led_by_a(4, config);
    for (from, to, kinds) in [(A, B, APPEND), (A, D, APPEND), (B, A, ACK), (C, A, ACK)] {
        lab.hold(from, to, kinds);
    }
    lab.change(A, remove(A));
    lab.run(3);
    lab.hold(A, C, APPEND);
    lab.put(A, 1);
    lab.run(3);
    lab.deliver_all(A, B);
    lab.run(3);
    lab.deliver_last(B, A); // acknowledges both
    lab.split(&[&[A, B], &[C, D]]);
    lab.campaign(C);
    assert!(lab.leads(C));
    lab
}

/// BUGS 42: A asks B to take over and is then cut off. B's election does not wait for A's lease.
pub fn transfer_under_a_lease(config: Config) -> Lab {
    let mut lab = Lab::new(3, Config { lease_drift: Some(0.0), ..config });
    lab.campaign(A);
    lab.put(A, 1);
    lab.run(30);
    lab.hold(A, B, TIMEOUT_NOW);
    lab.world.request(Some(A), None, Request::Transfer(B));
    lab.split(&[&[A], &[B, C]]);
    lab.deliver_first(A, B);
    lab.run(3);
    assert!(lab.leads(B));
    lab.put(B, 2);
    lab.run(30);
    lab.read(A, ReadPath::Lease);
    lab.run(5);
    lab
}
