//! The settings of a node. They are the same for every node of a cluster, except for ranked
//! timeouts.

use super::rules::{Rule, Rules};
use super::tuning::AdaptiveTimeout;
use super::variants::ElectionRule;
use crate::protocol::{Delay, NodeId, Span};

/// The settings, a row each: how the JSON of a scenario has it, its type and its default. Passes
/// the rows to the macro `$make`, which makes [`Config`] here and the fields of a scenario there.
macro_rules! settings {
    ($make:ident) => {
        $make! {
            /// The range of a follower's election timeout (§5.2); drawn anew at every reset.
            #[serde(default = "default::election_timeout", with = "delay")]
            election_timeout: Delay = crate::raft::node::PAPER_ELECTION_TIMEOUT;

            /// The range of a candidate's timeout before its next election; `election_timeout` if
            /// not given (Raft Refloated, 4.2).
            #[serde(default, with = "optional_delay", skip_serializing_if = "Option::is_none")]
            candidate_timeout: Option<Delay> = None;

            /// The factor by which that grows with each consecutive election that a majority
            /// refused.
            #[serde(default = "default::candidate_backoff", skip_serializing_if = "is_one")]
            candidate_backoff: f64 = 1.0;

            /// Ranks: the k-th node's timeouts are longer by k times this, so that the first waits
            /// least.
            #[serde(default, with = "optional_span", skip_serializing_if = "Option::is_none")]
            timeout_step: Option<Span> = None;

            /// How timeouts and heartbeats adapt to the network (Dynatune), if they do.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            adaptive_timeout: Option<AdaptiveTimeout> = None;

            /// The election rule: when terms are adopted and when a candidate starts its next
            /// election.
            #[serde(default = "default::election_rule", skip_serializing_if = "is_paper")]
            election_rule: ElectionRule = ElectionRule::Paper;

            /// The length of a tick: timers count whole ticks, as in etcd and TiKV. Timers are
            /// continuous if not given. The world applies it.
            #[serde(default, with = "optional_span", skip_serializing_if = "Option::is_none")]
            tick: Option<Span> = None;

            /// The time between a leader's heartbeats; a third of the least election timeout if not
            /// given.
            #[serde(default, with = "optional_span", skip_serializing_if = "Option::is_none")]
            heartbeat: Option<Span> = None;

            /// PreVote: a node asks for votes before it increases its term (diss. §9.6).
            #[serde(default = "default::pre_vote")]
            pre_vote: bool = false;

            /// Refuse `RequestVote` within the minimum election timeout of hearing from a leader
            /// (diss. §4.2.3).
            #[serde(default = "default::sticky_votes")]
            sticky_votes: bool = false;

            /// CheckQuorum: a leader that hears from no quorum for an election timeout steps down
            /// (diss. §6.2).
            #[serde(default = "default::check_quorum")]
            check_quorum: bool = false;

            /// With CheckQuorum: how long a leader goes on without hearing from a quorum; the least
            /// election timeout if not given.
            #[serde(default, with = "optional_span", skip_serializing_if = "Option::is_none")]
            quorum_timeout: Option<Span> = None;

            /// A new leader appends an empty entry at once (§8).
            #[serde(default = "default::noop")]
            noop: bool = true;

            /// The maximum number of entries in one message.
            #[serde(default = "default::max_entries_per_append")]
            max_entries_per_append: u32 = 64;

            /// The maximum number of messages with entries in flight to a follower.
            #[serde(default = "default::max_inflight")]
            max_inflight: u32 = 256;

            /// The number of applied entries after which a node takes a snapshot and compacts its
            /// log (§7); `None` for no snapshots.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            snapshot_every: Option<u64> = None;

            /// The bound on clock drift for read leases (0.01 is one percent; diss. §6.4.1);
            /// `None` for no leases.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            lease_drift: Option<f64> = None;

            /// The duration of a lease on the leader's clock; the longest safe one if not given.
            #[serde(default, with = "optional_span", skip_serializing_if = "Option::is_none")]
            lease: Option<Span> = None;

            /// A node halts rather than truncate below its own commitIndex, as production systems
            /// do.
            #[serde(default = "default::commit_guard")]
            commit_guard: bool = false;
        }
    };
}
pub(crate) use settings;

