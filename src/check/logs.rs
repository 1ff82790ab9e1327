//! Log properties: entries that are appended, deleted and committed (§5.3, §5.4), and the log after
//! a crash.

use super::ledger::{Committed, Committer};
use super::prefixes::Holder;
use super::properties::Property;
use super::story::What;
use super::violation::{Breach, Place};
use super::witness::Promised;
use super::{Checks, print};
use crate::protocol::{NodeId, Role};
use crate::replica::{Entry, Replica};
use crate::sim::Time;

impl Checks {
    #[inline]
    pub(super) fn appended(
        &mut self,
        now: Time,
        id: NodeId,
        node: &impl Replica,
        first: u64,
        last: u64,
    ) {
        let head = node.log().head(last);
        let witness = &mut self.nodes[id.at()];
        let end = witness.last();
        witness.grow(node.log(), last, head.map(|(_, hash)| hash));
        if witness.role == Role::Leader {
            let term = witness.term;
            self.findings.checked(Property::LeaderAppendOnly);
            if first != end + 1 {
                self.leader_rewrote(now, id, term, first);
            }
        }
        if let Some(head) = head {
            self.match_prefixes(now, id, node, (first, last), head);
        }
    }

    /// Log Matching (Figure 3). If the last entry is known with the same term and hash, so are the
    /// entries before it.
    #[inline]
    pub(super) fn match_prefixes(
        &mut self,
        now: Time,
        id: NodeId,
        node: &impl Replica,
        (first, last): (u64, u64),
        (term, hash): (u64, u64),
    ) {
        let honest = self.is_honest(id);
        match self.prefixes.first(last, term) {
            Some(known) if known.hash == hash && (known.honest || !honest) => {
                self.findings.checked(Property::LogMatching);
            }
            None if first == last => {
                let Some(command) = node.log().command_at(last) else { return };
                let holder = Holder { hash, print: print(&command), node: id, honest };
                self.prefixes.insert(last, term, holder);
            }
            _ => (first..=last).for_each(|index| self.match_prefix(now, id, node, index)),
        }
    }

    /// Any two honest nodes with an entry must have the same entries before it.
    #[inline]
    fn match_prefix(&mut self, now: Time, id: NodeId, node: &impl Replica, index: u64) {
        let Some(entry) = node.log().get(index) else { return };
        let Entry { term, hash, command } = entry;
        let honest = self.is_honest(id);
        if self.prefixes.first(index, term).is_some() {
            self.findings.checked(Property::LogMatching);
        }
        let ours = Holder { hash, print: print(&command), node: id, honest };
        if let Some(other) = self.prefixes.note(index, term, ours) {
            self.logs_differ(now, node, index, ours, other);
        }
    }

    /// Once two logs differ their prefix hashes differ at every later entry: only the first is
    /// reported.
    #[cold]
    fn logs_differ(
        &mut self,
        now: Time,
        node: &impl Replica,
        index: u64,
        ours: Holder,
        other: Holder,
    ) {
        let honest = ours.honest && other.honest;
        let before = node.log().get(index - 1);
        if before.is_some_and(|e| self.prefixes.has_rival(index - 1, e.term, e.hash, honest)) {
            return;
        }
        let Some(Entry { term, command, .. }) = node.log().get(index) else { return };
        let breach = Breach::LogsDiffer { node: ours.node, other: other.node, index, term };
        self.violated(now, breach, honest, Some(command));
    }

    /// A node deletes entries because a leader's conflict with them (§5.3), never one that it has
    /// committed, and never as leader: "a leader never overwrites or deletes entries in its log"
    /// (Figure 3).
    pub(super) fn truncated(
        &mut self,
        now: Time,
        id: NodeId,
        node: &impl Replica,
        first: u64,
        last: u64,
    ) {
        self.remember(now, id, What::Truncated { first, last });
        self.findings.checked(Property::CommittedPrefix);
        let witness = &self.nodes[id.at()];
        let (role, term, kept) = (witness.role, witness.term, witness.kept);
        if role == Role::Leader {
            self.leader_rewrote(now, id, term, first);
        }
        if first <= kept {
            let hash = self.nodes[id.at()].hash_at(first);
            let entry = self.ledger.all(first).find(|entry| entry.hash == hash);
            let entry = entry.or(self.ledger.get(first));
            let (entry_term, command) = entry.map_or((0, None), |e| (e.term, e.command()));
            let place = Place { index: first, term: entry_term };
            let commit = kept.max(node.status().commit_index);
            let breach = Breach::CommittedDeleted { node: id, entry: place, commit };
            self.violated(now, breach, self.is_honest(id), command);
        }
        self.cut(id, first);
        let witness = &mut self.nodes[id.at()];
        witness.promised.index = witness.promised.index.min(first - 1);
        witness.kept = kept.min(first - 1);
        self.stays_in_log(now, id, node);
    }

