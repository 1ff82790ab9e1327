//! Clients: requests by hand, and load generators.

use super::{Backlog, Core, World};
use crate::protocol::{Fingerprint, Input, NodeId, OpId, Protocol, Reply, Span};
use crate::reasons;
use crate::sim::client::{
    Client, Current, LOOK_AGAIN, Load, OpState, OpStatus, Pacing, load_client, load_op,
};
use crate::sim::digest::Digest;
use crate::sim::luck::Purpose;
use crate::sim::observer::{Observer, OpEvent};
use crate::sim::queue::Due;
use crate::sim::time::Time;

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// A client sends a request to a node; if not given, to the leader of the highest term that it
    /// can reach.
    pub fn request(
        &mut self,
        node: Option<NodeId>,
        home: Option<NodeId>,
        request: P::Request,
    ) -> OpId {
        let op = OpId(self.core.next_op);
        self.core.next_op += 1;
        let node = node.or_else(|| self.leader_for(home));
        self.core.ops.insert(
            op,
            OpState {
                request: request.clone(),
                node,
                asked: Vec::new(),
                doubt: None,
                invoked: self.core.now,
                ended: None,
                status: OpStatus::Pending,
            },
        );
        self.core.absorb_deed(6, asking(op, node, home));
        self.core.absorb_deed(6, request.fingerprint());
        self.ask(op, 0, home, node, request, false);
        op
    }

    /// Sends a request to a node by hand, without waiting for an answer; false if the node is down
    /// or paused.
    pub fn order(&mut self, id: NodeId, request: P::Request) -> bool {
        let runs = self.is_up(id) && !self.is_paused(id);
        if runs {
            self.core.digest.absorb(self.core.now.0, 20 << 56 | u64::from(id.0));
            self.requested(id, OpId(0), request);
            self.core.absorb_state(&self.nodes[id.at()]);
        }
        runs
    }

    /// A client sends the same request again, perhaps to another node. The new answer does not undo
    /// earlier attempts.
    pub fn request_again(&mut self, op: OpId, node: Option<NodeId>, home: Option<NodeId>) {
        let node = node.or_else(|| self.leader_for(home));
        let Some(state) = self.core.ops.get_mut(&op) else { return };
        state.ask_again(node);
        let request = state.request.clone();
        self.core.absorb_deed(7, asking(op, node, home));
        self.ask(op, 0, home, node, request, true);
    }

    /// A client stops waiting for an operation.
    pub fn give_up(&mut self, op: OpId) {
        if self.core.ops.get(&op).is_some_and(|state| state.status.is_pending()) {
            self.core.settle(op, OpStatus::Unknown(reasons::GAVE_UP), None);
        }
    }

    pub(super) fn ask(
        &mut self,
        op: OpId,
        client: u32,
        home: Option<NodeId>,
        node: Option<NodeId>,
        request: P::Request,
        again: bool,
    ) {
        let core = &mut self.core;
        if O::WATCHING {
            let event = OpEvent::Invoked { request: &request, node, again };
            core.observer.op(core.now, op, client, &event);
        }
        let Some(id) = node else {
            return core.not_asked(op, client, reasons::NO_LEADER);
        };
        if !core.hosts[id.at()].up || !core.client_reaches(home, id) {
            return core.not_asked(op, client, reasons::UNREACHABLE);
        }
        if let Some(state) = core.ops.get_mut(&op) {
            state.asked.push(id);
        }
        if core.hosts[id.at()].queues {
            core.hosts[id.at()].backlog.push_back(Backlog::Request(op, request));
            self.work(id);
            return;
        }
        self.requested(id, op, request);
    }

    /// A node handles a request.
    #[inline]
    pub(super) fn requested(&mut self, id: NodeId, op: OpId, request: P::Request) {
        self.core.observer.requested(self.core.now, id);
        self.step(id, Input::Request { op, request });
    }

    /// The leader of the highest term that a client next to `home` can reach.
    pub fn leader_for(&self, home: Option<NodeId>) -> Option<NodeId> {
        let reachable = self.core.leaders.iter().filter(|id| self.core.client_reaches(home, *id));
        reachable.max_by_key(|id| self.nodes[id.at()].status().term)
    }

    /// Adds a load generator, whose first request is sent at its start, or now.
    pub fn add_load(&mut self, load: Load) {
        let clients = match load.pacing {
            Pacing::Open { .. } => 1,
            Pacing::Closed { clients, .. } => clients,
        };
        let index = self.core.loads.len() as u32;
        let start = load.start.max(self.core.now);
        self.core.loads.push(load);
        for _ in 0..clients {
            let number = self.core.clients.len() as u32 + 1;
            self.core.clients.push(Client {
                load: index,
                number,
                ordinal: 0,
                current: None,
                wake: Time::NEVER,
            });
            self.core.wake_client(number as usize - 1, start);
        }
    }

    pub(super) fn client_wakes(&mut self, at: usize) -> bool {
        let now = self.core.now;
        let client = &mut self.core.clients[at];
        if client.wake != now {
            return false;
        }
        client.wake = Time::NEVER;
        let load = &self.core.loads[client.load as usize];
        if load.end.is_some_and(|end| now >= end) && client.current.is_none() {
            return false;
        }
        self.core.digest.absorb(now.0, 8 << 56 | u64::from(client.number));
        match load.pacing {
            Pacing::Open { .. } => self.ask_openly(at),
            Pacing::Closed { retry, .. } => self.ask_in_turn(at, retry),
        }
        true
    }

    /// An open loop sends a request and schedules its next one, regardless of the answer.
    pub(super) fn ask_openly(&mut self, at: usize) {
        let (number, ordinal, home) = self.core.next_request(at);
        let Pacing::Open { every } = &self.core.loads[self.core.clients[at].load as usize].pacing
        else {
            return;
        };
        let gap = every.sample(self.core.luck.draw(Purpose::Pace, u64::from(number), ordinal));
        self.core.wake_client(at, self.core.now + Span(gap.0.max(1)));
        if let Some(request) = self.core.draw_request(at, ordinal) {
            let node = self.leader_for(home);
            self.ask(load_op(number, ordinal), number, home, node, request, false);
        }
    }

    /// A client of a closed loop sends its next request, or retries the last one.
    pub(super) fn ask_in_turn(&mut self, at: usize, retry: bool) {
        let (now, number) = (self.core.now, self.core.clients[at].number);
        if let Some(Current { op, node, gives_up, .. }) = self.core.clients[at].current {
            if now >= gives_up && !retry {
                self.core.clients[at].current = None;
                self.core.report(op, number, &OpEvent::Unknown { reason: reasons::TIMED_OUT });
            } else if node.is_some() && now < gives_up {
                return self.core.wake_client(at, gives_up);
            }
        }
        let again = self.core.clients[at].current.is_some();
        if !again {
            let (_, ordinal, _) = self.core.next_request(at);
            let Some(request) = self.core.draw_request(at, ordinal) else { return };
            let op = load_op(number, ordinal);
            let gives_up = now;
            self.core.clients[at].current = Some(Current { op, request, node: None, gives_up });
        }
        let load = &self.core.loads[self.core.clients[at].load as usize];
        let (home, timeout) = match load.pacing {
            Pacing::Closed { timeout, .. } => (load.home, timeout),
            Pacing::Open { .. } => return,
        };
        let node = self.leader_for(home);
        let Some(current) = &mut self.core.clients[at].current else { return };
        (current.node, current.gives_up) = (node, now + timeout);
        let (op, request) = (current.op, current.request.clone());
        let wake = if node.is_some() { now + timeout } else { now + LOOK_AGAIN };
        self.core.wake_client(at, wake);
        if node.is_some() || !again {
            self.ask(op, number, home, node, request, again);
        }
    }
}

