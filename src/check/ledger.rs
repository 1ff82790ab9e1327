//! The commits of the cluster: the sequence that every node must follow, and different entries that
//! honest nodes committed.

use std::collections::BTreeMap;

use super::print;
use super::story::Stamp;
use crate::protocol::NodeId;
use crate::replica::{Command, Entry, Log};

/// A committed entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Committed {
    /// Hash of the log up to it.
    pub(super) hash: u64,
    /// The entry's term.
    pub(super) term: u64,
    /// The lowest term in which an honest node has committed it.
    pub(super) in_term: u64,
    /// When it was first committed.
    pub(super) at: Stamp,
    /// Its command.
    carried: Carried,
    /// The node that committed it first; the first honest one if there is any.
    pub(super) by: NodeId,
    /// Whether it was acknowledged to a client.
    pub(super) written: Written,
    /// Whether the committing node's history is known to differ from that of others.
    pub(super) apart: bool,
}

/// The command of an entry, as far as it is known.
#[derive(Clone, Copy, Debug)]
enum Carried {
    Command(Command),
    /// The fingerprint of the command, if a snapshot covered the entry when it was committed.
    Print(u32),
}

/// Whether an entry was acknowledged to a client, or lost after that.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Written {
    /// Not acknowledged.
    #[default]
    Untold,
    /// Acknowledged.
    Acknowledged,
    /// Acknowledged, but a later leader or another committed log lacks it.
    Lost,
}

impl Committed {
    /// An entry that a node commits.
    #[inline]
    pub(super) fn new(entry: &Entry, by: Committer) -> Self {
        Self::with(entry.hash, entry.term, Carried::Command(entry.command), by)
    }

    /// An entry that a node commits with a snapshot that covers it.
    pub(super) fn covered(hash: u64, (term, print): (u64, u32), by: Committer) -> Self {
        Self::with(hash, term, Carried::Print(print), by)
    }

    #[inline]
    fn with(hash: u64, term: u64, carried: Carried, by: Committer) -> Self {
        Self {
            hash,
            term,
            in_term: by.in_term,
            at: by.at,
            carried,
            by: by.node,
            written: Written::Untold,
            apart: false,
        }
    }

    /// Its command, if known.
    pub(super) fn command(&self) -> Option<Command> {
        match self.carried {
            Carried::Command(command) => Some(command),
            Carried::Print(_) => None,
        }
    }

    /// Its term and the fingerprint of its command, 32 bits that say whether two commands differ: a
    /// collision needs an equal index and term, too.
    pub(super) fn said(&self) -> (u64, u32) {
        match self.carried {
            Carried::Command(command) => (self.term, print(&command)),
            Carried::Print(print) => (self.term, print),
        }
    }

    /// Whether it was acknowledged to a client.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.written != Written::Untold
    }
}

/// Index and hash of a committed history.
pub(super) type State = (u64, u64);

/// The committing node, the time and the term.
#[derive(Clone, Copy, Debug)]
pub(super) struct Committer {
    pub(super) node: NodeId,
    pub(super) at: Stamp,
    pub(super) in_term: u64,
}

/// The committed sequence: at each index the entry of the first honest node that committed the
/// index. At its end there may be entries that only liars have committed so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<Committed>,
    /// The highest index that an honest node has committed; later entries may still be replaced.
    confirmed: u64,
    /// By index, the commits of honest nodes with another history: empty as long as they agree.
    apart: BTreeMap<u64, Vec<Committed>>,
    /// Index and hash of states that clients know only from liars and that no honest node has
    /// committed; with term and fingerprint of the entry if it was acknowledged.
    hearsay: BTreeMap<(u64, u64), Option<(u64, u32)>>,
    frontiers: Staircase,
    acknowledged: Staircase,
}

impl Ledger {
    /// The highest index.
    #[inline]
    pub(super) fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The highest index that an honest node has committed.
    #[inline]
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// The entry at an index from 1 to [`Ledger::last`].
    #[inline]
    pub(super) fn get(&self, index: u64) -> Option<&Committed> {
        self.entries.get(index.wrapping_sub(1) as usize)
    }

