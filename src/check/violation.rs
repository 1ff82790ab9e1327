//! A violation as a value.

use std::fmt;

use super::properties::Property;
use super::story::{Moment, Moments, Names, Placed, What};
use crate::protocol::NodeId;
use crate::replica::Command;
use crate::sim::Time;

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The property's name, one of [`super::PROPERTIES`].
    pub property: &'static str,
    /// When it happened.
    pub time: Time,
    /// The nodes involved; the one that caused it comes first.
    pub nodes: Vec<NodeId>,
    /// The index of the entry concerned.
    pub index: Option<u64>,
    /// The terms involved.
    pub terms: Vec<u64>,
    /// What happened, with numbers for names. [`Violation::tell`] uses names.
    pub message: String,
    /// False if only a lying node's own state or messages are wrong.
    pub honest: bool,
    /// The entry's command, if known.
    pub command: Option<Command>,
    /// The events that led to it on the nodes involved, oldest first.
    pub events: Vec<Moment>,
    /// What was wrong, field by field.
    pub breach: Breach,
}

impl Violation {
    /// The message, with the names of nodes, keys and values.
    pub fn tell(&self, names: &impl Names) -> String {
        self.breach.tell(self.command.as_ref(), names)
    }
}

/// What was wrong. Violations with equal breaches are the same violation.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[allow(missing_docs)] // `tell` describes each variant
pub enum Breach {
    TwoLeaders { term: u64, first: NodeId, second: NodeId },
    LeaderRewrote { leader: NodeId, term: u64, index: u64 },
    LogsDiffer { node: NodeId, other: NodeId, index: u64, term: u64 },
    LeaderLacks { leader: NodeId, leader_term: u64, entry: Place, committer: NodeId, in_term: u64 },
    CommittedTwo { node: NodeId, term: u64, entry: Place, committer: NodeId },
    CommittedDeleted { node: NodeId, entry: Place, commit: u64 },
    SnapshotDiffers { node: NodeId, index: u64 },
    SnapshotOld { node: NodeId, index: u64, commit: u64 },
    TermFell { node: NodeId, from: u64, to: u64 },
    VotedTwice { node: NodeId, term: u64, first: NodeId, second: NodeId },
    CommitJumped { node: NodeId, commit: u64, first: u64, last: u64, end: u64 },
    CommitBeyondLog { node: NodeId, commit: u64, end: u64 },
    CommitFell { node: NodeId, from: u64, to: u64 },
    VoteForgotten { node: NodeId, term: u64, candidate: NodeId },
    EntryForgotten { node: NodeId, index: u64 },
    ToldTooEarly { node: NodeId, entry: Place },
    WriteLacked { leader: NodeId, leader_term: u64, entry: Place },
    WriteReplaced { node: NodeId, entry: Place, by: u64 },
    TookEffectTwice { node: NodeId, client: u32, seq: u32, first: u64, second: u64 },
    ReadStale { node: NodeId, index: u64, known: u64 },
    ReadUncommitted { node: NodeId, index: u64 },
}

/// An entry's index and term.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}

impl Breach {
    /// The property that is violated.
    pub fn property(&self) -> Property {
        match self {
            Breach::TwoLeaders { .. } => Property::ElectionSafety,
            Breach::LeaderRewrote { .. } => Property::LeaderAppendOnly,
            Breach::LogsDiffer { .. } => Property::LogMatching,
            Breach::LeaderLacks { .. } => Property::LeaderCompleteness,
            Breach::CommittedTwo { .. } => Property::StateMachineSafety,
            Breach::CommittedDeleted { .. } => Property::CommittedPrefix,
            Breach::SnapshotDiffers { .. } | Breach::SnapshotOld { .. } => {
                Property::SnapshotConsistency
            }
            Breach::TermFell { .. } => Property::TermMonotonic,
            Breach::VotedTwice { .. } => Property::VoteOnce,
            Breach::CommitJumped { .. }
            | Breach::CommitBeyondLog { .. }
            | Breach::CommitFell { .. } => Property::CommitMonotonic,
            Breach::VoteForgotten { .. } | Breach::EntryForgotten { .. } => {
                Property::DurablePromise
            }
            Breach::ToldTooEarly { .. }
            | Breach::WriteLacked { .. }
            | Breach::WriteReplaced { .. } => Property::AcknowledgedWriteLost,
            Breach::TookEffectTwice { .. } => Property::SessionOnce,
            Breach::ReadStale { .. } | Breach::ReadUncommitted { .. } => {
                Property::LinearizableReads
            }
        }
    }

