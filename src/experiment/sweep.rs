//! Plays scenarios with many seeds, on all cores: one row per run.
//!
//! Runs are numbered: the k-th seed of the p-th point of the grid is run `p * seeds + k`. Any range
//! of them can be played anywhere, in pieces of any size and on any number of threads, with the
//! same rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::cluster::{Cluster, Ending};
use super::crew::crew;
use super::futures::{Moment, Way};
use super::metrics::{Finished, Holds, Measures, Metric, Value, extras};
use super::pace::Pace;
use super::playable::{Playable, ProtocolName, with_protocol};
use super::scenario::{OnViolation, Scenario, ScenarioError};
use super::watch::Watcher;
use crate::check::Checks;
use crate::protocol::Span;
use crate::sim::Time;

/// What to play, and what to record of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The points of the grid.
    pub points: Vec<Point>,
    /// The number of seeds with which each of them is played.
    pub seeds: u64,
    /// The metrics to record besides how a run ended.
    pub metrics: Vec<&'static Metric>,
    /// The width of the bins of a time series, if there is one.
    pub bins: Option<Span>,
    /// Whether invariants are checked.
    pub checks: bool,
    /// The effect of a violation on a run.
    pub on_violation: OnViolation,
}

/// A point of the grid.
#[derive(Clone, Debug)]
pub struct Point {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The first of its seeds.
    pub seed: u64,
    /// Where the runs branch, if they are futures of one run.
    pub moment: Option<Moment>,
}

/// Rows in columns. All columns have the same length except `violations`, `properties`, `errors`
/// and `series`, which refer to rows, in order.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The point of the grid.
    pub point: Vec<u32>,
    /// The seed.
    pub seed: Vec<u64>,
    /// How the run ended; `None` if it failed.
    pub ending: Vec<Option<Ending>>,
    /// When it ended, in milliseconds.
    pub end_ms: Vec<f64>,
    /// The number of violations, for runs with any.
    pub violations: Vec<(usize, u64)>,
    /// The properties that runs violated, in the order of their first violations.
    pub properties: Vec<(usize, Vec<&'static str>)>,
    /// The digest in hexadecimal digits.
    pub digest: Vec<[u8; 32]>,
    /// A column for each metric.
    pub metrics: Vec<Cells>,
    /// Why runs failed.
    pub errors: Vec<(usize, String)>,
    /// The bins of time.
    pub series: Series,
}

/// A column of metrics.
#[derive(Clone, Debug)]
pub enum Cells {
    /// Numbers; NaN if there is no value.
    Real(Vec<f64>),
    /// Counts.
    Count(Vec<u64>),
    /// Histograms.
    Histogram(Histograms),
}

/// A column of histograms.
#[derive(Clone, Debug, Default)]
pub struct Histograms {
    /// The number of buckets of each.
    pub lengths: Vec<usize>,
    /// The upper ends of the buckets, in milliseconds, of all histograms in order.
    pub ends_ms: Vec<f64>,
    /// The counts of the buckets.
    pub entries: Vec<u64>,
}

/// Bins of time in columns.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The row of the run.
    pub row: Vec<usize>,
    /// Where the bin begins, in milliseconds.
    pub time_ms: Vec<f64>,
    /// The fraction of the bin in which a leader had a quorum.
    pub available: Vec<f64>,
    /// Leaders elected.
    pub elections: Vec<u64>,
    /// Entries committed for the first time.
    pub committed: Vec<u64>,
    /// Writes acknowledged.
    pub acknowledged: Vec<u64>,
    /// Messages sent.
    pub sent: Vec<u64>,
}

impl Plan {
    /// The total number of runs.
    pub fn runs(&self) -> u64 {
        self.seeds.saturating_mul(self.points.len() as u64)
    }

    /// Whether to measure time: reading the clock twice takes longer than some events.
    fn asks_for_wall_time(&self) -> bool {
        self.metrics.iter().any(|metric| metric.of_the_clock)
    }

