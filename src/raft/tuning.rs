//! Timeouts that adapt to the network (Dynatune, arXiv 2507.15154). The leader measures the round
//! trips of its heartbeats and sends each follower its own. The follower sets its election timeout
//! from the round trips, and requests a heartbeat interval that depends on the fraction of
//! heartbeats that reached it.
//!
//! There are two differences. The leader has one heartbeat timer, and uses the shortest interval
//! that a follower requests. And a round that a client's read started counts as a heartbeat, since
//! it is one (diss. §6.4).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::node::Node;
use super::payload::Payload;
use crate::clone::clone_by_field;
use crate::protocol::{Delay, LocalTime, NodeId, Span};
use crate::state::StateHash;

/// How timeouts adapt to the network.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveTimeout {
    /// s in "timeout = mean + s * standard deviation" of the round trips.
    pub safety: f64,
    /// The number of round trips that must be known before they are used.
    pub min_samples: u32,
    /// The number of most recent round trips that are used.
    pub window: u32,
    /// The probability that at least one heartbeat arrives within a timeout.
    pub reachability: f64,
    /// The minimum number of heartbeats in a timeout, even if none was ever lost.
    pub min_heartbeats: u32,
}

impl Default for AdaptiveTimeout {
    /// The published values.
    fn default() -> Self {
        Self { safety: 2.0, min_samples: 10, window: 1000, reachability: 0.999, min_heartbeats: 1 }
    }
}

/// The shortest and the longest timeout.
const LIMITS: (Span, Span) = (Span::from_ms(1), Span::from_ms(60_000));
/// The widest window.
const WIDEST: u32 = 100_000;

/// The maximum number of heartbeats in a timeout.
const MOST_HEARTBEATS: u32 = 100;
/// The shortest heartbeat interval.
const SHORTEST_INTERVAL: Span = Span(100_000);
/// The number of rounds whose sending times a leader keeps.
const ROUNDS_REMEMBERED: usize = 1024;
/// The longest round trip (a day): longer ones are clamped, so that sums of squares do not
/// overflow.
const LONGEST: u64 = 86_400_000_000_000;

impl AdaptiveTimeout {
    /// Checks that the values are valid.
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

/// A node's measurements: as a follower, of its link to the leader; as a leader, of its links to
/// the followers.
#[derive(Debug)]
pub struct Tuning {
    settings: AdaptiveTimeout,
    trips: RoundTrips,
    rounds: Rounds,
    /// The heartbeat interval that this follower requests.
    interval: Span,
    /// When the last rounds were sent, oldest first.
    sent: VecDeque<(u64, LocalTime)>,
    /// One for each follower.
    ways: Vec<Measured>,
}

clone_by_field!([] Tuning { settings, trips, rounds, interval, sent, ways });

/// A leader's measurements of its link to a follower.
#[derive(Clone, Copy, Debug, Default, Hash)]
struct Measured {
    /// The last round trip, until it is sent to the follower.
    round_trip: Option<Span>,
    /// The heartbeat interval that the follower requests.
    interval: Option<Span>,
}

impl Tuning {
    /// Adds it to a fingerprint.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        let Self { settings: _, trips, rounds, interval, sent, ways } = self;
        state.add((trips, rounds, interval, ways, sent.len()));
        for (round, at) in sent {
            state.add(round);
            state.past(*at);
        }
    }

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

    /// A heartbeat arrived. Returns the new timeout, once enough round trips are known.
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

    /// Makes room for members that were added.
    pub(super) fn make_room(&mut self, nodes: usize) {
        self.ways.resize(self.ways.len().max(nodes), Measured::default());
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
#[derive(Debug, Default, Hash)]
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

/// The numbers of the last rounds that were received, ascending and distinct.
#[derive(Debug, Default, Hash)]
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

    /// The fraction of the rounds between the oldest and the newest that never arrived.
    fn loss(&self) -> f64 {
        let (Some(oldest), Some(newest)) = (self.numbers.front(), self.numbers.back()) else {
            return 0.0;
        };
        1.0 - self.numbers.len() as f64 / ((newest - oldest) as f64 + 1.0)
    }
}

impl Node {
    /// Discards the measurements, at an election timeout or with a new leader: the configured
    /// settings hold until enough round trips are known again.
    pub(super) fn forget_measurements(&mut self) {
        if let Some(tuning) = &mut self.tuning {
            tuning.forget(self.config.heartbeat());
            self.patience = self.config.election_timeout;
        }
    }

    /// A follower takes in its leader's heartbeat. Timeouts are drawn from [t, r t), where r is the
    /// ratio of the ends of the configured range.
    #[inline]
    pub(super) fn measure(&mut self, round: u64, payload: &Payload) {
        let (Payload::Measured { round_trip }, Some(tuning)) = (payload, &mut self.tuning) else {
            return;
        };
        if let Some(min) = tuning.heartbeat(round, *round_trip) {
            let Delay { min: low, max: high } = self.config.election_timeout;
            let max = u128::from(min.0) * u128::from(high.0) / u128::from(low.0.max(1));
            let max = Span(u64::try_from(max).unwrap_or(u64::MAX).min(LONGEST.max(min.0)));
            self.patience = Delay { min, max: max.max(min) };
        }
    }

    /// The heartbeat interval that a follower requests in its reply; zero if the message was not a
    /// measured heartbeat.
    #[inline]
    pub(super) fn wanted_interval(&self, payload: &Payload) -> Span {
        match (payload, &self.tuning) {
            (Payload::Measured { .. }, Some(tuning)) => tuning.interval,
            _ => Span::ZERO,
        }
    }

    /// A leader begins a round.
    pub(super) fn note_round(&mut self, round: u64, now: LocalTime) {
        if let Some(tuning) = &mut self.tuning {
            tuning.began_round(round, now);
        }
    }

    /// The payload of a heartbeat: the round trip that was measured last, which is sent once.
    pub(super) fn heartbeat_payload(&mut self, peer: NodeId) -> Payload {
        match &mut self.tuning {
            None => Payload::Heartbeat,
            Some(tuning) => {
                let round_trip = tuning.ways[peer.at()].round_trip.take().unwrap_or_default();
                Payload::Measured { round_trip }
            }
        }
    }

    /// A follower replied to a heartbeat; `interval` is above zero if it was a measured one.
    #[inline]
    pub(super) fn measured(&mut self, now: LocalTime, from: NodeId, round: u64, interval: Span) {
        if interval > Span::ZERO
            && let Some(tuning) = &mut self.tuning
        {
            tuning.answered(from, round, now, interval);
        }
    }

    /// A leader's heartbeat interval: the configured one, or the shortest that a follower requests.
    pub(super) fn heartbeat_interval(&self) -> Span {
        let Some(tuning) = &self.tuning else { return self.config.heartbeat() };
        let wanted = |peer: NodeId| tuning.ways[peer.at()].interval;
        let wanted = self.peers().map(|peer| wanted(peer).unwrap_or(self.config.heartbeat()));
        wanted.min().unwrap_or(self.config.heartbeat())
    }

    /// The time for which a leader may hear from no quorum: `quorum_timeout`, but
    /// at least two heartbeat intervals, since a shorter time may fall between two replies.
    pub(super) fn quorum_check(&self) -> Delay {
        let timeout = self.config.quorum_timeout.unwrap_or(self.config.election_timeout.min);
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
