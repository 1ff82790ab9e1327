//! Interceptors: a Python callable that sees a node's messages before they leave.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

use super::convert::InterceptorError;
use crate::fault::Names;
use crate::protocol::Message;
use crate::raft::RaftMessage;
use crate::sim::world::Tap;
use crate::sim::{Edit, MessageId};

/// Wraps a callable. It gets a dict and returns `None` to leave the message as it is, `False` to drop it, or
/// a dict of the fields to change.
pub(super) fn tap(callable: Arc<Py<PyAny>>, names: Names) -> Tap<RaftMessage> {
    Arc::new(move |id: MessageId, message: &RaftMessage| {
        Python::attach(|py| {
            let edit = describe(py, &names, id, message).and_then(|given| {
                let answer = callable.bind(py).call1((given.copy()?,))?;
                read(&answer, &given, message)
            });
            edit.map_err(|error| {
                let text = error.to_string();
                LAST_ERROR.with(|last| *last.borrow_mut() = Some(error));
                text
            })
        })
    })
}

thread_local! {
    /// The exception that an interceptor raised, on its way around the simulator.
    static LAST_ERROR: std::cell::RefCell<Option<PyErr>> = const { std::cell::RefCell::new(None) };
}

/// The exception that an interceptor raised in this thread.
pub(super) fn take_error() -> Option<PyErr> {
    LAST_ERROR.with(|last| last.borrow_mut().take())
}

fn describe<'py>(
    py: Python<'py>,
    names: &Names,
    id: MessageId,
    message: &RaftMessage,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("from", names.name(id.from))?;
    dict.set_item("to", names.name(id.to))?;
    dict.set_item("ordinal", id.ordinal)?;
    dict.set_item("type", RaftMessage::KINDS[usize::from(message.kind())])?;
    dict.set_item("entries", message.fields().entries)?;
    for (name, value) in message.editable() {
        if matches!(name, "granted" | "success") {
            dict.set_item(name, value != 0)?;
        } else {
            dict.set_item(name, value)?;
        }
    }
    Ok(dict)
}

/// What an interceptor answered. Fields that are as they were given are no edit, so that the whole message may
/// come back.
fn read(
    answer: &Bound<'_, PyAny>,
    given: &Bound<'_, PyDict>,
    message: &RaftMessage,
) -> PyResult<Option<Edit>> {
    if answer.is_none() {
        return Ok(None);
    }
    if let Ok(flag) = answer.cast::<PyBool>() {
        return Ok((!flag.is_true()).then_some(Edit::Drop));
    }
    let Ok(fields) = answer.cast::<PyDict>() else {
        return Err(InterceptorError::new_err(format!(
            "an interceptor must return None, False or a dict of fields, not {}",
            answer.repr()?
        )));
    };
    let editable = message.editable();
    let mut edit = Vec::with_capacity(fields.len());
    for (name, value) in fields.iter() {
        if given.get_item(&name)?.is_some_and(|old| old.eq(&value).unwrap_or(false)) {
            continue;
        }
        let Some((field, _)) = editable
            .iter()
            .find(|(field, _)| name.extract::<&str>().is_ok_and(|name| name == *field))
        else {
            let accepted: Vec<&str> = editable.iter().map(|(field, _)| *field).collect();
            return Err(InterceptorError::new_err(format!(
                "an interceptor cannot set {} of a {}; it can set {}",
                name.repr()?,
                RaftMessage::KINDS[usize::from(message.kind())],
                accepted.join(", ")
            )));
        };
        let number = match value.cast::<PyBool>() {
            Ok(flag) => u64::from(flag.is_true()),
            Err(_) => value.extract().map_err(|_| {
                InterceptorError::new_err(format!(
                    "an interceptor must set {field} to an integer from 0 to 2^64 - 1 or to a bool, not {}",
                    value.repr().map_or_else(|_| "this".to_owned(), |shown| shown.to_string())
                ))
            })?,
        };
        edit.push(((*field).to_owned(), number));
    }
    Ok((!edit.is_empty()).then_some(Edit::Set(edit)))
}
