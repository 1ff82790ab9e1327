//! Tables for Python: Arrow batches with the PyCapsule interface, which pandas, polars, `DuckDB`
//! and pyarrow read without copying.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator,
    RecordBatchReader, StringArray,
};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyCapsule, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::convert::{invalid, quietly};
use super::gateway::Attention;
use crate::trace::{TableSchema, arrow};

/// A table in columns.
///
/// Pass it to any DataFrame library: `polars.DataFrame(t)`, `pandas.DataFrame.from_arrow(t)`,
/// `pyarrow.table(t)`, `duckdb.sql("from t")`. They read its memory without copying.
#[pyclass(frozen, module = "raftlab._core")]
pub struct Table {
    name: String,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Table {
    /// A table of the trace. The metadata (the seed, the line that replays the run) are stored in
    /// the Arrow schema, together with the table's name and meaning.
    pub fn new(
        name: &str,
        schema: &TableSchema,
        batches: Vec<RecordBatch>,
        metadata: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self::from_arrow(name, &arrow::schema(schema), batches, metadata)
    }

    /// A table of batches with this schema. The fields' metadata hold their units and meanings.
    pub fn from_arrow(
        name: &str,
        schema: &SchemaRef,
        batches: Vec<RecordBatch>,
        metadata: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut all: HashMap<String, String> =
            schema.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        all.extend(metadata);
        let schema = Arc::new(schema.as_ref().clone().with_metadata(all));
        Self { name: name.to_owned(), schema, batches }
    }

    fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The column of this name in all batches.
    fn arrays(&self, name: &str) -> PyResult<Vec<&ArrayRef>> {
        let Some((at, _)) = self.schema.column_with_name(name) else {
            let names: Vec<&str> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
            return Err(PyKeyError::new_err(format!(
                "unknown column '{name}'; the table {} has {}",
                self.name,
                names.join(", ")
            )));
        };
        Ok(self.batches.iter().map(|batch| batch.column(at)).collect())
    }
}

#[pymethods]
impl Table {
    /// A table from the bytes that `to_ipc` returned.
    #[staticmethod]
    fn from_ipc(name: &str, bytes: &[u8]) -> PyResult<Self> {
        let read = quietly(|| decoded(bytes).map_err(|error| error.to_string()));
        match read.unwrap_or_else(|| Err("its bytes are inconsistent".into())) {
            Ok((schema, batches)) => Ok(Self { name: name.to_owned(), schema, batches }),
            Err(why) => Err(invalid(format!("not a table: {why}"))),
        }
    }

    /// The rows as an Arrow IPC stream, as pickle stores them.
    fn to_ipc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let wrong = |error: ArrowError| PyValueError::new_err(error.to_string());
        let mut writer = StreamWriter::try_new(Vec::new(), &self.schema).map_err(wrong)?;
        self.batches.iter().try_for_each(|batch| writer.write(batch)).map_err(wrong)?;
        Ok(PyBytes::new(py, &writer.into_inner().map_err(wrong)?))
    }

    #[allow(clippy::type_complexity)]
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (String, Bound<'py, PyBytes>))> {
        let from_ipc = slf.get_type().getattr("from_ipc")?;
        let table = slf.get();
        Ok((from_ipc, (table.name.clone(), table.to_ipc(slf.py())?)))
    }

    /// The rows of several tables with the same columns, one after the other.
    #[staticmethod]
    fn concat(tables: Vec<PyRef<'_, Self>>) -> PyResult<Self> {
        let Some(first) = tables.first() else {
            return Err(invalid("tables must have at least one table"));
        };
        let (name, schema) = (first.name.clone(), Arc::clone(&first.schema));
        if let Some(other) = tables.iter().find(|table| table.schema.fields() != schema.fields()) {
            return Err(invalid(format!(
                "tables must have the same columns, not {} and {}",
                first.__repr__(),
                other.__repr__()
            )));
        }
        let batches = tables.iter().flat_map(|table| table.batches.iter().cloned()).collect();
        Ok(Self { name, schema, batches })
    }

