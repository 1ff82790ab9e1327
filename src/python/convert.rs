//! From Python and to Python.

use pyo3::import_exception;
use pyo3::prelude::*;

use crate::experiment::ScenarioError;
use crate::experiment::scenario::read_json;

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

/// What makes no sense, as an exception.
pub(super) fn invalid(why: impl Into<String>) -> PyErr {
    InvalidError::new_err(why.into())
}

/// Reads a value that Python wrote as JSON.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> PyResult<T> {
    read_json(json).map_err(|message| {
        // Where in the generated text it stands helps nobody.
        let end = message.rfind(" at line").unwrap_or(message.len());
        invalid(format!("{what}: {}", &message[..end]))
    })
}
