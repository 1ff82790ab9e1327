//! The state of a cluster and the vocabulary for Python, as plain dicts, lists and tuples.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::build::{LONG_TEXT, scenario_of};
use super::convert::invalid;
use super::gateway::{Attention, wait_for};
use super::table::Table;
use crate::experiment::edits::{EntrySpec, FieldSpec, SnapshotSpec, Words};
use crate::experiment::playable::Playable;
use crate::experiment::presets::PRESETS;
use crate::experiment::step::{CommandSpec, MembersSpec, command_text};
use crate::experiment::watch::Texts;
use crate::experiment::{Cluster, Ending, Symbols, Watcher};

use crate::fault::condition::CONDITIONS;
use crate::fault::target::ROLES;
use crate::fault::{Kind, Names, Scheduled, kinds};
use crate::protocol::{Message, NodeId, OpId, Role};
use crate::raft::fields::Editable;
use crate::raft::{RaftMessage, Rule};
use crate::reasons::{DEEDS, HALTS, REASONS};
use crate::replica::notes::{REFUSALS, ROLE_CHANGES};
use crate::replica::{Membership, Op, Output, Replica, Request};
use crate::sim::{Clock, Dispatched, Happening, OpStatus, Time};
use crate::trace::schema::{EventKind, TABLES, VALUES};

/// The state around a node.
pub(super) struct Surroundings {
    pub(super) up: bool,
    pub(super) paused: bool,
    pub(super) clock: Clock,
    pub(super) now: Time,
    pub(super) election_due: Option<Time>,
}

/// The state of a node, as a dict, or one part of it.
pub(super) fn node<'py, P: Playable, O: Watcher<P>>(
    py: Python<'py>,
    cluster: &Cluster<P, O>,
    id: NodeId,
    what: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let world = cluster.world();
    if what == Some("fingerprint") {
        return format!("{:016x}", world.node_fingerprint(id)).into_bound_py_any(py);
    }
    let around = Surroundings {
        up: world.is_up(id),
        paused: world.is_paused(id),
        clock: *world.clock(id),
        now: world.now(),
        election_due: world.timer_due(id, crate::replica::ELECTION),
    };
    state(py, &cluster.scenario().nodes, id, world.node(id), &around, what)
}

/// The state of a node, as a dict, or one part of it; without its log and store, which may be long.
pub(super) fn state<'py>(
    py: Python<'py>,
    names: &Names,
    id: NodeId,
    node: &impl Replica,
    around: &Surroundings,
    what: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    if let Some(what) = what {
        return part(py, names, id, node, around, what);
    }
    let dict = PyDict::new(py);
    for what in PARTS {
        dict.set_item(what, part(py, names, id, node, around, what)?)?;
    }
    Ok(dict.into_any())
}

/// What the state of a node consists of.
const PARTS: [&str; 18] = [
    "name",
    "up",
    "paused",
    "role",
    "term",
    "voted_for",
    "leader",
    "commit_index",
    "last_applied",
    "last_index",
    "last_term",
    "first_index",
    "snapshot_index",
    "clock_rate",
    "clock_offset_ms",
    "election_due_ms",
    "progress",
    "membership",
];

fn part<'py>(
    py: Python<'py>,
    names: &Names,
    id: NodeId,
    node: &impl Replica,
    around: &Surroundings,
    what: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let status = node.status();
    let name = |id: Option<NodeId>| id.map(|id| names.name(id));
    match what {
        "name" => names.name(id).into_bound_py_any(py),
        "up" => around.up.into_bound_py_any(py),
        "paused" => around.paused.into_bound_py_any(py),
        "role" => status.role.name().into_bound_py_any(py),
        "term" => status.term.into_bound_py_any(py),
        "voted_for" => name(status.voted_for).into_bound_py_any(py),
        "leader" => name(status.leader).into_bound_py_any(py),
        "commit_index" => status.commit_index.into_bound_py_any(py),
        "last_applied" => status.last_applied.into_bound_py_any(py),
        "last_index" => status.last_index.into_bound_py_any(py),
        "last_term" => status.last_term.into_bound_py_any(py),
        "first_index" => (node.log().base().index + 1).into_bound_py_any(py),
        "snapshot_index" => node.snapshot_index().into_bound_py_any(py),
        "clock_rate" => around.clock.rate().into_bound_py_any(py),
        "clock_offset_ms" => around.clock.offset_ms(around.now).into_bound_py_any(py),
        "election_due_ms" => around.election_due.map(Time::as_ms).into_bound_py_any(py),
        "fingerprint" => Err(invalid(
            "a fingerprint covers the disk and the timers of a node, which a function on messages \
             does not see",
        )),
        "progress" => Ok(progress(py, names, id, node)?.into_any()),
        "membership" => {
            let (index, found) = node.membership();
            membership(names, (index, *found)).into_bound_py_any(py)
        }
        _ => Err(invalid(format!("a node has no '{what}'"))),
    }
}

