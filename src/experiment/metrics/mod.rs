//! Metrics: the columns of a sweep that describe a run.
//!
//! [`METRICS`] defines each once, with its unit, its meaning and how it is computed from a finished
//! run; names in Python, columns and documentation follow from there. [`Measures`] collects what
//! must be observed during the run, in memory that does not grow with it; a sweep that needs no
//! such metric runs without an observer.

mod availability;
mod changes;
mod elections;
mod latency;
mod measures;
mod series;

use std::sync::LazyLock;

pub use availability::Availability;
pub use changes::Changes;
pub use elections::Elections;
pub use latency::Latency;
pub use measures::{Extras, Measures, TYPES};
pub use series::{Bin, Series};

use super::cluster::{Cluster, Ending};
use super::playable::Playable;
use super::watch::Watcher;
use crate::check::{Checks, PROPERTIES};
use crate::protocol::{Message, NodeId, Span};
use crate::raft::RaftMessage;
use crate::sim::world::Counters;
use crate::sim::{Digest, Time};

/// The result of a run, from which metrics are computed.
pub struct Finished<'a> {
    /// How it ended.
    pub ending: Ending,
    /// When it ended.
    pub end: Time,
    /// When the last fault struck; the beginning of the run if none did.
    pub last_strike: Time,
    /// The world's counters.
    pub counters: Counters,
    /// The highest term at the end.
    pub highest_term: u64,
    /// The highest commitIndex at the end.
    pub commit_index: u64,
    /// The number of violations.
    pub violations: u64,
    /// The properties that were violated, in the order of their first violations.
    pub properties: Vec<&'static str>,
    /// The digest.
    pub digest: Digest,
    /// The number of violations of each of [`PROPERTIES`]; empty if there was none.
    pub by_property: Vec<u64>,
    /// The number of acknowledged writes that were lost.
    pub lost_writes: u64,
    /// The measures, if any were taken.
    pub measures: Option<&'a Measures>,
    /// The wall-clock time of the run.
    pub wall: std::time::Duration,
}

impl<'a> Finished<'a> {
    /// The result of a finished cluster; `before` are counts to subtract, from before the run
    /// began.
    pub fn new<P: Playable, O: Watcher<P>>(
        cluster: &'a Cluster<P, O>,
        ending: Ending,
        before: Counters,
        wall: std::time::Duration,
    ) -> Self {
        let world = cluster.world();
        let watcher = world.observer();
        let nodes = || (0..world.len()).map(|i| world.node(NodeId::from(i)));
        let violations = watcher.violation_count() as u64;
        let broken = violations > 0;
        Self {
            ending,
            end: world.now(),
            last_strike: cluster.last_strike(),
            counters: world.counters().since(before),
            highest_term: nodes().map(P::term).max().unwrap_or(0),
            commit_index: nodes().map(|node| node.status().commit_index).max().unwrap_or(0),
            violations,
            properties: if broken { watcher.violated_properties() } else { Vec::new() },
            by_property: if broken {
                PROPERTIES.iter().map(|property| watcher.violations_of(property.name)).collect()
            } else {
                Vec::new()
            },
            digest: world.digest(),
            lost_writes: watcher.checks().map_or(0, Checks::lost_writes),
            measures: watcher.measures(),
            wall,
        }
    }
}

/// A cell.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A number with a unit; `None` if the metric has no value.
    Real(Option<f64>),
    /// A count.
    Count(u64),
    /// A histogram.
    Histogram(&'a Latency),
}

/// The type of a metric's cells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holds {
    /// Numbers with a unit; null if there is none.
    Real,
    /// Counts.
    Count,
    /// Histograms.
    Histogram,
}

/// What a metric needs to have observed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needs {
    /// Nothing: the world counts it anyway.
    Nothing,
    /// The checks; null where they are off.
    Checks,
    /// [`Measures`].
    Measures,
    /// [`Measures`] with [`Latency`].
    Latency,
}

