//! Where rows are kept: the newest in a block, the rest in columns, in chunks that are shared.
//!
//! A row is written into a block that stays in the cache, column by column; full blocks go into the columns of
//! a chunk. That leaves what is still likely to change (a message under way, an entry not committed yet)
//! where it is cheap to change, and shows which columns say the same in all rows and need no memory. A chunk
//! that somebody else holds, a fork of the world or a table in Python, is copied before it is changed.

use std::sync::Arc;

use super::column::Cells;
use super::table::{ColumnSet, Record};
use crate::sim::Time;

/// Most rows in a chunk of columns.
pub const CHUNK: usize = FIRST << DOUBLINGS;

/// Rows in the first chunk. The next ones have twice as many each, up to [`CHUNK`]: a short table takes little
/// memory, and a long one copies nothing as it grows.
const FIRST: usize = 1024;
const DOUBLINGS: u32 = 6;

/// Rows that are kept in a block before they go into columns. A power of two, and divides [`FIRST`].
pub const BLOCK: usize = 256;

/// The row of what was not recorded.
pub const NO_ROW: u32 = u32::MAX;

/// Some rows in columns, in memory that comes back when nobody holds them any more.
#[derive(Debug)]
pub struct Chunk<R: Record> {
    columns: R::Columns,
    /// How many rows it will have at most.
    room: usize,
}

impl<R: Record> Chunk<R> {
    /// An empty chunk that will have so many rows.
    fn with_room(room: usize) -> Self {
        let spare = if room == CHUNK { R::pool().take() } else { None };
        Self { columns: spare.unwrap_or_default(), room }
    }

    /// A row of it.
    pub fn at(&self, row: usize) -> R {
        R::at(&self.columns, row)
    }

    fn append(&mut self, block: &R::Block, rows: usize) {
        R::append(&mut self.columns, block, rows, self.room);
    }

    fn update(&mut self, row: usize, change: impl FnOnce(R::Fields<'_>)) {
        let mut changed = self.at(row);
        change(changed.fields());
        changed.put(&mut self.columns, row, self.room);
    }
}

/// A copy that has room for what is still to come.
impl<R: Record> Clone for Chunk<R> {
    fn clone(&self) -> Self {
        let mut copy = Self::with_room(self.room);
        R::copy(&mut copy.columns, &self.columns, self.room);
        copy
    }
}

impl<R: Record> Drop for Chunk<R> {
    fn drop(&mut self) {
        if self.room == CHUNK {
            R::clear(&mut self.columns);
            R::pool().offer(|| std::mem::take(&mut self.columns));
        }
    }
}

impl<R: Record> ColumnSet for Chunk<R> {
    fn rows(&self) -> usize {
        self.columns.rows()
    }

    fn cells(&self, column: usize) -> Cells<'_> {
        self.columns.cells(column)
    }
}

/// The rows of a table.
#[derive(Clone, Debug)]
pub struct Store<R: Record> {
    /// Invariant: each but the last is full.
    chunks: Vec<Arc<Chunk<R>>>,
    /// Rows in chunks: a multiple of [`BLOCK`].
    settled: usize,
    /// The newest rows, once there are any.
    block: Option<Box<R::Block>>,
    /// How many rows the block has. Invariant: `open <= room`.
    open: usize,
    /// How many it may have: [`BLOCK`], or what is left below the ceiling; none before the first row.
    room: usize,
    max_rows: usize,
    full_since: Option<Time>,
}

impl<R: Record> Store<R> {
    /// An empty table that takes at most so many rows.
    pub fn new(max_rows: usize) -> Self {
        let max_rows = max_rows.min(NO_ROW as usize);
        Self {
            chunks: Vec::new(),
            settled: 0,
            block: None,
            open: 0,
            room: 0,
            max_rows,
            full_since: None,
        }
    }

