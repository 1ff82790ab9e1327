//! Memory for cells that lie side by side.
//!
//! A long trace is written once, from its beginning to its end, and a good part of the time that takes is the
//! kernel's, which has to find, clear and map each page when it is touched first. Long columns ask for a few pages
//! at once, shortly before they write on them: that is a third cheaper, and what was cleared is still in the cache.

use bytemuck::Pod;
use memmap2::{MmapMut, MmapOptions};

/// What takes less comes from the heap: many tables are short.
const WORTH_PAGES: usize = 64 << 10;

/// So many bytes are asked for at once. A dozen columns grow side by side; all of that must fit in the cache.
const AT_ONCE: usize = 32 << 10;

/// Cells side by side.
#[derive(Debug)]
pub enum Memory<T> {
    /// A few of them.
    Heap(Vec<T>),
    /// Many.
    Pages(Pages),
}

/// Cells on pages of their own.
#[derive(Debug)]
pub struct Pages {
    map: MmapMut,
    /// How many cells there are.
    cells: usize,
    /// Up to which byte the pages are there.
    ready: usize,
}

impl Pages {
    /// Room for so many bytes.
    fn new(bytes: usize) -> std::io::Result<Self> {
        let map = MmapOptions::new().len(bytes).map_anon()?;
        Ok(Self { map, cells: 0, ready: 0 })
    }

    /// The cells, one type of which it has all its life.
    fn cells<T: Pod>(&self) -> &[T] {
        &bytemuck::cast_slice(&self.map)[..self.cells]
    }

    fn cells_mut<T: Pod>(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.map)[..self.cells]
    }

    /// Room for more cells, behind those that there are.
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

/// Asks for pages. Where that is not known, or refused, they come when they are touched.
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
    /// Memory for so many cells.
    fn with_room(cells: usize) -> Self {
        let bytes = cells * size_of::<T>();
        let pages = if bytes < WORTH_PAGES { None } else { Pages::new(bytes).ok() };
        // Where there are none to be had, the heap may still find room.
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

    /// The cells, to be changed.
    pub fn cells_mut(&mut self) -> &mut [T] {
        match self {
            Memory::Heap(cells) => cells,
            Memory::Pages(pages) => pages.cells_mut(),
        }
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.cells().is_empty()
    }

    /// How many cells it has room for.
    pub fn capacity(&self) -> usize {
        match self {
            Memory::Heap(cells) => cells.capacity(),
            Memory::Pages(pages) => pages.map.len() / size_of::<T>(),
        }
    }

    /// Adds cells at the end, where there will be so many in all.
    pub fn extend(&mut self, more: &[T], room: usize) {
        self.make_room(more.len(), room);
        match self {
            Memory::Heap(cells) => cells.extend_from_slice(more),
            Memory::Pages(pages) => pages.more(more.len()).copy_from_slice(more),
        }
    }

    /// Adds the same cell so many times at the end, where there will be so many in all.
    pub fn fill(&mut self, cell: T, times: usize, room: usize) {
        self.make_room(times, room);
        match self {
            Memory::Heap(cells) => cells.extend(std::iter::repeat_n(cell, times)),
            Memory::Pages(pages) => pages.more(times).fill(cell),
        }
    }

    /// Forgets the cells and keeps the memory.
    pub fn clear(&mut self) {
        match self {
            Memory::Heap(cells) => cells.clear(),
            Memory::Pages(pages) => pages.cells = 0,
        }
    }

    /// Room for so many more cells, or for all that will be.
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
