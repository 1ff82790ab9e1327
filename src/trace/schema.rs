//! The schema: every table of the trace, with every column's kind, unit and meaning.
//!
//! The recorder, Arrow, Python and the documentation read this page and nothing else.

use super::events::Events;
use super::table::{codes, table, tables};
use crate::protocol::{Message, Role};
use crate::raft::RaftMessage;
use crate::sim::{Fate, HostEvent};

tables! {
    /// One row for each message that was sent, and for each copy of one.
    messages {
        sent_ms: Time, "ms", "when it was sent, or copied by hand";
        ended_ms: Time, "ms", "when it arrived or was lost; null while it is under way";
        due_ms: Time like ended_ms, "ms", "when it arrives if nothing stops it; null while it is held";
        from: Node, "", "the sender";
        to: Node, "", "the receiver";
        kind as "type": Name(RaftMessage::KINDS), "", "the kind of message, in the paper's terms";
        ordinal: Count, "", "how many messages the sender had sent to the receiver before";
        copy: Count, "", "0 for the message itself, 1 and up for copies of it";
        fate: Name(MessageFate::NAMES), "", "what became of it";
        term: Int, "", "the sender's term; in a PreVote the term that it would stand in";
        index: Count, "", "prevLogIndex, the candidate's lastLogIndex, or the index that a reply is about; 0 if none";
        index_term: Int, "", "the term of the entry at index; in a reply that refuses, of the entry to try next";
        entries: Count, "entries", "how many entries travel";
        commit_index: Count, "", "the leader's commitIndex; 0 in other messages";
        ok: Flag, "", "a reply that grants or succeeds; false in requests";
        size_bytes: Count, "bytes", "its length on the wire, with the bytes of the keys and values that it carries";
    }

    /// One row for each node at its beginning, and one whenever its state changes.
    nodes {
        time_ms: Time, "ms", "from when on";
        node: Node, "", "the node";
        term: Int, "", "currentTerm";
        role: Name(ROLES), "", "what the node takes itself for";
        voted_for: Node, "", "votedFor in this term; null if nobody";
        leader: Node, "", "whom the node takes for the leader; null if nobody";
        commit_index: Count, "", "commitIndex";
        last_applied: Count like commit_index, "", "lastApplied";
        last_index: Count, "", "the index of the last entry of the log; 0 if it is empty";
        last_term: Int, "", "the term of the last entry of the log; 0 if it is empty";
        up: Flag, "", "whether the node runs; one that is down shows what its disk holds";
        paused: Flag, "", "whether the node stands still";
    }

    /// One row for each stay of an entry in a node's log. An entry that is appended where another was
    /// truncated begins a new row; a restart begins none.
    entries {
        node: Node, "", "whose log";
        index: Count, "", "the index of the entry";
        term: Int, "", "the term in which a leader received it";
        key: Key, "", "the key that it is about; null if none";
        op: Name(COMMANDS), "", "what it does to the store";
        value: Value, "", "the value that it puts, sets or appends; null if none";
        expected: Value, "", "what a compare-and-set must find; null in others";
        client: Count, "", "the client whose session it carries; 0 if none";
        seq: Count, "", "the serial number in the session; 0 if none";
        appended_ms: Time, "ms", "when it came into this log, or came back by a crash that undid a truncation; null if before the trace began";
        truncated_ms: Time, "ms", "when it left this log, by truncation, by a crash before it was durable or with a wiped disk; null if it is there";
        committed_ms: Time, "ms", "when this node first knew it committed; null if it never did";
        applied_ms: Time like committed_ms, "ms", "when this node first applied it; null if it never did";
        hash: Word, "", "the hash of the log up to and including it: equal hashes mean equal logs up to here";
    }

    /// One row for each operation of a client, and for each order from the console.
    ops {
        op: Word, "", "its identifier; that of a load generator has the highest bit set, then client and ordinal";
        client: Count, "", "the client of a load generator, or of the session that it carries; 0 if neither";
        node: Node, "", "the node that was asked last, or that answered; null if no leader was found";
        kind: Name(RequestKind::NAMES), "", "what was asked";
        key: Key, "", "the key; null if none";
        value: Value, "", "the value to put, set or append; null if none";
        expected: Value, "", "what a compare-and-set must find; null in others";
        invoked_ms: Time, "ms", "when it was first asked";
        ended_ms: Time, "ms", "when the answer came; null while it is pending";
        status: Name(OpStatus::NAMES), "", "where it stands";
        reason: Reason, "", "why it failed or is unknown; null otherwise";
        attempts: Count, "", "how often it was asked";
        index: Count, "", "the index of its entry, or lastApplied where it was read; 0 if not known";
        term: Int, "", "the term of its entry; 0 if not known";
        result: Answer, "", "the items that were read, joined by commas, or whether a compare-and-set took effect; null if neither";
    }

    /// One row for each event that the world dispatched to a node, and for what nodes said of it.
    events in Events {
        time_ms: Time, "ms", "when";
        node: Node, "", "to whom it happened";
        kind: Name(EventKind::NAMES), "", "what happened";
        detail: Detail, "", "the message that arrived, the rule that refused, the role, the reason to halt; null if none";
        from: Node, "", "the sender, the candidate, whom was refused; null if nobody";
        term: Int, "", "the term of the message, of the vote, or of the node";
    }

    /// One row for each strike of a fault, and for each wait for somebody to strike.
    faults {
        start_ms: Time, "ms", "from when on";
        end_ms: Time, "ms", "until when; null if it has no end, or has not ended";
        handle: Count, "", "the handle by which it is healed";
        kind: Text, "", "which fault";
        detail: Text, "", "its settings";
        nodes: Text, "", "whom it hit, joined by commas; the groups of a partition with | between them, messages as senders → receivers; empty if nobody";
        outcome: Name(FaultOutcome::NAMES), "", "what came of it";
    }
}

