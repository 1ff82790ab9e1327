//! A node's clock: it runs at a rate and may have been set. The world's time never bends.

use super::time::Time;
use crate::protocol::{LocalTime, Span};

/// True rate, in parts per billion.
const TRUE_RATE: u64 = 1_000_000_000;

/// A clock that was right at the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    world: u64,
    local: u64,
    /// Local nanoseconds in 10^9 true ones.
    rate: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { world: 0, local: EPOCH, rate: TRUE_RATE }
    }
}

/// Clocks start one year after their own zero, so that they can be set back.
const EPOCH: u64 = 365 * 24 * 3_600 * 1_000_000_000;

/// What a clock shows at most when it is set forward: 292 years, with as much room to run on.
const LATEST: u64 = u64::MAX / 2;

impl Clock {
    /// What the clock shows.
    #[inline]
    pub fn local(&self, now: Time) -> LocalTime {
        let passed = now.0 - self.world;
        if self.rate == TRUE_RATE {
            return LocalTime(self.local + passed);
        }
        LocalTime(self.local + scale(passed, self.rate, TRUE_RATE))
    }

    /// The first moment at which the clock shows `local` or more; `now` if it does already.
    #[inline]
    pub fn world(&self, local: LocalTime, now: Time) -> Time {
        let ahead = local.0.saturating_sub(self.local);
        let passed = if self.rate == TRUE_RATE {
            ahead
        } else {
            // Rounded up, and no earlier than the moment before which local() would still be short.
            scale_up(ahead, TRUE_RATE, self.rate)
        };
        Time(self.world.saturating_add(passed)).max(now)
    }

    /// From now on the clock runs at `rate` (1 is true).
    pub fn set_rate(&mut self, now: Time, rate: f64) {
        self.local = self.local(now).0;
        self.world = now.0;
        self.rate = (rate * TRUE_RATE as f64).round().max(1.0) as u64;
    }

    /// The clock is put forward, or back.
    pub fn jump(&mut self, now: Time, by: Span, back: bool) {
        let shown = self.local(now).0;
        self.local =
            if back { shown.saturating_sub(by.0) } else { shown.saturating_add(by.0).min(LATEST) };
        self.world = now.0;
    }

    /// The rate; 1 is true.
    pub fn rate(&self) -> f64 {
        self.rate as f64 / TRUE_RATE as f64
    }

    /// How far the clock is ahead of the world's time, in milliseconds.
    pub fn offset_ms(&self, now: Time) -> f64 {
        (self.local(now).0 as f64 - EPOCH as f64 - now.0 as f64) / 1e6
    }
}

fn scale(x: u64, num: u64, den: u64) -> u64 {
    (u128::from(x) * u128::from(num) / u128::from(den)) as u64
}

fn scale_up(x: u64, num: u64, den: u64) -> u64 {
    (u128::from(x) * u128::from(num)).div_ceil(u128::from(den)).min(u128::from(u64::MAX)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn world_is_the_first_moment_that_shows_the_local_time() {
        for rate in [0.5, 0.999_999, 1.0, 1.000_001, 1.7] {
            let mut clock = Clock::default();
            clock.set_rate(Time(1_000), rate);
            let target = LocalTime(clock.local(Time(1_000)).0 + 123_457);
            let at = clock.world(target, Time(1_000));
            assert!(clock.local(at) >= target, "rate {rate}");
            assert!(clock.local(Time(at.0 - 1)) < target, "rate {rate}");
        }
    }

    #[test]
    fn a_jump_keeps_the_rate() {
        let mut clock = Clock::default();
        clock.set_rate(Time(0), 2.0);
        clock.jump(Time(100), Span(1_000), false);
        assert_eq!(clock.local(Time(110)).0 - EPOCH, 200 + 1_000 + 20);
        clock.jump(Time(110), Span(1_000), true);
        assert_eq!(clock.offset_ms(Time(110)), 110e-6);
    }
}
