//! Metrics: what a row of a sweep says about its run.
//!
//! [`METRICS`] names each once, with its unit, its meaning and how it is read off a run that has ended; names
//! in Python, columns and documentation follow from there. What needs watching is gathered by [`Measures`],
//! in memory that does not grow with the run; a sweep that asks for none of that runs unwatched.

mod availability;
mod elections;
mod latency;
mod measures;
mod series;

use std::sync::LazyLock;

pub use availability::Availability;
pub use elections::Elections;
pub use latency::Latency;
pub use measures::{Extras, Measures, TYPES};
pub use series::{Bin, Series};

use super::cluster::{Cluster, Ending};
use super::watch::Watcher;
use crate::check::{Checks, PROPERTIES};
use crate::protocol::{Message, NodeId, Protocol, Span};
use crate::raft::RaftMessage;
use crate::sim::world::Counters;
use crate::sim::{Digest, Time};

/// What a run has come to, for metrics to read.
pub struct Finished<'a> {
    /// How it ended.
    pub ending: Ending,
    /// When it ended.
    pub end: Time,
    /// When the last fault struck; the beginning if none did.
    pub last_strike: Time,
    /// What the world counted.
    pub counters: Counters,
    /// The highest term at the end.
    pub highest_term: u64,
    /// The highest commitIndex at the end.
    pub commit_index: u64,
    /// How many violations were found.
    pub violations: u64,
    /// The properties that were violated, in the order of their first violations.
    pub properties: Vec<&'static str>,
    /// The digest.
    pub digest: Digest,
    /// How many violations of a property there were, for each of [`PROPERTIES`]; empty if there was none.
    pub by_property: Vec<u64>,
    /// How many acknowledged writes were lost.
    pub lost_writes: u64,
    /// What was measured, if anything was.
    pub measures: Option<&'a Measures>,
    /// How long the computer took.
    pub wall: std::time::Duration,
}

impl<'a> Finished<'a> {
    /// What a cluster has come to that has ended; what was counted before is not its.
    pub fn new<O: Watcher>(
        cluster: &'a Cluster<O>,
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
            highest_term: nodes().map(crate::raft::Node::term).max().unwrap_or(0),
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
    /// A number with a unit, or nothing.
    Real(Option<f64>),
    /// How many.
    Count(u64),
    /// How many of which size.
    Histogram(&'a Latency),
}

/// What the cells of a metric are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holds {
    /// Numbers with a unit, or nothing.
    Real,
    /// Counts.
    Count,
    /// Histograms.
    Histogram,
}

/// What has to be watched for a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needs {
    /// Nothing: the world keeps it anyway.
    Nothing,
    /// The checks; where they are off it says nothing.
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
    /// The group that it belongs to, which can be asked for as a whole.
    pub group: &'static str,
    /// The unit; empty if there is none.
    pub unit: &'static str,
    /// What it says, and when it says nothing.
    pub meaning: String,
    /// What its cells are.
    pub holds: Holds,
    /// Whether it is given if nobody asks for any.
    pub default: bool,
    /// The metric that says how long was waited in vain when this one says nothing.
    pub censored_by: &'static str,
    /// What has to be watched.
    pub needs: Needs,
    /// Whether it reads the clock on the wall, and differs from run to run of the same scenario and seed.
    pub of_the_clock: bool,
    /// The property whose violations it counts: a run that stopped at another one says nothing of it.
    pub property: &'static str,
    value: for<'a> fn(&Finished<'a>, usize) -> Value<'a>,
    at: usize,
}

impl Metric {
    /// What it says of a run.
    #[inline]
    pub fn of<'a>(&self, run: &Finished<'a>) -> Value<'a> {
        (self.value)(run, self.at)
    }

    /// Whether a run tells it that ended like this, and violated these properties.
    pub fn is_known(&self, ending: Ending, violated: &[&str]) -> bool {
        let other = ending == Ending::Violation && !violated.contains(&self.property);
        self.property.is_empty() || !other
    }

    /// Whether `"all"` includes it: one number a run, the same every time.
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
                #[allow(unused_mut)] // most have no mark
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

/// What was measured. A metric that needs it is only read off runs that were.
macro_rules! of {
    ($run:ident) => {
        match $run.measures {
            Some(measures) => measures,
            None => unreachable!("a metric that needs measures is read off a measured run"),
        }
    };
}

macro_rules! latency {
    ($run:ident) => {
        match &of!($run).latency {
            Some(latency) => latency,
            None => {
                unreachable!("a metric that needs latencies is read off a run that measured them")
            }
        }
    };
}

