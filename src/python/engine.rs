//! A cluster as Python holds it.

use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3::{PyTraverseError, PyVisit};

use super::build::{begin_patiently, read_scenario, trace_level};
use super::convert::{from_json, invalid, on_violation, span};
use super::flights::Flights;
use super::gateway::drive;
use super::intercept::{self, Hook};
use super::shared::Shared;
use super::sweep::moment;
use super::table::Table;
use super::views::{self, LastEvent, MembershipParts, last_event, membership};
use crate::check::Checks;
use crate::experiment::cluster::Done;
use crate::experiment::futures::Way;
use crate::experiment::playable::either;
use crate::experiment::{
    Action, Condition, Drive, OnViolation, Progress, Session, Watches, Watching,
};
use crate::fault::target::committed_configuration;
use crate::protocol::OpId;
use crate::sim::Time;
use crate::trace::{Level, Recorder};

/// A cluster in its world. Its typed interface is `raftlab.Cluster`.
#[pyclass(frozen, module = "raftlab._core")]
pub(super) struct Engine {
    inner: Shared<Session>,
    hooks: Mutex<Vec<Hook>>,
}

/// Up to this many events are dispatched without detaching from the interpreter.
const FEW: u64 = 16;

/// The number of rows, entries, messages or steps from which processing them takes milliseconds.
const MUCH: usize = 10_000;

#[pymethods]
impl Engine {
    /// A cluster at the beginning of a scenario, before any event.
    #[new]
    #[pyo3(signature = (scenario, seed, *, trace="full", checks=true, stop_on_violation=false, trace_rows=None))]
    fn new(
        py: Python<'_>,
        scenario: &str,
        seed: u64,
        trace: &str,
        checks: bool,
        stop_on_violation: bool,
        trace_rows: Option<u64>,
    ) -> PyResult<Self> {
        let scenario = read_scenario(py, scenario)?;
        let watching = Watching { trace: trace_level(trace)?, checks, trace_rows };
        let on_violation = on_violation(stop_on_violation);
        Ok(Self::hold(begin_patiently(py, &scenario, seed, on_violation, watching)?))
    }

    // ---- Time ----------------------------------------------------------------------------------