    /// A table with one column added or replaced: flags, numbers or texts; None is null.
    fn with_column(
        &self,
        name: &str,
        values: Vec<Bound<'_, PyAny>>,
        unit: &str,
        meaning: &str,
    ) -> PyResult<Self> {
        if values.len() != self.rows() {
            return Err(invalid(format!("{} values for {} rows", values.len(), self.rows())));
        }
        let array = array_of(&values)?;
        let metadata = HashMap::from([
            ("unit".to_owned(), unit.to_owned()),
            ("meaning".to_owned(), meaning.to_owned()),
        ]);
        let field = Field::new(name, array.data_type().clone(), true).with_metadata(metadata);
        let mut fields: Vec<_> = self.schema.fields().iter().cloned().collect();
        let at = fields.iter().position(|field| field.name() == name).unwrap_or(fields.len());
        fields.splice(at..fields.len().min(at + 1), [Arc::new(field)]);
        let schema = Schema::new_with_metadata(fields, self.schema.metadata().clone());
        let schema = Arc::new(schema);
        let mut from = 0;
        let widen = |batch: &RecordBatch| {
            let mut columns = batch.columns().to_vec();
            let more = array.slice(from, batch.num_rows());
            columns.splice(at..columns.len().min(at + 1), [more]);
            from += batch.num_rows();
            RecordBatch::try_new(Arc::clone(&schema), columns)
        };
        let batches: Result<Vec<_>, _> = self.batches.iter().map(widen).collect();
        let batches = batches.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { name: self.name.clone(), schema: Arc::clone(&schema), batches })
    }

    /// The table's name.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// The number of rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.rows()
    }

    /// The columns as (name, type, unit, meaning); the unit is empty if there is none.
    #[getter]
    fn columns(&self) -> Vec<(&str, String, &str, &str)> {
        let fields = self.schema.fields().iter();
        let column = |field: &'_ Arc<arrow_schema::Field>| field.data_type().to_string();
        fields
            .map(|field| {
                let says = |key| field.metadata().get(key).map_or("", String::as_str);
                (field.name().as_str(), column(field).to_lowercase(), says("unit"), says("meaning"))
            })
            .collect()
    }

    /// The metadata of the table, as in its Arrow schema: its name and meaning, and how to replay
    /// its run.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut pairs: Vec<_> = self.schema.metadata().iter().collect();
        pairs.sort_unstable();
        let metadata = PyDict::new(py);
        for (key, value) in pairs {
            metadata.set_item(key, value)?;
        }
        Ok(metadata)
    }

    fn __len__(&self) -> usize {
        self.rows()
    }

    fn __repr__(&self) -> String {
        let columns = self.schema.fields().len();
        format!("Table('{}', {} rows x {columns} columns)", self.name, self.rows())
    }

    /// The schema for the Arrow PyCapsule interface.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.schema.as_ref())
            .map_err(|e| PyValueError::new_err(e.to_string()))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    /// The rows for the Arrow PyCapsule interface. Ignores a requested schema, as the interface
    /// permits.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches = self.batches.clone().into_iter().map(Ok);
        let reader: Box<dyn RecordBatchReader + Send> =
            Box::new(RecordBatchIterator::new(batches, Arc::clone(&self.schema)));
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), c"arrow_array_stream")
    }

    /// The columns as lists, by name. Meant for small tables; DataFrame libraries read large ones
    /// faster.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let columns = PyDict::new(py);
        for field in self.schema.fields() {
            columns.set_item(field.name(), self.column_list(py, field.name())?)?;
        }
        Ok(columns)
    }

    /// At most `rows` rows, starting at `first`, as a table.
    fn slice(&self, first: usize, rows: usize) -> Self {
        let (mut skip, mut left) = (first, rows);
        let mut batches = Vec::new();
        for batch in &self.batches {
            let skipped = skip.min(batch.num_rows());
            let taken = left.min(batch.num_rows() - skipped);
            batches.push(batch.slice(skipped, taken));
            skip -= skipped;
            left -= taken;
        }
        Self { name: self.name.clone(), schema: Arc::clone(&self.schema), batches }
    }

    /// One column as a list.
    fn column_list<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let mut attention = Attention::new();
        for array in self.arrays(name)? {
            extend(&list, array.as_ref(), &mut attention)?;
        }
        Ok(list)
    }

    /// A copy of a column of numbers or flags as (bytes, dtype), for `numpy.frombuffer`. A column
    /// with nulls is returned as doubles, with NaN for null.
    ///
    /// Raises KeyError if there is no such column and TypeError if it holds text.
    fn column<'py>(
        &self,
        py: Python<'py>,
        name: &str,
    ) -> PyResult<(Bound<'py, PyBytes>, &'static str)> {
        let arrays = self.arrays(name)?;
        let wanted = self.schema.field_with_name(name).map(|field| field.data_type().clone());
        let Some(dtype) = wanted.ok().as_ref().and_then(dtype) else {
            return Err(PyTypeError::new_err(format!(
                "the column '{name}' holds text; use to_dict(), or a DataFrame library"
            )));
        };
        let mut bytes = Vec::new();
        if arrays.iter().any(|array| array.null_count() > 0) {
            arrays.iter().for_each(|array| append_reals(&mut bytes, array.as_ref()));
            return Ok((PyBytes::new(py, &bytes), "float64"));
        }
        for array in arrays {
            append_bytes(&mut bytes, array.as_ref());
        }
        Ok((PyBytes::new(py, &bytes), dtype))
    }
}

