//! The log: entries counted from 1 (Figure 2), each with the hash of the log up to and including
//! it. Entries that a snapshot covers may have been removed from its beginning (§7).

use std::sync::Arc;

use super::membership::Members;
use super::types::{Command, Entry, EntryId, Op, Session, fold};
use crate::clone::clone_by_field;

/// A node's log. It takes most of the memory of a long run, so data that many entries share are
/// stored once.
#[derive(Debug, Default)]
pub struct Log {
    /// The last entry before its beginning, which was removed.
    base: Base,
    slots: Vec<Slot>,
    /// The term of the last entries and their first index; without entries the base's term.
    newest: Run,
    /// The terms before that. Invariant: in order, none of them empty.
    older: Vec<Run>,
    /// The sessions of the entries; empty until an entry has one.
    sessions: Vec<Session>,
}

clone_by_field!([] Log {} copied { base, newest } empty { slots, older, sessions });

/// The data that entries do not share.
#[derive(Clone, Copy, Debug)]
struct Slot {
    op: Op,
    hash: u64,
}

/// Entries of one term, up to the next run of them.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    /// The index of the first entry.
    first: u64,
    term: u64,
}

/// Index, term and prefix hash of the last removed entry; zeros if none was removed.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq)]
pub struct Base {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Hash of the log up to it.
    pub hash: u64,
}

impl Log {
    /// The number of entries that it holds, without those that a snapshot replaced.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Index of the last entry; 0 if there is none.
    #[inline]
    pub fn last_index(&self) -> u64 {
        self.base.index + self.slots.len() as u64
    }

    /// Term of the last entry; 0 if there is none.
    #[inline]
    pub fn last_term(&self) -> u64 {
        self.newest.term
    }

    /// Term and index of the last entry; zeros if there is none.
    #[inline]
    pub fn last(&self) -> EntryId {
        EntryId { term: self.last_term(), index: self.last_index() }
    }

