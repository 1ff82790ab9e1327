//! The time series: counts in bins of time.

use super::availability::Stretch;
use crate::clone::clone_by_field;
use crate::protocol;
use crate::sim::Time;

/// Bins of equal width from the beginning of a run to its end.
#[derive(Debug)]
pub struct Series {
    width: u64,
    /// Where the first bin begins.
    begun: u64,
    /// The highest commitIndex so far.
    committed: u64,
    bins: Vec<Bin>,
}

clone_by_field!([] Series { width, begun, committed, bins });

/// One bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Time with a leader that has a quorum, in nanoseconds.
    pub available: u64,
    /// Leaders elected.
    pub elections: u64,
    /// Entries committed for the first time.
    pub committed: u64,
    /// Writes acknowledged.
    pub acknowledged: u64,
    /// Messages sent.
    pub sent: u64,
}

impl Series {
    /// Bins of this width, above zero.
    pub fn new(width: protocol::Span) -> Self {
        Self { width: width.0.max(1), begun: 0, committed: 0, bins: Vec::new() }
    }

    /// Sets the commitIndex at the beginning.
    pub fn begins_with(&mut self, committed: u64) {
        self.committed = self.committed.max(committed);
    }

    /// Starts the first bin now; keeps the commitIndex.
    pub fn restart(&mut self, now: Time) {
        self.begun = now.0;
        self.bins.clear();
    }

    /// The bin of a time.
    #[inline]
    pub fn at(&mut self, now: Time) -> &mut Bin {
        let bin = ((now.0 - self.begun) / self.width) as usize;
        if bin >= self.bins.len() {
            self.bins.resize(bin + 1, Bin::default());
        }
        &mut self.bins[bin]
    }

    /// A node committed everything up to an index.
    #[inline]
    pub fn committed(&mut self, now: Time, last: u64) {
        let fresh = last.saturating_sub(self.committed);
        if fresh > 0 {
            self.committed = last;
            self.at(now).committed += fresh;
        }
    }

    /// Adds an interval in which the cluster was available or not.
    pub fn available(&mut self, span: Stretch) {
        let Stretch { mut from, to, available } = span;
        while available && from < to {
            let bin = (from.0 - self.begun) / self.width + 1;
            let end = Time(self.begun.saturating_add(bin.saturating_mul(self.width))).min(to);
            self.at(from).available += end.since(from).0;
            from = end;
        }
    }

    /// Ends the run: exactly the bins before its end exist. Events at the very end, if a bin would
    /// begin there, belong to the last bin.
    pub fn finish(&mut self, end: Time) {
        let bins = ((end.0 - self.begun).div_ceil(self.width) as usize).max(1);
        self.bins.resize(bins.max(self.bins.len()), Bin::default());
        for late in self.bins.split_off(bins) {
            let last = &mut self.bins[bins - 1];
            last.elections += late.elections;
            last.committed += late.committed;
            last.acknowledged += late.acknowledged;
            last.sent += late.sent;
        }
    }

    /// The bins: start and width in nanoseconds, and contents. The last one ends with the run.
    pub fn bins(&self, end: Time) -> impl Iterator<Item = (u64, u64, &Bin)> {
        self.bins.iter().enumerate().map(move |(at, bin)| {
            let from = self.begun + at as u64 * self.width;
            (from, self.width.min(end.0 - from), bin)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_dealt_out_to_bins() {
        let mut series = Series::new(protocol::Span(10));
        series.available(Stretch { from: Time(5), to: Time(28), available: true });
        series.available(Stretch { from: Time(28), to: Time(40), available: false });
        series.committed(Time(12), 3);
        series.committed(Time(31), 2); // another node commits what was committed
        series.at(Time(40)).elections += 1;
        series.finish(Time(40));
        let bins: Vec<_> =
            series.bins(Time(40)).map(|(from, width, bin)| (from, width, bin.available)).collect();
        assert_eq!(bins, [(0, 10, 5), (10, 10, 10), (20, 10, 8), (30, 10, 0)]);
        assert_eq!(series.bins.iter().map(|bin| bin.committed).sum::<u64>(), 3);
        assert_eq!(series.bins[3].elections, 1);
    }
}