    /// Checks that it can be played.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        for point in &self.points {
            point.scenario.validate().map_err(ScenarioError::Invalid)?;
            let seeds = match &point.moment {
                Some(moment) => [moment.seed, moment.seed.wrapping_add(1)],
                None => [point.seed, point.seed.saturating_add(self.seeds - 1)],
            };
            seeds.iter().try_for_each(|seed| point.scenario.check_seed(*seed))?;
            if !self.checks && point.scenario.needs_checks() {
                return Err(ScenarioError::Invalid(
                    "stop: 'a property is violated' needs checks=True: without checks it never holds"
                        .into(),
                ));
            }
            let lasts = point.moment.as_ref().and_then(|moment| moment.duration);
            let end = lasts.map(|lasts| Time::ZERO + lasts).or_else(|| point.scenario.end());
            let end = end.unwrap_or(Time::ZERO);
            if let Some(bins) = self.bins
                && end.0 / bins.0.max(1) > MOST_BINS
            {
                return Err(ScenarioError::Invalid(format!(
                    "series: bins of {} ms make more than {MOST_BINS} of a run of {end}",
                    bins.as_ms()
                )));
            }
        }
        Ok(())
    }

    /// Plays runs of this plan on `threads` threads, and calls `wait` with the number of finished
    /// runs until all are done. If it returns false the threads stop, and the finished runs are
    /// kept.
    pub fn play(
        &self,
        runs: std::ops::Range<u64>,
        threads: usize,
        mut wait: impl FnMut(u64) -> bool,
    ) -> Rows {
        let mut stretches = self.stretches(runs);
        if stretches.len() == 1 {
            let (protocol, runs) = stretches.swap_remove(0);
            return with_protocol!(protocol, Node => {
                self.play_observed::<Node>(runs, threads, wait)
            });
        }
        let (mut rows, mut goes_on) = (Rows::new(&self.metrics), true);
        for (protocol, runs) in stretches.drain(..) {
            let before = rows.len() as u64;
            let wait = |done| {
                goes_on = wait(before + done);
                goes_on
            };
            let part =
                with_protocol!(protocol, Node => self.play_observed::<Node>(runs, threads, wait));
            rows.extend(&part, 0, part.len());
            if !goes_on {
                break;
            }
        }
        rows
    }

    /// The runs, cut where points of another protocol begin.
    fn stretches(&self, runs: std::ops::Range<u64>) -> Vec<(ProtocolName, std::ops::Range<u64>)> {
        let mut stretches: Vec<(ProtocolName, std::ops::Range<u64>)> = Vec::new();
        for (at, point) in (0..).zip(&self.points) {
            let first = runs.start.max(at * self.seeds);
            let last = runs.end.min((at + 1) * self.seeds);
            let protocol = point.scenario.protocol;
            match stretches.last_mut() {
                _ if first >= last => {}
                Some((before, runs)) if *before == protocol => runs.end = last,
                _ => stretches.push((protocol, first..last)),
            }
        }
        stretches
    }

    fn play_observed<P: Playable>(
        &self,
        runs: std::ops::Range<u64>,
        threads: usize,
        wait: impl FnMut(u64) -> bool,
    ) -> Rows {
        match (extras(&self.metrics, self.bins), self.checks) {
            (None, false) => self.play_watched::<P, _>(runs, threads, |_| (), wait),
            (None, true) => self.play_watched::<P, _>(runs, threads, Checks::new, wait),
            (Some(extras), false) => {
                self.play_watched::<P, _>(runs, threads, |nodes| Measures::new(nodes, extras), wait)
            }
            (Some(extras), true) => self.play_watched::<P, _>(
                runs,
                threads,
                |nodes| (Measures::new(nodes, extras), Checks::new(nodes)),
                wait,
            ),
        }
    }

    fn play_watched<P: Playable, O: Watcher<P>>(
        &self,
        runs: std::ops::Range<u64>,
        threads: usize,
        observer: impl Fn(usize) -> O + Sync,
        mut wait: impl FnMut(u64) -> bool,
    ) -> Rows {
        let count = runs.end.saturating_sub(runs.start);
        let workers = (threads as u64).clamp(1, count.max(1));
        let chunk = (count / (workers * PIECES)).clamp(1, MOST_AT_ONCE);
        let (next, done) = (AtomicU64::new(runs.start), AtomicU64::new(0));
        let stop = AtomicBool::new(false);
        let work = || {
            let timed = self.asks_for_wall_time();
            let mut player = Player {
                plan: self,
                observer: &observer,
                stop: &stop,
                timed,
                pace: Pace::default(),
                stage: None,
            };
            let mut pieces = Pieces::new(self);
            loop {
                let from = next.fetch_add(chunk, Ordering::Relaxed);
                if from >= runs.end || stop.load(Ordering::Relaxed) {
                    break;
                }
                pieces.begin(from);
                let last = runs.end.min(from + chunk);
                let finished = (from..last).take_while(|run| player.play(*run, &mut pieces.rows));
                // Threads synchronize once per chunk.
                done.fetch_add(finished.count() as u64, Ordering::Relaxed);
            }
            pieces
        };
        let pieces = crew(workers, work, || {
            if !wait(done.load(Ordering::Relaxed)) {
                stop.store(true, Ordering::Relaxed);
            }
        });
        Pieces::in_order(self, pieces)
    }
}

