//! The event stream, recorded in columns: messages, node states, entries, operations, events,
//! faults.
//!
//! [`schema`] defines every table and column once. A [`Recorder`] observes a world and fills them;
//! with the feature `python` they are exported as Arrow batches that share the recorder's memory.
//! Read in this order: [`schema`], `recorder` (what is written when), `lives` (entries), [`ops`]
//! (operations), `events`, `faults`, `moment`, [`store`], `column`, `memory` and [`pool`] (how
//! rows are stored), [`kind`] and [`table`] (the types that the schema's declarations expand to).

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

use crate::replica::{Key, Value};
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

/// The default limit of rows in a table. If every table were full they would take less than 8 GiB.
pub const DEFAULT_MAX_ROWS: usize = 20_000_000;

/// The names of keys, values and nodes of a run.
pub trait Names {
    /// A key.
    fn key(&self, key: Key) -> String;
    /// A value: an integer, or a text.
    fn value(&self, value: Value) -> String;
    /// A node, by its position.
    fn node(&self, node: usize) -> &str;
}

/// A table that reached its limit: rows after this time are missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceiling {
    /// The table.
    pub table: &'static str,
    /// The number of rows that it has.
    pub rows: usize,
    /// The time of the first missing row.
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
