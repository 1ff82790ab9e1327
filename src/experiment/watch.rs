//! Who watches an experiment: the trace and the checks, each only if it was asked for.

use super::metrics::Measures;
use super::symbols::Symbols;
use crate::check::Checks;
use crate::fault;
use crate::protocol::{NodeId, OpId, Status};
use crate::raft::{Key, Node, RaftMessage, RaftNote, Value};
use crate::sim::{Fate, Flight, HostEvent, Observer, OpEvent, Time};
use crate::trace::{DEFAULT_MAX_ROWS, Level, Recorder};

/// What happens to a fault, for those who watch.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultEvent {
    /// It struck.
    Struck {
        /// Its name in tables.
        kind: &'static str,
        /// Whom it hit, by name, with commas.
        nodes: String,
        /// Its parameters, as JSON.
        detail: String,
    },
    /// It waits for somebody to hit.
    Waiting {
        /// Its name in tables.
        kind: &'static str,
        /// Its parameters, as JSON.
        detail: String,
    },
    /// It found nobody to hit in time.
    Expired,
    /// It ended.
    Ended,
}

/// An observer that an experiment can use.
pub trait Watcher: Observer<Node> {
    /// How many violations were found so far that involve honest nodes.
    fn violation_count(&self) -> usize {
        0
    }

    /// The rules that were violated, in the order in which they first were.
    fn violated_rules(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// How many violations of one rule there were.
    fn violations_of(&self, _rule: &str) -> u64 {
        0
    }

    /// What was measured, if anything was.
    fn measures(&self) -> Option<&Measures> {
        None
    }

    /// A node's state at the beginning, before anything happens.
    fn begin(&mut self, _id: NodeId, _node: &Node) {}

    /// What was measured so far is forgotten, and the watch begins anew.
    fn restart(&mut self, _now: Time) {}

    /// The run ends.
    fn finish(&mut self, _end: Time) {}

    /// Whether faults are written down.
    fn writes_faults(&self) -> bool {
        false
    }

    /// Something happens to a fault.
    fn fault(&mut self, _now: Time, _handle: u32, _event: FaultEvent) {}
}

impl Watcher for () {}

/// Two who watch. What only one of them knows, that one is asked for.
impl<A: Watcher, B: Watcher> Watcher for (A, B) {
    #[inline]
    fn violation_count(&self) -> usize {
        self.0.violation_count() + self.1.violation_count()
    }

    fn violated_rules(&self) -> Vec<&'static str> {
        let mut rules = self.0.violated_rules();
        rules.extend(self.1.violated_rules());
        rules
    }

    fn violations_of(&self, rule: &str) -> u64 {
        self.0.violations_of(rule) + self.1.violations_of(rule)
    }

    fn measures(&self) -> Option<&Measures> {
        self.0.measures().or_else(|| self.1.measures())
    }

    fn begin(&mut self, id: NodeId, node: &Node) {
        self.0.begin(id, node);
        self.1.begin(id, node);
    }

    fn restart(&mut self, now: Time) {
        self.0.restart(now);
        self.1.restart(now);
    }

    fn finish(&mut self, end: Time) {
        self.0.finish(end);
        self.1.finish(end);
    }

    fn writes_faults(&self) -> bool {
        self.0.writes_faults() || self.1.writes_faults()
    }

    fn fault(&mut self, now: Time, handle: u32, event: FaultEvent) {
        self.0.fault(now, handle, event.clone());
        self.1.fault(now, handle, event);
    }
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How much is written down.
    pub trace: Level,
    /// Whether invariants are checked.
    pub checks: bool,
    /// Most rows of one table of the trace.
    pub trace_rows: Option<u64>,
}

impl Options {
    /// Whether anything is.
    pub fn watches(&self) -> bool {
        self.checks || self.trace != Level::Off
    }
}

/// The trace and the checks of one run.
#[derive(Clone, Debug)]
pub struct Watch {
    trace: Option<Recorder>,
    checks: Option<Checks>,
}

impl Watch {
    /// Watches a cluster of so many nodes.
    pub fn new(nodes: usize, options: Options) -> Self {
        let rows = options.trace_rows.map_or(DEFAULT_MAX_ROWS, |rows| rows as usize);
        let traced = options.trace != Level::Off;
        Self {
            trace: traced.then(|| Recorder::new(nodes, options.trace, rows)),
            checks: options.checks.then(|| Checks::new(nodes)),
        }
    }

    /// The trace.
    pub fn trace(&self) -> Option<&Recorder> {
        self.trace.as_ref()
    }

    /// The checks.
    pub fn checks(&self) -> Option<&Checks> {
        self.checks.as_ref()
    }

    /// How often each rule had something to check.
    pub fn coverage(&self) -> Vec<(&'static str, u64)> {
        self.checks.as_ref().map_or_else(Vec::new, Checks::coverage)
    }

