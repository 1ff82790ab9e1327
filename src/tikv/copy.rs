//! Copies of a node. The crate's object cannot be copied, but all that changes in it is public,
//! except for what its methods can be made to set. Between two inputs it has nothing to hand out,
//! so that there is little of that.

use std::collections::VecDeque;
use std::sync::Arc;

use tikv_raft::RawNode;
use tikv_raft::eraftpb::{Entry as CrateEntry, Snapshot as CrateSnapshot};

use super::node::Node;
use super::ready::{Held, Place};
use super::store::Store;

impl Clone for Node {
    fn clone(&self) -> Self {
        let mut held = self.held.clone();
        let kept = self.kept().clone();
        // Not less than what the log begins after, as with a snapshot that is not durable yet.
        let applied = self.raw.raft.raft_log.applied.max(kept.log().base().index);
        let mut raw = self.setup.build(kept, applied);
        if self.started {
            copy(&self.raw, &mut raw);
            learn(&mut raw, &mut held);
        }
        Self {
            setup: Arc::clone(&self.setup),
            raw,
            machine: self.machine.clone(),
            held,
            waiting: self.waiting.clone(),
            reads: self.reads.clone(),
            arriving: None, // only within a step
            panic: self.panic.clone(),
            ..*self
        }
    }
}

/// Copies what is public. The rest is settings, the same timeout for all, and counters that only
/// the crate's own ticks and limits use.
fn copy(from: &RawNode<Store>, to: &mut RawNode<Store>) {
    let (from, to) = (&from.raft, &mut to.raft);
    to.mut_prs().clone_from(from.prs());
    to.msgs.clone_from(&from.msgs);
    let (log, into) = (&from.r.raft_log, &mut to.r.raft_log);
    (into.committed, into.persisted, into.applied) = (log.committed, log.persisted, log.applied);
    into.unstable.offset = log.unstable.offset;
    let (from, to) = (&from.r, &mut to.r);
    (to.term, to.vote, to.state, to.leader_id) = (from.term, from.vote, from.state, from.leader_id);
    to.election_elapsed = from.election_elapsed;
    to.lead_transferee = from.lead_transferee;
    to.pending_conf_index = from.pending_conf_index;
    to.pending_request_snapshot = from.pending_request_snapshot;
    to.priority = from.priority;
    to.read_only.clone_from(&from.read_only);
    to.read_states.clone_from(&from.read_states);
}

/// Makes the copy remember what was handed out: the state as it is, and what is not durable yet.
/// These have other numbers than in the original.
fn learn(raw: &mut RawNode<Store>, held: &mut VecDeque<Held>) {
    let offset = raw.raft.raft_log.unstable.offset;
    hand_out(raw);
    for held in held {
        if let Some(snapshot) = held.snapshot {
            raw.raft.raft_log.unstable.snapshot = Some(stand_in(snapshot));
        }
        if let Some((index, term)) = held.entry {
            let unstable = &mut raw.raft.raft_log.unstable;
            unstable.offset = index;
            unstable.entries.push(CrateEntry { index, term, ..CrateEntry::default() });
        }
        held.number = hand_out(raw);
    }
    raw.raft.raft_log.unstable.offset = offset;
}

/// Takes a `Ready` that was handled before; its number.
fn hand_out(raw: &mut RawNode<Store>) -> u64 {
    let ready = raw.ready();
    let number = ready.number();
    raw.advance_append_async(ready);
    number
}

/// A snapshot of which the crate remembers only the place.
fn stand_in((index, term): Place) -> CrateSnapshot {
    let mut snapshot = CrateSnapshot::default();
    let about = snapshot.mut_metadata();
    (about.index, about.term) = (index, term);
    snapshot
}
