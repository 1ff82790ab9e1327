//! The record of a run as facts: leaders with their logs, commits, and answers to clients.
//!
//! A history (a log up to an entry) has a number; two logs are equal up to an index if they have
//! the same number there.

use std::collections::BTreeMap;

use raftlab::protocol::{NodeId, OpId, Role, Status};
use raftlab::raft::RaftMessage;
use raftlab::replica::{Command, Entry, Output, ReplicaNote};
use raftlab::sim::{HostEvent, Time};

use super::record::{Event, Record};

/// A history by its number.
pub type History = usize;

/// The predecessor of a history that was never observed.
const NOWHERE: History = usize::MAX;

/// The contents of an entry: its term and its command.
pub type Said = (u64, Command);

/// A fact, with its position in the order and whether its node was honest then.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    pub seq: usize,
    pub time: Time,
    pub node: NodeId,
    pub honest: bool,
}

#[derive(Clone, Debug)]
pub struct Led {
    pub act: Act,
    pub term: u64,
    pub log: Vec<History>,
}

#[derive(Clone, Debug)]
pub struct Held {
    pub act: Act,
    pub index: u64,
    pub history: History,
}

#[derive(Clone, Debug)]
pub struct Committed {
    pub act: Act,
    pub in_term: u64,
    pub log: Vec<History>,
    /// False if it came with a snapshot whose entries are unknown.
    pub known: bool,
}

#[derive(Clone, Debug)]
pub struct Told {
    pub act: Act,
    pub index: u64,
    pub history: Option<History>,
}

#[derive(Clone, Debug)]
pub struct Read {
    pub act: Act,
    pub asked: usize,
    pub local: bool,
    pub index: u64,
    pub log: Vec<History>,
    pub history: Option<History>,
}

#[derive(Clone, Debug)]
pub struct Effect {
    pub act: Act,
    pub command: (u32, u32),
    pub index: u64,
    pub log: Vec<History>,
}

#[derive(Clone, Debug)]
pub struct Snapshot {
    pub act: Act,
    pub log: Vec<History>,
    pub known: bool,
    /// True if the node took it itself instead of installing it.
    pub own: bool,
}

#[derive(Clone, Debug)]
pub struct Vote {
    pub act: Act,
    pub term: u64,
    pub candidate: NodeId,
}

/// All facts of a run. Violations that concern a single node are judged while the facts are
/// collected.
#[derive(Debug, Default)]
pub struct Facts {
    histories: BTreeMap<(History, u64, Vec<u64>), History>,
    said: Vec<Option<Said>>,
    /// The predecessor of each history.
    before: Vec<History>,
    by_hash: BTreeMap<u64, History>,
    pub led: Vec<Led>,
    pub held: Vec<Held>,
    pub committed: Vec<Committed>,
    pub told: Vec<Told>,
    pub reads: Vec<Read>,
    pub effects: Vec<Effect>,
    pub snapshots: Vec<Snapshot>,
    pub votes: Vec<Vote>,
    /// The property and the event that violated it.
    pub alone: Vec<(&'static str, Act)>,
}

/// The state of a node as its events show it.
#[derive(Clone, Debug, Default)]
struct Seen {
    liar: bool,
    role: Role,
    term: u64,
    commit: u64,
    log: Vec<History>,
    /// For each entry of the log, whether the node has committed it.
    mine: Vec<bool>,
    promised_term: u64,
    promised_vote: Option<(u64, NodeId)>,
    promised_index: u64,
}

impl Seen {
    fn set_log(&mut self, log: Vec<History>) {
        let same = self.same(&log);
        self.mine.truncate(same);
        self.mine.resize(log.len(), false);
        self.log = log;
    }

