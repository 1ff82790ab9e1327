//! Many runs at once, as Arrow tables.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Float64Array, Int64Array, ListArray, PrimitiveArray,
    RecordBatch, StringArray, StructArray, UInt32Array, UInt64Array,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use arrow_select::take::take;
use pyo3::prelude::*;

use super::convert::invalid;
use super::convert::{on_violation, span};
use super::patience::Patience;
use super::table::{Table, array_of};
use crate::experiment::futures::Moment;
use crate::experiment::metrics::{METRICS, Metric, Needs, select};
use crate::experiment::sweep::{Cells, Histograms, Plan, Point, Rows, Series};
use crate::experiment::{Ending, Scenario};
use crate::sim::Time;

/// The metrics: (name, group, unit, meaning, censored by, whether it is a column by default).
#[pyfunction]
pub(super) fn metrics()
-> Vec<(&'static str, &'static str, &'static str, &'static str, &'static str, bool)> {
    let row = |m: &'static Metric| {
        (m.name.as_str(), m.group, m.unit, m.meaning.as_str(), m.censored_by, m.default)
    };
    METRICS.iter().map(row).collect()
}

/// Plays the runs `first_run..last_run` of a grid of scenarios. The k-th seed of the p-th scenario
/// is run `p * seeds + k`. `grid` has a column for each parameter, with one value per scenario;
/// `first_seeds` is the first seed of each scenario. With `moments` (a seed, a time and a duration
/// for each scenario) the runs are futures of the run with that seed, from that time on; without a
/// time from its end, without a duration to the end of the scenario.
///
/// Returns a table with one row per run, one with one row per bin of time (if `bins_ms` is given),
/// and the exception that interrupted it, if any: the rows are then those of finished runs.
#[pyfunction]
#[pyo3(signature = (scenarios, grid, first_seeds, seeds, first_run, last_run, *, metrics, threads,
    checks=true, stop_on_violation=true, bins_ms=None, moments=None, progress=None))]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
pub(super) fn sweep(
    py: Python<'_>,
    scenarios: Vec<String>,
    grid: Vec<(String, Vec<Bound<'_, PyAny>>)>,
    first_seeds: Vec<u64>,
    seeds: u64,
    first_run: u64,
    last_run: u64,
    metrics: Vec<String>,
    threads: usize,
    checks: bool,
    stop_on_violation: bool,
    bins_ms: Option<f64>,
    moments: Option<Vec<(u64, Option<f64>, Option<f64>)>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Table, Option<Table>, Option<Py<PyAny>>)> {
    let bins = bins_ms.map(|ms| span("series", ms)).transpose()?;
    let point = |(at, json): (usize, &String)| {
        let given = moments.as_ref().and_then(|moments| moments.get(at));
        let moment = given.map(|given| moment(*given)).transpose()?;
        let seed = first_seeds.get(at).copied().unwrap_or(0);
        Ok(Point { scenario: Arc::new(Scenario::from_json(json)?), seed, moment })
    };
    let points: PyResult<Vec<Point>> = scenarios.iter().enumerate().map(point).collect();
    let plan = Plan {
        points: points?,
        seeds,
        metrics: select(&metrics).map_err(invalid)?,
        bins,
        checks,
        on_violation: on_violation(stop_on_violation),
    };
    plan.validate()?;
    if first_run >= last_run || last_run > plan.runs() {
        return Err(invalid(format!(
            "runs {first_run} to {last_run} must be within the {} runs of the sweep",
            plan.runs()
        )));
    }
    let parameter = |(name, values): (String, Vec<Bound<'_, PyAny>>)| {
        Ok(Parameter { name, values: array_of(&values)? })
    };
    let grid: PyResult<Vec<Parameter>> = grid.into_iter().map(parameter).collect();
    let grid = grid?;
    let mut patience = Patience::new(progress);
    let rows = py.detach(|| plan.play(first_run..last_run, threads, |done| patience.look(done)));
    let error = |error: ArrowError| invalid(error.to_string());
    let series = bins.map(|_| series_table(&rows, &grid).map_err(error)).transpose()?;
    let runs = runs_table(rows, &plan, &grid).map_err(error)?;
    Ok((runs, series, patience.interrupted(py)))
}

pub(super) fn moment(
    (seed, at_ms, duration_ms): (u64, Option<f64>, Option<f64>),
) -> PyResult<Moment> {
    let at = at_ms.map(|ms| span("at", ms)).transpose()?;
    let duration = duration_ms.map(|ms| span("duration", ms)).transpose()?;
    Ok(Moment { seed, at: at.map(|at| Time::ZERO + at), duration })
}

/// A parameter of the grid, with one value per point.
struct Parameter {
    name: String,
    values: ArrayRef,
}

impl Parameter {
    /// The column, for rows of these points.
    fn column(&self, points: &[u32]) -> Result<(Field, ArrayRef), ArrowError> {
        let array = if let Some(texts) = self.values.as_string_opt::<i32>() {
            let mut names = Names::default();
            let codes: Vec<i32> = texts.iter().map(|t| names.code(t.unwrap_or_default())).collect();
            let keys = points.iter().map(|point| codes[*point as usize]).collect();
            names.column(keys, None)?
        } else {
            take(&self.values, &UInt32Array::from(points.to_vec()), None)?
        };
        let field = field(&self.name, array.data_type(), true, "", "a parameter of the grid");
        Ok((field, array))
    }
}

/// Frequent texts, encoded as numbers.
#[derive(Default)]
struct Names {
    known: Vec<String>,
    codes: HashMap<String, i32>,
}

impl Names {
    fn code(&mut self, text: &str) -> i32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        let code = self.known.len() as i32;
        self.known.push(text.to_owned());
        self.codes.insert(text.to_owned(), code);
        code
    }

    fn column(self, codes: Vec<i32>, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let keys = PrimitiveArray::<Int32Type>::new(codes.into(), nulls);
        let names = Arc::new(StringArray::from(self.known));
        Ok(Arc::new(DictionaryArray::try_new(keys, names)?))
    }
}

