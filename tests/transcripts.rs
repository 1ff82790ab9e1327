//! Golden transcripts: each file in `tests/transcripts` is a script with its results.
//!
//! Commands begin at the margin, their effects are indented below them, and `#` begins a comment.
//! The head of each script quotes the sentence that it shows, and names the rule (`# rule: bug`, as
//! in `src/raft/rules.rs`) or the switch (`# switch: setting=value`) on which the sentence depends.
//! Each script is played a second time without it, and must then differ; the end of the file, after
//! `#>`, shows where the two runs diverge and what then breaks.
//!
//! `BLESS=1 cargo test --test transcripts` rewrites all transcripts. Read the diff before you
//! commit it.
//!
//! # Commands
//!
//! Before the start:
//! - `nodes 3`; `config [A] election=150ms..300ms heartbeat=50ms prevote=on sticky=on
//!   check_quorum=on noop=off max_entries=1 drift_ppm=0 disk=5ms latency=10ms seed=1`: for all
//!   nodes or one of them. Without `latency` every message is held until it is delivered by hand.
//! - `log A 1 1 2`, `term AB 3`, `commit * 2`, `leader A 3`: the initial state of nodes.
//!
//! Then:
//! - `start` (nothing else); `campaign A`; `propose A x=1`, or `x+=1` to append to a list, or with
//!   `#5@1` as request 5 of client 1; `read A x read_index|lease|local`; `retry B 1`: operation 1
//!   again.
//! - `deliver`, `drop`, `duplicate` a message: `A->B`, `AB->*`, `all`, then perhaps its kind, then
//!   perhaps `first` or `last`; without one, all that match, in the order in which they were sent.
//!   `call` delivers a message and its reply. `edit A->B commit=2` changes the next message of a
//!   link.
//! - `boot D`: start a machine that `spare 1` (after `nodes`) made ready; `change A learner|voter|
//!   promote|remove D`, `change A to ABD [+ E] [stay]`, `change A leave`: A is asked for another
//!   configuration; `transfer A B`; `step_down A`.
//! - `stabilize [ABC]`: deliver until no messages are left (between these nodes).
//! - `crash`, `restart`, `wipe`, `pause`, `resume A`; `clock A 1.1`: its rate.
//! - `run 50ms`; `tick A election|heartbeat|quorum`: until that timer of A has expired.
//! - `log`: each node's log as `index:term`, with a bar after what it has committed; `state`;
//!   `store`.
//!
//! A write is shown as `x=1`, a no-op or an initial entry only by its index and term.

#[path = "support"] // for rustfmt, which would look in the folder of transcripts
mod support {
    pub mod cluster;
    pub mod diff;
    pub mod director;
    pub mod names;
    pub mod oracle;
    pub mod script;
    pub mod teller;
}

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use raftlab::raft::Rule;
use support::director::Without;
use support::script::Script;

/// Rules whose schedules are too long for a script, or need faults of disks. `tests/checks` has
/// them, as those of all rules.
const WITHOUT_SCRIPT: &[Rule] = &[
    Rule::LastTermCheck,
    Rule::TermFromDisk,
    Rule::KeepVote,
    Rule::PreVoteKeepsVote,
    Rule::DistinctVoters,
    Rule::GrantedVotes,
    Rule::AckVerified,
    Rule::ReplyAfterCommit,
    Rule::ConfirmBeforeRead,
    Rule::RoundAfterRead,
    Rule::SyncBeforeAck,
    Rule::LeaderSync,
    Rule::DamageIsNoTornWrite,
    Rule::SnapshotSessions,
    Rule::SnapshotOfCommitted,
    Rule::SnapshotBeforeCompaction,
    Rule::AppliedWithStore,
    Rule::NewerSnapshot,
    Rule::ConflictBeforeSnapshot,
    Rule::CompactedTerm,
    Rule::SnapshotKeepsTerm,
    Rule::SnapshotReconfigures,
];

const MOST_LINES: usize = 60;

#[test]
fn scripts_run_as_written() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for (path, text) in scripts() {
        let script = Script::parse(&path, &text);
        let played = script.play();
        wrong.extend(script.faults());
        if played == text {
            continue;
        }
        if bless {
            replace(&path, &played).expect("the transcripts lie in the source tree");
        } else {
            let difference = support::diff::unified(&text, &played);
            wrong.push(format!("{}:\n{difference}", path.display()));
        }
    }
    let wrong = wrong.join("\n");
    assert!(wrong.is_empty(), "- as written, + as played; BLESS=1 writes them anew\n{wrong}");
}

#[test]
fn each_script_needs_its_rule() {
    for (path, text) in scripts() {
        let script = Script::parse(&path, &text);
        assert!(!script.withouts().is_empty(), "{} names no rule", path.display());
        for without in script.withouts() {
            let parting = script.parting(*without);
            assert!(parting.is_some(), "{} does not need {without:?}", path.display());
        }
    }
}

#[test]
fn each_rule_has_a_script_that_breaks_without_it() {
    let mut shown = BTreeSet::new();
    for (path, text) in scripts() {
        let script = Script::parse(&path, &text);
        for without in script.withouts() {
            let breaks = script.parting(*without).is_some_and(|part| !part.broken.is_empty());
            if let Without::Rule(bug) = *without
                && breaks
            {
                shown.insert(bug.to_owned());
            }
        }
    }
    let scripted = Rule::ALL.iter().filter(|rule| !WITHOUT_SCRIPT.contains(rule));
    let all: BTreeSet<String> = scripted.map(|rule| rule.bug().to_owned()).collect();
    assert_eq!(shown, all, "the scripts and the rules of src/raft/rules.rs");
}

#[test]
fn scripts_can_be_read_at_a_glance() {
    for (path, text) in scripts() {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", path.display());
        assert!(text.starts_with("# \""), "{} begins with no quotation", path.display());
    }
}

#[test]
fn every_command_is_understood() {
    let text = "\
nodes 3
config A election=100ms..110ms prevote=off sticky=off check_quorum=off
config seed=3 latency=1ms disk=0ms
term * 1
start
tick A election
run 20ms
propose A x=1
duplicate A->B first
pause B
run 5ms
resume B
drop all
clock A 1.5
edit A->C commit=0
read A x local
crash C
wipe C
restart C
run 60ms
state
log
store
";
    let script = Script::parse(Path::new("this test"), text);
    assert_eq!(script.faults(), [""; 0]);
    let played = script.play();
    for told in ["A leader, term 2, vote A", "A 1:2 2:2 |", "C 1:2 2:2 |", "B x=[1]"] {
        assert!(played.contains(told), "{told}:\n{played}");
    }
}

/// All scripts with their texts, by name.
fn scripts() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the transcripts lie beside this file")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are no scripts");
    let text = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("scripts are text");
        (path, text.replace("\r\n", "\n"))
    };
    paths.into_iter().map(text).collect()
}

/// Writes a file atomically, since other tests read the transcripts at the same time.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(beside, path)
}