    /// Plays the rest of the scenario and returns how it ended.
    fn play(&self, py: Python<'_>) -> PyResult<&'static str> {
        let mut guard = self.lock()?;
        let inner = &mut *guard;
        let ending = drive(py, |events| inner.play(events, Time::NEVER))?;
        raise_failure(py, &mut guard)?;
        Ok(ending.name())
    }

    /// Lets `ms` milliseconds pass. False if it stopped at a violation.
    fn run(&self, py: Python<'_>, ms: f64) -> PyResult<bool> {
        let span = span("duration", ms)?;
        let mut guard = self.lock()?;
        let run = guard.run(span).map_err(invalid)?;
        Ok(advance(py, &mut guard, run, 0)?.0 == Progress::Time)
    }

    /// Lets time pass until a condition holds, at most `limit_ms` milliseconds. Returns why it
    /// stopped: `"condition"`, `"time"` or `"violation"`.
    fn run_until(&self, py: Python<'_>, condition: &str, limit_ms: f64) -> PyResult<&'static str> {
        let condition: Condition = from_json("condition", condition)?;
        let limit = span("limit", limit_ms)?;
        let mut guard = self.lock()?;
        let run = guard.run_until(condition, limit).map_err(invalid)?;
        Ok(match advance(py, &mut guard, run, 0)?.0 {
            Progress::Condition => "condition",
            Progress::Violation => "violation",
            _ => "time",
        })
    }

    /// Dispatches up to `count` events that are due before `until_ms`, and returns their number.
    /// `python` marks them as steps towards a Python predicate.
    #[pyo3(signature = (count, *, until_ms=None, python=false))]
    fn step(
        &self,
        py: Python<'_>,
        count: u64,
        until_ms: Option<f64>,
        python: bool,
    ) -> PyResult<u64> {
        let until = match until_ms {
            Some(ms) => Time::ZERO + span("limit", ms)?,
            None => Time::NEVER,
        };
        let mut guard = self.lock()?;
        let run = guard.step(count, until, python);
        // A few events are dispatched in less time than it takes to let other threads run.
        let at_once = if count <= FEW { FEW } else { 0 };
        Ok(advance(py, &mut guard, run, at_once)?.1)
    }

    // ---- Actions -------------------------------------------------------------------------------

    /// Performs an action, given as in the scenario's JSON. Returns the handle of a fault, the id
    /// of an operation, or the number of a copy.
    fn act(&self, py: Python<'_>, action: &str) -> PyResult<Option<u64>> {
        let action: Action = from_json("action", action)?;
        let mut guard = self.lock()?;
        let starts: Vec<String> = action.machines().into_iter().cloned().collect();
        if !starts.is_empty() {
            self.introduce(&mut guard, &starts);
        }
        let done = guard.act(action);
        if !starts.is_empty() && done.is_err() {
            self.introduce(&mut guard, &[]);
        }
        let done = done.map_err(invalid)?;
        raise_failure(py, &mut guard)?;
        Ok(match done {
            Done::Nothing => None,
            Done::Handle(handle) => Some(u64::from(handle)),
            Done::Op(OpId(op)) => Some(op),
            Done::Copy(copy) => Some(u64::from(copy)),
        })
    }

    /// Calls a callable with messages as they are sent, of some nodes (a target as JSON) and some
    /// types. With `watches` it cannot change them. Returns the handle that removes it.
    #[pyo3(signature = (callable, *, watches, nodes=None, types=Vec::new()))]
    fn hook(
        &self,
        callable: Py<PyAny>,
        watches: bool,
        nodes: Option<&str>,
        types: Vec<String>,
    ) -> PyResult<u32> {
        let mut guard = self.lock()?;
        let mut hooks = self.hooks();
        let handle = hooks.last().map_or(1, |last| last.handle + 1);
        either!(&mut guard.cluster, cluster => {
            let hook = Hook::new(cluster, handle, callable, watches, (nodes, types))?;
            hook.attach(cluster, &[]);
            hooks.push(hook);
        });
        Ok(handle)
    }

    /// Removes a hook; without a handle all interceptors, or all watchers.
    #[pyo3(signature = (handle=None, *, watches=false))]
    fn unhook(&self, handle: Option<u32>, watches: bool) -> PyResult<()> {
        let mut guard = self.lock()?;
        let ends = |hook: &Hook| handle.map_or(hook.watches == watches, |it| it == hook.handle);
        let ended: Vec<Hook> = self.hooks().extract_if(.., |hook| ends(hook)).collect();
        either!(&mut guard.cluster, cluster => {
            ended.iter().for_each(|hook| cluster.world_mut().end_tap(hook.handle));
        });
        Ok(())
    }

    /// The hooks: handle, and true for a watcher.
    fn hooked(&self) -> Vec<(u32, bool)> {
        self.hooks().iter().map(|hook| (hook.handle, hook.watches)).collect()
    }

    /// A copy of the cluster in its present state; with a seed, with other random draws from here
    /// on. Interceptors are copied, watchers are not.
    #[pyo3(signature = (seed=None))]
    fn fork(&self, py: Python<'_>, seed: Option<u64>) -> PyResult<Self> {
        let mut inner = self.inner.look(py, is_large, Session::clone)?;
        if let Some(seed) = seed {
            inner.reseed(seed);
        }
        let hooks: Vec<Hook> =
            self.hooks().iter().filter(|hook| !hook.watches).map(|hook| hook.again(py)).collect();
        either!(&mut inner.cluster, cluster => {
            cluster.world_mut().end_taps();
            hooks.iter().for_each(|hook| hook.attach(cluster, &[]));
        });
        let fork = Self::hold(inner);
        *fork.hooks() = hooks;
        Ok(fork)
    }

    /// A copy of the cluster at an earlier time, replayed from the beginning.
    fn state_at(&self, py: Python<'_>, ms: f64) -> PyResult<Self> {
        let until = Time::ZERO + span("at", ms)?;
        let now = self.lock()?.now();
        if until > now {
            return Err(invalid(format!("at must not be later than now ({now}), not {ms} ms")));
        }
        let script = |inner: &Session| (inner.script(false), inner.seed());
        let (script, seed) = self.inner.look(py, has_a_long_script, script)?;
        let (record, nothing) = (OnViolation::Record, Watching::NOTHING);
        let mut inner = begin_patiently(py, &Arc::new(script), seed, record, nothing)?;
        drive(py, |events| inner.play(events, until))?;
        // No events are left before `until`.
        if inner.now() < until {
            let mut rest = inner.step(u64::MAX, until, false);
            drive(py, |events| inner.go_on(&mut rest, events))?;
        }
        Ok(Self::hold(inner))
    }

    /// Plays up to a time, and from there with the random draws of another seed. Returns how it
    /// ended. For a cluster that has not run yet.
    fn play_future(
        &self,
        py: Python<'_>,
        at_ms: Option<f64>,
        duration_ms: Option<f64>,
        seed: u64,
    ) -> PyResult<&'static str> {
        let mut guard = self.lock()?;
        let inner = &mut *guard;
        let own = either!(&inner.cluster, cluster => cluster.seed());
        let moment = moment((own, at_ms, duration_ms))?;
        let mut way = Way::default();
        let cluster = &mut inner.cluster;
        drive(
            py,
            |events| either!(cluster, c => c.check_size().map(|()| way.reach(c, &moment, events).then_some(()))),
        )?;
        either!(cluster, c => way.part(c, seed));
        let ending = drive(
            py,
            |events| either!(cluster, c => c.check_size().map(|()| way.go_on(c, events))),
        )?;
        Ok(ending.name())
    }

    // ---- State ---------------------------------------------------------------------------------

    /// The time in milliseconds.
    #[getter]
    fn now_ms(&self) -> PyResult<f64> {
        Ok(self.lock()?.now().as_ms())
    }

    /// The seed.
    #[getter]
    fn seed(&self) -> PyResult<u64> {
        Ok(self.lock()?.seed())
    }

    /// The running hash of the cluster's history, as 32 hexadecimal digits.
    #[getter]
    fn digest(&self) -> PyResult<String> {
        Ok(either!(&self.lock()?.cluster, cluster => cluster.world().digest().to_string()))
    }

    /// A word for the cluster's state, as 16 hexadecimal digits.
    #[getter]
    fn fingerprint(&self) -> PyResult<String> {
        let state = either!(&self.lock()?.cluster, cluster => cluster.world().fingerprint());
        Ok(format!("{state:016x}"))
    }

    /// The names of the nodes, without those of machines that are added later.
    #[getter]
    fn names(&self) -> PyResult<Vec<String>> {
        let guard = self.lock()?;
        let started = either!(&guard.cluster, cluster => cluster.world().started());
        Ok(started.iter().map(|id| guard.names().name(id).to_owned()).collect())
    }

    /// The newest configuration that a node knows to be committed.
    fn membership(&self) -> PyResult<MembershipParts> {
        let guard = self.lock()?;
        Ok(either!(&guard.cluster, cluster => {
            membership(guard.names(), committed_configuration(cluster.world()))
        }))
    }

    /// A scenario, as JSON, that replays this cluster's history. For a scenario that was played to
    /// its end it is that scenario, unless `up_to_now` is set.
    #[pyo3(signature = (*, up_to_now=false))]
    fn script(&self, py: Python<'_>, up_to_now: bool) -> PyResult<String> {
        self.inner.look(py, has_a_long_script, move |inner| inner.script(up_to_now).to_json())
    }

    /// Events, messages sent, messages delivered, elections won.
    fn counters(&self) -> PyResult<(u64, u64, u64, u64)> {
        let counters = either!(&self.lock()?.cluster, cluster => cluster.world().counters());
        Ok((counters.events, counters.sent, counters.delivered, counters.elections))
    }

    /// The last event of the last step: kind, node, sender, type of message, and why the node did
    /// not handle it.
    fn last_event(&self) -> PyResult<Option<LastEvent>> {
        Ok(either!(&self.lock()?.cluster, cluster => last_event(cluster)))
    }

    /// When a fault struck last, in milliseconds.
    #[getter]
    fn last_strike_ms(&self) -> PyResult<f64> {
        Ok(either!(&self.lock()?.cluster, cluster => cluster.last_strike().as_ms()))
    }

    /// The faults whose conditions have not held, in words.
    fn unmet_faults(&self) -> PyResult<Vec<String>> {
        Ok(either!(&self.lock()?.cluster, cluster => cluster.unmet()))
    }

    /// The trace level, and whether checks run.
    #[getter]
    fn watching(&self) -> PyResult<(&'static str, bool)> {
        let watching = self.lock()?.watching();
        let level = match watching.trace {
            Level::Full => "full",
            Level::States => "states",
            Level::Off => "off",
        };
        Ok((level, watching.checks))
    }

    /// A node, as a dict; or one part of it.
    #[pyo3(signature = (name, what=None))]
    fn node<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        what: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let guard = self.lock()?;
        let id = guard.names().id(name).map_err(invalid)?;
        either!(&guard.cluster, cluster => views::node(py, cluster, id, what))
    }