    fn same(&self, log: &[History]) -> usize {
        self.log.iter().zip(log).take_while(|(a, b)| a == b).count()
    }
}

impl Facts {
    pub fn of(record: &Record) -> Self {
        let mut facts = Self { said: vec![None], before: vec![NOWHERE], ..Self::default() };
        let mut nodes = vec![Seen::default(); record.nodes];
        let mut asked: BTreeMap<OpId, (usize, bool)> = BTreeMap::new();
        for (seq, (time, id, event)) in record.events.iter().enumerate() {
            let seen = &mut nodes[id.at()];
            let act = Act { seq, time: *time, node: *id, honest: !seen.liar };
            match event {
                Event::Lies => seen.liar = true,
                Event::Begins { status, log } => {
                    (seen.role, seen.term) = (status.role, status.term);
                    seen.promised_term = status.term;
                    if let Some(candidate) = status.voted_for {
                        seen.promised_vote = Some((status.term, candidate));
                        facts.votes.push(Vote { act, term: status.term, candidate });
                    }
                    facts.append(act, seen, 1, log);
                    if status.commit_index > 0 {
                        facts.commit(act, seen, status.term, status.commit_index);
                    }
                    if status.role == Role::Leader {
                        facts.led.push(Led { act, term: status.term, log: seen.log.clone() });
                    }
                }
                Event::Sends { to, message } => facts.sends(act, seen, *to, message),
                Event::Notes { note, entries, status } => {
                    facts.notes(act, seen, *note, entries, (status.term, status.commit_index));
                    if matches!(note, ReplicaNote::Truncated { .. })
                        && status.commit_index > status.last_index
                    {
                        facts.alone.push(("commit_monotonic", act));
                    }
                }
                Event::Host { event, base, log, status } => match event {
                    HostEvent::Crashed | HostEvent::Halted(_) => {
                        let log = facts.log_on_disk(*base, log);
                        facts.crashes(act, seen, log, (status.term, status.voted_for));
                        seen.role = status.role;
                        (seen.term, seen.commit) = (status.term, status.commit_index);
                    }
                    HostEvent::Wiped => *seen = Seen { liar: seen.liar, ..Seen::default() },
                    _ => {}
                },
                Event::Alters => facts.alone.push(("snapshot_consistency", act)),
                Event::Disk { base, log, status } => {
                    let log = facts.log_on_disk(*base, log);
                    facts.disk_broke(act, seen, log, status);
                }
                Event::Asks { op, local } => {
                    asked.entry(*op).or_insert((seq, *local));
                }
                Event::Tells { op, output } => match output {
                    Output::Written { index, .. } => {
                        let history = at(&seen.log, *index);
                        facts.told.push(Told { act, index: *index, history });
                    }
                    Output::Read { index, hash, .. } => {
                        let history = facts.by_hash.get(hash).copied();
                        let history = if *index == 0 { Some(0) } else { history };
                        let log = seen.log.clone();
                        if let Some((asked, local)) = asked.get(op).copied() {
                            let index = *index;
                            facts.reads.push(Read { act, asked, local, index, log, history });
                        }
                    }
                    Output::Done => {}
                },
                Event::Over { op } => {
                    asked.remove(op);
                }
            }
        }
        facts
    }

    /// The contents of the last entry of a history; `None` if it was never observed.
    pub fn said(&self, history: History) -> Option<Said> {
        self.said[history]
    }

    fn history(&mut self, before: History, entry: &Entry) -> History {
        let Command { op, session } = entry.command;
        let text = format!("{op:?} {session:?}");
        let key = text.bytes().map(u64::from).collect();
        let next = self.said.len();
        let history = *self.histories.entry((before, entry.term, key)).or_insert(next);
        if history == next {
            self.said.push(Some((entry.term, entry.command)));
            self.before.push(before);
        }
        self.by_hash.insert(entry.hash, history);
        history
    }

    /// A history that was never observed, of which only the hash is known.
    fn unknown(&mut self, index: u64, hash: u64) -> Vec<History> {
        (1..=index)
            .map(|i| {
                let next = self.said.len();
                let key = (NOWHERE, i, vec![hash]);
                let history = *self.histories.entry(key).or_insert(next);
                if history == next {
                    self.said.push(None);
                    self.before.push(NOWHERE);
                }
                if i == index {
                    self.by_hash.insert(hash, history);
                }
                history
            })
            .collect()
    }