    /// Term of the entry at an index: 0 at index 0; `None` after the last and for removed entries.
    #[inline]
    pub fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        (self.place(index) < self.slots.len()).then(|| self.term_of(index))
    }

    /// Term of an entry that the log holds.
    #[inline]
    fn term_of(&self, index: u64) -> u64 {
        if index >= self.newest.first {
            return self.newest.term;
        }
        let later = self.older.partition_point(|run| run.first <= index);
        self.older[later - 1].term
    }

    /// The entry at an index.
    #[inline]
    pub fn get(&self, index: u64) -> Option<Entry> {
        let (command, hash) = (self.command_at(index)?, self.slots[self.place(index)].hash);
        Some(Entry { term: self.term_of(index), command, hash })
    }

    /// Term of the entry at an index, and hash of the log up to and including it.
    #[inline]
    pub fn head(&self, index: u64) -> Option<(u64, u64)> {
        let slot = self.slots.get(self.place(index))?;
        Some((self.term_of(index), slot.hash))
    }

    /// The command of the entry at an index.
    #[inline]
    pub fn command_at(&self, index: u64) -> Option<Command> {
        let place = self.place(index);
        let op = self.slots.get(place)?.op;
        Some(Command { op, session: self.sessions.get(place).copied().unwrap_or_default() })
    }

    /// Hash of the log up to and including an index; 0 at index 0 and for removed entries.
    #[inline]
    pub fn hash_at(&self, index: u64) -> u64 {
        if index == self.base.index {
            return self.base.hash;
        }
        self.slots.get(self.place(index)).map_or(0, |slot| slot.hash)
    }

    /// The last entry before its beginning.
    #[inline]
    pub fn base(&self) -> Base {
        self.base
    }

    /// All entries that it holds, from index `base().index + 1` on.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.from(self.base.index + 1)
    }

    /// The entries from an index on.
    fn from(&self, first: u64) -> impl Iterator<Item = Entry> {
        (first..=self.last_index()).filter_map(|index| self.get(index))
    }

    /// The position of the entry at an index; `None` if it was removed.
    #[inline]
    fn place(&self, index: u64) -> usize {
        index.wrapping_sub(self.base.index + 1) as usize
    }

    /// Whether the log holds an entry with this index and term (§5.3, the consistency check).
    #[inline]
    pub fn matches(&self, id: EntryId) -> bool {
        self.term_at(id.index) == Some(id.term)
    }

    /// Adds an entry at the end.
    #[inline]
    pub fn push(&mut self, term: u64, command: Command) {
        let before = self.slots.last().map_or(self.base.hash, |slot| slot.hash);
        let hash = prefix_hash(before, term, &command);
        self.put(Entry { term, command, hash });
    }

    #[inline]
    fn put(&mut self, Entry { term, command: Command { op, session }, hash }: Entry) {
        if term != self.newest.term || self.slots.is_empty() {
            self.begin_run(term);
        }
        if session != Session::default() || !self.sessions.is_empty() {
            self.sessions.resize(self.slots.len(), Session::default());
            self.sessions.push(session);
        }
        self.slots.push(Slot { op, hash });
    }

    /// Begins a run of entries with a new term.
    #[inline(never)]
    fn begin_run(&mut self, term: u64) {
        if !self.slots.is_empty() {
            debug_assert!(self.newest.first <= self.last_index(), "no run is empty");
            debug_assert!(
                self.older.last().is_none_or(|run| run.first < self.newest.first),
                "runs are in order"
            );
            self.older.push(self.newest);
        }
        self.newest = Run { first: self.last_index() + 1, term };
    }

    /// Removes all entries after `index`.
    pub fn truncate(&mut self, index: u64) {
        let kept = index.saturating_sub(self.base.index) as usize;
        self.slots.truncate(kept);
        self.sessions.truncate(kept);
        while self.newest.first > self.last_index() {
            let nothing = Run { first: 0, term: self.base.term };
            self.newest = self.older.pop().unwrap_or(nothing);
        }
    }

    /// Removes the entries up to `index`, which a snapshot covers.
    pub fn compact(&mut self, index: u64) {
        let Some(Entry { term, hash, .. }) = self.get(index) else { return };
        let gone = self.place(index) + 1;
        self.slots.drain(..gone);
        self.sessions.drain(..gone.min(self.sessions.len()));
        self.base = Base { index, term, hash };
        // The runs whose successor begins at or before the first remaining entry.
        let runs = self.older.iter().skip(1).chain([&self.newest]);
        let unused = runs.take_while(|next| next.first <= index + 1).count();
        self.older.drain(..unused.min(self.older.len()));
    }

    /// An empty log that begins after a snapshot.
    pub fn starting_at(base: Base) -> Self {
        Self { base, newest: Run { first: 0, term: base.term }, ..Self::default() }
    }

    /// Adds entries at the end, with the hashes that they have.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        entries.into_iter().for_each(|entry| self.put(entry));
    }

    /// The configurations of the entries from `first` on, with their indices.
    pub fn configurations(&self, first: u64) -> impl Iterator<Item = (u64, Members)> {
        let first = first.max(self.base.index + 1);
        let slots = self.slots.iter().skip(self.place(first));
        (first..).zip(slots).filter_map(|(index, slot)| match slot.op {
            Op::Config(members) => Some((index, members)),
            _ => None,
        })
    }

    /// Replaces the operation of an entry: the history is another one from there on.
    pub(crate) fn alter(&mut self, index: u64, op: Op) {
        let place = self.place(index);
        if let Some(slot) = self.slots.get_mut(place) {
            slot.op = op;
            self.hash_from(index);
        }
    }

    fn hash_from(&mut self, first: u64) {
        for index in first..=self.last_index() {
            let Some(Entry { term, command, .. }) = self.get(index) else { continue };
            let (before, place) = (self.hash_at(index - 1), self.place(index));
            self.slots[place].hash = prefix_hash(before, term, &command);
        }
    }

    /// The number of entries from `first` on, at most `limit`.
    #[inline]
    pub fn count_from(&self, first: u64, limit: u32) -> u64 {
        let there = self.slots.len().saturating_sub(self.place(first));
        there.min(limit as usize) as u64
    }

    /// `count` entries from `first` on.
    #[inline(never)]
    pub fn collect(&self, first: u64, count: u64) -> Arc<[Entry]> {
        self.from(first).take(count as usize).collect()
    }

    /// The last entry at or before `bound.index` whose term is at most `bound.term`: where two logs
    /// may still agree (§5.3, the optimization that skips a whole term per rejection).
    pub fn last_at_most(&self, bound: EntryId) -> EntryId {
        let mut index = bound.index.min(self.last_index());
        while index > 0 && self.term_at(index).is_some_and(|term| term > bound.term) {
            index -= 1; // removed entries have no term, so the loop ends there
        }
        EntryId { term: self.term_at(index).unwrap_or(0), index }
    }
}

