//! The grammar of the schema: what a table declares once, and what follows from it.
//!
//! `tables!` turns a declaration into a record, the columns that hold many of them, and the
//! description that documentation and Python read. A new column is one line in [`super::schema`].

use std::sync::Arc;

use super::kind::TableSchema;
use super::pool::Pool;
use super::store::Store;
use crate::sim::Time;

/// The cells of one column, side by side.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Cells<'a> {
    F64(&'a [f64]),
    I64(&'a [i64]),
    I32(&'a [i32]),
    I16(&'a [i16]),
    I8(&'a [i8]),
    U64(&'a [u64]),
    U32(&'a [u32]),
    U8(&'a [u8]),
}

/// Something that a column can be made of.
pub trait Cell: Copy {
    /// Many of them.
    fn cells(cells: &[Self]) -> Cells<'_>;
}

macro_rules! cells {
    ($($cell:ident: $variant:ident),*) => {
        $(impl Cell for $cell {
            fn cells(cells: &[Self]) -> Cells<'_> {
                Cells::$variant(cells)
            }
        })*
    };
}

cells! { f64: F64, i64: I64, i32: I32, i16: I16, i8: I8, u64: U64, u32: U32, u8: U8 }

/// A row of a table, and how rows become columns.
pub trait Record: Copy + Send + Sync + 'static {
    /// The table.
    const SCHEMA: TableSchema;
    /// Many rows, column by column.
    type Columns: ColumnSet + Default + std::fmt::Debug;
    /// One row's fields, to be changed wherever they are.
    type Fields<'a>;

    /// The fields of a row that is not in columns yet.
    fn fields(&mut self) -> Self::Fields<'_>;
    /// The fields of a row in columns.
    fn fields_at(columns: &mut Self::Columns, row: usize) -> Self::Fields<'_>;
    /// A row in columns, put together again.
    fn at(columns: &Self::Columns, row: usize) -> Self;
    /// Makes room for so many rows in all.
    fn reserve(columns: &mut Self::Columns, rows: usize);
    /// Adds rows at the end.
    fn append(columns: &mut Self::Columns, rows: &[Self]);
    /// Adds the rows of other columns at the end.
    fn copy(columns: &mut Self::Columns, others: &Self::Columns);
    /// How many rows there is room for.
    fn room(columns: &Self::Columns) -> usize;
    /// Forgets all rows and keeps their memory.
    fn clear(columns: &mut Self::Columns);
    /// Memory for whole chunks that nobody needs now.
    fn pool() -> &'static Pool<Self::Columns>;
}

/// Columns of whatever table.
pub trait ColumnSet: Send + Sync + 'static {
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// The cells of a column, by its position in the schema.
    fn cells(&self, column: usize) -> Cells<'_>;
}

/// The rows of whatever table.
pub trait Rows {
    /// The table.
    fn schema(&self) -> TableSchema;
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// Since when rows are missing because the table reached its ceiling.
    fn full_since(&self) -> Option<Time>;
    /// The rows in columns, in order. Nothing but the newest few is copied.
    fn column_sets(&self) -> Vec<Arc<dyn ColumnSet>>;
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

    fn column_sets(&self) -> Vec<Arc<dyn ColumnSet>> {
        self.chunks().map(|chunk| chunk as Arc<dyn ColumnSet>).collect()
    }
}

/// The type that holds a cell of a kind.
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
}

macro_rules! column_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

/// Declares one table: `field: Kind, "unit", "meaning";` a column. A column that cannot be called by its
/// name in Rust says `field as "name"`.
macro_rules! table {
    ($(#[doc = $doc:literal])+ $table:ident {
        $($field:ident $(as $name:literal)?: $kind:ident $(($($of:tt)+))?, $unit:literal, $meaning:literal;)+
    }) => {
        $(#[doc = $doc])+
        pub mod $table {
            #[allow(unused_imports)]
            use super::*;
            use $crate::trace::kind::{Column, Kind, TableSchema};
            use $crate::trace::pool::Pool;
            use $crate::trace::table::{Cell, Cells, ColumnSet, Record, cell, column_name};

            /// The table, as documentation and Python see it.
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
                $($field: Vec<cell!($kind)>,)+
            }

            /// One row's fields, to be changed wherever they are.
            #[derive(Debug)]
            pub struct Fields<'a> {
                $(#[doc = $meaning] pub $field: &'a mut cell!($kind),)+
            }

            impl Record for Row {
                const SCHEMA: TableSchema = SCHEMA;
                type Columns = Columns;
                type Fields<'a> = Fields<'a>;

                #[inline]
                fn fields(&mut self) -> Fields<'_> {
                    Fields { $($field: &mut self.$field,)+ }
                }

                #[inline]
                fn fields_at(columns: &mut Columns, row: usize) -> Fields<'_> {
                    Fields { $($field: &mut columns.$field[row],)+ }
                }

                fn at(columns: &Columns, row: usize) -> Self {
                    Self { $($field: columns.$field[row],)+ }
                }

                fn reserve(columns: &mut Columns, rows: usize) {
                    $(columns.$field.reserve_exact(rows.saturating_sub(columns.$field.len()));)+
                }

                fn append(columns: &mut Columns, rows: &[Self]) {
                    $(columns.$field.extend(rows.iter().map(|row| row.$field));)+
                }

                fn copy(columns: &mut Columns, others: &Columns) {
                    $(columns.$field.extend_from_slice(&others.$field);)+
                }

                fn room(columns: &Columns) -> usize {
                    [$(columns.$field.capacity()),+].into_iter().min().unwrap_or(0)
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
                    [$(self.$field.len()),+][0]
                }

                fn cells(&self, column: usize) -> Cells<'_> {
                    [$(Cell::cells(&self.$field)),+][column]
                }
            }
        }
    };
}

/// Declares the tables of the trace, and the set of them.
macro_rules! tables {
    ($($(#[doc = $doc:literal])+ $table:ident { $($columns:tt)+ })+) => {
        $($crate::trace::table::table! { $(#[doc = $doc])+ $table { $($columns)+ } })+

        /// Every table of the trace with its columns: the source for documentation and for Python.
        pub const TABLES: &[$crate::trace::kind::TableSchema] = &[$($table::SCHEMA),+];

        /// The tables of one run.
        #[derive(Clone, Debug)]
        pub struct Tables {
            $($(#[doc = $doc])+ pub $table: $crate::trace::store::Store<$table::Row>,)+
        }

        impl Tables {
            /// Empty tables that take at most so many rows each.
            pub fn new(max_rows: usize) -> Self {
                Self { $($table: $crate::trace::store::Store::new(max_rows),)+ }
            }

            /// All of them, in the order of [`TABLES`].
            pub fn all(&self) -> [&dyn $crate::trace::table::Rows; TABLES.len()] {
                [$(&self.$table),+]
            }

            /// Gives back the memory that dropped tables left for the next ones.
            pub fn release_spare_memory() {
                $(<$table::Row as $crate::trace::table::Record>::pool().clear();)+
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

            /// What stands in the column.
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

pub(super) use {cell, codes, column_name, table, tables};
