//! Timeouts that follow the network (Dynatune, arXiv 2507.15154): the leader measures the round trips of
//! its heartbeats and tells each follower its own; the follower counts which rounds reached it, sets its
//! election timeout by the one and says by the other how often it wants to hear a heartbeat.
//!
//! Two things are not as there. The leader has one heartbeat timer, and beats as often as the follower that
//! asks for most. And a round that a client's read began counts as a heartbeat, since it is one (diss. §6.4).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::node::Node;
use super::types::Entries;
use crate::clone::clone_by_field;
use crate::protocol::{Delay, LocalTime, NodeId, Span};

/// How timeouts follow the network.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveTimeout {
    /// s in "timeout = mean + s * standard deviation" of the round trips.
    pub safety: f64,
    /// So many round trips must be known before anything is set by them.
    pub min_samples: u32,
    /// So many of the last ones count.
    pub window: u32,
    /// With what probability at least one heartbeat arrives within a timeout.
    pub reachability: f64,
    /// At least so many heartbeats in a timeout, even if none was ever lost.
    pub min_heartbeats: u32,
}

impl Default for AdaptiveTimeout {
    /// As published.
    fn default() -> Self {
        Self { safety: 2.0, min_samples: 10, window: 1000, reachability: 0.999, min_heartbeats: 1 }
    }
}

/// The shortest and the longest timeout.
const LIMITS: (Span, Span) = (Span::from_ms(1), Span::from_ms(60_000));
/// The widest window.
const WIDEST: u32 = 100_000;

/// More heartbeats in a timeout than these help nobody.
const MOST_HEARTBEATS: u32 = 100;
/// No follower gets heartbeats more often than this.
const SHORTEST_INTERVAL: Span = Span(100_000);
/// A leader forgets when it sent a round once so many were sent after it.
const ROUNDS_REMEMBERED: usize = 1024;
/// No round trip counts for more than this (a day), so that squares can be added up.
const LONGEST: u64 = 86_400_000_000_000;

impl AdaptiveTimeout {
    /// Why it makes no sense, if so.
    pub fn validate(&self) -> Result<(), String> {
        let Self { safety, min_samples, window, reachability, min_heartbeats } = *self;
        if !(0.0..=1000.0).contains(&safety) {
            return Err(format!("safety must be a number from 0 to 1000, not {safety}"));
        }
        if !(1..=WIDEST).contains(&window) {
            return Err(format!("window must be between 1 and {WIDEST}, not {window}"));
        }
        if !(1..=window).contains(&min_samples) {
            return Err(format!(
                "min_samples must be between 1 and the window of {window}, not {min_samples}"
            ));
        }
        if !(0.0..1.0).contains(&reachability) {
            return Err(format!("reachability must be at least 0 and below 1, not {reachability}"));
        }
        if !(1..=MOST_HEARTBEATS).contains(&min_heartbeats) {
            return Err(format!(
                "min_heartbeats must be between 1 and {MOST_HEARTBEATS}, not {min_heartbeats}"
            ));
        }
        Ok(())
    }

    /// The election timeout for these round trips: mean + s * standard deviation.
    fn timeout(&self, trips: &RoundTrips) -> Span {
        let (mean, deviation) = trips.mean_and_deviation();
        let timeout = Span((mean + self.safety * deviation).round() as u64);
        timeout.min(LIMITS.1).max(LIMITS.0)
    }

    /// K, the number of heartbeats in a timeout: the least one with p^K <= 1 - x, that is
    /// ceil(log_p(1 - x)).
    fn heartbeats(&self, loss: f64) -> u32 {
        let (mut count, mut all_lost) = (1, loss);
        while all_lost > 1.0 - self.reachability && count < MOST_HEARTBEATS {
            (count, all_lost) = (count + 1, all_lost * loss);
        }
        count.max(self.min_heartbeats)
    }
}

/// What a node has measured: as a follower, of the way to its leader; as a leader, of the ways to its
/// followers.
#[derive(Debug)]
pub struct Tuning {
    settings: AdaptiveTimeout,
    trips: RoundTrips,
    rounds: Rounds,
    /// How often this follower wants to hear a heartbeat.
    interval: Span,
    /// When the last rounds were sent, oldest first.
    sent: VecDeque<(u64, LocalTime)>,
    /// One for each follower.
    ways: Vec<Measured>,
}

clone_by_field!([] Tuning { settings, trips, rounds, interval, sent, ways });

/// What a leader knows of the way to a follower.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    /// The last round trip, until the follower is told.
    round_trip: Option<Span>,
    /// How often the follower wants to hear a heartbeat.
    interval: Option<Span>,
}

