//! A minimal discrete-event loop around `TiKV`'s `raft` crate: what a user would write to simulate
//! with the Raft that is in production. One JSON line on standard output.
//!
//! ```text
//! tikv_raft w1 TRIALS        the bare election
//! tikv_raft w1full TRIALS    crash of a leader and re-election
//! tikv_raft w2 SECONDS       steady replication
//! tikv_raft idle SECONDS     a leader and its heartbeats
//! ```
//!
//! `--nodes N` after them asks for another number of servers than five. The workloads are those of
//! `benches/README.md`. The crate counts time in ticks, here of 1 ms, and draws its election
//! timeouts from the thread's generator, so that trials can't be seeded.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use raft::prelude::{Config, Entry, Message, RawNode};
use raft::storage::MemStorage;
use raft::{INVALID_ID, StateRole};
use rand::Rng;
use slog::Logger;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (what, size, nodes) = match args[..] {
        [what, size] => (what, whole(size), 5),
        [what, size, "--nodes", nodes] => (what, whole(size), whole(nodes)),
        _ => fail("usage: tikv_raft w1|w1full TRIALS [--nodes N]  or  w2|idle SECONDS [--nodes N]"),
    };
    match what {
        "w1" => measure_trials(what, size, nodes, bare_election),
        "w1full" => measure_trials(what, size, nodes, crash_and_reelection),
        "w2" | "idle" => measure_replication(what, size, nodes),
        _ => fail(&format!("{what}: there are the workloads w1, w1full, w2 and idle")),
    }
}

fn whole(text: &str) -> u64 {
    let number = text.parse().ok().filter(|&number: &u64| number > 0);
    number.unwrap_or_else(|| fail(&format!("{text}: must be a whole number above 0")))
}

/// W1: server 0 is dead, 1..4 are followers of term 1 with the same one entry. The result is when
/// a server holds a quorum's votes.
fn bare_election(log: &Logger, nodes: u64) -> Trial {
    let mut sim = Sim::new(7_500, nodes, log, |server, storage| {
        let mut core = storage.wl();
        core.mut_hard_state().set_term(1);
        let entry = Entry { term: 1, index: 1, ..Entry::default() };
        core.append(&[entry]).expect("the log is empty, so that entry 1 follows it");
        server != 0
    });
    Trial { result_us: sim.run_to_leader(), messages: sim.delivered }
}

/// W1full: a cold start, half a second and up to 50 ms of heartbeats, a crash of the leader. The
/// result is the time from the crash to the next leader.
fn crash_and_reelection(log: &Logger, nodes: u64) -> Trial {
    let mut sim = Sim::new(7_500, nodes, log, |_, _| true);
    let elected = sim.run_to_leader();
    let crash = elected + 500_000 + rand::thread_rng().gen_range(0..50_000);
    sim.run_before(crash);
    sim.crash_leader();
    Trial { result_us: sim.run_to_leader() - crash, messages: sim.delivered }
}

struct Trial {
    result_us: u64,
    messages: u64,
}

fn measure_trials(what: &str, trials: u64, nodes: u64, run: fn(&Logger, u64) -> Trial) {
    let log = silence();
    for _ in 0..WARM_UP {
        run(&log, nodes);
    }
    let start = Instant::now();
    let mut results_us = Vec::with_capacity(trials as usize);
    let mut messages = 0;
    for _ in 0..trials {
        let trial = run(&log, nodes);
        results_us.push(trial.result_us);
        messages += trial.messages;
    }
    let wall = start.elapsed().as_secs_f64();

    results_us.sort_unstable();
    let mean_ms = results_us.iter().sum::<u64>() as f64 / trials as f64 / 1e3;
    // The same quantile as the other implementations': the value at floor(share * n).
    let quantile_ms = |percent: usize| results_us[percent * results_us.len() / 100] as f64 / 1e3;
    println!(
        "{{\"impl\":\"tikv-raft\",\"what\":\"{what}\",\"nodes\":{nodes},\"trials\":{trials},\"wall_s\":{wall:.9},\
         \"trials_per_s\":{:.1},\"messages\":{messages},\"mean_ms\":{mean_ms:.3},\
         \"p50_ms\":{:.3},\"p90_ms\":{:.3},\"p99_ms\":{:.3}}}",
        trials as f64 / wall,
        quantile_ms(50),
        quantile_ms(90),
        quantile_ms(99),
    );
}