    /// A node's log ends before `first` now.
    fn cut(&mut self, id: NodeId, first: u64) {
        let witness = &mut self.nodes[id.at()];
        self.reigns.cut(id, first, &witness.hashes);
        witness.hashes.truncate(first as usize - 1);
    }

    /// commitIndex must not exceed the last index of the log (Figure 2).
    fn stays_in_log(&mut self, now: Time, id: NodeId, node: &impl Replica) {
        let (commit, end) = (node.status().commit_index, node.log().last_index());
        if commit > end {
            let breach = Breach::CommitBeyondLog { node: id, commit, end };
            self.violated(now, breach, self.is_honest(id), None);
        }
    }

    #[cold]
    fn leader_rewrote(&mut self, now: Time, leader: NodeId, term: u64, index: u64) {
        let breach = Breach::LeaderRewrote { leader, term, index };
        self.violated(now, breach, self.is_honest(leader), None);
    }

    #[inline]
    pub(super) fn committed(
        &mut self,
        now: Time,
        id: NodeId,
        node: &impl Replica,
        first: u64,
        last: u64,
    ) {
        self.findings.checked(Property::CommitMonotonic);
        let witness = &mut self.nodes[id.at()];
        let commit = std::mem::replace(&mut witness.commit, last);
        let end = node.log().last_index();
        if first != commit + 1 || last < first || last > end {
            let breach = Breach::CommitJumped { node: id, commit, first, last, end };
            self.violated(now, breach, self.is_honest(id), None);
        }
        self.commit(now, id, node, first, last.min(end));
    }

    /// State Machine Safety: "if a server has applied a log entry at a given index to its state
    /// machine, no other server will ever apply a different log entry for the same index" (Figure
    /// 3).
    #[inline]
    pub(super) fn commit(
        &mut self,
        now: Time,
        id: NodeId,
        node: &impl Replica,
        first: u64,
        last: u64,
    ) {
        let witness = &mut self.nodes[id.at()];
        witness.kept = witness.kept.max(last);
        let known = last.min(self.ledger.last());
        let parted = witness.hash_at(known) != self.ledger.hash_at(known);
        if known >= first {
            self.findings.checked(Property::StateMachineSafety);
        }
        if (parted || self.ledger.is_torn()) && !self.is_at_one(now, id, node, last) {
            return;
        }
        let in_term = node.term();
        if !self.is_honest(id) {
            return self.claimed(now, id, node, last);
        }
        // Entries that only liars had committed count as new.
        let known = last.min(self.ledger.confirmed());
        if known < last {
            let by = Committer { node: id, at: self.next_stamp(now), in_term };
            self.ledger.confirm(node.log(), last, by);
        }
        self.ledger.reached(last, in_term);
        if self.ledger.has_hearsay() {
            self.hearsay_is_true(now, last);
        }
        if in_term < self.reigns.highest_term()
            && (known < last || self.ledger.get(last).is_some_and(|entry| entry.in_term > in_term))
        {
            self.committed_late(now, known, last, in_term);
        }
    }

    /// A liar commits.
    #[cold]
    fn claimed(&mut self, now: Time, id: NodeId, node: &impl Replica, last: u64) {
        let by = Committer { node: id, at: self.next_stamp(now), in_term: node.term() };
        self.ledger.extend(node.log(), last, by);
    }

    /// A node's history differs from the committed one, or other nodes' histories do. True if the
    /// node continues the committed one, which is so if only entries of liars differed.
    #[cold]
    fn is_at_one(&mut self, now: Time, id: NodeId, node: &impl Replica, last: u64) -> bool {
        let honest = self.is_honest(id);
        let end = if honest { self.ledger.confirmed() } else { self.ledger.last() };
        if let Some(index) = self.parts(id, last.min(end)) {
            if honest {
                self.commit_apart(now, id, node, index, last);
            } else {
                self.liar_parts(now, id, node, index, last.min(end));
            }
            return false;
        }
        if honest {
            self.overrule_liars(now, id, node, last);
            self.nodes[id.at()].apart = false;
            for index in self.ledger.confirmed() + 1..=last {
                self.meets_others(now, id, node, index);
            }
        }
        true
    }

