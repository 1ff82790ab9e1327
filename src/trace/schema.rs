//! The schema: every table of the trace, with every column's kind, unit and meaning.
//!
//! The recorder, the Arrow export, Python and the documentation are all generated from this file.

use super::events::Events;
use super::table::{codes, table, tables};
use crate::protocol::{Message, Role};
use crate::raft::RaftMessage;
use crate::sim::{DiskEvent, Fate, HostEvent};

tables! {
    /// One row for each message that was sent, and for each copy of one.
    messages {
        sent_ms: Time, "ms", "when it was sent, or, for a copy made by hand, when it was copied";
        ended_ms: Time, "ms", "when it arrived or was lost; null while it is in flight";
        due_ms: Time like ended_ms, "ms", "when it will arrive, or would have arrived, if nothing stops it; null while it is held";
        from: Node, "", "the sender";
        to: Node, "", "the receiver";
        kind as "type": Name(RaftMessage::KINDS), "", "the kind of message, in the paper's terms";
        ordinal: Count, "", "the number of messages that the sender had sent to this receiver before";
        copy: Count, "", "0 for the original, 1 and up for its copies";
        fate: Name(MessageFate::NAMES), "", "what happened to it";
        term: Int, "", "the sender's term; in a PreVote the term in which it would start an election";
        index: Count, "", "prevLogIndex, the candidate's lastLogIndex, or the index that a reply refers to; 0 if none";
        index_term: Int, "", "the term of the entry at index; in a rejection, the term of the entry to try next";
        entries: Count, "entries", "the number of entries that it carries";
        commit_index: Count, "", "the leader's commitIndex; 0 in other messages";
        ok: Flag, "", "true in a reply that grants a vote or reports success; false in requests";
        size_bytes: Count, "bytes", "its length on the wire, including the keys and values that it carries";
        cause: Row, "", "the row in events of the event that made the sender send it; null at the start of a run, for copies made by hand, and if events has reached its limit of rows";
    }

    /// One row for the initial state of each node, and one for each change of its state.
    nodes {
        time_ms: Time, "ms", "when this state began";
        node: Node, "", "the node";
        term: Int, "", "currentTerm";
        role: Name(ROLES), "", "the node's role, as it sees itself";
        voted_for: Node, "", "votedFor in this term; null if it has not voted";
        leader: Node, "", "the leader that the node recognizes; null if none";
        commit_index: Count, "", "commitIndex";
        last_applied: Count like commit_index, "", "lastApplied";
        last_index: Count, "", "the index of the last entry of the log; 0 if it is empty";
        last_term: Int, "", "the term of the last entry of the log; 0 if it is empty";
        up: Flag, "", "true if the node is running; the row of a node that is down shows the state on its disk";
        paused: Flag, "", "true if the node is paused";
    }

    /// One row for each stay of an entry in a node's log. An entry that is appended in place of a
    /// truncated one gets a new row; a restart adds no rows.
    entries {
        node: Node, "", "the node whose log it is";
        index: Count, "", "the index of the entry";
        term: Int, "", "the term in which a leader received it";
        key: Key, "", "the key that it reads or writes; null if none";
        op: Name(COMMANDS), "", "the operation on the store";
        value: Value, "", "the value to put, set or append; null if none";
        expected: Value, "", "the value that a compare-and-set must find; null for other operations";
        client: Count, "", "the client whose session it belongs to; 0 if none";
        seq: Count, "", "its serial number in the session; 0 if none";
        appended_ms: Time, "ms", "when it entered this log, or returned to it by a crash that undid a truncation; null if before the trace began";
        truncated_ms: Time, "ms", "when it left this log, by truncation, by a crash before it was durable, or with a wiped disk; null if it is still there";
        committed_ms: Time, "ms", "when this node first knew that it was committed; null if it never did";
        applied_ms: Time like committed_ms, "ms", "when this node first applied it; null if it never did";
        hash: Word, "", "the hash of the log up to and including this entry: equal hashes mean that the logs are equal up to here";
    }

    /// One row for each operation that a client or you requested, including elections started by
    /// hand.
    ops {
        op: Word, "", "its identifier; for an operation of a load generator: the highest bit, then client and ordinal";
        client: Count, "", "the client of a load generator, or of the session that it belongs to; 0 if neither";
        node: Node, "", "the node that was asked last, or the node that answered; null if no leader was found";
        kind: Name(RequestKind::NAMES), "", "the kind of operation";
        key: Key, "", "the key; null if none";
        value: Value, "", "the value to put, set or append; null if none";
        expected: Value, "", "the value that a compare-and-set must find; null for other operations";
        invoked_ms: Time, "ms", "when it was first sent";
        ended_ms: Time, "ms", "when the answer came; null while it is pending";
        status: Name(OpStatus::NAMES), "", "whether it is pending, done, failed or unknown";
        reason: Reason, "", "why it failed, or why its result is unknown; null otherwise";
        attempts: Count, "", "how often it was sent";
        index: Count, "", "the index of its entry, or, for a read, lastApplied of the node that served it; 0 if not known";
        term: Int, "", "the term of its entry; 0 if not known";
        result: Answer, "", "the items that were read, separated by commas, or whether a compare-and-set took effect; null if neither";
    }

    /// One row for the initial configuration of each node, and one for each other one that came
    /// into force on a node. Only for clusters of up to 31 machines.
    members {
        time_ms: Time, "ms", "when it came into force on the node";
        node: Node, "", "the node";
        index: Count, "", "the index of its entry in the log; 0 for the initial one";
        voters: Nodes, "", "the voters, separated by commas";
        outgoing: Nodes, "", "the voters before, if the configuration is joint; null otherwise";
        learners: Nodes, "", "the learners, and outgoing voters that become learners; null if none";
    }

    /// One row for each event that the world dispatched to a node, and for each change that the
    /// node reported.
    events in Events {
        time_ms: Time, "ms", "when it happened";
        node: Node, "", "the node to which it happened";
        kind: Name(EventKind::NAMES), "", "what happened";
        detail: Detail, "", "the message that arrived, the reason for a refusal, the new role, the reason to halt, or what a liar did; null if none";
        from: Node, "", "the sender of the message that arrived, was refused or changed the role, or the candidate voted for; null if none";
        term: Int, "", "the term of the message, of the vote or of the node";
        why: Detail, "", "why the role changed; null for other events";
        cause: Row, "", "the row of the event that caused it: for a message that arrived, the one that made its sender send it; null for timers, requests, disks and faults";
    }

    /// One row for each time that a fault struck, and for each wait for a node to strike.
    faults {
        start_ms: Time, "ms", "when it began";
        end_ms: Time, "ms", "when it ended; null if it has no end or has not ended yet";
        handle: Count, "", "the handle that heals it";
        kind: Text, "", "the kind of fault";
        detail: Text, "", "its settings, as JSON";
        nodes: Text, "", "the nodes that it hit, separated by commas; the groups of a partition are separated by |, and affected messages shown as senders → receivers; empty if none";
        outcome: Name(FaultOutcome::NAMES), "", "whether it struck, waits or expired";
    }
}