/// A configuration: the index of its entry; the voters, the outgoing voters and the learners;
/// whether it stays; in words.
pub(super) type MembershipParts = (u64, [Vec<String>; 3], bool, String);

/// A configuration in parts. Outgoing voters that become learners are among the learners.
pub(super) fn membership(names: &Names, (index, found): (u64, Membership)) -> MembershipParts {
    let name = |id| names.name(id).to_owned();
    let learners = found.learners.union(&found.next_learners);
    let parts = [found.voters, found.outgoing, learners];
    (index, parts.map(|nodes| nodes.iter().map(name).collect()), found.stays, found.text(name))
}

/// nextIndex and matchIndex for each other member, if the node leads.
fn progress<'py>(
    py: Python<'py>,
    names: &Names,
    id: NodeId,
    node: &impl Replica,
) -> PyResult<Bound<'py, PyDict>> {
    let progress = PyDict::new(py);
    for (i, peer) in node.progress().unwrap_or_default().into_iter().enumerate() {
        if i != id.at() && node.membership().1.contains(NodeId::from(i)) {
            progress.set_item(names.name(NodeId::from(i)), peer)?;
        }
    }
    Ok(progress)
}

/// The log of a node, as a list of tuples (index, term, command, committed, whether it is a
/// configuration).
pub(super) fn entries<'py>(
    py: Python<'py>,
    node: &impl Replica,
    (names, symbols): (&Names, &Symbols),
) -> PyResult<Bound<'py, PyList>> {
    let (list, mut attention) = (PyList::empty(py), Attention::new());
    for (index, entry) in (node.log().base().index + 1..).zip(node.log().entries()) {
        attention.look(py)?;
        let text = command_text(&entry.command, symbols, names);
        let config = matches!(entry.command.op, Op::Config(_));
        list.append((index, entry.term, text, node.has_applied(index), config))?;
    }
    Ok(list)
}

/// The store of a node, as a dict.
pub(super) fn store<'py>(
    py: Python<'py>,
    node: &impl Replica,
    symbols: &Symbols,
) -> PyResult<Bound<'py, PyDict>> {
    let (store, mut attention) = (PyDict::new(py), Attention::new());
    for (key, items) in node.machine().contents() {
        attention.look(py)?;
        store.set_item(symbols.key_text(key), symbols.items_text(&items))?;
    }
    Ok(store)
}

