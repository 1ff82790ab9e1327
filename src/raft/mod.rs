//! The protocol: one node of Raft as a pure state machine.
//!
//! Read it beside the paper (Ongaro and Ousterhout, "In Search of an Understandable Consensus
//! Algorithm", extended version) and Ongaro's dissertation; each function quotes the section that
//! it implements. In this order: [`messages`], [`types`] (entries and requests), [`rules`] (which
//! can be taken away), [`config`], [`log`] and [`stable`] (Figure 2, persistent state), [`node`]
//! (state and dispatch), `disk` (writes, and promises that wait for them), `election` (§5.2,
//! §5.4.1, diss. §9.6) with its [`variants`] and [`tuning`], `replication` (§5.3, §5.4.2) with the
//! leader's view of each follower ([`progress`]), [`snapshot`] (§7), `reads` (diss. §6.4),
//! [`machine`] (diss. §6.3), [`sizes`].

pub mod config;
mod disk;
mod election;
pub mod fields;
pub mod lies;
pub mod log;
pub mod machine;
pub mod messages;
pub mod node;
pub mod notes;
pub mod progress;
pub mod quorum;
mod reads;
mod replication;
pub mod rules;
pub mod sizes;
pub mod snapshot;
pub mod stable;
pub mod tuning;
pub mod types;
pub mod variants;

pub use config::{Config, Lease};
pub use lies::Lie;
pub use log::{Base, Log};
pub use messages::{Promise, RaftMessage};
pub use node::Node;
pub use notes::{RaftNote, Refusal, RoleChange};
pub use quorum::{Quorum, VoteResult};
pub use rules::{Rule, Rules};
pub use sizes::{Texts, Wire};
pub use snapshot::Snapshot;
pub use stable::{StableState, Write};
pub use tuning::AdaptiveTimeout;
pub use types::{Command, Entry, EntryId, Key, Op, Output, Payload, Request, Session, Value};
pub use variants::ElectionRule;
