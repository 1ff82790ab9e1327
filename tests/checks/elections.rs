//! Schedules that need further rules of elections, replication and reads; see `planted.rs`.

use raftlab::protocol::ReadPath;
use raftlab::raft::Config;

use super::lab::{A, ACK, APPEND, B, C, D, E, Lab, PRE_VOTE, REQUEST_VOTE, VOTE};

fn led_by_a(nodes: usize, config: Config) -> Lab {
    let mut lab = Lab::new(nodes, config);
    lab.campaign(A);
    lab.run(30);
    lab
}

/// BUGS 6: A has many entries of its own, and B and C have committed one of a later term.
pub fn longer_log_of_an_older_term(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    lab.split(&[&[A], &[B, C]]);
    lab.put(A, 1);
    lab.put(A, 2);
    lab.put(A, 3);
    lab.campaign(B);
    lab.run(30);
    lab.split(&[&[B], &[A, C]]);
    lab.crash(A); // which leads its term
    lab.restart(A);
    lab.campaign(A); // of term 2, in which C has voted
    lab.campaign(A);
    lab.run(30);
    lab
}

/// PySyncObj 201 and 202: all nodes restart.
pub fn whole_cluster_restarts(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    for node in [A, B, C] {
        lab.crash(node);
        lab.restart(node);
    }
    lab.campaign(B);
    lab.run(30);
    lab
}

/// BUGS 3: B has voted for A and hears its heartbeat; C's request of the same term arrives late.
pub fn request_after_an_empty_heartbeat(config: Config) -> Lab {
    let mut lab = Lab::new(3, Config { noop: false, ..config });
    lab.hold(C, B, REQUEST_VOTE);
    lab.hold(A, C, REQUEST_VOTE | APPEND);
    lab.hold(C, A, REQUEST_VOTE);
    lab.campaign(C);
    lab.campaign(A);
    lab.run(15);
    lab.deliver_first(C, B);
    lab.run(5);
    lab
}

/// canonical/raft 196: B has voted for A, and asks whether to stand; C's request arrives late.
pub fn voter_asks_beforehand(config: Config) -> Lab {
    let mut lab = Lab::new(3, Config { pre_vote: true, noop: false, ..config });
    lab.hold(C, B, REQUEST_VOTE);
    lab.hold(A, C, REQUEST_VOTE | APPEND);
    lab.hold(C, A, REQUEST_VOTE);
    lab.campaign(C);
    lab.campaign(A);
    lab.run(5);
    lab.hold(A, B, APPEND);
    lab.hold(B, A, PRE_VOTE);
    lab.hold(B, C, PRE_VOTE);
    lab.campaign(B);
    lab.deliver_first(C, B);
    lab.run(5);
    lab
}

/// BUGS 4: B's vote for A arrives twice, and C, D and E elect C.
pub fn vote_arrives_twice(config: Config) -> Lab {
    let mut lab = Lab::new(5, config);
    lab.hold(B, A, VOTE);
    lab.split(&[&[A, B], &[C, D, E]]);
    lab.campaign(A);
    lab.campaign(C);
    let vote = lab.held(B, A)[0];
    lab.world.duplicate(vote);
    lab.deliver_all(B, A);
    lab.run(5);
    lab
}

/// openraft 1220: B has voted for A and refuses its vote to C.
pub fn refused_candidate(config: Config) -> Lab {
    let mut lab = Lab::new(3, config);
    lab.hold(A, C, REQUEST_VOTE | APPEND);
    lab.hold(C, A, REQUEST_VOTE);
    lab.hold(C, B, REQUEST_VOTE);
    lab.campaign(C);
    lab.campaign(A);
    lab.deliver_first(C, B);
    lab.run(5);
    lab
}

/// BUGS 13: A acknowledges its own entries, and B takes them for its own.
pub fn follower_with_a_longer_log(config: Config) -> Lab {
    let mut lab = led_by_a(3, Config { noop: false, ..config });
    lab.split(&[&[A], &[B, C]]);
    lab.put(A, 1);
    lab.put(A, 2);
    lab.hold(B, C, APPEND);
    lab.hold(A, B, ACK);
    lab.campaign(B);
    assert!(lab.leads(B));
    lab.heal();
    lab.run(15);
    lab.hold(B, A, APPEND);
    lab.put(B, 3);
    lab.run(5);
    lab.deliver_last(A, B);
    lab.run(5);
    lab.split(&[&[B], &[A, C]]);
    lab.campaign(A); // of term 2, in which C has voted
    lab.campaign(A);
    lab.run(5);
    lab
}

/// BUGS 44: A answers a client, and B overwrites the entry.
pub fn write_of_a_leader_alone(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    lab.split(&[&[A], &[B, C]]);
    lab.put(A, 1);
    lab.campaign(B);
    lab.run(30);
    lab.heal();
    lab.run(30);
    lab
}

/// BUGS 38: A is cut off; B leads and takes a write; a client asks A.
pub fn read_of_a_leader_alone(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(B);
    lab.put(B, 2);
    lab.run(20);
    lab.read(A, ReadPath::ReadIndex);
    lab.run(20);
    lab
}

/// BUGS 40: the same, but acknowledgements of A's last heartbeat arrive after the read.
pub fn late_confirmation(config: Config) -> Lab {
    let mut lab = led_by_a(3, config);
    lab.hold(B, A, ACK);
    lab.hold(C, A, ACK);
    lab.run(11);
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(B);
    lab.put(B, 2);
    lab.run(4);
    lab.read(A, ReadPath::ReadIndex);
    lab.deliver_last(B, A);
    lab.run(5);
    lab
}
