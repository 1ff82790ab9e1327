//! The storage of rows: the newest in a block, the rest in columns, in shared chunks.
//!
//! A row is written into a block that stays in the cache, column by column. A full block rests
//! while the next one fills, and is then appended to the columns of a chunk. So rows that are still
//! likely to change (messages in flight, uncommitted entries) are cheap to change, and columns with
//! equal cells, which need no memory, are detected. A chunk that is also in use by a fork of the
//! world or a table in Python is copied before it changes.

use std::sync::Arc;

use super::column::Cells;
use super::table::{ColumnSet, Record};
use crate::sim::Time;

/// The maximum number of rows in a chunk.
pub const CHUNK: usize = FIRST << DOUBLINGS;

/// The number of rows in the first chunk. Each further chunk has twice as many, up to [`CHUNK`]: a
/// short table takes little memory, and a long one is never copied as it grows.
const FIRST: usize = 1024;
const DOUBLINGS: u32 = 6;

/// The number of rows in a block. A power of two that divides `FIRST`.
pub const BLOCK: usize = 256;

/// The row number of something that was not recorded.
pub const NO_ROW: u32 = u32::MAX;

/// Rows in columns, whose memory returns to the pool when it is dropped.
#[derive(Debug)]
pub struct Chunk<R: Record> {
    columns: R::Columns,
    /// The maximum number of rows.
    room: usize,
}

impl<R: Record> Chunk<R> {
    /// An empty chunk for this many rows.
    fn with_room(room: usize) -> Self {
        let spare = if room == CHUNK { R::pool().take() } else { None };
        Self { columns: spare.unwrap_or_default(), room }
    }

    /// A row of it.
    #[inline(always)]
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

/// A copy has the same room for further rows.
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
    /// The block before the newest, which is full. It is kept until its rows are unlikely to
    /// change: rows in chunks are more expensive to change, and unfinished rows differ from the
    /// others.
    resting: Option<Box<R::Block>>,
    /// The newest rows, once there are any.
    newest: Option<Box<R::Block>>,
    /// The number of the first row of the newest block.
    begun: usize,
    /// The number of rows in the newest block. Invariant: `open <= room`.
    open: usize,
    /// The number of rows that it may have: [`BLOCK`], or the rest up to the limit; 0 before the
    /// first row.
    room: usize,
    max_rows: usize,
    full_since: Option<Time>,
}

impl<R: Record> Store<R> {
    /// An empty table for at most this many rows.
    pub fn new(max_rows: usize) -> Self {
        Self {
            chunks: Vec::new(),
            settled: 0,
            resting: None,
            newest: None,
            begun: 0,
            open: 0,
            room: 0,
            max_rows: max_rows.min(NO_ROW as usize),
            full_since: None,
        }
    }

    /// Adds a row and returns its number, or [`NO_ROW`] if the limit is reached.
    #[inline(always)] // so that the row is written directly to its place
    pub fn push(&mut self, now: Time, row: R) -> u32 {
        if self.open >= self.room && !self.make_room(now) {
            return NO_ROW;
        }
        let Some(block) = &mut self.newest else { return NO_ROW };
        debug_assert!(self.open < self.room, "the newest block has room");
        row.write(block, self.open);
        self.open += 1;
        (self.begun + self.open - 1) as u32
    }

