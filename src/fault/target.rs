//! Targets of faults: nodes by name, or by role at the time when the fault strikes.

use serde::{Deserialize, Serialize};

use crate::protocol::{MAX_NODES, NodeId, NodeSet, Role};
use crate::replica::{MAX_MEMBERS, Membership, Replica};
use crate::sim::luck::below;
use crate::sim::{Observer, World};

/// The names of a cluster's machines, in order: first those of the nodes that found it, then those
/// of machines that are added later.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Names {
    all: Vec<String>,
    founding: usize,
}

impl Names {
    /// The names A to Z; with more than 26 nodes n1, n2, ...
    pub fn letters(nodes: usize) -> Result<Self, String> {
        check_count(nodes)?;
        let name = |i: usize| {
            if nodes <= 26 { char::from(b'A' + i as u8).to_string() } else { format!("n{}", i + 1) }
        };
        Ok(Self { all: (0..nodes).map(name).collect(), founding: nodes })
    }

    /// The number of machines.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The number of nodes at the beginning.
    pub fn founding(&self) -> usize {
        self.founding
    }

    /// Makes a machine known that is added later, unless it is.
    pub fn declare(&mut self, name: &str) -> Result<(), String> {
        if self.find(name).is_some() {
            return Ok(());
        }
        check_name(name)?;
        if self.len() >= MAX_MEMBERS {
            return Err(format!(
                "a cluster whose membership changes has at most {MAX_MEMBERS} \
                 machines; '{name}' would be one more"
            ));
        }
        self.all.push(name.to_owned());
        Ok(())
    }

    /// True if there are no nodes, which is never the case.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A node's name.
    pub fn name(&self, id: NodeId) -> &str {
        &self.all[id.at()]
    }

    /// All names in order.
    pub fn all(&self) -> &[String] {
        &self.all
    }

    /// The names of these nodes, separated by commas.
    pub fn list(&self, nodes: &NodeSet) -> String {
        let known = nodes.iter().filter_map(|id| self.all.get(id.at()));
        known.map(String::as_str).collect::<Vec<_>>().join(",")
    }

    fn find(&self, name: &str) -> Option<NodeId> {
        self.all.iter().position(|known| known == name).map(NodeId::from)
    }

    /// The names of the nodes at the beginning.
    pub fn founders(&self) -> &[String] {
        &self.all[..self.founding]
    }

    /// The node with this name, which must be there from the beginning.
    pub fn founder(&self, name: &str) -> Result<NodeId, String> {
        let found = self.id(name)?;
        if found.at() < self.founding {
            return Ok(found);
        }
        Err(format!("{name} is added later, and has no state at the beginning"))
    }

    /// The node with this name.
    pub fn id(&self, name: &str) -> Result<NodeId, String> {
        self.find(name)
            .ok_or_else(|| format!("unknown node '{name}'; this cluster has {}", self.summary()))
    }

    /// The nodes of one name, or of several single-letter names in a row (`"ABC"`).
    pub fn ids(&self, text: &str) -> Result<NodeSet, String> {
        if let Some(id) = self.find(text) {
            return Ok([id].into_iter().collect());
        }
        let mut nodes = NodeSet::default();
        for letter in text.chars() {
            let id = self.id(letter.encode_utf8(&mut [0; 4])).map_err(|_| {
                format!("unknown node '{text}'; this cluster has {}", self.summary())
            })?;
            if !nodes.insert(id) {
                return Err(format!("'{text}' names node '{letter}' twice"));
            }
        }
        if nodes.is_empty() { Err(self.id(text).unwrap_err()) } else { Ok(nodes) }
    }

    fn summary(&self) -> String {
        let all = &self.all;
        if all.len() <= 12 {
            return all.join(", ");
        }
        format!("{}, {}, …, {} ({} nodes)", all[0], all[1], all[all.len() - 1], all.len())
    }
}

