//! What can go wrong, as values.

use serde::{Deserialize, Serialize};

use super::target::{Names, Target};
use crate::protocol::{Message, Span};
use crate::raft::{Lie, RaftMessage};
use crate::sim::time::millis;
use crate::sim::{Distribution, Unsynced};

/// A fault.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Links between groups are down. Nodes in no group form one more group.
    Partition {
        /// The groups; or none, with a shape.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<Target>,
        /// A shape drawn or laid out when the fault strikes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shape: Option<Shape>,
    },
    /// All links of these nodes to others are down, each for itself.
    Isolate {
        /// Whom.
        node: Target,
    },
    /// Links are down, one way.
    Cut {
        /// Which messages.
        #[serde(flatten)]
        filter: MessageFilter,
    },
    /// Messages take longer.
    Delay {
        /// Which messages.
        #[serde(flatten)]
        filter: MessageFilter,
        /// By how much.
        by: Distribution,
    },
    /// Messages are lost.
    Loss {
        /// Which messages.
        #[serde(flatten)]
        filter: MessageFilter,
        /// With which probability.
        probability: f64,
    },
    /// Messages arrive twice.
    Duplicate {
        /// Which messages.
        #[serde(flatten)]
        filter: MessageFilter,
        /// With which probability.
        probability: f64,
    },
    /// Messages are held back as they are sent, to be delivered by hand.
    Hold {
        /// Which messages.
        #[serde(flatten)]
        filter: MessageFilter,
    },
    /// Nodes lose power. When the fault ends they restart.
    Crash {
        /// Whom.
        node: Target,
        /// What becomes of writes that were not synced.
        #[serde(default)]
        unsynced: Unsynced,
    },
    /// Nodes that are down come back.
    Restart {
        /// Whom.
        node: Target,
    },
    /// Nodes stand still. When the fault ends they go on with what has waited.
    Pause {
        /// Whom.
        node: Target,
    },
    /// Nodes that stand still go on.
    Resume {
        /// Whom.
        node: Target,
    },
    /// Nodes crash, lose their disks, and come back under their old names when the fault ends.
    Wipe {
        /// Whom.
        node: Target,
    },
    /// Clocks run at another rate. When the fault ends they run true again; what they gained stays.
    ClockRate {
        /// Whose.
        node: Target,
        /// 1 is true.
        rate: f64,
    },
    /// Clocks are set forward, or back.
    ClockJump {
        /// Whose.
        node: Target,
        /// By how many milliseconds.
        by: f64,
    },
    /// Nodes say what is not so.
    Lie {
        /// Who.
        node: Target,
        /// What.
        lie: Lie,
    },
    /// A node forgets whom it voted for. (A lie: it says so to nobody.)
    ForgetVote {
        /// Who.
        node: Target,
    },
    /// A node leads the next term without an election. (A lie.)
    Usurp {
        /// Who.
        node: Target,
    },
}

/// Which messages a fault of the network acts on.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct MessageFilter {
    /// Sent by these; by all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Target>,
    /// Sent to these; to all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Target>,
    /// And the other way round.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub both_ways: bool,
    /// Of these types; of all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
}

/// Shapes of a partition.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A drawn minority against the rest.
    Halves,
    /// Each node falls into one of two groups by lot, or a node stands alone.
    Random,
    /// Two halves that see each other only through one node.
    Bridge,
    /// Every node sees a majority, and no two see the same (Jepsen).
    MajoritiesRing,
}

/// A fault with its schedule.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// What happens.
    pub fault: Fault,
    /// When, from the beginning of the run; at once if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Distribution>,
    /// When, from the moment when it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Distribution>,
    /// How long it lasts; until it is healed if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Distribution>,
    /// From one strike to the next, if there is more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Distribution>,
    /// How many strikes there are with `every`; without end if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How long it waits for a leader if it needs one.
    #[serde(default = "default_patience", with = "millis::span")]
    pub patience: Span,
}

