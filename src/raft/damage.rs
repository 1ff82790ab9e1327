//! Damage on a node's disk, and what a node does that finds some: it does not know what it promised
//! there, so it neither votes nor stands for election until a leader has sent it what it lost
//! (Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018).

use std::sync::Arc;

use super::node::Node;
use super::snapshot::Snapshot;
use super::stable::{StableState, Write};
use crate::protocol::{Damage, Effects, Fingerprint as _, Found, NodeId, Part};
use crate::replica::log::Log;
use crate::replica::types::{Op, Value};

/// What a node knows to have lost.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Missing {
    /// The last index that its log had; 0 if its log is whole.
    until: u64,
    /// Its term then.
    term: u64,
    /// The term in which it may have voted, it does not know for which candidate; 0 if there is
    /// none.
    vote: u64,
}

impl Missing {
    /// A leader has sent what the log lacked.
    pub(super) fn log_is_whole(&mut self) {
        (self.until, self.term) = (0, 0);
    }
}

impl Node {
    /// Whether it must not vote in a term: it may have voted, or its log may lack entries that it
    /// had acknowledged.
    pub(super) fn abstains(&self, term: u64) -> bool {
        let Missing { until, vote, .. } = self.stable.missing();
        until > 0 || (vote > 0 && vote == term)
    }

    /// Whether its log may lack entries that it had acknowledged.
    #[inline]
    pub(super) fn lacks_entries(&self) -> bool {
        self.stable.missing().until > 0
    }

    /// The log agrees with the leader's up to an index. It is whole again if it reaches as far as
    /// before; or if it holds everything that the leader has committed, and both an entry of its
    /// own term and everything from before this node's loss is among that (§5.4).
    #[inline(never)] // rare
    pub(super) fn repair<E: Effects<Self>>(&mut self, verified: u64, commit: u64, fx: &mut E) {
        let Missing { until, term, .. } = self.stable.missing();
        let own = self.term() > term && self.log().term_at(commit) == Some(self.term());
        if verified >= until || (commit <= verified && own) {
            self.stable.repaired();
            fx.write(|| Write::Repaired);
        }
    }
}

impl StableState {
    /// Index and fingerprint of a part that can be damaged: for entries, of the one at this index
    /// or of a random one.
    pub(super) fn part(&self, part: Part, index: Option<u64>, draw: u64) -> Option<(u64, u64)> {
        match part {
            Part::Entry => {
                let log = self.log();
                let random = || Some(log.base().index + 1 + draw.checked_rem(log.len() as u64)?);
                let index = index.or_else(random)?;
                log.get(index).map(|entry| (index, entry.hash))
            }
            Part::Vote => self.vote().map(|vote| (self.term(), vote.fingerprint())),
            Part::Snapshot => self.snapshot().map(|last| (last.base.index, last.base.hash)),
        }
    }

    /// What a node reads after damage; false if the damaged part is no longer there, or is as it
    /// was.
    pub(super) fn read_damaged(&mut self, damage: &Damage) -> bool {
        let Damage { part, index, print, found, nodes } = *damage;
        if self.part(part, Some(index), 0) != Some((index, print)) {
            return false;
        }
        if found == Found::Never {
            return match part {
                Part::Entry => self.alter_entry(index),
                Part::Vote => self.alter_vote(nodes),
                Part::Snapshot => self.alter_snapshot(),
            };
        }
        if found == Found::AsDamage {
            self.note_missing(part);
        }
        match part {
            Part::Entry => self.truncate(index - 1),
            Part::Vote => self.set_ballot(self.term(), None),
            Part::Snapshot => self.lose_snapshot(),
        }
        true
    }

    fn note_missing(&mut self, part: Part) {
        let (term, last) = (self.term(), self.log().last_index());
        let missing = self.missing_mut();
        if part == Part::Vote {
            missing.vote = term;
        } else {
            (missing.until, missing.term) = (missing.until.max(last), term);
        }
    }

    /// The value of an entry is another one; false if it has none.
    fn alter_entry(&mut self, index: u64) -> bool {
        let op = match self.log().command_at(index).map(|command| command.op) {
            Some(Op::Put { key, value }) => Op::Put { key, value: another(value) },
            Some(Op::Cas { key, expected, value }) => {
                Op::Cas { key, expected, value: another(value) }
            }
            Some(Op::Append { key, value }) => Op::Append { key, value: another(value) },
            Some(Op::Noop | Op::Get { .. } | Op::Config(_)) | None => return false,
        };
        self.log_mut().alter(index, op);
        true
    }

    /// The vote was for the next node; false if there is no other.
    fn alter_vote(&mut self, nodes: usize) -> bool {
        let next = |vote: NodeId| NodeId::from((vote.at() + 1) % nodes);
        let vote = self.vote();
        self.set_ballot(self.term(), vote.map(next));
        self.vote() != vote
    }

    /// The values in the snapshot are other ones; false if it has none.
    fn alter_snapshot(&mut self) -> bool {
        let Some(snapshot) = self.snapshot().cloned() else { return false };
        let mut machine = snapshot.machine.clone();
        if !machine.alter(another) {
            return false;
        }
        let Snapshot { base, members, .. } = *snapshot;
        self.replace_snapshot(Arc::new(Snapshot { base, machine, members }));
        true
    }

    /// The state up to the snapshot's last index is lost, and with it the entries after it, unless
    /// the log begins with the first entry.
    fn lose_snapshot(&mut self) {
        let log = std::mem::take(self.log_mut());
        let log = if log.base().index > 0 { Log::default() } else { log };
        self.replace_log(log);
    }
}

/// Another value.
fn another(value: Value) -> Value {
    Value::int(value.decode().unwrap_or_else(|number| number ^ 1))
}
