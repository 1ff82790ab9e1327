//! The properties that must hold in every run with all rules (Figure 3, and the guarantees for
//! clients).

use std::collections::{BTreeMap, BTreeSet};

use raftlab::protocol::{NodeId, OpId, Role};
use raftlab::raft::Node;
use raftlab::replica::{Entry, ReplicaNote};

use super::names::name;

/// Sees the changes of all nodes, and reports the properties that they violate.
#[derive(Clone, Default)]
pub struct Oracle {
    leaders: BTreeMap<u64, NodeId>,
    /// By index: the node that committed it first, the term, and the entry.
    committed: BTreeMap<u64, (NodeId, u64, Entry)>,
    applied: BTreeSet<(NodeId, u32, u32)>,
    /// The highest index that was acknowledged to a client.
    acknowledged: u64,
    /// The value of `acknowledged` when a read began.
    reads: BTreeMap<OpId, u64>,
    broken: Vec<String>,
}

impl Oracle {
    /// Takes the violations since the last call.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.broken)
    }

    pub fn noted(&mut self, id: NodeId, node: &Node, note: ReplicaNote) {
        match note {
            ReplicaNote::Role { role: Role::Leader, term, .. } => self.leads(id, node, term),
            ReplicaNote::Committed { first, last } => self.commits(id, node, first..=last),
            ReplicaNote::Session { client, seq, fresh: true, .. }
                if !self.applied.insert((id, client, seq)) =>
            {
                let said = format!("{} applied #{seq} of client {client} twice", name(id));
                self.breaks("exactly once", &said);
            }
            _ => {}
        }
    }

    /// Election Safety and Leader Completeness.
    fn leads(&mut self, id: NodeId, node: &Node, term: u64) {
        let first = *self.leaders.entry(term).or_insert(id);
        if first != id {
            let said = format!("{} and {} lead term {term}", name(first), name(id));
            self.breaks("Election Safety", &said);
        }
        // The hash of an entry covers all entries before it.
        let log = node.log();
        let mut kept = self.committed.range(log.base().index..);
        let lost = kept.find(|(index, (_, committed_in, entry))| {
            *committed_in < term && log.hash_at(**index) != entry.hash
        });
        if let Some((index, (.., entry))) = lost {
            let lacks = format!("{index}:{}", entry.term);
            let said = format!("{} leads without {lacks}, which is committed", name(id));
            self.breaks("Leader Completeness", &said);
        }
    }

    /// State Machine Safety and Log Matching.
    pub fn commits(&mut self, id: NodeId, node: &Node, indices: impl Iterator<Item = u64>) {
        for index in indices {
            let Some(entry) = node.log().get(index) else { continue };
            let news = (id, node.term(), entry);
            let (by, _, first) = *self.committed.entry(index).or_insert(news);
            let (term, of, here, there) = (entry.term, first.term, name(id), name(by));
            if (term, entry.command) != (of, first.command) {
                let said = format!("{here} applies {index}:{term}, {there} applied {index}:{of}");
                self.breaks("State Machine Safety", &said);
            } else if entry.hash != first.hash {
                let said = format!("{here} and {there} have {index}:{term} after different logs");
                self.breaks("Log Matching", &said);
            }
        }
    }

    /// The state of the state machine is volatile.
    pub fn crashed(&mut self, id: NodeId) {
        self.applied.retain(|(node, ..)| *node != id);
    }

    pub fn acknowledged(&mut self, index: u64) {
        self.acknowledged = self.acknowledged.max(index);
    }

    pub fn invoked(&mut self, op: OpId, fresh: bool) {
        self.reads.insert(op, if fresh { self.acknowledged } else { 0 });
    }

    pub fn read(&mut self, op: OpId, index: u64) {
        let known = self.reads.get(&op).copied().unwrap_or_default();
        if index < known {
            let said = format!("a read as of {index} came after {known} had been acknowledged");
            self.breaks("linearizable reads", &said);
        }
    }

    fn breaks(&mut self, property: &str, how: &str) {
        self.broken.push(format!("BROKEN {property}: {how}"));
    }
}