fn default_patience() -> Span {
    Span::from_ms(10_000)
}

/// What is known of a kind of fault: one row for every surface (Rust, Python, documentation).
#[derive(Clone, Copy, Debug)]
pub struct FaultKind {
    /// Its name in JSON and tables.
    pub name: &'static str,
    /// Its name in Python.
    pub class: &'static str,
    /// What acts: network, node, disk, clock, lie.
    pub family: &'static str,
    /// What happens, in a sentence.
    pub meaning: &'static str,
    /// What happens when it ends.
    pub end: &'static str,
}

macro_rules! kinds {
    ($($name:literal $class:literal $family:literal: $meaning:literal; $end:literal)*) => {
        /// All kinds of fault.
        pub const KINDS: &[FaultKind] = &[$(FaultKind {
            name: $name, class: $class, family: $family, meaning: $meaning, end: $end,
        }),*];
    };
}

kinds! {
    "partition" "Partition" "network": "links between groups are down; nodes in no group form one more"; "the links are up"
    "isolate" "Isolate" "network": "each of these nodes is cut off from all others"; "the links are up"
    "cut" "Cut" "network": "links are down one way, or for some types of message"; "the links are up"
    "delay" "Delay" "network": "messages take longer"; "new messages take as long as before"
    "loss" "Loss" "network": "messages are lost with a probability"; "the loss ends"
    "duplicate" "Duplicate" "network": "messages arrive twice with a probability"; "the doubling ends"
    "hold" "Hold" "network": "messages are held back, to be delivered by hand"; "new messages travel; held ones stay held"
    "crash" "Crash" "node": "nodes lose power, and keep what their disks had synced"; "they restart"
    "restart" "Restart" "node": "nodes that are down come back"; "nothing"
    "pause" "Pause" "node": "nodes stand still; messages and timers wait"; "they go on with what has waited"
    "resume" "Resume" "node": "nodes that stand still go on"; "nothing"
    "wipe" "Wipe" "disk": "nodes crash and lose their disks, and come back empty under their old names"; "they restart"
    "clock_rate" "ClockRate" "clock": "clocks run fast or slow"; "clocks run true again"
    "clock_jump" "ClockJump" "clock": "clocks are set forward or back"; "nothing"
    "lie" "Lie" "lie": "nodes say what is not so"; "they tell the truth"
    "forget_vote" "ForgetVote" "lie": "a node forgets whom it voted for"; "nothing"
    "usurp" "Usurp" "lie": "a node leads the next term without an election"; "nothing"
}

/// The row of this name; a name without one does not compile.
const fn row(name: &str) -> &'static FaultKind {
    let mut at = 0;
    while !is_same(KINDS[at].name, name) {
        at += 1;
    }
    &KINDS[at]
}

/// Whether two texts are one, before the program runs.
const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

