//! The results of the checks: violations, each once, and the number of checks.

use std::collections::BTreeSet;

use super::properties::Property;
use super::story::{Moment, Numbers};
use super::violation::{Breach, Violation};
use crate::replica::Command;
use crate::sim::Time;

/// Violations and counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) honest: List,
    pub(super) liars: List,
    counts: [u64; Property::ALL.len()],
}

/// Violations in the order in which they were found, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub(super) violations: Vec<Violation>,
    /// The number of violations after the list was full.
    pub(super) beyond: u64,
    known: BTreeSet<Breach>,
}

/// The maximum number of violations that are kept.
const LONGEST: usize = 1000;

impl Findings {
    /// A property was checked against earlier knowledge.
    #[inline]
    pub(super) fn checked(&mut self, property: Property) {
        self.counts[property as usize] += 1;
    }

    pub(super) fn count(&self, property: Property) -> u64 {
        self.counts[property as usize]
    }

    /// A property does not hold. The story is built only if the violation is new.
    pub(super) fn report(
        &mut self,
        time: Time,
        breach: Breach,
        honest: bool,
        command: Option<Command>,
        story: impl FnOnce(&Breach) -> Vec<Moment>,
    ) {
        let list = if honest { &mut self.honest } else { &mut self.liars };
        let essence = breach.essence();
        if list.known.contains(&essence) {
            return;
        }
        if list.violations.len() >= LONGEST {
            list.beyond += 1;
            return;
        }
        list.violations.push(Violation {
            property: breach.property().name(),
            time,
            nodes: breach.nodes(),
            index: breach.index(),
            terms: breach.terms(),
            message: breach.tell(command.as_ref(), &Numbers),
            honest,
            command,
            events: story(&breach),
            breach,
        });
        list.known.insert(essence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::NodeId;

    fn fell(to: u64) -> Breach {
        Breach::TermFell { node: NodeId(0), from: 9_999, to }
    }

    #[test]
    fn each_violation_is_reported_once_and_the_list_ends() {
        let mut findings = Findings::default();
        for to in (0..1_500).chain(0..100) {
            findings.report(Time(to), fell(to), true, None, |_| Vec::new());
        }
        assert_eq!(findings.honest.violations.len(), LONGEST);
        assert_eq!(findings.honest.beyond, 500);
        assert_eq!(findings.honest.violations[7].message, "the term of node 0 fell from 9999 to 7");
        assert!(findings.liars.violations.is_empty());
    }
}
