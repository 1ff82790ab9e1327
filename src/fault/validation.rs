//! Validation of faults.

use super::injector::RATES;
use super::place::Place;
use super::target::{Names, Target};
use super::vocabulary::{Fault, MessageFilter, Shape};
use crate::protocol::{NodeId, NodeSet};
use crate::sim::Matching;
use crate::sim::time::millis;

impl Fault {
    /// Checks that it is valid in a cluster of these nodes.
    pub fn validate(&self, names: &Names) -> Result<(), String> {
        match self {
            Fault::Partition { groups, shape, bridge } => {
                validate_partition(groups, *shape, names)?;
                bridge.as_ref().map_or(Ok(()), |node| validate_bridge(node, *shape, names))
            }
            Fault::Isolate { node } => {
                validate_target("node", node, names)?;
                if names.len() == 1 {
                    return Err(format!(
                        "there is no link from {} to any other node",
                        names.name(NodeId(0))
                    ));
                }
                Ok(())
            }
            Fault::Crash { node, .. }
            | Fault::Restart { node }
            | Fault::Pause { node }
            | Fault::Resume { node }
            | Fault::Wipe { node }
            | Fault::ForgetVote { node }
            | Fault::Usurp { node }
            | Fault::Lie { node, .. } => validate_target("node", node, names),
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
                if !RATES.contains(rate) {
                    return Err(format!("rate must be between 0.000001 and 1000, not {rate}"));
                }
                validate_target("node", node, names)
            }
            Fault::ClockJump { node, by } => {
                millis::to_ns(by.abs()).map_err(|why| format!("by: {why}"))?;
                validate_target("node", node, names)
            }
        }
    }
}

/// Checks the targets of a fault; errors begin with the name of its parameter.
fn validate_target(parameter: &str, target: &Target, names: &Names) -> Result<(), String> {
    target.validate(names).map_err(|why| format!("{parameter}: {why}"))
}

/// Checks a probability.
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
    let mut seen: Vec<(NodeId, usize)> = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        validate_target("groups", group, names)?;
        let words = match group {
            Target::One(word) => std::slice::from_ref(word),
            Target::Many(words) => words,
        };
        for id in words.iter().filter_map(|word| names.ids(word).ok()).flat_map(|ids| ids.iter()) {
            if let Some((_, other)) = seen.iter().find(|(node, other)| *node == id && *other != i) {
                return Err(format!(
                    "groups: '{}' and '{}' overlap in node '{}'; for a node that sees both sides use the shape 'bridge'",
                    groups[*other].text(),
                    group.text(),
                    names.name(id)
                ));
            }
            seen.push((id, i));
        }
    }
    validate_that_it_cuts(groups, shape, names)
}

/// Rejects a partition that leaves all nodes together, which is a mistake.
fn validate_that_it_cuts(
    groups: &[Target],
    shape: Option<Shape>,
    names: &Names,
) -> Result<(), String> {
    if let Some(shape) = shape {
        let (least, nodes) = (shape.least_nodes(), names.len());
        let written = serde_json::to_value(shape).unwrap_or_default();
        let shape = written.as_str().unwrap_or_default();
        return if nodes >= least {
            Ok(())
        } else {
            Err(format!(
                "the shape '{shape}' needs at least {least} nodes to cut a link, not {nodes}"
            ))
        };
    }
    let fixed: Option<Vec<NodeSet>> = groups.iter().map(|group| group.fixed(names)).collect();
    match fixed.map(|groups| Place::groups(groups, names.len())) {
        Some(place) if place.is_nowhere(names.len()) => {
            let all = groups.iter().map(Target::text).collect::<Vec<_>>().join("', '");
            Err(format!("groups: '{all}' contains every node, so the partition cuts nothing"))
        }
        _ => Ok(()),
    }
}

/// Checks the node that is connected to both halves.
fn validate_bridge(bridge: &Target, shape: Option<Shape>, names: &Names) -> Result<(), String> {
    if shape != Some(Shape::Bridge) {
        return Err("bridge needs the shape 'bridge'".into());
    }
    validate_target("bridge", bridge, names)?;
    if bridge.is_one(names) {
        return Ok(());
    }
    Err(format!("bridge must be one node, not '{}'", bridge.text()))
}

impl Shape {
    /// The minimum number of nodes with which it cuts a link.
    fn least_nodes(self) -> usize {
        match self {
            Shape::Random => 2,
            Shape::Halves | Shape::Bridge => 3,
            Shape::MajoritiesRing => 4,
        }
    }
}

impl MessageFilter {
    fn validate(&self, names: &Names) -> Result<(), String> {
        self.kinds()?;
        for (parameter, target) in [("from", &self.from), ("to", &self.to)] {
            target.iter().try_for_each(|target| validate_target(parameter, target, names))?;
        }
        self.validate_links(names)
    }

    /// Rejects a filter that contains only links from nodes to themselves.
    fn validate_links(&self, names: &Names) -> Result<(), String> {
        let all = NodeSet::first(names.len());
        let side = |target: &Option<Target>| target.as_ref().map_or(Some(all), |t| t.fixed(names));
        let (Some(from), Some(to)) = (side(&self.from), side(&self.to)) else { return Ok(()) };
        let links = Matching { from, to, both_ways: self.both_ways, kinds: None };
        if !Place::Links(links).is_nowhere(names.len()) {
            return Ok(());
        }
        Err(format!("there is no link from {} to {}", names.list(&from), names.list(&to)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::Scheduled;
    use super::super::vocabulary::KINDS;
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
        for (fault, expected) in [
            (r#""crash","node":"F""#, "node: unknown node 'F'"),
            (r#""clock_rate","node":"F","rate":2"#, "node: unknown node 'F'"),
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
