//! Leaders, terms and votes (§5.1, §5.2, §5.4.1).

use std::collections::BTreeSet;

use super::Checks;
use super::ledger::Committed;
use super::properties::Property;
use super::reigns::Reign;
use super::story::What;
use super::violation::{Breach, Place};
use crate::protocol::{NodeId, Role};
use crate::sim::Time;

impl Checks {
    /// "Current terms are exchanged whenever servers communicate" and only grow (§5.1).
    pub(super) fn role_changed(&mut self, now: Time, id: NodeId, role: Role, term: u64) {
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
            self.elected(now, id, term);
        }
    }

    /// A node becomes the leader of a term.
    pub(super) fn elected(&mut self, now: Time, id: NodeId, term: u64) {
        let (honest, last) = (self.is_honest(id), self.nodes[id.at()].last());
        let other = self.reigns.elect(term, id, honest, last);
        let Some(reign) = self.reigns.newest_of(term) else { return };
        self.leads_alone(now, reign, other);
        self.leads_completely(now, reign);
    }

    /// Election Safety: "at most one leader can be elected in a given term" (Figure 3).
    fn leads_alone(&mut self, now: Time, reign: Reign, other: Option<Reign>) {
        self.findings.checked(Property::ElectionSafety);
        if let Some(other) = other {
            let (term, first, second) = (reign.term, other.node, reign.node);
            let breach = Breach::TwoLeaders { term, first, second };
            self.violated(now, breach, reign.honest && other.honest, None);
        }
    }

    /// Leader Completeness: "if a log entry is committed in a given term, then that entry will be
    /// present in the logs of the leaders for all higher-numbered terms" (Figure 3). Lying leaders
    /// must have the commits of honest nodes, too.
    fn leads_completely(&mut self, now: Time, reign: Reign) {
        if let Some(end) = self.ledger.committed_before(reign.term) {
            self.findings.checked(Property::LeaderCompleteness);
            if let Some(index) = self.lacks(&reign, end) {
                self.leader_lacks(now, &reign, index);
            }
        }
        if let Some(end) = self.ledger.acked_before(reign.term) {
            self.findings.checked(Property::AcknowledgedWriteLost);
            if let Some(first) = self.lacks(&reign, end) {
                self.writes_lacked(now, &reign, first, end);
            }
        }
        if self.ledger.is_torn() {
            self.lacks_what_is_apart(now, &reign);
        }
    }

    /// The first index up to `end` at which a leader's log differs from the committed sequence.
    fn lacks(&self, reign: &Reign, end: u64) -> Option<u64> {
        self.ledger.parting(end, |index| self.reigns.hash_at(reign, index, &self.nodes))
    }

    /// Whether a leader's log holds an entry at its index, regardless of the entries before it.
    fn holds(&self, reign: &Reign, index: u64, entry: &Committed) -> bool {
        let hash = self.reigns.hash_at(reign, index, &self.nodes);
        let (term, said) = entry.said();
        hash == entry.hash || self.prefixes.print(index, term, hash) == Some(said)
    }

    /// The same if honest nodes committed different histories, of which a leader can have only one.
    #[cold]
    fn lacks_what_is_apart(&mut self, now: Time, reign: &Reign) {
        let owed = self.ledger.apart().filter(|(_, entry)| entry.in_term < reign.term);
        let lacked = |(index, entry): &(u64, &Committed)| !self.holds(reign, *index, entry);
        let lacked: Vec<_> = owed.filter(lacked).map(|(index, entry)| (index, *entry)).collect();
        let Some((index, entry)) = lacked.first() else { return };
        self.entry_lacked(now, reign, *index, *entry);
        let indices: BTreeSet<u64> = lacked.iter().map(|(index, _)| *index).collect();
        for index in indices {
            self.writes_lacked(now, reign, index, index);
        }
    }

    /// The acknowledged writes at these indices that a leader's log lacks: all are counted, the
    /// first is reported.
    #[cold]
    pub(super) fn writes_lacked(&mut self, now: Time, reign: &Reign, first: u64, last: u64) {
        let mut told = false;
        for index in first..=last {
            let lacked: Vec<Committed> = self
                .ledger
                .all(index)
                .filter(|entry| entry.is_acknowledged() && entry.in_term < reign.term)
                .filter(|entry| !self.holds(reign, index, entry))
                .copied()
                .collect();
            for entry in lacked {
                self.write_lost(index, &entry);
                if !std::mem::replace(&mut told, true) {
                    let Reign { node: leader, term: leader_term, .. } = *reign;
                    let place = Place { index, term: entry.term };
                    let breach = Breach::WriteLacked { leader, leader_term, entry: place };
                    self.violated(now, breach, true, entry.command());
                }
            }
        }
    }

    /// The converse: a node that does not know of newer terms commits entries that the leaders of
    /// these terms, past ones included, must have. Up to `known` other nodes had committed them
    /// before, in later terms.
    #[cold]
    pub(super) fn committed_late(&mut self, now: Time, known: u64, last: u64, in_term: u64) {
        let lowered = self.ledger.lower_term(known, in_term);
        for reign in self.reigns.after(in_term).to_vec() {
            self.findings.checked(Property::LeaderCompleteness);
            if let Some(index) = self.lacks(&reign, last) {
                self.leader_lacks(now, &reign, index);
                self.writes_lacked(now, &reign, index.max(lowered), known);
            }
        }
    }

    fn leader_lacks(&mut self, now: Time, reign: &Reign, index: u64) {
        if let Some(entry) = self.ledger.get(index).copied() {
            self.entry_lacked(now, reign, index, entry);
        }
    }

    pub(super) fn entry_lacked(&mut self, now: Time, reign: &Reign, index: u64, entry: Committed) {
        let Reign { node: leader, term: leader_term, .. } = *reign;
        let place = Place { index, term: entry.term };
        let (committer, in_term) = (entry.by, entry.in_term);
        let breach = Breach::LeaderLacks { leader, leader_term, entry: place, committer, in_term };
        self.violated(now, breach, true, entry.command());
    }

    /// A leader of a later term than the one in which an entry was committed that lacks the entry.
    pub(super) fn later_leader_without(&self, index: u64, entry: &Committed) -> Option<Reign> {
        let later = self.reigns.after(entry.in_term);
        later.iter().find(|reign| !self.holds(reign, index, entry)).copied()
    }

    /// A node voted.
    pub(super) fn voted(&mut self, now: Time, voter: NodeId, term: u64, candidate: NodeId) {
        let what = What::Voted { term, candidate };
        let last = self.nodes[voter.at()].moments.last();
        if !last.is_some_and(|last| last.what == what && last.stamp.time() == now) {
            self.remember(now, voter, what);
        }
    }

    /// A node sends a vote: "each server will vote for at most one candidate in a given term"
    /// (§5.2). A vote that was lost in a crash before it was sent does not count.
    #[inline]
    pub(super) fn vote(&mut self, now: Time, voter: NodeId, term: u64, candidate: NodeId) {
        self.findings.checked(Property::VoteOnce);
        let witness = &mut self.nodes[voter.at()];
        witness.promised.term = witness.promised.term.max(term);
        if let Some(first) = witness.vote(term, candidate) {
            if !self.is_honest(voter) {
                // A lie on the wire, of which the node itself knows nothing; a vote that it knows
                // of is noted as well, and remembered once ([`Checks::voted`]).
                self.remember(now, voter, What::Voted { term, candidate });
            }
            let breach = Breach::VotedTwice { node: voter, term, first, second: candidate };
            self.violated(now, breach, self.is_honest(voter), None);
        }
    }
}