impl Fault {
    /// Its row in [`KINDS`].
    pub fn kind(&self) -> &'static FaultKind {
        match self {
            Fault::Partition { .. } => const { row("partition") },
            Fault::Isolate { .. } => const { row("isolate") },
            Fault::Cut { .. } => const { row("cut") },
            Fault::Delay { .. } => const { row("delay") },
            Fault::Loss { .. } => const { row("loss") },
            Fault::Duplicate { .. } => const { row("duplicate") },
            Fault::Hold { .. } => const { row("hold") },
            Fault::Crash { .. } => const { row("crash") },
            Fault::Restart { .. } => const { row("restart") },
            Fault::Pause { .. } => const { row("pause") },
            Fault::Resume { .. } => const { row("resume") },
            Fault::Wipe { .. } => const { row("wipe") },
            Fault::ClockRate { .. } => const { row("clock_rate") },
            Fault::ClockJump { .. } => const { row("clock_jump") },
            Fault::Lie { .. } => const { row("lie") },
            Fault::ForgetVote { .. } => const { row("forget_vote") },
            Fault::Usurp { .. } => const { row("usurp") },
        }
    }

    /// Why it makes no sense in a cluster of these nodes, if it does not.
    pub fn validate(&self, names: &Names) -> Result<(), String> {
        match self {
            Fault::Partition { groups, shape } => validate_partition(groups, *shape, names),
            Fault::Isolate { node }
            | Fault::Crash { node, .. }
            | Fault::Restart { node }
            | Fault::Pause { node }
            | Fault::Resume { node }
            | Fault::Wipe { node }
            | Fault::ForgetVote { node }
            | Fault::Usurp { node }
            | Fault::Lie { node, .. } => node.validate(names),
            Fault::Cut { filter } | Fault::Hold { filter } => filter.validate(names),
            Fault::Delay { filter, by } => {
                by.validate().map_err(|why| format!("by: {why}"))?;
                filter.validate(names)
            }
            Fault::Loss { filter, probability } | Fault::Duplicate { filter, probability } => {
                validate_probability(*probability)?;
                filter.validate(names)
            }
            Fault::ClockRate { node, rate } => {
                if !(1e-6..=1e6).contains(rate) {
                    return Err(format!("rate must be between 0.000001 and 1000000, not {rate}"));
                }
                node.validate(names)
            }
            Fault::ClockJump { node, by } => {
                millis::to_ns(by.abs()).map_err(|why| format!("by: {why}"))?;
                node.validate(names)
            }
        }
    }
}

/// A probability, or why it is none.
pub fn validate_probability(p: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&p) {
        Ok(())
    } else {
        Err(format!("a probability must be between 0 and 1, not {p}"))
    }
}

fn validate_partition(
    groups: &[Target],
    shape: Option<Shape>,
    names: &Names,
) -> Result<(), String> {
    match (groups, shape) {
        ([], None) => return Err("a partition needs groups or a shape".into()),
        ([_, ..], Some(_)) => return Err("a partition has groups or a shape, not both".into()),
        _ => {}
    }
    let mut seen: Vec<(crate::protocol::NodeId, usize)> = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        group.validate(names)?;
        let words = match group {
            Target::One(word) => std::slice::from_ref(word),
            Target::Many(words) => words,
        };
        for id in words.iter().filter_map(|word| names.ids(word).ok()).flat_map(|ids| ids.iter()) {
            if let Some((_, other)) = seen.iter().find(|(node, other)| *node == id && *other != i) {
                return Err(format!(
                    "the groups '{}' and '{}' overlap in node '{}'; for a node that sees both sides use the shape 'bridge'",
                    groups[*other].text(),
                    group.text(),
                    names.name(id)
                ));
            }
            seen.push((id, i));
        }
    }
    Ok(())
}

impl MessageFilter {
    fn validate(&self, names: &Names) -> Result<(), String> {
        self.kinds()?;
        self.from.iter().chain(&self.to).try_for_each(|target| target.validate(names))
    }

    /// The types as a bitmap; all if `None`.
    pub fn kinds(&self) -> Result<Option<u64>, String> {
        if self.types.is_empty() {
            return Ok(None);
        }
        let known = RaftMessage::KINDS;
        self.types
            .iter()
            .try_fold(0, |kinds, name| {
                let at = known.iter().position(|kind| kind == name);
                at.map(|at| kinds | 1 << at).ok_or_else(|| {
                    format!("unknown message type '{name}'; accepted are {}", known.join(", "))
                })
            })
            .map(Some)
    }
}

impl Scheduled {
    /// At once, until it is healed.
    pub fn now(fault: Fault) -> Self {
        let patience = default_patience();
        Self { fault, at: None, after: None, duration: None, every: None, times: None, patience }
    }

