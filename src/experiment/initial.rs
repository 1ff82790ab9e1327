//! Initial states: terms, logs, commitIndex and leader at time 0.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::playable::Playable;
use super::step::CommandSpec;
use super::symbols::Symbols;
use crate::fault::Names;
use crate::protocol::NodeId;

use crate::replica::{Command, Log, Session};

/// The state of the nodes at time 0. What is not given is as in a new cluster.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Initial {
    /// currentTerm of every node; the highest term of any log if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<u64>,
    /// currentTerm of single nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub terms: BTreeMap<String, u64>,
    /// The log of every node that has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<InitialEntry>>,
    /// Logs of single nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub logs: BTreeMap<String, Vec<InitialEntry>>,
    /// commitIndex of every node that has none of its own, at most its last index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<u64>,
    /// commitIndex of single nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub commits: BTreeMap<String, u64>,
    /// votedFor of single nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub voted_for: BTreeMap<String, String>,
    /// The leader of its term. Nodes of the same term have voted for it, unless `voted_for` says
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// Accepts the state even if no run of Raft can reach it (`reachable.rs`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unreachable: bool,
}

/// An entry of an initial log: a term, or a term and a command `key=value`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged, expecting = "expected a term, or a pair of a term and 'key=value'")]
pub enum InitialEntry {
    /// An entry that does nothing.
    Term(u64),
    /// An entry with a put.
    Put(u64, String),
}

impl Initial {
    /// Checks that the state is well-formed, and that a run of Raft can reach it.
    pub fn validate(&self, names: &Names) -> Result<(), String> {
        let named = self.terms.keys().chain(self.logs.keys()).chain(self.commits.keys());
        let voting = self.voted_for.iter().flat_map(|(voter, vote)| [voter, vote]);
        for name in named.chain(voting).chain(&self.leader) {
            names.founder(name)?;
        }
        for name in names.founders() {
            let mut last = 0;
            for entry in self.log_of(name) {
                let (InitialEntry::Term(term) | InitialEntry::Put(term, _)) = entry;
                if *term < last.max(1) {
                    return Err(format!(
                        "the terms of the log of {name} must start at 1 and never fall, but {term} follows {last}"
                    ));
                }
                if let InitialEntry::Put(_, text) = entry {
                    CommandSpec::parse(text)?;
                }
                last = *term;
            }
            let term = self.terms.get(name).copied().or(self.term);
            if let Some(term) = term.filter(|term| *term < last) {
                return Err(format!("{name} is in term {term}, but its log ends in term {last}"));
            }
            if let Some(&commit) = self.commits.get(name)
                && commit > self.log_of(name).len() as u64
            {
                return Err(format!(
                    "{name} has committed index {commit}, but its log ends at {}",
                    self.log_of(name).len()
                ));
            }
        }
        if let Some(leader) = &self.leader
            && self.term_of(leader) == 0
        {
            return Err(format!("{leader} cannot lead term 0; give it a term of at least 1"));
        }
        if self.unreachable { Ok(()) } else { super::reachable::validate(self, names) }
    }

    /// Sets a new node to its initial state, which was validated with the scenario.
    pub fn apply<P: Playable>(
        &self,
        names: &Names,
        id: NodeId,
        node: &mut P,
        symbols: &mut Symbols,
    ) {
        let name = names.name(id);
        let mut log = Log::default();
        for entry in self.log_of(name) {
            match entry {
                InitialEntry::Term(term) => log.push(*term, Command::default()),
                InitialEntry::Put(term, text) => {
                    if let Ok(spec) = CommandSpec::parse(text) {
                        log.push(*term, spec.command(symbols, Session::default()));
                    }
                }
            }
        }
        let term = self.term_of(name);
        let led_by = self.leader.as_ref().filter(|leader| self.term_of(leader) == term);
        let vote = self.voted_for.get(name).or(led_by).and_then(|vote| names.id(vote).ok());
        node.preset(term, vote, log, self.commit_of(name));
        if self.leader.as_deref() == Some(name) {
            node.preset_leader();
        }
        debug_assert!(node.status().term == term);
    }

    pub(super) fn log_of(&self, name: &str) -> &[InitialEntry] {
        self.logs.get(name).or(self.log.as_ref()).map_or(&[], Vec::as_slice)
    }

    pub(super) fn term_of(&self, name: &str) -> u64 {
        let logs = self.logs.values().chain(&self.log);
        let highest = logs.filter_map(|log| log.last()).map(InitialEntry::term).max().unwrap_or(0);
        self.terms.get(name).copied().or(self.term).unwrap_or(highest)
    }

    /// commitIndex of a node, at most its last index.
    pub(super) fn commit_of(&self, name: &str) -> u64 {
        let commit = self.commits.get(name).copied().or(self.commit).unwrap_or(0);
        commit.min(self.log_of(name).len() as u64)
    }
}

impl InitialEntry {
    /// Its term.
    pub(super) fn term(&self) -> u64 {
        let (InitialEntry::Term(term) | InitialEntry::Put(term, _)) = self;
        *term
    }
}