    /// Hash of the sequence up to an index; 0 before the first.
    #[inline]
    pub(super) fn hash_at(&self, index: u64) -> u64 {
        self.get(index).map_or(0, |entry| entry.hash)
    }

    /// The hashes of the sequence from the first index to this one.
    pub(super) fn hashes(&self, last: u64) -> impl Iterator<Item = u64> {
        self.entries.iter().take(last as usize).map(|entry| entry.hash)
    }

    /// Whether honest nodes have committed different histories.
    #[inline]
    pub(super) fn is_torn(&self) -> bool {
        !self.apart.is_empty()
    }

    /// The commits of honest nodes outside the sequence, by index.
    pub(super) fn apart(&self) -> impl Iterator<Item = (u64, &Committed)> {
        self.apart.iter().flat_map(|(index, all)| all.iter().map(|entry| (*index, entry)))
    }

    /// All commits of honest nodes at an index.
    pub(super) fn all(&self, index: u64) -> impl Iterator<Item = &Committed> {
        let first = self.get(index).filter(|_| index <= self.confirmed);
        first.into_iter().chain(self.apart.get(&index).into_iter().flatten())
    }

    /// The same, mutable.
    pub(super) fn all_mut(&mut self, index: u64) -> impl Iterator<Item = &mut Committed> {
        let at = (index as usize).wrapping_sub(1);
        let first = self.entries.get_mut(at).filter(|_| index <= self.confirmed);
        first.into_iter().chain(self.apart.get_mut(&index).into_iter().flatten())
    }

    /// Whether an honest node committed an index with this history.
    pub(super) fn has(&self, index: u64, hash: u64) -> bool {
        index == 0 || self.all(index).any(|entry| entry.hash == hash)
    }

    /// Whether only liars have committed an index of the sequence, with this history.
    pub(super) fn is_claimed(&self, index: u64, hash: u64) -> bool {
        index > self.confirmed && index <= self.last() && self.hash_at(index) == hash
    }

    /// Adds the entries of a log after the last, up to `last`.
    #[inline(always)] // into the only caller where it is frequent
    pub(super) fn extend(&mut self, log: &Log, last: u64, by: Committer) {
        for index in self.last() + 1..=last {
            let Some(entry) = log.get(index) else { return };
            self.entries.push(Committed::new(&entry, by));
        }
    }

    /// An honest node is the first honest one to commit up to this index; its log extends the
    /// sequence.
    #[inline]
    pub(super) fn confirm(&mut self, log: &Log, last: u64, by: Committer) {
        if self.confirmed < self.last() {
            self.take_over(last, by);
        }
        if last > self.last() {
            self.extend(log, last, by);
            self.confirmed = self.last();
        }
    }

    /// An honest node has committed everything up to this index in this term.
    #[inline]
    pub(super) fn reached(&mut self, last: u64, in_term: u64) {
        // A forged snapshot can have an index beyond the sequence.
        self.frontiers.add(in_term, last.min(self.last()));
    }

    /// An honest node committed entries that only liars had committed before.
    #[cold]
    fn take_over(&mut self, last: u64, by: Committer) {
        for index in self.confirmed + 1..=last.min(self.last()) {
            let entry = &mut self.entries[index as usize - 1];
            *entry = Committed { in_term: by.in_term, at: by.at, by: by.node, ..*entry };
            self.confirmed = index;
        }
    }

    /// Adds an entry that a snapshot covers after the last.
    pub(super) fn push(&mut self, entry: Committed) {
        self.entries.push(entry);
    }

    /// Whether clients know anything only from liars.
    #[inline]
    pub(super) fn has_hearsay(&self) -> bool {
        !self.hearsay.is_empty()
    }

    /// A liar told a client of a state that no honest node has committed.
    pub(super) fn hear(&mut self, index: u64, hash: u64, written: Option<(u64, u32)>) {
        let known = self.hearsay.entry((index, hash)).or_default();
        *known = known.or(written);
    }