fn field(name: &str, kind: &DataType, nullable: bool, unit: &str, meaning: &str) -> Field {
    Field::new(name, kind.clone(), nullable).with_metadata(HashMap::from([
        ("unit".to_owned(), unit.to_owned()),
        ("meaning".to_owned(), meaning.to_owned()),
    ]))
}

/// Collects the columns of a table.
#[derive(Default)]
struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    fn push(&mut self, name: &str, array: ArrayRef, unit: &str, meaning: &str) {
        let nullable = array.is_nullable();
        self.fields.push(field(name, array.data_type(), nullable, unit, meaning));
        self.arrays.push(array);
    }

    fn table(self, name: &str, doc: &str) -> Result<Table, ArrowError> {
        let fields: Vec<Field> = self.fields.into_iter().map(|f| f.with_nullable(true)).collect();
        let metadata = HashMap::from([
            ("table".to_owned(), name.to_owned()),
            ("doc".to_owned(), doc.to_owned()),
            ("raftlab".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]);
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let batch = RecordBatch::try_new(Arc::clone(&schema), self.arrays)?;
        Ok(Table::from_arrow(name, &schema, vec![batch], []))
    }
}

/// Moves columns instead of copying them where possible: a million rows are a hundred megabytes,
/// and the page faults of a copy take longer than the writes.
fn runs_table(rows: Rows, plan: &Plan, grid: &[Parameter]) -> Result<Table, ArrowError> {
    let mut columns = Columns::default();
    for parameter in grid {
        let (field, array) = parameter.column(&rows.point)?;
        columns.fields.push(field);
        columns.arrays.push(array);
    }
    let (failed, endings, violated, errors) =
        (failed(&rows), endings(&rows)?, properties(&rows)?, errors(&rows));
    let known: Vec<Option<NullBuffer>> =
        plan.metrics.iter().map(|metric| known(&rows, metric)).collect();
    let unchecked = (!plan.checks).then(|| NullBuffer::new_null(rows.len()));
    let mut violations = vec![0; rows.len()];
    for (row, count) in rows.violations {
        violations[row] = count;
    }
    columns.push("seed", Arc::new(UInt64Array::from(rows.seed)), "", "the seed of the run");
    for ((metric, cells), known) in plan.metrics.iter().zip(rows.metrics).zip(known) {
        let unchecked = unchecked.clone().filter(|_| metric.needs == Needs::Checks);
        let array = match cells {
            Cells::Real(values) => reals(values),
            Cells::Count(values) => {
                let told = NullBuffer::union(failed.as_ref(), known.as_ref());
                counts(values, unchecked.or(told))
            }
            Cells::Histogram(values) => histograms(values, failed.clone())?,
        };
        columns.push(&metric.name, array, metric.unit, &metric.meaning);
    }
    columns.push("ending", endings, "", "how the run ended; null if it failed");
    columns.push("end_ms", reals(rows.end_ms), "ms", "when the run ended; null if it failed");
    let violations = counts(violations, unchecked.or_else(|| failed.clone()));
    let meaning = "the number of violations; null without checks";
    columns.push("violations", violations, "", meaning);
    let meaning = "the properties that were violated, separated by commas, in the order of their first violations; null if none, or without checks";
    columns.push("properties", violated, "", meaning);
    columns.push("error", errors, "", "why the run failed; null if it did not");
    let meaning = "a 128-bit hash of the run's history, equal for equal runs; null if it failed";
    columns.push("digest", digests(rows.digest, failed), "", meaning);
    columns.table("runs", "The results of a sweep. One row per run.")
}

