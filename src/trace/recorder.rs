//! The observer that records the trace.

use super::faults::Faults;
use super::kind::{NO_LABEL, NOBODY};
use super::lives::Lives;
use super::moment::Moment;
use super::ops::Operations;
use super::schema::{EventKind, MessageFate, Tables, events, members, messages, nodes};
use super::store::NO_ROW;
use super::{Ceiling, Level};
use crate::protocol::{Message, NodeId, OpId, Status};
use crate::raft::RaftMessage;
use crate::replica::{MAX_MEMBERS, Members, Replica, ReplicaMessage as _, ReplicaNote, Wire};
use crate::sim::{DiskEvent, Fate, Flight, HostEvent, Observer, OpEvent, Time};

/// Observes a world of Raft nodes and records its events.
///
/// In a pair of observers the recorder must come first: messages carry the row that it assigns.
#[derive(Clone, Debug)]
pub struct Recorder {
    level: Level,
    tables: Tables,
    hosts: Vec<Host>,
    /// The time of the last record.
    last: Moment,
    /// The due time of the last message that was sent.
    due: Moment,
    /// The row of the event that is being handled.
    cause: u32,
    /// The row of the event that was handled last.
    handled: u32,
    lives: Lives,
    operations: Operations,
    pub(super) faults: Faults,
    details: Labels,
    reasons: Labels,
    wire: Wire,
}

/// The recorder's view of a node.
#[derive(Clone, Copy, Debug)]
struct Host {
    up: bool,
    paused: bool,
    /// Its last row, if still valid. Not the status from which the row was made: that was just
    /// written in bytes and words, and reading it back in larger units would stall the processor.
    shown: Option<nodes::Row>,
}

impl Recorder {
    /// A recorder for a cluster of this many nodes, with at most `max_rows` rows per table.
    pub fn new(nodes: usize, level: Level, max_rows: usize) -> Self {
        Self {
            level,
            tables: Tables::new(max_rows),
            hosts: vec![Host { up: true, paused: false, shown: None }; nodes],
            last: Moment::BEGINNING,
            due: Moment::BEGINNING,
            cause: NO_ROW,
            handled: NO_ROW,
            lives: Lives::new(nodes),
            operations: Operations::new(max_rows),
            faults: Faults::default(),
            details: Labels(RaftMessage::KINDS.to_vec()),
            reasons: Labels(Vec::new()),
            wire: Wire::default(),
        }
    }

    /// Sets the lengths of texts, to measure messages.
    pub fn set_wire(&mut self, wire: Wire) {
        self.wire = wire;
    }

    /// Records the initial log of a node. To be called before the world begins, since notes report
    /// only later entries.
    pub fn begin(&mut self, id: NodeId, node: &impl Replica) {
        while self.hosts.len() <= id.at() {
            self.hosts.push(Host { up: true, paused: false, shown: None });
            self.lives.make_room();
        }
        if self.records_states() {
            self.lives.begin(&mut self.tables.entries, id, node);
            let (index, now) = node.membership();
            if let Some(members) = Members::of(now).filter(|_| !now.voters.is_empty()) {
                self.configured(Moment::BEGINNING, id, index, members);
            }
        }
    }

    /// The level of the trace.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The recorded tables.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The number of rows of the longest table.
    pub fn rows(&self) -> usize {
        self.tables.all().iter().map(|table| table.rows()).max().unwrap_or(0)
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        self.hosts.len()
    }

    /// The tables that reached their limit.
    pub fn ceilings(&self) -> Vec<Ceiling> {
        let full = |table: &&dyn super::table::Rows| {
            let (table, rows) = (table.schema().name, table.rows());
            move |since| Ceiling { table, rows, since }
        };
        self.tables.all().iter().filter_map(|t| t.full_since().map(full(t))).collect()
    }

    /// The details of events. The kinds of message come first.
    pub fn details(&self) -> &[&'static str] {
        &self.details.0
    }

    /// The reasons why operations failed.
    pub fn reasons(&self) -> &[&'static str] {
        &self.reasons.0
    }

    /// The texts that columns of free text refer to.
    pub fn texts(&self) -> &[String] {
        self.faults.texts()
    }

    /// The items that reads returned.
    pub fn items(&self) -> &super::Store<super::schema::items::Row> {
        self.operations.items()
    }

