//! Where rows are kept: the newest as records, the rest in columns, in chunks that are shared.
//!
//! A record is written in one piece into a block that stays in the cache; full blocks go into columns,
//! which pays for itself and leaves what is still likely to change (a message under way, an entry not
//! committed yet) where it is cheap to change. A chunk that somebody else holds, a fork of the world or
//! a table in Python, is copied before it is changed.

use std::sync::Arc;

use super::table::{Cells, ColumnSet, Record};
use crate::sim::Time;

/// Rows in a chunk of columns.
pub const CHUNK: usize = 65_536;

/// Rows that are kept as records before they go into columns. Divides [`CHUNK`].
const BLOCK: usize = 512;

/// The row of what was not recorded.
pub const NO_ROW: u32 = u32::MAX;

/// Some rows in columns, in memory that comes back when nobody holds them any more.
#[derive(Debug)]
pub struct Chunk<R: Record>(R::Columns);

impl<R: Record> Chunk<R> {
    /// An empty chunk that will have so many rows, or more.
    fn with_room(rows: usize) -> Self {
        let spare = if rows == CHUNK { R::pool().take() } else { None };
        let mut columns = spare.unwrap_or_default();
        R::reserve(&mut columns, rows);
        Self(columns)
    }

    /// A row of it.
    pub fn at(&self, row: usize) -> R {
        R::at(&self.0, row)
    }
}

/// A copy that has room for what is still to come.
impl<R: Record> Clone for Chunk<R> {
    fn clone(&self) -> Self {
        let mut copy = Self::with_room(CHUNK);
        R::copy(&mut copy.0, &self.0);
        copy
    }
}

impl<R: Record> Drop for Chunk<R> {
    fn drop(&mut self) {
        if R::room(&self.0) >= CHUNK {
            R::clear(&mut self.0);
            R::pool().offer(|| std::mem::take(&mut self.0));
        }
    }
}

impl<R: Record> ColumnSet for Chunk<R> {
    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn cells(&self, column: usize) -> Cells<'_> {
        self.0.cells(column)
    }
}

/// The rows of a table.
#[derive(Clone, Debug)]
pub struct Store<R: Record> {
    /// Invariant: each has [`CHUNK`] rows but the last, which has fewer or as many.
    chunks: Vec<Arc<Chunk<R>>>,
    /// Rows in chunks: a multiple of [`BLOCK`].
    settled: usize,
    /// The newest rows. Invariant: `open.len() <= room`.
    open: Vec<R>,
    /// How many rows `open` may have: [`BLOCK`], or what is left below the ceiling.
    room: usize,
    max_rows: usize,
    full_since: Option<Time>,
}

impl<R: Record> Store<R> {
    /// An empty table that takes at most so many rows.
    pub fn new(max_rows: usize) -> Self {
        let max_rows = max_rows.min(NO_ROW as usize);
        let room = max_rows.min(BLOCK);
        Self { chunks: Vec::new(), settled: 0, open: Vec::new(), room, max_rows, full_since: None }
    }

    /// Adds a row and returns its number, or [`NO_ROW`] if the ceiling is reached.
    #[inline]
    pub fn push(&mut self, now: Time, row: R) -> u32 {
        if self.open.len() >= self.room && !self.make_room(now) {
            return NO_ROW;
        }
        self.open.push(row);
        (self.settled + self.open.len() - 1) as u32
    }

