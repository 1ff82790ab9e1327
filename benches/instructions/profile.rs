//! Where the instructions go: callgrind's profile of a long run minus that of a short one, by part
//! of the code. Inlined code counts where it was written.

use std::collections::BTreeMap;
use std::path::Path;

/// Parts of the code by the folder of their sources, and what they do.
const PARTS: [(&str, &str); 9] = [
    ("src/raft/", "the protocol: handlers, log, storage, state machine"),
    ("src/sim/", "the world: queue, timers, network, clients, digest"),
    ("src/trace/", "the trace"),
    ("src/check/", "the checks"),
    ("src/experiment/", "scenarios, sweeps, metrics"),
    ("src/fault/", "faults"),
    ("/library/", "Rust's library, inlined into all of the above: slices, queues, heaps, copies"),
    ("src/", "shared code: names of messages, sets of nodes, copying by field"),
    ("", "the C library: copies and memory"),
];

/// The number of largest functions that are listed.
const LISTED: usize = 12;

/// Instructions by source file, and by function including code inlined into it.
#[derive(Default)]
pub struct Profile {
    files: BTreeMap<String, f64>,
    functions: BTreeMap<String, f64>,
}

impl Profile {
    /// Reads a profile of callgrind.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let mut profile = Self::default();
        // A name is written in full where it first occurs, and by its number later.
        let (mut file_names, mut function_names) = (BTreeMap::new(), BTreeMap::new());
        let (mut file, mut function) = (String::new(), String::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            match line.split_once('=') {
                Some(("fl" | "fi" | "fe", name)) => file = named(&mut file_names, name),
                Some(("fn", name)) => {
                    function = named(&mut function_names, name);
                }
                Some(("cfn", name)) => {
                    named(&mut function_names, name);
                }
                Some(("cfi" | "cfl", name)) => {
                    named(&mut file_names, name);
                }
                Some(("calls", _)) => {
                    lines.next(); // the cost of the callee
                }
                None if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) => {
                    let cost = line.rsplit(' ').next().and_then(|cost| cost.parse().ok());
                    let cost: f64 = cost.expect("a line of callgrind's ends with what it took");
                    *profile.files.entry(file.clone()).or_default() += cost;
                    *profile.functions.entry(function.clone()).or_default() += cost;
                }
                Some(_) | None => {}
            }
        }
        Ok(profile)
    }

    /// Prints the difference of `self` and `less`, per unit.
    pub fn print(&self, less: &Self, units: f64, unit: &str) {
        let more = |all: &BTreeMap<String, f64>, less: &BTreeMap<String, f64>| {
            let each = |(name, cost): (&String, &f64)| {
                (name.clone(), (cost - less.get(name).unwrap_or(&0.0)) / units)
            };
            let mut rows: Vec<(String, f64)> = all.iter().map(each).collect();
            rows.sort_by(|a, b| b.1.total_cmp(&a.1));
            rows
        };
        let files = more(&self.files, &less.files);
        let total: f64 = files.iter().map(|(_, cost)| cost).sum();
        println!("  {total:8.0}  100.0 %  a {unit}");
        let mut parts = [0.0; PARTS.len()];
        for (file, cost) in &files {
            parts[PARTS.iter().position(|(folder, _)| file.contains(folder)).unwrap_or(0)] += cost;
        }
        for ((_, what), cost) in PARTS.iter().zip(parts) {
            if cost / total > 0.0005 {
                println!("  {cost:8.0}  {:5.1} %  {what}", 100.0 * cost / total);
            }
        }
        println!("  the largest functions, with inlined code:");
        for (function, cost) in more(&self.functions, &less.functions).iter().take(LISTED) {
            println!("  {cost:8.0}  {:5.1} %  {}", 100.0 * cost / total, short(function));
        }
    }
}

/// `(7) name` assigns number 7 to a name, and `(7)` refers to it.
fn named(names: &mut BTreeMap<String, String>, text: &str) -> String {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number.to_owned(), name.to_owned());
            name.to_owned()
        }
        None => names.get(text).cloned().unwrap_or_else(|| text.to_owned()),
    }
}

/// A function without the paths of its types, which fill the line.
fn short(function: &str) -> String {
    function
        .split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
        .map(|path| {
            let parts: Vec<&str> = path.split("::").collect();
            parts[parts.len().saturating_sub(2)..].join("::")
        })
        .collect()
}