    /// The nodes involved; the one that caused it comes first.
    pub fn nodes(&self) -> Vec<NodeId> {
        match *self {
            Breach::TwoLeaders { first, second, .. } => vec![second, first],
            Breach::LogsDiffer { node, other, .. } => vec![node, other],
            Breach::LeaderLacks { leader, committer, .. } => vec![leader, committer],
            Breach::CommittedTwo { node, committer, .. } => vec![node, committer],
            Breach::LeaderRewrote { leader: node, .. }
            | Breach::WriteLacked { leader: node, .. }
            | Breach::CommittedDeleted { node, .. }
            | Breach::SnapshotDiffers { node, .. }
            | Breach::SnapshotOld { node, .. }
            | Breach::TermFell { node, .. }
            | Breach::VotedTwice { node, .. }
            | Breach::CommitJumped { node, .. }
            | Breach::CommitBeyondLog { node, .. }
            | Breach::CommitFell { node, .. }
            | Breach::VoteForgotten { node, .. }
            | Breach::EntryForgotten { node, .. }
            | Breach::ToldTooEarly { node, .. }
            | Breach::WriteReplaced { node, .. }
            | Breach::TookEffectTwice { node, .. }
            | Breach::ReadStale { node, .. }
            | Breach::ReadUncommitted { node, .. } => vec![node],
        }
    }

    /// The moments of another node that belong to the violation's story: what its disk lost; and if
    /// two nodes lead one term, its votes in that term, and the events between them that let it
    /// vote again.
    pub(super) fn elsewhere(&self, moments: &Moments) -> Vec<Placed> {
        let &Breach::TwoLeaders { term, .. } = self else {
            return moments.iter().filter(|one| matches!(one.what, What::Disk(_))).collect();
        };
        let of_term =
            |moment: &Placed| matches!(moment.what, What::Voted { term: of, .. } if of == term);
        let first = moments.iter().position(|moment| of_term(&moment));
        let last = moments.iter().filter(of_term).last();
        let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
        let until_last = moments.iter().take_while(|moment| moment.stamp <= last.stamp);
        let caused = |(at, moment): &(usize, Placed)| match moment.what {
            What::Lied(_) => true,
            What::Host(_) | What::Disk(_) => *at >= first,
            _ => of_term(moment),
        };
        until_last.enumerate().filter(caused).map(|(_, moment)| moment).collect()
    }

    /// A key that is equal for repeated sightings of one violation: a write is lost once, whichever
    /// node overwrites it, and a node whose history has diverged shows it to all its clients.
    pub(super) fn essence(&self) -> Breach {
        let (node, by) = (NodeId(0), 0);
        match *self {
            Breach::WriteReplaced { entry, .. } => Breach::WriteReplaced { node, entry, by },
            Breach::TookEffectTwice { client, seq, first, second, .. } => {
                Breach::TookEffectTwice { node, client, seq, first, second }
            }
            Breach::ToldTooEarly { node, entry } => {
                Breach::ToldTooEarly { node, entry: Place { index: 0, ..entry } }
            }
            Breach::ReadUncommitted { node, .. } => Breach::ReadUncommitted { node, index: 0 },
            Breach::CommitBeyondLog { node, commit, .. } => {
                Breach::CommitBeyondLog { node, commit, end: 0 }
            }
            ref other => other.clone(),
        }
    }

    /// The index of the entry concerned.
    pub fn index(&self) -> Option<u64> {
        match *self {
            Breach::LeaderLacks { entry, .. }
            | Breach::CommittedTwo { entry, .. }
            | Breach::CommittedDeleted { entry, .. }
            | Breach::ToldTooEarly { entry, .. }
            | Breach::WriteLacked { entry, .. }
            | Breach::WriteReplaced { entry, .. } => Some(entry.index),
            Breach::LeaderRewrote { index, .. }
            | Breach::LogsDiffer { index, .. }
            | Breach::SnapshotDiffers { index, .. }
            | Breach::SnapshotOld { index, .. }
            | Breach::EntryForgotten { index, .. }
            | Breach::ReadStale { index, .. }
            | Breach::ReadUncommitted { index, .. }
            | Breach::CommitBeyondLog { commit: index, .. }
            | Breach::CommitFell { to: index, .. } => Some(index),
            Breach::CommitJumped { first, .. } => Some(first),
            Breach::TookEffectTwice { second, .. } => Some(second),
            Breach::TwoLeaders { .. }
            | Breach::TermFell { .. }
            | Breach::VotedTwice { .. }
            | Breach::VoteForgotten { .. } => None,
        }
    }

