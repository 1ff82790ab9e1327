//! Multilevel splitting.

use std::sync::Arc;

use pyo3::prelude::*;

use super::convert::{from_json, invalid};
use super::patience::Patience;
use crate::check::Checks;
use crate::experiment::Scenario;
use crate::experiment::playable::with_protocol;
use crate::experiment::splitting::Ladder;

/// Climbs from level to level, `repeats` times. Returns the number of the `effort` runs that
/// reached each level, as a list per repetition; the numbers of runs and events; a run that reached
/// the last level, as a scenario and a seed; and the exception that interrupted it, if any.
#[pyfunction]
#[pyo3(signature = (scenario, levels, *, effort, repeats, seed, threads, checks=true, progress=None))]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
pub(super) fn climb(
    py: Python<'_>,
    scenario: &str,
    levels: Vec<String>,
    effort: u64,
    repeats: u64,
    seed: u64,
    threads: usize,
    checks: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Vec<Vec<u64>>, (u64, u64), Option<(String, u64)>, Option<Py<PyAny>>)> {
    let levels: PyResult<Vec<_>> = levels.iter().map(|level| from_json("levels", level)).collect();
    let scenario = Arc::new(Scenario::from_json(scenario)?);
    let nodes = scenario.nodes.founding();
    let ladder = Ladder { scenario, levels: levels?, effort, repeats, seed };
    ladder.validate()?;
    if effort == 0 || repeats == 0 {
        return Err(invalid("effort and repeats must be at least 1"));
    }
    let mut patience = Patience::new(progress);
    let ascents = py.detach(|| {
        let wait = |done| patience.look(done);
        with_protocol!(ladder.scenario.protocol, Node => if checks {
            ladder.climb::<Node, _>(threads, || Checks::new(nodes), wait)
        } else {
            ladder.climb::<Node, _>(threads, || (), wait)
        })
    });
    let reached = ascents.iter().map(|ascent| ascent.reached.clone()).collect();
    let runs = ascents.iter().map(|ascent| ascent.runs).sum();
    let events = ascents.iter().map(|ascent| ascent.events).sum();
    let example = ascents.into_iter().find_map(|ascent| ascent.example);
    let example = example.map(|(scenario, seed)| (scenario.to_json(), seed));
    Ok((reached, (runs, events), example, patience.interrupted(py)))
}
