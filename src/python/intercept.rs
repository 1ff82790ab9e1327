//! Interceptors: a Python callable that sees a node's messages before they leave.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

use crate::fault::Names;
use crate::protocol::Message;
use crate::raft::RaftMessage;
use crate::sim::world::Tap;
use crate::sim::{Edit, MessageId};

/// Wraps a callable. It gets a dict and returns `None` to leave the message as it is, `False` to drop it, or
/// a dict of the fields to change.
pub(super) fn tap(callable: Py<PyAny>, names: Names) -> Tap<RaftMessage> {
    Arc::new(move |id: MessageId, message: &RaftMessage| {
        Python::attach(|py| {
            let answer = describe(py, &names, id, message)
                .and_then(|message| callable.bind(py).call1((message,)))
                .and_then(|answer| read(&answer));
            answer.map_err(|error| {
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

fn read(answer: &Bound<'_, PyAny>) -> PyResult<Option<Edit>> {
    if answer.is_none() {
        return Ok(None);
    }
    if let Ok(flag) = answer.cast::<PyBool>() {
        return Ok((!flag.is_true()).then_some(Edit::Drop));
    }
    let Ok(fields) = answer.cast::<PyDict>() else {
        return Err(super::convert::invalid(format!(
            "an interceptor must return None, False or a dict of fields, not {}",
            answer.repr()?
        )));
    };
    let mut edit = Vec::with_capacity(fields.len());
    for (name, value) in fields.iter() {
        let value = match value.cast::<PyBool>() {
            Ok(flag) => u64::from(flag.is_true()),
            Err(_) => value.extract()?,
        };
        edit.push((name.extract()?, value));
    }
    Ok(Some(Edit::Set(edit)))
}
