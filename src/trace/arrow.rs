//! The trace as Arrow batches.
//!
//! Numbers and codes are not copied: a batch keeps the recorder's chunk alive, and a chunk in use
//! is copied before it changes. Columns with equal cells in all rows share the memory of one chunk.
//! Flags (a bit each in Arrow) and texts are converted here.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::types::{
    ArrowDictionaryKeyType, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, Int32Array, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::column::{Cell, Cells, Run};
use super::kind::{Column, Kind, NO_NUMBER, TableSchema};
use super::ops::Answer;
use super::store::NO_ROW;
use super::table::ColumnSet;
use super::{Names, Recorder};
use crate::replica::{Key, MAX_MEMBERS, Value};

/// A table's schema in Arrow, with each column's unit and meaning as metadata.
pub fn schema(table: &TableSchema) -> SchemaRef {
    let fields: Vec<Field> = table.columns.iter().map(field).collect();
    let metadata = HashMap::from([
        ("table".to_owned(), table.name.to_owned()),
        ("doc".to_owned(), table.doc.to_owned()),
    ]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

impl Recorder {
    /// The rows of a table as Arrow batches; `None` if there is no table of that name.
    pub fn batches(
        &self,
        table: &str,
        names: &dyn Names,
    ) -> Option<Result<Vec<RecordBatch>, ArrowError>> {
        let tables = self.tables().all();
        let rows = tables.into_iter().find(|rows| rows.schema().name == table)?;
        let (table, sets) = (rows.schema(), rows.column_sets(self.tables()));
        let mut encoder = Encoder::new(self, names);
        let columns = table.columns.iter().enumerate();
        let columns: Result<Vec<_>, _> =
            columns.map(|(at, column)| encoder.column(&sets, at, column.kind)).collect();
        Some(columns.and_then(|columns| {
            let schema = schema(&table);
            let batch = |set| columns.iter().map(|column| ArrayRef::clone(&column[set])).collect();
            (0..sets.len()).map(|set| RecordBatch::try_new(schema.clone(), batch(set))).collect()
        }))
    }
}

fn field(column: &Column) -> Field {
    let nullable = match column.kind {
        Kind::Int | Kind::Count | Kind::Word | Kind::Flag | Kind::Name(_) => false,
        Kind::Time
        | Kind::Node
        | Kind::Nodes
        | Kind::Detail
        | Kind::Reason
        | Kind::Key
        | Kind::Value
        | Kind::Answer
        | Kind::Text
        | Kind::Row => true,
    };
    let metadata = HashMap::from([
        ("unit".to_owned(), column.unit.to_owned()),
        ("meaning".to_owned(), column.meaning.to_owned()),
    ]);
    Field::new(column.name, data_type(column.kind), nullable).with_metadata(metadata)
}

fn data_type(kind: Kind) -> DataType {
    let dictionary = |codes| DataType::Dictionary(Box::new(codes), Box::new(DataType::Utf8));
    match kind {
        Kind::Time => DataType::Float64,
        Kind::Int => DataType::Int64,
        Kind::Count => DataType::Int32,
        Kind::Word => DataType::UInt64,
        Kind::Flag => DataType::Boolean,
        Kind::Name(_) => dictionary(DataType::Int8),
        Kind::Node | Kind::Detail | Kind::Reason => dictionary(DataType::Int16),
        Kind::Key => dictionary(DataType::Int32),
        Kind::Nodes | Kind::Value | Kind::Answer | Kind::Text => DataType::Utf8,
        Kind::Row => DataType::UInt32,
    }
}

/// One column of one chunk, kept alive by its readers.
struct Owner {
    set: Arc<dyn ColumnSet>,
    column: usize,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        bytes_of(self.set.cells(self.column)).unwrap_or_default()
    }
}

/// The bytes of cells that are stored contiguously.
fn bytes_of(cells: Cells<'_>) -> Option<&[u8]> {
    fn bytes<T: Cell>(run: Run<'_, T>) -> Option<&[u8]> {
        if let Run::Each(cells) = run { Some(bytemuck::cast_slice(cells)) } else { None }
    }
    match cells {
        Cells::F64(run) => bytes(run),
        Cells::I64(run) => bytes(run),
        Cells::I32(run) => bytes(run),
        Cells::I16(run) => bytes(run),
        Cells::I8(run) => bytes(run),
        Cells::U64(run) => bytes(run),
        Cells::U32(run) => bytes(run),
        Cells::U8(run) => bytes(run),
    }
}

/// Columns of one type, without copying; columns with equal cells are slices of a shared one.
fn lent<T: ArrowPrimitiveType>(
    sets: &[Arc<dyn ColumnSet>],
    column: usize,
    array: impl Fn(PrimitiveArray<T>) -> Result<ArrayRef, ArrowError>,
) -> Result<Vec<ArrayRef>, ArrowError>
where
    T::Native: Cell,
{
    let most = sets.iter().map(|set| set.rows()).max().unwrap_or(0);
    let mut spread: Vec<(T::Native, ArrayRef)> = Vec::new();
    let mut lend = |set: &Arc<dyn ColumnSet>| {
        let Some(Run::Same(cell, rows)) = T::Native::run(set.cells(column)) else {
            let owner = Owner { set: Arc::clone(set), column };
            let buffer = Buffer::from(bytes::Bytes::from_owner(owner));
            return array(PrimitiveArray::new(ScalarBuffer::new(buffer, 0, set.rows()), None));
        };
        let known = spread.iter().position(|(known, _)| known.is(cell));
        let at = known.map_or_else(
            || {
                let cells = ScalarBuffer::from(vec![cell; most]);
                spread.push((cell, array(PrimitiveArray::new(cells, None))?));
                Ok::<_, ArrowError>(spread.len() - 1)
            },
            Ok,
        )?;
        Ok(spread[at].1.slice(0, rows))
    };
    sets.iter().map(&mut lend).collect()
}

fn primitive<T: ArrowPrimitiveType>(
    sets: &[Arc<dyn ColumnSet>],
    column: usize,
) -> Result<Vec<ArrayRef>, ArrowError>
where
    T::Native: Cell,
{
    lent::<T>(sets, column, |array| Ok(Arc::new(array)))
}

/// Times; NaN becomes null.
fn moments(sets: &[Arc<dyn ColumnSet>], column: usize) -> Result<Vec<ArrayRef>, ArrowError> {
    lent::<Float64Type>(sets, column, |moments| {
        let values = moments.values();
        let some_null = values.iter().fold(false, |found, ms| found | ms.is_nan());
        let nulls = some_null.then(|| {
            let valid = BooleanBuffer::collect_bool(values.len(), |at| !values[at].is_nan());
            NullBuffer::new(valid)
        });
        Ok(Arc::new(PrimitiveArray::<Float64Type>::new(values.clone(), nulls)))
    })
}

/// Rows of a table; [`NO_ROW`] becomes null.
fn rows(sets: &[Arc<dyn ColumnSet>], column: usize) -> Result<Vec<ArrayRef>, ArrowError> {
    lent::<UInt32Type>(sets, column, |rows| {
        let values = rows.values();
        let some_null = values.contains(&NO_ROW);
        let nulls = some_null.then(|| {
            let valid = BooleanBuffer::collect_bool(values.len(), |at| values[at] != NO_ROW);
            NullBuffer::new(valid)
        });
        Ok(Arc::new(PrimitiveArray::<UInt32Type>::new(values.clone(), nulls)))
    })
}

/// A dictionary that all chunks share; a negative code becomes null.
fn dictionary<K: ArrowDictionaryKeyType>(
    sets: &[Arc<dyn ColumnSet>],
    column: usize,
    names: &ArrayRef,
) -> Result<Vec<ArrayRef>, ArrowError>
where
    K::Native: Cell,
{
    let nothing = |code: &K::Native| *code < K::Native::default();
    lent::<K>(sets, column, |codes| {
        // Looks at all of them, without an early exit, so that this is vectorized.
        let some_null = codes.values().iter().fold(false, |found, code| found | nothing(code));
        let codes = if some_null {
            let values = codes.values().clone();
            let valid = BooleanBuffer::collect_bool(values.len(), |at| !nothing(&values[at]));
            PrimitiveArray::new(values, Some(NullBuffer::new(valid)))
        } else {
            codes
        };
        Ok(Arc::new(DictionaryArray::try_new(codes, Arc::clone(names))?))
    })
}

fn each(
    sets: &[Arc<dyn ColumnSet>],
    array: impl FnMut(&Arc<dyn ColumnSet>) -> ArrayRef,
) -> Vec<ArrayRef> {
    sets.iter().map(array).collect()
}

fn strings<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

/// The cells of a column whose kind is a number of a text.
fn numbers(cells: Cells<'_>) -> impl Iterator<Item = u32> {
    u32::run(cells).into_iter().flat_map(Run::iter)
}

/// Converts columns of a recorder to arrays, one for each chunk.
struct Encoder<'a> {
    recorder: &'a Recorder,
    names: &'a dyn Names,
    keys: Texts<'a>,
    values: Texts<'a>,
}