pub(super) fn op<'py, P: Playable, O: Watcher<P>>(
    py: Python<'py>,
    cluster: &Cluster<P, O>,
    op: OpId,
) -> PyResult<Bound<'py, PyDict>> {
    let state = cluster
        .world()
        .ops()
        .get(&op)
        .ok_or_else(|| invalid(format!("no operation of this cluster has the id {}", op.0)))?;
    let (names, symbols) = (&cluster.scenario().nodes, &*cluster.symbols());
    let dict = PyDict::new(py);
    dict.set_item("id", op.0)?;
    let (kind, text) = match state.request {
        Request::Write(command) => ("write", command_text(&command, symbols, names)),
        Request::Read { key, via } => {
            let via = serde_json::to_string(&via).unwrap_or_default();
            ("read", format!("read {} via {}", symbols.key_text(key), via.trim_matches('"')))
        }
        Request::Configure(wanted) => ("order", wanted.text(|id| names.name(id).to_owned())),
        Request::Transfer(to) => ("order", format!("transfer to {}", names.name(to))),
        Request::StepDown => ("order", "step down".into()),
        Request::Campaign => ("order", "campaign".into()),
        Request::Usurp => ("order", "usurp".into()),
        Request::ForgetVote => ("order", "forget vote".into()),
    };
    dict.set_item("kind", kind)?;
    dict.set_item("text", text)?;
    dict.set_item("node", state.node.map(|id| names.name(id)))?;
    dict.set_item("invoked_ms", state.invoked.as_ms())?;
    dict.set_item("ended_ms", state.ended.map(Time::as_ms))?;
    let (status, reason) = match &state.status {
        OpStatus::Pending => ("pending", None),
        OpStatus::Ok(_) => ("ok", None),
        OpStatus::Failed(reason) => ("failed", Some(*reason)),
        OpStatus::Unknown(reason) => ("unknown", Some(*reason)),
    };
    dict.set_item("status", status)?;
    dict.set_item("reason", reason)?;
    match &state.status {
        OpStatus::Ok(Output::Written { index, term, applied }) => {
            dict.set_item("index", index)?;
            dict.set_item("term", term)?;
            dict.set_item("applied", applied)?;
        }
        OpStatus::Ok(Output::Read { index, items, .. }) => {
            dict.set_item("index", index)?;
            dict.set_item("value", symbols.items_text(items))?;
        }
        _ => {}
    }
    Ok(dict)
}

/// Adds the fields of a message to a dict.
pub(super) fn fields(
    py: Python<'_>,
    dict: &Bound<'_, PyDict>,
    message: &impl Editable,
    (names, symbols): (&Names, &Symbols),
) -> PyResult<()> {
    for (name, field) in (Words { names, symbols }).fields(message) {
        match field {
            FieldSpec::Flag(flag) => dict.set_item(name, flag)?,
            FieldSpec::Number(number) => dict.set_item(name, number)?,
            FieldSpec::Entries(entries) => {
                let list = PyList::empty(py);
                for EntrySpec { term, command, session } in entries {
                    let command = command.map(|spec| command_parts(py, spec)).transpose()?;
                    list.append((term, command, session))?;
                }
                dict.set_item(name, list)?;
            }
            FieldSpec::Snapshot(snapshot) => {
                let SnapshotSpec { index, term, store, sessions, config } = snapshot;
                dict.set_item(name, (index, term, store, sessions, config.map(members)))?;
            }
        }
    }
    Ok(())
}

/// The parts of a command: op, key, value, expected; or op and the parts of a configuration.
fn command_parts(py: Python<'_>, spec: CommandSpec) -> PyResult<Bound<'_, PyAny>> {
    match spec {
        CommandSpec::Put { key, value } => ("put", key, value).into_bound_py_any(py),
        CommandSpec::Get { key } => ("get", key).into_bound_py_any(py),
        CommandSpec::Cas { key, expected, value } => {
            ("cas", key, value, expected).into_bound_py_any(py)
        }
        CommandSpec::Append { key, value } => ("append", key, value).into_bound_py_any(py),
        CommandSpec::Config(spec) => ("config", members(spec)).into_bound_py_any(py),
    }
}

/// A configuration by the positions of its nodes: voters, learners, outgoing voters; whether it
/// stays.
fn members(spec: MembersSpec) -> ([Vec<usize>; 3], bool) {
    let list = |nodes: Vec<u8>| nodes.into_iter().map(usize::from).collect();
    ([spec.voters, spec.learners, spec.outgoing].map(list), spec.stays)
}

pub(super) fn active_faults<'py, P: Playable, O: Watcher<P>>(
    py: Python<'py>,
    cluster: &Cluster<P, O>,
) -> PyResult<Bound<'py, PyList>> {
    let names = &cluster.scenario().nodes;
    let list = PyList::empty(py);
    let (injector, started) = (cluster.injector(), cluster.world().started());
    let mut attention = Attention::new();
    for active in injector.active() {
        attention.look(py)?;
        let Some(Scheduled { fault, .. }) = injector.fault(active.strike.handle) else { continue };
        let dict = PyDict::new(py);
        dict.set_item("handle", active.strike.handle)?;
        dict.set_item("fault", serde_json::to_string(fault).unwrap_or_default())?;
        dict.set_item("kind", fault.kind().name)?;
        let hit = active.nodes.intersection(&started);
        dict.set_item("nodes", hit.iter().map(|id| names.name(id)).collect::<Vec<_>>())?;
        dict.set_item("since_ms", active.since.as_ms())?;
        list.append(dict)?;
    }
    Ok(list)
}

