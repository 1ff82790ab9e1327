//! The macros of the schema.
//!
//! `tables!` expands the declaration of a table into the type of its rows, their storage in
//! columns, and the description for documentation and Python. A new column is one line in
//! [`super::schema`].

use std::sync::Arc;

use super::column::Cells;
use super::kind::TableSchema;
use super::pool::Pool;
use super::schema::Tables;
#[allow(unused_imports)] // named in documentation
use super::store::BLOCK;
use super::store::Store;
use crate::sim::Time;

/// A row of a table, and how rows are stored in columns.
pub trait Record: Copy + Send + Sync + 'static {
    /// The table.
    const SCHEMA: TableSchema;
    /// The newest rows, [`BLOCK`] of them at most, column by column.
    type Block: Clone + Send + Sync + std::fmt::Debug;
    /// Many rows, column by column.
    type Columns: ColumnSet + Default + std::fmt::Debug;
    /// Mutable references to one row's fields.
    type Fields<'a>;

    /// A new block.
    fn block() -> Box<Self::Block>;
    /// Writes this row into a block.
    fn write(self, block: &mut Self::Block, row: usize);
    /// Reads a row from a block.
    fn read(block: &Self::Block, row: usize) -> Self;
    /// The fields of a row in a block.
    fn fields_in(block: &mut Self::Block, row: usize) -> Self::Fields<'_>;
    /// The fields of a row outside blocks and columns.
    fn fields(&mut self) -> Self::Fields<'_>;
    /// Reads a row from columns.
    fn at(columns: &Self::Columns, row: usize) -> Self;
    /// Replaces a row by this one, in columns that will have `room` rows.
    fn put(self, columns: &mut Self::Columns, row: usize, room: usize);
    /// Adds the first rows of a block at the end.
    fn append(columns: &mut Self::Columns, block: &Self::Block, rows: usize, room: usize);
    /// Adds the rows of other columns at the end.
    fn copy(columns: &mut Self::Columns, others: &Self::Columns, room: usize);
    /// Removes all rows and keeps their memory.
    fn clear(columns: &mut Self::Columns);
    /// The pool of unused memory for whole chunks.
    fn pool() -> &'static Pool<Self::Columns>;
}

/// The columns of any table.
pub trait ColumnSet: Send + Sync + 'static {
    /// The number of rows.
    fn rows(&self) -> usize;
    /// The cells of a column, by its position in the schema.
    fn cells(&self, column: usize) -> Cells<'_>;
}

/// The rows of any table.
pub trait Rows {
    /// The table.
    fn schema(&self) -> TableSchema;
    /// The number of rows.
    fn rows(&self) -> usize;
    /// The time since when rows are missing because the table reached its limit.
    fn full_since(&self) -> Option<Time>;
    /// The rows in columns, in order. Only the newest few are copied, except for tables that are
    /// assembled from others, which are given.
    fn column_sets(&self, tables: &Tables) -> Vec<Arc<dyn ColumnSet>>;
}

impl<R: Record> Rows for Store<R> {
    fn schema(&self) -> TableSchema {
        R::SCHEMA
    }

    fn rows(&self) -> usize {
        self.len()
    }

    fn full_since(&self) -> Option<Time> {
        self.full_since()
    }

    fn column_sets(&self, _: &Tables) -> Vec<Arc<dyn ColumnSet>> {
        self.chunks().map(|chunk| chunk as Arc<dyn ColumnSet>).collect()
    }
}

/// The type of a cell of a kind.
macro_rules! cell {
    (Time) => {
        f64
    };
    (Int) => {
        i64
    };
    (Count) => {
        i32
    };
    (Word) => {
        u64
    };
    (Flag) => {
        u8
    };
    (Node) => {
        i16
    };
    (Name) => {
        i8
    };
    (Detail) => {
        i16
    };
    (Reason) => {
        i16
    };
    (Nodes) => {
        u32
    };
    (Key) => {
        u32
    };
    (Value) => {
        u32
    };
    (Answer) => {
        u64
    };
    (Text) => {
        u32
    };
    (Row) => {
        u32
    };
}

