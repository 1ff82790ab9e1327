//! From Python and to Python.

use pyo3::import_exception;
use pyo3::prelude::*;

use crate::experiment::ScenarioError;

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
    serde_json::from_str(json).map_err(|error| {
        // Where in the generated text it stands helps nobody.
        let message = error.to_string();
        let end = message.rfind(" at line").unwrap_or(message.len());
        invalid(format!("{what}: {}", &message[..end]))
    })
}