impl Tuning {
    pub(super) fn new(settings: AdaptiveTimeout, nodes: usize, heartbeat: Span) -> Self {
        Self {
            settings,
            trips: RoundTrips::default(),
            rounds: Rounds::default(),
            interval: heartbeat,
            sent: VecDeque::new(),
            ways: vec![Measured::default(); nodes],
        }
    }

    fn forget(&mut self, heartbeat: Span) {
        self.trips.forget();
        self.rounds.numbers.clear();
        self.interval = heartbeat;
        self.sent.clear();
        self.ways.fill(Measured::default());
    }

    /// A heartbeat came. The timeout from now on, once enough is known.
    fn heartbeat(&mut self, round: u64, round_trip: Span) -> Option<Span> {
        let window = self.settings.window as usize;
        self.rounds.heard(round, window);
        if round_trip > Span::ZERO {
            self.trips.add(round_trip, window);
        }
        if self.trips.last.len() < self.settings.min_samples as usize {
            return None;
        }
        let timeout = self.settings.timeout(&self.trips);
        let heartbeats = self.settings.heartbeats(self.rounds.loss());
        self.interval = Span(timeout.0 / u64::from(heartbeats)).max(SHORTEST_INTERVAL);
        Some(timeout)
    }

    fn began_round(&mut self, round: u64, now: LocalTime) {
        self.sent.push_back((round, now));
        if self.sent.len() > ROUNDS_REMEMBERED {
            self.sent.pop_front();
        }
    }

    fn answered(&mut self, from: NodeId, round: u64, now: LocalTime, interval: Span) {
        let way = &mut self.ways[from.at()];
        way.interval = Some(interval.min(LIMITS.1).max(SHORTEST_INTERVAL));
        if let Ok(at) = self.sent.binary_search_by_key(&round, |(round, _)| *round) {
            way.round_trip = Some(now.since(self.sent[at].1));
        }
    }
}

/// The last round trips in nanoseconds, with their sum and the sum of their squares.
#[derive(Debug, Default)]
struct RoundTrips {
    last: VecDeque<u64>,
    sum: u128,
    squares: u128,
}

clone_by_field!([] RoundTrips { last, sum, squares });

impl RoundTrips {
    fn add(&mut self, trip: Span, window: usize) {
        let trip = trip.0.min(LONGEST);
        self.last.push_back(trip);
        self.sum += u128::from(trip);
        self.squares += u128::from(trip).pow(2);
        if self.last.len() > window
            && let Some(old) = self.last.pop_front()
        {
            self.sum -= u128::from(old);
            self.squares -= u128::from(old).pow(2);
        }
    }

    fn forget(&mut self) {
        self.last.clear();
        (self.sum, self.squares) = (0, 0);
    }

    fn mean_and_deviation(&self) -> (f64, f64) {
        let count = self.last.len().max(1) as u128;
        let variance = (count * self.squares).saturating_sub(self.sum.pow(2));
        (self.sum as f64 / count as f64, (variance as f64).sqrt() / count as f64)
    }
}

/// The numbers of the last rounds that were heard, ascending, each once.
#[derive(Debug, Default)]
struct Rounds {
    numbers: VecDeque<u64>,
}

clone_by_field!([] Rounds { numbers });

impl Rounds {
    fn heard(&mut self, round: u64, window: usize) {
        let Err(at) = self.numbers.binary_search(&round) else { return };
        self.numbers.insert(at, round);
        let Some(&newest) = self.numbers.back() else { return };
        while self.numbers.front().is_some_and(|oldest| newest - oldest >= window as u64) {
            self.numbers.pop_front();
        }
    }

    /// Which share of the rounds between the oldest and the newest never came.
    fn loss(&self) -> f64 {
        let (Some(oldest), Some(newest)) = (self.numbers.front(), self.numbers.back()) else {
            return 0.0;
        };
        1.0 - self.numbers.len() as f64 / ((newest - oldest) as f64 + 1.0)
    }
}

impl Node {
    /// An election timeout or a new leader ends what was measured: the settings hold until enough is known
    /// of the new way.
    pub(super) fn forget_measurements(&mut self) {
        if let Some(tuning) = &mut self.tuning {
            tuning.forget(self.config.heartbeat);
            self.patience = self.config.election_timeout;
        }
    }

