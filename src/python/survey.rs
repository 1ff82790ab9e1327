//! Many seeds at once.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::convert::invalid;
use super::engine::on_violation;
use crate::experiment::Scenario;
use crate::experiment::survey::{Outcome, survey as run_survey};
use crate::experiment::watch::{Options, Watch};
use crate::protocol::Span;
use crate::trace::Level;

/// Runs a scenario with the seeds `first` to `first + count - 1` on `threads` threads. Returns a dict of
/// columns with a value a seed. `progress`, if given, is called with the number of runs that are done.
#[pyfunction]
#[pyo3(signature = (scenario, first, count, *, threads, checks=true, stop_on_violation=true, progress=None))]
#[allow(clippy::too_many_arguments)]
pub(super) fn survey<'py>(
    py: Python<'py>,
    scenario: &str,
    first: u64,
    count: u64,
    threads: usize,
    checks: bool,
    stop_on_violation: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let scenario = Scenario::from_json(scenario)?;
    let end = first.checked_add(count).ok_or_else(|| invalid("the seeds run beyond 2^64"))?;
    if count == 0 {
        return Err(invalid("seeds must be at least 1, not 0"));
    }
    let violation = on_violation(stop_on_violation);
    let options = Options { trace: Level::Off, checks, trace_rows: None };
    let nodes = scenario.nodes.len();
    let interrupted: Mutex<Option<PyErr>> = Mutex::new(None);
    let mut looked = Instant::now();
    let wait = |done: u64| {
        if looked.elapsed() < Duration::from_millis(20) {
            return true;
        }
        looked = Instant::now();
        let looked_at = Python::attach(|py| {
            py.check_signals()?;
            match &progress {
                Some(progress) => progress.call1(py, (done,)).map(|_| ()),
                None => Ok(()),
            }
        });
        match looked_at {
            Ok(()) => true,
            Err(error) => {
                if let Ok(mut first) = interrupted.lock() {
                    first.get_or_insert(error);
                }
                false
            }
        }
    };
    let outcomes = py.detach(|| {
        if checks {
            let watch = || Watch::new(nodes, options);
            run_survey(&scenario, first..end, threads, violation, watch, wait)
        } else {
            run_survey(&scenario, first..end, threads, violation, || (), wait)
        }
    })?;
    if let Some(error) = interrupted.into_inner().ok().flatten() {
        return Err(error);
    }
    columns(py, &outcomes)
}

fn columns<'py>(py: Python<'py>, outcomes: &[Outcome]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let put = |name: &str, column: Bound<'py, PyAny>| dict.set_item(name, column);
    macro_rules! column {
        ($name:literal, $of:expr) => {
            put($name, outcomes.iter().map($of).collect::<Vec<_>>().into_pyobject(py)?.into_any())?;
        };
    }
    column!("seed", |o: &Outcome| o.seed);
    column!("ending", |o: &Outcome| PyString::intern(py, o.ending.name()));
    column!("end_ms", |o: &Outcome| o.end.as_ms());
    column!("since_last_fault_ms", |o: &Outcome| Span(o.end.0 - o.last_strike.0).as_ms());
    column!("elections", |o: &Outcome| o.elections);
    column!("highest_term", |o: &Outcome| o.highest_term);
    column!("commit_index", |o: &Outcome| o.commit_index);
    column!("delivered", |o: &Outcome| o.delivered);
    column!("violations", |o: &Outcome| o.violations);
    column!("rules", |o: &Outcome| PyString::intern(py, &o.rules.join(",")));
    column!("digest", |o: &Outcome| o.digest.to_string());
    Ok(dict)
}