impl<'a> Encoder<'a> {
    fn new(recorder: &'a Recorder, names: &'a dyn Names) -> Self {
        Self {
            recorder,
            names,
            keys: Texts::new(Box::new(|number| names.key(Key(number)))),
            values: Texts::new(Box::new(|number| names.value(Value(number)))),
        }
    }

    fn column(
        &mut self,
        sets: &[Arc<dyn ColumnSet>],
        at: usize,
        kind: Kind,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(match kind {
            Kind::Time => moments(sets, at)?,
            Kind::Int => primitive::<Int64Type>(sets, at)?,
            Kind::Count => primitive::<Int32Type>(sets, at)?,
            Kind::Word => primitive::<UInt64Type>(sets, at)?,
            Kind::Flag => each(sets, |set| Arc::new(flags(set.cells(at)))),
            Kind::Name(names) => dictionary::<Int8Type>(sets, at, &strings(names))?,
            Kind::Node => {
                let nodes = 0..self.recorder.nodes();
                let names = strings(nodes.map(|node| self.names.node(node)));
                dictionary::<Int16Type>(sets, at, &names)?
            }
            Kind::Nodes => each(sets, |set| Arc::new(self.nodes(set.cells(at)))),
            Kind::Detail => dictionary::<Int16Type>(sets, at, &strings(self.recorder.details()))?,
            Kind::Reason => dictionary::<Int16Type>(sets, at, &strings(self.recorder.reasons()))?,
            Kind::Key => self.keys(sets, at)?,
            Kind::Value => each(sets, |set| Arc::new(self.values(set.cells(at)))),
            Kind::Answer => each(sets, |set| Arc::new(self.answers(set.cells(at)))),
            Kind::Text => each(sets, |set| Arc::new(self.texts(set.cells(at)))),
            Kind::Row => rows(sets, at)?,
        })
    }

