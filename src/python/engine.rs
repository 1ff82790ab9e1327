//! A cluster as Python holds it.

use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3::{PyTraverseError, PyVisit};

use super::build::{Options, build_patiently, read_scenario, trace_level};
use super::convert::{from_json, invalid, on_violation, span};
use super::flights::Flights;
use super::gateway::drive;
use super::intercept::{self, Hook};
use super::shared::Shared;
use super::sweep::moment;
use super::table::Table;
use super::views::{self, LastEvent, last_event};
use crate::check::Checks;
use crate::experiment::cluster::{Done, Goal, Mark, Position};
use crate::experiment::futures::Way;
use crate::experiment::{
    Action, Cluster, Condition, Ending, OnViolation, Progress, Scenario, Step, Watcher,
};
use crate::fault::Names;
use crate::protocol::{NodeId, OpId, Span};
use crate::sim::Time;
use crate::sim::time::millis::LONGEST_MS;
use crate::trace::{Level, Recorder};

/// A cluster with or without observers: each combination is compiled separately.
#[derive(Clone)]
pub(super) enum Any {
    Bare(Box<Cluster<()>>),
    Traced(Box<Cluster<Recorder>>),
    Checked(Box<Cluster<Checks>>),
    Both(Box<Cluster<(Recorder, Checks)>>),
}

/// Runs the same code for each of them.
macro_rules! either {
    ($any:expr, $cluster:ident => $body:expr) => {
        match $any {
            Any::Bare($cluster) => $body,
            Any::Traced($cluster) => $body,
            Any::Checked($cluster) => $body,
            Any::Both($cluster) => $body,
        }
    };
}

const UNCHECKED: &str =
    "the condition 'a property is violated' needs checks=True: without checks it never holds";

/// A cluster in its world. Its typed interface is `raftlab.Cluster`.
#[pyclass(frozen, module = "raftlab._core")]
pub(super) struct Engine {
    inner: Shared<Inner>,
    hooks: Mutex<Vec<Hook>>,
}