fn check_count(nodes: usize) -> Result<(), String> {
    if (1..=MAX_NODES).contains(&nodes) {
        Ok(())
    } else {
        Err(format!("nodes must be between 1 and {MAX_NODES}, not {nodes}"))
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(',') {
        return Err(format!(
            "a node's name must not be empty or contain a comma, as '{name}' does"
        ));
    }
    if name.contains('\0') {
        return Err(format!("a node's name must not contain NUL, as {name:?} does"));
    }
    if ROLES.iter().any(|(role, _)| *role == name) {
        return Err(format!("'{name}' is a role, and cannot be a node's name"));
    }
    Ok(())
}

impl TryFrom<Vec<String>> for Names {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        check_count(names.len())?;
        for (i, name) in names.iter().enumerate() {
            check_name(name)?;
            if names[..i].contains(name) {
                return Err(format!("two nodes are named '{name}'"));
            }
        }
        Ok(Self { founding: names.len(), all: names })
    }
}

impl From<Names> for Vec<String> {
    fn from(mut names: Names) -> Self {
        names.all.truncate(names.founding);
        names.all
    }
}

/// A target: names, or a role.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(untagged, expecting = "expected a name, a list of names or a role")]
pub enum Target {
    /// A name, single-letter names in a row, or a role.
    One(String),
    /// Several names or roles.
    Many(Vec<String>),
}

/// The roles that a target can be, with their meaning.
pub const ROLES: &[(&str, &str)] = &[
    ("leader", "the leader of the highest term; the fault waits until there is one"),
    ("followers", "all running nodes that do not lead; the fault waits until there is one"),
    ("a follower", "a random one of the followers, drawn when the fault strikes"),
    ("a node", "a random node"),
    (
        "a minority",
        "the largest random set of nodes that is not a majority; empty for one or two nodes",
    ),
    ("a majority", "the smallest random set of nodes that is a majority"),
    ("the crashed", "all nodes that are down, possibly none"),
    ("the paused", "all nodes that are paused, possibly none"),
    ("all", "every node"),
];

impl Target {
    /// Checks that it can hit a node in a cluster of these nodes.
    pub fn validate(&self, names: &Names) -> Result<(), String> {
        if self.words().is_empty() {
            return Err("a target must be a name, a list of names or a role, not []".into());
        }
        self.words().iter().try_for_each(|word| {
            if ROLES.iter().any(|(role, _)| role == word) {
                return Ok(());
            }
            names.ids(word).map(|_| ()).map_err(|why| {
                let roles: Vec<_> = ROLES.iter().map(|(role, _)| format!("'{role}'")).collect();
                format!("{why}; the roles are {}", roles.join(", "))
            })
        })
    }

    /// Checks a target; errors begin with the name of its parameter.
    pub(super) fn validate_as(&self, parameter: &str, names: &Names) -> Result<(), String> {
        self.validate(names).map_err(|why| format!("{parameter}: {why}"))
    }

    /// The nodes that it hits now, possibly none; `None` if it asks for a leader or a follower and
    /// there is none yet. `draw` provides the random draw.
    pub fn resolve<P: Replica, O: Observer<P>>(
        &self,
        names: &Names,
        world: &World<P, O>,
        draw: impl Fn() -> u64,
    ) -> Option<NodeSet> {
        let mut hit = NodeSet::default();
        for word in self.words() {
            hit = hit.union(&resolve_word(word, names, world, &draw)?);
        }
        Some(hit)
    }

    /// The nodes that it always hits; `None` if they are known only when the fault strikes.
    pub fn fixed(&self, names: &Names) -> Option<NodeSet> {
        let mut hit = NodeSet::default();
        for word in self.words() {
            if word == "all" && names.len() > names.founding() {
                return None; // the machines that were started by then
            }
            let nodes =
                if word == "all" { NodeSet::first(names.len()) } else { names.ids(word).ok()? };
            nodes.iter().for_each(|id| _ = hit.insert(id));
        }
        Some(hit)
    }

    /// Whether it hits exactly one node.
    pub fn is_one(&self, names: &Names) -> bool {
        match self.words() {
            [word] if matches!(word.as_str(), "leader" | "a follower" | "a node") => true,
            _ => self.fixed(names).is_some_and(|hit| hit.len() == 1),
        }
    }

    /// As it was written.
    pub fn text(&self) -> String {
        self.words().join(",")
    }

