//! Settings of well-known systems, with their sources.

/// A preset: settings of a scenario as JSON, and their sources.
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// What it models, in a sentence.
    pub meaning: &'static str,
    /// The settings.
    pub settings: &'static str,
    /// Their sources.
    pub source: &'static str,
    /// Differences between that system and the simulator that affect elections.
    pub not_modelled: &'static str,
}

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "paper",
        meaning: "the Raft paper: election timeouts of 150 to 300 ms, a broadcast and its answers in 15 ms",
        settings: r#"{"election_timeout": [150, 300], "heartbeat": 50, "network": {"latency": 7.5}}"#,
        source: "Ongaro and Ousterhout, extended version, §9.3 (conservative timeouts, broadcast time about 15 ms); \
                 the heartbeat interval is not given there, a third of the timeout is usual",
        not_modelled: "",
    },
    Preset {
        name: "etcd",
        meaning: "etcd's defaults: 1 s election timeout, 100 ms heartbeat, PreVote, CheckQuorum with sticky votes",
        settings: r#"{"election_timeout": [1000, 2000], "heartbeat": 100, "pre_vote": true, "check_quorum": true, "sticky_votes": true, "max_inflight": 512}"#,
        source: "etcd server flags --election-timeout 1000, --heartbeat-interval 100, --pre-vote true; etcd-io/raft: \
                 timeouts drawn from [t, 2t), CheckQuorum makes followers ignore votes within their lease; \
                 etcd server maxInflightMsgs 512",
        not_modelled: "in etcd heartbeats wait for the leader's disk, as it writes before it sends: a slow fsync is as good as a \
                       lost heartbeat; keep the timeout well above the tail of the fsync latency",
    },
    Preset {
        name: "consul",
        meaning: "Consul's defaults (hashicorp/raft, raft_multiplier 5): 5 s timeouts, PreVote, leader lease as CheckQuorum",
        settings: r#"{"election_timeout": [5000, 10000], "heartbeat": 500, "pre_vote": true, "check_quorum": true, "sticky_votes": true, "max_entries_per_append": 64}"#,
        source: "hashicorp/raft DefaultConfig: HeartbeatTimeout and ElectionTimeout 1 s, drawn from [t, 2t), \
                 heartbeats every tenth of the timeout, MaxAppendEntries 64, PreVote on since 1.7, \
                 followers with a leader refuse votes; Consul's raft_multiplier is 5 by default",
        not_modelled: "hashicorp/raft's followers do not restart their timer at a heartbeat, but look at it when it ends, and \
                       start another one if they have heard from the leader meanwhile: failovers of Consul take longer, up to \
                       a timeout more, and so does their p99",
    },
];
