//! Reads scenarios and begins sessions with them.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use super::convert::invalid;
use super::gateway::wait_for;
use crate::experiment::{OnViolation, Scenario, Session, Watching};
use crate::trace::Level;

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

/// Begins a session; one with a large cluster in a way that Ctrl-C can interrupt.
pub(super) fn begin_patiently(
    py: Python<'_>,
    scenario: &Arc<Scenario>,
    seed: u64,
    on_violation: OnViolation,
    watching: Watching,
) -> PyResult<Session> {
    if scenario.size() < MUCH {
        return Ok(Session::new(scenario, seed, on_violation, watching)?);
    }
    let scenario = Arc::clone(scenario);
    Ok(wait_for(py, move || Session::new(&scenario, seed, on_violation, watching))??)
}

/// The number of entries and clients from which building takes milliseconds.
const MUCH: usize = 10_000;

pub(super) fn trace_level(level: &str) -> PyResult<Level> {
    match level {
        "full" => Ok(Level::Full),
        "states" => Ok(Level::States),
        "off" => Ok(Level::Off),
        other => Err(invalid(format!("trace must be 'full', 'states' or 'off', not '{other}'"))),
    }
}