#[derive(Clone)]
pub(super) struct Inner {
    pub(super) cluster: Any,
    options: Options,
    position: Position,
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
        if !checks && scenario.needs_checks() {
            return Err(invalid(UNCHECKED));
        }
        let options = Options { trace: trace_level(trace)?, checks, trace_rows };
        let on_violation = on_violation(stop_on_violation);
        let cluster = build_patiently(py, &scenario, seed, on_violation, options)?;
        Ok(Self::hold(Inner { cluster, options, position: Position::default() }))
    }

    // ---- Time ----------------------------------------------------------------------------------

    /// Plays the rest of the scenario and returns how it ended.
    fn play(&self, py: Python<'_>) -> PyResult<&'static str> {
        let mut guard = self.lock()?;
        let inner = &mut *guard;
        let ending = drive(py, |events| inner.play(events, Time::NEVER))?;
        guard.raise_failure(py)?;
        Ok(ending.name())
    }

    /// Lets `ms` milliseconds pass. False if it stopped at a violation.
    fn run(&self, py: Python<'_>, ms: f64) -> PyResult<bool> {
        let span = span("duration", ms)?;
        let mut guard = self.lock()?;
        let until = guard.later("duration", span)?;
        let progress = Self::advance(py, &mut guard, until, None)?;
        if progress == Progress::Time {
            guard.record(Step::Run(span));
        }
        Ok(progress == Progress::Time)
    }

    /// Lets time pass until a condition holds, at most `limit_ms` milliseconds. Returns why it
    /// stopped: `"condition"`, `"time"` or `"violation"`.
    fn run_until(&self, py: Python<'_>, condition: &str, limit_ms: f64) -> PyResult<&'static str> {
        let condition: Condition = from_json("condition", condition)?;
        let limit = span("limit", limit_ms)?;
        let mut guard = self.lock()?;
        condition.validate(guard.names()).map_err(invalid)?;
        if condition.needs_checks() && !guard.options.checks {
            return Err(invalid(UNCHECKED));
        }
        let goal = either!(&guard.cluster, cluster => cluster.goal(condition.clone()));
        let until = guard.later("limit", limit)?;
        let progress = Self::advance(py, &mut guard, until, Some(goal))?;
        Ok(match progress {
            Progress::Condition => {
                guard.record(Step::RunUntil { until: condition, limit });
                "condition"
            }
            Progress::Violation => "violation",
            _ => {
                guard.record(Step::RunTo(until));
                "time"
            }
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
        let inner = &mut *guard;
        let (start, before) = (inner.mark(), inner.events());
        let last = before.saturating_add(count);
        let mut slice = |events: u64| {
            let left = last - inner.events();
            let progress = inner.slice(until, left.min(events), None)?;
            Ok((progress != Progress::Events || inner.events() == last).then_some(progress))
        };
        // A few events are dispatched in less time than it takes to let other threads run.
        let at_once = if count <= FEW { slice(FEW) } else { Ok(None) };
        let result = match at_once {
            Ok(Some(progress)) => Ok(progress),
            Ok(None) => drive(py, slice),
            Err(why) => Err(invalid(why)),
        };
        let dispatched = guard.events() - before;
        match result {
            Ok(Progress::Events) => guard.record(Step::Events { count: dispatched, python }),
            _ => guard.record_since(start, python),
        }
        result?;
        guard.raise_failure(py)?;
        Ok(dispatched)
    }

    // ---- Actions -------------------------------------------------------------------------------

    /// Performs an action, given as in the scenario's JSON. Returns the handle of a fault, the id
    /// of an operation, or the number of a copy.
    fn act(&self, py: Python<'_>, action: &str) -> PyResult<Option<u64>> {
        let action: Action = from_json("action", action)?;
        let mut guard = self.lock()?;
        guard.check_action(&action)?;
        let done = either!(&mut guard.cluster, cluster => cluster.act(&action));
        guard.record(Step::Do(action));
        guard.raise_failure(py)?;
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
            hook.attach(cluster);
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
        let mut inner = self.inner.look(py, Inner::is_large, Inner::clone)?;
        if let Some(seed) = seed {
            either!(&mut inner.cluster, cluster => cluster.reseed(seed));
            inner.record(Step::Reseed(seed));
        }
        let hooks: Vec<Hook> =
            self.hooks().iter().filter(|hook| !hook.watches).map(|hook| hook.again(py)).collect();
        either!(&mut inner.cluster, cluster => {
            cluster.world_mut().end_taps();
            hooks.iter().for_each(|hook| hook.attach(cluster));
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
        let script = |inner: &Inner| (inner.script(false), inner.seed());
        let (script, seed) = self.inner.look(py, Inner::has_a_long_script, script)?;
        let options = Options::NOTHING;
        let cluster = build_patiently(py, &Arc::new(script), seed, OnViolation::Record, options)?;
        let position = Position::default();
        let mut inner = Inner { cluster, options, position };
        drive(py, |events| inner.play(events, until))?;
        // No events are left before `until`.
        if inner.now() < until {
            drive(py, |events| inner.slice_or_more(until, events, None))?;
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

    /// The names of the nodes.
    #[getter]
    fn names(&self) -> PyResult<Vec<String>> {
        Ok(self.lock()?.names().all().to_vec())
    }

    /// A scenario, as JSON, that replays this cluster's history. For a scenario that was played to
    /// its end it is that scenario, unless `up_to_now` is set.
    #[pyo3(signature = (*, up_to_now=false))]
    fn script(&self, py: Python<'_>, up_to_now: bool) -> PyResult<String> {
        self.inner
            .look(py, Inner::has_a_long_script, move |inner| inner.script(up_to_now).to_json())
    }

    /// Events, messages sent, messages delivered, elections won.
    fn counters(&self) -> PyResult<(u64, u64, u64, u64)> {
        let counters = either!(&self.lock()?.cluster, cluster => cluster.world().counters());
        Ok((counters.events, counters.sent, counters.delivered, counters.elections))
    }

    /// The event that was dispatched last: kind, node, sender, detail.
    fn last_event(&self) -> PyResult<Option<LastEvent>> {
        Ok(either!(&self.lock()?.cluster, cluster => last_event(cluster)))
    }

    /// When a fault struck last, in milliseconds.
    #[getter]
    fn last_strike_ms(&self) -> PyResult<f64> {
        Ok(either!(&self.lock()?.cluster, cluster => cluster.last_strike().as_ms()))
    }

    /// The trace level, and whether checks run.
    #[getter]
    fn watching(&self) -> PyResult<(&'static str, bool)> {
        let options = self.lock()?.options;
        let level = match options.trace {
            Level::Full => "full",
            Level::States => "states",
            Level::Off => "off",
        };
        Ok((level, options.checks))
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

    /// The log of a node, as a list of tuples (index, term, command, committed).
    fn log<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let guard = self.lock()?;
        let id = guard.names().id(name).map_err(invalid)?;
        either!(&guard.cluster, cluster => {
            views::entries(py, cluster.world().node(id), &cluster.symbols())
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
            condition.arm(&cluster.scenario().nodes, cluster.world()).holds(cluster.world())
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
            Inner::is_large,
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
            Inner::has_a_long_trace,
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
    fn hold(inner: Inner) -> Self {
        Self { inner: Shared::new(inner), hooks: Mutex::new(Vec::new()) }
    }

    fn hooks(&self) -> MutexGuard<'_, Vec<Hook>> {
        self.hooks.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, Inner>> {
        self.inner.lock()
    }

    /// Runs to `until` or the goal. If interrupted, the part that was played is recorded as a step.
    fn advance(
        py: Python<'_>,
        guard: &mut MutexGuard<'_, Inner>,
        until: Time,
        mut goal: Option<Goal>,
    ) -> PyResult<Progress> {
        let inner = &mut **guard;
        let start = inner.mark();
        let result = drive(py, |events| inner.slice_or_more(until, events, goal.as_mut()));
        let whole =
            matches!(result, Ok(Progress::Time | Progress::Condition)) && !guard.tap_failed();
        if !whole {
            guard.record_since(start, false);
        }
        let progress = result?;
        guard.raise_failure(py)?;
        Ok(progress)
    }
}

impl Inner {
    /// Whether an interceptor or a watcher has raised an exception that is still pending.
    fn tap_failed(&self) -> bool {
        either!(&self.cluster, cluster => cluster.world().tap_failed())
    }

    /// Raises the pending exception of an interceptor or a watcher.
    fn raise_failure(&mut self, py: Python<'_>) -> PyResult<()> {
        let failure = either!(&mut self.cluster, cluster => cluster.world_mut().take_tap_error());
        failure.map_or(Ok(()), |failure| Err(intercept::exception(py, &failure)))
    }

    /// Plays a slice of the scenario; an error if the run exceeds a limit.
    fn play(&mut self, events: u64, until: Time) -> Result<Option<Ending>, String> {
        let position = &mut self.position;
        either!(&mut self.cluster, cluster => {
            cluster.check_size()?;
            Ok(cluster.play(position, events, until))
        })
    }

    /// Runs for a slice; an error if the run exceeds a limit.
    fn slice(
        &mut self,
        until: Time,
        events: u64,
        goal: Option<&mut Goal>,
    ) -> Result<Progress, String> {
        either!(&mut self.cluster, cluster => {
            cluster.check_size()?;
            Ok(cluster.run(until, events, goal))
        })
    }

    /// The same; `None` if the run is not finished.
    fn slice_or_more(
        &mut self,
        until: Time,
        events: u64,
        goal: Option<&mut Goal>,
    ) -> Result<Option<Progress>, String> {
        let progress = self.slice(until, events, goal)?;
        Ok((progress != Progress::Events).then_some(progress))
    }

    fn record(&mut self, step: Step) {
        either!(&mut self.cluster, cluster => cluster.record(step));
    }

    fn mark(&self) -> Mark {
        either!(&self.cluster, cluster => cluster.mark())
    }

    fn record_since(&mut self, mark: Mark, python: bool) {
        either!(&mut self.cluster, cluster => cluster.record_since(mark, python));
    }

    /// Whether copying it takes milliseconds.
    fn is_large(&self) -> bool {
        either!(&self.cluster, cluster => cluster.size()) > MUCH
    }

    /// Whether writing its scenario takes milliseconds.
    fn has_a_long_script(&self) -> bool {
        either!(&self.cluster, cluster => cluster.script_len()) > MUCH
    }

    /// Whether making a table of its trace takes milliseconds.
    fn has_a_long_trace(&self) -> bool {
        let trace = either!(&self.cluster, cluster => cluster.world().observer().trace());
        trace.is_some_and(|trace| trace.rows() > MUCH)
    }

    fn script(&self, up_to_now: bool) -> Scenario {
        either!(&self.cluster, cluster => {
            if up_to_now { cluster.script_up_to_now() } else { cluster.script() }
        })
    }

    fn seed(&self) -> u64 {
        either!(&self.cluster, cluster => cluster.seed())
    }

    fn now(&self) -> Time {
        either!(&self.cluster, cluster => cluster.world().now())
    }

    fn events(&self) -> u64 {
        either!(&self.cluster, cluster => cluster.events())
    }

    fn names(&self) -> &Names {
        either!(&self.cluster, cluster => &cluster.scenario().nodes)
    }

    /// Now plus `span`, if it is within the longest run.
    fn later(&self, what: &str, span: Span) -> PyResult<Time> {
        let until = self.now().as_ms() + span.as_ms();
        if until > LONGEST_MS {
            return Err(invalid(format!(
                "{what}: a run lasts at most 100 days ({LONGEST_MS} ms); this one would go on to {until} ms"
            )));
        }
        Ok(self.now() + span)
    }

    /// Validates an action before it is performed.
    fn check_action(&self, action: &Action) -> PyResult<()> {
        either!(&self.cluster, cluster => {
            cluster.scenario().validate_action(action).map_err(invalid)?;
            check_now(cluster, action)
        })
    }
}

/// Validates an action against the present state of the cluster.
fn check_now<O: Watcher>(cluster: &Cluster<O>, action: &Action) -> PyResult<()> {
    let now = cluster.world().now();
    let past = |time: Time| {
        invalid(format!("a time must not be in the past: {time} is before now, {now}"))
    };
    match action {
        Action::At { time, .. } if *time < now => Err(past(*time)),
        Action::Inject(fault) => {
            match fault.at.as_ref().and_then(crate::sim::Distribution::as_constant) {
                Some(at) if Time::ZERO + at < now => Err(past(Time::ZERO + at)),
                _ => Ok(()),
            }
        }
        Action::Heal { handle: Some(handle) } if !cluster.knows_handle(*handle) => {
            Err(invalid(format!("no fault of this cluster has the handle {handle}")))
        }
        Action::Retry { op, .. } | Action::GiveUp { op }
            if !cluster.world().ops().contains_key(&OpId(*op)) =>
        {
            Err(invalid(format!("no operation of this cluster has the id {op}")))
        }
        Action::Message { message, .. } => {
            let id = cluster.scenario().message_id(message).map_err(invalid)?;
            if cluster.is_in_flight(id) {
                return Ok(());
            }
            Err(invalid(format!(
                "message {} from {} to {} is not in flight",
                message.ordinal, message.from, message.to
            )))
        }
        Action::Campaign { node } => {
            let id: NodeId = cluster.scenario().nodes.id(node).map_err(invalid)?;
            if cluster.world().is_up(id) && !cluster.world().is_paused(id) {
                return Ok(());
            }
            Err(invalid(format!("{node} cannot campaign: it is down or paused")))
        }
        _ => Ok(()),
    }
}