    /// The log up to this hash, from any log or commit.
    fn leading_to(&mut self, index: u64, hash: u64) -> Vec<History> {
        if index == 0 {
            return Vec::new();
        }
        let Some(history) = self.by_hash.get(&hash).copied() else {
            return self.unknown(index, hash);
        };
        let mut log = vec![history];
        while log.len() < index as usize {
            match self.before[log[log.len() - 1]] {
                NOWHERE | 0 => return self.unknown(index, hash),
                before => log.push(before),
            }
        }
        log.reverse();
        log
    }

    fn log_on_disk(&mut self, (base, hash): (u64, u64), entries: &[Entry]) -> Vec<History> {
        let mut log = self.leading_to(base, hash);
        for entry in entries {
            let before = log.last().copied().unwrap_or(0);
            log.push(self.history(before, entry));
        }
        log
    }

    fn append(&mut self, act: Act, seen: &mut Seen, first: u64, entries: &[Entry]) {
        // A leader that overwrites entries has been judged before; the overwritten entries are
        // gone.
        seen.log.truncate(first as usize - 1);
        seen.mine.truncate(first as usize - 1);
        for entry in entries {
            let before = seen.log.last().copied().unwrap_or(0);
            let history = self.history(before, entry);
            seen.log.push(history);
            seen.mine.push(false);
            let index = seen.log.len() as u64;
            self.held.push(Held { act, index, history });
        }
    }

    fn commit(&mut self, act: Act, seen: &mut Seen, in_term: u64, last: u64) {
        seen.commit = last;
        let last = seen.log.len().min(last as usize);
        seen.mine[..last].fill(true);
        let log = seen.log[..last].to_vec();
        self.committed.push(Committed { act, in_term, log, known: true });
    }

    fn notes(
        &mut self,
        act: Act,
        seen: &mut Seen,
        note: ReplicaNote,
        entries: &[Entry],
        (term_now, _): (u64, u64),
    ) {
        let mut alone = |property| self.alone.push((property, act));
        match note {
            ReplicaNote::Role { role, term, .. } => {
                if term < seen.term {
                    alone("term_monotonic");
                }
                (seen.role, seen.term) = (role, term);
                if role == Role::Leader {
                    self.led.push(Led { act, term, log: seen.log.clone() });
                }
            }
            ReplicaNote::Appended { first, .. } => {
                if seen.role == Role::Leader && first as usize != seen.log.len() + 1 {
                    alone("leader_append_only");
                }
                self.append(act, seen, first, entries);
            }
            ReplicaNote::Truncated { first, .. } => {
                if seen.role == Role::Leader {
                    alone("leader_append_only");
                }
                if seen.mine[first as usize - 1..].contains(&true) {
                    alone("committed_prefix");
                }
                seen.log.truncate(first as usize - 1);
                seen.mine.truncate(first as usize - 1);
                seen.promised_index = seen.promised_index.min(first - 1);
            }
            ReplicaNote::Committed { first, last } => {
                if first != seen.commit + 1 || last < first || last > seen.log.len() as u64 {
                    alone("commit_monotonic");
                }
                self.commit(act, seen, term_now, last);
            }
            ReplicaNote::Session { client, seq, index, fresh: true } => {
                let (command, log) = ((client, seq), seen.log.clone());
                self.effects.push(Effect { act, command, index, log });
            }
            ReplicaNote::Snapshot { index } => {
                let log = seen.log[..seen.log.len().min(index as usize)].to_vec();
                self.snapshots.push(Snapshot { act, log, known: true, own: true });
            }
            ReplicaNote::Installed { first, index, hash } => {
                if index < seen.commit {
                    alone("commit_monotonic");
                }
                if index <= seen.commit {
                    alone("snapshot_consistency");
                }
                let log = self.leading_to(index, hash);
                let known = self.said[log[0]].is_some();
                self.snapshots.push(Snapshot { act, log: log.clone(), known, own: false });
                if first <= index {
                    let mut log = log;
                    if !known {
                        let kept = (first as usize - 1).min(seen.log.len());
                        log[..kept].copy_from_slice(&seen.log[..kept]);
                    }
                    let same = seen.same(&log);
                    if seen.mine[same..].contains(&true) {
                        self.alone.push(("committed_prefix", act));
                    }
                    seen.set_log(log);
                    seen.promised_index = seen.promised_index.min(same as u64);
                }
                self.commit(act, seen, term_now, index);
                if let Some(committed) = self.committed.last_mut() {
                    committed.known = known;
                }
                if !known {
                    seen.mine.fill(false);
                }
            }
            ReplicaNote::Voted { .. }
            | ReplicaNote::Session { fresh: false, .. }
            | ReplicaNote::Configured { .. }
            | ReplicaNote::Refused { .. } => {}
        }
    }

