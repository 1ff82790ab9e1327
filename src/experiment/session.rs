//! A session: a cluster that is driven by hand. What is done is recorded, so that it replays, and
//! invalid actions are refused.
//!
//! Time passes in slices, so that the caller can stop in between: [`Session::run`] and the like
//! give a [`Drive`], [`Session::go_on`] plays a slice of it, and [`Session::end`] records it.

use std::sync::Arc;

use super::cluster::{Cluster, Done, Ending, Goal, Mark, Position, Progress};
use super::playable::Playable;
use super::playable::{Watched, either};
use super::scenario::{OnViolation, Scenario, ScenarioError};
use super::step::{Action, Step};
use super::watch::Watcher;
use super::watched::Watching;
use crate::fault::{Condition, Names, When};
use crate::protocol::{NodeId, OpId, Span};
use crate::sim::Time;
use crate::sim::time::millis::LONGEST_MS;

const UNCHECKED: &str =
    "the condition 'a property is violated' needs checks=True: without checks it never holds";

/// A cluster that is driven by hand.
#[derive(Clone)]
pub struct Session {
    /// The cluster.
    pub cluster: Watched,
    watching: Watching,
    position: Position,
}

/// A stretch of time that a session plays.
pub struct Drive {
    until: Time,
    goal: Option<Goal>,
    /// The number of events, counted from the beginning of the run, after which it ends.
    last: u64,
    start: Mark,
    before: u64,
    how: How,
}

/// What was asked for, which is recorded if it was played to its end.
enum How {
    For(Span),
    Until { condition: Condition, limit: Span },
    Events { python: bool },
}

impl Session {
    /// A session at the beginning of a scenario, before any event.
    pub fn new(
        scenario: &Arc<Scenario>,
        seed: u64,
        on_violation: OnViolation,
        watching: Watching,
    ) -> Result<Self, ScenarioError> {
        if !watching.checks && scenario.needs_checks() {
            return Err(ScenarioError::Invalid(UNCHECKED.into()));
        }
        let cluster = Watched::new(scenario, seed, on_violation, watching)?;
        Ok(Self { cluster, watching, position: Position::default() })
    }

    // ---- Time ----------------------------------------------------------------------------------

    /// Plays a slice of the scenario; an error if the run exceeds a limit.
    pub fn play(&mut self, events: u64, until: Time) -> Result<Option<Ending>, String> {
        let position = &mut self.position;
        either!(&mut self.cluster, cluster => {
            cluster.check_size()?;
            Ok(cluster.play(position, events, until))
        })
    }

    /// To let some time pass.
    pub fn run(&mut self, span: Span) -> Result<Drive, String> {
        Ok(self.drive(self.later("duration", span)?, None, u64::MAX, How::For(span)))
    }

    /// To let time pass until a condition holds.
    pub fn run_until(&mut self, condition: Condition, limit: Span) -> Result<Drive, String> {
        condition.validate(self.names())?;
        if condition.needs_checks() && !self.watching.checks {
            return Err(UNCHECKED.into());
        }
        let goal = either!(&self.cluster, cluster => cluster.goal(condition.clone()));
        let until = self.later("limit", limit)?;
        Ok(self.drive(until, Some(goal), u64::MAX, How::Until { condition, limit }))
    }

    /// To dispatch some events that are due before a time. `python` marks them as steps towards a
    /// Python predicate.
    pub fn step(&mut self, count: u64, until: Time, python: bool) -> Drive {
        self.drive(until, None, count, How::Events { python })
    }

    fn drive(&mut self, until: Time, goal: Option<Goal>, events: u64, how: How) -> Drive {
        let steps = matches!(how, How::Events { .. });
        either!(&mut self.cluster, cluster => cluster.keep_last_event(steps));
        let (start, before) = (self.mark(), self.events());
        Drive { until, goal, last: before.saturating_add(events), start, before, how }
    }

    /// Plays a slice of at most `events` events; `None` if there is more to play. An error if the
    /// run exceeds a limit.
    pub fn go_on(&mut self, drive: &mut Drive, events: u64) -> Result<Option<Progress>, String> {
        let left = drive.last.saturating_sub(self.events());
        let progress = either!(&mut self.cluster, cluster => {
            cluster.check_size()?;
            cluster.run(drive.until, left.min(events), drive.goal.as_mut())
        });
        let goes_on = progress == Progress::Events && self.events() < drive.last;
        Ok((!goes_on).then_some(progress))
    }