impl<P: Protocol, O: Observer<P>> Core<P, O> {
    pub(super) fn client_reaches(&self, home: Option<NodeId>, id: NodeId) -> bool {
        home.is_none_or(|home| {
            home == id || self.links.is_up(home, id) && self.links.is_up(id, home)
        })
    }

    pub(super) fn next_request(&mut self, at: usize) -> (u32, u64, Option<NodeId>) {
        let client = &mut self.clients[at];
        let ordinal = client.ordinal;
        client.ordinal += 1;
        (client.number, ordinal, self.loads[client.load as usize].home)
    }

    pub(super) fn draw_request(&self, at: usize, ordinal: u64) -> Option<P::Request> {
        let client = &self.clients[at];
        let draw = self.luck.draw(Purpose::Request, u64::from(client.number), ordinal);
        P::request(&self.loads[client.load as usize].mix, client.number, ordinal, draw)
    }

    pub(super) fn wake_client(&mut self, at: usize, when: Time) {
        self.clients[at].wake = when;
        self.queue.push(when, Due::Load(at as u32));
    }

    pub(super) fn report(&mut self, op: OpId, client: u32, event: &OpEvent<'_, P>) {
        if O::WATCHING {
            self.observer.op(self.now, op, client, event);
        }
    }

    pub(super) fn answered(&mut self, op: OpId, node: NodeId, reply: Reply<P::Output>) {
        if let Some(number) = load_client(op) {
            return self.load_answered(op, number, node, &reply);
        }
        self.absorb_deed(32, op.0 << 16 ^ node.fingerprint());
        self.absorb_deed(32, answer(&reply));
        let Some(state) = self.ops.get_mut(&op) else { return };
        if let Some(at) = state.asked.iter().position(|asked| *asked == node) {
            state.asked.remove(at);
        }
        if let Some(status) = state.learns(reply) {
            self.settle(op, status, Some(node));
        }
    }

