//! A cluster's settings and logs, as all tests here use them.

use raftlab::protocol::{Delay, Span};
use raftlab::raft::{Config, ElectionRule, Rules};
use raftlab::replica::{Command, Log};

/// The paper's settings: timeouts of 150 to 300 ms (§9.3), a no-op from every new leader (§8),
/// and none of the switches that the dissertation adds.
pub fn config() -> Config {
    Config {
        election_timeout: Delay { min: Span::from_ms(150), max: Span::from_ms(300) },
        candidate_timeout: None,
        candidate_backoff: 1.0,
        adaptive_timeout: None,
        election_rule: ElectionRule::Paper,
        heartbeat: Span::from_ms(50),
        pre_vote: false,
        sticky_votes: false,
        check_quorum: false,
        noop: true,
        max_entries_per_append: 64,
        max_inflight: 256,
        snapshot_every: None,
        lease: None,
        commit_guard: false,
        rules: Rules::ALL,
    }
}

/// A log of no-ops with these terms.
pub fn log(terms: &[u64]) -> Log {
    let mut log = Log::default();
    for &term in terms {
        log.push(term, Command::default());
    }
    log
}
