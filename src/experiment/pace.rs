//! The size of slices between checks whether to stop.

use std::time::{Duration, Instant};

/// Slices of events that take about a millisecond, regardless of the cost of an event: most take
/// less than a microsecond, but a snapshot of a large store takes milliseconds.
#[derive(Clone, Debug)]
pub struct Pace {
    events: u64,
    since: Option<Instant>,
}

const FEWEST: u64 = 1;
/// The maximum size: about 100 µs of cheap events. If events suddenly become slow, one slice takes
/// too long.
const MOST: u64 = 512;
const QUICK: Duration = Duration::from_micros(500);
const SLOW: Duration = Duration::from_millis(2);

impl Default for Pace {
    fn default() -> Self {
        Self { events: 256, since: None } // most runs of a sweep end within one slice
    }
}

impl Pace {
    /// The number of events in the next slice.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A run begins. A run that ends within one slice is not measured, since reading the clock
    /// takes longer.
    pub fn begin(&mut self) {
        self.since = None;
    }

    /// A slice ended, and another follows. Returns the time.
    pub fn slice_ends(&mut self) -> Instant {
        let now = Instant::now();
        self.slice_ended(now);
        now
    }

    fn slice_ended(&mut self, now: Instant) {
        if let Some(since) = self.since.replace(now) {
            let took = now - since;
            if took < QUICK {
                self.events = (self.events * 2).min(MOST);
            } else if took > SLOW {
                self.events = (self.events / 4).max(FEWEST);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_follow_what_events_cost() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        let mut slices = |pace: &mut Pace, count: u32, took: Duration| {
            for _ in 0..count {
                now += took;
                pace.slice_ended(now);
            }
        };
        slices(&mut pace, 10, QUICK / 2);
        assert_eq!(pace.events(), MOST);
        slices(&mut pace, 1, (QUICK + SLOW) / 2);
        assert_eq!(pace.events(), MOST);
        slices(&mut pace, 10, SLOW + QUICK);
        assert_eq!(pace.events(), FEWEST);
        pace.begin();
        slices(&mut pace, 1, QUICK / 2);
        assert_eq!(pace.events(), FEWEST, "the time before its beginning does not count");
    }
}