    /// The log of a node, as a list of tuples (index, term, command, committed, whether it is a
    /// configuration).
    fn log<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let guard = self.lock()?;
        let id = guard.names().id(name).map_err(invalid)?;
        either!(&guard.cluster, cluster => {
            let texts = (&cluster.scenario().nodes, &*cluster.symbols());
            views::entries(py, cluster.world().node(id), texts)
        })
    }

    /// The store of a node, as a dict.
    fn store<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        let guard = self.lock()?;
        let id = guard.names().id(name).map_err(invalid)?;
        either!(&guard.cluster, cluster => {
            views::store(py, cluster.world().node(id), &cluster.symbols())
        })
    }

    /// The running nodes that consider themselves leader.
    fn leaders(&self) -> PyResult<Vec<String>> {
        let guard = self.lock()?;
        let leaders = either!(&guard.cluster, cluster => *cluster.world().leaders());
        Ok(leaders.iter().map(|id| guard.names().name(id).to_owned()).collect())
    }

    /// Whether a condition holds now. One that waits for a change never does.
    fn holds(&self, condition: &str) -> PyResult<bool> {
        let condition: Condition = from_json("condition", condition)?;
        let guard = self.lock()?;
        condition.validate(guard.names()).map_err(invalid)?;
        Ok(either!(&guard.cluster, cluster => {
            let found = cluster.world().observer().violation_count();
            condition.arm(&cluster.scenario().nodes, cluster.world()).holds(cluster.world(), found)
        }))
    }

    /// A condition in words.
    #[staticmethod]
    fn condition_text(condition: &str) -> PyResult<String> {
        Ok(from_json::<Condition>("condition", condition)?.text())
    }

    /// An operation, as a dict.
    fn op<'py>(&self, py: Python<'py>, op: u64) -> PyResult<Bound<'py, PyDict>> {
        let guard = self.lock()?;
        either!(&guard.cluster, cluster => views::op(py, cluster, OpId(op)))
    }

    /// The ids of all operations that were requested by hand.
    fn ops(&self) -> PyResult<Vec<u64>> {
        let guard = self.lock()?;
        Ok(
            either!(&guard.cluster, cluster => cluster.world().ops().keys().map(|op| op.0).collect()),
        )
    }

    /// An iterator over the messages in flight.
    fn in_flight(&self, py: Python<'_>) -> PyResult<Flights> {
        self.inner.look(
            py,
            is_large,
            |inner| either!(&inner.cluster, cluster => Flights::of(cluster)),
        )
    }

    /// The faults that act now, as dicts.
    fn active_faults<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let guard = self.lock()?;
        either!(&guard.cluster, cluster => views::active_faults(py, cluster))
    }

    /// The violations that involve honest nodes, or those that involve only liars, as dicts.
    fn violations<'py>(&self, py: Python<'py>, honest: bool) -> PyResult<Bound<'py, PyList>> {
        let guard = self.lock()?;
        either!(&guard.cluster, cluster => views::violations(py, cluster, honest))
    }

    /// The number of violations that involve honest nodes.
    fn violation_count(&self) -> PyResult<usize> {
        let guard = self.lock()?;
        Ok(either!(&guard.cluster, cluster => cluster.world().observer().violation_count()))
    }

    /// For each property, the number of times that it was checked.
    fn coverage(&self) -> PyResult<Vec<(&'static str, u64)>> {
        let guard = self.lock()?;
        Ok(either!(&guard.cluster, cluster => {
            cluster.world().observer().checks().map_or_else(Vec::new, Checks::coverage)
        }))
    }

    /// A table of the trace, with these metadata.
    fn table(
        &self,
        py: Python<'_>,
        name: String,
        metadata: Vec<(String, String)>,
    ) -> PyResult<Table> {
        self.inner.look(
            py,
            has_a_long_trace,
            move |inner| either!(&inner.cluster, cluster => views::table(cluster, &name, metadata)),
        )?
    }

    /// Why the trace is incomplete; None if it is complete.
    fn trace_gap(&self) -> PyResult<Option<String>> {
        let guard = self.lock()?;
        Ok(either!(&guard.cluster, cluster => {
            let ceilings = cluster.world().observer().trace().map(Recorder::ceilings);
            ceilings.and_then(|ceilings| ceilings.first().map(ToString::to_string))
        }))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.hooks.try_lock() {
            Ok(hooks) => hooks.iter().try_for_each(|hook| visit.call(&*hook.callable)),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        if let (Some(mut inner), Ok(mut hooks)) = (self.inner.free(), self.hooks.try_lock()) {
            either!(&mut inner.cluster, cluster => cluster.world_mut().end_taps());
            hooks.clear();
        }
    }
}

