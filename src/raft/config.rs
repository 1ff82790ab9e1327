//! The settings of a node. They are the same for every node of a cluster, except for ranked
//! timeouts.

use super::rules::{Rule, Rules};
use super::tuning::AdaptiveTimeout;
use super::variants::ElectionRule;
use crate::protocol::{Delay, Span};

/// The settings of a node.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The range of a follower's election timeout (§5.2); drawn anew at every reset.
    pub election_timeout: Delay,
    /// The range of a candidate's timeout before its next election; `election_timeout` if not
    /// given.
    pub candidate_timeout: Option<Delay>,
    /// The factor by which that grows with each consecutive election that a majority refused.
    pub candidate_backoff: f64,
    /// How timeouts and heartbeats adapt to the network, if they do.
    pub adaptive_timeout: Option<AdaptiveTimeout>,
    /// The election rule: when terms are adopted and when a candidate starts its next election.
    pub election_rule: ElectionRule,
    /// The time between a leader's heartbeats.
    pub heartbeat: Span,
    /// PreVote: a node asks for votes before it increases its term (diss. §9.6).
    pub pre_vote: bool,
    /// Refuse `RequestVote` within the minimum election timeout of hearing from a leader (diss.
    /// §4.2.3).
    pub sticky_votes: bool,
    /// CheckQuorum: a leader that hears from no quorum for an election timeout steps down (diss.
    /// §6.2).
    pub check_quorum: bool,
    /// A new leader appends an empty entry at once (§8).
    pub noop: bool,
    /// The maximum number of entries in one message.
    pub max_entries_per_append: u32,
    /// The maximum number of messages with entries in flight to a follower.
    pub max_inflight: u32,
    /// The number of applied entries after which a node takes a snapshot; `None` for no snapshots
    /// (§7).
    pub snapshot_every: Option<u64>,
    /// Read leases (diss. §6.4.1); `None` for no leases.
    pub lease: Option<Lease>,
    /// A node halts rather than truncate below its own commitIndex, as production systems do.
    pub commit_guard: bool,
    /// The rules in force.
    pub rules: Rules,
}

/// A leader's read lease.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lease {
    /// The bound on clock drift in parts per million, at most 999,999.
    pub drift_ppm: u32,
}

impl Config {
    /// The duration of a lease on the leader's clock. A follower that received a heartbeat refuses
    /// votes for the minimum election timeout T on its own clock, in true time at least T / (1 +
    /// d); a lease of L on the leader's clock lasts at most L / (1 - d) in true time. So L = T (1 -
    /// d) / (1 + d) ends in time.
    pub fn lease_span(&self) -> Span {
        let timeout = self.election_timeout.min.0;
        match self.lease {
            Some(lease) if self.rules.has(Rule::LeaseDriftBound) => {
                let drift = u128::from(lease.drift_ppm);
                Span((u128::from(timeout) * (1_000_000 - drift) / (1_000_000 + drift)) as u64)
            }
            _ => Span(timeout),
        }
    }
}

impl Default for Config {
    /// The paper's settings: timeouts of 150 to 300 ms (§9.3), a no-op from every new leader (§8),
    /// and none of the switches that the dissertation adds.
    fn default() -> Self {
        Self {
            election_timeout: super::node::PAPER_ELECTION_TIMEOUT,
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
}