    /// The terms involved.
    pub fn terms(&self) -> Vec<u64> {
        match *self {
            Breach::TwoLeaders { term, .. }
            | Breach::LeaderRewrote { term, .. }
            | Breach::LogsDiffer { term, .. }
            | Breach::VotedTwice { term, .. }
            | Breach::VoteForgotten { term, .. } => vec![term],
            Breach::LeaderLacks { leader_term, entry, in_term, .. } => {
                vec![leader_term, entry.term, in_term]
            }
            Breach::CommittedTwo { term, entry, .. } => vec![term, entry.term],
            Breach::CommittedDeleted { entry, .. } | Breach::ToldTooEarly { entry, .. } => {
                vec![entry.term]
            }
            Breach::WriteLacked { leader_term, entry, .. } => vec![leader_term, entry.term],
            Breach::WriteReplaced { by, entry, .. } => vec![by, entry.term],
            Breach::TermFell { from, to, .. } => vec![from, to],
            Breach::CommitJumped { .. }
            | Breach::CommitBeyondLog { .. }
            | Breach::CommitFell { .. }
            | Breach::SnapshotDiffers { .. }
            | Breach::SnapshotOld { .. }
            | Breach::EntryForgotten { .. }
            | Breach::TookEffectTwice { .. }
            | Breach::ReadStale { .. }
            | Breach::ReadUncommitted { .. } => Vec::new(),
        }
    }

    /// What happened, in a sentence.
    pub fn tell(&self, command: Option<&Command>, names: &impl Names) -> String {
        let name = |node: &NodeId| names.node(*node);
        let what = command.map_or_else(String::new, |c| format!(" ({})", names.command(c)));
        match self {
            Breach::TwoLeaders { term, first, second } => {
                format!("{} became leader of term {term}, which {} led", name(second), name(first))
            }
            Breach::LeaderRewrote { leader, term, index } => format!(
                "{}, leader of term {term}, rewrote its own log at index {index}",
                name(leader)
            ),
            Breach::LogsDiffer { node, other, index, term } => format!(
                "the logs of {} and {} both have {index}@{term}{what} but differ up to there",
                name(node),
                name(other)
            ),
            Breach::LeaderLacks { leader, leader_term, entry, committer, in_term } => format!(
                "{} leads term {leader_term} without entry {entry}{what}, which {} had committed \
                 in term {in_term}",
                name(leader),
                name(committer)
            ),
            Breach::CommittedTwo { node, term, entry, committer } => {
                let other = Place { index: entry.index, term: *term };
                format!(
                    "{} has {other} in its committed log where {} had committed {entry}{what}",
                    name(node),
                    name(committer)
                )
            }
            Breach::CommittedDeleted { node, entry, commit } => format!(
                "{} deleted entry {entry}{what}, though it had committed up to index {commit}",
                name(node)
            ),
            Breach::SnapshotDiffers { node, index } => format!(
                "{} has a snapshot up to index {index} that differs from the committed state",
                name(node)
            ),
            Breach::SnapshotOld { node, index, commit } => format!(
                "{} with commitIndex {commit} went back to a snapshot up to index {index}",
                name(node)
            ),
            Breach::TermFell { node, from, to } => {
                format!("the term of {} fell from {from} to {to}", name(node))
            }
            Breach::VotedTwice { node, term, first, second } => format!(
                "{} voted for {} in term {term}, having voted for {}",
                name(node),
                name(second),
                name(first)
            ),
            Breach::CommitJumped { node, commit, first, last, end } => format!(
                "{} with commitIndex {commit} and a log of {end} committed {first} to {last}",
                name(node)
            ),
            Breach::CommitBeyondLog { node, commit, end } => {
                format!("{} has commitIndex {commit}, but its log ends at {end}", name(node))
            }
            Breach::CommitFell { node, from, to } => {
                format!("the commitIndex of {} fell from {from} to {to}", name(node))
            }
            Breach::VoteForgotten { node, term, candidate } => format!(
                "{} crashed and lost its vote for {} in term {term}, which it had already sent",
                name(node),
                name(candidate)
            ),
            Breach::EntryForgotten { node, index } => {
                format!("{} crashed and lost entry {index}, which it had acknowledged", name(node))
            }
            Breach::ToldTooEarly { node, entry } => format!(
                "{} acknowledged entry {entry} to a client, but it is not committed",
                name(node)
            ),
            Breach::WriteLacked { leader, leader_term, entry } => format!(
                "{} leads term {leader_term} without entry {entry}{what}, which was acknowledged \
                to a client",
                name(leader)
            ),
            Breach::WriteReplaced { node, entry, by } => format!(
                "{} committed another history (term {by}) over entry {entry}{what}, which was \
                acknowledged to a client",
                name(node)
            ),
            Breach::TookEffectTwice { node, client, seq, first, second } => format!(
                "command {seq} of client {client}{what} took effect at index {first} and again \
                 at index {second} on {}",
                name(node)
            ),
            Breach::ReadStale { node, index, known } => format!(
                "{} served a read of the state at index {index}, though a client knew index \
                 {known} before the read began",
                name(node)
            ),
            Breach::ReadUncommitted { node, index } => format!(
                "{} served a read of its log up to index {index}, which differs from the committed log",
                name(node)
            ),
        }
    }
}
