//! Who watches an experiment: the trace, the checks and the measures, each only if it was asked for.

use super::metrics::Measures;
use super::symbols::Symbols;
use crate::check::Checks;
use crate::fault;
use crate::protocol::NodeId;
use crate::raft::{Key, Node, Value, Wire};
use crate::sim::{Observer, Strike, Time};
use crate::trace::Recorder;

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
    /// The trace, if one is written.
    fn trace(&self) -> Option<&Recorder> {
        None
    }

    /// The checks, if anything is checked.
    fn checks(&self) -> Option<&Checks> {
        None
    }

    /// What was measured, if anything was.
    fn measures(&self) -> Option<&Measures> {
        None
    }

    /// How many violations were found so far that involve honest nodes.
    #[inline]
    fn violation_count(&self) -> usize {
        self.checks().map_or(0, |checks| checks.violations().len())
    }

    /// The properties that were violated, in the order of their first violations.
    fn violated_properties(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for violation in self.checks().into_iter().flat_map(Checks::violations) {
            if !names.contains(&violation.property) {
                names.push(violation.property);
            }
        }
        names
    }

    /// How many violations of one property there were.
    fn violations_of(&self, property: &str) -> u64 {
        let all = self.checks().into_iter().flat_map(Checks::violations);
        all.filter(|violation| violation.property == property).count() as u64
    }

    /// How long the texts are that messages carry, for those who measure messages.
    #[inline]
    fn measure_by(&mut self, _wire: &dyn Fn() -> Wire) {}

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
    fn fault(&mut self, _now: Time, _strike: Strike, _event: FaultEvent) {}
}

impl Watcher for () {}

/// Two who watch. What only one of them has, that one is asked for. A trace comes first: messages carry its rows.
impl<A: Watcher, B: Watcher> Watcher for (A, B) {
    #[inline]
    fn trace(&self) -> Option<&Recorder> {
        self.0.trace().or_else(|| self.1.trace())
    }

    #[inline]
    fn checks(&self) -> Option<&Checks> {
        self.0.checks().or_else(|| self.1.checks())
    }

    fn measures(&self) -> Option<&Measures> {
        self.0.measures().or_else(|| self.1.measures())
    }

    #[inline]
    fn measure_by(&mut self, wire: &dyn Fn() -> Wire) {
        self.0.measure_by(wire);
        self.1.measure_by(wire);
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

    fn fault(&mut self, now: Time, strike: Strike, event: FaultEvent) {
        self.0.fault(now, strike, event.clone());
        self.1.fault(now, strike, event);
    }
}

/// The trace.
impl Watcher for Recorder {
    fn trace(&self) -> Option<&Recorder> {
        Some(self)
    }

    fn measure_by(&mut self, wire: &dyn Fn() -> Wire) {
        self.set_wire(wire());
    }

    fn begin(&mut self, id: NodeId, node: &Node) {
        Recorder::begin(self, id, node);
    }

    fn writes_faults(&self) -> bool {
        true
    }

    fn fault(&mut self, now: Time, strike: Strike, event: FaultEvent) {
        match event {
            FaultEvent::Struck { kind, nodes, detail } => {
                self.fault_started(now, strike, kind, nodes, detail);
            }
            FaultEvent::Waiting { kind, detail } => self.fault_waiting(now, strike, kind, detail),
            FaultEvent::Expired => self.fault_expired(now, strike),
            FaultEvent::Ended => self.fault_ended(now, strike),
        }
    }
}

/// The invariants.
impl Watcher for Checks {
    #[inline]
    fn checks(&self) -> Option<&Checks> {
        Some(self)
    }

    fn begin(&mut self, id: NodeId, node: &Node) {
        Checks::begin(self, id, node);
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
