//! A cluster with the observers that were asked for.

use std::sync::Arc;

use super::cluster::Cluster;
use super::playable::Playable;
use super::scenario::{OnViolation, Scenario, ScenarioError};
use super::watch::Watcher;
use crate::check::Checks;
use crate::trace::{DEFAULT_MAX_ROWS, Level, Recorder};

/// What to observe.
#[derive(Clone, Copy, Debug)]
pub struct Watching {
    /// The level of the trace.
    pub trace: Level,
    /// Whether properties are checked.
    pub checks: bool,
    /// The maximum number of rows in one table of the trace.
    pub trace_rows: Option<u64>,
}

impl Watching {
    /// No observers.
    pub const NOTHING: Self = Self { trace: Level::Off, checks: false, trace_rows: None };
}

/// A cluster by its observers.
#[derive(Clone)]
pub enum By<P: Playable> {
    /// Without trace or checks.
    Bare(Box<Cluster<P, ()>>),
    /// With a trace.
    Traced(Box<Cluster<P, Recorder>>),
    /// With checks.
    Checked(Box<Cluster<P, Checks>>),
    /// With a trace and checks.
    Both(Box<Cluster<P, (Recorder, Checks)>>),
}

/// Runs the same code for each of them.
macro_rules! by_observer {
    ($by:expr, $cluster:ident => $body:expr) => {
        match $by {
            $crate::experiment::watched::By::Bare($cluster) => $body,
            $crate::experiment::watched::By::Traced($cluster) => $body,
            $crate::experiment::watched::By::Checked($cluster) => $body,
            $crate::experiment::watched::By::Both($cluster) => $body,
        }
    };
}

pub(crate) use by_observer;

impl<P: Playable> By<P> {
    /// A cluster at the beginning of a validated scenario, before any event.
    pub fn new(
        scenario: &Arc<Scenario>,
        seed: u64,
        on_violation: OnViolation,
        watching: Watching,
    ) -> Result<Self, ScenarioError> {
        fn cluster<P: Playable, O: Watcher<P>>(
            scenario: &Arc<Scenario>,
            (seed, on_violation): (u64, OnViolation),
            observer: O,
        ) -> Result<Box<Cluster<P, O>>, ScenarioError> {
            Ok(Box::new(Cluster::new(scenario.clone(), seed, on_violation, observer)?))
        }
        let Watching { trace, checks, trace_rows } = watching;
        let (nodes, way) = (scenario.nodes.founding(), (seed, on_violation));
        let rows = trace_rows.map_or(DEFAULT_MAX_ROWS, |rows| rows as usize);
        let recorder = || Recorder::new(nodes, trace, rows);
        Ok(match (trace, checks) {
            (Level::Off, false) => Self::Bare(cluster(scenario, way, ())?),
            (Level::Off, true) => Self::Checked(cluster(scenario, way, Checks::new(nodes))?),
            (_, false) => Self::Traced(cluster(scenario, way, recorder())?),
            (_, true) => Self::Both(cluster(scenario, way, (recorder(), Checks::new(nodes)))?),
        })
    }
}
