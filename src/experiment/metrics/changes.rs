//! Changes of the membership, and transfers of leadership.

use super::availability::Availability;
use crate::protocol::{NodeId, OpId, Span};
use crate::replica::Request;
use crate::sim::Time;

/// Measures the changes and transfers that were requested.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The changes that were done.
    pub done: u64,
    /// The transfers that were done: the leader stepped down for the other node.
    pub transfers: u64,
    /// The time from their requests to their answers, for all changes that were done, in
    /// nanoseconds.
    took: u64,
    /// The time from a transfer to the next leader, and the number of transfers with one.
    gaps: (u64, u64),
    /// When a leader stepped down for another one that does not lead yet.
    handed_over: Option<Time>,
    /// What was requested and is not answered.
    pending: Vec<Pending>,
    /// The time without a leader that has a quorum, while a change was pending.
    unavailable: u64,
    /// The time without such a leader before the oldest pending change was requested.
    unavailable_before: u64,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    op: OpId,
    since: Time,
    /// The other node, for a transfer.
    to: Option<NodeId>,
}

impl Changes {
    /// Counts anew; what is pending stays so.
    pub fn restart(&mut self) {
        let Self { handed_over, .. } = *self;
        let pending = std::mem::take(&mut self.pending);
        *self = Self { handed_over, pending, ..Self::default() };
    }

    /// A client requested something for the first time.
    #[inline]
    pub fn requested(&mut self, now: Time, op: OpId, request: &Request, available: &Availability) {
        let to = match request {
            Request::Configure(_) => None,
            Request::Transfer(to) => Some(*to),
            _ => return,
        };
        if to.is_none() && self.open() == 0 {
            self.unavailable_before = available.totals(now).unavailable;
        }
        self.pending.push(Pending { op, since: now, to });
    }

    /// An operation was answered, by this node if it was done. True if it is a change or a
    /// transfer.
    #[inline]
    pub fn answered(
        &mut self,
        now: Time,
        op: OpId,
        by: Option<NodeId>,
        available: &Availability,
    ) -> bool {
        !self.pending.is_empty() && self.end(now, op, by, available)
    }

    fn end(&mut self, now: Time, op: OpId, by: Option<NodeId>, available: &Availability) -> bool {
        let Some(at) = self.pending.iter().position(|pending| pending.op == op) else {
            return false;
        };
        let Pending { since, to, .. } = self.pending.remove(at);
        match (to, by) {
            (None, by) => {
                if by.is_some() {
                    self.done += 1;
                    self.took += now.since(since).0;
                }
                if self.open() == 0 {
                    self.unavailable += self.unavailable_until(now, available);
                }
            }
            (Some(to), Some(by)) if to != by => {
                self.transfers += 1;
                self.handed_over = Some(now);
                if available.is_led_by(to) {
                    self.led(now);
                }
            }
            (Some(_), _) => {}
        }
        true
    }

    /// A node became leader.
    #[inline]
    pub fn led(&mut self, now: Time) {
        if let Some(since) = self.handed_over.take() {
            self.gaps.0 += now.since(since).0;
            self.gaps.1 += 1;
        }
    }

    /// The changes that are not answered.
    pub fn open(&self) -> u64 {
        self.pending.iter().filter(|pending| pending.to.is_none()).count() as u64
    }

    /// The mean time of a change that was done, in milliseconds.
    pub fn mean(&self) -> Option<f64> {
        (self.done > 0).then(|| self.took as f64 / 1e6 / self.done as f64)
    }

    /// The mean time from a transfer to the next leader, in milliseconds.
    pub fn mean_gap(&self) -> Option<f64> {
        let (gaps, count) = self.gaps;
        (count > 0).then(|| gaps as f64 / 1e6 / count as f64)
    }

    /// The time without a leader that has a quorum, while a change was pending.
    pub fn unavailable(&self, end: Time, available: &Availability) -> Span {
        let open = self.open() > 0;
        Span(self.unavailable + if open { self.unavailable_until(end, available) } else { 0 })
    }

    fn unavailable_until(&self, now: Time, available: &Availability) -> u64 {
        available.totals(now).unavailable - self.unavailable_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::{Change, Reconfiguration};

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);
    const ADD: Request = Request::Configure(Reconfiguration::One(Change::AddLearner(B)));

    #[test]
    fn a_change_takes_from_its_request_to_its_answer() {
        let (mut changes, mut available) = (Changes::default(), Availability::new(2));
        available.leads(Time(10), A, true);
        changes.requested(Time(20), OpId(1), &ADD, &available);
        changes.requested(Time(25), OpId(2), &ADD, &available);
        assert!(changes.answered(Time(25), OpId(2), None, &available), "it was refused");
        available.leads(Time(30), A, false);
        assert_eq!(changes.unavailable(Time(35), &available), Span(5));
        available.leads(Time(40), A, true);
        assert_eq!((changes.done, changes.open(), changes.mean()), (0, 1, None));
        assert!(changes.answered(Time(60), OpId(1), Some(A), &available));
        assert!(!changes.answered(Time(60), OpId(3), Some(A), &available));
        available.leads(Time(70), A, false);
        assert_eq!((changes.done, changes.open(), changes.mean()), (1, 0, Some(40e-6)));
        assert_eq!(changes.unavailable(Time(90), &available), Span(10));
    }

    #[test]
    fn a_transfer_leaves_no_leader_until_the_next_one_leads() {
        let (mut changes, mut available) = (Changes::default(), Availability::new(2));
        changes.requested(Time(10), OpId(1), &Request::Transfer(A), &available);
        changes.answered(Time(10), OpId(1), Some(A), &available); // it leads already
        changes.requested(Time(20), OpId(2), &Request::Transfer(B), &available);
        changes.answered(Time(30), OpId(2), Some(A), &available);
        assert_eq!((changes.transfers, changes.mean_gap()), (1, None));
        changes.led(Time(45));
        changes.led(Time(60));
        assert_eq!((changes.transfers, changes.mean_gap()), (1, Some(15e-6)));
        changes.requested(Time(70), OpId(3), &Request::Transfer(B), &available);
        available.leads(Time(75), B, true); // the other node leads before the old leader knows
        changes.answered(Time(80), OpId(3), Some(A), &available);
        changes.led(Time(90));
        assert_eq!((changes.transfers, changes.mean_gap()), (2, Some(7.5e-6)));
    }
}
