//! The protocol: one node of Raft as a pure state machine.
//!
//! Read it beside the paper (Ongaro and Ousterhout, "In Search of an Understandable Consensus
//! Algorithm", extended version) and Ongaro's dissertation; each function quotes the section that
//! it implements. Its log, its commands and its store are those of any [`crate::replica`]. In this
//! order: [`messages`], [`rules`] (which can be taken away), [`config`], [`stable`] (Figure 2,
//! persistent state), [`node`] (state and dispatch), `disk` (writes, and promises that wait for
//! them) and `damage` (what a node does that finds its disk damaged), `election` (§5.2, §5.4.1,
//! diss. §9.6) with its [`variants`] and [`tuning`], `replication` (§5.3, §5.4.2) with the leader's
//! view of each follower ([`progress`]), [`snapshot`] (§7), `membership` (§6, diss. ch. 4),
//! `transfer` (diss. §3.10), `reads` (diss. §6.4).

mod catch_up;
pub mod config;
mod damage;
mod disk;
mod election;
pub mod fields;
pub mod lies;
mod membership;
pub mod messages;
pub mod node;
mod payload;
pub mod progress;
pub mod quorum;
mod reads;
mod replication;
pub mod rules;
pub mod snapshot;
pub mod stable;
mod transfer;
pub mod tuning;
pub mod variants;

pub use config::Config;
pub use lies::Lie;
pub use messages::RaftMessage;
pub use node::Node;
pub use payload::Payload;
pub use quorum::{Quorum, VoteResult};
pub use rules::{Rule, Rules};
pub use snapshot::Snapshot;
pub use stable::{StableState, Write};
pub use tuning::AdaptiveTimeout;
pub use variants::ElectionRule;