macro_rules! config {
    ($(
        $(#[doc = $doc:literal])*
        #[serde($($json:tt)*)]
        $setting:ident: $type:ty = $default:expr;
    )*) => {
        /// The settings of a node.
        #[derive(Clone, Copy, Debug)]
        pub struct Config {
            $($(#[doc = $doc])* pub $setting: $type,)*
            /// The rules in force.
            pub rules: Rules,
        }

        impl Default for Config {
            /// The paper's settings: timeouts of 150 to 300 ms (§9.3), a no-op from every new
            /// leader (§8), and none of the switches that the dissertation adds.
            fn default() -> Self {
                Self { $($setting: $default,)* rules: Rules::ALL }
            }
        }

        impl Config {
            /// The first setting in which it differs from another one, rules apart.
            pub fn differs(&self, other: &Self) -> Option<&'static str> {
                $(if self.$setting != other.$setting {
                    return Some(stringify!($setting));
                })*
                None
            }
        }
    };
}

settings! { config }

impl Config {
    /// The time between a leader's heartbeats.
    pub fn heartbeat(&self) -> Span {
        self.heartbeat.unwrap_or(Span((self.election_timeout.min.0 / 3).max(1)))
    }

    /// The settings of one node: its timeouts are longer than those of the rank before.
    #[must_use]
    pub fn ranked(mut self, id: NodeId) -> Self {
        self.heartbeat = Some(self.heartbeat()); // does not depend on the rank
        if let Some(step) = self.timeout_step {
            let later = |span: Span| Span(span.0 + step.0 * u64::from(id.0));
            let ranges = [Some(&mut self.election_timeout), self.candidate_timeout.as_mut()];
            for Delay { min, max } in ranges.into_iter().flatten() {
                (*min, *max) = (later(*min), later(*max));
            }
        }
        self
    }

    /// The duration of a lease on the leader's clock. A follower that received a heartbeat refuses
    /// votes for the minimum election timeout T on its own clock, in true time at least T / (1 +
    /// d); a lease of L on the leader's clock lasts at most L / (1 - d) in true time. So L = T (1 -
    /// d) / (1 + d) ends in time.
    pub fn lease_span(&self) -> Span {
        self.lease.unwrap_or_else(|| self.longest_lease())
    }

    /// The longest lease that ends in time.
    fn longest_lease(&self) -> Span {
        let timeout = self.election_timeout.min.0;
        match self.lease_drift {
            Some(drift) if self.rules.has(Rule::LeaseDriftBound) => {
                let drift = (drift * 1e6).round() as u128; // parts per million
                Span((u128::from(timeout) * (1_000_000 - drift) / (1_000_000 + drift)) as u64)
            }
            _ => Span(timeout),
        }
    }

    /// Checks the limits of the settings. Errors begin with the name of a setting.
    pub fn validate(&self) -> Result<(), String> {
        validate_range("election_timeout", self.election_timeout)?;
        if let Some(range) = self.candidate_timeout {
            validate_range("candidate_timeout", range)?;
        }
        if !(1.0..=1e6).contains(&self.candidate_backoff) {
            return Err(format!(
                "candidate_backoff must be a factor of at least 1, not {}",
                self.candidate_backoff
            ));
        }
        self.validate_ways_to_wait()?;
        if self.heartbeat == Some(Span::ZERO) {
            return Err("heartbeat must be longer than 0 ms".into());
        }
        let least = self.election_timeout.min;
        if let Some(tick) = self.tick
            && (tick == Span::ZERO || tick > least)
        {
            return Err(format!(
                "tick must be longer than 0 ms and no longer than the least election timeout, \
                 {} ms, not {} ms",
                least.as_ms(),
                tick.as_ms()
            ));
        }
        for (name, value) in [
            ("max_entries_per_append", self.max_entries_per_append),
            ("max_inflight", self.max_inflight),
        ] {
            if value == 0 {
                return Err(format!("{name} must be at least 1, not 0"));
            }
        }
        if self.snapshot_every == Some(0) {
            return Err("snapshot_every must be at least 1 entry, not 0".into());
        }
        if let Some(drift) = self.lease_drift
            && !(0.0..1.0).contains(&drift)
        {
            return Err(format!("lease_drift must be at least 0 and below 1, not {drift}"));
        }
        self.validate_times_of_leaders()
    }

    /// Checks how long a leader goes on without a quorum, and how long a lease lasts.
    fn validate_times_of_leaders(&self) -> Result<(), String> {
        if let Some(timeout) = self.quorum_timeout {
            if !self.check_quorum {
                return Err("quorum_timeout is that of check_quorum, which is off".into());
            }
            if timeout <= self.heartbeat() {
                return Err(format!(
                    "quorum_timeout must be longer than heartbeat, {} ms, not {} ms: no leader \
                     would hear from a quorum in time",
                    self.heartbeat().as_ms(),
                    timeout.as_ms()
                ));
            }
        }
        if let Some(lease) = self.lease {
            if self.lease_drift.is_none() {
                return Err("lease is the duration of leases, which need lease_drift".into());
            }
            let longest = self.longest_lease();
            if lease == Span::ZERO || lease > longest {
                return Err(format!(
                    "lease must be longer than 0 ms and at most {} ms, not {} ms: later a follower \
                     whose clock is fast may vote for another leader",
                    longest.as_ms(),
                    lease.as_ms()
                ));
            }
        }
        Ok(())
    }

    /// Rejects combinations of settings for how long nodes wait, and for how they ask.
    fn validate_ways_to_wait(&self) -> Result<(), String> {
        let leases = self.lease_drift.is_some();
        let ranks = self.timeout_step.is_some();
        if let Some(adaptive) = &self.adaptive_timeout {
            adaptive.validate().map_err(|why| format!("adaptive_timeout: {why}"))?;
        }
        let refused = if self.adaptive_timeout.is_some() && leases {
            "adaptive_timeout: leases rely on the configured timeout; give it or lease_drift"
        } else if self.adaptive_timeout.is_some() && ranks {
            "adaptive_timeout: it sets the timeouts that timeout_step ranks; give only one of them"
        } else if self.timeout_step.is_some_and(|step| step > Span::ZERO) && leases {
            "timeout_step: leases assume that all nodes wait equally long; give it or lease_drift"
        } else if self.pre_vote && self.election_rule.asks_about_log() {
            "election_rule: it asks before an election, as pre_vote does; give only one of them"
        } else {
            return Ok(());
        };
        Err(refused.into())
    }
}

fn validate_range(name: &str, Delay { min, max }: Delay) -> Result<(), String> {
    if min > Span::ZERO && min <= max {
        return Ok(());
    }
    Err(format!(
        "{name} must be two times in ascending order, above 0 ms, not ({}, {}) ms",
        min.as_ms(),
        max.as_ms()
    ))
}
