//! A cluster's settings and logs, as all tests here use them.

use raftlab::raft::Config;
use raftlab::replica::{Command, Log};

/// The paper's settings.
pub fn config() -> Config {
    Config::default()
}

/// A log of no-ops with these terms.
pub fn log(terms: &[u64]) -> Log {
    let mut log = Log::default();
    for &term in terms {
        log.push(term, Command::default());
    }
    log
}
