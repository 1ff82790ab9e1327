//! Measures taken during a run, in memory that does not grow with it.

use super::availability::{Availability, Stretch};
use super::changes::Changes;
use super::elections::Elections;
use super::latency::Latency;
use super::series::Series;
use crate::clone::clone_by_field;
use crate::experiment::watch::{Watcher, Watches};
use crate::protocol::{Message, NodeId, OpId, Role, Status};
use crate::raft::RaftMessage;
use crate::replica::{Output, Replica, ReplicaMessage as _, ReplicaNote, Request, Wire};
use crate::sim::{Fate, Flight, HostEvent, Links, Observer, OpEvent, Time};

/// The number of message types.
pub const TYPES: usize = RaftMessage::KINDS.len();

/// Optional measures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extras {
    /// Whether to measure commit latencies.
    pub latency: bool,
    /// The width of the bins of a time series, if there is one.
    pub bins: Option<crate::protocol::Span>,
}

/// An observer that counts.
#[derive(Debug)]
pub struct Measures {
    /// The times when the cluster was available.
    pub availability: Availability,
    /// Candidacies and election wins.
    pub elections: Elections,
    /// Messages sent, by type.
    pub sent: [u64; TYPES],
    /// Their bytes, by type.
    pub bytes: [u64; TYPES],
    /// Messages that a cut, or the network, lost.
    pub lost_messages: u64,
    /// Counts of client operations and their outcomes.
    pub clients: Clients,
    /// Changes of the membership, and transfers.
    pub changes: Changes,
    /// The number of times that a node truncated its log.
    pub truncations: u64,
    /// The number of entries that were truncated.
    pub truncated_entries: u64,
    /// Times from a leader's append to its commit.
    pub latency: Option<Latency>,
    /// The time series.
    pub series: Option<Series>,
    wire: Wire,
}

clone_by_field!(
    [] Measures {
        availability, elections, sent, bytes, lost_messages, clients, changes,
        truncations, truncated_entries, latency, series, wire
    }
);

/// Counts of client operations and their outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clients {
    /// Writes that were requested, each counted once.
    pub proposals: u64,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Reads that were requested, each counted once.
    pub reads: u64,
    /// Reads that were answered.
    pub served: u64,
    /// Operations that are known to have failed.
    pub failed: u64,
    /// Operations with an unknown outcome.
    pub unknown: u64,
}

impl Measures {
    /// Measures for a cluster of this many nodes.
    pub fn new(nodes: usize, extras: Extras) -> Self {
        Self {
            availability: Availability::new(nodes),
            elections: Elections::default(),
            sent: [0; TYPES],
            bytes: [0; TYPES],
            lost_messages: 0,
            clients: Clients::default(),
            changes: Changes::default(),
            truncations: 0,
            truncated_entries: 0,
            latency: extras.latency.then(|| Latency::new(nodes)),
            series: extras.bins.map(Series::new),
            wire: Wire::default(),
        }
    }

    /// Begins anew, now: keeps which nodes lead and which are up, and sets counts to zero.
    pub fn restart(&mut self, now: Time) {
        self.availability.restart(now);
        self.elections.restart();
        self.sent = [0; TYPES];
        self.bytes = [0; TYPES];
        self.lost_messages = 0;
        self.clients = Clients::default();
        self.changes.restart();
        (self.truncations, self.truncated_entries) = (0, 0);
        if let Some(latency) = &mut self.latency {
            latency.restart();
        }
        if let Some(series) = &mut self.series {
            series.restart(now);
        }
    }

    /// Closes open intervals at the end of the run.
    pub fn finish(&mut self, end: Time) {
        let Some(series) = &mut self.series else { return };
        series.available(self.availability.last_span(end));
        series.finish(end);
    }

    /// A machine that is added later.
    pub fn make_room(&mut self, id: NodeId) {
        self.availability.make_room(id);
        if let Some(latency) = &mut self.latency {
            latency.make_room(id);
        }
    }

    fn available(&mut self, span: Option<Stretch>) {
        if let (Some(span), Some(series)) = (span, &mut self.series) {
            series.available(span);
        }
    }

    fn role(&mut self, now: Time, id: NodeId, role: Role, term: u64) {
        match role {
            Role::Candidate => {
                self.elections.stood(term, self.availability.is_available());
            }
            Role::PreCandidate => self.elections.asked += 1,
            Role::Leader => {
                self.elections.led(now, term, id);
                self.changes.led(now);
                if let Some(series) = &mut self.series {
                    series.at(now).elections += 1;
                }
            }
            Role::Follower => {}
        }
        let span = self.availability.leads(now, id, role == Role::Leader);
        self.available(span);
        if let Some(latency) = &mut self.latency {
            latency.leads(id, role == Role::Leader);
        }
    }

