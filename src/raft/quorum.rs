//! Quorum arithmetic, independent of other state: majorities, and joint majorities (§6).

use crate::protocol::{MAX_NODES, NodeId, NodeSet};

/// Clusters up to this size do their arithmetic in a small array.
const FEW: usize = 9;

/// A quorum system. With an outgoing configuration both must agree (joint consensus).
#[derive(Clone, Copy, Debug, Default)]
pub struct Quorum {
    voters: Majority,
    outgoing: Majority,
}

/// A set of voters, and the number of them that is a quorum.
#[derive(Clone, Copy, Debug, Default)]
struct Majority {
    voters: NodeSet,
    count: usize,
    needed: usize,
}

/// The state of an election.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VoteResult {
    /// A quorum granted.
    Won,
    /// No quorum can grant any more.
    Lost,
    /// Neither yet.
    Pending,
}

impl Quorum {
    /// A majority of these voters.
    pub fn majority(voters: NodeSet) -> Self {
        Self { voters: Majority::of(voters), outgoing: Majority::default() }
    }

    /// A majority of the incoming and a majority of the outgoing voters.
    pub fn joint(incoming: NodeSet, outgoing: NodeSet) -> Self {
        Self { voters: Majority::of(incoming), outgoing: Majority::of(outgoing) }
    }

    /// Accepts half of the voters as a quorum: the bug `quorum_off_by_one`.
    #[must_use]
    pub fn off_by_one(mut self) -> Self {
        for majority in [&mut self.voters, &mut self.outgoing] {
            majority.needed = (majority.count / 2).max(1).min(majority.count);
        }
        self
    }

    /// Counts nodes that are no voters, without needing more: the bugs `learner_counted` and
    /// `removed_leader_counts_self`.
    #[must_use]
    pub fn counting(mut self, others: &NodeSet) -> Self {
        self.voters.voters = self.voters.voters.union(others);
        self.voters.count = self.voters.voters.len();
        self
    }

    /// All voters.
    pub fn voters(&self) -> &NodeSet {
        &self.voters.voters
    }

    /// The number of voters.
    #[inline]
    pub fn size(&self) -> usize {
        self.voters.count
    }

    /// Whether these nodes are a quorum.
    #[inline]
    pub fn is_quorum(&self, nodes: &NodeSet) -> bool {
        self.vote_result(nodes, &NodeSet::default()) == VoteResult::Won
    }

    /// The state of an election. An empty set of voters counts as having granted.
    #[inline]
    pub fn vote_result(&self, granted: &NodeSet, rejected: &NodeSet) -> VoteResult {
        let incoming = self.voters.vote_result(granted, rejected);
        if self.outgoing.count == 0 {
            return incoming;
        }
        match (incoming, self.outgoing.vote_result(granted, rejected)) {
            (VoteResult::Won, other) | (other, VoteResult::Won) => other,
            (VoteResult::Lost, _) | (_, VoteResult::Lost) => VoteResult::Lost,
            (VoteResult::Pending, VoteResult::Pending) => VoteResult::Pending,
        }
    }

    /// The same, if it is above `floor`; usually rules that out without a search.
    #[inline(always)] // after every acknowledgement
    pub fn committed_above(&self, floor: u64, acked: impl Fn(NodeId) -> u64 + Copy) -> Option<u64> {
        let reached = self.voters.voters.iter().filter(|voter| acked(*voter) > floor).count();
        if reached < self.voters.needed {
            return None;
        }
        Some(self.committed_index(acked)).filter(|index| *index > floor)
    }

    /// The highest index that a quorum has acknowledged; the greatest number for an empty set of
    /// voters.
    #[inline]
    pub fn committed_index(&self, acked: impl Fn(NodeId) -> u64 + Copy) -> u64 {
        let incoming = self.voters.committed_index(acked);
        if self.outgoing.count == 0 {
            return incoming;
        }
        incoming.min(self.outgoing.committed_index(acked))
    }
}

impl Majority {
    fn of(voters: NodeSet) -> Self {
        let count = voters.len();
        Self { voters, count, needed: (count / 2 + 1).min(count) }
    }

    #[inline]
    fn vote_result(&self, granted: &NodeSet, rejected: &NodeSet) -> VoteResult {
        if self.count == 0 || self.voters.intersection(granted).len() >= self.needed {
            VoteResult::Won
        } else if self.count - self.voters.intersection(rejected).len() < self.needed {
            VoteResult::Lost
        } else {
            VoteResult::Pending
        }
    }

    #[inline]
    fn committed_index(&self, acked: impl Fn(NodeId) -> u64) -> u64 {
        match self.count {
            0 => u64::MAX,
            1..=FEW => self.nth_of_few(acked),
            _ => self.nth_of_many(acked),
        }
    }

    /// In descending order the quorum's smallest index has `needed - 1` indices before it.
    #[inline]
    fn nth_of_few(&self, acked: impl Fn(NodeId) -> u64) -> u64 {
        let (mut sorted, mut n) = ([0; FEW], 0);
        self.voters.iter().for_each(|voter| {
            let index = acked(voter);
            let mut at = n;
            while at > 0 && sorted[at - 1] < index {
                sorted[at] = sorted[at - 1];
                at -= 1;
            }
            sorted[at] = index;
            n += 1;
        });
        sorted[self.needed - 1]
    }

    fn nth_of_many(&self, acked: impl Fn(NodeId) -> u64) -> u64 {
        let mut indices = [0; MAX_NODES];
        let mut n = 0;
        for voter in self.voters.iter() {
            indices[n] = acked(voter);
            n += 1;
        }
        // In ascending order the quorum's smallest index has `needed - 1` indices after it.
        *indices[..n].select_nth_unstable(n - self.needed).1
    }
}
