//! Counts the instructions per trial or message with callgrind. The counts do not depend on the
//! machine's load, so a change of one percent is visible.
//!
//! ```text
//! cargo bench --bench instructions             # count, and compare with instructions.json
//! cargo bench --bench instructions -- --save   # count, and keep the figures as the new baseline
//! cargo bench --bench instructions -- --where  # count, and show where they go
//! ```
//!
//! Each workload runs in a separate process under valgrind, once short and once long; the
//! difference excludes the start. A count that is more than 3 % above the baseline is reported, and
//! the exit code is 1. Counts depend on the compiler and slightly on the C library: a baseline of
//! another compiler is compared, but never causes a failure.

#![allow(missing_docs)]

mod profile;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use profile::Profile;
use raftlab::check::Checks;
use raftlab::experiment::metrics::select;
use raftlab::experiment::sweep::{Plan, Point};
use raftlab::experiment::{Cluster, OnViolation, Scenario, Watcher, cluster::Position};
use raftlab::raft::Node;
use raftlab::sim::Time;
use raftlab::trace::{DEFAULT_MAX_ROWS, Level, Recorder};
use serde::{Deserialize, Serialize};

/// A workload, its short and long sizes (trials, or simulated seconds), and the unit of the counts.
const WORKLOADS: [(&str, u64, u64, &str); 5] = [
    ("w1", 500, 3_000, "trial"),
    ("w1full", 100, 500, "trial"),
    ("w2", 2, 10, "message"),
    ("w2 checks", 2, 10, "message"),
    ("w2 full", 2, 10, "message"),
];

/// The ratio to the baseline above which a count is too high.
const TOLERANCE: f64 = 1.03;

const NOWHERE: &str = "/dev/null";

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.json");

/// The counts, and the compiler.
#[derive(Deserialize, Serialize)]
struct Counts {
    compiler: String,
    instructions: BTreeMap<String, f64>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [run, workload, size] = &args[..]
        && run == "--run"
    {
        let size = size.parse().expect("the size is a number, given by this program to itself");
        println!("{}", run_workload(workload, size));
        return ExitCode::SUCCESS;
    }
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|done| done.status.success()) {
        println!(
            "instructions: valgrind is not installed (apt install valgrind): nothing is counted"
        );
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|arg| arg == "--where") {
        WORKLOADS.iter().for_each(print_profile);
        return ExitCode::SUCCESS;
    }
    let counts = Counts { compiler: compiler(), instructions: count_all() };
    if args.iter().any(|arg| arg == "--save") {
        let text = serde_json::to_string_pretty(&counts).expect("counts are plain values");
        std::fs::write(BASELINE, text + "\n").expect("benches/ can be written");
        println!("kept as the baseline");
        return ExitCode::SUCCESS;
    }
    compare(&counts)
}

/// Runs a workload of this size. Returns the number of trials or delivered messages.
fn run_workload(workload: &str, size: u64) -> u64 {
    match workload {
        "w1" => run_trials(W1, size),
        "w1full" => run_trials(W1_FULL, size),
        "w2" => deliver(size, ()),
        "w2 checks" => deliver(size, Checks::new(5)),
        "w2 full" => deliver(size, Recorder::new(5, Level::Full, DEFAULT_MAX_ROWS)),
        other => unreachable!("{other} is not a workload"),
    }
}

fn run_trials(scenario: &str, trials: u64) -> u64 {
    let scenario = Scenario::from_json(scenario).expect("the scenario is valid");
    let plan = Plan {
        points: vec![Point { scenario: Arc::new(scenario), seed: 0, moment: None }],
        seeds: trials,
        metrics: select(&["since_last_fault_ms"]).expect("the metric is known"),
        bins: None,
        checks: false,
        on_violation: OnViolation::Stop,
    };
    plan.validate().expect("any seed can be played");
    plan.play(0..trials, 1, |_| true).len() as u64
}

fn deliver<O: Watcher<Node>>(seconds: u64, observer: O) -> u64 {
    let scenario = W2.replace("SECONDS", &seconds.to_string());
    let scenario = Arc::new(Scenario::from_json(&scenario).expect("the scenario is valid"));
    let mut cluster = Cluster::<Node, _>::new(scenario, 1, OnViolation::Record, observer)
        .expect("any seed can be played");
    cluster.play(&mut Position::default(), u64::MAX, Time::NEVER);
    cluster.world().counters().delivered
}

