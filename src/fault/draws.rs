//! The random draws of a strike.

use crate::protocol::Span;
use crate::sim::{Distribution, Luck, Purpose, Strike};

/// The draws of one strike of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    luck: Luck,
    strike: Strike,
}

impl Draws {
    /// The draws of this strike.
    pub fn new(luck: Luck, strike: Strike) -> Self {
        Self { luck, strike }
    }

    fn draw(self, what: u64) -> u64 {
        let ordinal = u64::from(self.strike.ordinal) * 8 + what;
        self.luck.draw(Purpose::Fault, u64::from(self.strike.handle), ordinal)
    }

    /// The time of the strike.
    pub fn at(self, distribution: &Distribution) -> Span {
        distribution.sample(self.draw(0))
    }

    /// The duration of the strike.
    pub fn duration(self, distribution: &Distribution) -> Span {
        distribution.sample(self.draw(1))
    }

    /// The time from this strike, or from its end, to the next.
    pub fn gap(self, distribution: &Distribution) -> Span {
        Span(distribution.sample(self.draw(2)).0.max(1))
    }

    /// Another time of the strike, longer than the time that has passed; `None` if the distribution
    /// has none.
    pub fn at_beyond(self, distribution: &Distribution, passed: Span) -> Option<Span> {
        distribution.sample_beyond(self.draw(0), passed)
    }

    /// Another duration, longer than the strike has lasted so far.
    pub fn duration_beyond(self, distribution: &Distribution, passed: Span) -> Option<Span> {
        distribution.sample_beyond(self.draw(1), passed)
    }

    /// Another gap, longer than the part of it that has passed.
    pub fn gap_beyond(self, distribution: &Distribution, passed: Span) -> Option<Span> {
        distribution.sample_beyond(self.draw(2), passed)
    }

    /// The draw for its target.
    pub(super) fn target(self) -> u64 {
        self.draw(3)
    }

    /// The draw for the target on the other side.
    pub(super) fn second_target(self) -> u64 {
        self.draw(4)
    }
}
