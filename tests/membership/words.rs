//! Nodes, requests and messages in few words.

use std::sync::Arc;

use raftlab::protocol::{Input, NodeSet, OpId, Protocol as _, Reply, Role, Span};
use raftlab::raft::{Config, RaftMessage, Snapshot};
use raftlab::replica::machine::Machine;
use raftlab::replica::{
    Base, Change, Command, Entry, HEARTBEAT, Log, Members, Membership, Op, Output, Reconfiguration,
    Replica as _, Request,
};

use super::support::cluster::{config, log};
use super::support::messages::{acknowledge, append_all};
use super::support::recorder::{Recorder, Subject, id};

/// The shortest election timeout of [`config`].
pub const TIMEOUT: Span = Span::from_ms(150);

/// `123>145+6`: voters, perhaps after the outgoing ones and before learners.
pub fn membership(text: &str) -> Membership {
    let (voters, learners) = text.split_once('+').unwrap_or((text, ""));
    let (outgoing, voters) = voters.split_once('>').unwrap_or(("", voters));
    let set = |names: &str| -> NodeSet {
        names.chars().filter_map(|name| name.to_digit(10)).map(|name| id(name.into())).collect()
    };
    let (voters, outgoing, learners) = (set(voters), set(outgoing), set(learners));
    Membership { voters, outgoing, learners, ..Membership::default() }
}

pub fn members(text: &str) -> Members {
    Members::of(&membership(text)).expect("there are few nodes")
}

pub fn in_words((index, now): (u64, &Membership)) -> (u64, String) {
    let text = now.text(|id| (id.at() + 1).to_string());
    (index, text.replace(" → ", ">").replace(" + ", "+"))
}

pub fn in_force(subject: &Subject) -> (u64, String) {
    in_words(subject.node.membership())
}

pub fn committed(subject: &Subject) -> (u64, String) {
    in_words(subject.node.committed_membership())
}

/// Node `number` of three in term 1, with one entry, which is committed.
pub fn of_three(number: u64, config: Config) -> Subject {
    Subject::new(number, 3, config).with(1, None, log(&[1]), 1)
}

pub fn follower() -> Subject {
    of_three(2, config())
}

/// The leader of term 2, whose no-op at 2 is committed.
pub fn leader() -> Subject {
    leader_of(config())
}

pub fn leader_of(config: Config) -> Subject {
    let mut leader = of_three(1, config).elected();
    leader.hears(2, acknowledge(2, 2));
    assert_eq!(leader.commit(), 2);
    leader
}

/// A cluster of one node, which leads term 2 and has committed its no-op at 2.
pub fn alone() -> Subject {
    let mut alone = Subject::new(1, 1, config()).with(1, None, log(&[1]), 1);
    alone.times_out();
    assert_eq!((alone.role(), alone.commit()), (Role::Leader, 2));
    alone
}

/// The same with a learner, which has nothing yet.
pub fn with_learner() -> Subject {
    let mut leader = alone();
    leader.asked(learner(2));
    assert_eq!(committed(&leader), (3, "1+2".into()));
    leader
}

pub fn restart(subject: &mut Subject) {
    subject.node.crash(None);
    subject.step(Input::Start);
}

pub fn later(subject: &mut Subject, span: Span) {
    subject.now = subject.now + span;
}

pub fn heartbeat(leader: &mut Subject) -> Recorder {
    leader.step(Input::Timer(HEARTBEAT))
}

/// Starts an election; returns whom it asks.
pub fn asks(subject: &mut Subject) -> Vec<u64> {
    receivers(&subject.times_out())
}

pub fn receivers(step: &Recorder) -> Vec<u64> {
    step.sent.iter().map(|(to, _)| to.at() as u64 + 1).collect()
}

pub fn receivers_of_entries(step: &Recorder) -> Vec<u64> {
    let has_entries = |message: &RaftMessage| match message {
        RaftMessage::AppendEntries { payload, .. } => !payload.entries().is_empty(),
        _ => false,
    };
    let sent = step.sent.iter().filter(|(_, message)| has_entries(message));
    sent.map(|(to, _)| to.at() as u64 + 1).collect()
}

pub fn told_to_stand(step: &Recorder) -> Vec<u64> {
    let is_told = |message: &RaftMessage| matches!(message, RaftMessage::TimeoutNow { .. });
    let told = step.sent.iter().filter(|(_, message)| is_told(message));
    told.map(|(to, _)| to.at() as u64 + 1).collect()
}

pub fn refuses(step: &Recorder, reason: &'static str) {
    assert_eq!(step.replies, [(OpId(1), Reply::Refused { reason, hint: None })]);
}

/// The answer to an operation whose entry of term 2 is at this index.
pub fn written(index: u64) -> [(OpId, Reply<Output>); 1] {
    [(OpId(1), Reply::Ok(Output::Written { index, term: 2, applied: true }))]
}

pub fn configure(wanted: Reconfiguration) -> Request {
    Request::Configure(wanted)
}

pub fn voter(number: u64) -> Request {
    configure(Reconfiguration::One(Change::AddVoter(id(number))))
}

pub fn learner(number: u64) -> Request {
    configure(Reconfiguration::One(Change::AddLearner(id(number))))
}

pub fn remove(number: u64) -> Request {
    configure(Reconfiguration::One(Change::Remove(id(number))))
}

pub fn promote(number: u64) -> Request {
    configure(Reconfiguration::Promote(id(number)))
}

pub fn demote(number: u64) -> Request {
    configure(Reconfiguration::Demote(id(number)))
}

pub fn joint(text: &str, stays: bool) -> Request {
    let wanted = Membership { stays, ..membership(text) };
    configure(Reconfiguration::Joint(Members::of(&wanted).expect("there are few nodes")))
}

/// An AppendEntries with entries of these terms: configurations, or no-ops without one.
pub fn appends(term: u64, prev: (u64, u64), entries: &[(u64, &str)], commit: u64) -> RaftMessage {
    let entry = |&(term, text): &(u64, &str)| {
        let op = if text.is_empty() { Op::Noop } else { Op::Config(members(text)) };
        Entry { term, command: Command::plain(op), ..Entry::default() }
    };
    append_all(term, prev, entries.iter().map(entry).collect(), commit)
}

/// The answer to a heartbeat of this round by a follower that has nothing after `matched`.
pub fn answer(term: u64, matched: u64, round: u64) -> RaftMessage {
    match acknowledge(term, matched) {
        RaftMessage::AppendEntriesReply { term, success, index, hint, interval, .. } => {
            let carried = false;
            RaftMessage::AppendEntriesReply { term, success, index, hint, interval, round, carried }
        }
        other => other,
    }
}

/// A snapshot of a log of no-ops with these terms.
pub fn install(term: u64, terms: &[u64], members: Option<Members>) -> RaftMessage {
    let log: Log = log(terms);
    let (index, last) = (log.last_index(), log.last_term());
    install_at(term, Base { index, term: last, hash: log.hash_at(index) }, members)
}

pub fn install_at(term: u64, base: Base, members: Option<Members>) -> RaftMessage {
    let snapshot = Arc::new(Snapshot { base, machine: Machine::default(), members });
    RaftMessage::InstallSnapshot { term, round: 1, snapshot }
}
