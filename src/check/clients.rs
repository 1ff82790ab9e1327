//! Client properties: acknowledged writes, commands applied once, reads (paper §8, diss. §6).

use std::collections::BTreeMap;

use super::Checks;
use super::ledger::{Committed, Written};
use super::properties::Property;
use super::violation::{Breach, Place};
use crate::protocol::{NodeId, OpId, ReadPath};
use crate::replica::{Op, Output, Replica, Request};
use crate::sim::Time;

/// The knowledge of clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    /// The states that any client knows from an acknowledged write or a read. Answers of liars
    /// count only once an honest node has committed the same.
    known: Known,
    /// The reads whose answers may still arrive.
    reads: BTreeMap<OpId, Asked>,
    /// The effects of each client's commands, by ascending serial number.
    effects: Vec<Vec<Effect>>,
    /// Further effects of a command, by client and serial number: in another history, or a second
    /// time.
    elsewhere: BTreeMap<(u32, u32), Vec<Effect>>,
    stale_local: u64,
    lost_writes: u64,
}

/// The states that clients know.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The highest known index of the committed sequence.
    index: u64,
    /// If honest nodes committed different histories: index and hash of known states outside the
    /// sequence.
    apart: Vec<(u64, u64)>,
}

/// A read, at the time of its first request.
#[derive(Clone, Debug)]
struct Asked {
    /// What any client knew then.
    known: Known,
    /// Whether it is a local read.
    local: bool,
}

/// Where a command took effect.
#[derive(Clone, Copy, Debug)]
struct Effect {
    seq: u32,
    index: u64,
    /// Hash of the log up to there, which identifies the history.
    hash: u64,
}

impl Clients {
    /// A read begins. The order of the log is the order of linearization: a read must return at
    /// least the state that any client knew at its first request. After a retry, the first request
    /// may still be answered.
    #[inline]
    pub(super) fn invoked(&mut self, op: OpId, request: &Request) {
        let local = match request {
            Request::Read { via, .. } => *via == ReadPath::Local,
            Request::Write(command) if matches!(command.op, Op::Get { .. }) => false,
            _ => return,
        };
        let known = &self.known;
        self.reads.entry(op).or_insert_with(|| Asked { known: known.clone(), local });
    }

    /// A client knows the committed sequence up to an index.
    #[inline]
    pub(super) fn knows(&mut self, index: u64) {
        self.known.index = self.known.index.max(index);
    }

    fn knows_apart(&mut self, index: u64, hash: u64) {
        if !self.known.apart.contains(&(index, hash)) {
            self.known.apart.push((index, hash));
        }
    }

    /// The number of acknowledged writes that were lost.
    pub(super) fn lost_writes(&self) -> u64 {
        self.lost_writes
    }

    /// An operation ended. One by hand (client 0) may be retried under the same id.
    pub(super) fn ended(&mut self, op: OpId, client: u32) {
        if client != 0 {
            self.reads.remove(&op);
        }
    }

    pub(super) fn stale_local_reads(&self) -> u64 {
        self.stale_local
    }

    /// Where a command first took effect, or `None` if this is the first time.
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
    /// A command with a session was applied and changed the store. Every node applies it at the
    /// same index of the same log; two indices in one history are two effects.
    #[inline]
    pub(super) fn took_effect(
        &mut self,
        now: Time,
        id: NodeId,
        node: &impl Replica,
        (client, seq): (u32, u32),
        index: u64,
    ) {
        let effect = Effect { seq, index, hash: node.log().hash_at(index) };
        let Some(first) = self.clients.effect(client, effect) else { return };
        self.findings.checked(Property::SessionOnce);
        if (first.index, first.hash) != (index, effect.hash) || !self.clients.elsewhere.is_empty() {
            self.took_effect_again(now, id, node, client, effect, first);
        }
    }