/// The schema and the batches of an Arrow IPC stream. It allocates no more memory than the bytes
/// take, even if the lengths in them are wrong; some inconsistencies make the decoder panic.
fn decoded(bytes: &[u8]) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let (mut decoder, mut left) = (StreamDecoder::new(), Buffer::from(bytes));
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut left)? {
        batches.push(batch);
    }
    let schema = decoder.schema();
    decoder.finish()?;
    let schema = schema.ok_or_else(|| ArrowError::IpcError("there is no schema".into()))?;
    Ok((schema, batches))
}

/// Values from Python as an array of flags, integers, floats or, failing these, texts; None is
/// null.
pub(super) fn array_of(values: &[Bound<'_, PyAny>]) -> PyResult<ArrayRef> {
    fn all<T: for<'a, 'py> FromPyObject<'a, 'py>>(
        values: &[Bound<'_, PyAny>],
        is: impl Fn(&Bound<'_, PyAny>) -> bool,
    ) -> Option<Vec<Option<T>>> {
        let value = |value: &Bound<'_, PyAny>| {
            if value.is_none() {
                return Some(None);
            }
            is(value).then(|| value.extract::<T>().ok()).flatten().map(Some)
        };
        values.iter().map(value).collect()
    }
    let is_flag = |value: &Bound<'_, PyAny>| value.is_instance_of::<PyBool>();
    let is_int = |value: &Bound<'_, PyAny>| value.is_instance_of::<PyInt>() && !is_flag(value);
    if let Some(reals) = all::<f64>(values, |v| v.is_instance_of::<PyFloat>() || v.is_none()) {
        return Ok(Arc::new(Float64Array::from(reals)));
    }
    if let Some(flags) = all::<bool>(values, is_flag) {
        return Ok(Arc::new(BooleanArray::from(flags)));
    }
    if let Some(ints) = all::<i64>(values, is_int) {
        return Ok(Arc::new(Int64Array::from(ints)));
    }
    // Other numbers: numpy's, fractions, decimals.
    if let Some(reals) = all::<f64>(values, |v| !v.is_instance_of::<PyString>()) {
        return Ok(Arc::new(Float64Array::from(reals)));
    }
    let text = |value: &Bound<'_, PyAny>| {
        if value.is_none() { Ok(None) } else { Ok(Some(value.str()?.to_str()?.to_owned())) }
    };
    let texts: PyResult<Vec<Option<String>>> = values.iter().map(text).collect();
    Ok(Arc::new(StringArray::from(texts?)))
}

/// Runs the same code for arrays of numbers of any width.
macro_rules! with_numbers {
    ($array:expr, |$numbers:ident| $body:expr, $otherwise:expr) => {
        with_numbers!(@arms $array, $numbers, $body, $otherwise,
            Float64 => Float64Type, Int64 => Int64Type, Int32 => Int32Type, Int16 => Int16Type,
            Int8 => Int8Type, UInt64 => UInt64Type, UInt32 => UInt32Type, UInt16 => UInt16Type,
            UInt8 => UInt8Type)
    };
    (@arms $array:expr, $numbers:ident, $body:expr, $otherwise:expr, $($variant:ident => $type:ty),+) => {
        match $array.data_type() {
            $(DataType::$variant => {
                let $numbers = $array.as_primitive::<$type>();
                $body
            })+
            _ => $otherwise,
        }
    };
}

fn extend(list: &Bound<'_, PyList>, array: &dyn Array, attention: &mut Attention) -> PyResult<()> {
    let py = list.py();
    match array.data_type() {
        DataType::Boolean => array
            .as_boolean()
            .iter()
            .try_for_each(|flag| attention.look(py).and_then(|()| list.append(flag))),
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .try_for_each(|text| attention.look(py).and_then(|()| list.append(text))),
        DataType::Dictionary(..) => extend_with_names(list, array, attention),
        DataType::List(_) => extend_with_lists(list, array, attention),
        DataType::Struct(_) => extend_with_tuples(list, array, attention),
        other => with_numbers!(
            array,
            |numbers| numbers
                .iter()
                .try_for_each(|number| attention.look(py).and_then(|()| list.append(number))),
            Err(PyTypeError::new_err(format!("a column of {other} cannot be converted to Python")))
        ),
    }
}

/// Creates one Python string per name, shared by all its cells.
fn extend_with_names(
    list: &Bound<'_, PyList>,
    array: &dyn Array,
    attention: &mut Attention,
) -> PyResult<()> {
    let dictionary = array.as_any_dictionary();
    let texts = dictionary.values().as_string::<i32>();
    let names: Vec<_> = texts.iter().flatten().map(|t| PyString::new(list.py(), t)).collect();
    // Without names every cell is null.
    let codes = if names.is_empty() { vec![0; array.len()] } else { dictionary.normalized_keys() };
    for (at, code) in codes.into_iter().enumerate() {
        attention.look(list.py())?;
        let name = if array.is_null(at) { None } else { names.get(code) };
        list.append(name)?;
    }
    Ok(())
}

fn extend_with_lists(
    list: &Bound<'_, PyList>,
    array: &dyn Array,
    attention: &mut Attention,
) -> PyResult<()> {
    array.as_list::<i32>().iter().try_for_each(|items| {
        let Some(items) = items else { return list.append(list.py().None()) };
        let inner = PyList::empty(list.py());
        extend(&inner, items.as_ref(), attention)?;
        list.append(inner)
    })
}

fn extend_with_tuples(
    list: &Bound<'_, PyList>,
    array: &dyn Array,
    attention: &mut Attention,
) -> PyResult<()> {
    let fields = array.as_struct().columns().iter().map(|column| {
        let cells = PyList::empty(list.py());
        extend(&cells, column.as_ref(), attention).map(|()| cells)
    });
    let fields: Vec<_> = fields.collect::<PyResult<_>>()?;
    for row in 0..array.len() {
        attention.look(list.py())?;
        let cells = fields.iter().map(|cells| cells.get_item(row));
        list.append(PyTuple::new(list.py(), cells.collect::<PyResult<Vec<_>>>()?)?)?;
    }
    Ok(())
}

fn dtype(data_type: &DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::Float64 => "float64",
        DataType::Int64 => "int64",
        DataType::Int32 => "int32",
        DataType::Int16 => "int16",
        DataType::Int8 => "int8",
        DataType::UInt64 => "uint64",
        DataType::UInt32 => "uint32",
        DataType::UInt16 => "uint16",
        DataType::UInt8 => "uint8",
        DataType::Boolean => "bool",
        _ => return None,
    })
}

/// Numbers and flags as doubles; null becomes NaN.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless)] // one cast for numbers of all widths
fn append_reals(bytes: &mut Vec<u8>, array: &dyn Array) {
    let mut push = |value: Option<f64>| {
        bytes.extend_from_slice(&value.unwrap_or(f64::NAN).to_ne_bytes());
    };
    if let Some(flags) = array.as_boolean_opt() {
        flags.iter().for_each(|flag| push(flag.map(f64::from)));
    } else {
        with_numbers!(array, |numbers| numbers.iter().for_each(|n| push(n.map(|n| n as f64))), ());
    }
}

/// A flag takes a byte, as in numpy.
fn append_bytes(bytes: &mut Vec<u8>, array: &dyn Array) {
    if let Some(flags) = array.as_boolean_opt() {
        bytes.extend(flags.values().iter().map(u8::from));
    } else {
        with_numbers!(
            array,
            |numbers| bytes.extend_from_slice(bytemuck::cast_slice(numbers.values())),
            ()
        );
    }
}
