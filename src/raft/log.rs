//! The log: entries counted from 1 (paper, Figure 2), each with the hash of the prefix that it ends. What a
//! snapshot covers may be gone from its beginning (section 7).

use super::types::{Command, Entries, Entry, Op, fold};
use crate::clone::clone_by_field;

/// A node's log.
#[derive(Debug, Default)]
pub struct Log {
    /// Where it begins: the last entry that is gone.
    base: Base,
    entries: Vec<Entry>,
}

clone_by_field!([] Log {} copied { base } empty { entries });

/// What is left of entries that are gone: index, term and prefix hash of the last; zeros if none is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Base {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Hash of the log up to it.
    pub hash: u64,
}

impl Log {
    /// Index of the last entry; 0 if there is none.
    #[inline]
    pub fn last_index(&self) -> u64 {
        self.base.index + self.entries.len() as u64
    }

    /// Term of the last entry; 0 if there is none.
    #[inline]
    pub fn last_term(&self) -> u64 {
        self.entries.last().map_or(self.base.term, |entry| entry.term)
    }

    /// Term of the entry at an index: 0 before the first; nothing behind the last, or of what is gone.
    #[inline]
    pub fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// The entry at an index.
    #[inline]
    pub fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(self.place(index))
    }

    /// Hash of the log up to and including an index; 0 before the first entry and of what is gone.
    #[inline]
    pub fn hash_at(&self, index: u64) -> u64 {
        if index == self.base.index {
            return self.base.hash;
        }
        self.get(index).map_or(0, |entry| entry.hash)
    }

    /// Where it begins.
    #[inline]
    pub fn base(&self) -> Base {
        self.base
    }

    /// All entries that are there, from that at `base().index + 1` on.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where the entry at an index stands; nowhere if it is gone.
    #[inline]
    fn place(&self, index: u64) -> usize {
        index.wrapping_sub(self.base.index + 1) as usize
    }

    /// Whether the log holds an entry with this index and term (5.3, the consistency check).
    #[inline]
    pub fn matches(&self, index: u64, term: u64) -> bool {
        self.term_at(index) == Some(term)
    }

    /// Adds an entry at the end.
    #[inline]
    pub fn push(&mut self, term: u64, command: Command) {
        let before = self.entries.last().map_or(self.base.hash, |entry| entry.hash);
        let hash = prefix_hash(before, term, &command);
        self.entries.push(Entry { term, command, hash });
    }

    /// Drops everything behind `index` and returns it.
    pub fn truncate(&mut self, index: u64) -> Vec<Entry> {
        let kept = index.saturating_sub(self.base.index) as usize;
        self.entries.split_off(self.entries.len().min(kept))
    }

    /// Drops the entries up to `index`, which a snapshot covers.
    pub fn compact(&mut self, index: u64) {
        if let Some(&Entry { term, hash, .. }) = self.get(index) {
            self.entries.drain(..=self.place(index));
            self.base = Base { index, term, hash };
        }
    }

    /// An empty log that begins behind a snapshot.
    pub fn starting_at(base: Base) -> Self {
        Self { base, entries: Vec::new() }
    }

    /// Puts back what [`Log::truncate`] dropped.
    pub fn restore(&mut self, entries: Vec<Entry>) {
        self.entries.extend(entries);
    }

    /// Up to `limit` entries from `first` on.
    #[inline]
    pub fn slice(&self, first: u64, limit: u32) -> &[Entry] {
        let from = self.place(first);
        let to = self.entries.len().min(from.saturating_add(limit as usize));
        self.entries.get(from..to).unwrap_or(&[])
    }

    /// Up to `limit` entries from `first` on, ready to travel.
    #[inline]
    pub fn batch(&self, first: u64, limit: u32) -> Entries {
        match self.slice(first, limit) {
            [] => Entries::None,
            [entry] => Entries::One(*entry),
            batch => Entries::Many(batch.into()),
        }
    }

    /// The last index at or before `index` whose term is at most `term`: where two logs may still agree
    /// (5.3, the optimisation that skips a whole term per rejection).
    pub fn last_at_most(&self, index: u64, term: u64) -> u64 {
        let mut at = index.min(self.last_index());
        while at > 0 && self.term_at(at).is_some_and(|t| t > term) {
            at -= 1; // what is gone has no term: it ends there
        }
        at
    }
}

