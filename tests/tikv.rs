//! `TiKV`'s Raft in our world: it elects, replicates, survives what the world does to it, and is as
//! deterministic as ours.

#![cfg(feature = "tikv")]

#[path = "tikv/copies.rs"]
mod copies;
#[path = "tikv/faults.rs"]
mod faults;
#[path = "tikv/lab.rs"]
mod lab;
#[path = "tikv/settings.rs"]
mod settings;
#[path = "support/soak.rs"]
mod soak;
