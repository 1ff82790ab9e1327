//! The slow way: compares every pair of facts after the run. Each property is judged as its
//! sentence in the table of properties demands, over events of honest nodes; lying leaders, too,
//! must have the commits of honest nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Act, Committed, Facts, History, Said, Told, at};

/// The first event that violated each property.
pub type Verdicts = BTreeMap<&'static str, Act>;

/// Judges the facts.
pub struct Judgement {
    pub verdicts: Verdicts,
    pub lost_writes: u64,
}

pub fn judge(facts: &Facts) -> Judgement {
    let mut found = Found::default();
    for (property, act) in &facts.alone {
        found.if_honest(property, *act);
    }
    elections(facts, &mut found);
    votes(facts, &mut found);
    log_matching(facts, &mut found);
    let commits = honest_commits(facts, &mut found);
    state_machines(&commits, &mut found);
    leader_completeness(facts, &commits, &mut found);
    let lost_writes = writes(facts, &commits, &mut found);
    sessions(facts, &mut found);
    reads(facts, &commits, &mut found);
    Judgement { verdicts: found.0, lost_writes }
}

#[derive(Default)]
struct Found(Verdicts);

impl Found {
    fn add(&mut self, property: &'static str, act: Act) {
        let first = self.0.entry(property).or_insert(act);
        if act.seq < first.seq {
            *first = act;
        }
    }

    fn if_honest(&mut self, property: &'static str, act: Act) {
        if act.honest {
            self.add(property, act);
        }
    }
}

fn later(a: Act, b: Act) -> Act {
    if a.seq >= b.seq { a } else { b }
}

/// "at most one leader is elected in a term, even at different times"
fn elections(facts: &Facts, found: &mut Found) {
    for (i, second) in facts.led.iter().enumerate() {
        for first in &facts.led[..i] {
            let differ = first.term == second.term && first.act.node != second.act.node;
            if differ && first.act.honest {
                found.if_honest("election_safety", second.act);
            }
        }
    }
}

/// "a node votes for at most one candidate in a term, even if its disk is lost"
fn votes(facts: &Facts, found: &mut Found) {
    for (i, second) in facts.votes.iter().enumerate() {
        for first in &facts.votes[..i] {
            let same = (first.act.node, first.term) == (second.act.node, second.term);
            if same && first.candidate != second.candidate {
                found.if_honest("vote_once", second.act);
            }
        }
    }
}

/// "two logs that have an entry of the same index and term are identical up to that entry"
fn log_matching(facts: &Facts, found: &mut Found) {
    let mut holders: BTreeMap<(u64, u64), Vec<(Act, History)>> = BTreeMap::new();
    for held in facts.held.iter().filter(|held| held.act.honest) {
        let Some((term, _)) = facts.said(held.history) else { continue };
        holders.entry((held.index, term)).or_default().push((held.act, held.history));
    }
    for holders in holders.values() {
        for (i, (second, ours)) in holders.iter().enumerate() {
            if holders[..i].iter().any(|(_, theirs)| theirs != ours) {
                found.add("log_matching", *second);
            }
        }
    }
}

/// "a snapshot holds the committed state at its last index": entries that an honest node has
/// committed, or that no honest node contradicts, if they are known. Installing a snapshot of
/// unknown entries commits nothing known.
fn honest_commits<'a>(facts: &'a Facts, found: &mut Found) -> Vec<&'a Committed> {
    for snapshot in &facts.snapshots {
        let before = |commit: &&Committed| commit.act.honest && commit.act.seq < snapshot.act.seq;
        let before = || facts.committed.iter().filter(before).filter(|commit| commit.known);
        let index = snapshot.log.len() as u64;
        let has = before().any(|commit| at(&commit.log, index) == at(&snapshot.log, index));
        let contradicts = before().any(|commit| differ(&commit.log, &snapshot.log));
        if !has && (contradicts || !snapshot.known || snapshot.own) {
            found.if_honest("snapshot_consistency", snapshot.act);
        }
    }
    facts.committed.iter().filter(|commit| commit.act.honest && commit.known).collect()
}

fn differ(a: &[History], b: &[History]) -> bool {
    let both = a.len().min(b.len());
    both > 0 && a[both - 1] != b[both - 1]
}

