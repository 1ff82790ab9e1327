//! What luck decides about a strike.

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

    /// When it strikes.
    pub fn at(self, distribution: &Distribution) -> Span {
        distribution.sample(self.draw(0))
    }

    /// How long it lasts.
    pub fn duration(self, distribution: &Distribution) -> Span {
        distribution.sample(self.draw(1))
    }

    /// From this strike, or from its end, to the next.
    pub fn gap(self, distribution: &Distribution) -> Span {
        Span(distribution.sample(self.draw(2)).0.max(1))
    }

    /// Another time of the strike, longer than what has passed already. Nothing if the distribution has none.
    pub fn at_beyond(self, distribution: &Distribution, passed: Span) -> Option<Span> {
        distribution.sample_beyond(self.draw(0), passed)
    }

    /// Another duration, longer than it has lasted already.
    pub fn duration_beyond(self, distribution: &Distribution, passed: Span) -> Option<Span> {
        distribution.sample_beyond(self.draw(1), passed)
    }

    /// Another gap, longer than what has passed of it already.
    pub fn gap_beyond(self, distribution: &Distribution, passed: Span) -> Option<Span> {
        distribution.sample_beyond(self.draw(2), passed)
    }

    /// Whom it hits.
    pub(super) fn target(self) -> u64 {
        self.draw(3)
    }

    /// Whom it hits on the other side.
    pub(super) fn second_target(self) -> u64 {
        self.draw(4)
    }
}
