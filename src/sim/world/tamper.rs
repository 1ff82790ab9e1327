//! Lies and interceptors: who changes messages on the way.

use std::collections::BTreeMap;

use super::{Core, Tap, World};
use crate::protocol::{Message, NodeId, NodeSet, Protocol, Way};
use crate::sim::flight::{Edit, Flight, MessageId};
use crate::sim::observer::{Fate, Observer};

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// The node lies from now on.
    pub fn add_lie(&mut self, id: NodeId, handle: u32, lie: P::Lie) {
        self.core.tampering.lies.push((id, handle, lie));
        self.core.tampering.liars.insert(id);
        self.core.tampering.any = true;
        self.core.observer.liar(self.core.now, id);
    }

    /// The node lies no more in this way; true if it did.
    pub fn remove_lie(&mut self, handle: u32) -> bool {
        let lies = &mut self.core.tampering.lies;
        let before = lies.len();
        lies.retain(|(_, h, _)| *h != handle);
        lies.len() < before
    }

    /// The nodes that ever lied.
    pub fn liars(&self) -> &NodeSet {
        &self.core.tampering.liars
    }

    /// Shows every message of these nodes to an interceptor before it leaves; those nodes count as liars.
    pub fn set_tap(&mut self, senders: NodeSet, tap: Option<Tap<P::Message>>) {
        if tap.is_some() {
            for id in senders.iter() {
                self.mark_liar(id);
            }
        }
        self.core.tampering.taps = tap.map(|tap| (senders, tap));
    }

    /// Plays again what an interceptor did in an earlier run.
    pub fn set_edits(&mut self, edits: BTreeMap<MessageId, Edit>) {
        let senders: NodeSet = edits.keys().map(|id| id.from).collect();
        for id in senders.iter() {
            self.mark_liar(id);
        }
        self.core.tampering.edits = edits;
    }

    /// Makes a node do what no honest node does, out of the blue.
    pub fn command_liar(&mut self, id: NodeId, request: P::Request) {
        self.mark_liar(id);
        self.order(id, request);
    }

    fn mark_liar(&mut self, id: NodeId) {
        self.core.tampering.any = true;
        if self.core.tampering.liars.insert(id) {
            self.core.observer.liar(self.core.now, id);
        }
    }

    /// What the interceptor did so far.
    pub fn recorded_edits(&self) -> &[(MessageId, Edit)] {
        &self.core.tampering.recorded
    }

    /// Why the interceptor failed, if it did.
    pub fn take_tap_error(&mut self) -> Option<String> {
        self.core.tampering.error.take()
    }
}

impl<P: Protocol, O: Observer<P>> Core<P, O> {
    #[cold]
    pub(super) fn tamper_outgoing(&mut self, id: MessageId, message: &mut P::Message) -> bool {
        self.tamper(id.from, Way::Outgoing, message);
        let mut edit = self.tampering.edits.get(&id).cloned();
        if let Some((senders, tap)) = &self.tampering.taps
            && edit.is_none()
            && senders.contains(id.from)
        {
            match tap(id, message) {
                Ok(said) => edit = said,
                Err(why) => self.tampering.error = Some(why),
            }
        }
        let Some(edit) = edit else { return true };
        let keeps = match &edit {
            Edit::Drop => false,
            Edit::Set(fields) => {
                for (field, value) in fields {
                    if let Err(why) = message.edit(field, *value) {
                        self.tampering.error = Some(why);
                    }
                }
                true
            }
        };
        self.tampering.recorded.push((id, edit));
        if !keeps && O::WATCHING {
            let message = message.clone();
            let mut flight = Flight { id, sent: self.now, due: self.now, row: 0, message };
            flight.row = self.observer.sent(self.now, &flight);
            self.observer.ended(self.now, &flight, Fate::Removed);
        }
        keeps
    }

    pub(super) fn tamper(&mut self, liar: NodeId, way: Way, message: &mut P::Message) {
        for (id, _, lie) in &mut self.tampering.lies {
            if *id == liar {
                P::lie(lie, way, message);
            }
        }
    }
}
