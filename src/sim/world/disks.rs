//! Disks in the world: the time of an fsync, and faults.

use super::{Backlog, Core, World};
use crate::protocol::{
    Damage, Durability, Fingerprint, Found, Input, NodeId, Part, Protocol, Span, WriteId,
};
use crate::sim::digest::Digest;
use crate::sim::disk::Synced;
use crate::sim::disk_faults::{self, DiskFault};
use crate::sim::luck::Purpose;
use crate::sim::observer::{DiskEvent, Observer};
use crate::sim::queue::Due;
use crate::sim::strike::Strike;

impl<P: Protocol, O: Observer<P>> World<P, O> {
    /// A fault of a node's disk begins. It acts whether the node is up or down; a disk that was
    /// instant has something to lose from now on.
    pub fn add_disk_fault(&mut self, id: NodeId, strike: impl Into<Strike>, fault: DiskFault) {
        let strike = strike.into();
        self.core.absorb_disk_fault(34, id, strike, &fault);
        self.core.instant_disk = false;
        let disk = &mut self.core.hosts[id.at()].disk;
        disk.hold(self.nodes[id.at()].stable());
        disk.add_fault(strike, fault);
    }

    /// A strike on disks ends; true if it acted on one. An fsync that waited for it finishes now.
    pub fn remove_disk_faults(&mut self, strike: impl Into<Strike>) -> bool {
        let strike = strike.into();
        let mut ended = false;
        for id in (0..self.len()).map(NodeId::from) {
            ended |= self.remove_disk_fault(id, strike);
        }
        ended
    }

    fn remove_disk_fault(&mut self, id: NodeId, strike: Strike) -> bool {
        let host = &mut self.core.hosts[id.at()];
        let Some(fault) = host.disk.remove_fault(strike) else { return false };
        if host.disk.is_overdue() {
            let incarnation = host.incarnation;
            self.core.queue.push(self.core.now, Due::Synced { node: id.0, incarnation });
        }
        self.core.absorb_disk_fault(35, id, strike, &fault);
        true
    }

    /// Damages a part of what a node's disk holds durably: of entries the one at `index`, or a
    /// random one. The node finds it when it restarts, if it has not replaced the part before.
    /// False if there is no such part.
    pub fn corrupt(
        &mut self,
        id: NodeId,
        strike: impl Into<Strike>,
        part: Part,
        index: Option<u64>,
        found: Found,
    ) -> bool {
        let (core, entity) = (&mut self.core, strike.into().luck_of(u64::from(id.0)));
        core.instant_disk = false;
        let draw = core.luck.draw(Purpose::Disk, entity, 0);
        let host = &mut core.hosts[id.at()];
        host.disk.hold(self.nodes[id.at()].stable());
        let Some((index, print)) = host.disk.locate(part, index, draw) else { return false };
        let damage = Damage { part, index, print, found, nodes: self.nodes.len() };
        host.disk.corrupt(damage);
        let up = host.up;
        core.absorb_deed(36, Digest::of([id.fingerprint(), damage.fingerprint()]));
        if !up {
            self.read_damages(id);
        }
        true
    }

    /// A node that is down shows what its disk holds.
    fn read_damages(&mut self, id: NodeId) {
        let (core, node) = (&mut self.core, &mut self.nodes[id.at()]);
        if let Some(state) = core.hosts[id.at()].disk.read_damages() {
            node.crash(Some(state));
            core.absorb_state(node);
            core.observer.disk(core.now, id, node, DiskEvent::Corrupted);
        }
    }

    /// The active faults of a node's disk, in the order of their strikes.
    pub fn disk_faults(&self, id: NodeId) -> impl Iterator<Item = &DiskFault> {
        self.core.hosts[id.at()].disk.faults().iter().map(|(_, fault)| fault)
    }

