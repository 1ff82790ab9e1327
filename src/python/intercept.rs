//! Interceptors and watchers: Python callables that see messages as they are sent.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::convert::{InterceptorError, from_json, invalid};
use super::views::{self, Surroundings};
use crate::experiment::edits::EditSpec;
use crate::experiment::symbols::SharedSymbols;
use crate::experiment::{Cluster, Playable, Symbols, Watcher};
use crate::fault::MessageFilter;
use crate::fault::{Names, Target};
use crate::protocol::{MAX_NODES, Message, NodeId, NodeSet};
use crate::replica::Replica;
use crate::sim::world::{Failure, Outgoing, Tap};
use crate::sim::{Clock, Luck, Purpose, Time};

/// An interceptor or a watcher of a cluster.
pub(super) struct Hook {
    pub(super) handle: u32,
    /// Shared with the tap: one reference, so that the garbage collector can count.
    pub(super) callable: Arc<Py<PyAny>>,
    pub(super) watches: bool,
    filter: Filter,
}

/// Selects the messages that a hook sees.
#[derive(Clone, Debug)]
struct Filter {
    senders: NodeSet,
    /// Messages of the node that leads the highest term when they are sent.
    of_leader: bool,
    /// Messages of nodes that do not lead when they are sent.
    of_followers: bool,
    /// The types, as a bitmap; `None` means all types.
    kinds: Option<u64>,
}

impl Filter {
    /// "leader" and "followers" are resolved for every message; random targets are drawn now.
    fn read<P: Playable, O: Watcher<P>>(
        cluster: &Cluster<P, O>,
        nodes: Option<&Target>,
        types: Vec<String>,
        draw: u64,
    ) -> Result<Self, String> {
        let names = &cluster.scenario().nodes;
        let kinds = MessageFilter { types, ..MessageFilter::default() }.kinds()?;
        let mut filter =
            Self { senders: NodeSet::default(), of_leader: false, of_followers: false, kinds };
        let Some(target) = nodes else {
            filter.senders = NodeSet::first(MAX_NODES); // those, too, that are added later
            return Ok(filter);
        };
        target.validate(names)?;
        for word in target.words() {
            match word.as_str() {
                "leader" => filter.of_leader = true,
                "followers" => filter.of_followers = true,
                _ => {
                    let found = Target::One(word.clone()).resolve(names, cluster.world(), || draw);
                    let found = found
                        .filter(|nodes| !nodes.is_empty())
                        .ok_or(format!("there is no node now that is '{word}'"))?;
                    filter.senders = filter.senders.union(&found);
                }
            }
        }
        Ok(filter)
    }

    fn sees<P: Playable>(&self, outgoing: &Outgoing<'_, P>) -> bool {
        let Outgoing { id, sender, message, .. } = outgoing;
        let named = self.senders.contains(id.from)
            || self.of_leader && sender.is_leader
            || self.of_followers && !sender.leads;
        named && self.kinds.is_none_or(|kinds| kinds >> message.kind() & 1 == 1)
    }
}

impl Hook {
    /// A new hook for a cluster.
    pub(super) fn new<P: Playable, O: Watcher<P>>(
        cluster: &Cluster<P, O>,
        handle: u32,
        callable: Py<PyAny>,
        watches: bool,
        (nodes, types): (Option<&str>, Vec<String>),
    ) -> PyResult<Self> {
        let target = nodes.map(|json| from_json::<Target>("nodes", json)).transpose()?;
        let draw = Luck::new(cluster.seed()).draw(Purpose::Interceptor, u64::from(handle), 0);
        let filter = Filter::read(cluster, target.as_ref(), types, draw);
        let filter = filter.map_err(|why| invalid(format!("nodes: {why}")))?;
        Ok(Self { handle, callable: Arc::new(callable), watches, filter })
    }

    /// The same hook for a fork, with its own reference to the callable, since the garbage
    /// collector visits each cluster and expects it to own one.
    pub(super) fn again(&self, py: Python<'_>) -> Self {
        let callable = Arc::new(self.callable.clone_ref(py));
        Self { callable, filter: self.filter.clone(), ..*self }
    }

    /// Attaches it to a cluster that is about to get more machines.
    pub(super) fn attach<P: Playable, O: Watcher<P>>(
        &self,
        cluster: &mut Cluster<P, O>,
        starts: &[String],
    ) {
        let mut names = cluster.scenario().nodes.clone();
        for name in starts {
            _ = names.declare(name); // if it is invalid, the machine does not start
        }
        let names = Arc::new(names);
        let symbols = cluster.shared_symbols();
        let (filter, callable) = (self.filter.clone(), Arc::clone(&self.callable));
        let tap: Tap<P> = Arc::new(move |outgoing: &Outgoing<'_, P>| {
            if !filter.sees(outgoing) {
                return Ok(None);
            }
            Python::attach(|py| {
                let answer = ask(py, &callable, outgoing, &names, &symbols);
                let edit =
                    answer.and_then(|said| read(said.as_deref(), outgoing, &names, &symbols));
                edit.map_err(|error| -> Failure { Arc::new(error) })
            })
        });
        let world = cluster.world_mut();
        if self.watches {
            world.watch(self.handle, tap);
        } else {
            world.intercept(self.handle, tap);
        }
    }
}

