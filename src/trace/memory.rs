//! Memory for contiguous cells.
//!
//! A long trace is written once, from beginning to end, and a large part of the time is spent in
//! the kernel, which must find, clear and map each page when it is first touched. Long columns
//! request a few pages at once, shortly before they write to them: this is a third cheaper, and the
//! cleared pages are still in the cache.

use bytemuck::Pod;
use memmap2::{MmapMut, MmapOptions};

/// Smaller columns are allocated on the heap, since many tables are short.
const WORTH_PAGES: usize = 64 << 10;

/// The number of bytes requested at once. A dozen columns grow at the same time; all of this must
/// fit in the cache.
const AT_ONCE: usize = 32 << 10;

/// Contiguous cells.
#[derive(Debug)]
pub enum Memory<T> {
    /// On the heap, if they are few.
    Heap(Vec<T>),
    /// On pages, if they are many.
    Pages(Pages),
}

/// Cells on separate pages.
#[derive(Debug)]
pub struct Pages {
    map: MmapMut,
    /// The number of cells.
    cells: usize,
    /// The number of bytes whose pages have been requested.
    ready: usize,
}

impl Pages {
    /// Room for this many bytes.
    fn new(bytes: usize) -> std::io::Result<Self> {
        let map = MmapOptions::new().len(bytes).map_anon()?;
        Ok(Self { map, cells: 0, ready: 0 })
    }

    /// The cells. Each instance has cells of only one type.
    fn cells<T: Pod>(&self) -> &[T] {
        &bytemuck::cast_slice(&self.map)[..self.cells]
    }

    fn cells_mut<T: Pod>(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.map)[..self.cells]
    }

    /// Room for more cells, after the existing ones.
    fn more<T: Pod>(&mut self, more: usize) -> &mut [T] {
        let (first, end) = (self.cells, self.cells + more);
        while self.ready < end * size_of::<T>() {
            let bytes = AT_ONCE.min(self.map.len() - self.ready);
            ask_for(&self.map, self.ready, bytes);
            self.ready += bytes;
        }
        self.cells = end;
        &mut bytemuck::cast_slice_mut(&mut self.map)[first..end]
    }
}

/// Requests pages. If this is not supported or refused, pages are mapped when they are touched.
#[cfg(target_os = "linux")]
fn ask_for(map: &MmapMut, first: usize, bytes: usize) {
    let _ = map.advise_range(memmap2::Advice::PopulateWrite, first, bytes);
}

#[cfg(not(target_os = "linux"))]
fn ask_for(_: &MmapMut, _: usize, _: usize) {}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Memory::Heap(Vec::new())
    }
}

impl<T: Pod> Memory<T> {
    /// Memory for this many cells.
    fn with_room(cells: usize) -> Self {
        let bytes = cells * size_of::<T>();
        let pages = if bytes < WORTH_PAGES { None } else { Pages::new(bytes).ok() };
        // If pages cannot be mapped, the heap may still have room.
        pages.map_or_else(|| Memory::Heap(Vec::with_capacity(cells)), Memory::Pages)
    }

    /// The cells.
    #[inline]
    pub fn cells(&self) -> &[T] {
        match self {
            Memory::Heap(cells) => cells,
            Memory::Pages(pages) => pages.cells(),
        }
    }

    /// The cells, mutable.
    pub fn cells_mut(&mut self) -> &mut [T] {
        match self {
            Memory::Heap(cells) => cells,
            Memory::Pages(pages) => pages.cells_mut(),
        }
    }

    /// True if there are no cells.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.cells().is_empty()
    }

    /// The number of cells that it has room for.
    pub fn capacity(&self) -> usize {
        match self {
            Memory::Heap(cells) => cells.capacity(),
            Memory::Pages(pages) => pages.map.len() / size_of::<T>(),
        }
    }

    /// Adds cells at the end, of `room` cells in all.
    pub fn extend(&mut self, more: &[T], room: usize) {
        self.make_room(more.len(), room);
        match self {
            Memory::Heap(cells) => cells.extend_from_slice(more),
            Memory::Pages(pages) => pages.more(more.len()).copy_from_slice(more),
        }
    }

    /// Adds the same cell `times` times at the end, of `room` cells in all.
    pub fn fill(&mut self, cell: T, times: usize, room: usize) {
        self.make_room(times, room);
        match self {
            Memory::Heap(cells) => cells.extend(std::iter::repeat_n(cell, times)),
            Memory::Pages(pages) => pages.more(times).fill(cell),
        }
    }

    /// Removes the cells and keeps the memory.
    pub fn clear(&mut self) {
        match self {
            Memory::Heap(cells) => cells.clear(),
            Memory::Pages(pages) => pages.cells = 0,
        }
    }

    /// Makes room for this many more cells, or for all `room` cells.
    fn make_room(&mut self, more: usize, room: usize) {
        let room = room.max(self.cells().len() + more);
        if self.capacity() < room {
            let mut larger = Self::with_room(room);
            if !self.is_empty() {
                larger.extend(self.cells(), room);
            }
            *self = larger;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_the_same_wherever_they_are() {
        let pages = WORTH_PAGES / size_of::<i64>();
        for room in [8, pages - 1, pages, 2 * pages] {
            let mut memory = Memory::default();
            let all: Vec<i64> = (0..room as i64).collect();
            let (some, rest) = all.split_at(room / 3);
            memory.extend(some, room);
            memory.extend(rest, room);
            assert_eq!(memory.cells(), all);
            assert_eq!(memory.capacity(), room);
            assert_eq!(matches!(memory, Memory::Pages(..)), room >= pages);
            memory.cells_mut()[room - 1] = -1;
            memory.fill(7, 2, room); // more than it was made for
            assert_eq!(memory.cells()[room - 1..], [-1, 7, 7]);
            memory.clear();
            assert!(memory.is_empty() && memory.capacity() >= room);
            memory.extend(&[1], room);
            assert_eq!(memory.cells(), [1]);
        }
    }
}