    /// Changes a row, if it was recorded.
    #[inline]
    pub fn update(&mut self, row: u32, change: impl FnOnce(R::Fields<'_>)) {
        let row = row as usize;
        if let Some(open) = row.checked_sub(self.begun) {
            if let Some(block) = self.newest.as_mut().filter(|_| open < self.open) {
                change(R::fields_in(block, open));
            }
        } else if let Some(resting) = row.checked_sub(self.settled) {
            if let Some(block) = &mut self.resting {
                change(R::fields_in(block, resting));
            }
        } else {
            self.update_settled(row, change);
        }
    }

    #[inline(never)] // rare, and the caller would spill registers
    fn update_settled(&mut self, row: usize, change: impl FnOnce(R::Fields<'_>)) {
        let (chunk, row) = place(row);
        Arc::make_mut(&mut self.chunks[chunk]).update(row, change);
    }

    /// A row, if it was recorded.
    #[inline]
    pub fn get(&self, row: u32) -> Option<R> {
        let row = row as usize;
        if row < self.settled {
            let (chunk, row) = place(row);
            return Some(self.chunks[chunk].at(row));
        }
        let mut first = self.settled;
        for (block, rows) in self.blocks() {
            if row < first + rows {
                return Some(R::read(block, row - first));
            }
            first += rows;
        }
        None
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = R> {
        let settled =
            self.chunks.iter().flat_map(|chunk| (0..chunk.rows()).map(|row| chunk.at(row)));
        let newest =
            self.blocks().flat_map(|(block, rows)| (0..rows).map(|row| R::read(block, row)));
        settled.chain(newest)
    }

    /// The rows in columns, in order. Only the newest few are copied.
    pub fn chunks(&self) -> impl Iterator<Item = Arc<Chunk<R>>> {
        let rows = self.len() - self.settled;
        let newest = (rows > 0).then(|| {
            let mut chunk = Chunk::with_room(rows);
            self.blocks().for_each(|(block, rows)| chunk.append(block, rows));
            Arc::new(chunk)
        });
        self.chunks.iter().cloned().chain(newest)
    }

    /// The blocks that are not in chunks, each with its number of rows.
    fn blocks(&self) -> impl Iterator<Item = (&R::Block, usize)> {
        let resting = self.resting.as_deref().filter(|_| self.settled < self.begun);
        let newest = self.newest.as_deref();
        resting
            .map(|block| (block, BLOCK))
            .into_iter()
            .chain(newest.map(|block| (block, self.open)))
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.begun + self.open
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time since when rows are missing because the limit was reached.
    pub fn full_since(&self) -> Option<Time> {
        self.full_since
    }

    /// Makes room in the newest block; false if the limit is reached.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, now: Time) -> bool {
        if self.len() >= self.max_rows {
            self.full_since.get_or_insert(now);
            return false;
        }
        if self.open > 0 {
            self.settle();
            std::mem::swap(&mut self.resting, &mut self.newest);
            self.begun += self.open;
            self.open = 0;
        }
        self.newest.get_or_insert_with(R::block);
        self.room = BLOCK.min(self.max_rows - self.begun);
        true
    }

    /// Appends the resting block to the columns.
    fn settle(&mut self) {
        let Some(block) = self.resting.as_deref().filter(|_| self.settled < self.begun) else {
            return;
        };
        if place(self.settled).0 == self.chunks.len() {
            debug_assert_eq!(place(self.settled).1, 0, "the chunks before it are full");
            let doublings = DOUBLINGS.min(self.chunks.len() as u32);
            self.chunks.push(Arc::new(Chunk::with_room(FIRST << doublings)));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            Arc::make_mut(chunk).append(block, BLOCK);
        }
        self.settled += BLOCK;
    }
}

/// The chunk of a row, and its position in it.
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
        for rows in [0, 1, BLOCK, BLOCK + 1, 2 * BLOCK, FIRST, FIRST + 300, CHUNK, 5 * CHUNK + 999]
        {
            let mut store = filled(rows);
            let all: Vec<u32> = (0..rows as u32).collect();
            assert_eq!(store.len(), rows);
            assert_eq!(store.iter().map(|row| row.value).collect::<Vec<_>>(), all);
            assert_eq!(values(store.chunks()), all);
            assert!(store.chunks().all(|chunk| chunk.rows() <= CHUNK));
            assert_eq!(store.get(rows as u32), None);
            store.update(rows as u32, |_| unreachable!("there is no such row"));
            for row in [0, rows / 2, rows.saturating_sub(BLOCK + 1), rows - usize::from(rows > 0)] {
                if row < rows {
                    assert_eq!(store.get(row as u32), Some(items::Row { value: row as u32 }));
                    store.update(row as u32, |fields| *fields.value += 1);
                    assert_eq!(store.get(row as u32), Some(items::Row { value: row as u32 + 1 }));
                    store.update(row as u32, |fields| *fields.value -= 1);
                }
            }
            assert_eq!(store.iter().map(|row| row.value).collect::<Vec<_>>(), all);
        }
    }

    #[test]
    fn a_short_table_takes_little_memory() {
        let store = filled(FIRST + 3 * BLOCK);
        let rooms: Vec<_> = store.chunks.iter().map(|c| (c.rows(), c.room)).collect();
        assert_eq!(rooms, [(FIRST, FIRST), (BLOCK, 2 * FIRST)]);
        let short = filled(10);
        assert!(short.chunks.is_empty() && short.newest.is_some() && short.resting.is_none());
        assert!(filled(0).newest.is_none());
    }

    #[test]
    fn what_is_shared_is_copied_before_it_changes() {
        let mut store = filled(CHUNK + 3 * BLOCK + 1);
        let shared: Vec<_> = store.chunks().collect();
        let before = values(shared.iter().cloned());
        for row in [5, CHUNK as u32, (CHUNK + 2 * BLOCK) as u32, (CHUNK + 3 * BLOCK) as u32] {
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
