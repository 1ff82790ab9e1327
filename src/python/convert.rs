//! Conversion from and to Python.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use pyo3::import_exception;
use pyo3::prelude::*;

use crate::experiment::scenario::read_json;
use crate::experiment::{OnViolation, ScenarioError};
use crate::protocol::Span;

import_exception!(raftlab.errors, BusyError);
import_exception!(raftlab.errors, InterceptorError);
import_exception!(raftlab.errors, InvalidError);
import_exception!(raftlab.errors, ReplayError);

impl From<ScenarioError> for PyErr {
    fn from(error: ScenarioError) -> PyErr {
        match error {
            ScenarioError::Intercepted { .. } => ReplayError::new_err(error.to_string()),
            ScenarioError::Unreadable(_) | ScenarioError::Invalid(_) => {
                InvalidError::new_err(error.to_string())
            }
        }
    }
}

/// An `InvalidError` with this message.
pub(super) fn invalid(why: impl Into<String>) -> PyErr {
    InvalidError::new_err(why.into())
}

/// The result of some work; `None`, without output on the terminal, if it panics. For libraries
/// that panic on malformed data.
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    QUIET.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    done.ok()
}

/// Reads a value that Python wrote as JSON.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> PyResult<T> {
    read_json(json).map_err(|message| {
        // The position in generated JSON is of no use to the user.
        let end = message.rfind(" at line").unwrap_or(message.len());
        invalid(format!("{what}: {}", &message[..end]))
    })
}

pub(super) fn on_violation(stop: bool) -> OnViolation {
    if stop { OnViolation::Stop } else { OnViolation::Record }
}

pub(super) fn span(what: &str, ms: f64) -> PyResult<Span> {
    crate::sim::time::millis::to_ns(ms).map(Span).map_err(|why| invalid(format!("{what}: {why}")))
}
