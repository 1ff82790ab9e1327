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
    /// Cuts the links between groups. Nodes in no group form one more group.
    Partition {
        /// The groups; empty if a shape is given.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<Target>,
        /// The shape, from which groups are made when the fault strikes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shape: Option<Shape>,
        /// With [`Shape::Bridge`]: the node that is connected to both halves; drawn at random if
        /// not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bridge: Option<Target>,
    },
    /// Cuts each of these nodes off from all other nodes.
    Isolate {
        /// The nodes.
        node: Target,
    },
    /// Cuts links in one direction.
    Cut {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
    },
    /// Delays messages.
    Delay {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
        /// The additional delay.
        by: Distribution,
    },
    /// Loses messages.
    Loss {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
        /// The probability for each message.
        probability: f64,
    },
    /// Delivers messages twice.
    Duplicate {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
        /// The probability for each message.
        probability: f64,
    },
    /// Holds messages as they are sent, to be delivered by hand.
    Hold {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
    },
    /// Cuts the power of nodes. They restart when the fault ends.
    Crash {
        /// The nodes.
        node: Target,
        /// What happens to writes that were not synced.
        #[serde(default)]
        unsynced: Unsynced,
    },
    /// Restarts nodes that are down.
    Restart {
        /// The nodes.
        node: Target,
    },
    /// Pauses nodes. When the fault ends they process the messages and timers that have waited.
    Pause {
        /// The nodes.
        node: Target,
    },
    /// Resumes paused nodes.
    Resume {
        /// The nodes.
        node: Target,
    },
    /// Crashes nodes and wipes their disks. They restart, empty, when the fault ends.
    Wipe {
        /// The nodes.
        node: Target,
    },
    /// Makes clocks run at another rate; several rates multiply. When the fault ends its rate no
    /// longer counts; the offset remains.
    ClockRate {
        /// The nodes.
        node: Target,
        /// The rate, relative to true time.
        rate: f64,
    },
    /// Sets clocks forward or back.
    ClockJump {
        /// The nodes.
        node: Target,
        /// The change, in milliseconds.
        by: f64,
    },
    /// Makes nodes lie.
    Lie {
        /// The node or nodes.
        node: Target,
        /// The lie.
        lie: Lie,
    },
    /// Makes a node forget its vote. (A lie: other nodes do not learn of it.)
    ForgetVote {
        /// The node or nodes.
        node: Target,
    },
    /// Makes a node leader of the next term without an election. (A lie.)
    Usurp {
        /// The node or nodes.
        node: Target,
    },
}

/// Selects the messages that a network fault affects.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct MessageFilter {
    /// The senders; all nodes if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Target>,
    /// The receivers; all nodes if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Target>,
    /// True to include the opposite direction.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub both_ways: bool,
    /// The types of message; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
}

/// Shapes of a partition.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A randomly drawn minority, and the rest.
    Halves,
    /// Two random groups, to which each node is assigned independently, or one isolated node.
    Random,
    /// Two halves that are connected only through one node.
    Bridge,
    /// Each node is connected to a majority, and no two to the same one (Jepsen).
    MajoritiesRing,
}

/// What a fault acts on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// Links and messages.
    Network,
    /// Processes.
    Node,
    /// The nodes' stored data.
    Disk,
    /// Clocks.
    Clock,
    /// The contents of messages.
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

/// The description of a kind of fault, from which Rust, Python and documentation follow.
#[derive(Clone, Copy, Debug)]
pub struct FaultKind {
    /// Its name in JSON and tables.
    pub name: &'static str,
    /// Its name in Python.
    pub class: &'static str,
    /// What it acts on.
    pub family: Family,
    /// What it does, in a sentence.
    pub meaning: &'static str,
    /// What happens when it ends; `None` if its effect is instantaneous.
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
    "partition" "Partition" Network: "links between groups are down; nodes in no group form one more group"; "the links are up"
    "isolate" "Isolate" Network: "each of these nodes is cut off from all others"; "the links are up"
    "cut" "Cut" Network: "links are down in one direction, or for some types of message"; "the links are up"
    "delay" "Delay" Network: "messages take longer"; "new messages take as long as before"
    "loss" "Loss" Network: "messages are lost with a probability"; "the loss ends"
    "duplicate" "Duplicate" Network: "messages arrive twice with a probability"; "messages arrive once"
    "hold" "Hold" Network: "messages are held, to be delivered by hand"; "new messages are no longer held; held ones stay held"
    "crash" "Crash" Node: "nodes lose power, and keep only what their disks have synced"; "they restart"
    "restart" "Restart" Node: "nodes that are down restart, and the faults that kept them down end"
    "pause" "Pause" Node: "nodes are paused; messages and timers wait"; "they process what has waited"
    "resume" "Resume" Node: "paused nodes continue, and the faults that paused them end"
    "wipe" "Wipe" Disk: "nodes crash and lose their disks"; "they restart, empty, under their old names"
    "clock_rate" "ClockRate" Clock: "clocks run fast or slow"; "clocks run at the true rate, and keep their offset"
    "clock_jump" "ClockJump" Clock: "clocks are set forward or back"
    "lie" "Lie" Lie: "nodes lie in their messages"; "they no longer lie"
    "forget_vote" "ForgetVote" Lie: "a node forgets its vote"
    "usurp" "Usurp" Lie: "a node leads the next term without an election"
}

/// The row of this name; an unknown name does not compile.
const fn row(name: &str) -> &'static FaultKind {
    let mut at = 0;
    while !is_same(KINDS[at].name, name) {
        at += 1;
    }
    &KINDS[at]
}

/// Whether two strings are equal, at compile time.
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

    /// True if a strike lasts until it is ended; false if its effect is instantaneous.
    pub fn lasts(&self) -> bool {
        self.kind().end.is_some() && !matches!(self, Fault::Wipe { .. })
    }
}

impl MessageFilter {
    /// The types as a bitmap; `None` means all types.
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
