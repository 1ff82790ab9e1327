//! Messages and requests in few words.

use raftlab::raft::{Command, Entries, Entry, Key, Op, RaftMessage, Request, Value};

use super::recorder::Recorder;

pub fn request_vote(term: u64, last_index: u64, last_term: u64) -> RaftMessage {
    RaftMessage::RequestVote { term, last_index, last_term, pre: false }
}

/// An AppendEntries after the entry (index, term), with no-ops of these terms.
pub fn append(term: u64, prev: (u64, u64), terms: &[u64], commit: u64) -> RaftMessage {
    let entry = |term: &u64| Entry { term: *term, ..Entry::default() };
    append_all(term, prev, terms.iter().map(entry).collect(), commit)
}

pub fn append_all(term: u64, prev: (u64, u64), entries: Vec<Entry>, commit: u64) -> RaftMessage {
    let (prev_index, prev_term) = prev;
    let entries = Entries::Many(entries.into());
    RaftMessage::AppendEntries { term, prev_index, prev_term, commit, round: 1, entries }
}

pub fn acknowledge(term: u64, index: u64) -> RaftMessage {
    RaftMessage::AppendEntriesReply {
        term,
        success: true,
        index,
        hint_index: 0,
        hint_term: 0,
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