    fn committed(&mut self, now: Time, id: NodeId, last: u64) {
        if let Some(latency) = &mut self.latency {
            latency.committed(now, id, last);
        }
        if let Some(series) = &mut self.series {
            series.committed(now, last);
        }
    }
}

impl<P: Replica> Observer<P> for Measures {
    const SETTLED: bool = false;

    #[inline]
    fn sent(&mut self, now: Time, flight: &Flight<P::Message>) -> u32 {
        let kind = usize::from(flight.message.kind());
        self.sent[kind] += 1;
        self.bytes[kind] += flight.message.size(&self.wire);
        if let Some(series) = &mut self.series {
            series.at(now).sent += 1;
        }
        0
    }

    #[inline]
    fn ended(&mut self, _now: Time, _flight: &Flight<P::Message>, fate: Fate) {
        self.lost_messages += u64::from(matches!(fate, Fate::Cut | Fate::Lost));
    }

    #[inline]
    fn noted(&mut self, now: Time, id: NodeId, _node: &P, note: ReplicaNote) {
        match note {
            ReplicaNote::Role { role, term, .. } => self.role(now, id, role, term),
            ReplicaNote::Committed { last, .. } => self.committed(now, id, last),
            ReplicaNote::Appended { first, last, .. } => {
                if let Some(latency) = &mut self.latency {
                    latency.appended(now, id, first, last);
                }
            }
            ReplicaNote::Truncated { first, last } => {
                self.truncations += 1;
                self.truncated_entries += last + 1 - first;
            }
            ReplicaNote::Configured { members, .. } => {
                let span = self.availability.configured(now, id, members);
                self.available(span);
            }
            ReplicaNote::Voted { .. }
            | ReplicaNote::Session { .. }
            | ReplicaNote::Snapshot { .. }
            | ReplicaNote::Installed { .. }
            | ReplicaNote::Refused { .. } => {}
        }
    }

    fn host(&mut self, now: Time, id: NodeId, _node: &P, event: HostEvent) {
        let span = self.availability.host(now, id, event);
        self.available(span);
        if let (Some(latency), HostEvent::Crashed | HostEvent::Halted(_)) =
            (&mut self.latency, event)
        {
            latency.leads(id, false);
        }
    }

    fn links(&mut self, now: Time, links: &Links) {
        let span = self.availability.links(now, links);
        self.available(span);
    }

    #[inline]
    fn op(&mut self, now: Time, op: OpId, _client: u32, event: &OpEvent<'_, P>) {
        let by = match event {
            OpEvent::Invoked { request, again: false, .. } => {
                self.changes.requested(now, op, request, &self.availability);
                None
            }
            OpEvent::Ok { node, .. } => Some(*node),
            _ => None,
        };
        let ended = !matches!(event, OpEvent::Invoked { .. });
        let order = ended && self.changes.answered(now, op, by, &self.availability);
        let clients = &mut self.clients;
        match event {
            OpEvent::Invoked { request: Request::Write(_), again: false, .. } => {
                clients.proposals += 1;
            }
            OpEvent::Invoked { request: Request::Read { .. }, again: false, .. } => {
                clients.reads += 1;
            }
            OpEvent::Ok { output: Output::Written { .. }, .. } if !order => {
                clients.acknowledged += 1;
                if let Some(series) = &mut self.series {
                    series.at(now).acknowledged += 1;
                }
            }
            OpEvent::Ok { output: Output::Read { .. }, .. } => clients.served += 1,
            OpEvent::Failed { .. } => clients.failed += 1,
            OpEvent::Unknown { .. } => clients.unknown += 1,
            OpEvent::Invoked { .. }
            | OpEvent::Ok { output: Output::Done | Output::Written { .. }, .. } => {}
        }
    }
}

impl Watches for Measures {
    fn measure_by(&mut self, wire: &dyn Fn() -> Wire) {
        self.wire = wire();
    }

    fn measures(&self) -> Option<&Measures> {
        Some(self)
    }

    fn restart(&mut self, now: Time) {
        Measures::restart(self, now);
    }

    fn finish(&mut self, end: Time) {
        Measures::finish(self, end);
    }
}

impl<P: Replica> Watcher<P> for Measures {
    fn begin(&mut self, id: NodeId, node: &P) {
        self.make_room(id);
        let Status { role, term, last_index, .. } = node.status();
        if role == Role::Leader {
            self.elections.in_office(term, id);
            self.availability.leads(Time::ZERO, id, true);
            if let Some(latency) = &mut self.latency {
                latency.leads(id, true);
            }
        }
        if let Some(series) = &mut self.series {
            series.begins_with(node.status().commit_index.min(last_index));
        }
    }
}
