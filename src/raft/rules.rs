//! The rules of Raft that can be taken away, one by one.
//!
//! Each row of the table is one rule, with the name of the bug that an implementation has without
//! it. To add a rule, add a row here and an `if` where the protocol obeys it; the scenario's
//! `bugs=`, the table `rl.rules` and the documentation follow from the row.

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($variant:ident: $bug:literal, $rule:literal, $source:literal, $breaks:literal, $needs:literal;)*) => {
        /// A rule of Raft, by what it demands.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Rule {
            $(#[doc = concat!($rule, " (", $source, ")")] $variant,)*
        }

        impl Rule {
            /// All rules in the order of the table.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant),*];

            /// The name of the bug that an implementation without the rule has.
            pub fn bug(self) -> &'static str {
                match self { $(Rule::$variant => $bug,)* }
            }

            /// What the rule demands, in a sentence.
            pub fn demands(self) -> &'static str {
                match self { $(Rule::$variant => $rule,)* }
            }

            /// Its source.
            pub fn source(self) -> &'static str {
                match self { $(Rule::$variant => $source,)* }
            }

            /// The property that it protects. Mostly it is violated first without the rule.
            pub fn breaks(self) -> &'static str {
                match self { $(Rule::$variant => $breaks,)* }
            }

            /// What a run needs for the bug to show.
            pub fn needs(self) -> &'static str {
                match self { $(Rule::$variant => $needs,)* }
            }
        }
    };
}