#[inline]
fn prefix_hash(before: u64, term: u64, command: &Command) -> u64 {
    let (tag, key, a, b) = match command.op {
        Op::Noop => (0u64, 0, 0, 0),
        Op::Put { key, value } => (1, key.0, value.0, 0),
        Op::Get { key } => (2, key.0, 0, 0),
        Op::Cas { key, expected, value } => (3, key.0, value.0, expected.0),
        Op::Append { key, value } => (4, key.0, value.0, 0),
    };
    let session = u64::from(command.session.client) << 32 | u64::from(command.session.seq);
    let op = u64::from(key) << 32 | u64::from(a);
    fold(before ^ term.rotate_left(8) ^ tag, op ^ fold(session, u64::from(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::types::{Key, Value};

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        for &term in terms {
            log.push(term, Command::default());
        }
        log
    }

    #[test]
    fn indices_count_from_one() {
        let log = log(&[1, 1, 4]);
        assert_eq!((log.last_index(), log.last_term()), (3, 4));
        assert_eq!(log.term_at(0), Some(0));
        assert_eq!(log.term_at(3), Some(4));
        assert_eq!(log.term_at(4), None);
        assert!(log.matches(0, 0) && log.matches(2, 1) && !log.matches(2, 4));
    }

    #[test]
    fn equal_prefixes_and_only_those_have_equal_hashes() {
        let (mut a, mut b) = (log(&[1, 1]), log(&[1, 1]));
        assert_eq!(a.hash_at(2), b.hash_at(2));
        a.push(2, Command::plain(Op::Put { key: Key(0), value: Value::int(1) }));
        b.push(2, Command::plain(Op::Put { key: Key(0), value: Value::int(2) }));
        assert_ne!(a.hash_at(3), b.hash_at(3));
        assert_ne!(log(&[1, 2]).hash_at(2), log(&[2, 1]).hash_at(2));
    }

    #[test]
    fn truncation_gives_back_what_it_took() {
        let mut short = log(&[1, 2, 3]);
        let tail = short.truncate(1);
        assert_eq!(short.last_index(), 1);
        short.restore(tail);
        assert_eq!(short.hash_at(3), log(&[1, 2, 3]).hash_at(3));
    }

    #[test]
    fn what_is_gone_leaves_its_index_term_and_hash() {
        let whole = log(&[1, 1, 4, 4, 5]);
        let mut compact = log(&[1, 1, 4, 4, 5]);
        compact.compact(3);
        assert_eq!(compact.base(), Base { index: 3, term: 4, hash: whole.hash_at(3) });
        assert_eq!((compact.last_index(), compact.entries().len()), (5, 2));
        for index in 3..=6 {
            assert_eq!(compact.term_at(index), whole.term_at(index));
            assert_eq!(compact.hash_at(index), whole.hash_at(index));
        }
        assert_eq!([0, 1, 2].map(|index| compact.term_at(index)), [None; 3]);
        assert!(compact.get(3).is_none() && compact.slice(3, 9).is_empty());
        assert_eq!(compact.slice(4, 9), whole.slice(4, 9));
        assert_eq!(compact.last_at_most(5, 4), 4);
        assert_eq!(compact.last_at_most(5, 3), 2, "before what is there");
        compact.compact(2);
        compact.compact(9);
        assert_eq!(compact.base().index, 3, "it is gone already, or not there");
        compact.push(6, Command::default());
        assert_eq!(compact.truncate(4).len(), 2);
        compact.compact(4);
        assert_eq!((compact.last_index(), compact.last_term()), (4, 4));
        compact.push(7, Command::default());
        let mut as_whole = log(&[1, 1, 4, 4]);
        as_whole.push(7, Command::default());
        assert_eq!(compact.hash_at(5), as_whole.hash_at(5));
        assert_eq!(Log::starting_at(as_whole.base()).last_index(), 0);
    }

    #[test]
    fn back_off_skips_terms() {
        let log = log(&[1, 1, 4, 4, 5]);
        assert_eq!(log.last_at_most(5, 4), 4);
        assert_eq!(log.last_at_most(5, 3), 2);
        assert_eq!(log.last_at_most(9, 9), 5);
        assert_eq!(log.last_at_most(5, 0), 0);
    }
}