/// The type that stores the rows of a table: a given one, or a [`Store`].
macro_rules! keeper {
    ($table:ident) => {
        $crate::trace::store::Store<$table::Row>
    };
    ($table:ident $keeper:ty) => {
        $keeper
    };
}

macro_rules! column_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

/// An operation on a column: alone, or together with an earlier one that it may be `like`.
macro_rules! column {
    (at $columns:ident[$row:ident] $field:ident) => {
        $columns.$field.at($row)
    };
    (at $columns:ident[$row:ident] $field:ident $other:ident) => {
        $columns.$field.beside(&$columns.$other).at($row)
    };
    (put $row:ident in $columns:ident[$at:ident] $room:ident $field:ident) => {
        $columns.$field.set($at, $row.$field, $room)
    };
    (put $row:ident in $columns:ident[$at:ident] $room:ident $field:ident $other:ident) => {
        $columns.$field.set_beside($at, $row.$field, &$columns.$other, $room)
    };
    (append $block:ident[$rows:ident] to $columns:ident $room:ident $field:ident) => {
        $columns.$field.append(&$block.$field[..$rows], $room)
    };
    (append $block:ident[$rows:ident] to $columns:ident $room:ident $field:ident $other:ident) => {
        $columns.$field.append_beside(
            &$block.$field[..$rows],
            (&$columns.$other, &$block.$other[..$rows]),
            $room,
        )
    };
    (copy $others:ident to $columns:ident $room:ident $field:ident) => {
        $columns.$field.append_column(&$others.$field, $room)
    };
    (copy $others:ident to $columns:ident $room:ident $field:ident $other:ident) => {
        $columns.$field.append_column_beside(
            &$others.$field,
            (&$columns.$other, &$others.$other),
            $room,
        )
    };
    (run $columns:ident $field:ident) => {
        $columns.$field.run()
    };
    (run $columns:ident $field:ident $other:ident) => {
        $columns.$field.beside(&$columns.$other).run()
    };
}

/// Declares one table, with a line `field: Kind, "unit", "meaning";` for each column. `field as
/// "name"` gives a column a name that is not valid in Rust; `Kind like field` marks one that
/// usually equals an earlier one.
macro_rules! table {
    ($(#[doc = $doc:literal])+ $table:ident {
        $($field:ident $(as $name:literal)?: $kind:ident $(($($of:tt)+))? $(like $other:ident)?, $unit:literal, $meaning:literal;)+
    }) => {
        $(#[doc = $doc])+
        pub mod $table {
            #[allow(unused_imports)]
            use super::*;
            use $crate::trace::kind::{Column, Kind, TableSchema};
            use $crate::trace::pool::Pool;
            use $crate::trace::column::{Cell, Cells, Column as CellsOf};
            use $crate::trace::store::BLOCK;
            use $crate::trace::table::{ColumnSet, Record, cell, column, column_name};

            /// The description of the table, for documentation and Python.
            pub const SCHEMA: TableSchema = TableSchema {
                name: stringify!($table),
                doc: concat!($($doc),+).trim_ascii(),
                columns: &[$(Column {
                    name: column_name!($field $($name)?),
                    kind: Kind::$kind $(($($of)+))?,
                    width: size_of::<cell!($kind)>(),
                    unit: $unit,
                    meaning: $meaning,
                }),+],
            };

            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, PartialEq)]
            pub struct Row {
                $(#[doc = $meaning] pub $field: cell!($kind),)+
            }

            /// Many rows, column by column.
            #[derive(Debug, Default)]
            pub struct Columns {
                $($field: CellsOf<cell!($kind)>,)+
            }

            /// The newest rows, column by column.
            #[derive(Clone, Debug)]
            pub struct Block {
                $($field: [cell!($kind); BLOCK],)+
            }

            /// Mutable references to one row's fields.
            #[derive(Debug)]
            pub struct Fields<'a> {
                $(#[doc = $meaning] pub $field: &'a mut cell!($kind),)+
            }

            impl Record for Row {
                const SCHEMA: TableSchema = SCHEMA;
                type Block = Block;
                type Columns = Columns;
                type Fields<'a> = Fields<'a>;

                fn block() -> Box<Block> {
                    Box::new(Block { $($field: [Default::default(); BLOCK],)+ })
                }

                #[inline(always)] // so that the row is not built in memory first
                fn write(self, block: &mut Block, row: usize) {
                    let row = row % BLOCK;
                    $(block.$field[row] = self.$field;)+
                }

                fn read(block: &Block, row: usize) -> Self {
                    Self { $($field: block.$field[row],)+ }
                }

                #[inline(always)] // so that only changed fields are computed
                fn fields_in(block: &mut Block, row: usize) -> Fields<'_> {
                    let row = row % BLOCK;
                    Fields { $($field: &mut block.$field[row],)+ }
                }

                #[inline]
                fn fields(&mut self) -> Fields<'_> {
                    Fields { $($field: &mut self.$field,)+ }
                }

                #[inline(always)] // so that only used cells are read
                fn at(columns: &Columns, row: usize) -> Self {
                    Self { $($field: column!(at columns[row] $field $($other)?),)+ }
                }

                fn put(self, columns: &mut Columns, row: usize, room: usize) {
                    $(column!(put self in columns[row] room $field $($other)?);)+
                }

                fn append(columns: &mut Columns, block: &Block, rows: usize, room: usize) {
                    $(column!(append block[rows] to columns room $field $($other)?);)+
                }

                fn copy(columns: &mut Columns, others: &Columns, room: usize) {
                    $(column!(copy others to columns room $field $($other)?);)+
                }

                fn clear(columns: &mut Columns) {
                    $(columns.$field.clear();)+
                }

                fn pool() -> &'static Pool<Columns> {
                    static POOL: Pool<Columns> = Pool::new();
                    &POOL
                }
            }

            impl ColumnSet for Columns {
                fn rows(&self) -> usize {
                    [$(self.$field.rows()),+][0]
                }

                fn cells(&self, column: usize) -> Cells<'_> {
                    [$(Cell::cells(column!(run self $field $($other)?))),+][column]
                }
            }
        }
    };
}

