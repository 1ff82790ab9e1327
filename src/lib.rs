//! raftlab: break Raft on purpose.
//!
//! A deterministic Raft simulator. A run is a pure function of a scenario and a seed:
//!
//! ```
//! use raftlab::experiment::{Cluster, Ending, OnViolation, Scenario};
//! use raftlab::sim::Time;
//!
//! let scenario = Scenario::from_json(r#"{
//!     "raftlab": 2,
//!     "nodes": ["A", "B", "C", "D", "E"],
//!     "faults": [{"fault": {"fault": "crash", "node": "leader"}, "at": 1000}],
//!     "stop": {"condition": "leader_elected"}
//! }"#)?;
//! let mut cluster = Cluster::new(scenario.into(), 7, OnViolation::Record, ())?;
//! let ending = cluster.play(&mut Default::default(), u64::MAX, Time::NEVER);
//! assert_eq!(ending, Some(Ending::Stop)); // a new leader, after the crash
//! assert_eq!(cluster.world().counters().elections, 2);
//! # Ok::<(), raftlab::experiment::ScenarioError>(())
//! ```
//!
//! # The rooms
//!
//! Each knows only those before it. Read them in this order:
//!
//! 0. [`protocol`]: the contract between a protocol and its world, inputs and effects;
//! 1. [`raft`]: the protocol, a pure state machine, to be read beside the paper;
//! 2. [`sim`]: the world: time, luck, queue, network, disks, clocks, clients; generic over the protocol;
//! 3. [`fault`]: the vocabulary of faults; [`trace`]: the event stream in columns; [`check`]: invariants on
//!    line;
//! 4. [`experiment`]: scenarios, who plays them, and many seeds at once;
//! 5. the bindings to Python, behind the feature `python`.
//!
//! # What it does not do
//!
//! Membership changes, snapshots, fsyncs that lie and corrupt entries are not simulated yet.

#![forbid(unsafe_code)]

pub mod check;
mod clone;
pub mod experiment;
pub mod fault;
pub mod protocol;
#[cfg(feature = "python")]
mod python;
pub mod raft;
pub mod sim;
pub mod trace;