table! {
    /// The items that reads returned; `ops.result` points here.
    items {
        value: Value, "", "an item";
    }
}

table! {
    /// The order of events.
    order {
        message: Row, "", "the message that arrived; null for other events";
    }
}

codes! {
    /// What happened to a message.
    MessageFate {
        InFlight = "in_flight", "It is in flight or held.";
        Delivered = "delivered", "It arrived.";
        Cut = "cut", "A fault had cut the link, or cut it while the message was in flight.";
        Lost = "lost", "The network lost it.";
        ReceiverDown = "receiver_down", "The receiver was down.";
        Removed = "removed", "It was dropped by hand or by an interceptor.";
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
    /// The kinds of operation.
    RequestKind {
        Noop = "noop", "An entry that does nothing.";
        Put = "put", "Set a key.";
        Get = "get", "Read a key through the log, as a command.";
        Cas = "cas", "Compare and set.";
        Append = "append", "Add an item to a key.";
        Config = "config", "An entry that holds a configuration (§6); the table members shows it.";
        ReadLog = "read_log", "Read a key through the log (`via=\"log\"`).";
        ReadIndex = "read_index", "Read a key once a quorum has confirmed the leader (ReadIndex).";
        Lease = "lease", "Read a key under the leader's lease.";
        Local = "local", "Read the node's applied state, without any check.";
        Configure = "configure", "Change the configuration.";
        Transfer = "transfer", "Hand the leadership to another node.";
        StepDown = "step_down", "Stop leading.";
        Campaign = "campaign", "Start an election now.";
        Usurp = "usurp", "Lead the next term without an election.";
        ForgetVote = "forget_vote", "Forget the vote.";
    }
}

/// The operations that a log entry can carry: the first of [`RequestKind`].
pub const COMMANDS: &[&str] = RequestKind::NAMES.split_at(COMMAND_COUNT).0;
const COMMAND_COUNT: usize = RequestKind::ReadLog as usize;

codes! {
    /// The status of an operation.
    OpStatus {
        Pending = "pending", "No answer yet.";
        Ok = "ok", "Done.";
        Failed = "failed", "Not done, and never will be done.";
        Unknown = "unknown", "It may have been done, or may still be done.";
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
        Request = "request", "A request of a client, or yours, arrived.";
        Crashed = "crashed", "The node lost power.";
        Added = "added", "The machine was added, and started for the first time.";
        Restarted = "restarted", "The node restarted.";
        Paused = "paused", "The node was paused.";
        Resumed = "resumed", "The node was resumed.";
        Wiped = "wiped", "The disk was wiped.";
        Halted = "halted", "The node stopped itself.";
        Role = "role", "The role or the term changed.";
        Voted = "voted", "The node voted.";
        Refused = "refused", "The node refused a message.";
        SessionDuplicate = "session_duplicate", "A command had been applied before, and was skipped.";
        Snapshot = "snapshot", "The node took a snapshot of its applied state.";
        Installed = "snapshot_installed", "The node installed a leader's snapshot.";
        Configured = "configured", "Another configuration is in force on the node.";
        Lies = "lies", "The node began to lie, or was ordered to do what no honest node does (`detail`).";
        LostSynced = "lost_synced", "A crash lost writes that counted as durable.";
        Corrupted = "corrupted", "The disk does not return what was written.";
    }
}

impl EventKind {
    /// The kind of event for a Raft node's timer.
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
            HostEvent::Added => EventKind::Added,
            HostEvent::Restarted => EventKind::Restarted,
            HostEvent::Paused => EventKind::Paused,
            HostEvent::Resumed => EventKind::Resumed,
            HostEvent::Wiped => EventKind::Wiped,
            HostEvent::Halted(_) => EventKind::Halted,
        }
    }
}