table! {
    /// What reads returned, item by item; `ops.result` points here.
    items {
        value: Value, "", "an item";
    }
}

table! {
    /// The order of events.
    order {
        message: Row, "", "the message that arrived; none for another event";
    }
}

codes! {
    /// What became of a message.
    MessageFate {
        InFlight = "in_flight", "It is under way, or held.";
        Delivered = "delivered", "It arrived.";
        Cut = "cut", "A fault had cut the link, or cut it on the way.";
        Lost = "lost", "The network lost it.";
        ReceiverDown = "receiver_down", "The receiver was down.";
        Removed = "removed", "A person or an interceptor took it out.";
    }
}

impl From<Fate> for MessageFate {
    #[inline]
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Delivered => MessageFate::Delivered,
            Fate::Cut => MessageFate::Cut,
            Fate::Lost => MessageFate::Lost,
            Fate::ReceiverDown => MessageFate::ReceiverDown,
            Fate::Removed => MessageFate::Removed,
        }
    }
}

codes! {
    /// What a client or a person asks for.
    RequestKind {
        Noop = "noop", "An entry that does nothing.";
        Put = "put", "Set a key.";
        Get = "get", "Read a key in log order.";
        Cas = "cas", "Compare and set.";
        Append = "append", "Add an item to a key.";
        ReadLog = "read_log", "A read that names the log as its way.";
        ReadIndex = "read_index", "Read a key once a quorum has confirmed the leader.";
        Lease = "lease", "Read a key under the leader's lease.";
        Local = "local", "Read whatever the node has applied.";
        Campaign = "campaign", "Stand for election now.";
        Usurp = "usurp", "Lead the next term without asking.";
        ForgetVote = "forget_vote", "Forget whom the node voted for.";
    }
}

/// What an entry of the log can do: the first of [`RequestKind`].
pub const COMMANDS: &[&str] = RequestKind::NAMES.split_at(COMMAND_COUNT).0;
const COMMAND_COUNT: usize = RequestKind::ReadLog as usize;

codes! {
    /// Where an operation stands.
    OpStatus {
        Pending = "pending", "No answer yet.";
        Ok = "ok", "Done.";
        Failed = "failed", "Not done, and never will be.";
        Unknown = "unknown", "May have been done, or may yet be.";
    }
}

codes! {
    /// What happens at a node.
    EventKind {
        Arrival = "arrival", "A message arrived.";
        TimerElection = "timer_election", "The election timer ran out.";
        TimerHeartbeat = "timer_heartbeat", "The heartbeat timer ran out.";
        TimerQuorum = "timer_quorum", "The CheckQuorum timer ran out.";
        Fsync = "fsync", "An fsync finished.";
        Crashed = "crashed", "The node lost power.";
        Restarted = "restarted", "The node came back.";
        Paused = "paused", "The node stands still.";
        Resumed = "resumed", "The node goes on.";
        Wiped = "wiped", "The disk was emptied.";
        Halted = "halted", "The node stopped itself.";
        Role = "role", "The role or the term changed.";
        Voted = "voted", "The node voted.";
        Refused = "refused", "A rule refused a message.";
        SessionDuplicate = "session_duplicate", "A command had been applied before.";
        Snapshot = "snapshot", "The node took a snapshot of what it had applied.";
        Installed = "snapshot_installed", "The node installed its leader's snapshot.";
        Lies = "lies", "The node lies from now on.";
    }
}

impl EventKind {
    /// A timer of a Raft node that ran out, by its number.
    #[inline]
    pub fn timer(timer: u8) -> Self {
        match timer {
            0 => EventKind::TimerElection,
            1 => EventKind::TimerHeartbeat,
            _ => EventKind::TimerQuorum,
        }
    }
}

