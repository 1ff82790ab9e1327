//! Lies, interceptors and watchers: code that changes or sees messages as they are sent.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::tape::Sender;
use super::{Core, World};
use crate::clone::clone_by_field;
use crate::protocol::{Fingerprint, Message, NodeId, NodeSet, Protocol, Span, Way};
use crate::sim::digest::Digest;
use crate::sim::edit::{Edit, Forged};
use crate::sim::flight::{Flight, MessageId};
use crate::sim::observer::{Fate, Observer};
use crate::sim::strike::Strike;
use crate::sim::time::Time;

/// A message that is about to be sent.
#[derive(Debug)]
pub struct Outgoing<'a, P: Protocol> {
    /// Its id.
    pub id: MessageId,
    /// The sender that it claims.
    pub from: NodeId,
    /// Its contents, as earlier interceptors left them.
    pub message: &'a P::Message,
    /// The time.
    pub now: Time,
    /// The node that sends it.
    pub sender: &'a Sender<P>,
}

/// Why an interceptor failed, in a type that only its creator knows.
pub type Failure = Arc<dyn Any + Send + Sync>;

/// Calls an interceptor, which returns an edit or a failure. The edits of watchers are ignored.
pub type Tap<P> = Arc<
    dyn Fn(&Outgoing<'_, P>) -> Result<Option<Edit<<P as Protocol>::Message>>, Failure>
        + Send
        + Sync,
>;

/// The code that changes or sees messages as they are sent.
pub(super) struct Tampering<P: Protocol> {
    /// True if any of it was ever active.
    touched: bool,
    /// True if any of it is active.
    any: bool,
    /// True if there is an interceptor or a watcher.
    pub(super) looks: bool,
    lies: Vec<(NodeId, Strike, P::Lie)>,
    liars: NodeSet,
    interceptors: Vec<(u32, Tap<P>)>,
    watchers: Vec<(u32, Tap<P>)>,
    /// The node that handles an input, for interceptors and watchers.
    pub(super) sender: Option<Sender<P>>,
    /// The edits of the recorded run, in a replay.
    edits: BTreeMap<MessageId, Edit<P::Message>>,
    /// The edits in this run.
    recorded: Vec<(MessageId, Edit<P::Message>)>,
    /// The claimed senders of messages, where they are not the true ones; for all copies of a
    /// message.
    claims: BTreeMap<MessageId, NodeId>,
    error: Option<Failure>,
}

clone_by_field!(
    [P: Protocol] Tampering<P> { sender, error }
    copied { touched, any, looks, liars }
    empty { lies, interceptors, watchers, edits, recorded, claims }
);

impl<P: Protocol> Default for Tampering<P> {
    fn default() -> Self {
        Self {
            touched: false,
            any: false,
            looks: false,
            lies: Vec::new(),
            liars: NodeSet::default(),
            interceptors: Vec::new(),
            watchers: Vec::new(),
            sender: None,
            edits: BTreeMap::new(),
            recorded: Vec::new(),
            claims: BTreeMap::new(),
            error: None,
        }
    }
}

impl<P: Protocol> Tampering<P> {
    /// True if none of it was ever active.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        !self.touched
    }

    #[inline]
    pub(super) fn any(&self) -> bool {
        self.any
    }

    /// Whether an interceptor or a watcher has failed.
    #[inline]
    pub(super) fn failed(&self) -> bool {
        self.error.is_some()
    }

    fn settle(&mut self) {
        self.touched = true;
        self.looks = !(self.interceptors.is_empty() && self.watchers.is_empty());
        let acts = self.lies.is_empty() && self.edits.is_empty() && self.claims.is_empty();
        self.any = self.looks || !acts;
    }

    /// Records a failure; only the first one is reported.
    fn fail(&mut self, why: Failure) {
        self.error.get_or_insert(why);
    }
}

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// Makes a node lie from now on.
    pub fn add_lie(&mut self, id: NodeId, strike: impl Into<Strike>, lie: P::Lie) {
        self.core.absorb_deed(27, Digest::of([id.fingerprint(), lie.fingerprint()]));
        self.core.tampering.lies.push((id, strike.into(), lie));
        self.core.tampering.settle();
        self.core.mark_liar(id);
    }

    /// Ends a lie; true if it was active.
    pub fn remove_lie(&mut self, strike: impl Into<Strike>) -> bool {
        let strike = strike.into();
        let lies = &mut self.core.tampering.lies;
        let ended: Vec<_> = lies.extract_if(.., |(_, other, _)| *other == strike).collect();
        for (id, _, lie) in &ended {
            self.core.absorb_deed(28, Digest::of([id.fingerprint(), lie.fingerprint()]));
        }
        self.core.tampering.settle();
        !ended.is_empty()
    }

    /// The nodes that have ever lied.
    pub fn liars(&self) -> &NodeSet {
        &self.core.tampering.liars
    }

    /// Adds an interceptor, which sees every message before it is sent, after earlier interceptors.
    pub fn intercept(&mut self, handle: u32, tap: Tap<P>) {
        self.core.tampering.interceptors.push((handle, tap));
        self.core.tampering.settle();
    }

    /// Adds a watcher, which sees every message that is sent.
    pub fn watch(&mut self, handle: u32, tap: Tap<P>) {
        self.core.tampering.watchers.push((handle, tap));
        self.core.tampering.settle();
    }

    /// Removes an interceptor or a watcher.
    pub fn end_tap(&mut self, handle: u32) {
        self.core.tampering.interceptors.retain(|(h, _)| *h != handle);
        self.core.tampering.watchers.retain(|(h, _)| *h != handle);
        self.core.tampering.settle();
    }

    /// Removes all interceptors and watchers.
    pub fn end_taps(&mut self) {
        self.core.tampering.interceptors.clear();
        self.core.tampering.watchers.clear();
        self.core.tampering.settle();
    }

    /// Sets the edits of a recorded run, to replay them.
    pub fn set_edits(&mut self, edits: BTreeMap<MessageId, Edit<P::Message>>) {
        self.core.tampering.edits = edits;
        self.core.tampering.settle();
    }

    /// Sends a node a request that makes it a liar, with what it does in words.
    pub fn command_liar(&mut self, id: NodeId, request: P::Request, deed: &'static str) {
        if self.is_up(id) && !self.is_paused(id) {
            self.core.tampering.touched = true;
            self.core.tampering.liars.insert(id);
            self.core.observer.liar(self.core.now, id, Some(deed));
        } else {
            self.core.mark_liar(id); // the order comes to nothing
        }
        self.order(id, request);
    }

    /// The edits of interceptors so far.
    pub fn recorded_edits(&self) -> &[(MessageId, Edit<P::Message>)] {
        &self.core.tampering.recorded
    }

    /// Whether a failure of an interceptor or a watcher is pending.
    pub fn tap_failed(&self) -> bool {
        self.core.tampering.failed()
    }

    /// Takes the pending failure of an interceptor or a watcher.
    pub fn take_tap_error(&mut self) -> Option<Failure> {
        self.core.tampering.error.take()
    }
}

