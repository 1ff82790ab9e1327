//! What can go wrong, as values: the declaration of faults, and their families.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::clock::Clock;
use super::disk::Disk;
use super::lies::Lies;
use super::network::Network;
use super::node::Node;
use crate::sim::{DiskSpec, Processing};

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
    Lies,
}

impl Family {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Family::Network => "network",
            Family::Node => "node",
            Family::Disk => "disk",
            Family::Clock => "clock",
            Family::Lies => "lie",
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

/// Declares the faults of a family, in its file:
///
/// ```text
/// faults! { Clock:
///     /// Documentation of the struct.
///     ClockRate "clock_rate": "what it does"; "what happens when it ends" {
///         /// Documentation of a parameter.
///         node: Target,
///     }
/// }
/// ```
///
/// Each becomes a struct with its row ([`FaultKind`]) and a variant of the family's enum; without
/// an end its effect is instantaneous. What it does is its [`Effect`], next to the declaration.
macro_rules! faults {
    ($family:ident: $(
        $(#[doc = $doc:literal])*
        $fault:ident $name:literal: $meaning:literal $(; $end:literal)? {
            $($(#[$about:meta])* $parameter:ident: $type:ty,)*
        }
    )*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug, serde::Deserialize, PartialEq, serde::Serialize)]
            #[serde(deny_unknown_fields)]
            pub struct $fault {
                $($(#[$about])* pub $parameter: $type,)*
            }

            impl $fault {
                /// Its row.
                pub const KIND: $crate::fault::FaultKind = $crate::fault::FaultKind {
                    name: $name,
                    class: stringify!($fault),
                    family: $crate::fault::Family::$family,
                    meaning: $meaning,
                    end: faults!(@end $($end)?),
                };
            }

            impl $crate::fault::Kind for $fault {
                fn kind(&self) -> &'static $crate::fault::FaultKind {
                    const { &Self::KIND }
                }
            }

            impl From<$fault> for $crate::fault::Fault {
                fn from(fault: $fault) -> Self {
                    Self::$family($family::$fault(fault))
                }
            }
        )*

        /// The faults of this family.
        #[derive(Clone, Debug, serde::Deserialize, PartialEq, serde::Serialize)]
        #[serde(tag = "fault")]
        pub enum $family {
            $($(#[doc = $doc])* #[serde(rename = $name)] $fault($fault),)*
        }

        impl $family {
            /// Their rows.
            pub const KINDS: &[$crate::fault::FaultKind] = &[$($fault::KIND),*];
        }

        $crate::fault::vocabulary::one_of! { $family { $($fault)* } }
    };
    (@end $end:literal) => { Some($end) };
    (@end) => { None };
}

/// An enum that is the fault that its variant contains.
macro_rules! one_of {
    ($enum:ident { $($variant:ident)* }) => {
        impl $crate::fault::Kind for $enum {
            fn kind(&self) -> &'static $crate::fault::FaultKind {
                match self { $(Self::$variant(fault) => fault.kind(),)* }
            }
        }

        impl $crate::fault::Effect for $enum {
            fn aim(&self) -> $crate::fault::Aim<'_> {
                match self { $(Self::$variant(fault) => fault.aim(),)* }
            }

            fn limits(&self, names: &$crate::fault::Names) -> Result<(), String> {
                match self { $(Self::$variant(fault) => fault.limits(names),)* }
            }

            fn lasts(&self) -> bool {
                match self { $(Self::$variant(fault) => fault.lasts(),)* }
            }

            fn grip(&self) -> Option<$crate::fault::Grip> {
                match self { $(Self::$variant(fault) => fault.grip(),)* }
            }

            fn strike<P, O>(
                &self,
                site: &mut $crate::fault::Site<'_, P, O>,
                place: &$crate::fault::Place,
            )
            where
                P: $crate::replica::Replica<Lie = $crate::raft::Lie>,
                O: $crate::sim::Observer<P>,
            {
                match self { $(Self::$variant(fault) => fault.strike(site, place),)* }
            }

            fn end<P, O>(
                &self,
                site: &mut $crate::fault::Site<'_, P, O>,
                nodes: &$crate::protocol::NodeSet,
            )
            where
                P: $crate::replica::Replica<Lie = $crate::raft::Lie>,
                O: $crate::sim::Observer<P>,
            {
                match self { $(Self::$variant(fault) => fault.end(site, nodes),)* }
            }
        }
    };
}

pub(super) use {faults, one_of};

/// A value that belongs to a kind of fault.
pub trait Kind {
    /// Its row.
    fn kind(&self) -> &'static FaultKind;
}

macro_rules! families {
    ($($family:ident)*) => {
        /// A fault: one of those that its family declares.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Fault {
            $(#[doc = concat!("One of the family ", stringify!($family), ".")] $family($family),)*
        }

        one_of! { Fault { $($family)* } }

        /// All kinds of fault.
        pub fn kinds() -> impl Iterator<Item = &'static FaultKind> {
            [$($family::KINDS),*].into_iter().flatten()
        }

        impl Family {
            /// Reads a fault of this family.
            fn read(self, written: Value) -> serde_json::Result<Fault> {
                match self {
                    $(Family::$family => $family::deserialize(written).map(Fault::$family),)*
                }
            }
        }
    };
}

families! { Network Node Disk Clock Lies }

impl Fault {
    /// Checks that it can strike these disks, and nodes of our protocol or of another one.
    pub fn suits(
        &self,
        disks: &DiskSpec,
        processing: &Processing,
        ours: bool,
    ) -> Result<(), String> {
        match self {
            Fault::Disk(disk) => disk.suits(disks, ours),
            Fault::Lies(lies) => lies.suits(ours),
            Fault::Node(node) => node.suits(processing),
            Fault::Network(_) | Fault::Clock(_) => Ok(()),
        }
    }

