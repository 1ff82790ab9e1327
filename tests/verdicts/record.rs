//! Records everything that happens in a run, without judging it.

use raftlab::experiment::{Watcher, Watches};
use raftlab::protocol::{NodeId, OpId, Protocol, ReadPath, Role, Status};
use raftlab::raft::{Node, RaftMessage};
use raftlab::replica::{Entry, Op, Output, ReplicaNote, Request};
use raftlab::sim::{DiskEvent, Flight, HostEvent, Observer, OpEvent, Time};

/// An event.
#[derive(Clone, Debug)]
pub enum Event {
    /// The initial state of a node.
    Begins { status: Status, log: Vec<Entry> },
    /// A node sends a message, for the first time.
    Sends { to: NodeId, message: RaftMessage },
    /// A node changed. The entries are those that were appended.
    Notes { note: ReplicaNote, entries: Vec<Entry>, status: Status },
    /// A node's host changed. This is the log on its disk.
    Host { event: HostEvent, base: (u64, u64), log: Vec<Entry>, status: Status },
    /// A node's disk broke its word. The node is down; this is the log on its disk.
    Disk { base: (u64, u64), log: Vec<Entry>, status: Status },
    /// A node took or installed a snapshot that damage has altered.
    Alters,
    /// A client requests a read; `local` for a local read.
    Asks { op: OpId, local: bool },
    /// A client gets the result of its operation.
    Tells { op: OpId, output: Output },
    /// An operation of a load generator ended: its id will not be used again.
    Over { op: OpId },
    /// A node began to lie.
    Lies,
}

/// All events, in order.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub nodes: usize,
    pub events: Vec<(Time, NodeId, Event)>,
}

impl Record {
    pub fn new(nodes: usize) -> Self {
        Self { nodes, events: Vec::new() }
    }
}

impl Observer<Node> for Record {
    fn sent(&mut self, now: Time, flight: &Flight<RaftMessage>) -> u32 {
        if flight.id.copy == 0 {
            let event = Event::Sends { to: flight.id.to, message: flight.message.clone() };
            self.events.push((now, flight.id.from, event));
        }
        0
    }

    fn noted(&mut self, now: Time, id: NodeId, node: &Node, note: ReplicaNote) {
        let entries = match note {
            ReplicaNote::Appended { first, last, .. } => {
                (first..=last).filter_map(|index| node.log().get(index)).collect()
            }
            _ => Vec::new(),
        };
        self.events.push((now, id, Event::Notes { note, entries, status: node.status() }));
        let snapshot = matches!(note, ReplicaNote::Snapshot { .. } | ReplicaNote::Installed { .. });
        if snapshot && node.machine().is_altered() {
            self.events.push((now, id, Event::Alters));
        }
    }

    fn host(&mut self, now: Time, id: NodeId, node: &Node, event: HostEvent) {
        let base = (node.log().base().index, node.log().base().hash);
        let (log, status) = (node.log().entries().collect(), node.status());
        self.events.push((now, id, Event::Host { event, base, log, status }));
    }

    fn disk(&mut self, now: Time, id: NodeId, node: &Node, _: DiskEvent) {
        let base = (node.log().base().index, node.log().base().hash);
        let (log, status) = (node.log().entries().collect(), node.status());
        self.events.push((now, id, Event::Disk { base, log, status }));
    }

    fn op(&mut self, now: Time, op: OpId, client: u32, event: &OpEvent<'_, Node>) {
        let mut push = |node, event| self.events.push((now, node, event));
        match *event {
            OpEvent::Invoked { request, .. } => match request {
                Request::Read { via, .. } => {
                    push(NodeId(0), Event::Asks { op, local: *via == ReadPath::Local });
                }
                Request::Write(command) if matches!(command.op, Op::Get { .. }) => {
                    push(NodeId(0), Event::Asks { op, local: false });
                }
                _ => {}
            },
            OpEvent::Ok { node, output } => {
                push(node, Event::Tells { op, output: output.clone() });
            }
            OpEvent::Failed { .. } | OpEvent::Unknown { .. } => {}
        }
        if client != 0 && !matches!(event, OpEvent::Invoked { .. }) {
            push(NodeId(0), Event::Over { op });
        }
    }

    fn liar(&mut self, now: Time, id: NodeId, _: Option<&'static str>) {
        self.events.push((now, id, Event::Lies));
    }
}

impl Watches for Record {}

impl Watcher<Node> for Record {
    fn begin(&mut self, id: NodeId, node: &Node) {
        let (status, log) = (node.status(), node.log().entries().collect());
        debug_assert!(status.role != Role::Candidate);
        self.events.push((Time::ZERO, id, Event::Begins { status, log }));
    }
}
