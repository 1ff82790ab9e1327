//! Commit latency: from a leader's append of an entry to its commit by the same leader.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use crate::protocol::NodeId;
use crate::sim::Time;

/// The latencies of one run as counts in buckets, so that their order, and the order in which runs
/// are added, does not matter.
#[derive(Debug)]
pub struct Latency {
    /// The entries that each leader has appended and not yet committed: first and last index, and
    /// when.
    pending: Vec<VecDeque<(u64, u64, Time)>>,
    leads: Vec<bool>,
    histogram: Histogram<u32>,
}

impl Clone for Latency {
    fn clone(&self) -> Self {
        let Self { pending, leads, histogram } = self;
        Self { pending: pending.clone(), leads: leads.clone(), histogram: histogram.clone() }
    }

    fn clone_from(&mut self, source: &Self) {
        self.pending.clone_from(&source.pending);
        self.leads.clone_from(&source.leads);
        if source.histogram.is_empty() {
            self.histogram.reset(); // keeps its memory
        } else {
            self.histogram.clone_from(&source.histogram);
        }
    }
}

/// The precision of buckets in digits: 3 digits, a tenth of a percent.
const DIGITS: u8 = 3;

impl Latency {
    /// Latencies for a cluster of this many nodes.
    pub fn new(nodes: usize) -> Self {
        Self {
            pending: vec![VecDeque::new(); nodes],
            leads: vec![false; nodes],
            histogram: histogram(),
        }
    }

    /// A machine that is added later.
    pub fn make_room(&mut self, id: NodeId) {
        self.pending.resize(self.pending.len().max(id.at() + 1), VecDeque::new());
        self.leads.resize(self.pending.len(), false);
    }

    /// Sets counts to zero, and discards entries that are not yet committed.
    pub fn restart(&mut self) {
        self.histogram.reset();
    }

    /// A node becomes leader, or no longer leads.
    pub fn leads(&mut self, id: NodeId, leads: bool) {
        self.leads[id.at()] = leads;
        self.pending[id.at()].clear();
    }

    /// A node appended entries.
    #[inline]
    pub fn appended(&mut self, now: Time, id: NodeId, first: u64, last: u64) {
        if self.leads[id.at()] {
            self.pending[id.at()].push_back((first, last, now));
        }
    }

    /// A node committed everything up to an index.
    #[inline]
    pub fn committed(&mut self, now: Time, id: NodeId, index: u64) {
        let pending = &mut self.pending[id.at()];
        while let Some((first, last, since)) = pending.front_mut() {
            if *first > index {
                break;
            }
            let entries = index.min(*last) + 1 - *first;
            let taken = self.histogram.record_n(now.since(*since).0, entries as u32);
            debug_assert!(taken.is_ok(), "a resizing histogram accepts any value");
            if *last > index {
                *first = index + 1;
                break;
            }
            pending.pop_front();
        }
    }

    /// The number of entries committed by the leaders that had appended them.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The `q` quantile of the latency in milliseconds; `None` without entries.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        (!self.histogram.is_empty()).then(|| self.histogram.value_at_quantile(q) as f64 / 1e6)
    }

    /// The buckets that are not empty: upper end in milliseconds, and number of entries. The
    /// possible ends are the same in every run.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let recorded = self.histogram.iter_recorded();
        recorded
            .map(|step| (step.value_iterated_to() as f64 / 1e6, step.count_since_last_iteration()))
    }

    /// The mean in milliseconds; `None` without entries.
    pub fn mean(&self) -> Option<f64> {
        (!self.histogram.is_empty()).then(|| self.histogram.mean() / 1e6)
    }
}

/// A histogram in nanoseconds, with buckets of at least 64 ns.
fn histogram() -> Histogram<u32> {
    let mut histogram = Histogram::new_with_bounds(64, 1 << 20, DIGITS)
        .unwrap_or_else(|_| unreachable!("these bounds are valid for the library"));
    histogram.auto(true);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(0);

    fn at(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    #[test]
    fn each_entry_counts_from_its_own_append() {
        let mut latency = Latency::new(3);
        latency.leads(A, true);
        latency.appended(at(0), A, 1, 1);
        latency.appended(at(1), A, 2, 4);
        latency.appended(at(1), NodeId(1), 1, 1); // a follower's copy
        latency.committed(at(10), A, 3);
        assert_eq!(latency.count(), 3);
        latency.committed(at(20), A, 9);
        assert_eq!(latency.count(), 4);
        let max = latency.quantile(1.0).expect("there are entries");
        assert!((max - 19.0).abs() < 0.02, "{max}");
        assert!((latency.mean().expect("entries") - (10.0 + 9.0 + 9.0 + 19.0) / 4.0).abs() < 0.02);
    }

    #[test]
    fn buckets_are_the_same_whatever_else_was_measured() {
        let mut short = Latency::new(3);
        short.leads(A, true);
        short.appended(at(0), A, 1, 2);
        short.committed(at(7), A, 2);
        let mut long = Latency::new(3);
        long.leads(A, true);
        long.appended(at(0), A, 1, 1);
        long.committed(at(7), A, 1);
        long.appended(at(10), A, 2, 2);
        long.committed(at(3_600_000), A, 2);
        let (short, long): (Vec<_>, Vec<_>) = (short.buckets().collect(), long.buckets().collect());
        assert_eq!((short.len(), long.len()), (1, 2));
        assert_eq!((short[0].0.to_bits(), short[0].1), (long[0].0.to_bits(), 2));
        assert!((7.0..7.01).contains(&short[0].0));
    }

    #[test]
    fn what_a_deposed_leader_had_appended_does_not_count() {
        let mut latency = Latency::new(3);
        latency.leads(A, true);
        latency.appended(at(0), A, 1, 1);
        latency.leads(A, false);
        latency.committed(at(500), A, 1);
        assert_eq!((latency.count(), latency.quantile(0.5)), (0, None));
    }
}
