//! The protocols that scenarios can play. A new one is registered here.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::scenario::{OnViolation, Scenario, ScenarioError};
use super::watched::{By, Watching};
use crate::protocol::NodeId;
use crate::raft::fields::Editable;
use crate::raft::{Config, Lie};
use crate::replica::{Log, Replica};

/// The protocol of a cluster's nodes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProtocolName {
    /// Our Raft.
    #[default]
    Raft,
    /// `TiKV`'s Raft, the crate `raft`.
    Tikv,
}

/// A replica that scenarios can play.
pub trait Playable: Replica<Lie = Lie, Message: Editable> {
    /// A new node in a cluster of this size.
    fn with(id: NodeId, nodes: usize, config: Config) -> Self;

    /// A new node that is not a member of a cluster yet.
    fn spare(id: NodeId, config: Config) -> Self;

    /// Sets its stable state, and what it has committed.
    fn preset(&mut self, term: u64, vote: Option<NodeId>, log: Log, commit: u64);

    /// Lets it lead its term.
    fn preset_leader(&mut self);
}

macro_rules! playable {
    ($node:ty) => {
        impl Playable for $node {
            fn with(id: NodeId, nodes: usize, config: Config) -> Self {
                Self::new(id, nodes, config)
            }

            fn spare(id: NodeId, config: Config) -> Self {
                Self::spare(id, config)
            }

            fn preset(&mut self, term: u64, vote: Option<NodeId>, log: Log, commit: u64) {
                Self::preset(self, term, vote, log, commit);
            }

            fn preset_leader(&mut self) {
                Self::preset_leader(self);
            }
        }
    };
}

playable!(crate::raft::Node);
#[cfg(feature = "tikv")]
playable!(crate::tikv::Node);

/// Runs code with `$node` as the nodes' type. The protocol is that of a validated scenario.
macro_rules! with_protocol {
    ($protocol:expr, $node:ident => $body:expr) => {
        match $protocol {
            #[cfg(feature = "tikv")]
            $crate::experiment::playable::ProtocolName::Tikv => {
                type $node = $crate::tikv::Node;
                $body
            }
            _ => {
                type $node = $crate::raft::Node;
                $body
            }
        }
    };
}

pub(crate) use with_protocol;

/// A cluster with or without observers, of nodes of any protocol: each combination is compiled
/// separately.
#[derive(Clone)]
pub enum Watched {
    /// Of our Raft.
    Raft(By<crate::raft::Node>),
    /// Of `TiKV`'s Raft.
    #[cfg(feature = "tikv")]
    Tikv(By<crate::tikv::Node>),
}

/// Runs the same code for each of them.
macro_rules! either {
    ($watched:expr, $cluster:ident => $body:expr) => {
        match $watched {
            $crate::experiment::Watched::Raft(by) => {
                $crate::experiment::watched::by_observer!(by, $cluster => $body)
            }
            #[cfg(feature = "tikv")]
            $crate::experiment::Watched::Tikv(by) => {
                $crate::experiment::watched::by_observer!(by, $cluster => $body)
            }
        }
    };
}

pub(crate) use either;

impl Watched {
    /// A cluster at the beginning of a validated scenario, before any event.
    pub fn new(
        scenario: &Arc<Scenario>,
        seed: u64,
        on_violation: OnViolation,
        watching: Watching,
    ) -> Result<Self, ScenarioError> {
        Ok(match scenario.protocol {
            #[cfg(feature = "tikv")]
            ProtocolName::Tikv => Self::Tikv(By::new(scenario, seed, on_violation, watching)?),
            _ => Self::Raft(By::new(scenario, seed, on_violation, watching)?),
        })
    }
}

impl ProtocolName {
    /// The protocols that this build has, by their names in scenarios.
    pub const BUILT: &'static [&'static str] =
        if cfg!(feature = "tikv") { &["raft", "tikv"] } else { &["raft"] };

    /// Whether it is our Raft, of which rules can be taken away and whose nodes can lie.
    pub fn is_ours(&self) -> bool {
        *self == Self::Raft
    }

    /// An error if this build does not have it, or if it does not know one of the settings.
    pub fn validate(self, config: &Config) -> Result<(), String> {
        match self {
            Self::Raft => Ok(()),
            #[cfg(feature = "tikv")]
            Self::Tikv => match crate::tikv::settings::unknown_to_the_crate(config) {
                Some((setting, why)) => Err(format!("{setting}: with protocol \"tikv\" {why}")),
                None => Ok(()),
            },
            #[cfg(not(feature = "tikv"))]
            Self::Tikv => {
                let _ = config;
                let how = "MATURIN_PEP517_ARGS=\"--features python,tikv\"";
                Err(format!(
                    "protocol: \"tikv\" is not in this build; install from source with {how}"
                ))
            }
        }
    }
}