    /// The promises of a message (Figure 2): a vote, a term, entries up to an index.
    fn sends(&mut self, act: Act, seen: &mut Seen, to: NodeId, message: &RaftMessage) {
        let vote = match *message {
            RaftMessage::RequestVote { term, .. } => Some((term, act.node)),
            RaftMessage::RequestVoteReply { term, granted: true, .. } => Some((term, to)),
            _ => None,
        };
        if let Some((term, candidate)) = vote {
            self.votes.push(Vote { act, term, candidate });
            seen.promised_vote = vote;
            seen.promised_term = seen.promised_term.max(term);
        }
        match *message {
            RaftMessage::AppendEntriesReply { term, success, index, .. } => {
                seen.promised_term = seen.promised_term.max(term);
                if success && term >= seen.term {
                    seen.promised_index = seen.promised_index.max(index);
                }
            }
            RaftMessage::InstallSnapshotReply { term, index, .. } => {
                seen.promised_term = seen.promised_term.max(term);
                if term >= seen.term {
                    seen.promised_index = seen.promised_index.max(index);
                }
            }
            RaftMessage::RequestVoteReply { term, granted: false, .. } => {
                seen.promised_term = seen.promised_term.max(term);
            }
            _ => {}
        }
    }

    fn crashes(
        &mut self,
        act: Act,
        seen: &mut Seen,
        log: Vec<History>,
        (term, vote): (u64, Option<NodeId>),
    ) {
        if term < seen.promised_term {
            self.alone.push(("term_monotonic", act));
        }
        if seen.promised_vote.is_some_and(|(of, candidate)| of == term && vote != Some(candidate)) {
            self.alone.push(("durable_promise", act));
        }
        let same = seen.same(&log) as u64;
        if seen.promised_index > 0 && same < seen.promised_index {
            self.alone.push(("durable_promise", act));
        }
        seen.set_log(log);
        seen.promised_index = seen.promised_index.min(same);
    }

    /// A node owes no more than what its disk holds, and holds what it reads there.
    fn disk_broke(&mut self, act: Act, seen: &mut Seen, log: Vec<History>, status: &Status) {
        let same = seen.same(&log);
        for (index, history) in (1..).zip(&log).skip(same) {
            self.held.push(Held { act, index, history: *history });
        }
        seen.set_log(log);
        seen.promised_index = seen.promised_index.min(same as u64);
        seen.promised_term = seen.promised_term.min(status.term);
        if let Some((term, candidate)) = seen.promised_vote
            && (term, Some(candidate)) != (status.term, status.voted_for)
            && term >= status.term
        {
            seen.promised_vote = None;
        }
        seen.role = status.role;
        (seen.term, seen.commit) = (status.term, status.commit_index);
    }
}

/// The history of a log up to an index; 0 before the first entry.
pub fn at(log: &[History], index: u64) -> Option<History> {
    if index == 0 { Some(0) } else { log.get(index as usize - 1).copied() }
}
