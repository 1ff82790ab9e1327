//! Leaders, terms and votes (5.1, 5.2, 5.4.1).

use super::Checks;
use super::properties::Property;
use super::story::What;
use super::violation::{Breach, Place};
use crate::protocol::{NodeId, Role};
use crate::raft::Node;
use crate::sim::Time;

/// Who was elected, by ascending term. Also at different times: a leader may be long gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaders {
    elected: Vec<(u64, NodeId)>,
}

impl Leaders {
    /// A node leads a term. The other one that did, if there was one.
    fn elect(&mut self, term: u64, node: NodeId) -> Option<NodeId> {
        let at = self.elected.partition_point(|(other, _)| *other < term);
        match self.elected.get(at) {
            Some((other, first)) if *other == term => Some(*first).filter(|f| *f != node),
            _ => {
                self.elected.insert(at, (term, node));
                None
            }
        }
    }

    /// The highest term that anybody leads or led.
    #[inline]
    pub(super) fn highest_term(&self) -> u64 {
        self.elected.last().map_or(0, |(term, _)| *term)
    }
}

impl Checks {
    /// "Current terms are exchanged whenever servers communicate" and only grow (5.1).
    pub(super) fn role_changed(
        &mut self,
        now: Time,
        id: NodeId,
        node: &Node,
        role: Role,
        term: u64,
    ) {
        self.findings.checked(Property::TermMonotonic);
        let witness = &mut self.nodes[id.at()];
        let from = witness.term;
        (witness.role, witness.term) = (role, term);
        self.remember(now, id, What::Became { role, term });
        if term < from {
            let breach = Breach::TermFell { node: id, from, to: term };
            self.violated(now, breach, self.is_honest(id), None);
        }
        if role == Role::Leader {
            self.lead_alone(now, id, term);
            self.lead_completely(now, id, node, term);
        }
    }

    /// Election Safety: "at most one leader can be elected in a given term" (Figure 3).
    pub(super) fn lead_alone(&mut self, now: Time, id: NodeId, term: u64) {
        self.findings.checked(Property::ElectionSafety);
        if let Some(first) = self.leaders.elect(term, id) {
            let honest = self.is_honest(id) && self.is_honest(first);
            let breach = Breach::TwoLeaders { term, first, second: id };
            self.violated(now, breach, honest, None);
        }
    }

    /// Leader Completeness: "if a log entry is committed in a given term, then that entry will be present
    /// in the logs of the leaders for all higher-numbered terms" (Figure 3).
    fn lead_completely(&mut self, now: Time, id: NodeId, node: &Node, term: u64) {
        if let Some(end) = self.ledger.committed_before(term) {
            self.findings.checked(Property::LeaderCompleteness);
            if !self.ledger.is_in(node.log(), end) {
                let index = self.ledger.parting(node.log(), end);
                self.leader_lacks(now, id, term, index);
            }
        }
        if let Some(end) = self.ledger.acked_before(term) {
            self.findings.checked(Property::AcknowledgedWriteLost);
            if !self.ledger.is_in(node.log(), end) {
                let from = self.ledger.parting(node.log(), end);
                let Some(index) = self.ledger.first_acked(from, end) else { return };
                let Some(entry) = self.ledger.get(index).copied() else { return };
                let place = Place { index, term: entry.term };
                let breach = Breach::WriteLacked { leader: id, leader_term: term, entry: place };
                self.violated(now, breach, entry.honest, Some(entry.command));
            }
        }
    }

    /// The same the other way round: a leader that was deposed and does not know it commits what the
    /// leaders of newer terms must have.
    pub(super) fn led_completely(&mut self, now: Time, end: u64, in_term: u64) {
        for leader in (0..self.nodes.len()).map(NodeId::from) {
            let witness = &self.nodes[leader.at()];
            if witness.role != Role::Leader || witness.term <= in_term {
                continue;
            }
            self.findings.checked(Property::LeaderCompleteness);
            let term = witness.term;
            if witness.hash_at(end) != self.ledger.hash_at(end) {
                let same = |index: &u64| witness.hash_at(*index) == self.ledger.hash_at(*index);
                let index = (1..end).rev().find(same).unwrap_or(0) + 1;
                self.leader_lacks(now, leader, term, index);
            }
        }
    }

    fn leader_lacks(&mut self, now: Time, leader: NodeId, leader_term: u64, index: u64) {
        let Some(entry) = self.ledger.get(index).copied() else { return };
        let place = Place { index, term: entry.term };
        let (committer, in_term) = (entry.by, entry.in_term);
        let breach = Breach::LeaderLacks { leader, leader_term, entry: place, committer, in_term };
        self.violated(now, breach, entry.honest, Some(entry.command));
    }

    /// A vote leaves a node: "each server will vote for at most one candidate in a given term" (5.2). A vote
    /// that a crash took before it left is none.
    #[inline]
    pub(super) fn vote(&mut self, now: Time, voter: NodeId, term: u64, candidate: NodeId) {
        self.findings.checked(Property::VoteOnce);
        let witness = &mut self.nodes[voter.at()];
        witness.promised.term = witness.promised.term.max(term);
        if let Some(first) = witness.vote(term, candidate) {
            let breach = Breach::VotedTwice { node: voter, term, first, second: candidate };
            self.violated(now, breach, self.is_honest(voter), None);
        }
    }
}