pub(super) fn violations<'py, P: Playable, O: Watcher<P>>(
    py: Python<'py>,
    cluster: &Cluster<P, O>,
    honest: bool,
) -> PyResult<Bound<'py, PyList>> {
    let (names, symbols) = (&cluster.scenario().nodes, &*cluster.symbols());
    let texts = Texts { nodes: names, symbols };
    let list = PyList::empty(py);
    let Some(checks) = cluster.world().observer().checks() else { return Ok(list) };
    let found = if honest { checks.violations() } else { checks.liar_violations() };
    let mut attention = Attention::new();
    for violation in found {
        attention.look(py)?;
        let dict = PyDict::new(py);
        dict.set_item("property", violation.property)?;
        dict.set_item("time_ms", violation.time.as_ms())?;
        let nodes: Vec<_> = violation.nodes.iter().map(|id| names.name(*id)).collect();
        dict.set_item("nodes", nodes)?;
        dict.set_item("index", violation.index)?;
        dict.set_item("terms", violation.terms.clone())?;
        dict.set_item("honest", violation.honest)?;
        let command =
            violation.command.as_ref().map(|command| command_text(command, symbols, names));
        dict.set_item("command", command)?;
        dict.set_item("message", violation.tell(&texts))?;
        let events: Vec<_> = violation
            .events
            .iter()
            .map(|moment| (moment.time.as_ms(), names.name(moment.node), moment.tell(&texts)))
            .collect();
        dict.set_item("events", events)?;
        list.append(dict)?;
    }
    Ok(list)
}

pub(super) fn table<P: Playable, O: Watcher<P>>(
    cluster: &Cluster<P, O>,
    name: &str,
    metadata: Vec<(String, String)>,
) -> PyResult<Table> {
    let Some(recorder) = cluster.world().observer().trace() else {
        return Err(invalid(format!(
            "there is no table '{name}': this run was made with trace='off'"
        )));
    };
    let texts = Texts { nodes: &cluster.scenario().nodes, symbols: &cluster.symbols() };
    let schema = TABLES.iter().find(|table| table.name == name);
    let Some((schema, batches)) = schema.zip(recorder.batches(name, &texts)) else {
        return Err(invalid(format!("unknown table '{name}'")));
    };
    let unwritten = |error| invalid(format!("the table '{name}' cannot be written: {error}"));
    Ok(Table::new(name, schema, batches.map_err(unwritten)?, metadata))
}

/// The kinds of fault: (name, class, family, meaning, effect of its end).
#[pyfunction]
pub(super) fn faults() -> Vec<(&'static str, &'static str, &'static str, &'static str, &'static str)>
{
    kinds()
        .map(|k| (k.name, k.class, k.family.name(), k.meaning, k.end.unwrap_or("nothing")))
        .collect()
}

/// The conditions: (name, parameters, meaning).
#[pyfunction]
pub(super) fn conditions() -> Vec<(&'static str, Vec<&'static str>, &'static str)> {
    CONDITIONS.iter().map(|(name, fields, doc)| (*name, fields.to_vec(), doc.trim())).collect()
}

/// The rules: (bug, what the rule demands, source, property that is violated, what a run needs).
#[pyfunction]
pub(super) fn rules() -> Vec<(&'static str, &'static str, &'static str, &'static str, &'static str)>
{
    Rule::ALL.iter().map(|r| (r.bug(), r.demands(), r.source(), r.breaks(), r.needs())).collect()
}

/// The election rules other than the paper's: (name, meaning, source).
#[pyfunction]
pub(super) fn election_rules() -> Vec<(&'static str, &'static str, &'static str)> {
    crate::raft::variants::VARIANTS.to_vec()
}

/// The properties that are checked: (name, meaning, source).
#[pyfunction]
pub(super) fn properties() -> Vec<(&'static str, &'static str, &'static str)> {
    crate::check::PROPERTIES
        .iter()
        .map(|property| (property.name, property.meaning, property.source))
        .collect()
}

/// The roles that a fault can hit: (role, meaning).
#[pyfunction]
pub(super) fn targets() -> Vec<(&'static str, &'static str)> {
    ROLES.to_vec()
}

/// The lies: (name, meaning).
#[pyfunction]
pub(super) fn lies() -> Vec<(&'static str, &'static str)> {
    crate::raft::lies::LIES.to_vec()
}

/// The presets: (name, settings as JSON, meaning, source).
#[pyfunction]
pub(super) fn presets() -> Vec<[&'static str; 5]> {
    PRESETS.iter().map(|p| [p.name, p.settings, p.meaning, p.source, p.not_modelled]).collect()
}

/// The types of message.
#[pyfunction]
pub(super) fn message_types() -> Vec<&'static str> {
    RaftMessage::KINDS.to_vec()
}

/// The roles of a node.
#[pyfunction]
pub(super) fn roles() -> Vec<&'static str> {
    Role::ALL.iter().map(|role| role.name()).collect()
}

