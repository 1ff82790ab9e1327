//! Messages and requests in few words.

use raftlab::protocol::Span;
use raftlab::raft::{Payload, RaftMessage};
use raftlab::replica::{Command, Entry, EntryId, Key, Op, Request, Value};

use super::recorder::Recorder;

pub fn request_vote(term: u64, last_index: u64, last_term: u64) -> RaftMessage {
    RaftMessage::RequestVote {
        term,
        last: EntryId { term: last_term, index: last_index },
        forced: false,
    }
}

/// An AppendEntries after the entry (index, term), with no-ops of these terms.
pub fn append(term: u64, prev: (u64, u64), terms: &[u64], commit: u64) -> RaftMessage {
    let entry = |term: &u64| Entry { term: *term, ..Entry::default() };
    append_all(term, prev, terms.iter().map(entry).collect(), commit)
}

pub fn append_all(term: u64, prev: (u64, u64), entries: Vec<Entry>, commit: u64) -> RaftMessage {
    let prev = EntryId { term: prev.1, index: prev.0 };
    let payload = Payload::Many(entries.into());
    RaftMessage::AppendEntries { term, prev, commit, round: 1, payload }
}

pub fn acknowledge(term: u64, index: u64) -> RaftMessage {
    RaftMessage::AppendEntriesReply {
        term,
        success: true,
        index,
        hint: EntryId::default(),
        interval: Span::ZERO,
        round: 1,
        carried: true,
    }
}

pub fn put(value: u32) -> Request {
    Request::Write(Command::plain(Op::Put { key: Key(0), value: Value::int(value) }))
}

/// Whether the one answer of a step is a refusal.
pub fn rejects(step: &Recorder) -> bool {
    match step.sent[..] {
        [(_, RaftMessage::RequestVoteReply { granted, .. })] => !granted,
        [(_, RaftMessage::AppendEntriesReply { success, .. })] => !success,
        _ => panic!("one answer: {:?}", step.sent),
    }
}
