//! Entries: appended, deleted, committed (5.3, 5.4), and what a crash leaves of them.

use super::prefixes::Holder;
use super::properties::Property;
use super::story::What;
use super::violation::{Breach, Place};
use super::witness::Promised;
use super::{Checks, Rank};
use crate::protocol::{NodeId, Protocol, Role};
use crate::raft::Node;
use crate::sim::Time;

impl Checks {
    #[inline]
    pub(super) fn appended(&mut self, now: Time, id: NodeId, node: &Node, first: u64, last: u64) {
        let witness = &mut self.nodes[id.at()];
        let end = witness.last();
        witness.extend(node.log(), last);
        if witness.role == Role::Leader {
            let term = witness.term;
            self.findings.checked(Property::LeaderAppendOnly);
            if first != end + 1 {
                self.leader_rewrote(now, id, term, first);
            }
        }
        self.match_prefixes(now, id, node, first, last);
    }

    /// Log Matching (Figure 3). If the last entry is known with the same hash, so are those before it.
    #[inline]
    pub(super) fn match_prefixes(
        &mut self,
        now: Time,
        id: NodeId,
        node: &Node,
        first: u64,
        last: u64,
    ) {
        let Some(newest) = node.log().get(last) else { return };
        match self.prefixes.get(last, newest.term) {
            Some(known) if known.hash == newest.hash => {
                self.findings.checked(Property::LogMatching);
            }
            _ => (first..=last).for_each(|index| self.match_prefix(now, id, node, index)),
        }
    }

    #[inline]
    fn match_prefix(&mut self, now: Time, id: NodeId, node: &Node, index: u64) {
        let Some(entry) = node.log().get(index) else { return };
        let ours = Holder { hash: entry.hash, node: id };
        let Some(known) = self.prefixes.get(index, entry.term) else {
            return self.prefixes.set(index, entry.term, ours);
        };
        self.findings.checked(Property::LogMatching);
        if known.hash == ours.hash {
            return;
        }
        // Once two logs differ every entry behind differs: only the first is told.
        let before = index - 1;
        let agreed = node.log().get(before).is_none_or(|entry| {
            self.prefixes.get(before, entry.term).is_some_and(|known| known.hash == entry.hash)
        });
        if agreed {
            let (other, term) = (known.node, entry.term);
            let honest = self.is_honest(id) && self.is_honest(other);
            let breach = Breach::LogsDiffer { node: id, other, index, term };
            self.violated(now, breach, honest, Some(entry.command));
        }
        if self.is_honest(id) && !self.is_honest(known.node) {
            self.prefixes.set(index, entry.term, ours);
        }
    }

    /// A node deletes entries because a leader's conflict with them (5.3), never one that it has committed,
    /// and never as leader: "a leader never overwrites or deletes entries in its log" (Figure 3).
    pub(super) fn truncated(&mut self, now: Time, id: NodeId, node: &Node, first: u64, last: u64) {
        self.remember(now, id, What::Truncated { first, last });
        self.findings.checked(Property::CommittedPrefix);
        let witness = &mut self.nodes[id.at()];
        witness.hashes.truncate(first as usize - 1);
        witness.promised.index = witness.promised.index.min(first - 1);
        let (role, term, kept) = (witness.role, witness.term, witness.kept);
        witness.kept = kept.min(first - 1);
        if role == Role::Leader {
            self.leader_rewrote(now, id, term, first);
        }
        if first <= kept {
            let entry = self.ledger.get(first);
            let (entry_term, command) = entry.map_or((0, None), |e| (e.term, Some(e.command)));
            let place = Place { index: first, term: entry_term };
            let commit = kept.max(node.status().commit_index);
            let breach = Breach::CommittedDeleted { node: id, entry: place, commit };
            self.violated(now, breach, self.is_honest(id), command);
        }
    }

    #[cold]
    fn leader_rewrote(&mut self, now: Time, leader: NodeId, term: u64, index: u64) {
        let breach = Breach::LeaderRewrote { leader, term, index };
        self.violated(now, breach, self.is_honest(leader), None);
    }

    #[inline]
    pub(super) fn committed(&mut self, now: Time, id: NodeId, node: &Node, first: u64, last: u64) {
        self.findings.checked(Property::CommitMonotonic);
        let commit = self.nodes[id.at()].commit;
        let end = node.log().last_index();
        if first != commit + 1 || last < first || last > end {
            let breach = Breach::CommitJumped { node: id, commit, first, last, end };
            self.violated(now, breach, self.is_honest(id), None);
        }
        self.commit(now, id, node, first, last.min(end));
    }

