//! raftlab: break Raft on purpose.
//!
//! A deterministic Raft simulator. A run is a pure function of a scenario and a seed. The rooms, each of
//! which knows only those before it:
//!
//! 1. [`protocol`] is the contract; [`raft`] is the protocol, a pure state machine;
//! 2. [`sim`] is the world around it: time, luck, network, disks, clocks, clients;
#![forbid(unsafe_code)]

pub mod check;
pub mod experiment;
pub mod fault;
pub mod protocol;
#[cfg(feature = "python")]
mod python;
pub mod raft;
pub mod sim;
pub mod trace;
