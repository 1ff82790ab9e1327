//! Reads scenarios and builds clusters from them.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use super::convert::invalid;
use super::engine::Any;
use super::gateway::wait_for;
use crate::check::Checks;
use crate::experiment::{Cluster, OnViolation, Scenario, Watcher};
use crate::trace::{DEFAULT_MAX_ROWS, Level, Recorder};

/// What to observe.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// The level of the trace.
    pub(super) trace: Level,
    /// Whether invariants are checked.
    pub(super) checks: bool,
    /// The maximum number of rows in one table of the trace.
    pub(super) trace_rows: Option<u64>,
}

impl Options {
    pub(super) const NOTHING: Self = Self { trace: Level::Off, checks: false, trace_rows: None };
}

/// Reads a scenario. The last one is cached: it is often run again with another seed, and reading
/// it takes longer than a short run.
pub(super) fn read_scenario(py: Python<'_>, json: &str) -> PyResult<Arc<Scenario>> {
    static LAST: Mutex<Option<(String, Arc<Scenario>)>> = Mutex::new(None);
    let last = || LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match &*last() {
        Some((known, scenario)) if known == json => return Ok(Arc::clone(scenario)),
        _ => {}
    }
    let scenario = Arc::new(scenario_of(py, json)?);
    *last() = Some((json.to_owned(), Arc::clone(&scenario)));
    Ok(scenario)
}

/// Reads a scenario; a long one in a way that Ctrl-C can interrupt.
pub(super) fn scenario_of(py: Python<'_>, json: &str) -> PyResult<Scenario> {
    if json.len() < LONG_TEXT {
        return Ok(Scenario::from_json(json)?);
    }
    let json = json.to_owned();
    Ok(wait_for(py, move || Scenario::from_json(&json))??)
}

/// The length in bytes from which a text takes milliseconds to read.
pub(super) const LONG_TEXT: usize = 100_000;

/// Builds a cluster at time 0; a large one in a way that Ctrl-C can interrupt.
pub(super) fn build_patiently(
    py: Python<'_>,
    scenario: &Arc<Scenario>,
    seed: u64,
    on_violation: OnViolation,
    options: Options,
) -> PyResult<Any> {
    if scenario.size() < MUCH {
        return build(scenario, seed, on_violation, options);
    }
    let scenario = Arc::clone(scenario);
    wait_for(py, move || build(&scenario, seed, on_violation, options))?
}

/// The number of entries and clients from which building takes milliseconds.
const MUCH: usize = 10_000;

fn build(
    scenario: &Arc<Scenario>,
    seed: u64,
    on_violation: OnViolation,
    options: Options,
) -> PyResult<Any> {
    fn cluster<O: Watcher>(
        scenario: &Arc<Scenario>,
        (seed, on_violation): (u64, OnViolation),
        observer: O,
    ) -> PyResult<Box<Cluster<O>>> {
        Ok(Box::new(Cluster::new(scenario.clone(), seed, on_violation, observer)?))
    }
    let Options { trace, checks, trace_rows } = options;
    let (nodes, way) = (scenario.nodes.len(), (seed, on_violation));
    let rows = trace_rows.map_or(DEFAULT_MAX_ROWS, |rows| rows as usize);
    let recorder = || Recorder::new(nodes, trace, rows);
    Ok(match (trace, checks) {
        (Level::Off, false) => Any::Bare(cluster(scenario, way, ())?),
        (Level::Off, true) => Any::Checked(cluster(scenario, way, Checks::new(nodes))?),
        (_, false) => Any::Traced(cluster(scenario, way, recorder())?),
        (_, true) => Any::Both(cluster(scenario, way, (recorder(), Checks::new(nodes)))?),
    })
}

pub(super) fn trace_level(level: &str) -> PyResult<Level> {
    match level {
        "full" => Ok(Level::Full),
        "states" => Ok(Level::States),
        "off" => Ok(Level::Off),
        other => Err(invalid(format!("trace must be 'full', 'states' or 'off', not '{other}'"))),
    }
}
