//! Hosts of nodes: crash, restart, wipe, pause and clocks.

use super::{Backlog, Before, Core, Host, World};
use crate::protocol::{Fingerprint, Input, NodeId, Protocol, Span, Status, WriteId};
use crate::sim::clock::Clock;
use crate::sim::digest::Digest;
use crate::sim::disk::Unsynced;
use crate::sim::luck::{Purpose, below};
use crate::sim::observer::{ClockEvent, DiskEvent, Fate, HostEvent, Observer};
use crate::sim::time::Time;

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// Cuts the node's power; false if it is already down.
    pub fn crash(&mut self, id: NodeId, unsynced: Unsynced) -> bool {
        let up = self.core.hosts[id.at()].up;
        if up {
            self.go_down(id, unsynced, HostEvent::Crashed);
        }
        up
    }

    pub(super) fn go_down(&mut self, id: NodeId, unsynced: Unsynced, event: HostEvent) {
        let node = &mut self.nodes[id.at()];
        let core = &mut self.core;
        let (written, synced) = core.hosts[id.at()].disk.extent();
        core.counters.unsynced_crashes += u64::from(synced < written);
        let durable = match unsynced {
            Unsynced::Lose => synced,
            Unsynced::Keep => written,
            Unsynced::Tear => {
                let ordinal = u64::from(core.hosts[id.at()].incarnation);
                let draw = core.luck.draw(Purpose::Tear, u64::from(id.0), ordinal);
                WriteId(synced.0 + below(draw, written.0 - synced.0 + 1))
            }
        };
        let disk = &mut core.hosts[id.at()].disk;
        let durable = disk.readable(durable);
        let broke_word = durable < disk.reported();
        let before = Before::of::<P, O>(node);
        let left = disk.crash(durable);
        let corrupted = left.as_ref().is_some_and(|left| left.corrupted);
        node.crash(left.map(|left| left.state));
        core.leaders.remove(id);
        let kind = u64::from(matches!(event, HostEvent::Halted(_))) << 48;
        core.digest.absorb(core.now.0, 9 << 56 | kind | u64::from(id.0) << 40 | durable.0);
        core.absorb_state(node);
        let host = &mut core.hosts[id.at()];
        host.up = false;
        (host.paused, host.blocked, host.spent, host.wakes) = (false, false, false, false);
        host.free_at = Time::ZERO;
        host.settle();
        host.incarnation += 1;
        for timer in &mut core.timers[id.at() * P::TIMERS..][..P::TIMERS] {
            timer.disarm();
        }
        if broke_word {
            core.observer.disk(core.now, id, node, DiskEvent::LostSynced);
        }
        if corrupted {
            core.observer.disk(core.now, id, node, DiskEvent::Corrupted);
        }
        core.observer.host(core.now, id, node, event);
        if O::SETTLED {
            core.observer.settled(core.now, id, &before.status, &node.status());
        }
        while let Some(left) = core.hosts[id.at()].backlog.pop_front() {
            if let Backlog::Message(flight) = left {
                core.observer.ended(core.now, &flight, Fate::ReceiverDown);
            }
        }
        core.node_lost(id);
    }

    /// Restarts a node that is down, with the contents of its disk; false if it is up.
    pub fn restart(&mut self, id: NodeId) -> bool {
        let host = &mut self.core.hosts[id.at()];
        if host.up || !host.started {
            return false;
        }
        host.up = true;
        self.core.digest.absorb(self.core.now.0, 10 << 56 | u64::from(id.0));
        self.core.observer.host(self.core.now, id, &self.nodes[id.at()], HostEvent::Restarted);
        self.step(id, Input::Start);
        true
    }

    /// Starts a machine that is added; false if it was started before.
    pub fn start(&mut self, id: NodeId) -> bool {
        let host = &mut self.core.hosts[id.at()];
        if host.started {
            return false;
        }
        (host.started, host.up) = (true, true);
        self.core.digest.absorb(self.core.now.0, 31 << 56 | u64::from(id.0));
        self.core.observer.host(self.core.now, id, &self.nodes[id.at()], HostEvent::Added);
        self.step(id, Input::Start);
        true
    }

    /// Makes room for a machine that is added later.
    pub fn make_room(&mut self, node: P) {
        let core = &mut self.core;
        let mut host = Host::new(false, &node, core.instant_disk);
        if let Some(first) = core.hosts.first() {
            host.clock.set_ticks(first.clock.tick(), Span::ZERO);
        }
        host.begin_ticks(core.hosts.len() as u64, core.luck);
        if !core.processing.is_free() {
            host.works();
        }
        core.hosts.push(host);
        core.timers.resize_with(core.timers.len() + P::TIMERS, Default::default);
        core.links.make_room();
        self.nodes.push(node);
    }

    /// Wipes the disk of a node that is down; false if the node is up.
    pub fn wipe(&mut self, id: NodeId) -> bool {
        if self.core.hosts[id.at()].up || !self.core.hosts[id.at()].started {
            return false;
        }
        let empty = self.core.hosts[id.at()].disk.wipe();
        self.nodes[id.at()].crash(Some(empty));
        self.core.digest.absorb(self.core.now.0, 11 << 56 | u64::from(id.0));
        self.core.observer.host(self.core.now, id, &self.nodes[id.at()], HostEvent::Wiped);
        true
    }

    /// Pauses the node: inputs wait until it is resumed. False if it is down or already paused.
    pub fn pause(&mut self, id: NodeId) -> bool {
        let host = &mut self.core.hosts[id.at()];
        if !host.up || host.paused {
            return false;
        }
        host.paused = true;
        host.settle();
        self.core.digest.absorb(self.core.now.0, 12 << 56 | u64::from(id.0));
        self.core.observer.host(self.core.now, id, &self.nodes[id.at()], HostEvent::Paused);
        true
    }

    /// Resumes the node, which first handles the inputs that have waited, in order. False if it is
    /// not paused.
    pub fn resume(&mut self, id: NodeId) -> bool {
        if !self.core.hosts[id.at()].paused {
            return false;
        }
        let host = &mut self.core.hosts[id.at()];
        host.paused = false;
        host.settle();
        self.core.digest.absorb(self.core.now.0, 13 << 56 | u64::from(id.0));
        self.core.observer.host(self.core.now, id, &self.nodes[id.at()], HostEvent::Resumed);
        self.work(id);
        true
    }

    /// Sets the rate of the node's clock (1 is true).
    pub fn set_clock_rate(&mut self, id: NodeId, rate: f64) {
        self.change_clock(id, |clock, now| clock.set_rate(now, rate));
        self.core.absorb_deed(14, Digest::of([u64::from(id.0), rate.to_bits()]));
        self.core.observer.clock(self.core.now, id, ClockEvent::Rate(rate));
    }

    /// Sets the node's clock forward or back.
    pub fn jump_clock(&mut self, id: NodeId, by: Span, back: bool) {
        self.change_clock(id, |clock, now| clock.jump(now, by, back));
        self.core.absorb_deed(15, Digest::of([u64::from(id.0), by.0, u64::from(back)]));
        self.core.observer.clock(self.core.now, id, ClockEvent::Set { by, back });
    }

    pub(super) fn change_clock(&mut self, id: NodeId, change: impl FnOnce(&mut Clock, Time)) {
        let core = &mut self.core;
        let clock = &mut core.hosts[id.at()].clock;
        change(clock, core.now);
        for kind in 0..P::TIMERS {
            let index = id.at() * P::TIMERS + kind;
            core.timers[index].look_again(index as u32, core.now, clock, &mut core.queue);
        }
    }
}

impl<P: Protocol, O: Observer<P>> Core<P, O> {
    /// Adds to the digest the state of a node that changed without a note: after a crash, or a
    /// forgotten vote.
    pub(super) fn absorb_state(&mut self, node: &P) {
        let Status { term, voted_for, last_index, last_term, commit_index, .. } = node.status();
        let vote = voted_for.map_or(0, |vote| u64::from(vote.0) + 1);
        self.digest.absorb(21 << 56 | vote, term);
        self.digest.absorb(last_index, last_term);
        self.digest.absorb(commit_index, node.stable().fingerprint());
    }
}