/// Declares the tables of the trace, and the set of them. `table in Keeper` declares one with
/// another storage than [`Store`].
macro_rules! tables {
    ($($(#[doc = $doc:literal])+ $table:ident $(in $keeper:ty)? { $($columns:tt)+ })+) => {
        $($crate::trace::table::table! { $(#[doc = $doc])+ $table { $($columns)+ } })+

        /// Every table of the trace with its columns, from which documentation and Python follow.
        pub const TABLES: &[$crate::trace::kind::TableSchema] = &[$($table::SCHEMA),+];

        /// The tables of one run.
        #[derive(Clone, Debug)]
        pub struct Tables {
            $($(#[doc = $doc])+ pub $table: $crate::trace::table::keeper!($table $($keeper)?),)+
        }

        impl Tables {
            /// Empty tables for at most this many rows each.
            pub fn new(max_rows: usize) -> Self {
                Self {
                    $($table: <$crate::trace::table::keeper!($table $($keeper)?)>::new(max_rows),)+
                }
            }

            /// All of them, in the order of [`TABLES`].
            pub fn all(&self) -> [&dyn $crate::trace::table::Rows; TABLES.len()] {
                [$(&self.$table),+]
            }
        }
    };
}

/// Declares the names that a [`Kind::Name`] column can hold: `Variant = "name", "meaning";`.
macro_rules! codes {
    ($(#[doc = $doc:literal])+ $set:ident { $($variant:ident = $name:literal, $meaning:literal;)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $set {
            $(#[doc = $meaning] $variant,)+
        }

        impl $set {
            /// The names, in the order of their codes.
            pub const NAMES: &'static [&'static str] = &[$($name),+];
            /// What they mean, in the same order.
            pub const MEANINGS: &'static [&'static str] = &[$($meaning),+];

            /// Its code in the column.
            #[inline]
            pub fn code(self) -> i8 {
                self as i8
            }

            /// The name in tables.
            pub fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }
    };
}

pub(super) use {cell, codes, column, column_name, keeper, table, tables};
