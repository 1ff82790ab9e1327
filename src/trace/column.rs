//! One column of a chunk. In a quiet run most columns have the same cell in thousands of
//! consecutive rows: the term, the vote, the null of an entry that was not truncated. Such a column
//! is stored as one cell. Some columns equal another one (an entry is applied when it is
//! committed): they are not stored while they do.

use bytemuck::Pod;

use super::memory::Memory;

/// The type of a column's cells.
pub trait Cell: Pod + Default + std::fmt::Debug {
    /// The cells of a column of them.
    fn cells(run: Run<'_, Self>) -> Cells<'_>;
    /// The cells of a column, if it is one of them.
    fn run(cells: Cells<'_>) -> Option<Run<'_, Self>>;
    /// Whether both are equal, bit for bit, so that NaN equals NaN.
    fn is(self, other: Self) -> bool;
}

macro_rules! cell_types {
    ($($cell:ident: $variant:ident, $a:ident, $b:ident => $same:expr;)*) => {
        $(impl Cell for $cell {
            fn cells(run: Run<'_, Self>) -> Cells<'_> {
                Cells::$variant(run)
            }

            fn run(cells: Cells<'_>) -> Option<Run<'_, Self>> {
                if let Cells::$variant(run) = cells { Some(run) } else { None }
            }

            #[inline]
            fn is(self, other: Self) -> bool {
                let ($a, $b) = (self, other);
                $same
            }
        })*

        /// The cells of one column, of whatever type.
        #[derive(Clone, Copy, Debug)]
        #[allow(missing_docs)]
        pub enum Cells<'a> {
            $($variant(Run<'a, $cell>),)*
        }
    };
}

cell_types! {
    f64: F64, a, b => a.to_bits() == b.to_bits();
    i64: I64, a, b => a == b;
    i32: I32, a, b => a == b;
    i16: I16, a, b => a == b;
    i8: I8, a, b => a == b;
    u64: U64, a, b => a == b;
    u32: U32, a, b => a == b;
    u8: U8, a, b => a == b;
}

/// The cells of one column.
#[derive(Clone, Copy, Debug)]
pub enum Run<'a, T> {
    /// Stored one by one.
    Each(&'a [T]),
    /// The same cell, this many times.
    Same(T, usize),
}

impl<'a, T: Cell> Run<'a, T> {
    /// All of them in order.
    pub fn iter(self) -> impl Iterator<Item = T> + use<'a, T> {
        let (each, (same, times)) = match self {
            Run::Each(cells) => (cells, (T::default(), 0)),
            Run::Same(cell, times) => (&[][..], (cell, times)),
        };
        each.iter().copied().chain(std::iter::repeat_n(same, times))
    }
}

/// Many cells of one type.
#[derive(Debug, Default)]
pub struct Column<T> {
    /// The cell of all rows, if `cells` is empty. Invariant: if there are `cells`, there are `rows`
    /// of them.
    same: T,
    rows: usize,
    cells: Memory<T>,
    /// True if the column equals another one, which then provides its cells.
    like: bool,
}

impl<T: Cell> Column<T> {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The cell of an existing row.
    #[inline]
    pub fn at(&self, row: usize) -> T {
        self.cells.cells().get(row).copied().unwrap_or(self.same)
    }

    /// The cells in order.
    pub fn run(&self) -> Run<'_, T> {
        if self.cells.is_empty() {
            Run::Same(self.same, self.rows)
        } else {
            Run::Each(self.cells.cells())
        }
    }

    /// Changes the cell of a row, in a column that will have `room` rows.
    pub fn set(&mut self, row: usize, cell: T, room: usize) {
        if !self.at(row).is(cell) {
            self.spread(room);
            self.cells.cells_mut()[row] = cell;
        }
    }

    /// Adds cells at the end of a column that will have `room` rows.
    pub fn append(&mut self, more: &[T], room: usize) {
        let Some(first) = more.first() else { return };
        if self.rows == 0 {
            self.same = *first;
        }
        if self.cells.is_empty() {
            // Looks at all of them, without an early exit, so that this is vectorized.
            let differs = more.iter().fold(false, |differs, cell| differs | !cell.is(self.same));
            if !differs {
                self.rows += more.len();
                return;
            }
            self.spread(room);
        }
        self.rows += more.len();
        self.cells.extend(more, room);
        debug_assert_eq!(self.cells.cells().len(), self.rows, "there are as many cells as rows");
    }

    /// Adds the cells of another one at the end.
    pub fn append_column(&mut self, other: &Self, room: usize) {
        match other.run() {
            Run::Each(cells) => self.append(cells, room),
            Run::Same(cell, times) if self.rows == 0 => (self.same, self.rows) = (cell, times),
            Run::Same(cell, times) => self.append(&vec![cell; times], room),
        }
    }

    /// Like [`Column::append`], for a column that may equal another one, to which `theirs` are
    /// added.
    pub fn append_beside(&mut self, more: &[T], (other, theirs): (&Self, &[T]), room: usize) {
        self.like |= self.rows == 0;
        if self.like {
            let differs =
                more.iter().zip(theirs).fold(false, |differs, (a, b)| differs | !a.is(*b));
            if !differs {
                self.rows += more.len();
                return;
            }
            self.part(other, room);
        }
        self.append(more, room);
    }

    /// Like [`Column::set`], when the other column was set already.
    pub fn set_beside(&mut self, row: usize, cell: T, other: &Self, room: usize) {
        if !self.beside(other).at(row).is(cell) {
            self.part(other, room);
            self.set(row, cell, room);
        }
    }

    /// Like [`Column::append_column`].
    pub fn append_column_beside(
        &mut self,
        column: &Self,
        (mine, theirs): (&Self, &Self),
        room: usize,
    ) {
        if column.like && (self.like || self.rows == 0) {
            self.like = true;
            self.rows += column.rows;
        } else {
            self.part(mine, room);
            self.append_column(column.beside(theirs), room);
        }
    }

    /// This column, or the other one if they are equal.
    #[inline]
    pub fn beside<'a>(&'a self, other: &'a Self) -> &'a Self {
        if self.like { other } else { self }
    }

    /// Stores it separately from the other one from now on.
    fn part(&mut self, other: &Self, room: usize) {
        if !std::mem::take(&mut self.like) {
            return;
        }
        let rows = std::mem::take(&mut self.rows);
        match other.run() {
            Run::Each(cells) => self.append(&cells[..rows], room),
            Run::Same(cell, _) => (self.same, self.rows) = (cell, rows),
        }
    }

    /// Removes all rows and keeps their memory.
    pub fn clear(&mut self) {
        (self.rows, self.like) = (0, false);
        self.cells.clear();
    }

    /// Stores one cell per row from now on.
    fn spread(&mut self, room: usize) {
        if self.cells.is_empty() {
            self.cells.fill(self.same, self.rows, room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<T: Cell>(column: &Column<T>) -> Vec<T> {
        let cells: Vec<T> = column.run().iter().collect();
        assert_eq!(cells.len(), column.rows());
        for (row, cell) in cells.iter().enumerate() {
            assert!(cell.is(column.at(row)));
        }
        cells
    }

    #[test]
    fn what_is_always_the_same_takes_no_memory() {
        let mut column = Column::default();
        column.append(&[f64::NAN; 100], 1000);
        column.append(&[f64::NAN; 100], 1000);
        column.set(7, f64::NAN, 1000);
        assert_eq!((column.rows(), column.cells.capacity()), (200, 0));
        assert!(matches!(column.run(), Run::Same(cell, 200) if cell.is_nan()));
        assert!(all(&column).iter().all(|cell| cell.is_nan()));
    }

    #[test]
    fn one_cell_that_differs_gives_each_row_its_own() {
        let mut appended = Column::default();
        appended.append(&[1, 1], 8);
        appended.append(&[1, 2], 8);
        appended.append(&[1], 8);
        assert_eq!(all(&appended), [1, 1, 1, 2, 1]);
        assert_eq!(appended.cells.capacity(), 8);
        let mut changed = Column::default();
        changed.append(&[5; 4], 8);
        changed.set(2, 6, 8);
        assert_eq!(all(&changed), [5, 5, 6, 5]);
        // 0.0 and -0.0 compare equal, but their bits differ.
        let mut zeros = Column::default();
        zeros.append(&[0.0, -0.0], 2);
        assert!(matches!(zeros.run(), Run::Each(cells) if cells[1].is_sign_negative()));
    }

    #[test]
    fn columns_are_added_to_columns_and_used_again() {
        let (mut same, mut each) = (Column::default(), Column::default());
        same.append(&[3; 3], 8);
        each.append(&[1, 2], 8);
        let mut sum = Column::default();
        for part in [&same, &each, &same] {
            sum.append_column(part, 8);
        }
        assert_eq!(all(&sum), [3, 3, 3, 1, 2, 3, 3, 3]);
        sum.clear();
        assert_eq!((sum.rows(), sum.cells.capacity()), (0, 8));
        sum.append(&[9], 8);
        assert_eq!(all(&sum), [9], "its earlier cells are gone");
    }

    /// Two columns of which the second may equal the first.
    fn pair(blocks: &[(&[i64], &[i64])]) -> (Column<i64>, Column<i64>) {
        let (mut first, mut second) = (Column::default(), Column::default());
        for (a, b) in blocks {
            second.append_beside(b, (&first, a), 16);
            first.append(a, 16);
        }
        (first, second)
    }

    #[test]
    fn what_another_column_says_takes_no_memory() {
        let (mut first, mut second) = pair(&[(&[1, 2], &[1, 2]), (&[3, 4], &[3, 4])]);
        assert_eq!(second.cells.capacity(), 0);
        assert_eq!(all(second.beside(&first)), [1, 2, 3, 4]);
        first.set(1, 9, 16);
        second.set_beside(1, 9, &first, 16);
        assert_eq!((second.cells.capacity(), all(second.beside(&first))), (0, vec![1, 9, 3, 4]));
    }

    #[test]
    fn a_column_parts_from_another_when_it_says_something_else() {
        let (first, second) = pair(&[(&[1, 2], &[1, 2]), (&[3, 4], &[3, 5]), (&[6], &[6])]);
        assert_eq!(all(second.beside(&first)), [1, 2, 3, 5, 6]);
        let (mut first, mut second) = pair(&[(&[7, 7, 7], &[7, 7, 7])]);
        first.set(2, 8, 16);
        second.set_beside(2, 7, &first, 16);
        assert_eq!(all(second.beside(&first)), [7, 7, 7]);
        assert_eq!(all(&first), [7, 7, 8]);
    }

    #[test]
    fn columns_beside_others_are_copied() {
        let alike = pair(&[(&[1, 2], &[1, 2])]);
        let apart = pair(&[(&[3, 4], &[3, 0])]);
        for (blocks, expected) in [
            ([&alike, &alike], [1, 2, 1, 2]),
            ([&alike, &apart], [1, 2, 3, 0]),
            ([&apart, &alike], [3, 0, 1, 2]),
        ] {
            let (mut first, mut second) = (Column::default(), Column::default());
            for (a, b) in blocks {
                second.append_column_beside(b, (&first, a), 16);
                first.append_column(a, 16);
            }
            assert_eq!(all(second.beside(&first)), expected);
        }
    }
}
