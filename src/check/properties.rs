//! The table of what is checked.
//!
//! Each row is one property. Its name in violations, its sentence in the documentation and its place in
//! [`super::Checks::coverage`] follow from the row.

/// A property as tables and documentation show it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PropertyInfo {
    /// Its name.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// Where it is written.
    pub source: &'static str,
}

macro_rules! properties {
    ($($variant:ident: $name:literal, $meaning:literal, $source:literal;)*) => {
        /// A property that every run of Raft has.
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
        "at most one leader is elected in a term, at whatever times",
        "paper §5.2, Figure 3";
    LeaderAppendOnly: "leader_append_only",
        "a leader only appends to its log; it deletes and overwrites nothing",
        "paper §5.3, Figure 3";
    LogMatching: "log_matching",
        "two logs with an entry of the same index and term are the same up to that entry",
        "paper §5.3, Figure 3";
    LeaderCompleteness: "leader_completeness",
        "an entry committed in a term is in the log of every leader of a later term",
        "paper §5.4, Figure 3";
    StateMachineSafety: "state_machine_safety",
        "no two commits, whoever makes them, are of different entries at the same index",
        "paper §5.4.3, Figure 3";
    CommittedPrefix: "committed_prefix",
        "a node never deletes an entry that it has committed, not even after a restart",
        "follows from the paper's §5.4.3; LogCabin and etcd stop a node rather than let it";
    SnapshotConsistency: "snapshot_consistency",
        "a snapshot holds what was committed up to its last index, and no node goes back to an older one",
        "paper §7, Figure 13";
    TermMonotonic: "term_monotonic",
        "a node's term never falls, and after a crash it is at least what its messages told",
        "paper §5.1, Figure 2";
    VoteOnce: "vote_once",
        "a node gives its vote to one candidate in a term, whatever happens to its disk",
        "paper §5.2, Figure 2";
    CommitMonotonic: "commit_monotonic",
        "from a start to the next crash commitIndex only grows, and never beyond the log",
        "paper Figure 2";
    DurablePromise: "durable_promise",
        "after a crash the disk still holds the vote and the entries that messages promised",
        "paper Figure 2: \"updated on stable storage before responding to RPCs\"";
    AcknowledgedWriteLost: "acknowledged_write_lost",
        "what a client was told is written is committed, and in the log of every later leader",
        "paper §5.3: \"Raft guarantees that committed entries are durable\"";
    SessionOnce: "session_once",
        "a command that a client sends again takes effect once",
        "paper §8, diss. §6.3";
    LinearizableReads: "linearizable_reads",
        "a read shows a committed state no older than what any client knew before it began",
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