/// The number of pieces into which each thread's share is cut: many, so that threads finish
/// together.
const PIECES: u64 = 64;
/// The maximum runs of a piece: enough that threads seldom synchronize, few enough to show
/// progress.
const MOST_AT_ONCE: u64 = 64;
/// The maximum number of bins in one run's time series.
const MOST_BINS: u64 = 1_000_000;

/// Plays one run after another, reusing memory while they belong to the same point.
struct Player<'a, P: Playable, O: Watcher<P>, F> {
    plan: &'a Plan,
    observer: &'a F,
    stop: &'a AtomicBool,
    timed: bool,
    pace: Pace,
    stage: Option<Stage<P, O>>,
}

/// A cluster in its initial state, and the one that runs.
struct Stage<P: Playable, O: Watcher<P>> {
    point: u64,
    rest: Cluster<P, O>,
    way: Way,
    cluster: Cluster<P, O>,
}

impl<P: Playable, O: Watcher<P>, F: Fn(usize) -> O> Player<'_, P, O, F> {
    /// Plays a run and writes its row; false if it was stopped before the end.
    fn play(&mut self, run: u64, rows: &mut Rows) -> bool {
        let (point, k) = (run / self.plan.seeds, run % self.plan.seeds);
        let seed = self.plan.points[point as usize].seed + k;
        let result = catch_unwind(AssertUnwindSafe(|| self.try_to_play(point, seed, rows)));
        match result {
            Ok(finished) => finished,
            Err(panic) => {
                self.stage = None; // its state is undefined after a panic
                rows.push_failed(point as u32, seed, panic_text(panic.as_ref()));
                true
            }
        }
    }

    fn try_to_play(&mut self, point: u64, seed: u64, rows: &mut Rows) -> bool {
        if self.stage.as_ref().is_none_or(|stage| stage.point != point) {
            self.stage = self.stage_for(point);
        }
        let Some(Stage { rest, way, cluster, .. }) = &mut self.stage else { return false };
        let started = self.timed.then(Instant::now);
        cluster.clone_from(rest);
        let mut way = way.clone();
        let before = cluster.world().counters();
        if self.plan.points[point as usize].moment.is_some() {
            way.part(cluster, seed);
        } else if let Err(error) = cluster.begin(seed) {
            rows.push_failed(point as u32, seed, error.to_string());
            return true;
        }
        self.pace.begin();
        let ending = loop {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            if let Some(ending) = way.go_on(cluster, self.pace.events()) {
                break ending;
            }
            if let Err(why) = cluster.check_size() {
                rows.push_failed(point as u32, seed, why);
                return true;
            }
            self.pace.slice_ends();
        };
        let end = cluster.world().now();
        cluster.world_mut().observer_mut().finish(end);
        let finished = Finished::new(
            cluster,
            ending,
            before,
            started.map(|at| at.elapsed()).unwrap_or_default(),
        );
        rows.push(point as u32, seed, &finished, &self.plan.metrics);
        true
    }

    /// The initial state of a point's runs; `None` if it was stopped before reaching it.
    fn stage_for(&self, point: u64) -> Option<Stage<P, O>> {
        let Point { scenario, moment, .. } = &self.plan.points[point as usize];
        let observer = (self.observer)(scenario.nodes.founding());
        let on_violation = self.plan.on_violation;
        let mut rest = Cluster::at_rest(Arc::clone(scenario), on_violation, observer);
        let mut way = Way::default();
        if let Some(moment) = moment {
            if rest.begin(moment.seed).is_err() {
                unreachable!("the plan was validated");
            }
            let mut pace = Pace::default();
            while !way.reach(&mut rest, moment, pace.events()) {
                pace.slice_ends();
                if self.stop.load(Ordering::Relaxed) {
                    return None;
                }
            }
            let now = rest.world().now();
            rest.world_mut().observer_mut().restart(now);
        }
        Some(Stage { point, cluster: rest.clone(), way, rest })
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a bug in raftlab: {}", text.unwrap_or("it panicked"))
}

