//! Election rules other than the paper's, from the literature.
//!
//! A variant changes when a node increases its term or starts another election; the meaning of a
//! vote, and the conditions for granting it, are the paper's in all of them. Most come from
//! AvailSim, the simulator of the dissertation's chapter 9. To add one, add a row here and a method
//! that `election` calls.

use serde::{Deserialize, Serialize};

macro_rules! variants {
    ($($variant:ident $name:literal $meaning:literal $source:literal;)*) => {
        /// An election rule.
        #[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
        pub enum ElectionRule {
            /// The paper's: a higher term is always adopted; a candidate starts its next election
            /// when its timer expires (§5.2).
            #[default]
            #[serde(rename = "paper")]
            Paper,
            $(#[doc = $meaning] #[serde(rename = $name)] $variant,)*
        }

        /// All but the paper's: (name, meaning, source).
        pub const VARIANTS: &[(&str, &str, &str)] = &[$(($name, $meaning, $source)),*];
    };
}

variants! {
    StaleLogNoBump "stale_log_no_bump"
        "a voter adopts a candidate's higher term only if its log is at least as up to date"
        "AvailSim, algorithm stalelognobump";
    NoGrantNoBump "no_grant_no_bump"
        "a voter adopts a candidate's higher term only when it grants its vote; the term alone does not free an earlier vote"
        "AvailSim, algorithm nograntnobump";
    Hesitant "hesitant"
        "a candidate starts another election only if a node refused it for a reason other than its log"
        "AvailSim, algorithm hesitant";
    HesitantQuorum "hesitant_quorum"
        "a candidate starts another election only if a quorum, itself included, refused it for a reason other than its log"
        "AvailSim, algorithm hesitant2";
    HesitantMemory "hesitant_memory"
        "a node starts an election only if the nodes that never found its log stale form a quorum; a leader's message resets this"
        "AvailSim, algorithm phesitant, which never forgets: its logs do not change";
    ZooKeeper "zookeeper"
        "a node first asks whether its log is up to date, and starts an election if a quorum agrees, even while there is a leader"
        "AvailSim, algorithm zookeeper";
    ZooKeeperMaxTerm "zookeeper_max_term"
        "like zookeeper, but in a term one above the highest in the replies"
        "AvailSim, algorithm zookeeper2";
    Refloated "refloated"
        "a node that steps down for a higher term does not vote in reply to that message, and restarts its timer and back-off; a refused candidate remains one, and backs off once half of the others have refused it"
        "the simulator of Raft Refloated (Howard et al. 2015), to compare with its figures";
}

impl ElectionRule {
    /// Whether a node asks about its log before it starts an election.
    pub fn asks_about_log(self) -> bool {
        matches!(self, Self::ZooKeeper | Self::ZooKeeperMaxTerm)
    }

    /// Whether refusals must state if the log was the reason.
    pub(super) fn needs_reasons(self) -> bool {
        matches!(self, Self::Hesitant | Self::HesitantQuorum | Self::HesitantMemory)
    }

    /// Whether a candidate that a majority refused remains one. (Otherwise it waits as a follower.)
    pub(super) fn stays_candidate(self) -> bool {
        matches!(self, Self::Hesitant | Self::HesitantQuorum | Self::Refloated)
    }

    /// Whether a node that steps down for a higher term restarts its timer and its count of
    /// refusals.
    pub(super) fn begins_anew(self) -> bool {
        self == Self::Refloated
    }
}