/// W2: server 0 leads from t = 0 on, and from t = 10 ms on takes a proposal of 8 bytes every
/// millisecond; or the same without proposals.
fn measure_replication(what: &str, seconds: u64, nodes: u64) {
    let log = silence();
    let start = Instant::now();
    let mut sim = Sim::new(1_000, nodes, &log, |server, storage| {
        // The leader gets to term 1 by standing as a candidate.
        storage.wl().mut_hard_state().set_term(u64::from(server != 0));
        true
    });
    sim.lead(0);
    if what == "w2" {
        sim.push(10_000, What::Propose);
    }
    sim.run_before(seconds * 1_000_000);
    let wall = start.elapsed().as_secs_f64();

    let leader = sim.leader.expect("nobody's timer fires while heartbeats arrive");
    let committed = sim.servers[leader].as_ref().map_or(0, |node| node.raft.raft_log.committed);
    println!(
        "{{\"impl\":\"tikv-raft\",\"what\":\"{what}\",\"nodes\":{nodes},\"sim_s\":{seconds},\
         \"wall_s\":{wall:.9},\"messages_per_s\":{:.1},\"messages\":{},\"commit\":{},\
         \"peak_mib\":{}}}",
        sim.delivered as f64 / wall,
        sim.delivered,
        // Without the empty entry with which the crate's leaders begin a term.
        committed.saturating_sub(1),
        peak_mib().map_or_else(|| "null".to_owned(), |mib| format!("{mib:.1}")),
    );
}

/// The peak memory of this process; only on Linux.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// The servers, the messages between them and the clock.
struct Sim {
    /// By server; its id in the crate is one more, since the crate keeps 0 for "nobody". A crashed
    /// server is `None`.
    servers: Vec<Option<RawNode<MemStorage>>>,
    /// The server that won the latest election, unless it has crashed since.
    leader: Option<usize>,
    now_us: u64,
    latency_us: u64,
    /// What is to come, by time and then by order of scheduling.
    queue: BinaryHeap<Reverse<(u64, u64, What)>>,
    scheduled: u64,
    /// Messages in flight. They are large: the queue moves their numbers instead.
    in_flight: Vec<Message>,
    free: Vec<usize>,
    delivered: u64,
    /// Kept from step to step, so that sending doesn't allocate.
    outbox: Vec<Message>,
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum What {
    /// A millisecond has passed for every server.
    Tick,
    /// A client's proposal at the leader, and the next one `PROPOSAL_GAP_US` later.
    Propose,
    /// The message at this place of `in_flight` arrives.
    Deliver(usize),
}

impl Sim {
    /// Servers in the state that `prepare` gives their storage. It says whether the server is
    /// alive.
    fn new(
        latency_us: u64,
        nodes: u64,
        log: &Logger,
        prepare: impl Fn(usize, &MemStorage) -> bool,
    ) -> Self {
        let ids: Vec<u64> = (1..=nodes).collect();
        let start = |server: usize| {
            let storage = MemStorage::new_with_conf_state((ids.clone(), vec![]));
            prepare(server, &storage).then(|| {
                let config = Config {
                    id: ids[server],
                    election_tick: ELECTION_TICKS,
                    min_election_tick: ELECTION_TICKS,
                    max_election_tick: 2 * ELECTION_TICKS,
                    heartbeat_tick: HEARTBEAT_TICKS,
                    // One entry to a message, however many messages are in flight.
                    max_size_per_msg: 0,
                    // The crate reserves room for all of them, for each follower.
                    max_inflight_msgs: 256,
                    // The commit index travels with the next entry, not in a message of its own.
                    skip_bcast_commit: true,
                    ..Config::default()
                };
                RawNode::new(&config, storage, log).expect("the configuration is valid")
            })
        };
        let mut sim = Self {
            servers: (0..ids.len()).map(start).collect(),
            leader: None,
            now_us: 0,
            latency_us,
            queue: BinaryHeap::new(),
            scheduled: 0,
            in_flight: Vec::new(),
            free: Vec::new(),
            delivered: 0,
            outbox: Vec::new(),
        };
        sim.push(TICK_US, What::Tick);
        sim
    }