    /// Names and roles, one by one.
    pub fn words(&self) -> &[String] {
        match self {
            Target::One(word) => std::slice::from_ref(word),
            Target::Many(words) => words,
        }
    }
}

fn resolve_word<P: Replica, O: Observer<P>>(
    word: &str,
    names: &Names,
    world: &World<P, O>,
    draw: &impl Fn() -> u64,
) -> Option<NodeSet> {
    if let Some(id) = names.find(word) {
        return Some([id].into_iter().collect()); // no node is named like a role
    }
    // What a fault that waits for a leader asks after every event comes first and takes no more.
    if word == "leader" {
        return Some([world.leader_for(None)?].into_iter().collect());
    }
    let all = world.started();
    let some = |nodes: NodeSet| (!nodes.is_empty()).then_some(nodes);
    let chosen = |filter: &dyn Fn(NodeId) -> bool| all.iter().filter(|id| filter(*id)).collect();
    let follows = |id: NodeId| world.is_up(id) && world.node(id).status().role != Role::Leader;
    let of_voters = |size: fn(usize, usize) -> usize| {
        let voters = membership(world).voters;
        pick(&voters, size(voters.len(), voters.len() / 2 + 1), names, draw())
    };
    Some(match word {
        "followers" => some(chosen(&follows))?,
        "a follower" => pick(&some(chosen(&follows))?, 1, names, draw()),
        "a node" => pick(&all, 1, names, draw()),
        "a minority" => of_voters(|all, majority| all - majority),
        "a majority" => of_voters(|_, majority| majority),
        "the crashed" => chosen(&|id| !world.is_up(id)),
        "the paused" => chosen(&|id| world.is_paused(id)),
        "all" => all,
        name => names.ids(name).ok()?,
    })
}

/// The newest configuration that a node knows to be committed.
pub fn membership<P: Replica, O: Observer<P>>(world: &World<P, O>) -> Membership {
    committed_configuration(world).1
}

/// The same with the index of its entry.
pub fn committed_configuration<P: Replica, O: Observer<P>>(
    world: &World<P, O>,
) -> (u64, Membership) {
    let known = world.started().iter().map(|id| world.node(id).committed_membership());
    let newest = known.max_by_key(|(index, found)| (*index, !found.voters.is_empty()));
    newest.map_or_else(Default::default, |(index, found)| (index, *found))
}

/// A random subset of these nodes: the first elements of a Fisher-Yates shuffle of the sorted
/// names.
pub(super) fn pick(from: &NodeSet, count: usize, names: &Names, draw: u64) -> NodeSet {
    let mut pool: Vec<NodeId> = from.iter().collect();
    pool.sort_by_key(|id| names.name(*id));
    let mut state = draw;
    for i in 0..count.min(pool.len()) {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let j = i + below(state ^ state >> 33, (pool.len() - i) as u64) as usize;
        pool.swap(i, j);
    }
    pool.into_iter().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert!(Names::letters(0).unwrap_err().contains("between 1 and 255, not 0"));
        assert!(Names::letters(10_000).is_err());
        let five = Names::letters(5).unwrap();
        assert_eq!(five.id("F").unwrap_err(), "unknown node 'F'; this cluster has A, B, C, D, E");
        assert_eq!(five.list(&five.ids("CA").unwrap()), "A,C");
        assert!(five.ids("AA").is_err());
        assert_eq!(Names::letters(27).unwrap().name(NodeId(26)), "n27");
        assert!(Names::try_from(vec!["leader".to_string()]).is_err());
        assert!(Names::try_from(vec!["x".to_string(), "x".to_string()]).is_err());
    }

    #[test]
    fn a_drawn_choice_is_even() {
        let names = Names::letters(5).unwrap();
        let mut hits = [0; 5];
        for draw in 0..5_000u64 {
            let luck = crate::sim::Luck::new(draw);
            let word = luck.draw(crate::sim::Purpose::Fault, 0, 0);
            for id in pick(&NodeSet::first(5), 2, &names, word).iter() {
                hits[id.at()] += 1;
            }
        }
        assert!(hits.iter().all(|&hit| (1_850..2_150).contains(&hit)), "{hits:?}");
    }
}
