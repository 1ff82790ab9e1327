//! How a node is set up. Every node of a cluster has the same settings, unless a fault changes one.

use super::rules::{Rule, Rules};
use super::tuning::AdaptiveTimeout;
use super::variants::ElectionRule;
use crate::protocol::{Delay, Span};

/// The settings of a node.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How long a follower waits for a leader (§5.2); redrawn at every reset.
    pub election_timeout: Delay,
    /// How long a candidate waits for votes before it stands again; as long as a follower for a leader, if
    /// not given.
    pub candidate_timeout: Option<Delay>,
    /// By how much that grows with each election in a row that a majority refused.
    pub candidate_backoff: f64,
    /// How timeouts and heartbeats follow the network, if they do.
    pub adaptive_timeout: Option<AdaptiveTimeout>,
    /// When terms are adopted and when a candidate stands again.
    pub election_rule: ElectionRule,
    /// How often a leader shows that it is there.
    pub heartbeat: Span,
    /// Ask before raising the term (diss. §9.6).
    pub pre_vote: bool,
    /// Refuse `RequestVote` within the minimum election timeout of hearing from a leader (diss. §4.2.3).
    pub sticky_votes: bool,
    /// A leader that hears no quorum for an election timeout steps down (diss. §6.2).
    pub check_quorum: bool,
    /// A new leader appends an empty entry at once (§8).
    pub noop: bool,
    /// Most entries in one message.
    pub max_entries_per_append: u32,
    /// Most messages with entries under way to a follower before the leader waits for an answer.
    pub max_inflight: u32,
    /// After how many applied entries a node takes a snapshot, if it does (§7).
    pub snapshot_every: Option<u64>,
    /// Serve reads by lease (diss. §6.4.1).
    pub lease: Option<Lease>,
    /// Halt rather than truncate below the own commitIndex, as production systems do.
    pub commit_guard: bool,
    /// The rules in force.
    pub rules: Rules,
}

/// A leader's read lease.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lease {
    /// Bound on how much a clock may run fast or slow, in parts per million, at most 999,999.
    pub drift_ppm: u32,
}

impl Config {
    /// How long a lease lasts on the leader's clock. A follower that heard a heartbeat refuses votes for
    /// the minimum election timeout T of its own clock, in true time at least T / (1 + d); the lease lasts
    /// at most L / (1 - d) in true time. So L = T (1 - d) / (1 + d) never outlives the promise.
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