/// The tables of a trace: (table, meaning, [(column, type, unit, meaning)]).
#[pyfunction]
#[allow(clippy::type_complexity)]
pub(super) fn schema()
-> Vec<(&'static str, &'static str, Vec<(&'static str, &'static str, &'static str, &'static str)>)>
{
    TABLES
        .iter()
        .map(|table| {
            let columns =
                table.columns.iter().map(|c| (c.name, c.kind.arrow(), c.unit, c.meaning)).collect();
            (table.name, table.doc, columns)
        })
        .collect()
}

/// What a column of names can hold: (column, [(value, meaning)]), and so of endings.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub(super) fn values() -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let pairs = |pairs: &mut dyn Iterator<Item = (&'static str, &'static str)>| {
        pairs.map(|(name, meaning)| (name, meaning.trim().to_owned())).collect()
    };
    let columns = VALUES.iter().map(|(column, names, meanings)| {
        let named = names.iter().zip(*meanings).map(|(name, meaning)| (*name, *meaning));
        (*column, pairs(&mut { named }))
    });
    let sourced = |rows: &'static [(&'static str, &'static str, &'static str)]| {
        rows.iter().map(|(name, meaning, source)| {
            let meaning = meaning.trim();
            match *source {
                "" => (*name, meaning.to_owned()),
                source => (*name, format!("{} ({source})", meaning.trim_end_matches('.'))),
            }
        })
    };
    let others =
        HALTS.iter().chain(DEEDS).map(|(name, meaning)| (*name, meaning.trim().to_owned()));
    columns
        .chain([
            ("events.detail", sourced(REFUSALS).chain(others).collect()),
            ("events.why", sourced(ROLE_CHANGES).collect()),
            ("ops.reason", pairs(&mut REASONS.iter().copied())),
            (
                "ending",
                pairs(&mut Ending::ALL.iter().map(|ending| (ending.name(), ending.meaning()))),
            ),
        ])
        .collect()
}

/// A scenario in its normal form: checked, with every default written out.
#[pyfunction]
pub(super) fn scenario_normal(py: Python<'_>, json: &str) -> PyResult<String> {
    let scenario = scenario_of(py, json)?;
    if json.len() < LONG_TEXT {
        return Ok(scenario.to_json());
    }
    wait_for(py, move || scenario.to_json())
}

/// An event as Python gets it: kind, node, sender, type of message, why it was not handled.
pub(super) type LastEvent =
    (&'static str, Option<String>, Option<String>, Option<&'static str>, Option<&'static str>);

/// The last event of the last step.
pub(super) fn last_event<P: Playable, O: Watcher<P>>(cluster: &Cluster<P, O>) -> Option<LastEvent> {
    let name = |id| cluster.scenario().nodes.name(id).to_owned();
    let Dispatched { what, node, unhandled } = cluster.world().last_event()?;
    let (kind, from, message) = match what {
        Happening::Arrival { from, kind } => {
            let message = P::Message::KINDS[usize::from(kind)];
            (EventKind::Arrival.name(), Some(name(from)), Some(message))
        }
        Happening::Timer(timer) => (EventKind::timer(timer.0).name(), None, None),
        Happening::Synced => (EventKind::Fsync.name(), None, None),
        Happening::Freed => ("freed", None, None),
        Happening::Client { .. } => ("client", None, None),
    };
    Some((kind, node.map(name), from, message, unhandled))
}