    pub(super) fn records_states(&self) -> bool {
        self.level != Level::Off
    }

    pub(super) fn tables_mut(&mut self) -> &mut Tables {
        &mut self.tables
    }

    /// Writes a row if the node's state differs from its last row.
    #[inline]
    fn show(&mut self, now: Time, id: NodeId, status: &Status) {
        let host = &self.hosts[id.at()];
        if !host.shown.as_ref().is_some_and(|shown| says(shown, status)) {
            self.show_anew(now, id, status);
        }
    }

    #[inline(never)]
    fn show_anew(&mut self, now: Time, id: NodeId, status: &Status) {
        let now = self.last.moved_to(now);
        let host = &mut self.hosts[id.at()];
        let row = nodes::Row {
            time_ms: now.ms,
            node: node_code(id),
            term: int(status.term),
            role: status.role as i8,
            voted_for: status.voted_for.map_or(NOBODY, node_code),
            leader: status.leader.map_or(NOBODY, node_code),
            commit_index: count(status.commit_index),
            last_applied: count(status.last_applied),
            last_index: count(status.last_index),
            last_term: int(status.last_term),
            up: u8::from(host.up),
            paused: u8::from(host.paused),
        };
        self.tables.nodes.push(now.time, row);
        host.shown = Some(row);
    }

    /// Records the configuration that is now in force on a node.
    fn configured(&mut self, now: Moment, id: NodeId, index: u64, found: Members) {
        let [voters, outgoing, learners] = found.words();
        let row = members::Row {
            time_ms: now.ms,
            node: node_code(id),
            index: count(index),
            voters,
            outgoing,
            learners: learners & !(1 << MAX_MEMBERS),
        };
        self.tables.members.push(now.time, row);
    }

    /// Records an event: its row.
    fn event(&mut self, now: Time, id: NodeId, kind: EventKind, detail: Detail, term: i64) -> u32 {
        let now = self.last.moved_to(now);
        let row = events::Row {
            time_ms: now.ms,
            node: node_code(id),
            kind: kind.code(),
            detail: match detail.label {
                Some(label) => self.details.code(label),
                None => NO_LABEL,
            },
            from: detail.from.map_or(NOBODY, node_code),
            term,
            why: match detail.why {
                Some(why) => self.details.code(why),
                None => NO_LABEL,
            },
            cause: self.cause,
        };
        self.tables.events.push(now.time, row)
    }

    /// Records an event that a node is about to handle: the cause of what follows.
    fn begins(&mut self, now: Time, id: NodeId, kind: EventKind, detail: Detail) {
        self.cause = NO_ROW;
        self.cause = self.event(now, id, kind, detail, self.term(id));
    }

    fn term(&self, id: NodeId) -> i64 {
        self.hosts[id.at()].shown.map_or(0, |row| row.term)
    }
}

impl<P: Replica> Observer<P> for Recorder {
    #[inline]
    fn sent(&mut self, now: Time, flight: &Flight<P::Message>) -> u32 {
        if self.level != Level::Full {
            return NO_ROW;
        }
        let bytes = flight.message.size(&self.wire); // first: later it would spill registers
        let (now, due) = (self.last.moved_to(now), self.due.moved_to(flight.due));
        let fields = flight.message.fields();
        let row = messages::Row {
            sent_ms: now.ms,
            ended_ms: f64::NAN,
            due_ms: due.ms,
            from: node_code(flight.id.from),
            to: node_code(flight.id.to),
            kind: flight.message.kind() as i8,
            ordinal: count(flight.id.ordinal),
            copy: i32::from(flight.id.copy),
            fate: MessageFate::InFlight.code(),
            term: int(fields.term),
            index: count(fields.index),
            index_term: int(fields.index_term),
            entries: count(u64::from(fields.entries)),
            commit_index: count(fields.commit_index),
            ok: u8::from(fields.ok),
            size_bytes: count(bytes),
            cause: self.cause,
        };
        self.tables.messages.push(now.time, row)
    }

    fn rescheduled(&mut self, _now: Time, flight: &Flight<P::Message>) {
        let due = self.due.moved_to(flight.due);
        self.tables.messages.update(flight.row, |message| *message.due_ms = due.ms);
    }