impl Rows {
    fn new(metrics: &[&'static Metric]) -> Self {
        let cells = |metric: &&Metric| match metric.holds {
            Holds::Real => Cells::Real(Vec::new()),
            Holds::Count => Cells::Count(Vec::new()),
            Holds::Histogram => Cells::Histogram(Histograms::default()),
        };
        Self { metrics: metrics.iter().map(cells).collect(), ..Self::default() }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.seed.len()
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.seed.is_empty()
    }

    fn push(&mut self, point: u32, seed: u64, run: &Finished<'_>, metrics: &[&'static Metric]) {
        for (cells, metric) in self.metrics.iter_mut().zip(metrics) {
            match (cells, metric.of(run)) {
                (Cells::Real(cells), Value::Real(value)) => cells.push(value.unwrap_or(f64::NAN)),
                (Cells::Count(cells), Value::Count(count)) => cells.push(count),
                (Cells::Histogram(cells), Value::Histogram(latency)) => {
                    cells.push(latency.buckets());
                }
                _ => unreachable!("a metric's values have the type that it declares"),
            }
        }
        let row = self.seed.len();
        self.series.push(row, run);
        if !run.properties.is_empty() {
            self.properties.push((row, run.properties.clone()));
        }
        self.point.push(point);
        self.seed.push(seed);
        self.ending.push(Some(run.ending));
        self.end_ms.push(run.end.as_ms());
        if run.violations > 0 {
            self.violations.push((row, run.violations));
        }
        self.digest.push(run.digest.hex());
    }

    fn push_failed(&mut self, point: u32, seed: u64, why: String) {
        // One metric may have been written before another one failed.
        let row = self.seed.len();
        for cells in &mut self.metrics {
            match cells {
                Cells::Real(cells) => {
                    cells.truncate(row);
                    cells.push(f64::NAN);
                }
                Cells::Count(cells) => {
                    cells.truncate(row);
                    cells.push(0);
                }
                Cells::Histogram(cells) => {
                    cells.truncate(row);
                    cells.push([].into_iter());
                }
            }
        }
        self.errors.push((row, why));
        self.point.push(point);
        self.seed.push(seed);
        self.ending.push(None);
        self.end_ms.push(f64::NAN);
        self.digest.push([b'0'; 32]);
    }

    /// Appends rows `from..to` of others.
    fn extend(&mut self, others: &Rows, from: usize, to: usize) {
        let (by, range) = (self.len(), from..to);
        let moved = |row: usize| row - from + by;
        for (cells, more) in self.metrics.iter_mut().zip(&others.metrics) {
            match (cells, more) {
                (Cells::Real(cells), Cells::Real(more)) => cells.extend(&more[range.clone()]),
                (Cells::Count(cells), Cells::Count(more)) => cells.extend(&more[range.clone()]),
                (Cells::Histogram(cells), Cells::Histogram(more)) => cells.extend(more, &range),
                _ => unreachable!("rows of one plan have the same columns"),
            }
        }
        extend_some(&mut self.errors, &others.errors, &range, moved);
        extend_some(&mut self.properties, &others.properties, &range, moved);
        extend_some(&mut self.violations, &others.violations, &range, moved);
        self.series.extend(&others.series, &range, moved);
        self.point.extend(&others.point[range.clone()]);
        self.seed.extend(&others.seed[range.clone()]);
        self.ending.extend(&others.ending[range.clone()]);
        self.end_ms.extend(&others.end_ms[range.clone()]);
        self.digest.extend(&others.digest[range]);
    }
}