    /// State Machine Safety: "if a server has applied a log entry at a given index to its state machine, no
    /// other server will ever apply a different log entry for the same index" (Figure 3).
    #[inline]
    pub(super) fn commit(&mut self, now: Time, id: NodeId, node: &Node, first: u64, last: u64) {
        let witness = &mut self.nodes[id.at()];
        witness.commit = last;
        witness.kept = witness.kept.max(last);
        let honest = self.is_honest(id);
        let known = last.min(self.ledger.last());
        if known >= first {
            self.findings.checked(Property::StateMachineSafety);
        }
        if node.log().hash_at(known) != self.ledger.hash_at(known)
            && !self.takes_back(now, id, node, first, known)
        {
            return;
        }
        let in_term = node.term();
        self.ledger.extend(now, node.log(), last, id, Rank { in_term, honest });
        if honest {
            self.ledger.confirm(now, last, id, in_term);
            if in_term < self.leaders.highest_term() && known < last {
                self.led_completely(now, last, in_term);
            }
        }
    }

    /// A node's history parts from the committed one. True if that was only a liar's, and is taken back.
    #[cold]
    fn takes_back(&mut self, now: Time, id: NodeId, node: &Node, first: u64, known: u64) -> bool {
        let index = self.ledger.parting(node.log(), known);
        let Some(entry) = self.ledger.get(index).copied() else { return false };
        let term = node.log().term_at(index).unwrap_or(0);
        let honest = self.is_honest(id);
        let place = Place { index, term: entry.term };
        let breach = Breach::CommittedTwo { node: id, term, entry: place, committer: entry.by };
        self.violated(now, breach, honest && entry.honest, Some(entry.command));
        if honest && !entry.honest {
            self.ledger.forget_from(index);
            return true;
        }
        self.findings.checked(Property::AcknowledgedWriteLost);
        if let Some(lost) = self.ledger.first_acked(index.max(first), known)
            && let Some(entry) = self.ledger.get(lost).copied()
        {
            let by = node.log().term_at(lost).unwrap_or(0);
            let place = Place { index: lost, term: entry.term };
            let breach = Breach::WriteReplaced { node: id, entry: place, by };
            self.violated(now, breach, honest && entry.honest, Some(entry.command));
        }
        false
    }

    /// A node took a snapshot: "just the committed entries in its log" (7).
    pub(super) fn covered(&mut self, now: Time, id: NodeId, node: &Node, index: u64) {
        self.snapshot_holds(now, id, index, node.log().hash_at(index));
    }

    /// A leader's snapshot took the place of a node's state and, from `first` on, of its log.
    pub(super) fn installed(&mut self, now: Time, id: NodeId, first: u64, index: u64, hash: u64) {
        self.remember(now, id, What::Installed { index });
        self.snapshot_holds(now, id, index, hash);
        let commit = self.nodes[id.at()].commit;
        if index <= commit {
            let breach = Breach::SnapshotOld { node: id, index, commit };
            self.violated(now, breach, self.is_honest(id), None);
        }
        let witness = &mut self.nodes[id.at()];
        if first <= index {
            witness.replace(first, self.ledger.hashes(index));
        }
        witness.commit = index;
        witness.kept = witness.kept.max(index);
    }

    fn snapshot_holds(&mut self, now: Time, id: NodeId, index: u64, hash: u64) {
        self.findings.checked(Property::SnapshotConsistency);
        if index > self.ledger.last() || hash != self.ledger.hash_at(index) {
            let breach = Breach::SnapshotDiffers { node: id, index };
            self.violated(now, breach, self.is_honest(id), None);
        }
    }

    /// A node is down. Its disk must hold what its messages promised; the rest may be gone, committed
    /// elsewhere or not.
    pub(super) fn crashed(&mut self, now: Time, id: NodeId, node: &Node) {
        let honest = self.is_honest(id);
        let status = node.status();
        let Promised { term, vote, index } = self.nodes[id.at()].promised;
        self.findings.checked(Property::TermMonotonic);
        if status.term < term {
            let breach = Breach::TermFell { node: id, from: term, to: status.term };
            self.violated(now, breach, honest, None);
        }
        if let Some((term, candidate)) = vote.filter(|(term, _)| *term == status.term) {
            self.findings.checked(Property::DurablePromise);
            if status.voted_for != Some(candidate) {
                let breach = Breach::VoteForgotten { node: id, term, candidate };
                self.violated(now, breach, honest, None);
            }
        }
        let same = self.nodes[id.at()].common(node.log());
        if index > 0 {
            self.findings.checked(Property::DurablePromise);
            if same < index {
                let breach = Breach::EntryForgotten { node: id, index: same + 1 };
                self.violated(now, breach, honest, None);
            }
        }
        let witness = &mut self.nodes[id.at()];
        witness.see(node.log());
        witness.kept = witness.kept.min(same);
        witness.promised.index = witness.promised.index.min(same);
        (witness.role, witness.term, witness.commit) =
            (status.role, status.term, status.commit_index);
    }

    /// A new disk promises nothing. What left the node before stays with those who received it.
    pub(super) fn wiped(&mut self, id: NodeId) {
        let witness = &mut self.nodes[id.at()];
        witness.hashes.clear();
        witness.promised = Promised::default();
        (witness.role, witness.term) = (Role::Follower, 0);
        (witness.commit, witness.kept) = (0, 0);
    }
}