fn count_all() -> BTreeMap<String, f64> {
    let count = |&(workload, short, long, _): &(&str, u64, u64, &str)| {
        let [(less, few), (more, many)] = [short, long].map(|size| count(workload, size, NOWHERE));
        (workload.to_owned(), ((more - less) as f64 / (many - few) as f64).round())
    };
    WORKLOADS.iter().map(count).collect()
}

/// Prints where the instructions of a workload go.
fn print_profile(&(workload, short, long, unit): &(&str, u64, u64, &str)) {
    let folder = std::env::temp_dir();
    let [(less, few), (more, many)] = [short, long].map(|size| {
        let path = folder.join(format!("raftlab-{}-{size}.callgrind", std::process::id()));
        let (_, units) = count(workload, size, &path.to_string_lossy());
        let profile = Profile::read(&path).expect("callgrind has written its profile");
        std::fs::remove_file(&path).expect("it can be removed again");
        (profile, units)
    });
    println!("{workload}");
    more.print(&less, (many - few) as f64, unit);
}

/// The total instructions of a process, and the number of trials or messages that it ran. The
/// profile is written to a file.
fn count(workload: &str, size: u64, profile: &str) -> (u64, u64) {
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", &format!("--callgrind-out-file={profile}")])
        .arg(std::env::current_exe().expect("a running program has a file"))
        .args(["--run", workload, &size.to_string()])
        .output()
        .expect("valgrind is there: it told its version");
    let (told, units) =
        (String::from_utf8_lossy(&done.stderr), String::from_utf8_lossy(&done.stdout));
    let collected = told.lines().find_map(|line| line.split_once("Collected : "));
    let number = |text: &str| text.trim().parse().ok();
    match (collected.and_then(|(_, count)| number(count)), number(&units)) {
        (Some(instructions), Some(units)) => (instructions, units),
        _ => panic!("{workload} failed under valgrind:\n{told}"),
    }
}

/// Prints counts next to the baseline's.
fn compare(counts: &Counts) -> ExitCode {
    let baseline: Option<Counts> =
        std::fs::read_to_string(BASELINE).ok().and_then(|text| serde_json::from_str(&text).ok());
    let mut worse = false;
    for (workload, _, _, unit) in WORKLOADS {
        let now = counts.instructions[workload];
        let before = baseline.as_ref().and_then(|b| b.instructions.get(workload)).copied();
        let ratio = before.map_or(1.0, |before| now / before);
        let verdict = if ratio > TOLERANCE { "WORSE" } else { "" };
        worse |= ratio > TOLERANCE;
        let before = before.map_or_else(|| "-".into(), |before| before.to_string());
        println!(
            "{workload:10} {now:8} instructions a {unit:8} was {before:>8}  {ratio:5.3} {verdict}"
        );
    }
    match baseline {
        Some(baseline) if baseline.compiler != counts.compiler => {
            println!("the baseline is of {}, this is {}", baseline.compiler, counts.compiler);
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(u8::from(worse)),
    }
}

fn compiler() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let told = Command::new(rustc).arg("--version").output();
    let told = told.map_or_else(|_| String::new(), |t| String::from_utf8_lossy(&t.stdout).into());
    let version = told.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
    format!("rustc {version}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

// The scenarios of workloads.py.

const W1: &str = r#"{"raftlab": 2, "nodes": ["A", "B", "C", "D", "E"], "noop": false,
    "initial": {"log": [1]},
    "faults": [{"fault": {"fault": "crash", "node": "A"}}],
    "stop": {"condition": "leader_elected"}}"#;

const W1_FULL: &str = r#"{"raftlab": 2, "nodes": ["A", "B", "C", "D", "E"], "noop": false, "heartbeat": 50,
    "steps": [
        {"run_until": {"until": {"condition": "leader_elected"}, "limit": 60000}},
        {"do": {"inject": {"fault": {"fault": "crash", "node": "leader"},
                           "after": {"distribution": "uniform", "low": 500, "high": 550}}}}
    ],
    "stop": {"condition": "leader_elected"}, "horizon": 60000}"#;

const W2: &str = r#"{"raftlab": 2, "nodes": ["A", "B", "C", "D", "E"], "noop": false, "heartbeat": 50,
    "network": {"latency": 1},
    "initial": {"term": 1, "leader": "A"},
    "workload": [{"pacing": {"pacing": "open", "every": 1}, "start": 10}],
    "horizon": SECONDS000}"#;
