//! What an `AppendEntries` carries of the log.

use std::sync::Arc;

use crate::protocol::Span;
use crate::replica::types::fold;
use crate::replica::{Entry, Log, Wire};

/// What an `AppendEntries` carries. A batch is built once and shared by all followers that need it.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    /// Nothing: a heartbeat.
    #[default]
    Heartbeat,
    /// A heartbeat of a leader that measures ([`super::tuning`]).
    Measured {
        /// The follower's last round trip; zero if there is no new one.
        round_trip: Span,
    },
    /// The steady state.
    One(Entry),
    /// Catching up.
    Many(Arc<[Entry]>),
}

impl Payload {
    /// At most `limit` entries of a log, from `first` on.
    #[inline(always)] // mostly a single entry, which then stays in registers
    pub(super) fn of(log: &Log, first: u64, limit: u32) -> Self {
        match log.count_from(first, limit) {
            0 => Payload::Heartbeat,
            1 => log.get(first).map_or(Payload::Heartbeat, Payload::One),
            many => Payload::Many(log.collect(first, many)),
        }
    }

    /// The entries in order.
    pub fn entries(&self) -> &[Entry] {
        match self {
            Payload::Heartbeat | Payload::Measured { .. } => &[],
            Payload::One(entry) => std::slice::from_ref(entry),
            Payload::Many(batch) => batch,
        }
    }

    /// Its length in bytes.
    #[inline]
    pub(super) fn bytes(&self, wire: &Wire) -> u64 {
        match self {
            Payload::Measured { .. } => 8,
            Payload::One(entry) => wire.entry(entry),
            Payload::Heartbeat => 0,
            Payload::Many(batch) => wire.entries(batch),
        }
    }

    /// The content, folded into a word.
    #[inline]
    pub(super) fn fingerprint(&self) -> u64 {
        match self {
            Payload::Heartbeat => 0,
            Payload::Measured { round_trip } => fold(round_trip.0, 1),
            Payload::One(entry) => entry.hash ^ 1,
            Payload::Many(batch) => batch.last().map_or(0, |last| last.hash ^ batch.len() as u64),
        }
    }
}
