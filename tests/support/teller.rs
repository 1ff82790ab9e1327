//! Writes the events of a world of Raft nodes, a line for each step of a node, and checks for
//! violations.

use std::fmt::Write as _;

use raftlab::protocol::{Message as _, NodeId, OpId, ReadPath, Status};
use raftlab::raft::{Node, RaftMessage};
use raftlab::replica::{Command, EntryId, Op, Output, Refusal, ReplicaNote, Request};
use raftlab::sim::{Fate, Flight, HostEvent, Observer, OpEvent, Time};

use super::names::{int, items, letter, name};
use super::oracle::Oracle;

/// An observer that writes a transcript.
///
/// A step is one line, `node (cause): change; change => reply`, and a line for each other message
/// that it sent; the same message to several nodes is shown once, as `A->BC`.
#[derive(Clone, Default)]
pub struct Teller {
    lines: Vec<String>,
    cause: Option<Cause>,
    changes: Vec<String>,
    sent: Vec<(NodeId, String, String)>,
    messages: u32,
    /// The oracle that checks the properties of the whole run.
    pub oracle: Oracle,
}

/// The cause of a node's step.
#[derive(Clone)]
struct Cause {
    why: String,
    /// The sender, if the cause is a message.
    sender: Option<char>,
}

impl Teller {
    /// Takes the lines since the last call.
    pub fn take(&mut self) -> Vec<String> {
        self.end_step(None);
        std::mem::take(&mut self.lines)
    }

    /// Adds a line.
    pub fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// Writes the last step, if there is one, and the messages that it sent.
    fn end_step(&mut self, id: Option<NodeId>) {
        let cause = self.cause.take();
        let mut sent = std::mem::take(&mut self.sent);
        let mut told = std::mem::take(&mut self.changes).join("; ");
        if let Some(id) = id {
            let mut line = name(id).to_string();
            let mut answer = None;
            if let Some(Cause { why, sender }) = &cause {
                let _ = write!(line, " ({why})");
                let to_sender =
                    |(_, to, _): &(_, String, _)| sender.is_some_and(|s| *to == s.to_string());
                answer = sent.pop_if(|message| to_sender(message));
            }
            if told.is_empty() && sent.is_empty() && answer.is_none() {
                told.push_str("nothing");
            }
            if !told.is_empty() {
                let _ = write!(line, ": {told}");
            }
            if let Some((.., text)) = answer {
                let _ = write!(line, " => {text}");
            }
            if cause.is_some() || told != "nothing" && !told.is_empty() {
                self.lines.push(line);
            }
        }
        for (from, to, text) in sent {
            self.lines.push(format!("{}->{to} {text}", name(from)));
        }
        self.lines.append(&mut self.oracle.take());
    }
}

impl Observer<Node> for Teller {
    fn sent(&mut self, _: Time, flight: &Flight<RaftMessage>) -> u32 {
        self.messages += 1;
        let (id, text) = (flight.id, message(&flight.message));
        match self.sent.last_mut() {
            _ if id.copy > 0 => {}
            Some((from, to, same)) if *from == id.from && *same == text => to.push(name(id.to)),
            _ => self.sent.push((id.from, name(id.to).into(), text)),
        }
        self.messages
    }

    fn ended(&mut self, _: Time, flight: &Flight<RaftMessage>, fate: Fate) {
        let (from, to) = (name(flight.id.from), name(flight.id.to));
        match fate {
            Fate::Delivered => {
                self.cause = Some(Cause { why: format!("from {from}"), sender: Some(from) });
            }
            Fate::ReceiverDown => self.lines.push(format!("{to} is down: lost, from {from}")),
            Fate::Cut | Fate::Lost | Fate::Removed => {}
        }
    }

    fn noted(&mut self, _: Time, id: NodeId, node: &Node, note: ReplicaNote) {
        self.oracle.noted(id, node, note);
        self.changes.push(match note {
            ReplicaNote::Role { role, term, .. } => format!("{} of term {term}", role.name()),
            ReplicaNote::Voted { candidate, .. } => format!("votes for {}", name(candidate)),
            ReplicaNote::Appended { first, last, .. } => {
                let entries = (first..=last).filter_map(|index| entry(node, index));
                format!("appends {}", entries.collect::<Vec<_>>().join(" "))
            }
            ReplicaNote::Truncated { first, last } => format!("truncates {}", range(first, last)),
            ReplicaNote::Committed { first, last } => format!("commits {}", range(first, last)),
            ReplicaNote::Session { client, seq, fresh: true, .. } => {
                format!("applies #{seq} of client {client}")
            }
            ReplicaNote::Session { client, seq, fresh: false, .. } => {
                format!("remembers #{seq} of client {client}")
            }
            ReplicaNote::Snapshot { index } => format!("takes a snapshot up to {index}"),
            ReplicaNote::Installed { first, index, .. } if first > index => {
                format!("installs the snapshot up to {index}, keeps what follows")
            }
            ReplicaNote::Installed { index, .. } => {
                format!("installs the snapshot up to {index}, discards its log")
            }
            ReplicaNote::Configured { members, .. } => {
                format!("configuration {}", members.membership().text(|id| name(id).to_string()))
            }
            ReplicaNote::Refused { why, .. } => format!("refuses, {}", refusal(why)),
        });
    }

    fn settled(&mut self, _: Time, id: NodeId, _: &Status, _: &Status) {
        self.end_step(Some(id));
    }

