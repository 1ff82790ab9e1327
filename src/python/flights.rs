//! The messages in flight, for Python.

use std::vec::IntoIter;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::experiment::{Cluster, Watcher};
use crate::fault::Names;
use crate::protocol::Message;
use crate::raft::RaftMessage;
use crate::raft::fields::Content;
use crate::sim::{Flight, Time};

/// An iterator over the messages that were in flight at some time. It makes their dicts one by one:
/// there may be a hundred thousand, and Ctrl-C must not wait until all are made or freed.
#[pyclass(module = "raftlab._core")]
pub(super) struct Flights {
    names: Names,
    flights: IntoIter<Flight<RaftMessage>>,
}

impl Flights {
    /// The messages of a cluster, in order of arrival; held ones last.
    pub(super) fn of<O: Watcher>(cluster: &Cluster<O>) -> Self {
        let flights: Vec<_> = cluster.world().in_flight().into_iter().cloned().collect();
        Self { names: cluster.scenario().nodes.clone(), flights: flights.into_iter() }
    }
}

#[pymethods]
impl Flights {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.flights.next().map(|flight| message(py, &self.names, &flight)).transpose()
    }
}

fn message<'py>(
    py: Python<'py>,
    names: &Names,
    flight: &Flight<RaftMessage>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("from", names.name(flight.id.from))?;
    dict.set_item("to", names.name(flight.id.to))?;
    dict.set_item("ordinal", flight.id.ordinal)?;
    dict.set_item("copy", flight.id.copy)?;
    dict.set_item("type", RaftMessage::KINDS[usize::from(flight.message.kind())])?;
    dict.set_item("sent_ms", flight.sent.as_ms())?;
    dict.set_item("due_ms", (flight.due < Time::NEVER).then(|| flight.due.as_ms()))?;
    dict.set_item("entries", flight.message.fields().entries)?;
    let values = PyDict::new(py);
    for (name, content) in flight.message.contents() {
        match content {
            Content::Number(number) => values.set_item(name, number)?,
            Content::Flag(flag) => values.set_item(name, u64::from(flag))?,
            Content::Entries(_) | Content::Snapshot(_) => {}
        }
    }
    dict.set_item("fields", values)?;
    Ok(dict)
}
