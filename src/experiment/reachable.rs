//! Rejects initial states that no run of Raft can reach. Each test here follows from the paper's
//! properties, so that a rejected state would have led to violations by honest nodes. (Losing a
//! disk is not part of Raft.) A state that passes may still be unreachable, for reasons that are
//! not tested.

use super::initial::{Initial, InitialEntry};
use super::step::CommandSpec;
use crate::fault::Names;

/// An error if there is a known reason why no run of Raft can reach this state.
pub fn validate(initial: &Initial, names: &Names) -> Result<(), String> {
    let cluster = Cluster { initial, names: names.founders() };
    let rules = [
        Cluster::matching_logs,
        Cluster::agreed_commits,
        Cluster::commits_of_a_majority,
        Cluster::elected_terms,
        Cluster::candidates,
        Cluster::leader,
    ];
    let broken = rules.iter().try_for_each(|rule| rule(&cluster));
    broken.map_err(|why| {
        format!("{why}. No run of Raft reaches this state; unreachable=True accepts it anyway")
    })
}

struct Cluster<'a> {
    initial: &'a Initial,
    names: &'a [String],
}

impl Cluster<'_> {
    fn log(&self, name: &str) -> &[InitialEntry] {
        self.initial.log_of(name)
    }

    fn term(&self, name: &str) -> u64 {
        self.initial.term_of(name)
    }

    /// The size of a majority.
    fn majority(&self) -> usize {
        self.names.len() / 2 + 1
    }

    fn holds(&self, name: &str, prefix: &[InitialEntry]) -> bool {
        let log = self.log(name);
        log.len() >= prefix.len() && log.iter().zip(prefix).all(|(a, b)| is_same(a, b))
    }

    /// Log Matching (§5.3).
    fn matching_logs(&self) -> Result<(), String> {
        for (i, a) in self.names.iter().enumerate() {
            for b in &self.names[..i] {
                let both = || self.log(a).iter().zip(self.log(b)).enumerate();
                let Some((first, _)) = both().find(|(_, (x, y))| !is_same(x, y)) else { continue };
                let again = both().skip(first).find(|(_, (x, y))| x.term() == y.term());
                if let Some((at, (entry, _))) = again {
                    return Err(format!(
                        "the logs of {b} and {a} differ at index {}, but both have an entry of term {} at index {} (Log Matching)",
                        first + 1,
                        entry.term(),
                        at + 1
                    ));
                }
            }
        }
        Ok(())
    }

    fn committed(&self, name: &str) -> &[InitialEntry] {
        &self.log(name)[..self.initial.commit_of(name) as usize]
    }

    /// State Machine Safety (§5.4.3), and a log with an entry of a later term has all earlier
    /// commits (§5.4).
    fn agreed_commits(&self) -> Result<(), String> {
        for a in self.names {
            for b in self.names {
                let (ours, theirs) = (self.committed(a), self.log(b));
                let both = ours.iter().zip(theirs).position(|(x, y)| !is_same(x, y));
                let Some(at) = both else { continue };
                if at < self.committed(b).len() {
                    return Err(format!(
                        "{a} and {b} have committed different entries at index {}",
                        at + 1
                    ));
                }
                if let Some(later) = theirs.iter().find(|entry| entry.term() > self.term(a)) {
                    return Err(format!(
                        "{a}, in term {}, has committed index {}, which the log of {b} lacks, though it has an entry of term {} (Leader Completeness)",
                        self.term(a),
                        at + 1,
                        later.term()
                    ));
                }
            }
        }
        Ok(())
    }

    /// A committed entry is in the logs of a majority (§5.3), and remains there (§5.4).
    fn commits_of_a_majority(&self) -> Result<(), String> {
        for name in self.names {
            let committed = self.committed(name);
            let holders = self.names.iter().filter(|other| self.holds(other, committed)).count();
            if holders < self.majority() {
                return Err(format!(
                    "{name} has committed index {}, but only {holders} of {} nodes have that entry",
                    committed.len(),
                    self.names.len()
                ));
            }
        }
        Ok(())
    }

    /// The term of an entry had a leader, so a majority voted in it (§5.2).
    fn elected_terms(&self) -> Result<(), String> {
        for name in self.names {
            let Some(last) = self.log(name).last().map(InitialEntry::term) else { continue };
            let there = self.names.iter().filter(|other| self.term(other) >= last).count();
            if there < self.majority() {
                return Err(format!(
                    "the log of {name} has an entry of term {last}, but only {there} of {} nodes are in that term or a later one: no leader can have been elected in it",
                    self.names.len()
                ));
            }
        }
        Ok(())
    }

    /// A node with votes of a term was a candidate in it, and voted for itself (§5.2).
    fn candidates(&self) -> Result<(), String> {
        for (voter, candidate) in &self.initial.voted_for {
            let (term, reached) = (self.term(voter), self.term(candidate));
            if term == 0 || reached < term {
                return Err(format!(
                    "{voter} has voted for {candidate} in term {term}, in which {candidate}, in term {reached}, cannot have been a candidate"
                ));
            }
            let own = self.initial.voted_for.get(candidate).filter(|own| *own != candidate);
            if let Some(own) = own.filter(|_| reached == term) {
                return Err(format!(
                    "{voter} has voted for {candidate} in term {term}, in which {candidate} has voted for {own} and not for itself"
                ));
            }
        }
        Ok(())
    }

    /// A leader has the votes of a majority, every entry of its term, and every earlier commit.
    fn leader(&self) -> Result<(), String> {
        let Some(leader) = &self.initial.leader else { return Ok(()) };
        let term = self.term(leader);
        let votes = |name: &&String| {
            let other = self.initial.voted_for.get(*name).filter(|vote| *vote != leader);
            self.term(name) > term || self.term(name) == term && other.is_none()
        };
        let voters = self.names.iter().filter(votes).count();
        if voters < self.majority() {
            return Err(format!(
                "{leader} leads term {term}, in which at most {voters} of {} nodes can have voted for it",
                self.names.len()
            ));
        }
        for name in self.names {
            let log = self.log(name);
            let of_term = log.iter().rposition(|entry| entry.term() == term).map_or(0, |at| at + 1);
            if !self.holds(leader, &log[..of_term]) {
                return Err(format!(
                    "{leader} leads term {term}, but {name} has an entry of that term at index {of_term} that {leader} does not have"
                ));
            }
            if self.term(name) <= term && !self.holds(leader, self.committed(name)) {
                return Err(format!(
                    "{leader} leads term {term} without index {}, which {name} has committed (Leader Completeness)",
                    self.committed(name).len()
                ));
            }
        }
        Ok(())
    }
}

/// Whether two entries are equal.
fn is_same(a: &InitialEntry, b: &InitialEntry) -> bool {
    match (a, b) {
        (InitialEntry::Term(a), InitialEntry::Term(b)) => a == b,
        (InitialEntry::Put(a, x), InitialEntry::Put(b, y)) => {
            a == b && (x == y || CommandSpec::parse(x) == CommandSpec::parse(y))
        }
        _ => false,
    }
}