/// A metric.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Its name, with the unit if it has one.
    pub name: String,
    /// Its group, which can be selected as a whole.
    pub group: &'static str,
    /// The unit; empty if there is none.
    pub unit: &'static str,
    /// What it means, and when it is null.
    pub meaning: String,
    /// The type of its cells.
    pub holds: Holds,
    /// True if it is a column by default.
    pub default: bool,
    /// The metric that holds the censored waiting time when this one is null.
    pub censored_by: &'static str,
    /// What it needs to have observed.
    pub needs: Needs,
    /// True if it measures wall-clock time, and so differs between runs of the same scenario and
    /// seed.
    pub of_the_clock: bool,
    /// The property whose violations it counts: a run that stopped at another violation does not
    /// determine it.
    pub property: &'static str,
    value: for<'a> fn(&Finished<'a>, usize) -> Value<'a>,
    at: usize,
}

impl Metric {
    /// Its value for a run.
    #[inline]
    pub fn of<'a>(&self, run: &Finished<'a>) -> Value<'a> {
        (self.value)(run, self.at)
    }

    /// True if a run that ended like this, with these properties violated, determines it.
    pub fn is_known(&self, ending: Ending, violated: &[&str]) -> bool {
        let other = ending == Ending::Violation && !violated.contains(&self.property);
        self.property.is_empty() || !other
    }

    /// True if `"all"` includes it: one number per run, the same every time.
    fn is_ordinary(&self) -> bool {
        self.holds != Holds::Histogram && !self.of_the_clock
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

macro_rules! metrics {
    ($($group:literal { $($name:ident $kind:ident $unit:literal $needs:ident $(($($mark:ident $by:literal)*))?,
        $meaning:literal, |$run:ident $(, $at:ident)?| $value:expr;)* })*) => {
        fn table() -> Vec<Metric> {
            vec![$($({
                #[allow(unused_mut)] // most metrics have no mark
                let mut metric = Metric {
                    name: stringify!($name).to_owned(),
                    group: $group,
                    unit: $unit,
                    meaning: $meaning.to_owned(),
                    holds: Holds::$kind,
                    default: false,
                    censored_by: "",
                    needs: Needs::$needs,
                    of_the_clock: false,
                    property: "",
                    value: |$run, _at| Value::$kind($value),
                    at: 0,
                };
                $($(metrics!(@$mark metric $by);)*)?
                metric
            }),*),*]
        }
    };
    (@default $metric:ident $by:literal) => { $metric.default = $by };
    (@of_the_clock $metric:ident $by:literal) => { $metric.of_the_clock = $by };
    (@property $metric:ident $by:literal) => { $metric.property = $by };
    (@censored_by $metric:ident $by:literal) => { $metric.censored_by = $by };
}

/// The run's measures. A metric that needs them is computed only for runs that have them.
macro_rules! of {
    ($run:ident) => {
        match $run.measures {
            Some(measures) => measures,
            None => unreachable!("a metric that needs measures is computed only for measured runs"),
        }
    };
}

macro_rules! latency {
    ($run:ident) => {
        match &of!($run).latency {
            Some(latency) => latency,
            None => {
                unreachable!(
                    "a metric that needs latencies is computed only where they were measured"
                )
            }
        }
    };
}

metrics! {
    "availability" {
        time_to_leader_ms Real "ms" Measures (default true censored_by "unavailable_ms"),
            "from the beginning (for a future: from its branching time) until a leader could exchange messages with a quorum; null if none did: unavailable_ms is then the time waited",
            |run| of!(run).availability.first().map(Span::as_ms);
        downtime_ms Real "ms" Measures (default true censored_by "downtime_so_far_ms"),
            "from the loss of a leader with a quorum to the next such leader, mean over the run's losses; null if there was none, or if one had not ended: see downtime_so_far_ms",
            |run| {
                let t = of!(run).availability.totals(run.end);
                t.open.is_none().then(|| t.mean_down()).flatten()
            };
        downtime_so_far_ms Real "ms" Measures (default true),
            "a lower bound of downtime_ms: the mean over the run's losses, with an unfinished one counted up to the end of the run; null if all had ended",
            |run| {
                let t = of!(run).availability.totals(run.end);
                t.open.and_then(|_| t.mean_down())
            };
        downtime_open_ms Real "ms" Measures,
            "the duration so far of a loss that had not ended when the run did; null if there was none",
            |run| of!(run).availability.totals(run.end).open.map(ms);
        recoveries Count "" Measures,
            "the number of losses that ended before the run did",
            |run| of!(run).availability.totals(run.end).recoveries;
        leader_losses Count "" Measures (default true),
            "the number of times that a leader with a quorum was lost: by a crash, a cut, a pause or by stepping down",
            |run| of!(run).availability.totals(run.end).losses;
        unavailable_ms Real "ms" Measures (default true),
            "the total time without a leader that has a quorum, including the time before the first leader",
            |run| Some(ms(of!(run).availability.totals(run.end).unavailable));
        unavailable_fraction Real "" Measures,
            "the fraction of the run without a leader that has a quorum; null for a run of zero duration",
            |run| {
                let lasted = run.end.since(of!(run).availability.begun()).0;
                (lasted > 0).then(|| of!(run).availability.totals(run.end).unavailable as f64 / lasted as f64)
            };
        longest_unavailable_ms Real "ms" Measures,
            "the longest continuous time without a leader that has a quorum; an unfinished one counts up to the end of the run",
            |run| Some(ms(of!(run).availability.totals(run.end).longest));
        since_last_fault_ms Real "ms" Nothing,
            "from the last strike of a fault to the end of the run",
            |run| Some(ms(run.end.since(run.last_strike).0));
    }
    "leadership" {
        elections Count "" Nothing (default true),
            "the number of times that a node became leader",
            |run| run.counters.elections;
        split_votes Count "" Measures (default true),
            "terms with two or more candidates and no winner; the highest term is not counted, since it may still be won",
            |run| of!(run).elections.split_votes();
        terms_unwon Count "" Measures,
            "terms with a candidate and no winner: split votes, and candidates that were refused, cut off or crashed; the highest term is not counted, since it may still be won",
            |run| of!(run).elections.unwon();
        candidacies Count "" Measures,
            "the number of times that a node became a candidate",
            |run| of!(run).elections.candidacies;
        prevotes Count "" Measures,
            "the number of times that a node started a PreVote",
            |run| of!(run).elections.asked;
        leader_changes Count "" Measures,
            "the number of times that a different node became leader",
            |run| of!(run).elections.changes;
        false_elections Count "" Measures,
            "terms started while there was a leader with a quorum, including those of a node that is cut off and disturbs no other node yet",
            |run| of!(run).elections.disruptions;
        last_elected_ms Real "ms" Measures,
            "when a node last became leader; null if none did",
            |run| of!(run).elections.last.map(Time::as_ms);
        highest_term Count "" Nothing (default true),
            "the highest term of any node at the end",
            |run| run.highest_term;
    }
    "membership" {
        membership_changes Count "" Measures,
            "changes of the membership that were done",
            |run| of!(run).changes.done;
        membership_change_ms Real "ms" Measures,
            "from the request of a change to its answer, mean over the changes that were done: the \
             commit of its configuration, for a joint one without stay= the commit of that \
             after it; null if none was done",
            |run| of!(run).changes.mean();
        membership_changes_open Count "" Measures,
            "changes of the membership that had no answer when the run ended",
            |run| of!(run).changes.open();
        unavailable_in_changes_ms Real "ms" Measures,
            "the time without a leader that has a quorum while a change of the membership had no \
             answer",
            |run| Some(of!(run).changes.unavailable(run.end, &of!(run).availability).as_ms());
        transfers Count "" Measures,
            "the number of times that a leader stepped down for the node to which it was asked to \
             hand over",
            |run| of!(run).changes.transfers;
        transfer_gap_ms Real "ms" Measures,
            "from such a step-down to the next leader, mean over those that a leader followed; \
             null if there were none",
            |run| of!(run).changes.mean_gap();
    }
    "messages" {
        sent Count "" Measures (default true),
            "messages sent",
            |run| of!(run).sent.iter().sum();
        delivered Count "" Nothing,
            "messages that a node received",
            |run| run.counters.delivered;
        lost_messages Count "" Measures,
            "messages that a cut or the network lost",
            |run| of!(run).lost_messages;
        sent_bytes Count "B" Measures,
            "bytes of all messages sent, with headers, keys and values",
            |run| of!(run).bytes.iter().sum();
    }
    "clients" {
        proposals Count "" Measures,
            "writes that clients requested, each counted once however often it was retried",
            |run| of!(run).clients.proposals;
        acknowledged Count "" Measures,
            "writes that were acknowledged to clients",
            |run| of!(run).clients.acknowledged;
        lost_writes Count "" Checks (property "acknowledged_write_lost"),
            "acknowledged writes that were missing from some later leader's log, or from a committed log, each counted once; null without checks, and where the run stopped at the violation of another property",
            |run| run.lost_writes;
        reads Count "" Measures,
            "reads that clients requested, each counted once however often it was retried",
            |run| of!(run).clients.reads;
        served Count "" Measures,
            "reads that were answered",
            |run| of!(run).clients.served;
        failed Count "" Measures,
            "operations that are known not to have been done",
            |run| of!(run).clients.failed;
        unknown Count "" Measures,
            "operations whose outcome the client does not know",
            |run| of!(run).clients.unknown;
    }
    "commit_latency" {
        commit_latency_mean_ms Real "ms" Latency,
            "the mean time from a leader's append of an entry to its commit by the same leader; null without such entries",
            |run| latency!(run).mean();
        commit_latency_p50_ms Real "ms" Latency,
            "the median commit latency (to within 0.1 %)",
            |run| latency!(run).quantile(0.5);
        commit_latency_p90_ms Real "ms" Latency,
            "the 90th percentile of the commit latency",
            |run| latency!(run).quantile(0.9);
        commit_latency_p99_ms Real "ms" Latency,
            "the 99th percentile of the commit latency",
            |run| latency!(run).quantile(0.99);
        commit_latency_p999_ms Real "ms" Latency,
            "the 99.9th percentile of the commit latency",
            |run| latency!(run).quantile(0.999);
        commit_latency_max_ms Real "ms" Latency,
            "the longest commit latency",
            |run| latency!(run).quantile(1.0);
        commits Count "" Latency,
            "entries committed by the leader that had appended them",
            |run| latency!(run).count();
    }
    "histograms" {
        commit_latency_histogram Histogram "ms" Latency,
            "the histogram of commit latencies: a list of buckets, each with its upper end `upto_ms` and its count `entries`; `Sweep.commit_latency` adds them up",
            |run| latency!(run);
    }
    "logs" {
        commit_index Count "" Nothing,
            "the highest commitIndex at the end",
            |run| run.commit_index;
        truncations Count "" Measures,
            "the number of times that a node truncated its log",
            |run| of!(run).truncations;
        truncated_entries Count "" Measures,
            "the number of entries that were truncated",
            |run| of!(run).truncated_entries;
    }
    "cost" {
        events Count "" Nothing,
            "events that the simulator dispatched",
            |run| run.counters.events;
        wall_ms Real "ms" Nothing (of_the_clock true),
            "the wall-clock time of the run; the only column that differs when a run is repeated",
            |run| Some(run.wall.as_secs_f64() * 1e3);
    }
}

/// All metrics: the table, then two for each type of message and one for each property.
pub static METRICS: LazyLock<Vec<Metric>> = LazyLock::new(|| {
    let mut all = table();
    let family = |name, group, unit, meaning, needs, property, value, at| Metric {
        name,
        group,
        unit,
        meaning,
        holds: Holds::Count,
        default: false,
        censored_by: "",
        needs,
        of_the_clock: false,
        property,
        value,
        at,
    };
    for (at, kind) in RaftMessage::KINDS.iter().enumerate() {
        let (group, needs) = ("messages_by_type", Needs::Measures);
        let name = format!("sent_{kind}");
        let meaning = format!("messages of type {kind} sent");
        all.push(family(
            name,
            group,
            "",
            meaning,
            needs,
            "",
            |run, at| Value::Count(of!(run).sent[at]),
            at,
        ));
        let name = format!("bytes_{kind}");
        let meaning =
            format!("bytes of messages of type {kind} sent, with headers, keys and values");
        all.push(family(
            name,
            group,
            "B",
            meaning,
            needs,
            "",
            |run, at| Value::Count(of!(run).bytes[at]),
            at,
        ));
    }
    for (at, property) in PROPERTIES.iter().enumerate() {
        let name = format!("violations_{}", property.name);
        let meaning = format!(
            "violations of {}: {}; null without checks, and where the run stopped at another violation",
            property.name, property.meaning
        );
        let value = |run: &Finished<'_>, at: usize| {
            Value::Count(run.by_property.get(at).copied().unwrap_or(0))
        };
        let group = "violations_by_property";
        all.push(family(name, group, "", meaning, Needs::Checks, property.name, value, at));
    }
    all
});