    #[inline(always)] // one caller, in which it spills no registers
    fn ended(&mut self, now: Time, flight: &Flight<P::Message>, fate: Fate) {
        if self.level != Level::Full {
            return;
        }
        let now = self.last.moved_to(now);
        self.tables.messages.update(flight.row, |message| {
            *message.ended_ms = now.ms;
            *message.fate = MessageFate::from(fate).code();
        });
        if fate == Fate::Delivered {
            self.cause = self.tables.events.arrived(now, flight);
        }
    }

    #[inline(always)] // into the only caller where it is frequent
    fn noted(&mut self, now: Time, id: NodeId, node: &P, note: ReplicaNote) {
        if self.level == Level::Off {
            return;
        }
        let at = self.last.moved_to(now);
        let entries = &mut self.tables.entries;
        match note {
            ReplicaNote::Appended { first, last, .. } => {
                self.lives.appended(entries, at, id, node.log(), first, last);
            }
            ReplicaNote::Committed { first, last } => {
                self.lives.committed(entries, at, id, first, last);
            }
            ReplicaNote::Truncated { first, .. } => self.lives.truncated(entries, at, id, first),
            ReplicaNote::Installed { first, index, .. } => {
                self.lives.installed(entries, at, id, first, index);
                self.said(now, id, node, note);
            }
            ReplicaNote::Configured { index, members } => {
                self.configured(at, id, index, members);
                self.said(now, id, node, note);
            }
            ReplicaNote::Role { .. }
            | ReplicaNote::Voted { .. }
            | ReplicaNote::Session { .. }
            | ReplicaNote::Snapshot { .. }
            | ReplicaNote::Refused { .. } => self.said(now, id, node, note),
        }
    }

    #[inline(always)] // so that the unused earlier state is not computed
    fn settled(&mut self, now: Time, id: NodeId, _before: &Status, after: &Status) {
        (self.handled, self.cause) = (self.cause, NO_ROW);
        if self.records_states() {
            self.show(now, id, after);
        }
    }

    #[inline]
    fn timer(&mut self, now: Time, id: NodeId, timer: u8) {
        if self.level == Level::Full {
            self.begins(now, id, EventKind::timer(timer), Detail::default());
        }
    }

    #[inline]
    fn synced(&mut self, now: Time, id: NodeId) {
        if self.level == Level::Full {
            self.begins(now, id, EventKind::Fsync, Detail::default());
        }
    }

    #[inline]
    fn requested(&mut self, now: Time, id: NodeId) {
        if self.level == Level::Full {
            self.begins(now, id, EventKind::Request, Detail::default());
        }
    }

    fn host(&mut self, now: Time, id: NodeId, node: &P, event: HostEvent) {
        if !self.records_states() {
            return;
        }
        let at = self.last.moved_to(now);
        let host = &mut self.hosts[id.at()];
        host.shown = None; // `up` or `paused` has changed, which needs a new row
        match event {
            HostEvent::Crashed | HostEvent::Halted(_) | HostEvent::Wiped => {
                (host.up, host.paused) = (false, false);
                self.lives.survived(&mut self.tables.entries, at, id, node.log());
            }
            HostEvent::Added | HostEvent::Restarted => host.up = true,
            HostEvent::Paused => host.paused = true,
            HostEvent::Resumed => host.paused = false,
        }
        self.show(now, id, &crate::protocol::Protocol::status(node));
        if self.level == Level::Full {
            let (label, cause) = match event {
                HostEvent::Halted(reason) => (Some(reason), self.handled),
                _ => (None, NO_ROW),
            };
            self.cause = cause;
            let detail = Detail { label, ..Detail::default() };
            let row = self.event(now, id, event.into(), detail, int(node.term()));
            // A node that is added or restarts starts now.
            let starts = matches!(event, HostEvent::Added | HostEvent::Restarted);
            self.cause = if starts { row } else { NO_ROW };
        }
    }

    fn disk(&mut self, now: Time, id: NodeId, node: &P, event: DiskEvent) {
        if !self.records_states() {
            return;
        }
        let at = self.last.moved_to(now);
        if event == DiskEvent::Corrupted {
            self.lives.survived(&mut self.tables.entries, at, id, node.log());
            self.hosts[id.at()].up = false;
            self.show(now, id, &crate::protocol::Protocol::status(node));
        }
        if self.level == Level::Full {
            self.cause = NO_ROW;
            self.event(now, id, event.into(), Detail::default(), int(node.term()));
        }
    }