rules! {
    UpToDateCheck: "skip_up_to_date",
        "a vote goes only to a candidate whose log is at least as up to date as the voter's",
        "paper §5.4.1", "leader_completeness", "a lagging candidate";
    LastTermCheck: "uptodate_index_only",
        "of two logs the one with the later last term is more up to date, whatever their lengths",
        "paper §5.4.1", "leader_completeness", "a long log of an old term";
    PrevLogCheck: "skip_prev_check",
        "entries are appended only after an entry with the leader's prevLogIndex and prevLogTerm",
        "paper §5.3", "log_matching", "a diverged follower";
    PersistVote: "vote_not_persisted",
        "votedFor is durable before the vote is sent",
        "paper Figure 2", "election_safety", "a restart";
    PersistTerm: "term_not_persisted",
        "currentTerm is durable before a message promises it",
        "paper Figure 2", "election_safety", "a restart";
    SyncBeforeAck: "ack_before_fsync",
        "a follower acknowledges entries once they are durable",
        "paper Figure 2", "durable_promise", "disks that take time, and a power failure";
    LeaderSync: "leader_self_ack",
        "a leader counts itself once an entry is durable on its own disk",
        "diss. §10.2.1, etcd#14370", "leader_completeness",
        "disks that take time, and a power failure";
    DamageIsNoTornWrite: "corrupt_tail_truncated",
        "a node that finds damage on its disk does not vote until it has again what it lost",
        "Protocol-Aware Recovery, FAST 2018", "leader_completeness", "damage that a checksum finds";
    TermFromDisk: "term_restarts_at_zero",
        "a restarted node goes on in a term that is at least that of its log",
        "paper Figure 2", "term_monotonic", "a restart of the cluster";
    KeepVote: "vote_reset_same_term",
        "votedFor is cleared only when the term increases",
        "paper Figure 2", "vote_once", "messages that arrive late, and logs that do not differ";
    PreVoteKeepsVote: "prevote_clears_vote",
        "a node that asks whether to stand keeps its vote of the current term",
        "diss. §9.6", "vote_once", "pre_vote = True";
    CurrentTermCommit: "commit_prior_term",
        "a leader counts replicas only for entries of its own term",
        "paper §5.4.2", "leader_completeness", "max_entries_per_append = 1";
    QuorumSize: "quorum_off_by_one",
        "a quorum is more than half of the voters",
        "paper §5.2", "election_safety", "a partition";
    DistinctVoters: "dup_votes_counted",
        "a candidate counts voters, and not the messages in which they vote",
        "paper §5.2", "election_safety", "five nodes and messages that arrive twice";
    GrantedVotes: "seen_vote_counts",
        "a candidate counts only the votes that were granted",
        "paper §5.2", "election_safety", "two candidates of one term";
    TermCheckAppend: "accept_stale_leader",
        "an AppendEntries of an older term is refused",
        "paper §5.1", "committed_prefix", "messages that arrive late";
    TermCheckVote: "stale_vote_accepted",
        "a candidate counts only votes of its current term",
        "paper §5.1", "election_safety", "messages that arrive late";
    TermCheckAck: "stale_ack_accepted",
        "a leader counts only acknowledgements of its current term",
        "paper §5.1", "leader_completeness", "five nodes and messages that arrive late";
    TruncateOnConflict: "truncate_without_conflict",
        "a follower deletes entries only where one of them conflicts with the leader's",
        "paper §5.3", "committed_prefix", "messages that overtake each other";
    CommitVerified: "commit_unverified_suffix",
        "a follower commits no further than the last entry that the AppendEntries verified",
        "paper §5.3 and Figure 2", "state_machine_safety", "a diverged follower";
    AckVerified: "ack_beyond_request",
        "a follower acknowledges no more than the last entry that the AppendEntries verified",
        "paper §5.3", "leader_completeness", "a follower with a longer log";
    ReplyAfterCommit: "reply_before_commit",
        "a client gets its answer once its entry is committed and applied",
        "paper §5.3", "acknowledged_write_lost", "a leader that is cut off";
    SessionDedup: "no_dedup",
        "a command that a client retries is applied once",
        "paper §8, diss. §6.3", "session_once", "a client that retries";
    SnapshotSessions: "snap_without_sessions",
        "a snapshot carries the sessions",
        "diss. §6.3", "session_once", "snapshots and a client that retries";
    SnapshotOfCommitted: "snap_uncommitted",
        "a snapshot covers only committed entries",
        "paper §7", "snapshot_consistency", "snapshots";
    SnapshotBeforeCompaction: "compact_before_snapshot_durable",
        "entries are removed once the snapshot that covers them is durable",
        "paper §7, RedisRaft#43", "durable_promise",
        "snapshots, disks that take time, and a power failure";
    AppliedWithStore: "apply_index_not_atomic",
        "lastApplied is durable together with the store that it describes",
        "diss. §5.1, etcd#13766", "linearizable_reads",
        "snapshots, a restart, and writes that append";
    NewerSnapshot: "snap_install_stale",
        "a snapshot that ends at commitIndex or before is not installed",
        "paper §7, openraft#531", "snapshot_consistency", "snapshots that arrive twice";
    ConflictBeforeSnapshot: "snap_keeps_conflicting_suffix",
        "a snapshot replaces the whole log unless its last entry is in the log",
        "paper Figure 13, scylla#9965", "log_matching", "snapshots and a diverged follower";
    CompactedTerm: "snap_boundary_empty_append",
        "a follower that needs a removed entry gets the snapshot: no term is known to compare",
        "paper §7, etcd-io/raft#31", "state_machine_safety", "snapshots and a diverged follower";
    SnapshotKeepsTerm: "snap_sets_term",
        "a snapshot leaves currentTerm and votedFor as they are",
        "paper §5.1, WRaft#118", "term_monotonic", "snapshots and a second term";
    NoopBeforeRead: "readindex_no_noop",
        "a leader serves reads only once it has committed an entry of its own term",
        "paper §8, diss. §6.4", "linearizable_reads", "a new leader that does not know all commits";
    ConfirmBeforeRead: "read_local_leader",
        "a leader serves a read only once a majority has confirmed that it still leads",
        "paper §8, diss. §6.4", "linearizable_reads", "a leader that is cut off";
    RoundAfterRead: "readindex_ack_reuse",
        "a read is confirmed only by heartbeats that were sent after it arrived",
        "diss. §6.4", "linearizable_reads", "acknowledgements that arrive late";
    LeaseSticky: "lease_without_stickiness",
        "with leases, a follower that hears from a leader refuses RequestVote",
        "diss. §6.4.1", "linearizable_reads", "read leases";
    LeaseRestartWait: "lease_forgotten_at_restart",
        "with leases, a restarted node refuses votes for one election timeout",
        "diss. §6.4.1", "linearizable_reads", "read leases and a restart";
    LeaseFromSend: "lease_from_ack",
        "a lease runs from the moment when the heartbeat was sent, not from its reply",
        "diss. §6.4.1", "linearizable_reads", "read leases and slow links";
    LeaseDriftBound: "lease_ignores_drift",
        "a lease is shorter than the election timeout by the bound on clock drift",
        "diss. §6.4.1", "linearizable_reads", "read leases and drifting clocks";
    LeaseTransfer: "lease_transfer",
        "a leader that asked a node to take over no longer relies on its lease",
        "diss. §6.4.1", "linearizable_reads", "read leases and a transfer of leadership";
    ConfigAfterCommit: "conf_before_noop",
        "a leader changes the configuration only once it has committed an entry of its own term",
        "Ongaro, raft-dev, July 2015", "leader_completeness", "changes by two leaders";
    OneConfigAtATime: "conf_overlapping",
        "a leader changes the configuration only once the last change is committed",
        "diss. §4.1", "leader_completeness", "two changes";
    JointConsensus: "conf_two_at_once",
        "more than one voter changes only by way of a joint configuration",
        "paper §6", "leader_completeness", "a change of two voters";
    JointMajorities: "joint_one_majority",
        "in a joint configuration decisions need majorities of the old and of the new voters",
        "paper §6", "leader_completeness", "a joint configuration";
    ConfigOnAppend: "conf_at_apply",
        "a configuration is in force from the moment when its entry is appended",
        "paper §6, diss. §4.1", "election_safety", "two changes and a restart";
    ConfigRollback: "conf_no_rollback",
        "a configuration whose entry is dropped is no longer in force",
        "diss. §4.1", "leader_completeness", "a change that is overwritten";
    SnapshotConfig: "snap_without_config",
        "a snapshot carries the configuration",
        "paper §7", "election_safety", "snapshots and a change";
    SnapshotReconfigures: "disjoint_quorums_after_snapshot",
        "a snapshot that replaces the log replaces the configuration, too",
        "paper §7, openraft#1808", "leader_completeness",
        "snapshots and a change that is overwritten";
    LearnersDoNotVote: "learner_counted",
        "learners count neither in elections nor for commitment",
        "diss. §4.2.1", "leader_completeness", "learners";
    RemovedLeader: "removed_leader_counts_self",
        "a leader that is not in its configuration does not count itself",
        "diss. §4.2.2", "leader_completeness", "the removal of a leader";
}

/// The rules that a node obeys: all, unless some were taken away.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Rules {
    removed: u64,
}

impl Rules {
    /// All of Raft.
    pub const ALL: Rules = Rules { removed: 0 };

    /// Takes a rule away.
    #[must_use]
    pub fn without(mut self, rule: Rule) -> Self {
        self.removed |= 1 << rule as u64;
        self
    }

    /// Whether the rule is obeyed.
    #[inline]
    pub fn has(self, rule: Rule) -> bool {
        self.removed >> rule as u64 & 1 == 0
    }

    /// The rules that were taken away.
    pub fn removed(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.iter().copied().filter(move |rule| !self.has(*rule))
    }
}

const _: () = assert!(Rule::ALL.len() <= u64::BITS as usize, "a rule is a bit of `Rules`");

impl Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.bug())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Rule::ALL.iter().copied().find(|rule| rule.bug() == name).ok_or_else(|| {
            let known: Vec<_> = Rule::ALL.iter().map(|rule| rule.bug()).collect();
            serde::de::Error::custom(format!(
                "unknown bug '{name}'; accepted are {}",
                known.join(", ")
            ))
        })
    }
}
