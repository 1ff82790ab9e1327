//! Properties, checked after every event.
//!
//! [`Checks`] observes a world of Raft nodes and knows more than any node: all elections, all
//! commits and all answers to clients. It compares each event with these, in constant time: a
//! prefix hash per entry, which each node computes for itself, shows whether two logs are equal up
//! to an index, so that no check reads a whole log.
//!
//! [`PROPERTIES`] is the list of properties. The checks by subject: `elections` (leaders, terms,
//! votes), `logs` (entries, commits, crashes), `clients` (acknowledged writes, sessions, reads).
//! What they compare with: `witness` (one node's past), `reigns` (leaders with their logs),
//! `ledger` (the commits of the cluster), `prefixes` (every entry ever appended).
//!
//! Properties quantify over honest nodes and clients. A node is honest until its first lie, and a
//! liar from then on. A contradiction between two nodes (two leaders, two logs, two commits) counts
//! if both are honest; an election that loses commits of honest nodes counts even if the leader
//! lies. Entries that only liars have committed do not count as committed until an honest node
//! commits them.

mod clients;
mod elections;
mod faults;
mod findings;
mod ledger;
mod logs;
mod prefixes;
mod properties;
mod reigns;
mod story;
mod violation;
mod witness;

pub use faults::{Ends, Force};
pub use properties::{PROPERTIES, Property, PropertyInfo};
pub use story::{Moment, Names, Numbers, What};
pub use violation::{Breach, Place, Violation};

use self::clients::Clients;
use self::faults::Faults;
use self::findings::Findings;
use self::ledger::Ledger;
use self::prefixes::Prefixes;
use self::reigns::Reigns;
use self::story::{Placed, Stamp, story};
use self::witness::Witness;
use crate::protocol::{NodeId, NodeSet, OpId, Role};
use crate::replica::{Command, Promise, Replica, ReplicaMessage as _, ReplicaNote};

use crate::sim::{
    ClockEvent, DiskEvent, Flight, HostEvent, Links, MessageId, Observer, OpEvent, Time,
};

/// Options of the checks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Whether local reads ([`crate::protocol::ReadPath::Local`]) may be stale, as their clients
    /// expect. Stale ones are then counted ([`Checks::stale_local_reads`]) instead of being
    /// violations of `linearizable_reads`.
    pub allow_stale_local: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { allow_stale_local: true }
    }
}

/// The observer that checks every property of [`PROPERTIES`].
#[derive(Clone, Debug)]
pub struct Checks {
    options: Options,
    liars: NodeSet,
    nodes: Vec<Witness>,
    reigns: Reigns,
    prefixes: Prefixes,
    ledger: Ledger,
    /// Histories of snapshots that differ from the commits of honest nodes.
    snapshots: Vec<Vec<u64>>,
    clients: Clients,
    findings: Findings,
    faults: Faults,
    /// The time of the last recorded moment.
    stamp: Stamp,
}

impl Checks {
    /// For a cluster of this many nodes, which all begin with an empty disk unless
    /// [`Checks::begin`] is called.
    pub fn new(nodes: usize) -> Self {
        Self::with_options(nodes, Options::default())
    }

    /// The same with options.
    pub fn with_options(nodes: usize, options: Options) -> Self {
        Self {
            options,
            liars: NodeSet::default(),
            nodes: vec![Witness::default(); nodes],
            reigns: Reigns::default(),
            prefixes: Prefixes::default(),
            ledger: Ledger::default(),
            snapshots: Vec::new(),
            clients: Clients::default(),
            findings: Findings::default(),
            faults: Faults::default(),
            stamp: Stamp::default(),
        }
    }

    /// Sets the initial state of a node: term, vote, log, commits, and whether it leads. To be
    /// called for every such node before the world is made.
    pub fn begin(&mut self, id: NodeId, node: &impl Replica) {
        let status = node.status();
        if self.nodes.len() <= id.at() {
            self.nodes.resize_with(id.at() + 1, Witness::default); // it is added later
        }
        let witness = &mut self.nodes[id.at()];
        (witness.role, witness.term) = (status.role, status.term);
        witness.promised.term = status.term;
        if let Some(candidate) = status.voted_for {
            witness.vote(status.term, candidate);
        }
        witness.see(node.log());
        if let Some(head) = node.log().head(status.last_index) {
            self.match_prefixes(Time::ZERO, id, node, (1, status.last_index), head);
        }
        if status.commit_index > 0 {
            self.nodes[id.at()].commit = status.commit_index;
            self.commit(Time::ZERO, id, node, 1, status.commit_index);
        }
        if status.role == Role::Leader {
            self.elected(Time::ZERO, id, status.term);
        }
    }

    /// The violations, in order, each once; at most 1000 ([`Checks::beyond`]).
    pub fn violations(&self) -> &[Violation] {
        &self.findings.honest.violations
    }

    /// Violations in the state and messages of liars only.
    pub fn liar_violations(&self) -> &[Violation] {
        &self.findings.liars.violations
    }

    /// The number of violations that are not in [`Checks::violations`], because it was full.
    pub fn beyond(&self) -> u64 {
        self.findings.honest.beyond
    }

    /// The first violation.
    pub fn first(&self) -> Option<&Violation> {
        self.violations().first()
    }

    /// The number of times that each property was checked. A property with 0 was never checked, so
    /// that the run shows nothing about it.
    pub fn coverage(&self) -> Vec<(&'static str, u64)> {
        Property::ALL.iter().map(|p| (p.name(), self.findings.count(*p))).collect()
    }