fn series_table(rows: &Rows, grid: &[Parameter]) -> Result<Table, ArrowError> {
    let Series { row, time_ms, available, elections, committed, acknowledged, sent } = &rows.series;
    let points: Vec<u32> = row.iter().map(|row| rows.point[*row]).collect();
    let mut columns = Columns::default();
    for parameter in grid {
        let (field, array) = parameter.column(&points)?;
        columns.fields.push(field);
        columns.arrays.push(array);
    }
    let seeds = UInt64Array::from_iter_values(row.iter().map(|row| rows.seed[*row]));
    columns.push("seed", Arc::new(seeds), "", "the seed of the run");
    columns.push(
        "time_ms",
        reals(time_ms.clone()),
        "ms",
        "where the bin begins; it ends where the next does",
    );
    let meaning = "the fraction of the bin in which a leader had a quorum";
    columns.push("available", reals(available.clone()), "", meaning);
    let counts = [
        ("elections", elections, "leaders elected"),
        ("committed", committed, "entries committed for the first time"),
        ("acknowledged", acknowledged, "writes that were acknowledged to clients"),
        ("sent", sent, "messages sent"),
    ];
    for (name, counts, meaning) in counts {
        let array = Int64Array::from_iter_values(counts.iter().map(|count| *count as i64));
        columns.push(name, Arc::new(array), "", meaning);
    }
    columns.table("series", "The runs of a sweep over time. One row per run and bin of time.")
}

/// Nulls for the rows of runs that failed.
fn failed(rows: &Rows) -> Option<NullBuffer> {
    (!rows.errors.is_empty()).then(|| {
        let valid = BooleanBuffer::collect_bool(rows.len(), |row| rows.ending[row].is_some());
        NullBuffer::new(valid)
    })
}

/// Nulls for the rows of runs that stopped at another violation and so do not determine the metric.
fn known(rows: &Rows, metric: &Metric) -> Option<NullBuffer> {
    if metric.property.is_empty() || rows.properties.is_empty() {
        return None;
    }
    let mut known = BooleanBufferBuilder::new(rows.len());
    known.append_n(rows.len(), true);
    for (row, violated) in &rows.properties {
        let told = rows.ending[*row].is_none_or(|ending| metric.is_known(ending, violated));
        known.set_bit(*row, told);
    }
    Some(NullBuffer::new(known.finish()))
}

/// Numbers; NaN becomes null, and remains NaN in the buffer, for readers of the raw bytes.
fn reals(values: Vec<f64>) -> ArrayRef {
    let nulls = values.iter().any(|value| value.is_nan()).then(|| {
        NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |at| !values[at].is_nan()))
    });
    Arc::new(Float64Array::new(values.into(), nulls))
}

/// Counts, all below 2^63.
fn counts(values: Vec<u64>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(Int64Array::new(Buffer::from_vec(values).into(), nulls))
}

/// Lists of buckets, each a struct of `upto_ms` and `entries`.
fn histograms(values: Histograms, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
    let Histograms { lengths, ends_ms, entries } = values;
    let fields = Fields::from(vec![
        Field::new("upto_ms", DataType::Float64, false),
        Field::new("entries", DataType::Int64, false),
    ]);
    let arrays: Vec<ArrayRef> = vec![Arc::new(Float64Array::from(ends_ms)), counts(entries, None)];
    let buckets = StructArray::try_new(fields, arrays, None)?;
    let item = Arc::new(Field::new("item", buckets.data_type().clone(), false));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(buckets), nulls)?))
}

fn endings(rows: &Rows) -> Result<ArrayRef, ArrowError> {
    let names = Arc::new(StringArray::from_iter_values(Ending::ALL.iter().map(|e| e.name())));
    let codes: PrimitiveArray<Int8Type> =
        rows.ending.iter().map(|ending| ending.map(|ending| ending as i8)).collect();
    Ok(Arc::new(DictionaryArray::try_new(codes, names)?))
}

fn properties(rows: &Rows) -> Result<ArrayRef, ArrowError> {
    let mut names = Names::default();
    let mut codes = vec![0; rows.len()];
    let mut valid = BooleanBufferBuilder::new(rows.len());
    valid.append_n(rows.len(), false);
    for (row, broken) in &rows.properties {
        codes[*row] = names.code(&broken.join(","));
        valid.set_bit(*row, true);
    }
    names.column(codes, Some(NullBuffer::new(valid.finish())))
}

fn errors(rows: &Rows) -> ArrayRef {
    if rows.errors.is_empty() {
        return Arc::new(StringArray::new_null(rows.len()));
    }
    let errors: HashMap<usize, &str> =
        rows.errors.iter().map(|(row, why)| (*row, why.as_str())).collect();
    Arc::new((0..rows.len()).map(|row| errors.get(&row).copied()).collect::<StringArray>())
}

/// Each as 32 hexadecimal digits, side by side in one buffer.
fn digests(digests: Vec<[u8; 32]>, nulls: Option<NullBuffer>) -> ArrayRef {
    let offsets = OffsetBuffer::from_repeated_length(32, digests.len());
    let buffer = Buffer::from_vec(digests.into_flattened());
    Arc::new(StringArray::new(offsets, buffer, nulls))
}