    fn keys(
        &mut self,
        sets: &[Arc<dyn ColumnSet>],
        at: usize,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut code = |key| self.keys.code(key);
        let codes: Vec<Int32Array> =
            sets.iter().map(|set| numbers(set.cells(at)).map(&mut code).collect()).collect();
        let names = strings(&self.keys.known);
        let array =
            |codes| Ok(Arc::new(DictionaryArray::try_new(codes, Arc::clone(&names))?) as ArrayRef);
        codes.into_iter().map(array).collect()
    }

    fn values(&mut self, cells: Cells<'_>) -> StringArray {
        let mut builder = StringBuilder::new();
        for value in numbers(cells) {
            builder.append_option(self.values.text(value));
        }
        builder.finish()
    }

    fn nodes(&self, cells: Cells<'_>) -> StringArray {
        let joined = |mask: u32| {
            let nodes = (0..MAX_MEMBERS).filter(|at| mask >> at & 1 == 1);
            let names: Vec<_> = nodes.map(|at| self.names.node(at)).collect();
            (!names.is_empty()).then(|| names.join(","))
        };
        numbers(cells).map(joined).collect()
    }

    fn answers(&mut self, cells: Cells<'_>) -> StringArray {
        let mut builder = StringBuilder::new();
        for code in u64::run(cells).into_iter().flat_map(Run::iter) {
            match Answer::decode(code) {
                Answer::None => builder.append_null(),
                Answer::TookEffect(effect) => builder.append_value(effect.to_string()),
                Answer::Items { first, count } => builder.append_value(self.items(first, count)),
            }
        }
        builder.finish()
    }