    /// Replaces entries that only liars have committed by those of an honest node.
    fn overrule_liars(&mut self, now: Time, id: NodeId, node: &impl Replica, last: u64) {
        if let Some(index) = self.parts(id, last.min(self.ledger.last())) {
            self.liar_parts(now, id, node, index, index);
            self.remember_history(self.ledger.hashes(self.ledger.last()).collect());
            self.ledger.forget_from(index);
        }
    }

    /// The first index up to `end` at which a node's log differs from the committed sequence.
    fn parts(&self, id: NodeId, end: u64) -> Option<u64> {
        self.ledger.parting(end, |index| self.nodes[id.at()].hash_at(index))
    }

    /// A liar has another history, or an honest node has where only liars had committed.
    fn liar_parts(&mut self, now: Time, id: NodeId, node: &impl Replica, index: u64, known: u64) {
        let Some(entry) = self.ledger.get(index).copied() else { return };
        let term = node.log().term_at(index).unwrap_or(0);
        let place = Place { index, term: entry.term };
        let breach = Breach::CommittedTwo { node: id, term, entry: place, committer: entry.by };
        self.violated(now, breach, false, entry.command());
        let told = |index: &u64| self.ledger.get(*index).is_some_and(Committed::is_acknowledged);
        if let Some(index) = (index..=known).find(told)
            && let Some(entry) = self.ledger.get(index).copied()
        {
            let by = node.log().term_at(index).unwrap_or(0);
            let place = Place { index, term: entry.term };
            let breach = Breach::WriteReplaced { node: id, entry: place, by };
            self.violated(now, breach, false, entry.command());
        }
    }

    /// An honest node commits another history than that of the first honest nodes, from `first` on.
    fn commit_apart(&mut self, now: Time, id: NodeId, node: &impl Replica, first: u64, last: u64) {
        let in_term = node.term();
        let by = Committer { node: id, at: self.next_stamp(now), in_term };
        // A node that has committed an index in this term has committed all indices before it.
        let witness = &self.nodes[id.at()];
        let known = (first..=last)
            .rev()
            .find(|index| self.ledger.has_apart(*index, witness.hash_at(*index), in_term));
        for index in known.map_or(first, |known| known + 1)..=last {
            self.meets_others(now, id, node, index);
            let Some(mut committed) = self.entry(id, node, index, by) else { continue };
            committed.apart = self.nodes[id.at()].apart;
            let committed = self.ledger.set_apart(index, committed);
            if let Some(reign) = self.later_leader_without(index, &committed) {
                self.entry_lacked(now, &reign, index, committed);
                self.writes_lacked(now, &reign, index, index);
            }
        }
        if self.ledger.has_hearsay() {
            self.hearsay_is_true(now, last);
        }
        if first > 1 && in_term < self.reigns.highest_term() {
            self.committed_late(now, first - 1, first - 1, in_term);
        }
    }

    /// Compares an honest node's commit at an index with those of other honest nodes. The index at
    /// which two histories diverge is reported once, and each acknowledged write that one of them
    /// lacks.
    fn meets_others(&mut self, now: Time, id: NodeId, node: &impl Replica, index: u64) {
        let Some(said) = self.said(id, node, index) else { return };
        let (term, _) = said;
        let differs = |other: &&Committed| other.said() != said;
        let others: Vec<Committed> = self.ledger.all(index).filter(differs).copied().collect();
        let untold = others.iter().find(|other| !other.apart);
        if let Some(other) = untold
            && !self.nodes[id.at()].apart
        {
            let place = Place { index, term: other.term };
            let breach = Breach::CommittedTwo { node: id, term, entry: place, committer: other.by };
            self.violated(now, breach, true, other.command());
            self.nodes[id.at()].apart = true;
        }
        for other in others.iter().filter(|other| other.is_acknowledged()) {
            self.findings.checked(Property::AcknowledgedWriteLost);
            let replaced = Place { index, term: other.term };
            let breach = Breach::WriteReplaced { node: id, entry: replaced, by: term };
            self.write_lost(index, other);
            self.violated(now, breach, true, other.command());
        }
    }

    /// Term and fingerprint of an entry of a node's log, even if a snapshot covers it.
    fn said(&self, id: NodeId, node: &impl Replica, index: u64) -> Option<(u64, u32)> {
        match node.log().get(index) {
            Some(entry) => Some((entry.term, print(&entry.command))),
            None => self.prefixes.entry(index, self.nodes[id.at()].hash_at(index)),
        }
    }