    /// Takes what clients knew from liars and an honest node has now committed, up to this index:
    /// the states, and the acknowledged entries with the history in which they are committed.
    pub(super) fn take_hearsay(&mut self, last: u64) -> (Vec<State>, Vec<State>) {
        let (mut states, mut written) = (Vec::new(), Vec::new());
        let known: Vec<_> =
            self.hearsay.range(..=(last, u64::MAX)).map(|(key, entry)| (*key, *entry)).collect();
        for ((index, hash), entry) in known {
            let is_it = |held: &&Committed| Some(held.said()) == entry;
            let held = self.all(index).find(is_it).map(|held| held.hash);
            if let Some(held) = held {
                self.acknowledge(index, held);
                written.push((index, held));
                self.hearsay.insert((index, hash), None);
            }
            if self.has(index, hash) {
                states.push((index, hash));
                self.hearsay.remove(&(index, hash));
            }
        }
        (states, written)
    }

    /// An honest node commits an index with another history than the sequence's. Returns the known
    /// entry.
    pub(super) fn set_apart(&mut self, index: u64, entry: Committed) -> Committed {
        let there = self.apart.entry(index).or_default();
        match there.iter_mut().find(|other| other.hash == entry.hash) {
            Some(known) => {
                known.in_term = known.in_term.min(entry.in_term);
                *known
            }
            None => {
                there.push(entry);
                entry
            }
        }
    }

    /// Whether an honest node has committed this history outside the sequence, in this term or
    /// before.
    pub(super) fn has_apart(&self, index: u64, hash: u64, in_term: u64) -> bool {
        let mut there = self.apart.get(&index).into_iter().flatten();
        there.any(|entry| entry.hash == hash && entry.in_term <= in_term)
    }

    /// An honest node has committed the sequence up to `last` in an older term. Returns the first
    /// index for which this is new. (Committing an index commits all indices before it.)
    pub(super) fn lower_term(&mut self, last: u64, in_term: u64) -> u64 {
        let mut first = last.min(self.confirmed) + 1;
        while let Some(entry) = self.entries.get_mut((first as usize).wrapping_sub(2))
            && entry.in_term > in_term
        {
            entry.in_term = in_term;
            first -= 1;
            if entry.is_acknowledged() {
                self.acknowledged.add(in_term, first);
            }
        }
        first
    }

    /// Removes entries that only liars have committed, from this index on.
    pub(super) fn forget_from(&mut self, index: u64) {
        self.entries.truncate(index.max(self.confirmed + 1) as usize - 1);
    }

    /// An entry that honest nodes have committed with this history was acknowledged to a client.
    #[inline]
    pub(super) fn acknowledge(&mut self, index: u64, hash: u64) {
        if index > self.confirmed || self.hash_at(index) != hash {
            return self.acknowledge_apart(index, hash);
        }
        let entry = &mut self.entries[index as usize - 1];
        if entry.written == Written::Untold {
            entry.written = Written::Acknowledged;
        }
        self.acknowledged.add(entry.in_term, index);
    }

    fn acknowledge_apart(&mut self, index: u64, hash: u64) {
        let entry = self.all_mut(index).find(|entry| entry.hash == hash);
        if let Some(entry) = entry.filter(|entry| !entry.is_acknowledged()) {
            entry.written = Written::Acknowledged;
        }
    }

    /// The highest index committed in a term before this one. A late winner of an old term may lack
    /// commits of newer terms.
    pub(super) fn committed_before(&self, term: u64) -> Option<u64> {
        self.frontiers.before(term)
    }

    /// The highest index that was committed in a term before this one and acknowledged to a client.
    pub(super) fn acked_before(&self, term: u64) -> Option<u64> {
        self.acknowledged.before(term)
    }

    /// The first index up to `end` at which another history differs from this one, if they differ
    /// at `end`: once prefix hashes differ, they differ at all later indices.
    pub(super) fn parting(&self, end: u64, hash_at: impl Fn(u64) -> u64) -> Option<u64> {
        if hash_at(end) == self.hash_at(end) {
            return None;
        }
        let (mut same, mut differs) = (0, end);
        while differs - same > 1 {
            let middle = u64::midpoint(same, differs);
            if hash_at(middle) == self.hash_at(middle) {
                same = middle;
            } else {
                differs = middle;
            }
        }
        Some(differs)
    }
}