    /// A request reached no node.
    fn not_asked(&mut self, op: OpId, client: u32, reason: &'static str) {
        let reply = Reply::Refused { reason, hint: None };
        if client > 0 {
            self.load_answered(op, client, NodeId(0), &reply);
        } else if let Some(status) = self.ops.get_mut(&op).and_then(|state| state.learns(reply)) {
            self.settle(op, status, None);
        }
    }

    pub(super) fn settle(&mut self, op: OpId, status: OpStatus<P::Output>, node: Option<NodeId>) {
        let Some(state) = self.ops.get_mut(&op) else { return };
        if !state.status.is_pending() {
            return; // already answered, or the client had stopped waiting
        }
        state.status = status;
        state.ended = Some(self.now);
        let code = state.status.code();
        self.absorb_deed(22, Digest::of([op.0, code]));
        let state = &self.ops[&op];
        if O::WATCHING {
            let node = node.or(state.node).unwrap_or(NodeId(0));
            let event = match &state.status {
                OpStatus::Ok(output) => OpEvent::Ok { node, output },
                OpStatus::Failed(reason) => OpEvent::Failed { reason },
                OpStatus::Unknown(reason) => OpEvent::Unknown { reason },
                OpStatus::Pending => return,
            };
            self.observer.op(self.now, op, 0, &event);
        }
    }

    pub(super) fn load_answered(
        &mut self,
        op: OpId,
        number: u32,
        node: NodeId,
        reply: &Reply<P::Output>,
    ) {
        let at = number as usize - 1;
        let Some(client) = self.clients.get(at) else { return };
        let (think, retry) = match &self.loads[client.load as usize].pacing {
            Pacing::Open { .. } => (None, false),
            Pacing::Closed { think, retry, .. } => {
                if client.current.as_ref().is_none_or(|current| current.op != op) {
                    return; // the client had stopped waiting
                }
                let draw = self.luck.draw(Purpose::Pace, u64::from(number), client.ordinal);
                (Some(think.sample(draw)), *retry)
            }
        };
        match reply {
            Reply::Ok(output) => self.report(op, number, &OpEvent::Ok { node, output }),
            Reply::Refused { .. } if think.is_some() => {
                return self.look_again(at); // no node has the request: ask another one
            }
            Reply::Unknown { .. } if retry => return self.look_again(at),
            Reply::Refused { reason, .. } => self.report(op, number, &OpEvent::Failed { reason }),
            Reply::Unknown { reason } => self.report(op, number, &OpEvent::Unknown { reason }),
        }
        if let Some(think) = think {
            self.clients[at].current = None;
            self.wake_client(at, self.now + Span(think.0.max(1)));
        }
    }

    pub(super) fn look_again(&mut self, at: usize) {
        if let Some(current) = &mut self.clients[at].current {
            current.node = None;
            self.wake_client(at, self.now + LOOK_AGAIN);
        }
    }

    /// Clients that waited for a node that went down get no answer from it.
    pub(super) fn node_lost(&mut self, id: NodeId) {
        let lost: Vec<OpId> = self
            .ops
            .iter()
            .flat_map(|(op, state)| state.asked.iter().filter(|asked| **asked == id).map(|_| *op))
            .chain(self.clients.iter().filter_map(|client| {
                client.current.as_ref().filter(|current| current.node == Some(id)).map(|c| c.op)
            }))
            .collect();
        for op in lost {
            self.answered(op, id, Reply::Unknown { reason: reasons::WENT_DOWN });
        }
    }
}

/// An operation with the node that is asked and the client's home, for the digest.
fn asking(op: OpId, node: Option<NodeId>, home: Option<NodeId>) -> u64 {
    Digest::of([op.0, node.fingerprint(), home.fingerprint()])
}

/// An answer, for the digest.
fn answer<T: Fingerprint>(reply: &Reply<T>) -> u64 {
    match reply {
        Reply::Ok(output) => Digest::of([1, output.fingerprint()]),
        Reply::Refused { reason, .. } => Digest::of([2, Digest::of_text(reason)]),
        Reply::Unknown { reason } => Digest::of([3, Digest::of_text(reason)]),
    }
}