    /// A node's fsync has taken its time; false if it was lost in a crash, or waits for the end of
    /// a fault.
    pub(super) fn synced(&mut self, id: NodeId, incarnation: u32) -> bool {
        let core = &mut self.core;
        let host = &mut core.hosts[id.at()];
        if host.incarnation != incarnation {
            return false;
        }
        let synced = host.disk.finish();
        if synced == Synced::Not {
            return false;
        }
        core.digest.absorb(core.now.0, 5 << 56 | u64::from(id.0));
        core.begin_sync(id);
        let host = &mut core.hosts[id.at()];
        match synced {
            Synced::Failed(reason) if host.paused => {
                host.backlog.push_back(Backlog::DiskFailed(reason));
            }
            Synced::Failed(reason) => self.halt(id, reason),
            _ if host.queues => self.synced_meanwhile(id),
            _ => {
                let durable = host.disk.tell();
                core.observer.synced(core.now, id);
                self.step(id, Input::Persisted(durable));
            }
        }
        true
    }

    /// An fsync is done of a node that is paused, waits for it, or is busy. What a node waits for
    /// comes before anything else, and else it takes its turn.
    fn synced_meanwhile(&mut self, id: NodeId) {
        let host = &mut self.core.hosts[id.at()];
        if host.blocked && !host.disk.is_running() {
            host.blocked = false;
            host.settle();
            host.backlog.insert(usize::from(host.spent), Backlog::Synced);
        } else if !host.blocked {
            host.backlog.push_back(Backlog::Synced);
        }
        self.work(id);
    }
}

impl<P: Protocol, O: Observer<P>> Core<P, O> {
    /// A node asks to make everything that it wrote durable.
    #[inline(never)] // only with slow disks
    pub(super) fn sync(&mut self, id: NodeId) -> Durability {
        let instant = self.disk.is_instant();
        let disk = &mut self.hosts[id.at()].disk;
        if instant {
            match disk.sync_at_once() {
                Synced::Done => return Durability::Done,
                Synced::Failed(reason) => self.halted = Some(reason),
                Synced::Not => {}
            }
        }
        let durability = disk.sync();
        self.begin_sync(id);
        if self.disk.blocks && durability != Durability::Done {
            let host = &mut self.hosts[id.at()];
            host.blocked = host.disk.is_running();
            host.settle();
        }
        durability
    }

    /// Whether the writes up to `last` are durable at once if a node asks for it, as [`Core::sync`]
    /// will answer.
    pub(super) fn syncs_at_once(&self, id: NodeId, last: WriteId) -> bool {
        let disk = &self.hosts[id.at()].disk;
        let at_once = || self.disk.is_instant() && disk.syncs_at_once(last);
        self.instant_disk || at_once()
    }

    /// Begins the fsync that waits, if there is one and no other is running.
    pub(super) fn begin_sync(&mut self, id: NodeId) {
        let Some(sync) = self.hosts[id.at()].disk.begin() else { return };
        // Write and fsync have the same purpose, with two draws per fsync.
        let (entity, ordinal) = (u64::from(id.0), sync * 2);
        let write = self.disk.write.sample(self.luck.draw(Purpose::Disk, entity, ordinal));
        let fsync = self.disk.fsync.sample(self.luck.draw(Purpose::Disk, entity, ordinal + 1));
        let host = &self.hosts[id.at()];
        let mut span = Span(write.0.saturating_add(fsync.0));
        if !host.disk.faults().is_empty() {
            span = disk_faults::slowed(host.disk.faults(), span, self.luck, entity, sync);
        }
        let due = self.now + span;
        self.queue.push(due, Due::Synced { node: id.0, incarnation: host.incarnation });
    }

    fn absorb_disk_fault(&mut self, what: u64, id: NodeId, strike: Strike, fault: &DiskFault) {
        let luck = if let DiskFault::Slow { .. } = fault { strike.luck_of(0) } else { 0 };
        self.absorb_deed(what, Digest::of([id.fingerprint(), fault.fingerprint(), luck]));
    }
}