impl<P: Protocol, O: Observer<P>> Core<P, O> {
    fn mark_liar(&mut self, id: NodeId) {
        self.tampering.touched = true;
        if self.tampering.liars.insert(id) {
            self.observer.liar(self.now, id, None);
        }
    }

    /// Sends a message through lies, then interceptors.
    #[cold]
    #[inline(never)]
    pub(super) fn send_tampered(&mut self, id: MessageId, mut message: P::Message) {
        self.tamper(id.from, Way::Outgoing { to: id.to }, &mut message);
        let edit = self.edited(id, &mut message);
        let Some(edit) = edit else {
            self.show(id, id.from, &message);
            return self.put_on_network(id, message, Span::ZERO, &[]);
        };
        if edit.lies() {
            self.mark_liar(id.from);
        }
        if !edit.is_empty() {
            self.absorb_edit(id, &edit, &message);
        }
        if edit.drop {
            self.never_left(id, message);
        } else {
            self.claim(id, edit.from);
            self.show(id, edit.from.unwrap_or(id.from), &message);
            self.put_on_network(id, message, edit.delay, &edit.copies);
        }
        for forged in &edit.sends {
            self.send_forged(id.from, forged.clone());
        }
        self.tampering.recorded.push((id, edit));
    }

    /// Adds an edit to the digest. Messages sent in addition are added when they are sent.
    fn absorb_edit(&mut self, id: MessageId, edit: &Edit<P::Message>, message: &P::Message) {
        self.absorb_deed(33, id.ordinal << 24 | id.link());
        let copies = edit.copies.iter().map(|later| later.0);
        let what =
            [u64::from(edit.drop), edit.from.fingerprint(), edit.delay.0, message.fingerprint()];
        self.absorb_deed(33, Digest::of(what.into_iter().chain(copies)));
    }