/// The metrics of these names or groups, in the order of the table, and the metrics that hold their
/// censored waiting times. `"all"` selects all but wall-clock time and histograms.
pub fn select<S: AsRef<str>>(names: &[S]) -> Result<Vec<&'static Metric>, String> {
    let mut chosen = vec![false; METRICS.len()];
    for name in names {
        let name = name.as_ref();
        let mut known = false;
        for (metric, chosen) in METRICS.iter().zip(&mut chosen) {
            let all = name == "all" && metric.is_ordinary();
            if metric.name == name || metric.group == name || all {
                *chosen = true;
                known = true;
            }
        }
        if !known {
            return Err(unknown(name));
        }
    }
    for (metric, _) in METRICS.iter().zip(chosen.clone()).filter(|(_, chosen)| *chosen) {
        for (other, chosen) in METRICS.iter().zip(&mut chosen) {
            *chosen |= other.name == metric.censored_by;
        }
    }
    Ok(METRICS.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(metric, _)| metric).collect())
}

fn unknown(name: &str) -> String {
    let mut groups: Vec<&str> = METRICS.iter().map(|metric| metric.group).collect();
    groups.dedup();
    let of_groups = METRICS.iter().filter(|metric| !metric.group.contains("_by_"));
    let names: Vec<&str> = of_groups.map(|metric| metric.name.as_str()).collect();
    format!(
        "unknown metric '{name}'; there are {}, the groups {}, and 'all'",
        names.join(", "),
        groups.join(", ")
    )
}