/// The highest index reached in each term, without terms that reached no higher than an earlier
/// one. Terms and indices both ascend, so the highest index before a term is found by binary
/// search.
#[derive(Clone, Debug, Default)]
struct Staircase {
    steps: Vec<(u64, u64)>,
}

impl Staircase {
    #[inline]
    fn add(&mut self, term: u64, index: u64) {
        match self.steps.last_mut() {
            Some((last, reached)) if *last == term => *reached = (*reached).max(index),
            _ => self.add_step(term, index),
        }
    }

    fn add_step(&mut self, term: u64, index: u64) {
        let at = self.steps.partition_point(|(other, _)| *other < term);
        if at > 0 && self.steps[at - 1].1 >= index {
            return;
        }
        let covered = self.steps[at..].iter().take_while(|(_, other)| *other <= index).count();
        match self.steps.get(at) {
            // The same term had reached further already.
            Some((other, reached)) if *other == term && *reached > index => {}
            _ => {
                self.steps.splice(at..at + covered, [(term, index)]);
            }
        }
    }

    fn before(&self, term: u64) -> Option<u64> {
        let at = self.steps.partition_point(|(other, _)| *other < term);
        self.steps[..at].last().map(|(_, index)| *index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear search, for comparison.
    fn before(pairs: &[(u64, u64)], term: u64) -> Option<u64> {
        pairs.iter().filter(|(other, _)| *other < term).map(|(_, index)| *index).max()
    }

    #[test]
    fn a_staircase_knows_the_highest_index_before_each_term() {
        let mut word = 7u64;
        for _ in 0..200 {
            let (mut stairs, mut pairs) = (Staircase::default(), Vec::new());
            for _ in 0..20 {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let pair = (word >> 40 & 7, (word >> 50 & 15) + 1);
                pairs.push(pair);
                stairs.add(pair.0, pair.1);
                for term in 0..9 {
                    assert_eq!(stairs.before(term), before(&pairs, term), "{pairs:?} {stairs:?}");
                }
            }
        }
    }

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        terms.iter().for_each(|term| log.push(*term, Command::default()));
        log
    }

    fn by(node: u8, in_term: u64) -> Committer {
        Committer { node: NodeId(node), at: Stamp::default(), in_term }
    }

    #[test]
    fn logs_part_where_the_first_entry_differs() {
        let (ours, theirs) = (log(&[1, 1, 2, 2, 2]), log(&[1, 1, 2, 3]));
        let mut ledger = Ledger::default();
        ledger.extend(&ours, 5, by(0, 2));
        assert_eq!(ledger.parting(5, |index| theirs.hash_at(index)), Some(4));
        assert_eq!(ledger.parting(5, |_| 0), Some(1));
        assert_eq!(ledger.parting(5, |index| ours.hash_at(index)), None);
    }

    #[test]
    fn what_only_a_liar_committed_is_no_truth() {
        let log = log(&[1, 1, 1]);
        let mut ledger = Ledger::default();
        ledger.extend(&log, 3, by(4, 1));
        let entry = (1, print(&Command::default()));
        ledger.hear(1, log.hash_at(1), Some(entry));
        ledger.hear(2, log.hash_at(2), None);
        assert!(!ledger.has(1, log.hash_at(1)) && ledger.is_claimed(1, log.hash_at(1)));
        assert_eq!(ledger.take_hearsay(3), (vec![], vec![]));
        ledger.confirm(&log, 2, by(0, 1));
        ledger.reached(2, 1);
        let [first, second] = [1, 2].map(|index| (index, log.hash_at(index)));
        assert_eq!(ledger.take_hearsay(2), (vec![first, second], vec![first]));
        assert_eq!((ledger.confirmed(), ledger.get(1).map(|entry| entry.by.0)), (2, Some(0)));
        assert_eq!((ledger.committed_before(2), ledger.acked_before(2)), (Some(2), Some(1)));
        assert!(ledger.has(2, log.hash_at(2)) && !ledger.has(3, log.hash_at(3)));
        ledger.forget_from(1);
        assert_eq!((ledger.last(), ledger.has_hearsay()), (2, false), "what is confirmed stays");
    }

    #[test]
    fn a_committed_entry_takes_64_bytes() {
        assert_eq!(size_of::<Committed>(), 64);
    }
}
