//! Memory for cells that lie side by side.
//!
//! A long trace is written once, from its beginning to its end, and most of the time that takes is the kernel's,
//! which has to find, clear and map each page when it is touched first. For long columns it is asked for
//! all of their pages at once, which takes two thirds of that.

use bytemuck::Pod;
use memmap2::{MmapMut, MmapOptions};

/// What takes less comes from the heap: many tables are short.
const WORTH_PAGES: usize = 64 << 10;

/// Cells side by side.
#[derive(Debug)]
pub enum Memory<T> {
    /// A few of them.
    Heap(Vec<T>),
    /// Many: pages that are there already, and how many cells are on them.
    Pages(MmapMut, usize),
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Memory::Heap(Vec::new())
    }
}

impl<T: Pod> Memory<T> {
    /// Memory for so many cells.
    fn with_room(cells: usize) -> Self {
        let bytes = cells * size_of::<T>();
        let pages = if bytes < WORTH_PAGES {
            None
        } else {
            MmapOptions::new().len(bytes).populate().map_anon().ok()
        };
        // Where there are no such pages to be had, the heap may still find room.
        pages.map_or_else(|| Memory::Heap(Vec::with_capacity(cells)), |map| Memory::Pages(map, 0))
    }

    /// The cells.
    #[inline]
    pub fn cells(&self) -> &[T] {
        match self {
            Memory::Heap(cells) => cells,
            Memory::Pages(map, cells) => &bytemuck::cast_slice(map)[..*cells],
        }
    }

    /// The cells, to be changed.
    pub fn cells_mut(&mut self) -> &mut [T] {
        match self {
            Memory::Heap(cells) => cells,
            Memory::Pages(map, cells) => &mut bytemuck::cast_slice_mut(map)[..*cells],
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
            Memory::Pages(map, _) => map.len() / size_of::<T>(),
        }
    }

    /// Adds cells at the end, where there will be so many in all.
    pub fn extend(&mut self, more: &[T], room: usize) {
        let cells = self.cells().len();
        let end = cells + more.len();
        self.make_room(room.max(end));
        match self {
            Memory::Heap(cells) => cells.extend_from_slice(more),
            Memory::Pages(map, cells) => {
                bytemuck::cast_slice_mut(map)[*cells..end].copy_from_slice(more);
                *cells = end;
            }
        }
    }

    /// Adds the same cell so many times at the end, where there will be so many in all.
    pub fn fill(&mut self, cell: T, times: usize, room: usize) {
        let cells = self.cells().len();
        let end = cells + times;
        self.make_room(room.max(end));
        match self {
            Memory::Heap(cells) => cells.resize(end, cell),
            Memory::Pages(map, cells) => {
                bytemuck::cast_slice_mut(map)[*cells..end].fill(cell);
                *cells = end;
            }
        }
    }

    /// Forgets the cells and keeps the memory.
    pub fn clear(&mut self) {
        match self {
            Memory::Heap(cells) => cells.clear(),
            Memory::Pages(_, cells) => *cells = 0,
        }
    }

    fn make_room(&mut self, room: usize) {
        if self.capacity() < room {
            let mut more = Self::with_room(room);
            if !self.is_empty() {
                more.extend(self.cells(), room);
            }
            *self = more;
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
