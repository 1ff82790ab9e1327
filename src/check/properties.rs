//! The table of properties that are checked.
//!
//! Each row is one property, and defines its name in violations, its description in the
//! documentation and its position in [`super::Checks::coverage`].

/// A property as tables and documentation show it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PropertyInfo {
    /// Its name.
    pub name: &'static str,
    /// What it demands, in a sentence.
    pub meaning: &'static str,
    /// Its source.
    pub source: &'static str,
}

macro_rules! properties {
    ($($variant:ident: $name:literal, $meaning:literal, $source:literal;)*) => {
        /// A property that holds in every run of Raft.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Property {
            $(#[doc = concat!($meaning, " (", $source, ")")] $variant,)*
        }

        impl Property {
            /// All properties in the order of the table.
            pub const ALL: &'static [Property] = &[$(Property::$variant),*];
        }

        /// All properties that are checked.
        pub const PROPERTIES: &[PropertyInfo] =
            &[$(PropertyInfo { name: $name, meaning: $meaning, source: $source }),*];
    };
}

properties! {
    ElectionSafety: "election_safety",
        "at most one leader is elected in a term, even at different times",
        "paper §5.2, Figure 3";
    LeaderAppendOnly: "leader_append_only",
        "a leader only appends to its log; it never deletes or overwrites an entry",
        "paper §5.3, Figure 3";
    LogMatching: "log_matching",
        "two logs that have an entry of the same index and term are identical up to that entry",
        "paper §5.3, Figure 3";
    LeaderCompleteness: "leader_completeness",
        "an entry committed in a term is in the log of the leader of every later term",
        "paper §5.4, Figure 3";
    StateMachineSafety: "state_machine_safety",
        "no two nodes commit different entries at the same index",
        "paper §5.4.3, Figure 3";
    CommittedPrefix: "committed_prefix",
        "a node never deletes an entry that it has committed, not even after a restart",
        "follows from the paper's §5.4.3; in LogCabin and etcd such a node stops itself";
    SnapshotConsistency: "snapshot_consistency",
        "a snapshot holds the committed state at its last index, and no node returns to an older one",
        "paper §7, Figure 13";
    TermMonotonic: "term_monotonic",
        "a node's term never decreases, and after a crash it is at least the term in its past messages",
        "paper §5.1, Figure 2";
    VoteOnce: "vote_once",
        "a node votes for at most one candidate in a term, even if its disk is lost",
        "paper §5.2, Figure 2";
    CommitMonotonic: "commit_monotonic",
        "between crashes commitIndex never decreases, and never exceeds the last index of the log",
        "paper Figure 2";
    DurablePromise: "durable_promise",
        "after a crash the disk still holds the votes and entries that the node has acknowledged",
        "paper Figure 2: \"updated on stable storage before responding to RPCs\"";
    AcknowledgedWriteLost: "acknowledged_write_lost",
        "a write acknowledged to a client is committed, and in the log of every later leader",
        "paper §5.3: \"Raft guarantees that committed entries are durable\"";
    SessionOnce: "session_once",
        "a command that a client retries takes effect once",
        "paper §8, diss. §6.3";
    LinearizableReads: "linearizable_reads",
        "a read returns a committed state that is no older than what any client knew before it began",
        "paper §8, diss. §6.4";
}

impl Property {
    /// Its row in the table.
    pub fn info(self) -> &'static PropertyInfo {
        &PROPERTIES[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.info().name
    }
}
