//! The event stream, recorded in columns: messages, node states, entries, operations, events, faults.
//!
//! [`schema`] names every table and column once. A [`Recorder`] watches a world and fills them; with the
//! feature `python` they leave as Arrow batches that share the recorder's memory. Read in this order:
//! [`schema`], `recorder` (what is written when), `lives` (entries), [`ops`] (operations), `events`, `faults`,
//! `moment`, [`store`], [`column`], `memory` and [`pool`] (how rows become columns), [`kind`] and [`table`] (what
//! the declarations of the schema turn into).

#[cfg(feature = "python")]
pub mod arrow;
pub mod column;
mod events;
mod faults;
pub mod kind;
mod lives;
mod memory;
mod moment;
pub mod ops;
pub mod pool;
mod recorder;
pub mod schema;
pub mod store;
pub mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::raft::{Key, Value};
use crate::sim::Time;

pub use events::Events;
pub use kind::{Column, Kind, TableSchema};
pub use recorder::Recorder;
pub use schema::{TABLES, Tables};
pub use store::Store;

/// How much is recorded. The run is the same at every level.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Every table.
    #[default]
    Full,
    /// Nodes, entries, operations and faults; no messages and no events.
    States,
    /// Nothing.
    Off,
}

/// Most rows in a table unless told otherwise. If every table were full they would take less than 8 GiB.
pub const DEFAULT_MAX_ROWS: usize = 20_000_000;

/// The texts behind the numbers of a run, from the scenario that owns them.
pub trait Names {
    /// A key.
    fn key(&self, key: Key) -> String;
    /// A value: an integer, or a text.
    fn value(&self, value: Value) -> String;
    /// A node, by its position.
    fn node(&self, node: usize) -> &str;
}

/// A table that reached its ceiling: rows after this time are missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceiling {
    /// Which table.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: usize,
    /// When the first row was left out.
    pub since: Time,
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, rows, since } = self;
        write!(
            f,
            "the trace of {table} has reached its ceiling of {rows} rows at {since}; \
             raise trace_rows= or use a lower trace level"
        )
    }
}
