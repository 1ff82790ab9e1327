//! The messages in flight, for Python.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::experiment::{Cluster, Playable, Watcher};
use crate::fault::Names;
use crate::raft::fields::{Content, Editable};
use crate::sim::{Flight, MessageId, Time};

/// An iterator over the messages that were in flight at some time. It makes their dicts one by one:
/// there may be a hundred thousand, and Ctrl-C must not wait until all are made or freed.
#[pyclass(module = "raftlab._core")]
pub(super) struct Flights {
    names: Names,
    flights: Box<dyn Iterator<Item = Shown> + Send + Sync>,
}

/// A message in flight, whatever the protocol.
struct Shown {
    id: MessageId,
    kind: &'static str,
    sent: Time,
    due: Time,
    entries: u32,
    contents: Vec<(&'static str, Content)>,
}

impl Shown {
    fn of<M: Editable>(flight: &Flight<M>) -> Self {
        let Flight { id, sent, due, ref message, .. } = *flight;
        let kind = M::KINDS[usize::from(message.kind())];
        let (entries, contents) = (message.fields().entries, message.contents());
        Self { id, kind, sent, due, entries, contents }
    }
}

impl Flights {
    /// The messages of a cluster, in order of arrival; held ones last.
    pub(super) fn of<P: Playable, O: Watcher<P>>(cluster: &Cluster<P, O>) -> Self {
        let flights: Vec<_> = cluster.world().in_flight().into_iter().cloned().collect();
        let flights = Box::new(flights.into_iter().map(|flight| Shown::of(&flight)));
        Self { names: cluster.scenario().nodes.clone(), flights }
    }
}

#[pymethods]
impl Flights {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.flights.next().map(|shown| message(py, &self.names, shown)).transpose()
    }
}

fn message<'py>(py: Python<'py>, names: &Names, shown: Shown) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("from", names.name(shown.id.from))?;
    dict.set_item("to", names.name(shown.id.to))?;
    dict.set_item("ordinal", shown.id.ordinal)?;
    dict.set_item("copy", shown.id.copy)?;
    dict.set_item("type", shown.kind)?;
    dict.set_item("sent_ms", shown.sent.as_ms())?;
    dict.set_item("due_ms", (shown.due < Time::NEVER).then(|| shown.due.as_ms()))?;
    dict.set_item("entries", shown.entries)?;
    let values = PyDict::new(py);
    for (name, content) in shown.contents {
        match content {
            Content::Number(number) => values.set_item(name, number)?,
            Content::Flag(flag) => values.set_item(name, u64::from(flag))?,
            Content::Entries(_) | Content::Snapshot(_) => {}
        }
    }
    dict.set_item("fields", values)?;
    Ok(dict)
}