    /// The command took effect before, at another index or in another history.
    #[cold]
    fn took_effect_again(
        &mut self,
        now: Time,
        id: NodeId,
        node: &impl Replica,
        client: u32,
        effect: Effect,
        first: Effect,
    ) {
        let Effect { seq, index, hash } = effect;
        let elsewhere = self.clients.elsewhere.get(&(client, seq)).into_iter().flatten();
        let before: Vec<Effect> = [first].into_iter().chain(elsewhere.copied()).collect();
        if !before.iter().any(|other| (other.index, other.hash) == (index, hash)) {
            self.clients.elsewhere.entry((client, seq)).or_default().push(effect);
        }
        let witness = &self.nodes[id.at()];
        let here =
            |other: &&Effect| other.index != index && witness.hash_at(other.index) == other.hash;
        if let Some(other) = before.iter().find(here) {
            let command = node.log().command_at(index);
            let (first, second) = (other.index.min(index), other.index.max(index));
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
                if let Some(asked) = self.clients.reads.get(&op).cloned() {
                    self.read(now, node, asked, index, hash);
                }
            }
            Output::Done => {}
        }
        self.clients.ended(op, client);
    }

    /// A write is acknowledged when its entry is committed (§5.3), not before.
    #[inline]
    fn written(&mut self, now: Time, node: NodeId, entry: Place) {
        self.findings.checked(Property::AcknowledgedWriteLost);
        let (index, hash) = (entry.index, self.nodes[node.at()].hash_at(entry.index));
        let known = self.ledger.get(index).filter(|known| known.hash == hash);
        let known = known.filter(|_| index <= self.ledger.confirmed());
        let Some(in_term) = known.map(|known| known.in_term) else {
            return self.written_apart(now, node, entry, hash);
        };
        self.ledger.acknowledge(index, hash);
        self.clients.knows(index);
        if in_term < self.reigns.highest_term() || self.ledger.is_torn() {
            self.owed(now, index, hash);
        }
    }

    /// The same if the history is not the committed one: the entry may still be committed in the
    /// other one.
    #[cold]
    fn written_apart(&mut self, now: Time, node: NodeId, entry: Place, hash: u64) {
        let Place { index, term } = entry;
        let printed = self.prefixes.print(index, term, hash);
        if self.ledger.has(index, hash) {
            self.clients.knows_apart(index, hash);
        } else {
            self.ledger.hear(index, hash, printed.map(|printed| (term, printed)));
        }
        let is_it = |other: &&Committed| Some(other.said()) == printed.map(|print| (term, print));
        let held = self.ledger.all(index).find(|other| other.hash == hash);
        let held = held.or_else(|| self.ledger.all(index).find(is_it)).map(|held| held.hash);
        if let Some(held) = held {
            self.ledger.acknowledge(index, held);
            self.owed(now, index, held);
        } else if !self.ledger.is_claimed(index, hash) {
            let breach = Breach::ToldTooEarly { node, entry };
            self.violated(now, breach, self.is_honest(node), None);
        }
    }

    /// A client knows of a write that honest nodes have committed: no leader of a later term and no
    /// committed log, past or future, may lack it.
    #[cold]
    fn owed(&mut self, now: Time, index: u64, hash: u64) {
        let Some(entry) = self.ledger.all(index).find(|entry| entry.hash == hash).copied() else {
            return;
        };
        if let Some(reign) = self.later_leader_without(index, &entry) {
            self.writes_lacked(now, &reign, index, index);
        }
        let place = Place { index, term: entry.term };
        let other = self.ledger.all(index).find(|other| other.said() != entry.said());
        if let Some(Committed { by: node, term: by, .. }) = other.copied() {
            let breach = Breach::WriteReplaced { node, entry: place, by };
            self.write_lost(index, &entry);
            self.violated(now, breach, true, entry.command());
        }
    }

    /// An honest node has committed up to this index, which confirms what liars have told clients
    /// about it.
    #[cold]
    pub(super) fn hearsay_is_true(&mut self, now: Time, last: u64) {
        let (states, written) = self.ledger.take_hearsay(last);
        for (index, hash) in states {
            if self.ledger.hash_at(index) == hash {
                self.clients.knows(index);
            } else {
                self.clients.knows_apart(index, hash);
            }
        }
        for (index, hash) in written {
            self.owed(now, index, hash);
        }
    }

    /// A log that must have an acknowledged write lacks it. Each lost write is counted once.
    pub(super) fn write_lost(&mut self, index: u64, entry: &Committed) {
        let held = self.ledger.all_mut(index).find(|other| other.hash == entry.hash);
        if let Some(held) = held
            && held.written == Written::Acknowledged
        {
            held.written = Written::Lost;
            self.clients.lost_writes += 1;
        }
    }

    /// "a read must not return stale data" (§8): it returns a committed state, with everything that
    /// any client knew.
    fn read(&mut self, now: Time, node: NodeId, asked: Asked, index: u64, hash: u64) {
        let Asked { known, local } = asked;
        if known.index > 0 || !known.apart.is_empty() {
            self.findings.checked(Property::LinearizableReads);
        }
        let in_sequence = self.ledger.hash_at(index) == hash;
        match (self.ledger.has(index, hash), in_sequence) {
            (true, true) => self.clients.knows(index),
            (true, false) => self.clients.knows_apart(index, hash),
            (false, _) => self.ledger.hear(index, hash, None),
        }
        if !self.ledger.has(index, hash) && !self.ledger.is_claimed(index, hash) {
            let breach = Breach::ReadUncommitted { node, index };
            return self.violated(now, breach, self.is_honest(node), None);
        }
        let Some(missed) = self.missed(node, index, in_sequence, &known) else { return };
        if local {
            self.clients.stale_local += 1;
        }
        if !(local && self.options.allow_stale_local) {
            let breach = Breach::ReadStale { node, index, known: missed };
            let command = self.ledger.get(missed).and_then(Committed::command);
            self.violated(now, breach, self.is_honest(node), command);
        }
    }

    /// The index of a state that a client knew and that a read does not include.
    #[inline]
    fn missed(&self, node: NodeId, index: u64, in_sequence: bool, known: &Known) -> Option<u64> {
        let shows = |at: u64, hash: u64| at <= index && self.nodes[node.at()].hash_at(at) == hash;
        let in_order = known.index <= index
            && (in_sequence || shows(known.index, self.ledger.hash_at(known.index)));
        if !in_order {
            return Some(known.index);
        }
        known.apart.iter().find(|(at, hash)| !shows(*at, *hash)).map(|(at, _)| *at)
    }
}