#[inline]
pub(crate) fn prefix_hash(before: u64, term: u64, command: &Command) -> u64 {
    let (tag, content) = command.words();
    fold(before ^ term.rotate_left(8) ^ tag, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::types::{Key, Value};

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
        assert!(
            log.matches(EntryId { term: 0, index: 0 })
                && log.matches(EntryId { term: 1, index: 2 })
                && !log.matches(EntryId { term: 4, index: 2 })
        );
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
    fn what_was_cut_off_can_be_added_again() {
        let mut short = log(&[1, 2, 3]);
        let tail: Vec<Entry> = short.from(2).collect();
        short.truncate(1);
        assert_eq!(short.last_index(), 1);
        short.extend(tail);
        assert_eq!(short.hash_at(3), log(&[1, 2, 3]).hash_at(3));
    }

    #[test]
    fn what_is_gone_leaves_its_index_term_and_hash() {
        let whole = log(&[1, 1, 4, 4, 5]);
        let mut compact = log(&[1, 1, 4, 4, 5]);
        compact.compact(3);
        assert_eq!(compact.base(), Base { index: 3, term: 4, hash: whole.hash_at(3) });
        assert_eq!((compact.last_index(), compact.entries().count()), (5, 2));
        for index in 3..=6 {
            assert_eq!(compact.term_at(index), whole.term_at(index));
            assert_eq!(compact.hash_at(index), whole.hash_at(index));
        }
        assert_eq!([0, 1, 2].map(|index| compact.term_at(index)), [None; 3]);
        assert!(compact.get(3).is_none() && compact.count_from(3, 9) == 0);
        let batch = |log: &Log| log.collect(4, log.count_from(4, 9));
        assert_eq!(batch(&compact), batch(&whole));
        assert_eq!(compact.last_at_most(EntryId { term: 4, index: 5 }).index, 4);
        assert_eq!(
            compact.last_at_most(EntryId { term: 3, index: 5 }).index,
            2,
            "before the first entry"
        );
        compact.compact(2);
        compact.compact(9);
        assert_eq!(compact.base().index, 3, "it was removed already, or never existed");
        compact.push(6, Command::default());
        compact.truncate(4);
        compact.compact(4);
        assert_eq!((compact.last_index(), compact.last_term()), (4, 4));
        compact.push(7, Command::default());
        let mut as_whole = log(&[1, 1, 4, 4]);
        as_whole.push(7, Command::default());
        assert_eq!(compact.hash_at(5), as_whole.hash_at(5));
        assert_eq!(Log::starting_at(as_whole.base()).last_index(), 0);
    }

    /// Compares a log with a list of its entries, under random operations.
    #[test]
    fn what_is_kept_once_reads_as_if_each_entry_had_it() {
        let mut luck = 1u64;
        let mut draw = move |below: u64| {
            luck = fold(luck, 1);
            luck % below
        };
        for _ in 0..200 {
            let (mut log, mut told) = (Log::default(), vec![Entry::default()]);
            let mut term = 1;
            for _ in 0..30 {
                let last = told.len() as u64 - 1;
                let base = log.base().index;
                match draw(8) {
                    0 => log.compact(draw(last + 2)),
                    1 | 2 => {
                        let index = base + draw(last - base + 1);
                        let tail: Vec<Entry> = log.from(index + 1).collect();
                        log.truncate(index);
                        if draw(2) == 0 {
                            log.extend(tail);
                        } else {
                            told.truncate(index as usize + 1);
                        }
                    }
                    _ => {
                        term += draw(3) / 2;
                        let session = match draw(4) {
                            0 => Session { client: 1, seq: draw(9) as u32, low: 0 },
                            _ => Session::default(),
                        };
                        let op = Op::Put { key: Key(0), value: Value::int(draw(9) as u32) };
                        let command = Command { op, session };
                        log.push(term, command);
                        told.push(Entry { term, command, hash: log.hash_at(last + 1) });
                    }
                }
                assert_eq!(log.last_index() as usize, told.len() - 1);
                assert_eq!(Some(log.last_term()), told.last().map(|entry| entry.term));
                let base = log.base().index as usize;
                assert_eq!(log.term_at(base as u64), Some(told[base].term));
                assert!(log.entries().eq(told[base + 1..].iter().copied()));
                for (index, entry) in (0..).zip(&told).skip(base + 1) {
                    assert_eq!(log.term_at(index), Some(entry.term));
                }
                let mut copy = log_of_ten();
                copy.clone_from(&log);
                assert!(copy.entries().eq(log.entries()));
            }
        }
    }

    /// Entries of five terms, each for a session.
    fn log_of_ten() -> Log {
        let mut log = Log::default();
        for index in 0..10 {
            let session = Session { client: 7, seq: index, low: 0 };
            log.push(u64::from(index / 2), Command { op: Op::Noop, session });
        }
        log
    }

    #[test]
    fn what_all_entries_have_takes_no_memory_of_theirs() {
        assert_eq!(size_of::<Slot>(), 24);
        let log = log(&[1; 1000]);
        assert_eq!((log.older.capacity(), log.sessions.capacity()), (0, 0));
    }

    #[test]
    fn back_off_skips_terms() {
        let log = log(&[1, 1, 4, 4, 5]);
        assert_eq!(log.last_at_most(EntryId { term: 4, index: 5 }).index, 4);
        assert_eq!(log.last_at_most(EntryId { term: 3, index: 5 }).index, 2);
        assert_eq!(log.last_at_most(EntryId { term: 9, index: 9 }).index, 5);
        assert_eq!(log.last_at_most(EntryId { term: 0, index: 5 }).index, 0);
    }
}
