//! The world's time.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::Span;

/// A time in the world, in nanoseconds from its beginning.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time(pub u64);

impl Time {
    /// The beginning.
    pub const ZERO: Time = Time(0);
    /// The end of every run: 100 days, up to which milliseconds in a double resolve nanoseconds.
    pub const LAST: Time = Time(100 * 24 * 3_600 * 1_000_000_000);
    /// Never.
    pub const NEVER: Time = Time(u64::MAX);

    /// The time in milliseconds from the beginning.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The time since `earlier`; zero if that is later.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Span> for Time {
    type Output = Time;

    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.as_ms())
    }
}

/// Spans and times as milliseconds in JSON.
pub mod millis {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Span, Time};

    /// The longest time: 100 days, up to which a double resolves nanoseconds.
    pub const LONGEST_MS: f64 = 100.0 * 24.0 * 3_600_000.0;

    /// Nanoseconds from milliseconds; an error if out of range.
    pub fn to_ns(ms: f64) -> Result<u64, String> {
        if !ms.is_finite() || ms < 0.0 {
            return Err(format!("a time must be a finite number of at least 0 ms, not {ms}"));
        }
        if ms > LONGEST_MS {
            return Err(format!("a time must be at most 100 days ({LONGEST_MS} ms), not {ms} ms"));
        }
        Ok((ms * 1e6).round() as u64)
    }

    /// Writes a whole number of milliseconds as an integer.
    fn write<S: Serializer>(ns: u64, serializer: S) -> Result<S::Ok, S::Error> {
        if ns.is_multiple_of(1_000_000) {
            serializer.serialize_u64(ns / 1_000_000)
        } else {
            serializer.serialize_f64(ns as f64 / 1e6)
        }
    }

    impl Serialize for Time {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            write(self.0, serializer)
        }
    }

    impl<'de> Deserialize<'de> for Time {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let ms = f64::deserialize(deserializer)?;
            to_ns(ms).map(Time).map_err(serde::de::Error::custom)
        }
    }

    /// For fields of type [`Span`].
    pub mod span {
        use super::{Deserialize, Deserializer, Serializer, Span, to_ns, write};

        /// As milliseconds.
        pub fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
            write(span.0, serializer)
        }

        /// From milliseconds.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
            let ms = f64::deserialize(deserializer)?;
            to_ns(ms).map(Span).map_err(serde::de::Error::custom)
        }
    }
}