impl From<DiskEvent> for EventKind {
    fn from(event: DiskEvent) -> Self {
        match event {
            DiskEvent::LostSynced => EventKind::LostSynced,
            DiskEvent::Corrupted => EventKind::Corrupted,
        }
    }
}

codes! {
    /// The outcome of a fault.
    FaultOutcome {
        Struck = "struck", "It struck, and acts until it ends.";
        Waited = "waited", "It waited, or still waits, for a node to strike.";
        Expired = "expired", "It found no node to strike before its wait ended.";
        Awaited = "awaited", "It waited, or still waits, for the condition at which it strikes.";
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
    use crate::replica;
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
        for event in [DiskEvent::LostSynced, DiskEvent::Corrupted] {
            assert_eq!(EventKind::from(event).name(), event.name());
        }
        assert_eq!(EventKind::timer(replica::ELECTION.0), EventKind::TimerElection);
        assert_eq!(EventKind::timer(replica::HEARTBEAT.0), EventKind::TimerHeartbeat);
        assert_eq!(EventKind::timer(replica::QUORUM.0), EventKind::TimerQuorum);
        assert_eq!(COMMANDS, ["noop", "put", "get", "cas", "append", "config"]);
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
        assert_eq!(names, ["messages", "nodes", "entries", "ops", "members", "events", "faults"]);
        assert_eq!(messages::SCHEMA.columns[5].name, "type");
    }

    #[test]
    fn full_tables_fit_in_eight_gibibytes() {
        let columns = TABLES.iter().flat_map(|table| table.columns);
        // Besides the tables: the row of each entry, the items that reads returned, and the order
        // of events.
        let row: usize = columns.map(|column| column.width).sum::<usize>() + 4 + 4 + 4;
        assert!(row * DEFAULT_MAX_ROWS < 8 << 30, "{row} bytes a row");
    }
}