    /// Applies the recorded edit of a message and then all interceptors, in order.
    fn edited(&mut self, id: MessageId, message: &mut P::Message) -> Option<Edit<P::Message>> {
        let mut edited: Option<Edit<P::Message>> = None;
        let mut take = |edit: Edit<P::Message>, message: &mut P::Message| {
            edit.changes.iter().for_each(|change| message.change(change));
            match &mut edited {
                Some(before) => before.then(edit),
                None => edited = Some(edit),
            }
            edited.as_ref().map_or((false, None), |edit| (edit.drop, edit.from))
        };
        let mut so_far = (false, None);
        if let Some(edit) = self.tampering.edits.get(&id).cloned() {
            so_far = take(edit, message);
        }
        for at in 0..self.tampering.interceptors.len() {
            let (dropped, from) = so_far;
            if dropped {
                break;
            }
            let tap = &self.tampering.interceptors[at].1;
            match self.look(tap, id, from.unwrap_or(id.from), message) {
                Ok(Some(edit)) => so_far = take(edit, message),
                Ok(None) => {}
                Err(why) => self.tampering.fail(why),
            }
        }
        edited
    }

    fn look(
        &self,
        tap: &Tap<P>,
        id: MessageId,
        from: NodeId,
        message: &P::Message,
    ) -> Result<Option<Edit<P::Message>>, Failure> {
        let Some(sender) = &self.tampering.sender else { return Ok(None) };
        tap(&Outgoing { id, from, message, now: self.now, sender })
    }

    /// Shows a message that is sent to the watchers.
    fn show(&mut self, id: MessageId, from: NodeId, message: &P::Message) {
        for at in 0..self.tampering.watchers.len() {
            if let Err(why) = self.look(&self.tampering.watchers[at].1, id, from, message) {
                self.tampering.fail(why);
            }
        }
    }

    /// Sends a forged message: it has its own ordinal on its link, and its own random draws.
    fn send_forged(&mut self, sender: NodeId, forged: Forged<P::Message>) {
        let Forged { from, to, delay, message } = forged;
        let ordinal = self.links.count(sender, to);
        self.counters.sent += 1;
        let id = MessageId { from: sender, to, ordinal, copy: 0 };
        let edit = Edit { from, delay, ..Edit::default() };
        self.absorb_edit(id, &edit, &message);
        self.claim(id, from);
        self.show(id, from.unwrap_or(sender), &message);
        self.put_on_network(id, message, delay, &[]);
    }

    fn claim(&mut self, id: MessageId, from: Option<NodeId>) {
        if let Some(from) = from.filter(|from| *from != id.from) {
            self.tampering.claims.insert(id, from);
            self.tampering.settle();
        }
    }

    fn never_left(&mut self, id: MessageId, message: P::Message) {
        if O::WATCHING {
            let mut flight = Flight { id, sent: self.now, due: self.now, row: 0, message };
            flight.row = self.observer.sent(self.now, &flight);
            self.observer.ended(self.now, &flight, Fate::Removed);
        }
    }

    /// Applies lies to a message that arrives; returns the claimed sender.
    #[cold]
    #[inline(never)]
    pub(super) fn receive_tampered(&mut self, flight: &mut Flight<P::Message>) -> NodeId {
        let MessageId { from, to, .. } = flight.id;
        self.tamper(to, Way::Incoming, &mut flight.message);
        let claimed = self.tampering.claims.get(&MessageId { copy: 0, ..flight.id }).copied();
        if let Some(claimed) = claimed {
            self.digest.absorb(self.now.0 ^ 31 << 56, u64::from(claimed.0));
        }
        claimed.unwrap_or(from)
    }

    fn tamper(&mut self, liar: NodeId, way: Way, message: &mut P::Message) {
        for (id, _, lie) in &mut self.tampering.lies {
            if *id == liar {
                P::lie(lie, liar, way, message);
            }
        }
    }

    #[inline(never)]
    fn put_on_network(&mut self, id: MessageId, message: P::Message, delay: Span, copies: &[Span]) {
        self.enter_network(id, message, delay, copies);
    }
}
