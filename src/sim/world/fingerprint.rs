//! The fingerprint of a world's state.

use super::{Backlog, Host, World};
use crate::protocol::{Fingerprint, LocalTime, Message, NodeId, Protocol, TimerId};
use crate::sim::observer::Observer;
use crate::sim::timers::Timer;
use crate::sim::{Flight, Time};
use crate::state::StateHash;

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// A word that is equal for equal states: of the nodes, their disks and timers, and the
    /// messages in flight. Times count from now.
    ///
    /// Not in it are faults that act, clients, and random draws to come.
    pub fn fingerprint(&self) -> u64 {
        let mut state = StateHash::at(LocalTime::default());
        for id in self.started().iter() {
            state.add(self.node_fingerprint(id));
        }
        let now = self.now();
        let mut flights: Vec<_> =
            self.core.flights.iter().map(|(_, one)| in_flight(one, now)).collect();
        flights.sort_unstable();
        state.add(flights);
        std::hash::Hasher::finish(&state)
    }

    /// A word that is equal for equal states of a node, its disk and its timers. Times count from
    /// now.
    pub fn node_fingerprint(&self, id: NodeId) -> u64 {
        let host = &self.core.hosts[id.at()];
        let mut state = StateHash::at(host.clock.local(self.now()));
        self.node(id).hash_state(&mut state);
        let timers = &self.core.timers[id.at() * P::TIMERS..][..P::TIMERS];
        host.hash_state(&mut state, self.now(), timers);
        for timer in (0..P::TIMERS).map(|timer| TimerId(timer as u8)) {
            state.add(self.timer_due(id, timer).map(|due| due.0.saturating_sub(self.now().0)));
        }
        std::hash::Hasher::finish(&state)
    }
}

impl<P: Protocol> Host<P> {
    fn hash_state(&self, state: &mut StateHash, now: Time, timers: &[Timer]) {
        let Self { started, up, paused, clock, disk, backlog, blocked, free_at, spent, .. } = self;
        state.add((started, up, paused, clock.rate().to_bits(), backlog.len()));
        state.add((blocked, free_at.since(now), spent));
        disk.hash_state(state);
        for waits in backlog {
            match waits {
                Backlog::Message(flight) => state.add((0, in_flight(flight, now))),
                Backlog::Timer(timer, touched) => {
                    let expires = timers[usize::from(timer.0)].touched() == *touched;
                    state.add((1, timer.0, expires));
                }
                Backlog::Synced => state.add(2),
                Backlog::DiskFailed(reason) => state.add((4, reason)),
                Backlog::Request(op, request) => state.add((3, op, request.fingerprint())),
            }
        }
    }
}

fn in_flight<M: Message>(flight: &Flight<M>, now: Time) -> (NodeId, NodeId, u64, u8, u64) {
    let Flight { id, due, ref message, .. } = *flight;
    let left = due.0.saturating_sub(now.0); // that of a held message never ends
    let left = if due == Time::NEVER { u64::MAX } else { left };
    (id.from, id.to, left, message.kind(), message.fingerprint())
}