    fn timer(&mut self, now: Time, _: NodeId, timer: u8) {
        let timer = ["election", "heartbeat", "quorum"][usize::from(timer)];
        let why = format!("{timer} timer, {:.1} ms", now.as_ms());
        self.cause = Some(Cause { why, sender: None });
    }

    fn synced(&mut self, now: Time, _: NodeId) {
        self.cause = Some(Cause { why: format!("fsync, {:.1} ms", now.as_ms()), sender: None });
    }

    fn host(&mut self, _: Time, id: NodeId, node: &Node, event: HostEvent) {
        if event == HostEvent::Crashed {
            self.oracle.crashed(id);
            self.lines.push(format!("{} keeps {}", name(id), disk(node)));
        } else if let HostEvent::Halted(why) = event {
            self.lines.push(format!("{} halts: {why}", name(id)));
        }
    }

    fn op(&mut self, _: Time, op: OpId, _: u32, event: &OpEvent<'_, Node>) {
        let said = match event {
            OpEvent::Invoked { request, .. } => {
                let fresh = !matches!(request, Request::Read { via: ReadPath::Local, .. });
                return self.oracle.invoked(op, fresh);
            }
            OpEvent::Ok { output: Output::Written { index, term, applied }, .. } => {
                self.oracle.acknowledged(*index);
                let applied = if *applied { "" } else { ", not applied" };
                format!("ok, {index}:{term}{applied}")
            }
            OpEvent::Ok { output: Output::Read { index, items: values, .. }, .. } => {
                self.oracle.read(op, *index);
                format!("ok, {} as of {index}", items(values))
            }
            OpEvent::Ok { output: Output::Done, .. } => "done".into(),
            OpEvent::Failed { reason } => format!("refused, {reason}"),
            OpEvent::Unknown { reason } => format!("unknown, {reason}"),
        };
        self.lines.push(format!("client: {} {said}", op.0));
        self.lines.append(&mut self.oracle.take());
    }
}

/// The messages with their fields in the paper's order; `index:term` is an entry.
fn message(message: &RaftMessage) -> String {
    let kind = RaftMessage::KINDS[usize::from(message.kind())];
    match message {
        RaftMessage::TimeoutNow { term } => format!("{kind} term {term}"),
        RaftMessage::RequestVote { term, last, forced: true } => {
            format!("{kind} term {term}, last {}:{}, forced", last.index, last.term)
        }
        RaftMessage::RequestVote { term, last, .. } | RaftMessage::PreVote { term, last } => {
            format!("{kind} term {term}, last {}:{}", last.index, last.term)
        }
        RaftMessage::RequestVoteReply { term, granted, .. }
        | RaftMessage::PreVoteReply { term, granted, .. } => {
            format!("{kind} term {term}, {}", if *granted { "granted" } else { "refused" })
        }
        RaftMessage::AppendEntries { term, prev, commit, payload, .. } => {
            let mut told = format!("{kind} term {term}, prev {}:{}, ", prev.index, prev.term);
            for (index, entry) in (prev.index + 1..).zip(payload.entries()) {
                let _ = write!(told, "[{index}:{}{}] ", entry.term, command(&entry.command));
            }
            if payload.entries().is_empty() {
                told.push_str("no entries ");
            }
            told.pop();
            format!("{told}, commit {commit}")
        }
        RaftMessage::AppendEntriesReply { term, success: true, index, .. }
        | RaftMessage::InstallSnapshotReply { term, index, .. } => {
            format!("{kind} term {term}, matches up to {index}")
        }
        RaftMessage::AppendEntriesReply { term, index, hint, .. } => {
            let EntryId { index: next, term: of } = hint;
            format!("{kind} term {term}, refused at {index}, try {next}:{of}")
        }
        RaftMessage::InstallSnapshot { term, snapshot, .. } => {
            let base = snapshot.base;
            format!("{kind} term {term}, last {}:{}", base.index, base.term)
        }
    }
}

fn entry(node: &Node, index: u64) -> Option<String> {
    let entry = node.log().get(index)?;
    Some(format!("{index}:{}{}", entry.term, command(&entry.command)))
}

fn command(command: &Command) -> String {
    let op = match command.op {
        Op::Noop => String::new(),
        Op::Put { key, value } => format!(" {}={}", letter(key), int(value)),
        Op::Append { key, value } => format!(" {}+={}", letter(key), int(value)),
        Op::Get { key } => format!(" {}?", letter(key)),
        Op::Cas { key, expected, value } => {
            format!(" {}={}->{}", letter(key), int(expected), int(value))
        }
        Op::Config(members) => {
            format!(" {{{}}}", members.membership().text(|id| name(id).to_string()))
        }
    };
    let session = command.session;
    if session.client == 0 { op } else { format!("{op} #{}@{}", session.seq, session.client) }
}

/// The contents of a node's disk.
fn disk(node: &Node) -> String {
    let status = raftlab::protocol::Protocol::status(node);
    let vote = status.voted_for.map_or_else(|| "none".into(), |id| name(id).to_string());
    let log = (1..=status.last_index).filter_map(|index| entry(node, index));
    let log = log.reduce(|log, entry| format!("{log} {entry}"));
    let base = node.log().base();
    let gone = (base.index > 0).then(|| format!("..{}:{}", base.index, base.term));
    let parts: Vec<String> = gone.into_iter().chain(log).collect();
    let log = if parts.is_empty() { "empty".into() } else { parts.join(" ") };
    format!("term {}, vote {vote}, log {log}", status.term)
}

fn range(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn refusal(why: Refusal) -> String {
    why.name().replace('_', " ")
}
