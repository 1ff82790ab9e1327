//! Steps of a world with interceptors. Interceptors may inspect the sender of a message, which is
//! not possible while the sender handles an input. So its effects are recorded on a tape, and
//! applied in order afterwards.

use std::sync::{Arc, Mutex, PoisonError};

use super::effects::Fx;
use super::{Before, Core, World};
use crate::protocol::{
    Delay, Durability, Effects, Input, LocalTime, NodeId, OpId, Protocol, Reply, Stable, TimerId,
    WriteId,
};
use crate::sim::clock::Clock;
use crate::sim::observer::Observer;

/// The sender, in its state after the event that made it send.
#[derive(Clone, Debug)]
pub struct Sender<P> {
    /// The node, while its messages are intercepted; then it is taken back.
    pub node: Arc<Mutex<Option<P>>>,
    /// Its clock.
    pub clock: Clock,
    /// Whether it is the target "leader": the leader of the highest term.
    pub is_leader: bool,
    /// Whether it considers itself leader.
    pub leads: bool,
}

enum Effect<P: Protocol> {
    Send(NodeId, P::Message),
    Arm(TimerId, Delay),
    Disarm(TimerId),
    Write(<P::Stable as Stable>::Write),
    Sync,
    Reply(OpId, Reply<P::Output>),
    Note(P::Note),
    Halt(&'static str),
}

struct Tape<'a, P: Protocol, O> {
    core: &'a Core<P, O>,
    id: NodeId,
    /// The last write, and the last one that the node knows to be durable.
    written: WriteId,
    known: WriteId,
    effects: Vec<Effect<P>>,
}

impl<P: Protocol, O: Observer<P>> Effects<P> for Tape<'_, P, O> {
    fn send(&mut self, to: NodeId, message: P::Message) {
        self.effects.push(Effect::Send(to, message));
    }

    fn arm(&mut self, timer: TimerId, delay: Delay) {
        self.effects.push(Effect::Arm(timer, delay));
    }

    fn disarm(&mut self, timer: TimerId) {
        self.effects.push(Effect::Disarm(timer));
    }

    fn write(&mut self, write: impl FnOnce() -> <P::Stable as Stable>::Write) {
        self.written.0 += 1;
        self.effects.push(Effect::Write(write()));
    }

    fn sync(&mut self) -> Durability {
        self.effects.push(Effect::Sync);
        if self.known == self.written || self.core.syncs_at_once(self.id, self.written) {
            Durability::Done
        } else {
            Durability::Pending(self.written)
        }
    }

    fn reply(&mut self, op: OpId, reply: Reply<P::Output>) {
        self.effects.push(Effect::Reply(op, reply));
    }

    fn note(&mut self, note: P::Note) {
        self.effects.push(Effect::Note(note));
    }

    fn halt(&mut self, reason: &'static str) {
        self.effects.push(Effect::Halt(reason));
    }

    /// A node asks before it sends, so messages on the tape are irrelevant.
    fn is_under_way(&self, to: NodeId, such: impl Fn(&P::Message) -> bool) -> bool {
        self.core.carries(self.id, to, such)
    }
}

impl<P: Protocol> Effect<P> {
    fn take_place<O: Observer<P>>(self, fx: &mut Fx<'_, P, O>) {
        match self {
            Effect::Send(to, message) => fx.send(to, message),
            Effect::Arm(timer, delay) => fx.arm(timer, delay),
            Effect::Disarm(timer) => fx.disarm(timer),
            Effect::Write(write) => fx.write(|| write),
            Effect::Sync => _ = fx.sync(),
            Effect::Reply(op, reply) => fx.reply(op, reply),
            Effect::Note(note) => fx.note(note),
            Effect::Halt(reason) => fx.halt(reason),
        }
    }
}

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// A node handles an input in a world with interceptors. The effects are the same as without.
    #[cold]
    #[inline(never)]
    pub(super) fn step_on_tape(&mut self, id: NodeId, input: Input<'_, P>) {
        let before = Before::of::<P, O>(&self.nodes[id.at()]);
        let local = self.core.hosts[id.at()].clock.local(self.core.now);
        self.handle_on_tape(id, local, input);
        self.core.handled(id, &self.nodes[id.at()], &before);
        if self.core.halted.is_some() || !self.core.replies.is_empty() {
            self.aftermath(id);
        }
    }

    fn handle_on_tape(&mut self, id: NodeId, now: LocalTime, input: Input<'_, P>) {
        let (written, known) = self.core.hosts[id.at()].disk.progress();
        let mut tape = Tape { core: &self.core, id, written, known, effects: Vec::new() };
        self.nodes[id.at()].handle(now, input, &mut tape);
        let effects = tape.effects;
        let (is_leader, leads) = (self.is_leader(id), self.nodes[id.at()].leads());
        // The interceptors get the node itself: a copy would copy its log.
        let node = Arc::new(Mutex::new(Some(self.nodes.swap_remove(id.at()))));
        let clock = self.core.hosts[id.at()].clock;
        let core = &mut self.core;
        core.tampering.sender = Some(Sender { node: Arc::clone(&node), clock, is_leader, leads });
        effects.into_iter().for_each(|effect| effect.take_place(&mut Fx { core, id }));
        core.tampering.sender = None;
        if let Some(node) = node.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.nodes.push(node);
            let last = self.nodes.len() - 1;
            self.nodes.swap(id.at(), last);
        }
    }

    fn is_leader(&self, id: NodeId) -> bool {
        let node = &self.nodes[id.at()];
        let outdone = |other: NodeId| self.nodes[other.at()].status().term > node.status().term;
        node.leads() && !self.core.leaders.iter().any(|other| other != id && outdone(other))
    }
}