    /// Makes a server leader here and now, without an election, and has it announce itself.
    fn lead(&mut self, server: usize) {
        let Some(node) = &mut self.servers[server] else { return };
        node.raft.become_candidate();
        node.raft.become_leader();
        node.raft.bcast_append();
        self.leader = Some(server);
        self.handle_ready(server);
    }

    fn crash_leader(&mut self) {
        let leader = self.leader.take().expect("a cluster that has elected has a leader");
        self.servers[leader] = None;
    }

    /// Runs until a server wins an election and returns when it did. Only while there is no leader.
    fn run_to_leader(&mut self) -> u64 {
        while self.leader.is_none() {
            self.step();
        }
        self.now_us
    }

    /// Runs what is due before `end_us`; what is due at `end_us` isn't run.
    fn run_before(&mut self, end_us: u64) {
        while self.queue.peek().is_some_and(|Reverse((at_us, ..))| *at_us < end_us) {
            self.step();
        }
    }

    fn step(&mut self) {
        let Reverse((at_us, _, what)) = self.queue.pop().expect("the next tick is always queued");
        self.now_us = at_us;
        match what {
            What::Tick => {
                for server in 0..self.servers.len() {
                    if self.servers[server].as_mut().is_some_and(RawNode::tick) {
                        self.handle_ready(server);
                    }
                }
                self.push(at_us + TICK_US, What::Tick);
            }
            What::Propose => {
                if let Some(leader) = self.leader
                    && let Some(node) = &mut self.servers[leader]
                {
                    node.propose(vec![], vec![7; 8]).expect("a leader takes proposals");
                    self.handle_ready(leader);
                }
                self.push(at_us + PROPOSAL_GAP_US, What::Propose);
            }
            What::Deliver(place) => self.deliver(place),
        }
    }

    fn deliver(&mut self, place: usize) {
        let message = std::mem::take(&mut self.in_flight[place]);
        self.free.push(place);
        let server = server_of(message.to);
        let Some(node) = &mut self.servers[server] else { return };
        self.delivered += 1;
        let led = node.raft.state == StateRole::Leader;
        // An error says that the message is out of date, as some are after an election.
        let _ = node.step(message);
        if !led && node.raft.state == StateRole::Leader {
            self.leader = Some(server);
        }
        self.handle_ready(server);
    }

    /// Does what the crate asks for: store first, then send. A disk takes no time here.
    fn handle_ready(&mut self, server: usize) {
        let Some(node) = &mut self.servers[server] else { return };
        while node.has_ready() {
            let mut ready = node.ready();
            self.outbox.append(&mut ready.take_messages());
            if !ready.entries().is_empty() {
                let stored = node.store().wl().append(ready.entries());
                stored.expect("the crate's entries follow its log");
            }
            if let Some(state) = ready.hs() {
                node.store().wl().set_hardstate(state.clone());
            }
            self.outbox.append(&mut ready.take_persisted_messages());
            let mut light = node.advance(ready);
            if let Some(commit) = light.commit_index() {
                node.store().wl().mut_hard_state().set_commit(commit);
            }
            self.outbox.append(&mut light.take_messages());
            node.advance_apply();
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        for message in outbox.drain(..) {
            self.send(message);
        }
        self.outbox = outbox;
    }

    fn send(&mut self, message: Message) {
        debug_assert_ne!(message.to, INVALID_ID, "only local messages have no addressee");
        if self.servers[server_of(message.to)].is_none() {
            return; // It would be lost on arrival.
        }
        let place = if let Some(place) = self.free.pop() {
            self.in_flight[place] = message;
            place
        } else {
            self.in_flight.push(message);
            self.in_flight.len() - 1
        };
        self.push(self.now_us + self.latency_us, What::Deliver(place));
    }

    fn push(&mut self, at_us: u64, what: What) {
        self.scheduled += 1;
        self.queue.push(Reverse((at_us, self.scheduled, what)));
    }
}

fn server_of(id: u64) -> usize {
    id as usize - 1
}

fn silence() -> Logger {
    Logger::root(slog::Discard, slog::o!())
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    std::process::exit(2)
}

/// Trials before the first that counts: what is slow only once is no part of a rate.
const WARM_UP: u64 = 10;
const TICK_US: u64 = 1_000;
const ELECTION_TICKS: usize = 150;
const HEARTBEAT_TICKS: usize = 50;
const PROPOSAL_GAP_US: u64 = 1_000;