    #[inline]
    fn op(&mut self, now: Time, op: OpId, client: u32, event: &OpEvent<'_, P>) {
        if self.records_states() {
            let (now, ops) = (self.last.moved_to(now), &mut self.tables.ops);
            self.operations.record(ops, &mut self.reasons, (now, op, client), event);
        }
    }

    fn liar(&mut self, now: Time, id: NodeId, deed: Option<&'static str>) {
        if self.level == Level::Full {
            let detail = Detail { label: deed, ..Detail::default() };
            self.event(now, id, EventKind::Lies, detail, self.term(id));
        }
    }
}

impl Recorder {
    /// Records a note that does not concern the log.
    #[inline(never)]
    fn said(&mut self, now: Time, id: NodeId, node: &impl Replica, note: ReplicaNote) {
        if self.level != Level::Full {
            return;
        }
        match note {
            ReplicaNote::Role { role, term, why } => {
                let (label, from) = (Some(role.name()), why.from());
                let detail = Detail { label, from, why: Some(why.name()) };
                self.event(now, id, EventKind::Role, detail, int(term));
            }
            ReplicaNote::Voted { term, candidate } => {
                let detail = Detail { from: Some(candidate), ..Detail::default() };
                self.event(now, id, EventKind::Voted, detail, int(term));
            }
            ReplicaNote::Refused { from, why } => {
                let detail = Detail { label: Some(why.name()), from: Some(from), why: None };
                self.event(now, id, EventKind::Refused, detail, int(node.term()));
            }
            ReplicaNote::Session { fresh: false, .. } => {
                self.event(
                    now,
                    id,
                    EventKind::SessionDuplicate,
                    Detail::default(),
                    int(node.term()),
                );
            }
            ReplicaNote::Snapshot { .. } => {
                self.event(now, id, EventKind::Snapshot, Detail::default(), int(node.term()));
            }
            ReplicaNote::Installed { .. } => {
                self.event(now, id, EventKind::Installed, Detail::default(), int(node.term()));
            }
            ReplicaNote::Configured { .. } => {
                self.event(now, id, EventKind::Configured, Detail::default(), int(node.term()));
            }
            ReplicaNote::Session { .. }
            | ReplicaNote::Appended { .. }
            | ReplicaNote::Truncated { .. }
            | ReplicaNote::Committed { .. } => {}
        }
    }
}

/// The columns of an event besides time and node.
#[derive(Clone, Copy, Default)]
struct Detail {
    label: Option<&'static str>,
    from: Option<NodeId>,
    why: Option<&'static str>,
}

/// Constant texts of the program, in order of first use.
#[derive(Clone, Debug)]
pub(super) struct Labels(Vec<&'static str>);

impl Labels {
    /// The code of a text in the column. There are at most a few dozen.
    pub(super) fn code(&mut self, label: &'static str) -> i16 {
        let at = self.0.iter().position(|known| *known == label).unwrap_or_else(|| {
            self.0.push(label);
            self.0.len() - 1
        });
        i16::try_from(at).unwrap_or(NO_LABEL)
    }
}

/// The cell of a node.
#[inline]
pub(super) fn node_code(id: NodeId) -> i16 {
    i16::from(id.0)
}

/// The cell of a term. It is clamped, since a liar can claim a term beyond the column's range.
#[inline]
pub(super) fn int(number: u64) -> i64 {
    number.min(i64::MAX as u64) as i64
}

/// The cell of an index or a count.
#[inline]
pub(super) fn count(number: u64) -> i32 {
    number.min(i32::MAX as u64) as i32
}

/// Whether a node's row matches its state.
#[inline]
fn says(row: &nodes::Row, status: &Status) -> bool {
    // The fields that change most often come first, so that most differences are found at once.
    row.last_index == count(status.last_index)
        && row.commit_index == count(status.commit_index)
        && row.last_applied == count(status.last_applied)
        && row.term == int(status.term)
        && row.last_term == int(status.last_term)
        && row.role == status.role as i8
        && row.voted_for == status.voted_for.map_or(NOBODY, node_code)
        && row.leader == status.leader.map_or(NOBODY, node_code)
}