    /// Changes a row. One that was not recorded stays so.
    #[inline]
    pub fn update(&mut self, row: u32, change: impl FnOnce(R::Fields<'_>)) {
        let row = row as usize;
        if row < self.settled {
            let chunk = Arc::make_mut(&mut self.chunks[row / CHUNK]);
            change(R::fields_at(&mut chunk.0, row % CHUNK));
        } else if let Some(open) = self.open.get_mut(row - self.settled) {
            change(open.fields());
        }
    }

    /// A row, if it was recorded.
    pub fn get(&self, row: u32) -> Option<R> {
        let row = row as usize;
        if row < self.settled {
            Some(self.chunks[row / CHUNK].at(row % CHUNK))
        } else {
            self.open.get(row - self.settled).copied()
        }
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = R> {
        let settled =
            self.chunks.iter().flat_map(|chunk| (0..chunk.rows()).map(|row| chunk.at(row)));
        settled.chain(self.open.iter().copied())
    }

    /// The rows in columns, in order. Nothing but the newest few is copied.
    pub fn chunks(&self) -> impl Iterator<Item = Arc<Chunk<R>>> {
        let newest = (!self.open.is_empty()).then(|| {
            let mut chunk = Chunk::with_room(self.open.len());
            R::append(&mut chunk.0, &self.open);
            Arc::new(chunk)
        });
        self.chunks.iter().cloned().chain(newest)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.settled + self.open.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Since when rows are missing because the ceiling was reached.
    pub fn full_since(&self) -> Option<Time> {
        self.full_since
    }

    /// Puts the newest rows into columns; false if the ceiling is reached.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, now: Time) -> bool {
        if self.len() >= self.max_rows {
            self.full_since.get_or_insert(now);
            return false;
        }
        if self.settled.is_multiple_of(CHUNK) {
            // A short run stays small; a long one copies nothing.
            let rows = if self.chunks.is_empty() { BLOCK } else { CHUNK };
            self.chunks.push(Arc::new(Chunk::with_room(rows)));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            let Chunk(columns) = Arc::make_mut(chunk);
            let rows = columns.rows() + self.open.len();
            R::reserve(columns, rows.next_power_of_two());
            R::append(columns, &self.open);
        }
        self.settled += self.open.len();
        self.open.clear();
        self.room = BLOCK.min(self.max_rows - self.settled);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::schema::items;

    fn filled(rows: usize) -> Store<items::Row> {
        let mut store = Store::new(usize::MAX);
        for value in 0..rows {
            assert_eq!(store.push(Time::ZERO, items::Row { value: value as u32 }), value as u32);
        }
        store
    }

    fn values(chunks: impl Iterator<Item = Arc<Chunk<items::Row>>>) -> Vec<u32> {
        chunks.flat_map(|c| (0..c.rows()).map(|i| c.at(i).value).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn rows_stay_in_order_over_blocks_and_chunks() {
        for rows in [0, 1, BLOCK, BLOCK + 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3 * BLOCK + 7] {
            let store = filled(rows);
            let all: Vec<u32> = (0..rows as u32).collect();
            assert_eq!(store.len(), rows);
            assert_eq!(store.iter().map(|row| row.value).collect::<Vec<_>>(), all);
            assert_eq!(values(store.chunks()), all);
            assert!(store.chunks().all(|chunk| chunk.rows() <= CHUNK));
            assert_eq!(store.get(rows as u32), None);
        }
    }

    #[test]
    fn a_short_table_takes_little_memory() {
        let store = filled(3 * BLOCK);
        let chunk = &store.chunks[0];
        let Cells::U32(cells) = chunk.cells(0) else { panic!("values are 32 bits") };
        assert_eq!(cells.len(), 2 * BLOCK);
        assert!(filled(10).chunks.is_empty());
    }

    #[test]
    fn what_is_shared_is_copied_before_it_changes() {
        let mut store = filled(CHUNK + BLOCK + 1);
        let shared: Vec<_> = store.chunks().collect();
        let before = values(shared.iter().cloned());
        for row in [5, CHUNK as u32, (CHUNK + BLOCK) as u32] {
            store.update(row, |fields| *fields.value = 0);
            assert_eq!(store.get(row), Some(items::Row { value: 0 }));
        }
        assert_eq!(values(shared.into_iter()), before);
        let untouched = store.clone();
        store.update(6, |fields| *fields.value = 0);
        assert_eq!(untouched.get(6), Some(items::Row { value: 6 }));
    }

    #[test]
    fn nothing_is_copied_to_hand_it_out_or_to_fork() {
        let store = filled(2 * CHUNK + BLOCK + 1);
        let fork = store.clone();
        for (chunk, mine) in fork.chunks.iter().zip(store.chunks()) {
            assert!(Arc::ptr_eq(chunk, &mine));
        }
    }

    #[test]
    fn a_full_table_says_since_when() {
        for ceiling in [0, 1, BLOCK, BLOCK + 3] {
            let mut store = Store::new(ceiling);
            for value in 0..ceiling as u32 {
                assert_eq!(store.push(Time(1), items::Row { value }), value);
            }
            assert_eq!(store.full_since(), None);
            assert_eq!(store.push(Time(7), items::Row { value: 0 }), NO_ROW);
            assert_eq!(store.push(Time(8), items::Row { value: 0 }), NO_ROW);
            store.update(NO_ROW, |fields| *fields.value = 9);
            assert_eq!((store.len(), store.full_since()), (ceiling, Some(Time(7))));
        }
    }
}