impl From<HostEvent> for EventKind {
    fn from(event: HostEvent) -> Self {
        match event {
            HostEvent::Crashed => EventKind::Crashed,
            HostEvent::Restarted => EventKind::Restarted,
            HostEvent::Paused => EventKind::Paused,
            HostEvent::Resumed => EventKind::Resumed,
            HostEvent::Wiped => EventKind::Wiped,
            HostEvent::Halted(_) => EventKind::Halted,
        }
    }
}

codes! {
    /// What came of a fault.
    FaultOutcome {
        Struck = "struck", "It acts, or acted.";
        Waited = "waited", "It waits, or waited, for somebody to strike.";
        Expired = "expired", "It waited in vain.";
    }
}

/// The roles, in the order of [`Role::ALL`].
pub const ROLES: &[&str] = &["follower", "precandidate", "candidate", "leader"];

const _: () = assert!(ROLES.len() == Role::ALL.len());

/// What each column of names can hold: table and column, the names, and their meanings.
pub const VALUES: &[(&str, &[&str], &[&str])] = &[
    ("messages.type", RaftMessage::KINDS, RaftMessage::MEANINGS),
    ("messages.fate", MessageFate::NAMES, MessageFate::MEANINGS),
    ("nodes.role", ROLES, ROLE_MEANINGS),
    ("entries.op", COMMANDS, RequestKind::MEANINGS.split_at(COMMAND_COUNT).0),
    ("ops.kind", RequestKind::NAMES, RequestKind::MEANINGS),
    ("ops.status", OpStatus::NAMES, OpStatus::MEANINGS),
    ("events.kind", EventKind::NAMES, EventKind::MEANINGS),
    ("faults.outcome", FaultOutcome::NAMES, FaultOutcome::MEANINGS),
];

const ROLE_MEANINGS: &[&str] = &[
    "It follows a leader, or waits for one.",
    "It asks whether it would win an election, and has not raised its term (PreVote).",
    "It has raised its term and asks for votes.",
    "It leads its term, by its own opinion: another node may lead a later one.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::node;
    use crate::trace::DEFAULT_MAX_ROWS;
    use crate::trace::kind::Kind;

    #[test]
    fn codes_bear_the_names_of_the_world() {
        for fate in Fate::ALL {
            assert_eq!(MessageFate::from(fate).name(), fate.name());
        }
        for role in Role::ALL {
            assert_eq!(ROLES[role as usize], role.name());
        }
        for event in [HostEvent::Crashed, HostEvent::Wiped, HostEvent::Halted("")] {
            assert_eq!(EventKind::from(event).name(), event.name());
        }
        assert_eq!(EventKind::timer(node::ELECTION.0), EventKind::TimerElection);
        assert_eq!(EventKind::timer(node::HEARTBEAT.0), EventKind::TimerHeartbeat);
        assert_eq!(EventKind::timer(node::QUORUM.0), EventKind::TimerQuorum);
        assert_eq!(COMMANDS, ["noop", "put", "get", "cas", "append"]);
    }

    #[test]
    fn every_name_in_a_table_has_a_meaning() {
        let columns = TABLES.iter().flat_map(|table| {
            table.columns.iter().filter_map(|column| match column.kind {
                Kind::Name(names) => Some((format!("{}.{}", table.name, column.name), names)),
                _ => None,
            })
        });
        let listed = VALUES.iter().map(|(column, names, _)| ((*column).to_owned(), *names));
        assert_eq!(columns.collect::<Vec<_>>(), listed.collect::<Vec<_>>());
        for (column, names, meanings) in VALUES {
            assert_eq!(names.len(), meanings.len(), "{column}");
            assert!(meanings.iter().all(|meaning| meaning.ends_with('.')), "{column}");
        }
    }

    #[test]
    fn every_column_says_what_it_means() {
        for table in TABLES {
            assert!(table.doc.starts_with("One row") && table.doc.ends_with('.'));
            for column in table.columns {
                assert!(!column.meaning.is_empty(), "{}.{}", table.name, column.name);
                assert_eq!(column.name.ends_with("_ms"), column.unit == "ms", "{}", column.name);
            }
        }
        let names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        assert_eq!(names, ["messages", "nodes", "entries", "ops", "events", "faults"]);
        assert_eq!(messages::SCHEMA.columns[5].name, "type");
    }

    #[test]
    fn full_tables_fit_in_eight_gibibytes() {
        let columns = TABLES.iter().flat_map(|table| table.columns);
        // Beside the tables: where each entry stands, what reads returned, and the order of events.
        let row: usize = columns.map(|column| column.width).sum::<usize>() + 4 + 4 + 4;
        assert!(row * DEFAULT_MAX_ROWS < 8 << 30, "{row} bytes a row");
    }
}
