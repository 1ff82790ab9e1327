//! Other rules of election, as the literature compares them with the paper's.
//!
//! A variant changes when a node raises its term or stands again; what a vote means, and to whom it may go,
//! is the paper's in all of them. Names and rules of most come from the simulator of the dissertation's
//! chapter 9 (AvailSim). A new one is a row here and a question that `election` asks.

use serde::{Deserialize, Serialize};

macro_rules! variants {
    ($($variant:ident $name:literal $meaning:literal $source:literal;)*) => {
        /// A rule of election.
        #[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
        pub enum ElectionRule {
            /// The paper's: a higher term is adopted from whoever has it; a candidate stands again when its
            /// timeout is over (§5.2).
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
        "a voter adopts a candidate's higher term only with its vote; a vote given earlier is not freed by it"
        "AvailSim, algorithm nograntnobump";
    Hesitant "hesitant"
        "a candidate stands again only if somebody refused it for another reason than its log"
        "AvailSim, algorithm hesitant";
    HesitantQuorum "hesitant_quorum"
        "a candidate stands again only if a quorum, itself included, refused it for another reason than its log"
        "AvailSim, algorithm hesitant2";
    HesitantMemory "hesitant_memory"
        "a node stands only if those that never found its log stale are a quorum; it forgets when it hears a leader"
        "AvailSim, algorithm phesitant, which never forgets: its logs do not change";
    ZooKeeper "zookeeper"
        "a node first asks whether its log is up to date, and stands if a quorum says so, whoever leads"
        "AvailSim, algorithm zookeeper";
    ZooKeeperMaxTerm "zookeeper_max_term"
        "like zookeeper, but it stands one term above the highest that it heard of while it asked"
        "AvailSim, algorithm zookeeper2";
    Refloated "refloated"
        "who steps down for a higher term does not vote in that same message, its timer and its back-off start anew; a candidate that was refused stays one, and backs off once half of the others refused it"
        "the simulator of Raft Refloated (Howard et al. 2015), to compare with its figures";
}

impl ElectionRule {
    /// Whether a node asks about its log before it stands.
    pub fn asks_about_log(self) -> bool {
        matches!(self, Self::ZooKeeper | Self::ZooKeeperMaxTerm)
    }

    /// Whether answers must tell if it was the log that was refused.
    pub(super) fn needs_reasons(self) -> bool {
        matches!(self, Self::Hesitant | Self::HesitantQuorum | Self::HesitantMemory)
    }

    /// Whether a candidate stays one that a majority refused. (Otherwise it waits as a follower.)
    pub(super) fn stays_candidate(self) -> bool {
        matches!(self, Self::Hesitant | Self::HesitantQuorum | Self::Refloated)
    }

    /// Whether who steps down for a higher term begins anew: its timer, and how often it was refused.
    pub(super) fn begins_anew(self) -> bool {
        self == Self::Refloated
    }
}