    /// An entry of a node's log as the node commits it, even if a snapshot covers it.
    fn entry(
        &self,
        id: NodeId,
        node: &impl Replica,
        index: u64,
        by: Committer,
    ) -> Option<Committed> {
        match node.log().get(index) {
            Some(entry) => Some(Committed::new(&entry, by)),
            None => {
                let said = self.said(id, node, index)?;
                Some(Committed::covered(self.nodes[id.at()].hash_at(index), said, by))
            }
        }
    }

    /// A node took a snapshot: "just the committed entries in its log" (§7). If it differs from the
    /// commits of honest nodes its history is kept, since the node's log may change before the
    /// snapshot is installed.
    pub(super) fn covered(&mut self, now: Time, id: NodeId, node: &impl Replica, index: u64) {
        let hash = node.log().hash_at(index);
        self.snapshot_is_whole(now, id, node, index);
        let in_sequence = self.ledger.hash_at(index) == hash;
        if in_sequence && index <= self.ledger.confirmed() {
            return self.findings.checked(Property::SnapshotConsistency);
        }
        if self.is_honest(id) || !self.ledger.is_claimed(index, hash) {
            self.snapshot_holds(now, id, index, hash, None);
        }
        let history = self.nodes[id.at()].hashes.get(..index as usize).map(<[u64]>::to_vec);
        if let Some(history) = history.filter(|_| !in_sequence) {
            self.remember_history(history);
        }
    }

    fn remember_history(&mut self, history: Vec<u64>) {
        let goes_on = |known: &&mut Vec<u64>| history.get(known.len() - 1) == known.last();
        match self.snapshots.iter_mut().find(goes_on) {
            Some(known) => *known = history,
            None => self.snapshots.push(history),
        }
    }

    /// A leader's snapshot replaced a node's state and, from `first` on, its log.
    pub(super) fn installed(
        &mut self,
        now: Time,
        id: NodeId,
        node: &impl Replica,
        (first, index, hash): (u64, u64, u64),
    ) {
        self.remember(now, id, What::Installed { index });
        self.snapshot_is_whole(now, id, node, index);
        let (history, known) = self.history(id, first, (index, hash));
        self.snapshot_holds(now, id, index, hash, known.then_some(&history));
        let commit = self.nodes[id.at()].commit;
        if index <= commit {
            let breach = Breach::SnapshotOld { node: id, index, commit };
            self.violated(now, breach, self.is_honest(id), None);
        }
        if index < commit {
            let breach = Breach::CommitFell { node: id, from: commit, to: index };
            self.violated(now, breach, self.is_honest(id), None);
        }
        if first <= index {
            self.replaced(now, id, &history);
        }
        self.nodes[id.at()].commit = index;
        if known {
            self.commit_installed(now, id, node, index);
        }
    }

    /// The entries that a snapshot covers are committed by the node that installs it, if its
    /// history is known.
    fn commit_installed(&mut self, now: Time, id: NodeId, node: &impl Replica, index: u64) {
        let agrees = self.parts(id, self.ledger.confirmed().min(index)).is_none();
        if self.is_honest(id) && agrees {
            self.overrule_liars(now, id, node, index);
            let missing = self.ledger.last() + 1..=index;
            let by = Committer { node: id, at: self.next_stamp(now), in_term: node.term() };
            for index in missing {
                let unknown = || Committed::covered(self.nodes[id.at()].hash_at(index), (0, 0), by);
                let entry = self.entry(id, node, index, by).unwrap_or_else(unknown);
                self.ledger.push(entry);
            }
        }
        self.commit(now, id, node, index, index);
    }

    /// A snapshot replaced a log up to its last index: it must contain the node's commits.
    fn replaced(&mut self, now: Time, id: NodeId, history: &[u64]) {
        let witness = &self.nodes[id.at()];
        let same = witness.hashes.iter().zip(history).take_while(|(ours, its)| ours == its);
        let (commit, deleted) = (witness.kept, same.count() as u64 + 1);
        if deleted <= commit {
            let entry = self.ledger.get(deleted);
            let (term, command) = entry.map_or((0, None), |e| (e.term, e.command()));
            let entry = Place { index: deleted, term };
            let breach = Breach::CommittedDeleted { node: id, entry, commit };
            self.violated(now, breach, self.is_honest(id), command);
        }
        self.cut(id, deleted);
        let witness = &mut self.nodes[id.at()];
        witness.kept = witness.kept.min(deleted - 1);
        witness.promised.index = witness.promised.index.min(deleted - 1);
        witness.hashes.extend(&history[deleted as usize - 1..]);
    }