    /// Adds a row and returns its number, or [`NO_ROW`] if the ceiling is reached.
    #[inline(always)] // so that the row goes from where it is made to where it stays
    pub fn push(&mut self, now: Time, row: R) -> u32 {
        if self.open >= self.room && !self.make_room(now) {
            return NO_ROW;
        }
        let Some(block) = &mut self.block else { return NO_ROW };
        row.write(block, self.open);
        self.open += 1;
        (self.settled + self.open - 1) as u32
    }

    /// Changes a row. One that was not recorded stays so.
    #[inline]
    pub fn update(&mut self, row: u32, change: impl FnOnce(R::Fields<'_>)) {
        let row = row as usize;
        if row < self.settled {
            let (chunk, row) = place(row);
            Arc::make_mut(&mut self.chunks[chunk]).update(row, change);
        } else if let Some(block) = &mut self.block
            && row - self.settled < self.open
        {
            change(R::fields_in(block, row - self.settled));
        }
    }

    /// A row, if it was recorded.
    pub fn get(&self, row: u32) -> Option<R> {
        let row = row as usize;
        if row < self.settled {
            let (chunk, row) = place(row);
            return Some(self.chunks[chunk].at(row));
        }
        let open = row - self.settled;
        self.block.as_ref().filter(|_| open < self.open).map(|block| R::read(block, open))
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = R> {
        let settled =
            self.chunks.iter().flat_map(|chunk| (0..chunk.rows()).map(|row| chunk.at(row)));
        let newest =
            self.block.iter().flat_map(|block| (0..self.open).map(|row| R::read(block, row)));
        settled.chain(newest)
    }

    /// The rows in columns, in order. Nothing but the newest few is copied.
    pub fn chunks(&self) -> impl Iterator<Item = Arc<Chunk<R>>> {
        let newest = self.block.as_deref().filter(|_| self.open > 0).map(|block| {
            let mut chunk = Chunk::with_room(self.open);
            chunk.append(block, self.open);
            Arc::new(chunk)
        });
        self.chunks.iter().cloned().chain(newest)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.settled + self.open
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Since when rows are missing because the ceiling was reached.
    pub fn full_since(&self) -> Option<Time> {
        self.full_since
    }

    /// Makes the block ready for more; false if the ceiling is reached.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, now: Time) -> bool {
        if self.len() >= self.max_rows {
            self.full_since.get_or_insert(now);
            return false;
        }
        self.settle();
        self.block.get_or_insert_with(R::block);
        self.room = BLOCK.min(self.max_rows - self.settled);
        true
    }

    /// Puts the newest rows into columns.
    fn settle(&mut self) {
        let Some(block) = self.block.as_deref().filter(|_| self.open > 0) else { return };
        if place(self.settled).0 == self.chunks.len() {
            let doublings = DOUBLINGS.min(self.chunks.len() as u32);
            self.chunks.push(Arc::new(Chunk::with_room(FIRST << doublings)));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            Arc::make_mut(chunk).append(block, self.open);
        }
        self.settled += self.open;
        self.open = 0;
    }
}

/// In which chunk a row is, and where there.
fn place(row: usize) -> (usize, usize) {
    let doublings = (row / FIRST + 1).ilog2().min(DOUBLINGS);
    let behind = row - FIRST * ((1 << doublings) - 1);
    (doublings as usize + behind / CHUNK, behind % CHUNK)
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
        for rows in [0, 1, BLOCK, BLOCK + 1, FIRST, FIRST + 1, CHUNK, 5 * CHUNK + 3 * BLOCK + 7] {
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
        let store = filled(FIRST + 2 * BLOCK);
        let rooms: Vec<_> = store.chunks.iter().map(|c| (c.rows(), c.room)).collect();
        assert_eq!(rooms, [(FIRST, FIRST), (BLOCK, 2 * FIRST)]);
        let short = filled(10);
        assert!(short.chunks.is_empty() && short.block.is_some());
        assert!(filled(0).block.is_none());
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