metrics! {
    "availability" {
        time_to_leader_ms Real "ms" Measures (default true censored_by "unavailable_ms"),
            "from the beginning (of a future: from its moment) until a node led that exchanged messages with a quorum; null if none did, and unavailable_ms is then how long was waited",
            |run| of!(run).availability.first().map(Span::as_ms);
        downtime_ms Real "ms" Measures (default true censored_by "downtime_so_far_ms"),
            "from the loss of a leader with a quorum to the next one, the mean over the losses of the run; null if there was none, or if one is not over: see downtime_so_far_ms",
            |run| { let t = of!(run).availability.totals(run.end); t.open.is_none().then(|| t.mean_down()).flatten() };
        downtime_so_far_ms Real "ms" Measures (default true),
            "what downtime_ms is at least: the mean over the losses of the run, one that is not over as long as it had lasted; null if all are over",
            |run| { let t = of!(run).availability.totals(run.end); t.open.and_then(|_| t.mean_down()) };
        downtime_open_ms Real "ms" Measures,
            "how long a loss had lasted that was not over when the run ended; null if there was none",
            |run| of!(run).availability.totals(run.end).open.map(ms);
        recoveries Count "" Measures,
            "how many losses were over before the run was",
            |run| of!(run).availability.totals(run.end).recoveries;
        leader_losses Count "" Measures (default true),
            "how often a leader with a quorum was lost: by a crash, a cut, a pause or by stepping down",
            |run| of!(run).availability.totals(run.end).losses;
        unavailable_ms Real "ms" Measures (default true),
            "all time without a leader that has a quorum, the beginning included",
            |run| Some(ms(of!(run).availability.totals(run.end).unavailable));
        unavailable_fraction Real "" Measures,
            "the share of the run without a leader that has a quorum; null for a run that took no time",
            |run| {
                let lasted = run.end.since(of!(run).availability.begun()).0;
                (lasted > 0).then(|| of!(run).availability.totals(run.end).unavailable as f64 / lasted as f64)
            };
        longest_unavailable_ms Real "ms" Measures,
            "the longest time in one piece without a leader that has a quorum, within the run: one that is not over as long as it had lasted",
            |run| Some(ms(of!(run).availability.totals(run.end).longest));
        since_last_fault_ms Real "ms" Nothing,
            "from the last strike of a fault to the end of the run",
            |run| Some(ms(run.end.since(run.last_strike).0));
    }
    "leadership" {
        elections Count "" Nothing (default true),
            "how often a node became leader",
            |run| run.counters.elections;
        split_votes Count "" Measures (default true),
            "terms in which two nodes or more stood and nobody won; the highest term does not count, it may still be won",
            |run| of!(run).elections.split_votes();
        terms_unwon Count "" Measures,
            "terms in which a node stood and nobody won: split votes, and candidates that were refused, cut off or crashed; but for the highest term",
            |run| of!(run).elections.unwon();
        candidacies Count "" Measures,
            "how often a node stood for election",
            |run| of!(run).elections.candidacies;
        prevotes Count "" Measures,
            "how often a node asked whether it should stand (PreVote)",
            |run| of!(run).elections.asked;
        leader_changes Count "" Measures,
            "how often the leadership went to another node than had it before",
            |run| of!(run).elections.changes;
        false_elections Count "" Measures,
            "terms that a node began though a leader with a quorum was in office, also by one that is cut off and disturbs nobody yet",
            |run| of!(run).elections.disruptions;
        last_elected_ms Real "ms" Measures,
            "when a node last became leader: one that stays, if the run goes on long enough; null if none did",
            |run| of!(run).elections.last.map(Time::as_ms);
        highest_term Count "" Nothing (default true),
            "the highest term of any node at the end",
            |run| run.highest_term;
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
            "writes that clients asked for, each counted once",
            |run| of!(run).clients.proposals;
        acknowledged Count "" Measures,
            "writes that clients were told are done",
            |run| of!(run).clients.acknowledged;
        lost_writes Count "" Checks (property "acknowledged_write_lost"),
            "acknowledged writes that some later leader or another committed log did not hold, each counted once, up to the end of the run; null without checks, and where the run stopped at the violation of another property",
            |run| run.lost_writes;
        reads Count "" Measures,
            "reads that clients asked for, each counted once",
            |run| of!(run).clients.reads;
        served Count "" Measures,
            "reads that were served",
            |run| of!(run).clients.served;
        failed Count "" Measures,
            "operations that clients were told were not done",
            |run| of!(run).clients.failed;
        unknown Count "" Measures,
            "operations of which no client knows whether they were done",
            |run| of!(run).clients.unknown;
    }
    "commit_latency" {
        commit_latency_mean_ms Real "ms" Latency,
            "from a leader's append of an entry to its commit by that leader, the mean; null without such entries",
            |run| latency!(run).mean();
        commit_latency_p50_ms Real "ms" Latency,
            "the median of the commit latency (buckets of 0.1 %)",
            |run| latency!(run).quantile(0.5);
        commit_latency_p90_ms Real "ms" Latency,
            "the latency that 90 % of the commits did not exceed",
            |run| latency!(run).quantile(0.9);
        commit_latency_p99_ms Real "ms" Latency,
            "the latency that 99 % of the commits did not exceed",
            |run| latency!(run).quantile(0.99);
        commit_latency_p999_ms Real "ms" Latency,
            "the latency that 99.9 % of the commits did not exceed",
            |run| latency!(run).quantile(0.999);
        commit_latency_max_ms Real "ms" Latency,
            "the longest commit latency",
            |run| latency!(run).quantile(1.0);
        commits Count "" Latency,
            "entries that were committed by the leader that had appended them",
            |run| latency!(run).count();
    }
    "histograms" {
        commit_latency_histogram Histogram "ms" Latency,
            "how many entries had which commit latency: a list of buckets with `upto_ms`, the upper end, and `entries`; `Sweep.commit_latency` adds them up",
            |run| latency!(run);
    }
    "logs" {
        commit_index Count "" Nothing,
            "the highest commitIndex at the end",
            |run| run.commit_index;
        truncations Count "" Measures,
            "how often a node dropped entries from its log",
            |run| of!(run).truncations;
        truncated_entries Count "" Measures,
            "how many entries were dropped",
            |run| of!(run).truncated_entries;
    }
    "cost" {
        events Count "" Nothing,
            "events that the simulator dispatched",
            |run| run.counters.events;
        wall_ms Real "ms" Nothing (of_the_clock true),
            "how long the computer took for the run; the only column that is not the same every time",
            |run| Some(run.wall.as_secs_f64() * 1e3);
    }
}

/// All metrics: the table, then one a type of message and one a property.
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
            "violations of {}: {}; null without checks, and where the run stopped at another one",
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

/// The metrics of these names or groups, in the order of the table, and those that say how long was waited where
/// they say nothing; `"all"` are all but the clock on the wall and histograms.
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

/// What has to be watched for these metrics.
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
