//! How much is done between two looks at the clock, or at whether to stop.

use std::time::{Duration, Instant};

/// Slices of events that take about a millisecond, whatever an event costs: most take less than a microsecond,
/// but a snapshot of a large store takes milliseconds.
#[derive(Clone, Debug)]
pub struct Pace {
    events: u64,
    since: Option<Instant>,
}

const FEWEST: u64 = 1;
/// A hundred microseconds of what is cheap; if events become slow all at once, one slice is too long.
const MOST: u64 = 512;
const QUICK: Duration = Duration::from_micros(500);
const SLOW: Duration = Duration::from_millis(2);

impl Default for Pace {
    fn default() -> Self {
        Self { events: 256, since: None } // most trials of a sweep are over within one slice
    }
}

impl Pace {
    /// How many events the next slice has.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A run begins: what is over within one slice is not measured, for the clock takes longer.
    pub fn begin(&mut self) {
        self.since = None;
    }

    /// A slice is over, and more are to come. Says what time it is.
    pub fn slice_ends(&mut self) -> Instant {
        let now = Instant::now();
        if let Some(since) = self.since.replace(now) {
            let took = now - since;
            if took < QUICK {
                self.events = (self.events * 2).min(MOST);
            } else if took > SLOW {
                self.events = (self.events / 4).max(FEWEST);
            }
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_follow_what_events_cost() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            pace.slice_ends();
        }
        assert_eq!(pace.events(), MOST);
        for _ in 0..10 {
            std::thread::sleep(SLOW + QUICK);
            pace.slice_ends();
        }
        assert_eq!(pace.events(), FEWEST);
        pace.begin();
        std::thread::sleep(SLOW);
        pace.slice_ends();
        assert_eq!(pace.events(), FEWEST, "what was before it began does not count");
    }
}
