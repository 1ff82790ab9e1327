//! The rules that are taken away, from all nodes or from some.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::fault::Names;
use crate::raft::{Rule, Rules};

/// The rules that are taken away, by the names of their bugs: in JSON a list, or an object with a
/// list for each of some nodes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Bugs {
    /// From all nodes.
    All(Vec<Rule>),
    /// From these nodes.
    Some(BTreeMap<String, Vec<Rule>>),
}

impl Default for Bugs {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl From<Vec<Rule>> for Bugs {
    fn from(rules: Vec<Rule>) -> Self {
        Self::All(rules)
    }
}

impl Bugs {
    /// Whether no rule is taken away.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// The rules that are taken away from some node.
    pub fn all(&self) -> impl Iterator<Item = Rule> {
        let (all, some) = match self {
            Self::All(rules) => (Some(rules), None),
            Self::Some(nodes) => (None, Some(nodes)),
        };
        all.into_iter().chain(some.into_iter().flat_map(BTreeMap::values)).flatten().copied()
    }

    /// The rules that all nodes obey.
    pub fn shared(&self) -> Rules {
        without(self.all())
    }

    /// The rules that a node obeys.
    pub fn rules(&self, node: &str) -> Rules {
        match self {
            Self::All(rules) => without(rules.iter().copied()),
            Self::Some(nodes) => without(nodes.get(node).into_iter().flatten().copied()),
        }
    }

    /// Checks that the nodes exist.
    pub fn validate(&self, names: &Names) -> Result<(), String> {
        let Self::Some(nodes) = self else { return Ok(()) };
        nodes.keys().try_for_each(|name| names.id(name).map(|_| ()))
    }
}

fn without(rules: impl Iterator<Item = Rule>) -> Rules {
    rules.fold(Rules::ALL, Rules::without)
}

impl<'de> Deserialize<'de> for Bugs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AllOrSome)
    }
}

struct AllOrSome;

impl<'de> Visitor<'de> for AllOrSome {
    type Value = Bugs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of bugs, or an object with a list for each of some nodes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bugs, A::Error> {
        let mut rules = Vec::new();
        while let Some(rule) = list.next_element()? {
            rules.push(rule);
        }
        Ok(Bugs::All(rules))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Bugs, A::Error> {
        let mut nodes = BTreeMap::new();
        while let Some((name, rules)) = object.next_entry::<String, Vec<Rule>>()? {
            if nodes.contains_key(&name) {
                return Err(A::Error::custom(format!("'{name}' is named twice")));
            }
            nodes.insert(name, rules);
        }
        nodes.retain(|_, rules| !rules.is_empty());
        Ok(if nodes.is_empty() { Bugs::default() } else { Bugs::Some(nodes) })
    }
}
