//! The observers of an experiment: the trace, the checks and the measures, each only if requested.

use super::metrics::Measures;
use super::symbols::Symbols;
use crate::check::Checks;
use crate::fault;
use crate::protocol::NodeId;
use crate::replica::{Key, Replica, Value, Wire};
use crate::sim::{Observer, Strike, Time};
use crate::trace::Recorder;

/// What happens to a fault, for observers.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultEvent {
    /// It struck.
    Struck {
        /// The fault's name in tables.
        kind: &'static str,
        /// The names of the nodes that it hit, separated by commas.
        nodes: String,
        /// Its parameters, as JSON.
        detail: String,
    },
    /// It waits for a node to hit.
    Waiting {
        /// The fault's name in tables.
        kind: &'static str,
        /// Its parameters, as JSON.
        detail: String,
    },
    /// It waits for its condition.
    Awaits {
        /// The fault's name in tables.
        kind: &'static str,
        /// Its parameters, as JSON.
        detail: String,
    },
    /// It found no node to hit in time.
    Expired,
    /// It ended.
    Ended,
}

/// What the observers of an experiment have seen, whatever the replicas are.
pub trait Watches {
    /// The trace, if one is recorded.
    fn trace(&self) -> Option<&Recorder> {
        None
    }

    /// The checks, if they are on.
    fn checks(&self) -> Option<&Checks> {
        None
    }

    /// The measures, if any are taken.
    fn measures(&self) -> Option<&Measures> {
        None
    }

    /// The number of violations so far that involve honest nodes.
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

    /// The number of violations of one property.
    fn violations_of(&self, property: &str) -> u64 {
        let all = self.checks().into_iter().flat_map(Checks::violations);
        all.filter(|violation| violation.property == property).count() as u64
    }

    /// Provides the lengths of texts in messages, to observers that measure messages.
    #[inline]
    fn measure_by(&mut self, _wire: &dyn Fn() -> Wire) {}

    /// Discards all measurements and begins anew.
    fn restart(&mut self, _now: Time) {}

    /// The run ends.
    fn finish(&mut self, _end: Time) {}

    /// Whether faults are recorded.
    fn writes_faults(&self) -> bool {
        false
    }

    /// Something happens to a fault.
    fn fault(&mut self, _now: Time, _strike: Strike, _event: FaultEvent) {}
}

impl Watches for () {}

/// An observer that an experiment can use.
pub trait Watcher<P: Replica>: Observer<P> + Watches {
    /// A node's state at the beginning, before anything happens.
    fn begin(&mut self, _id: NodeId, _node: &P) {}
}

impl<P: Replica> Watcher<P> for () {}

/// Two observers; what only one of them has is taken from it. A trace comes first: messages carry
/// its rows.
impl<A: Watches, B: Watches> Watches for (A, B) {
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

impl<P: Replica, A: Watcher<P>, B: Watcher<P>> Watcher<P> for (A, B) {
    fn begin(&mut self, id: NodeId, node: &P) {
        self.0.begin(id, node);
        self.1.begin(id, node);
    }
}

/// The trace.
impl Watches for Recorder {
    fn trace(&self) -> Option<&Recorder> {
        Some(self)
    }

    fn measure_by(&mut self, wire: &dyn Fn() -> Wire) {
        self.set_wire(wire());
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
            FaultEvent::Awaits { kind, detail } => self.fault_awaits(now, strike, kind, detail),
            FaultEvent::Expired => self.fault_expired(now, strike),
            FaultEvent::Ended => self.fault_ended(now, strike),
        }
    }
}

impl<P: Replica> Watcher<P> for Recorder {
    fn begin(&mut self, id: NodeId, node: &P) {
        Recorder::begin(self, id, node);
    }
}

/// The checks.
impl Watches for Checks {
    #[inline]
    fn checks(&self) -> Option<&Checks> {
        Some(self)
    }
}

impl<P: Replica> Watcher<P> for Checks {
    fn begin(&mut self, id: NodeId, node: &P) {
        Checks::begin(self, id, node);
    }
}

/// The names of nodes, keys and values of a run, for tables and messages.
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
