//! A node's clock, which has a rate and can be set. The world's time is not affected.

use super::time::Time;
use crate::protocol::{LocalTime, Span};

/// The true rate, in parts per billion.
const TRUE_RATE: u64 = 1_000_000_000;

/// A clock that was correct at time 0.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    world: u64,
    local: u64,
    /// Local nanoseconds per 10^9 true nanoseconds.
    rate: u64,
    /// The length of a tick: timers count whole ticks; 0 if they are continuous.
    tick: u64,
    /// The phase of the ticks: their offset from multiples of a tick.
    phase: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { world: 0, local: EPOCH, rate: TRUE_RATE, tick: 0, phase: 0 }
    }
}

/// Clocks start one year after their own zero, so that they can be set back.
const EPOCH: u64 = 365 * 24 * 3_600 * 1_000_000_000;

/// The latest time to which a clock can be set: 292 years, with as much room to continue.
const LATEST: u64 = u64::MAX / 2;

impl Clock {
    /// The time that the clock shows.
    #[inline]
    pub fn local(&self, now: Time) -> LocalTime {
        let passed = now.0 - self.world;
        if self.rate == TRUE_RATE {
            return LocalTime(self.local + passed);
        }
        LocalTime(self.local + scale(passed, self.rate, TRUE_RATE))
    }

    /// The first time at which the clock shows `local` or more; `now` if it already does.
    #[inline]
    pub fn world(&self, local: LocalTime, now: Time) -> Time {
        let ahead = local.0.saturating_sub(self.local);
        let passed = if self.rate == TRUE_RATE {
            ahead
        } else {
            // Rounded up, so that the clock shows at least `local` then.
            scale_up(ahead, TRUE_RATE, self.rate)
        };
        Time(self.world.saturating_add(passed)).max(now)
    }

    /// When a timer that was armed at `since` expires: after `wait`, or at the last of the whole
    /// ticks that fit into it. The tick during which it was armed counts, as in etcd
    /// (etcd-io/etcd#4887).
    pub fn rings(&self, since: LocalTime, wait: Span) -> LocalTime {
        match wait.0.checked_div(self.tick) {
            None => since + wait,
            Some(ticks) => self.with_tick(since, ticks),
        }
    }

    fn with_tick(&self, since: LocalTime, ticks: u64) -> LocalTime {
        let ticks = self.ticks_until(since) + ticks.max(1);
        LocalTime(self.phase.saturating_add(ticks.saturating_mul(self.tick)))
    }

    /// The shortest wait with which a timer that was armed at `since` has not expired by now.
    pub fn least_wait(&self, since: LocalTime, now: Time) -> Span {
        let now = self.local(now);
        if self.tick == 0 {
            return now.since(since);
        }
        let ticks = self.ticks_until(now) - self.ticks_until(since) + 1;
        Span(ticks.saturating_mul(self.tick))
    }

    fn ticks_until(&self, local: LocalTime) -> u64 {
        local.0.saturating_sub(self.phase) / self.tick // a clock may be set back to its zero
    }

    /// Makes timers count whole ticks, the first of them `phase` after the clock's zero.
    pub fn set_ticks(&mut self, tick: Span, phase: Span) {
        (self.tick, self.phase) = (tick.0, phase.0);
    }

    /// Whether timers count whole ticks. Most do not.
    #[inline]
    pub fn has_ticks(&self) -> bool {
        self.tick > 0
    }

    /// The length of a tick; zero if timers are continuous.
    pub fn tick(&self) -> Span {
        Span(self.tick)
    }

    /// Sets the clock's rate from now on (1 is true).
    pub fn set_rate(&mut self, now: Time, rate: f64) {
        self.local = self.local(now).0;
        self.world = now.0;
        self.rate = (rate * TRUE_RATE as f64).round().max(1.0) as u64;
    }

    /// Sets the clock forward or back.
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

    /// The offset of the clock from the world's time, in milliseconds.
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
    fn timers_run_out_with_whole_ticks() {
        let mut clock = Clock::default();
        clock.set_ticks(Span(100), Span(30));
        let at = |x: u64| LocalTime(EPOCH + x);
        let zero = EPOCH % 100;
        assert_eq!(zero, 0, "the phase is that of the epoch");
        assert_eq!(clock.rings(at(30), Span(100)), at(130), "armed with a tick, the next one");
        assert_eq!(clock.rings(at(129), Span(100)), at(130), "the current tick counts");
        assert_eq!(clock.rings(at(31), Span(399)), at(330), "three whole ticks");
        assert_eq!(clock.rings(at(31), Span(5)), at(130), "at least one");
        for (since, now) in [(31, 31), (31, 129), (31, 130), (31, 500), (129, 131), (30, 230)] {
            let least = clock.least_wait(at(since), Time(now));
            assert!(clock.rings(at(since), least) > at(now), "{since} {now}");
            let shorter = Span(least.0 - 100);
            assert!(least.0 == 100 || clock.rings(at(since), shorter) <= at(now), "{since} {now}");
        }
        let plain = Clock::default();
        assert_eq!(plain.least_wait(at(31), Time(130)), Span(99));
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
