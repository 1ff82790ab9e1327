//! The time that nodes take to work. A node handles one thing after the other, and sends one
//! message after the other; what comes meanwhile waits.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::strike::Strike;
use super::time::millis;
use crate::protocol::Span;

/// What a node takes for each message that it receives or sends. A request of a client counts as a
/// message without bytes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Processing {
    /// The time per message.
    #[serde(with = "millis::span")]
    pub message: Span,
    /// The time per byte, in milliseconds.
    pub byte: f64,
}

impl Processing {
    /// True if nothing takes time.
    pub fn is_free(&self) -> bool {
        self.message == Span::ZERO && self.byte == 0.0
    }

    /// Checks its limits.
    pub fn validate(&self) -> Result<(), String> {
        if self.byte.is_finite() && self.byte >= 0.0 {
            return Ok(());
        }
        Err(format!("byte: must be a time of at least 0 ms, not {} ms", self.byte))
    }

    /// The time for a message, with the factors and the additional times of a slow node.
    pub(super) fn time(&self, bytes: u64, slow: &[(Strike, Slowness)]) -> Span {
        let mut time = self.message.0 as f64 + self.byte * 1e6 * bytes as f64;
        slow.iter().for_each(|(_, slow)| time *= slow.factor);
        let more = slow.iter().fold(0, |more: u64, (_, slow)| more.saturating_add(slow.by.0));
        Span((time.round() as u64).saturating_add(more))
    }
}

/// What makes a node slower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slowness {
    /// The factor of its times; several multiply.
    pub factor: f64,
    /// What each message takes beyond that; several add up.
    pub by: Span,
}

/// Measures messages, in bytes.
pub struct Meter<M>(pub Arc<dyn Fn(&M) -> u64 + Send + Sync>);

impl<M> Clone for Meter<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> fmt::Debug for Meter<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}