    /// The prefix hashes up to this one, and whether they are known: from the committed sequence,
    /// or from a log or a snapshot. Otherwise they are unknown from `first` on.
    fn history(&self, id: NodeId, first: u64, (index, hash): (u64, u64)) -> (Vec<u64>, bool) {
        if self.ledger.hash_at(index) == hash {
            return (self.ledger.hashes(index).collect(), true);
        }
        let logs = self.nodes.iter().map(|witness| &witness.hashes).chain(&self.snapshots);
        let mut known = logs.filter_map(|hashes| hashes.get(..index as usize));
        if let Some(known) = known.find(|hashes| hashes.last() == Some(&hash)) {
            return (known.to_vec(), true);
        }
        let witness = &self.nodes[id.at()];
        let before = (1..index).map(|at| if at < first { witness.hash_at(at) } else { 0 });
        (before.chain([hash]).collect(), false)
    }

    /// A snapshot holds a state that no damage has altered.
    fn snapshot_is_whole(&mut self, now: Time, id: NodeId, node: &impl Replica, index: u64) {
        if node.machine().is_altered() {
            let breach = Breach::SnapshotDiffers { node: id, index };
            self.violated(now, breach, self.is_honest(id), None);
        }
    }

    /// Whether a snapshot matches the commits of honest nodes, or entries that they may still
    /// commit.
    fn snapshot_holds(
        &mut self,
        now: Time,
        id: NodeId,
        index: u64,
        hash: u64,
        history: Option<&Vec<u64>>,
    ) {
        self.findings.checked(Property::SnapshotConsistency);
        let confirmed = self.ledger.confirmed();
        let may = |history: &Vec<u64>| {
            let same = |at: u64| at == 0 || history[at as usize - 1] == self.ledger.hash_at(at);
            index > confirmed && same(confirmed) && !self.ledger.is_torn()
        };
        if !self.ledger.has(index, hash) && !history.is_some_and(may) {
            let breach = Breach::SnapshotDiffers { node: id, index };
            self.violated(now, breach, self.is_honest(id), None);
        }
    }

    /// A node is down. Its disk must hold what its messages promised; other entries may be lost,
    /// even if they are committed elsewhere.
    pub(super) fn crashed(&mut self, now: Time, id: NodeId, node: &impl Replica) {
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
        self.cut(id, same + 1);
        if index > 0 {
            self.findings.checked(Property::DurablePromise);
            if same < index {
                let breach = Breach::EntryForgotten { node: id, index: same + 1 };
                self.violated(now, breach, honest, None);
            }
        }
        let witness = &mut self.nodes[id.at()];
        witness.extend(node.log(), node.log().last_index());
        witness.kept = witness.kept.min(same);
        witness.promised.index = witness.promised.index.min(same);
        (witness.role, witness.term, witness.commit) =
            (status.role, status.term, status.commit_index);
        witness.apart = false;
    }

    /// A node is down, and its disk broke its word: the node owes no more than what the disk holds,
    /// but its votes remain cast, and its acknowledgements were counted.
    pub(super) fn disk_lost(&mut self, id: NodeId, node: &impl Replica) {
        let status = node.status();
        let witness = &mut self.nodes[id.at()];
        let same = witness.common(node.log());
        let Promised { term, vote, index } = &mut witness.promised;
        *term = status.term.min(*term);
        *vote = vote.filter(|(term, candidate)| {
            *term < status.term || (*term, Some(*candidate)) == (status.term, status.voted_for)
        });
        *index = same.min(*index);
    }

    /// A node is down, and its disk holds something other than what was written.
    pub(super) fn corrupted(&mut self, now: Time, id: NodeId, node: &impl Replica) {
        let same = self.nodes[id.at()].common(node.log());
        self.crashed(now, id, node);
        let last = node.log().last_index();
        for index in same + 1..=last {
            self.match_prefix(now, id, node, index);
        }
    }

    /// A node lost its disk: it need not hold anything, but its votes remain cast.
    pub(super) fn wiped(&mut self, id: NodeId) {
        self.cut(id, 1);
        let witness = &mut self.nodes[id.at()];
        witness.promised = Promised::default();
        (witness.role, witness.term) = (Role::Follower, 0);
        (witness.commit, witness.kept) = (0, 0);
    }
}