    /// A follower learns from its leader's heartbeat. Timeouts are drawn from [t, r t), where r is how far
    /// apart the ends of the configured range are.
    #[inline]
    pub(super) fn measure(&mut self, round: u64, entries: &Entries) {
        let (Entries::Measured { round_trip }, Some(tuning)) = (entries, &mut self.tuning) else {
            return;
        };
        if let Some(min) = tuning.heartbeat(round, *round_trip) {
            let Delay { min: low, max: high } = self.config.election_timeout;
            let max = u128::from(min.0) * u128::from(high.0) / u128::from(low.0.max(1));
            let max = Span(u64::try_from(max).unwrap_or(u64::MAX).min(LONGEST.max(min.0)));
            self.patience = Delay { min, max: max.max(min) };
        }
    }

    /// What a follower says in its answer: how often it wants to hear a heartbeat, in nanoseconds; 0 if the
    /// message was no measured one.
    #[inline]
    pub(super) fn wanted_interval(&self, entries: &Entries) -> u64 {
        match (entries, &self.tuning) {
            (Entries::Measured { .. }, Some(tuning)) => tuning.interval.0,
            _ => 0,
        }
    }

    /// A leader begins a round.
    pub(super) fn note_round(&mut self, round: u64, now: LocalTime) {
        if let Some(tuning) = &mut self.tuning {
            tuning.began_round(round, now);
        }
    }

    /// What a heartbeat carries: the round trip that was measured last, which the follower hears once.
    pub(super) fn heartbeat_payload(&mut self, peer: NodeId) -> Entries {
        match &mut self.tuning {
            None => Entries::None,
            Some(tuning) => {
                let round_trip = tuning.ways[peer.at()].round_trip.take().unwrap_or_default();
                Entries::Measured { round_trip }
            }
        }
    }

    /// A follower answered a heartbeat; with `wanted` above 0 it was a measured one.
    #[inline]
    pub(super) fn measured(&mut self, now: LocalTime, from: NodeId, round: u64, wanted: u64) {
        if wanted > 0
            && let Some(tuning) = &mut self.tuning
        {
            tuning.answered(from, round, now, Span(wanted));
        }
    }

    /// How often a leader shows that it is there: as set, or as the follower asks that needs it most.
    pub(super) fn heartbeat_interval(&self) -> Span {
        let Some(tuning) = &self.tuning else { return self.config.heartbeat };
        let wanted = |peer: NodeId| tuning.ways[peer.at()].interval;
        let wanted = self.peers().map(|peer| wanted(peer).unwrap_or(self.config.heartbeat));
        wanted.min().unwrap_or(self.config.heartbeat)
    }

    /// How long a leader may hear no quorum: an election timeout (diss. §6.2). Where heartbeats have become rare, it
    /// is two of their intervals: one alone may fall between two answers.
    pub(super) fn quorum_check(&self) -> Delay {
        let timeout = self.config.election_timeout.min;
        let rare = self.tuning.as_ref().map(|_| Span(2 * self.heartbeat_interval().0));
        Delay::exactly(rare.map_or(timeout, |rare| timeout.max(rare)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_heartbeats_as_keep_the_goal() {
        let count = |loss| AdaptiveTimeout::default().heartbeats(loss);
        // ceil(log_p 0.001)
        assert_eq!([0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5].map(count), [1, 1, 2, 3, 3, 6, 10]);
        assert_eq!(count(1.0), MOST_HEARTBEATS);
        assert_eq!(
            AdaptiveTimeout { min_heartbeats: 4, ..AdaptiveTimeout::default() }.heartbeats(0.01),
            4
        );
    }

    #[test]
    fn the_timeout_is_the_mean_and_twice_the_deviation() {
        let mut trips = RoundTrips::default();
        for ms in [10, 14, 10, 14] {
            trips.add(Span::from_ms(ms), 1000);
        }
        assert_eq!(AdaptiveTimeout::default().timeout(&trips), Span::from_ms(16));
        trips.add(Span(u64::MAX), 1); // pushes one out, and is as long as a day
        assert_eq!(AdaptiveTimeout::default().timeout(&trips), Span::from_ms(60_000));
    }

    #[test]
    fn old_round_trips_are_forgotten() {
        let mut trips = RoundTrips::default();
        for ms in [500, 900, 20, 20, 20] {
            trips.add(Span::from_ms(ms), 3);
        }
        assert_eq!(trips.mean_and_deviation(), (20e6, 0.0));
    }

    #[test]
    fn what_never_came_between_two_rounds_was_lost() {
        let mut rounds = Rounds::default();
        for round in [7, 8, 10, 8, 9, 16] {
            rounds.heard(round, 1000); // out of order and twice
        }
        assert_eq!(rounds.loss(), 0.5);
        rounds.heard(u64::MAX, 1000);
        assert_eq!((rounds.numbers.len(), rounds.loss()), (1, 0.0));
    }
}
