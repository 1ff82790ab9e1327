//! raftlab: break Raft on purpose.
//!
//! A deterministic Raft simulator. A run is a pure function of a scenario and a seed:
//!
//! ```
//! use raftlab::experiment::{Cluster, Ending, OnViolation, Scenario};
//! use raftlab::raft::Node;
//! use raftlab::sim::Time;
//!
//! let scenario = Scenario::from_json(r#"{
//!     "raftlab": 2,
//!     "nodes": ["A", "B", "C", "D", "E"],
//!     "faults": [{"fault": {"fault": "crash", "node": "leader"}, "at": 1000}],
//!     "stop": {"condition": "leader_elected"}
//! }"#)?;
//! let mut cluster = Cluster::<Node, _>::new(scenario.into(), 7, OnViolation::Record, ())?;
//! let ending = cluster.play(&mut Default::default(), u64::MAX, Time::NEVER);
//! assert_eq!(ending, Some(Ending::Stop)); // a new leader, after the crash
//! assert_eq!(cluster.world().counters().elections, 2);
//! # Ok::<(), raftlab::experiment::ScenarioError>(())
//! ```
//!
//! # The primary types
//!
//! - [`experiment::Scenario`] is everything that defines a run, except for its seed: nodes,
//!   settings, network, disks, clients, faults, steps. It is read from JSON and validated.
//! - [`experiment::Cluster`] plays a scenario, by itself or driven step by step, and records the
//!   steps.
//! - [`sim::World`] is the world in which it is played, with any [`protocol::Protocol`] and any
//!   [`sim::Observer`]s. It knows nothing of Raft.
//! - [`raft::Node`] is the protocol: inputs go in, effects come out. Everything that observes or
//!   plays is written for any [`replica::Replica`].
//! - [`check::Checks`], [`trace::Recorder`] and [`experiment::metrics::Measures`] observe.
//! - [`experiment::sweep::Plan`] plays many scenarios with many seeds, on all cores.
//!
//! The observer is the last argument of [`experiment::Cluster::new`]. Above it is `()`, for which
//! no code is compiled in. `docs/rust.md` shows checks, sweeps and other protocols.
//!
//! # The modules
//!
//! Each depends only on those before it. Read them in this order; `ARCHITECTURE.md` says more.
//!
//! 0. [`protocol`]: the contract between a protocol and its world, inputs and effects;
//!    [`state`]: fingerprints of states;
//!    [`replica`]: what any replica of a log shows: its log, its store, its changes;
//! 1. [`raft`]: the protocol, a pure state machine, to be read beside the paper; in the feature
//!    `tikv`, TiKV's Raft as another one;
//! 2. [`sim`]: the world: time, random draws, event queue, network, disks, clocks, clients;
//! 3. [`fault`]: the vocabulary of faults; [`trace`]: the event stream in columns; [`check`]: every
//!    property, after every event;
//! 4. [`experiment`]: scenarios, clusters that play them, and sweeps over many seeds;
//! 5. the bindings to Python, in the feature `python`.
//!
//! # What it does not do
//!
//! `docs/limits.md` lists what is not simulated. Handling a message takes no time. A run depends
//! only on its scenario and its seed: not on the wall clock, the operating system's randomness or
//! the iteration order of a map.

#![forbid(unsafe_code)]

pub mod check;
mod clone;
pub mod experiment;
pub mod fault;
pub mod protocol;
#[cfg(feature = "python")]
mod python;
pub mod raft;
pub mod reasons;
pub mod replica;
pub mod sim;
pub mod state;
#[cfg(feature = "tikv")]
pub mod tikv;
pub mod trace;

#[cfg(doctest)]
#[doc = include_str!("../docs/rust.md")]
struct RustPage;
