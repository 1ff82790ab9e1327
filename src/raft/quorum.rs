//! Quorum arithmetic, free of any other state: majorities, and joint majorities (section 6).

use crate::protocol::{MAX_NODES, NodeId, NodeSet};

/// Clusters up to this size do their arithmetic in a small array.
const FEW: usize = 9;

/// Whose agreement counts. With an outgoing configuration both must agree (joint consensus).
#[derive(Clone, Copy, Debug, Default)]
pub struct Quorum {
    voters: NodeSet,
    outgoing: NodeSet,
    /// The bug `quorum_off_by_one`: half is enough.
    off_by_one: bool,
}

/// Where an election stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VoteResult {
    /// A quorum granted.
    Won,
    /// No quorum can grant any more.
    Lost,
    /// Open.
    Pending,
}

impl Quorum {
    /// A majority of these voters.
    pub fn majority(voters: NodeSet) -> Self {
        Self { voters, ..Self::default() }
    }

    /// A majority of the incoming and a majority of the outgoing voters.
    pub fn joint(incoming: NodeSet, outgoing: NodeSet) -> Self {
        Self { voters: incoming, outgoing, off_by_one: false }
    }

    /// Takes half of the voters for a quorum.
    #[must_use]
    pub fn off_by_one(mut self) -> Self {
        self.off_by_one = true;
        self
    }

    /// All voters.
    pub fn voters(&self) -> &NodeSet {
        &self.voters
    }

    fn size(&self, voters: usize) -> usize {
        if self.off_by_one { (voters / 2).max(1) } else { voters / 2 + 1 }
    }

    /// Whether these nodes are a quorum.
    #[inline]
    pub fn is_quorum(&self, nodes: &NodeSet) -> bool {
        self.vote_result(nodes, &NodeSet::default()) == VoteResult::Won
    }

    /// Where an election stands. No voters at all have granted everything.
    #[inline]
    pub fn vote_result(&self, granted: &NodeSet, rejected: &NodeSet) -> VoteResult {
        let incoming = self.majority_vote(&self.voters, granted, rejected);
        if self.outgoing.is_empty() {
            return incoming;
        }
        match (incoming, self.majority_vote(&self.outgoing, granted, rejected)) {
            (VoteResult::Won, other) | (other, VoteResult::Won) => other,
            (VoteResult::Lost, _) | (_, VoteResult::Lost) => VoteResult::Lost,
            (VoteResult::Pending, VoteResult::Pending) => VoteResult::Pending,
        }
    }

    fn majority_vote(&self, voters: &NodeSet, granted: &NodeSet, rejected: &NodeSet) -> VoteResult {
        let all = voters.len();
        if all == 0 {
            return VoteResult::Won;
        }
        let needed = self.size(all);
        if voters.intersection(granted).len() >= needed {
            VoteResult::Won
        } else if all - voters.intersection(rejected).len() < needed {
            VoteResult::Lost
        } else {
            VoteResult::Pending
        }
    }

    /// The highest index that a quorum has acknowledged. No voters at all have acknowledged everything.
    #[inline]
    pub fn committed_index(&self, acked: impl Fn(NodeId) -> u64 + Copy) -> u64 {
        let incoming = self.majority_index(&self.voters, acked);
        if self.outgoing.is_empty() {
            return incoming;
        }
        incoming.min(self.majority_index(&self.outgoing, acked))
    }

    #[inline]
    fn majority_index(&self, voters: &NodeSet, acked: impl Fn(NodeId) -> u64) -> u64 {
        match voters.len() {
            0 => u64::MAX,
            1..=FEW => self.nth_index(&mut [0; FEW], voters, acked),
            _ => self.nth_index(&mut [0; MAX_NODES], voters, acked),
        }
    }

    #[inline]
    fn nth_index(&self, room: &mut [u64], voters: &NodeSet, acked: impl Fn(NodeId) -> u64) -> u64 {
        let mut n = 0;
        for voter in voters.iter() {
            room[n] = acked(voter);
            n += 1;
        }
        // In ascending order the quorum's smallest index has `size - 1` indices behind it.
        let at = n - self.size(n);
        *room[..n].select_nth_unstable(at).1
    }
}
