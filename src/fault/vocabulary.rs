//! What can go wrong, as values.

use serde::{Deserialize, Serialize};

use super::target::Target;
use crate::protocol::Message;
use crate::raft::{Lie, RaftMessage};
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
        /// With [`Shape::Bridge`]: the node that sees both halves; drawn if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bridge: Option<Target>,
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

/// What a fault acts on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// Links and messages.
    Network,
    /// Processes.
    Node,
    /// What nodes have stored.
    Disk,
    /// Clocks.
    Clock,
    /// What nodes say.
    Lie,
}

impl Family {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Family::Network => "network",
            Family::Node => "node",
            Family::Disk => "disk",
            Family::Clock => "clock",
            Family::Lie => "lie",
        }
    }
}

/// What is known of a kind of fault: one row for every surface (Rust, Python, documentation).
#[derive(Clone, Copy, Debug)]
pub struct FaultKind {
    /// Its name in JSON and tables.
    pub name: &'static str,
    /// Its name in Python.
    pub class: &'static str,
    /// What it acts on.
    pub family: Family,
    /// What happens, in a sentence.
    pub meaning: &'static str,
    /// What happens when it ends; nothing if it is over as soon as it has struck.
    pub end: Option<&'static str>,
}

macro_rules! kinds {
    ($($name:literal $class:literal $family:ident: $meaning:literal $(; $end:literal)?)*) => {
        /// All kinds of fault.
        pub const KINDS: &[FaultKind] = &[$(FaultKind {
            name: $name, class: $class, family: Family::$family, meaning: $meaning, end: kinds!(@end $($end)?),
        }),*];
    };
    (@end $end:literal) => { Some($end) };
    (@end) => { None };
}

kinds! {
    "partition" "Partition" Network: "links between groups are down; nodes in no group form one more"; "the links are up"
    "isolate" "Isolate" Network: "each of these nodes is cut off from all others"; "the links are up"
    "cut" "Cut" Network: "links are down one way, or for some types of message"; "the links are up"
    "delay" "Delay" Network: "messages take longer"; "new messages take as long as before"
    "loss" "Loss" Network: "messages are lost with a probability"; "the loss ends"
    "duplicate" "Duplicate" Network: "messages arrive twice with a probability"; "the doubling ends"
    "hold" "Hold" Network: "messages are held back, to be delivered by hand"; "new messages travel; held ones stay held"
    "crash" "Crash" Node: "nodes lose power, and keep what their disks had synced"; "they restart"
    "restart" "Restart" Node: "nodes that are down come back: what held them down ends"
    "pause" "Pause" Node: "nodes stand still; messages and timers wait"; "they go on with what has waited"
    "resume" "Resume" Node: "nodes that stand still go on: what paused them ends"
    "wipe" "Wipe" Disk: "nodes crash and lose their disks, and come back empty under their old names"; "they restart"
    "clock_rate" "ClockRate" Clock: "clocks run fast or slow"; "clocks run true again"
    "clock_jump" "ClockJump" Clock: "clocks are set forward or back"
    "lie" "Lie" Lie: "nodes say what is not so"; "they tell the truth"
    "forget_vote" "ForgetVote" Lie: "a node forgets whom it voted for"
    "usurp" "Usurp" Lie: "a node leads the next term without an election"
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

    /// Whether a strike lasts unless it is ended: not if it is over at once.
    pub fn lasts(&self) -> bool {
        self.kind().end.is_some() && !matches!(self, Fault::Wipe { .. })
    }
}

impl MessageFilter {
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
