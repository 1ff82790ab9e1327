//! Times as columns store them.

use crate::sim::Time;

/// A time, and its value in columns.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The time.
    pub time: Time,
    /// In milliseconds; NaN means never.
    pub ms: f64,
}

impl Moment {
    /// The beginning of the run.
    pub const BEGINNING: Self = Self { time: Time::ZERO, ms: 0.0 };

    /// The moment at a time.
    pub fn new(time: Time) -> Self {
        Self { time, ms: if time == Time::NEVER { f64::NAN } else { time.as_ms() } }
    }

    /// The moment at a time, which is usually this one: many events are simultaneous, and a
    /// division takes as long as half a row.
    #[inline]
    pub fn moved_to(&mut self, time: Time) -> Self {
        if self.time != time {
            *self = Self::new(time);
        }
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_moves_to_and_fro_and_never_is_nan() {
        let mut moment = Moment::BEGINNING;
        for (ns, ms) in [(0, 0.0), (7, 7e-6), (7, 7e-6), (1_500_000, 1.5), (0, 0.0)] {
            assert_eq!(moment.moved_to(Time(ns)).ms, ms);
            assert_eq!(moment.time, Time(ns));
        }
        assert!(moment.moved_to(Time::NEVER).ms.is_nan());
        assert!(moment.moved_to(Time::NEVER).ms.is_nan());
    }
}