    /// Records what was played: as it was asked for if that was reached, else how far it came. The
    /// number of events that were dispatched.
    pub fn end(&mut self, drive: Drive, reached: Option<Progress>) -> u64 {
        let Drive { until, start, before, how, .. } = drive;
        let dispatched = self.events() - before;
        let failed = self.tap_failed();
        match (how, reached) {
            (How::Events { python }, Some(Progress::Events)) => {
                self.record(Step::Events { count: dispatched, python });
            }
            (How::Events { python }, _) => self.record_since(start, python),
            (How::For(span), Some(Progress::Time)) if !failed => self.record(Step::Run(span)),
            (How::Until { condition, limit }, Some(Progress::Condition)) if !failed => {
                self.record(Step::RunUntil { until: condition, limit });
            }
            (How::Until { .. }, Some(Progress::Time)) if !failed => {
                self.record(Step::RunTo(until));
            }
            _ => self.record_since(start, false),
        }
        dispatched
    }

    /// Now plus `span`, if it is within the longest run.
    fn later(&self, what: &str, span: Span) -> Result<Time, String> {
        let until = self.now().as_ms() + span.as_ms();
        if until > LONGEST_MS {
            return Err(format!(
                "{what}: a run lasts at most 100 days ({LONGEST_MS} ms); this one would go on to {until} ms"
            ));
        }
        Ok(self.now() + span)
    }

    // ---- Actions -------------------------------------------------------------------------------

    /// Performs an action and records it, unless it is invalid now.
    pub fn act(&mut self, action: Action) -> Result<Done, String> {
        if action.needs_checks() && !self.watching.checks {
            return Err(UNCHECKED.into());
        }
        let done = either!(&mut self.cluster, cluster => {
            cluster.scenario().validate_action(&action)?;
            refuse(cluster, &action)?;
            cluster.act(&action)
        });
        self.record(Step::Do(action));
        Ok(done)
    }

    /// Continues with the random draws of another seed.
    pub fn reseed(&mut self, seed: u64) {
        either!(&mut self.cluster, cluster => cluster.reseed(seed));
        self.record(Step::Reseed(seed));
    }

    fn record(&mut self, step: Step) {
        either!(&mut self.cluster, cluster => cluster.record(step));
    }

    fn record_since(&mut self, mark: Mark, python: bool) {
        either!(&mut self.cluster, cluster => cluster.record_since(mark, python));
    }

    // ---- State ---------------------------------------------------------------------------------

    /// What is observed.
    pub fn watching(&self) -> Watching {
        self.watching
    }

    /// The script of its history; with `up_to_now` one that ends now.
    pub fn script(&self, up_to_now: bool) -> Scenario {
        either!(&self.cluster, cluster => {
            if up_to_now { cluster.script_up_to_now() } else { cluster.script() }
        })
    }

    /// Whether an interceptor or a watcher has failed, and its error was not yet taken.
    pub fn tap_failed(&self) -> bool {
        either!(&self.cluster, cluster => cluster.world().tap_failed())
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        either!(&self.cluster, cluster => cluster.seed())
    }

    /// The time.
    pub fn now(&self) -> Time {
        either!(&self.cluster, cluster => cluster.world().now())
    }

    /// The number of events that were dispatched.
    pub fn events(&self) -> u64 {
        either!(&self.cluster, cluster => cluster.events())
    }

    /// The names of the nodes.
    pub fn names(&self) -> &Names {
        either!(&self.cluster, cluster => &cluster.scenario().nodes)
    }

    fn mark(&self) -> Mark {
        either!(&self.cluster, cluster => cluster.mark())
    }
}

/// Refuses an action that is invalid in the present state of the cluster.
fn refuse<P: Playable, O: Watcher<P>>(
    cluster: &Cluster<P, O>,
    action: &Action,
) -> Result<(), String> {
    let now = cluster.world().now();
    let past = |time: Time| format!("a time must not be in the past: {time} is before now, {now}");
    match action {
        Action::At { time, .. } if *time < now => Err(past(*time)),
        Action::Inject(fault) => {
            let Some(When::Time(time)) = &fault.at else { return Ok(()) };
            match time.as_constant() {
                Some(at) if Time::ZERO + at < now => Err(past(Time::ZERO + at)),
                _ => Ok(()),
            }
        }
        Action::Heal { handle: Some(handle) } if !cluster.knows_handle(*handle) => {
            Err(format!("no fault of this cluster has the handle {handle}"))
        }
        Action::Retry { op, .. } | Action::GiveUp { op }
            if !cluster.world().ops().contains_key(&OpId(*op)) =>
        {
            Err(format!("no operation of this cluster has the id {op}"))
        }
        Action::Message { message, .. } => {
            let id = cluster.scenario().message_id(message)?;
            if cluster.is_in_flight(id) {
                return Ok(());
            }
            Err(format!(
                "message {} from {} to {} is not in flight",
                message.ordinal, message.from, message.to
            ))
        }
        Action::Campaign { node } => {
            let id: NodeId = cluster.scenario().nodes.id(node)?;
            if cluster.world().is_up(id) && !cluster.world().is_paused(id) {
                return Ok(());
            }
            Err(format!("{node} cannot campaign: it is down or paused"))
        }
        _ => Ok(()),
    }
}