    fn items(&mut self, first: u32, count: u32) -> String {
        let mut joined = String::new();
        for row in first..first.saturating_add(count) {
            let item = self.recorder.items().get(row).map_or(NO_NUMBER, |item| item.value);
            if row > first {
                joined.push(',');
            }
            joined.push_str(self.values.text(item).unwrap_or_default());
        }
        joined
    }

    fn texts(&self, cells: Cells<'_>) -> StringArray {
        let texts = self.recorder.texts();
        numbers(cells).map(|at| texts.get(at as usize)).collect()
    }
}

fn flags(cells: Cells<'_>) -> BooleanArray {
    let values = match u8::run(cells) {
        Some(Run::Each(flags)) => packed(flags),
        Some(Run::Same(0, rows)) => BooleanBuffer::new_unset(rows),
        Some(Run::Same(_, rows)) => BooleanBuffer::new_set(rows),
        None => BooleanBuffer::new_unset(0),
    };
    BooleanArray::new(values, None)
}

/// Packs eight flags per byte, the first one lowest.
fn packed(flags: &[u8]) -> BooleanBuffer {
    let bytes = flags.chunks(8).map(|eight| {
        let mut word = [0; 8];
        word[..eight.len()].copy_from_slice(eight);
        // Each set bit of the factor moves one of the flags, which are 0 or 1, into the highest
        // byte.
        (u64::from_le_bytes(word).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
    });
    BooleanBuffer::new(Buffer::from_vec(bytes.collect::<Vec<u8>>()), 0, flags.len())
}

/// Texts by their numbers. The numbers may be many and sparse, so that each gets a code when it
/// first occurs.
struct Texts<'a> {
    name: Box<dyn Fn(u32) -> String + 'a>,
    codes: HashMap<u32, i32>,
    /// The last lookup, which is often repeated.
    last: (u32, i32),
    known: Vec<String>,
}

impl<'a> Texts<'a> {
    fn new(name: Box<dyn Fn(u32) -> String + 'a>) -> Self {
        Self { name, codes: HashMap::new(), last: (NO_NUMBER, 0), known: Vec::new() }
    }

    fn code(&mut self, number: u32) -> Option<i32> {
        if number == NO_NUMBER {
            return None;
        }
        if self.last.0 != number {
            let (name, known) = (&self.name, &mut self.known);
            let code = *self.codes.entry(number).or_insert_with(|| {
                known.push(name(number));
                known.len() as i32 - 1
            });
            self.last = (number, code);
        }
        Some(self.last.1)
    }

    fn text(&mut self, number: u32) -> Option<&str> {
        self.code(number).map(|code| self.known[code as usize].as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::TABLES;

    #[test]
    fn flags_are_packed_in_order() {
        for rows in [0, 1, 7, 8, 9, 64, 100] {
            let flags: Vec<u8> = (0..rows).map(|row| u8::from(row * row % 3 == 1)).collect();
            let packed = packed(&flags);
            assert!(packed.iter().eq(flags.iter().map(|flag| *flag != 0)));
            assert_eq!(packed.len(), flags.len());
        }
    }

    #[test]
    fn the_schema_says_what_the_columns_are_in_arrow() {
        for table in TABLES {
            for (column, field) in table.columns.iter().zip(schema(table).fields()) {
                assert_eq!(field.data_type().to_string().to_lowercase(), column.kind.arrow());
                assert_eq!(field.metadata()["unit"], column.unit);
            }
        }
    }
}