/// "no two nodes commit different entries at the same index"
fn state_machines(commits: &[&Committed], found: &mut Found) {
    for (i, second) in commits.iter().enumerate() {
        if commits[..i].iter().any(|first| differ(&first.log, &second.log)) {
            found.add("state_machine_safety", second.act);
        }
    }
}

/// "an entry committed in a term is in the log of the leader of every later term"
fn leader_completeness(facts: &Facts, commits: &[&Committed], found: &mut Found) {
    for led in &facts.led {
        for commit in commits.iter().filter(|commit| commit.in_term < led.term) {
            let end = commit.log.len() as u64;
            if at(&led.log, end) != at(&commit.log, end) {
                found.add("leader_completeness", later(led.act, commit.act));
            }
        }
    }
}

/// "a write acknowledged to a client is committed, and in the log of every later leader"
fn writes(facts: &Facts, commits: &[&Committed], found: &mut Found) -> u64 {
    let mut lost = BTreeSet::new();
    for told in &facts.told {
        if let Some(entry) = told.history.and_then(|history| facts.said(history))
            && write(facts, commits, told, entry, found)
        {
            lost.insert((told.index, format!("{entry:?}")));
        }
    }
    lost.len() as u64
}

/// Whether an acknowledged write is lost.
fn write(
    facts: &Facts,
    commits: &[&Committed],
    told: &Told,
    entry: Said,
    found: &mut Found,
) -> bool {
    let said = |log: &[History]| at(log, told.index).and_then(|history| facts.said(history));
    let mut lost = false;
    let property = "acknowledged_write_lost";
    let holding: Vec<_> =
        commits.iter().filter(|commit| said(&commit.log) == Some(entry)).collect();
    let before = |act: &Act| act.seq < told.act.seq;
    if !holding.iter().any(|commit| before(&commit.act)) {
        found.if_honest(property, told.act);
    }
    let first = |in_terms: &dyn Fn(u64) -> bool| {
        holding.iter().find(|commit| in_terms(commit.in_term)).map(|commit| commit.act)
    };
    for led in &facts.led {
        if let Some(held) = first(&|in_term| in_term < led.term)
            && said(&led.log) != Some(entry)
        {
            found.add(property, later(later(told.act, held), led.act));
            lost = true;
        }
    }
    for other in commits.iter().filter(|other| other.log.len() as u64 >= told.index) {
        if let Some(held) = first(&|_| true)
            && said(&other.log) != Some(entry)
        {
            found.add(property, later(later(told.act, held), other.act));
            lost = true;
        }
    }
    lost
}

/// "a command that a client retries takes effect once" in one history
fn sessions(facts: &Facts, found: &mut Found) {
    for (i, second) in facts.effects.iter().enumerate() {
        for first in facts.effects[..i].iter().filter(|first| first.command == second.command) {
            let here = at(&second.log, first.index) == at(&first.log, first.index);
            if here && first.index != second.index {
                found.if_honest("session_once", second.act);
            }
        }
    }
}

/// "a read returns a committed state that is no older than what any client knew before it began"
fn reads(facts: &Facts, commits: &[&Committed], found: &mut Found) {
    let mut first: BTreeMap<(u64, History), usize> = BTreeMap::new();
    for commit in commits {
        for (index, history) in (1..).zip(&commit.log) {
            first.entry((index, *history)).or_insert(commit.act.seq);
        }
    }
    let has = |index: u64, history: Option<History>, by: usize| {
        let first = history.and_then(|history| first.get(&(index, history)));
        index == 0 || first.is_some_and(|first| *first < by)
    };
    let told = facts.told.iter().map(|told| (told.act.seq, told.index, told.history));
    let shown = facts.reads.iter().map(|read| (read.act.seq, read.index, read.history));
    let known: Vec<_> = told.chain(shown).collect();
    for read in facts.reads.iter().filter(|read| read.act.honest) {
        let committed = has(read.index, read.history, read.act.seq);
        let fresh = || {
            known
                .iter()
                .filter(|(when, index, history)| {
                    *when < read.asked && has(*index, *history, read.asked)
                })
                .all(|(_, index, history)| {
                    *index <= read.index && at(&read.log, *index) == *history
                })
        };
        if !committed || !read.local && !fresh() {
            found.add("linearizable_reads", read.act);
        }
    }
}
