//! The bindings: conversion, and the one gateway through which Python waits for Rust.
//!
//! Users call typed Python (`python/raftlab`), which is built on these classes.

#![allow(clippy::needless_pass_by_value)] // pyo3 passes arguments by value

mod build;
mod convert;
mod engine;
mod flights;
mod gateway;
mod intercept;
mod patience;
mod public;
mod shared;
mod splitting;
mod sweep;
mod table;
mod views;

use pyo3::prelude::*;

/// The compiled core of raftlab.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::intercept::SenderState;
    #[pymodule_export]
    use super::public::Public;
    #[pymodule_export]
    use super::splitting::climb;
    #[pymodule_export]
    use super::sweep::{metrics, sweep};
    #[pymodule_export]
    use super::table::Table;
    #[pymodule_export]
    use super::views::{
        conditions, election_rules, faults, lies, message_types, presets, properties, roles, rules,
        scenario_normal, schema, targets, values,
    };

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    #[pymodule_export]
    const PROTOCOLS: &[&str] = crate::experiment::playable::ProtocolName::BUILT;
    #[pymodule_export]
    const SCHEMA_VERSION: u32 = crate::experiment::scenario::SCHEMA_VERSION;
}
