//! What clients were told: acknowledged writes, commands applied once, reads (paper 8, dissertation 6).

use std::collections::BTreeMap;

use super::Checks;
use super::properties::Property;
use super::violation::{Breach, Place};
use crate::protocol::{NodeId, OpId, ReadPath};
use crate::raft::{Node, Op, Output, Request};
use crate::sim::Time;

/// What clients know.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    /// The highest index that any client was told of: that of its write, or of the state that it read.
    known: u64,
    /// The reads whose answer may yet come.
    reads: BTreeMap<OpId, Asked>,
    /// By client, the commands of its session by ascending serial number.
    effects: Vec<Vec<Effect>>,
    stale_local: u64,
}

/// A read, when it was first asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// What some client knew then.
    known: u64,
    /// Whether it asked for whatever a node has applied.
    local: bool,
}

/// Where a command took effect.
#[derive(Clone, Copy, Debug)]
struct Effect {
    seq: u32,
    index: u64,
    /// Hash of the log up to there: the history in which it did.
    hash: u64,
}

impl Clients {
    /// The log's order is the order of linearization: a read must show at least what any client knew when
    /// it was first asked for. Asked again it may still be answered for the first time.
    #[inline]
    pub(super) fn invoked(&mut self, op: OpId, request: &Request) {
        let local = match request {
            Request::Read { via, .. } => *via == ReadPath::Local,
            Request::Write(command) if matches!(command.op, Op::Get { .. }) => false,
            _ => return,
        };
        self.reads.entry(op).or_insert(Asked { known: self.known, local });
    }

    /// An operation ended. By hand (client 0) it may be asked for again under its old name.
    pub(super) fn ended(&mut self, op: OpId, client: u32) {
        if client != 0 {
            self.reads.remove(&op);
        }
    }

    pub(super) fn stale_local_reads(&self) -> u64 {
        self.stale_local
    }

    /// Where a command took effect before, or `None` if this is the first time.
    #[inline]
    fn effect(&mut self, client: u32, effect: Effect) -> Option<Effect> {
        let at = client as usize;
        if self.effects.len() <= at {
            self.effects.resize_with(at + 1, Vec::new);
        }
        let effects = &mut self.effects[at];
        let newest = effects.last().is_none_or(|last| last.seq < effect.seq);
        if newest {
            effects.push(effect);
            return None;
        }
        let place = effects.partition_point(|other| other.seq < effect.seq);
        match effects.get(place) {
            Some(other) if other.seq == effect.seq => Some(*other),
            _ => {
                effects.insert(place, effect);
                None
            }
        }
    }
}

impl Checks {
    /// A command with a session was applied and touched the store. Every node applies the same log, so each
    /// does so at the same index; two indices in one history are two effects.
    #[inline]
    pub(super) fn took_effect(
        &mut self,
        now: Time,
        id: NodeId,
        node: &Node,
        (client, seq): (u32, u32),
        index: u64,
    ) {
        let hash = node.log().hash_at(index);
        let Some(first) = self.clients.effect(client, Effect { seq, index, hash }) else { return };
        self.findings.checked(Property::SessionOnce);
        if first.index != index && self.nodes[id.at()].hash_at(first.index) == first.hash {
            let command = node.log().command_at(index);
            let (first, second) = (first.index.min(index), first.index.max(index));
            let breach = Breach::TookEffectTwice { node: id, client, seq, first, second };
            self.violated(now, breach, self.is_honest(id), command);
        }
    }

    #[inline]
    pub(super) fn answered(
        &mut self,
        now: Time,
        op: OpId,
        client: u32,
        node: NodeId,
        output: &Output,
    ) {
        match *output {
            Output::Written { index, term, .. } => self.written(now, node, Place { index, term }),
            Output::Read { index, hash, .. } => {
                if let Some(asked) = self.clients.reads.get(&op).copied() {
                    self.read(now, node, asked, index, hash);
                }
            }
            Output::Done => {}
        }
        self.clients.ended(op, client);
    }

    /// A write is acknowledged when its entry is committed (5.3), not before.
    #[inline]
    fn written(&mut self, now: Time, node: NodeId, entry: Place) {
        self.findings.checked(Property::AcknowledgedWriteLost);
        if self.ledger.acknowledge(entry.index, entry.term) {
            self.clients.known = self.clients.known.max(entry.index);
        } else {
            let breach = Breach::ToldTooEarly { node, entry };
            self.violated(now, breach, self.is_honest(node), None);
        }
    }

    /// "a read must not return stale data" (8): its index is at least what was known, and what it shows up
    /// to there is what was committed.
    fn read(&mut self, now: Time, node: NodeId, asked: Asked, index: u64, hash: u64) {
        let Asked { known, local } = asked;
        if known > 0 {
            self.findings.checked(Property::LinearizableReads);
        }
        let committed = index <= self.ledger.last() && self.ledger.hash_at(index) == hash;
        if !committed {
            let breach = Breach::ReadUncommitted { node, index };
            return self.violated(now, breach, self.is_honest(node), None);
        }
        self.clients.known = self.clients.known.max(index);
        if index >= known {
            return;
        }
        if local {
            self.clients.stale_local += 1;
        }
        if !(local && self.options.allow_stale_local) {
            let breach = Breach::ReadStale { node, index, known };
            let command = self.ledger.get(known).map(|entry| entry.command);
            self.violated(now, breach, self.is_honest(node), command);
        }
    }
}