    /// The number of lost writes: acknowledged writes that are missing from the log of a leader of
    /// a later term, or from the committed log of an honest node. A write that a liar acknowledged
    /// counts once an honest node commits it.
    pub fn lost_writes(&self) -> u64 {
        self.clients.lost_writes()
    }

    /// The number of local reads that were older than what a client knew before they began.
    pub fn stale_local_reads(&self) -> u64 {
        self.clients.stale_local_reads()
    }

    fn is_honest(&self, id: NodeId) -> bool {
        !self.liars.contains(id)
    }

    /// The position of the present event.
    #[inline]
    fn next_stamp(&mut self, now: Time) -> Stamp {
        self.stamp = self.stamp.next(now);
        self.stamp
    }

    fn remember(&mut self, time: Time, node: NodeId, what: What) {
        let stamp = self.next_stamp(time);
        self.nodes[node.at()].moments.push(Placed { stamp, node, what });
    }

    /// Reports a violation; `honest` is false if only a liar's own state or messages are wrong.
    #[cold]
    fn violated(&mut self, now: Time, breach: Breach, honest: bool, command: Option<Command>) {
        let (nodes, ledger, faults) = (&self.nodes, &self.ledger, &self.faults);
        self.findings.report(now, breach, honest, command, |breach| {
            let involved = breach.nodes();
            let own = involved.iter().flat_map(|id| nodes[id.at()].moments.iter());
            let others = (0..nodes.len()).map(NodeId::from).filter(|id| !involved.contains(id));
            let others = others.flat_map(|id| breach.elsewhere(&nodes[id.at()].moments));
            let committed = breach.index().and_then(|index| Some((index, ledger.get(index)?)));
            let committed = committed.map(|(index, entry)| Placed {
                stamp: entry.at,
                node: entry.by,
                what: What::Committed { index, term: entry.term },
            });
            story(own.chain(others).chain(committed), |since| {
                faults.since(since, &involved, nodes.len())
            })
        });
    }
}

/// Fingerprint of a command.
#[inline]
fn print(command: &Command) -> u32 {
    (command.fingerprint() >> 32) as u32
}

impl<P: Replica> Observer<P> for Checks {
    #[inline]
    fn sent(&mut self, now: Time, flight: &Flight<P::Message>) -> u32 {
        let MessageId { from, to, copy, .. } = flight.id;
        if copy != 0 {
            return 0; // a copy: the node sent the message once
        }
        match flight.message.promise() {
            Promise::Nothing => {}
            Promise::Log { term, index } => self.nodes[from.at()].acknowledge(term, index),
            Promise::OwnVote { term } => self.vote(now, from, term, from),
            Promise::Vote { term } => self.vote(now, from, term, to),
        }
        0
    }

    #[inline]
    fn noted(&mut self, now: Time, id: NodeId, node: &P, note: ReplicaNote) {
        match note {
            ReplicaNote::Appended { first, last, .. } => self.appended(now, id, node, first, last),
            ReplicaNote::Committed { first, last } => self.committed(now, id, node, first, last),
            ReplicaNote::Session { client, seq, index, fresh: true } => {
                self.took_effect(now, id, node, (client, seq), index);
            }
            ReplicaNote::Truncated { first, last } => self.truncated(now, id, node, first, last),
            ReplicaNote::Role { role, term, .. } => self.role_changed(now, id, role, term),
            ReplicaNote::Voted { term, candidate } => self.voted(now, id, term, candidate),
            ReplicaNote::Snapshot { index } => self.covered(now, id, node, index),
            ReplicaNote::Installed { first, index, hash } => {
                self.installed(now, id, node, (first, index, hash));
            }
            ReplicaNote::Session { fresh: false, .. }
            | ReplicaNote::Configured { .. }
            | ReplicaNote::Refused { .. } => {}
        }
    }

    fn host(&mut self, now: Time, id: NodeId, node: &P, event: HostEvent) {
        self.remember(now, id, What::Host(event));
        match event {
            HostEvent::Crashed | HostEvent::Halted(_) => self.crashed(now, id, node),
            HostEvent::Wiped => self.wiped(id),
            HostEvent::Added | HostEvent::Restarted | HostEvent::Paused | HostEvent::Resumed => {}
        }
    }

    fn disk(&mut self, now: Time, id: NodeId, node: &P, event: DiskEvent) {
        self.remember(now, id, What::Disk(event));
        self.disk_lost(id, node);
        if event == DiskEvent::Corrupted {
            self.corrupted(now, id, node);
        }
    }

    fn clock(&mut self, now: Time, id: NodeId, event: ClockEvent) {
        let stamp = self.next_stamp(now);
        self.faults.clock_changed(stamp, id, event);
    }

    fn links(&mut self, now: Time, links: &Links) {
        let stamp = self.next_stamp(now);
        self.faults.links_changed(stamp, links);
    }

    fn op(&mut self, now: Time, op: OpId, client: u32, event: &OpEvent<'_, P>) {
        match *event {
            OpEvent::Invoked { request, .. } => self.clients.invoked(op, request),
            OpEvent::Ok { node, output } => self.answered(now, op, client, node, output),
            OpEvent::Failed { .. } | OpEvent::Unknown { .. } => self.clients.ended(op, client),
        }
    }

    fn liar(&mut self, now: Time, id: NodeId, deed: Option<&'static str>) {
        self.liars.insert(id);
        self.remember(now, id, What::Lied(deed));
    }
}