/// What these metrics need to have observed.
pub fn extras(metrics: &[&'static Metric], bins: Option<Span>) -> Option<Extras> {
    let latency = metrics.iter().any(|metric| metric.needs == Needs::Latency);
    let measured = |needs| matches!(needs, Needs::Measures | Needs::Latency);
    let measured = metrics.iter().any(|metric| measured(metric.needs));
    (measured || bins.is_some()).then_some(Extras { latency, bins })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_censoring_metrics_exist() {
        for (at, metric) in METRICS.iter().enumerate() {
            let same = METRICS.iter().position(|other| other.name == metric.name);
            assert_eq!(same, Some(at), "{}", metric.name);
            assert!(!METRICS.iter().any(|other| other.group == metric.name), "{}", metric.name);
            if !metric.censored_by.is_empty() {
                assert!(select(&[metric.censored_by]).is_ok(), "{}", metric.name);
            }
            let property = PROPERTIES.iter().any(|property| property.name == metric.property);
            assert_eq!(property, metric.needs == Needs::Checks, "{}", metric.name);
        }
    }

    #[test]
    fn groups_and_names_select_in_the_order_of_the_table() {
        let names = |given: &[&str]| -> Vec<String> {
            select(given).expect("known").iter().map(|metric| metric.name.clone()).collect()
        };
        assert_eq!(names(&["leadership", "downtime_ms"])[0], "downtime_ms");
        assert_eq!(names(&["sent", "sent"]), ["sent"]);
        assert_eq!(names(&["downtime_ms"]), ["downtime_ms", "downtime_so_far_ms"]);
        assert!(!names(&["all"]).contains(&"wall_ms".to_owned()));
        assert!(!names(&["all"]).contains(&"commit_latency_histogram".to_owned()));
        assert!(select(&["downtime"]).is_err_and(|why| why.contains("downtime_ms")));
    }
}
