//! Clusters at their beginning: scenarios are read, and what they describe is built.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use super::convert::invalid;
use super::engine::Any;
use super::gateway::wait_for;
use crate::check::Checks;
use crate::experiment::{Cluster, OnViolation, Scenario, Watcher};
use crate::trace::{DEFAULT_MAX_ROWS, Level, Recorder};

/// What is watched.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// How much is written down.
    pub(super) trace: Level,
    /// Whether invariants are checked.
    pub(super) checks: bool,
    /// Most rows of one table of the trace.
    pub(super) trace_rows: Option<u64>,
}

impl Options {
    pub(super) const NOTHING: Self = Self { trace: Level::Off, checks: false, trace_rows: None };
}

/// Reads a scenario. The one that was read last is kept: it is often run again with another seed, and to read
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

/// Reads a scenario; a long one while Ctrl-C is listened for.
pub(super) fn scenario_of(py: Python<'_>, json: &str) -> PyResult<Scenario> {
    if json.len() < LONG_TEXT {
        return Ok(Scenario::from_json(json)?);
    }
    let json = json.to_owned();
    Ok(wait_for(py, move || Scenario::from_json(&json))??)
}

/// A text of so many bytes takes milliseconds to read.
pub(super) const LONG_TEXT: usize = 100_000;

/// A cluster at its beginning; one that has much to build while Ctrl-C is listened for.
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

/// So many entries and clients take milliseconds to build.
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