/// The exception that an interceptor or a watcher raised.
pub(super) fn exception(py: Python<'_>, failure: &Failure) -> PyErr {
    let raised = failure.downcast_ref::<PyErr>().map(|error| error.clone_ref(py));
    raised.unwrap_or_else(|| InterceptorError::new_err("an interceptor failed"))
}

/// Calls the function with the fields of a message; it returns an edit as JSON.
fn ask<P: Playable>(
    py: Python<'_>,
    callable: &Py<PyAny>,
    outgoing: &Outgoing<'_, P>,
    names: &Arc<Names>,
    symbols: &SharedSymbols,
) -> PyResult<Option<String>> {
    let Outgoing { id, from, message, now, sender } = outgoing;
    let symbols = symbols.now();
    let said = PyDict::new(py);
    said.set_item("from", names.name(*from))?;
    said.set_item("to", names.name(id.to))?;
    said.set_item("ordinal", id.ordinal)?;
    said.set_item("type", P::Message::KINDS[usize::from(message.kind())])?;
    views::fields(py, &said, *message, (names, &symbols))?;
    let sender = SenderState {
        id: id.from,
        now: *now,
        clock: sender.clock,
        node: Arc::clone(&sender.node) as Arc<dyn Peek>,
        names: Arc::clone(names),
        symbols,
    };
    let answer = callable.bind(py).call1((said, now.as_ms(), Py::new(py, sender)?))?;
    if answer.is_none() {
        return Ok(None);
    }
    Ok(Some(answer.cast::<PyString>()?.to_str()?.to_owned()))
}

/// The edit that an interceptor returned.
fn read<P: Playable>(
    answer: Option<&str>,
    outgoing: &Outgoing<'_, P>,
    names: &Arc<Names>,
    symbols: &SharedSymbols,
) -> PyResult<Option<crate::sim::Edit<P::Message>>> {
    let Some(answer) = answer else { return Ok(None) };
    let spec: EditSpec = from_json("an interceptor's message", answer)?;
    let message = Some((outgoing.message, outgoing.id.to));
    // First without the run's table, so that an invalid edit adds nothing to it.
    let edit = spec
        .read(names, &mut Symbols::default(), message)
        .and_then(|_| symbols.update(|symbols| spec.read(names, symbols, message)));
    let edit = edit.map_err(|why| InterceptorError::new_err(format!("an interceptor: {why}")))?;
    match edit.sends.iter().find(|forged| forged.to == outgoing.id.from) {
        Some(_) => Err(InterceptorError::new_err(format!(
            "an interceptor: {} cannot send a message to itself",
            names.name(outgoing.id.from)
        ))),
        None => Ok(Some(edit)),
    }
}

/// The public state of the sender, valid while its message is intercepted. It has the interface of
/// an engine.
#[pyclass(frozen, module = "raftlab._core")]
pub(super) struct SenderState {
    id: NodeId,
    now: Time,
    clock: Clock,
    node: Arc<dyn Peek>,
    names: Arc<Names>,
    symbols: Arc<Symbols>,
}

#[pymethods]
impl SenderState {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.names.name(self.id)
    }

    /// The node, as a dict; or one part of it.
    #[pyo3(signature = (_name, what=None))]
    fn node<'py>(
        &self,
        py: Python<'py>,
        _name: &str,
        what: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let around = Surroundings {
            up: true,
            paused: false,
            clock: self.clock,
            now: self.now,
            election_due: None,
        };
        self.node.state(py, (&self.names, self.id), &around, what)
    }

    /// The log of the node, as a list of tuples (index, term, command, committed, whether it is a
    /// configuration).
    fn log<'py>(&self, py: Python<'py>, _name: &str) -> PyResult<Bound<'py, PyList>> {
        self.node.entries(py, (&self.names, &self.symbols))
    }

    /// The store of the node, as a dict.
    fn store<'py>(&self, py: Python<'py>, _name: &str) -> PyResult<Bound<'py, PyDict>> {
        self.node.store(py, &self.symbols)
    }
}

/// The sender of a message, whatever the protocol: it is there while the function runs.
trait Peek: Send + Sync {
    fn state<'py>(
        &self,
        py: Python<'py>,
        named: (&Names, NodeId),
        around: &Surroundings,
        what: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>>;
    fn entries<'py>(
        &self,
        py: Python<'py>,
        texts: (&Names, &Symbols),
    ) -> PyResult<Bound<'py, PyList>>;
    fn store<'py>(&self, py: Python<'py>, symbols: &Symbols) -> PyResult<Bound<'py, PyDict>>;
}

impl<P: Replica> Peek for Mutex<Option<P>> {
    fn state<'py>(
        &self,
        py: Python<'py>,
        (names, id): (&Names, NodeId),
        around: &Surroundings,
        what: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        look(self, |node| views::state(py, names, id, node, around, what))
    }

    fn entries<'py>(
        &self,
        py: Python<'py>,
        texts: (&Names, &Symbols),
    ) -> PyResult<Bound<'py, PyList>> {
        look(self, |node| views::entries(py, node, texts))
    }

    fn store<'py>(&self, py: Python<'py>, symbols: &Symbols) -> PyResult<Bound<'py, PyDict>> {
        look(self, |node| views::store(py, node, symbols))
    }
}

fn look<P, T>(sender: &Mutex<Option<P>>, look: impl FnOnce(&P) -> PyResult<T>) -> PyResult<T> {
    match &*sender.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(node) => look(node),
        None => Err(invalid(
            "the sender of a message is available only while the function that received the \
             message runs, not later",
        )),
    }
}