impl Engine {
    fn hold(inner: Session) -> Self {
        Self { inner: Shared::new(inner, frees_slowly), hooks: Mutex::new(Vec::new()) }
    }

    /// Attaches the hooks anew, with the names of machines that an action is about to start.
    fn introduce(&self, session: &mut Session, starts: &[String]) {
        let hooks = self.hooks();
        if !hooks.is_empty() {
            either!(&mut session.cluster, cluster => {
                cluster.world_mut().end_taps();
                hooks.iter().for_each(|hook| hook.attach(cluster, starts));
            });
        }
    }

    fn hooks(&self) -> MutexGuard<'_, Vec<Hook>> {
        self.hooks.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, Session>> {
        self.inner.lock()
    }
}

/// Plays a stretch of time, its first events at once. If interrupted, the part that was played is
/// recorded. Why it ended, and the number of events.
fn advance(
    py: Python<'_>,
    session: &mut Session,
    mut run: Drive,
    at_once: u64,
) -> PyResult<(Progress, u64)> {
    let first = if at_once > 0 { session.go_on(&mut run, at_once) } else { Ok(None) };
    let result = match first {
        Ok(Some(progress)) => Ok(progress),
        Ok(None) => drive(py, |events| session.go_on(&mut run, events)),
        Err(why) => Err(invalid(why)),
    };
    let dispatched = session.end(run, result.as_ref().ok().copied());
    let progress = result?;
    raise_failure(py, session)?;
    Ok((progress, dispatched))
}

/// Raises the pending exception of an interceptor or a watcher.
fn raise_failure(py: Python<'_>, session: &mut Session) -> PyResult<()> {
    let failure = either!(&mut session.cluster, cluster => cluster.world_mut().take_tap_error());
    failure.map_or(Ok(()), |failure| Err(intercept::exception(py, &failure)))
}

/// Whether copying it takes milliseconds.
fn is_large(session: &Session) -> bool {
    either!(&session.cluster, cluster => cluster.size()) > MUCH
}

/// Whether freeing its memory takes milliseconds.
fn frees_slowly(session: &Session) -> bool {
    session.events() > MUCH as u64 || is_large(session)
}

/// Whether writing its scenario takes milliseconds.
fn has_a_long_script(session: &Session) -> bool {
    either!(&session.cluster, cluster => cluster.script_len()) > MUCH
}

/// Whether making a table of its trace takes milliseconds.
fn has_a_long_trace(session: &Session) -> bool {
    let trace = either!(&session.cluster, cluster => cluster.world().observer().trace());
    trace.is_some_and(|trace| trace.rows() > MUCH)
}
