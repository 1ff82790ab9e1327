//! Faults of clocks.

use super::effect::{Effect, Grip, Site};
use super::place::{Aim, Place};
use super::target::{Names, Target};
use super::vocabulary::faults;
use crate::protocol::Span;
use crate::raft::Lie;
use crate::replica::Replica;
use crate::sim::Observer;
use crate::sim::time::millis;

faults! { Clock:
    /// Makes clocks run at another rate; several rates multiply. When the fault ends its rate no
    /// longer counts; the offset remains.
    ClockRate "clock_rate":
        "clocks run fast or slow";
        "clocks run at the true rate, and keep their offset"
    {
        /// The nodes.
        node: Target,
        /// The rate, relative to true time.
        rate: f64,
    }

    /// Sets clocks forward or back.
    ClockJump "clock_jump": "clocks are set forward or back" {
        /// The nodes.
        node: Target,
        /// The change, in milliseconds.
        by: f64,
    }
}

/// The limits of a clock's rate: even a thousand times as fast, it does not overflow in the longest
/// run.
pub(super) const RATES: std::ops::RangeInclusive<f64> = 1e-6..=1e3;

impl Effect for ClockRate {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn limits(&self, _: &Names) -> Result<(), String> {
        if RATES.contains(&self.rate) {
            return Ok(());
        }
        Err(format!("rate must be between 0.000001 and 1000, not {}", self.rate))
    }

    fn grip(&self) -> Option<Grip> {
        Some(Grip::Rate(self.rate))
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        place.nodes().iter().for_each(|id| site.settle(id, Grip::Rate(self.rate)));
    }
}

impl Effect for ClockJump {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn limits(&self, _: &Names) -> Result<(), String> {
        millis::to_ns(self.by.abs()).map(drop).map_err(|why| format!("by: {why}"))
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        let span = Span((self.by.abs() * 1e6).round() as u64);
        place.nodes().iter().for_each(|id| site.world.jump_clock(id, span, self.by < 0.0));
    }
}