impl Histograms {
    fn push(&mut self, buckets: impl Iterator<Item = (f64, u64)>) {
        let before = self.ends_ms.len();
        for (end_ms, entries) in buckets {
            self.ends_ms.push(end_ms);
            self.entries.push(entries);
        }
        self.lengths.push(self.ends_ms.len() - before);
    }

    fn truncate(&mut self, rows: usize) {
        self.lengths.truncate(rows);
        let buckets = self.lengths.iter().sum();
        self.ends_ms.truncate(buckets);
        self.entries.truncate(buckets);
    }

    fn extend(&mut self, others: &Self, rows: &std::ops::Range<usize>) {
        let from = others.lengths[..rows.start].iter().sum::<usize>();
        let to = from + others.lengths[rows.clone()].iter().sum::<usize>();
        self.lengths.extend(&others.lengths[rows.clone()]);
        self.ends_ms.extend(&others.ends_ms[from..to]);
        self.entries.extend(&others.entries[from..to]);
    }
}

/// Appends the cells of some rows of others, with new row numbers.
fn extend_some<T: Clone>(
    told: &mut Vec<(usize, T)>,
    others: &[(usize, T)],
    rows: &std::ops::Range<usize>,
    moved: impl Fn(usize) -> usize,
) {
    let from = others.partition_point(|(row, _)| *row < rows.start);
    let to = others.partition_point(|(row, _)| *row < rows.end);
    told.extend(others[from..to].iter().map(|(row, what)| (moved(*row), what.clone())));
}

impl Series {
    fn push(&mut self, row: usize, run: &Finished<'_>) {
        let Some(series) = run.measures.and_then(|measures| measures.series.as_ref()) else {
            return;
        };
        for (from, width, bin) in series.bins(run.end) {
            self.row.push(row);
            self.time_ms.push(from as f64 / 1e6);
            self.available.push(if width == 0 { 0.0 } else { bin.available as f64 / width as f64 });
            self.elections.push(bin.elections);
            self.committed.push(bin.committed);
            self.acknowledged.push(bin.acknowledged);
            self.sent.push(bin.sent);
        }
    }

    /// Appends the bins of some rows of others, with new row numbers.
    fn extend(
        &mut self,
        others: &Series,
        rows: &std::ops::Range<usize>,
        moved: impl Fn(usize) -> usize,
    ) {
        let from = others.row.partition_point(|row| *row < rows.start);
        let to = others.row.partition_point(|row| *row < rows.end);
        let range = from..to;
        self.row.extend(others.row[range.clone()].iter().map(|row| moved(*row)));
        self.time_ms.extend(&others.time_ms[range.clone()]);
        self.available.extend(&others.available[range.clone()]);
        self.elections.extend(&others.elections[range.clone()]);
        self.committed.extend(&others.committed[range.clone()]);
        self.acknowledged.extend(&others.acknowledged[range.clone()]);
        self.sent.extend(&others.sent[range]);
    }
}

/// The rows of one thread, and where each piece of work begins among them.
struct Pieces {
    rows: Rows,
    /// The first run of each piece, and its first row.
    begun: Vec<(u64, usize)>,
}

impl Pieces {
    fn new(plan: &Plan) -> Self {
        Self { rows: Rows::new(&plan.metrics), begun: Vec::new() }
    }

    fn begin(&mut self, run: u64) {
        self.begun.push((run, self.rows.len()));
    }

    /// The rows of all threads, in the order of the runs.
    fn in_order(plan: &Plan, mut all: Vec<Pieces>) -> Rows {
        if all.len() == 1 {
            // A single thread plays in order.
            return all.swap_remove(0).rows;
        }
        let mut order: Vec<(u64, usize, usize, usize)> = Vec::new();
        for (who, pieces) in all.iter().enumerate() {
            for (at, (run, from)) in pieces.begun.iter().enumerate() {
                let to = pieces.begun.get(at + 1).map_or(pieces.rows.len(), |(_, row)| *row);
                order.push((*run, who, *from, to));
            }
        }
        order.sort_unstable();
        let mut rows = Rows::new(&plan.metrics);
        for (_, who, from, to) in order {
            rows.extend(&all[who].rows, from, to);
        }
        rows
    }
}