    /// Why the trace is not whole, if it is not.
    pub fn trace_gap(&self) -> Option<String> {
        let ceilings = self.trace.as_ref()?.ceilings();
        ceilings.first().map(ToString::to_string)
    }
}

impl Watcher for Watch {
    #[inline]
    fn violation_count(&self) -> usize {
        self.checks.as_ref().map_or(0, |checks| checks.violations().len())
    }

    fn violated_rules(&self) -> Vec<&'static str> {
        let mut rules = Vec::new();
        for violation in self.checks.iter().flat_map(Checks::violations) {
            if !rules.contains(&violation.rule) {
                rules.push(violation.rule);
            }
        }
        rules
    }

    fn violations_of(&self, rule: &str) -> u64 {
        let all = self.checks.iter().flat_map(Checks::violations);
        all.filter(|violation| violation.rule == rule).count() as u64
    }

    fn begin(&mut self, id: NodeId, node: &Node) {
        if let Some(trace) = &mut self.trace {
            trace.begin(id, node);
        }
        if let Some(checks) = &mut self.checks {
            checks.begin(id, node);
        }
    }

    fn writes_faults(&self) -> bool {
        self.trace.is_some()
    }

    fn fault(&mut self, now: Time, handle: u32, event: FaultEvent) {
        let Some(trace) = &mut self.trace else { return };
        match event {
            FaultEvent::Struck { kind, nodes, detail } => {
                trace.fault_started(now, handle, kind, nodes, detail);
            }
            FaultEvent::Waiting { kind, detail } => trace.fault_waiting(now, handle, kind, detail),
            FaultEvent::Expired => trace.fault_expired(now, handle),
            FaultEvent::Ended => trace.fault_ended(now, handle),
        }
    }
}

/// Tells both who are there, the trace first: messages carry its rows.
macro_rules! both {
    ($watch:ident, $observer:ident => $tell:expr) => {
        if let Some($observer) = &mut $watch.trace {
            $tell;
        }
        if let Some($observer) = &mut $watch.checks {
            $tell;
        }
    };
}

impl Observer<Node> for Watch {
    #[inline]
    fn sent(&mut self, now: Time, flight: &Flight<RaftMessage>) -> u32 {
        let row = self.trace.as_mut().map_or(0, |trace| trace.sent(now, flight));
        if let Some(checks) = &mut self.checks {
            checks.sent(now, flight);
        }
        row
    }

    #[inline]
    fn rescheduled(&mut self, now: Time, flight: &Flight<RaftMessage>) {
        both!(self, o => o.rescheduled(now, flight));
    }

    #[inline]
    fn ended(&mut self, now: Time, flight: &Flight<RaftMessage>, fate: Fate) {
        both!(self, o => o.ended(now, flight, fate));
    }

    #[inline]
    fn noted(&mut self, now: Time, id: NodeId, node: &Node, note: RaftNote) {
        both!(self, o => o.noted(now, id, node, note));
    }

    #[inline(always)] // so that a state that nobody asks for is not looked up
    fn settled(&mut self, now: Time, id: NodeId, before: &Status, after: &Status) {
        both!(self, o => o.settled(now, id, before, after));
    }

    #[inline]
    fn timer(&mut self, now: Time, id: NodeId, timer: u8) {
        both!(self, o => Observer::<Node>::timer(o, now, id, timer));
    }

    #[inline]
    fn synced(&mut self, now: Time, id: NodeId) {
        both!(self, o => Observer::<Node>::synced(o, now, id));
    }

    fn host(&mut self, now: Time, id: NodeId, node: &Node, event: HostEvent) {
        both!(self, o => o.host(now, id, node, event));
    }

    #[inline]
    fn op(&mut self, now: Time, op: OpId, client: u32, event: &OpEvent<'_, Node>) {
        both!(self, o => o.op(now, op, client, event));
    }

    fn liar(&mut self, now: Time, id: NodeId) {
        both!(self, o => Observer::<Node>::liar(o, now, id));
    }
}

/// The texts behind the numbers of a run, for tables and messages.
#[derive(Clone, Copy)]
pub struct Texts<'a> {
    /// The names of the nodes.
    pub nodes: &'a fault::Names,
    /// The names of keys and values.
    pub symbols: &'a Symbols,
}

impl crate::trace::Names for Texts<'_> {
    fn key(&self, key: Key) -> String {
        self.symbols.key_text(key)
    }

    fn value(&self, value: Value) -> String {
        self.symbols.value_text(value)
    }

    fn node(&self, node: usize) -> &str {
        self.nodes.name(NodeId::from(node))
    }
}

impl crate::check::Names for Texts<'_> {
    fn node(&self, id: NodeId) -> String {
        self.nodes.name(id).to_owned()
    }

    fn key(&self, key: Key) -> String {
        self.symbols.key_text(key)
    }

    fn value(&self, value: Value) -> String {
        self.symbols.value_text(value)
    }
}