    /// Whether it depends on the lengths of messages.
    pub fn measures(&self) -> bool {
        matches!(self, Fault::Network(Network::Throttle(_)) | Fault::Node(Node::SlowNode(_)))
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = from.deserialize_map(Parameters)?;
        let name = written.get("fault").ok_or_else(|| D::Error::missing_field("fault"))?;
        let name = String::deserialize(name).map_err(D::Error::custom)?;
        let Some(kind) = kinds().find(|kind| kind.name == name) else {
            let known = kinds().map(|kind| format!("`{}`", kind.name)).collect::<Vec<_>>();
            let known = known.join(", ");
            return Err(D::Error::custom(format!(
                "unknown variant `{name}`, expected one of {known}"
            )));
        };
        kind.family.read(Value::Object(written)).map_err(D::Error::custom)
    }
}

/// Reads the name and the parameters of a fault, each at most once.
struct Parameters;

impl<'de> Visitor<'de> for Parameters {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut written = Map::new();
        while let Some((name, value)) = from.next_entry::<String, Value>()? {
            if written.contains_key(&name) {
                return Err(A::Error::custom(format!("duplicate field `{name}`")));
            }
            written.insert(name, value);
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Names, Scheduled};

    fn parse(json: &str) -> Result<Scheduled, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn faults_survive_json() {
        for json in [
            r#"{"fault":{"fault":"partition","groups":["AB","CDE"]},"at":1000,"duration":500,"patience":10000}"#,
            r#"{"fault":{"fault":"crash","node":"leader","unsynced":"tear"},"at":{"distribution":"uniform","low":1000.0,"high":1150.0},"patience":10000}"#,
            r#"{"fault":{"fault":"delay","from":"A","types":["AppendEntries"],"by":10000.0},"patience":10000}"#,
            r#"{"fault":{"fault":"slow_disk","node":"A","factor":2.0,"by":20.0}}"#,
            r#"{"fault":{"fault":"full_disk","node":"A","then":"halt"}}"#,
            r#"{"fault":{"fault":"failing_disk","node":"A","then":"ignore"}}"#,
            r#"{"fault":{"fault":"corrupt","node":"A","index":3,"detected":"truncate"}}"#,
            r#"{"fault":{"fault":"corrupt","node":"A","what":"vote","detected":false}}"#,
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
        for (fault, expected) in [
            (r#""crash","node":"F""#, "node: unknown node 'F'"),
            (r#""clock_rate","node":"F","rate":2"#, "node: unknown node 'F'"),
            (r#""slow_disk","node":"A""#, "give a factor above 1, or by"),
            (r#""slow_disk","node":"A","factor":0.5"#, "between 1 and 1000000, not 0.5"),
            (r#""slow_disk","node":"A","by":-1"#, "at least 0 ms"),
            (r#""failing_disk","node":"A","then":"wait""#, "unknown variant `wait`"),
            (r#""corrupt","node":"A","index":0"#, "index must be at least 1, not 0"),
            (r#""corrupt","node":"A","what":"vote","index":2"#, "index is for what=\"entry\""),
            (r#""corrupt","node":"A","detected":"maybe""#, "detected must be true, false"),
            (r#""cut","from":"F""#, "from: unknown node 'F'"),
            (r#""cut","from":"A","to":"BF""#, "to: unknown node 'BF'"),
            (r#""partition","groups":["AB","CF"]"#, "groups: unknown node 'CF'"),
            (r#""partition","groups":["AB","BC"]"#, "groups: 'AB' and 'BC' overlap in node 'B'"),
            (r#""partition","groups":["ABCDE"]"#, "groups: 'ABCDE' contains every node"),
        ] {
            let said = why(&format!(r#"{{"fault":{{"fault":{fault}}}}}"#));
            assert!(said.contains(expected), "{said}");
        }
        assert!(
            why(r#"{"fault":{"fault":"loss","probability":1.5}}"#)
                .contains("between 0 and 1, not 1.5")
        );
        assert!(
            why(r#"{"fault":{"fault":"cut","types":["Vote"]}}"#)
                .contains("unknown message type 'Vote'")
        );
        assert!(why(r#"{"fault":{"fault":"crush","node":"A"}}"#).contains("unknown variant"));
        assert!(why(r#"{"fault":{"fault":"cut","frm":"A"}}"#).contains("unknown field `frm`"));
        let twice = r#"{"fault":{"fault":"crash","node":"A","node":"B"}}"#;
        assert!(why(twice).contains("duplicate field `node`"));
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
        for kind in kinds() {
            let rest = match kind.name {
                "partition" => r#","groups":["A"]"#,
                "delay" => r#","by":1"#,
                "loss" | "duplicate" => r#","probability":0.5"#,
                "cut" | "hold" => "",
                "throttle" => r#","bandwidth":1000"#,
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