    /// Why it makes no sense in a cluster of these nodes, if it does not.
    pub fn validate(&self, names: &Names) -> Result<(), String> {
        let kind = self.fault.kind().class;
        let check = |name: &str, value: &Option<Distribution>| match value {
            Some(time) => time.validate().map_err(|why| format!("{kind}: {name}: {why}")),
            None => Ok(()),
        };
        check("at", &self.at)?;
        check("after", &self.after)?;
        if self.at.is_some() && self.after.is_some() {
            return Err(format!("{kind}: give at or after, not both"));
        }
        check("duration", &self.duration)?;
        check("every", &self.every)?;
        if self.every.as_ref().and_then(Distribution::as_constant) == Some(Span::ZERO) {
            return Err(format!("{kind}: every must be longer than 0 ms"));
        }
        if self.times.is_some() && self.every.is_none() {
            return Err(format!("{kind}: times needs every"));
        }
        if self.times == Some(0) {
            return Err(format!("{kind}: times must be at least 1, not 0"));
        }
        self.fault.validate(names).map_err(|why| format!("{kind}: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Scheduled, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn faults_survive_json() {
        for json in [
            r#"{"fault":{"fault":"partition","groups":["AB","CDE"]},"at":1000,"duration":500,"patience":10000}"#,
            r#"{"fault":{"fault":"crash","node":"leader","unsynced":"tear"},"at":{"distribution":"uniform","low":1000.0,"high":1150.0},"patience":10000}"#,
            r#"{"fault":{"fault":"delay","from":"A","types":["AppendEntries"],"by":10000.0},"patience":10000}"#,
            r#"{"fault":{"fault":"lie","node":"E","lie":{"lie":"claimed_log","index":9999,"append_entries":true}},"patience":10000}"#,
        ] {
            let fault = parse(json).unwrap();
            fault.validate(&Names::letters(5).unwrap()).unwrap();
            let again = serde_json::to_string(&fault).unwrap();
            assert_eq!(parse(&again).unwrap(), fault, "{again}");
        }
    }

    #[test]
    fn bad_faults_are_refused_with_a_reason() {
        let names = Names::letters(5).unwrap();
        let why = |json: &str| match parse(json) {
            Ok(fault) => fault.validate(&names).unwrap_err(),
            Err(error) => error.to_string(),
        };
        assert!(why(r#"{"fault":{"fault":"crash","node":"F"}}"#).contains("unknown node 'F'"));
        assert!(
            why(r#"{"fault":{"fault":"partition","groups":["AB","BC"]}}"#)
                .contains("overlap in node 'B'")
        );
        assert!(
            why(r#"{"fault":{"fault":"loss","probability":1.5}}"#)
                .contains("between 0 and 1, not 1.5")
        );
        assert!(
            why(r#"{"fault":{"fault":"cut","types":["Vote"]}}"#)
                .contains("unknown message type 'Vote'")
        );
        assert!(why(r#"{"fault":{"fault":"crush","node":"A"}}"#).contains("unknown variant"));
        assert!(
            why(r#"{"fault":{"fault":"crash","node":"A"},"duration":-1}"#)
                .contains("at least 0 ms")
        );
        assert!(
            why(r#"{"fault":{"fault":"crash","node":"A"},"when":1}"#).contains("unknown field")
        );
    }

    #[test]
    fn every_fault_has_its_row() {
        for kind in KINDS {
            let rest = match kind.name {
                "partition" => r#","groups":["A"]"#,
                "delay" => r#","by":1"#,
                "loss" | "duplicate" => r#","probability":0.5"#,
                "cut" | "hold" => "",
                "clock_rate" => r#","node":"A","rate":2"#,
                "clock_jump" => r#","node":"A","by":2"#,
                "lie" => r#","node":"A","lie":{"lie":"double_vote"}"#,
                _ => r#","node":"A""#,
            };
            let json = format!(r#"{{"fault":"{}"{rest}}}"#, kind.name);
            let fault: Fault = serde_json::from_str(&json).unwrap();
            assert_eq!(fault.kind().name, kind.name);
        }
    }
}
