//! Who is a member: configurations (§6, diss. ch. 4) and the changes from one to the next.

use crate::protocol::{NodeId, NodeSet};

/// The largest number of machines of a cluster whose membership changes: an entry of the log
/// carries a configuration in three words.
pub const MAX_MEMBERS: usize = 31;

/// A configuration: the members of a cluster. It is joint (§6) if there are outgoing voters: a
/// decision then needs a majority of the voters and a majority of the outgoing ones.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Membership {
    /// The voters; the incoming ones if it is joint.
    pub voters: NodeSet,
    /// The voters of the configuration before, if it is joint.
    pub outgoing: NodeSet,
    /// Members that get entries, and do not vote (diss. §4.2.1).
    pub learners: NodeSet,
    /// Outgoing voters that become learners when the joint configuration is left.
    pub next_learners: NodeSet,
    /// Whether the leader of a joint configuration waits for an order to leave it.
    pub stays: bool,
}

/// A configuration as an entry of the log carries it, by nodes below [`MAX_MEMBERS`].
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Members {
    voters: u32,
    outgoing: u32,
    /// The learners, and those outgoing voters that become learners.
    learners: u32,
}

/// [`Members::learners`] of a joint configuration that waits for an order.
const STAYS: u32 = 1 << MAX_MEMBERS;

/// A change of one member.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Change {
    /// It becomes a voter.
    AddVoter(NodeId),
    /// It becomes a learner, also if it was a voter.
    AddLearner(NodeId),
    /// It is no longer a member.
    Remove(NodeId),
}

/// Why a configuration cannot follow another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Invalid {
    /// The configuration is joint, and has to be left first.
    Joint,
    /// The configuration is not joint.
    NotJoint,
    /// More than one voter changes: that needs a joint configuration.
    TwoVoters,
    /// No voter would remain.
    NoVoters,
}

impl Membership {
    /// A configuration of these voters.
    pub fn of(voters: NodeSet) -> Self {
        Self { voters, ..Self::default() }
    }

    /// All members.
    #[must_use]
    pub fn all(&self) -> NodeSet {
        self.voting().union(&self.learners)
    }

    /// The members that vote.
    #[must_use]
    pub fn voting(&self) -> NodeSet {
        self.voters.union(&self.outgoing)
    }

    /// Whether a node votes.
    pub fn votes(&self, node: NodeId) -> bool {
        self.voters.contains(node) || self.outgoing.contains(node)
    }

    /// Whether a node is a member.
    pub fn contains(&self, node: NodeId) -> bool {
        self.votes(node) || self.learners.contains(node)
    }

    /// Whether it is joint.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// The configuration after changes that affect at most one voter: the majorities before and
    /// after then overlap (diss. §4.1).
    pub fn simple(&self, changes: &[Change]) -> Result<Self, Invalid> {
        if self.is_joint() {
            return Err(Invalid::Joint);
        }
        let next = self.changed(changes)?;
        let came = next.voters.without(&self.voters).len();
        let left = self.voters.without(&next.voters).len();
        if came + left > 1 { Err(Invalid::TwoVoters) } else { Ok(next) }
    }

    /// The joint configuration on the way to any other one (§6).
    pub fn enter_joint(&self, changes: &[Change], stays: bool) -> Result<Self, Invalid> {
        if self.is_joint() {
            return Err(Invalid::Joint);
        }
        if self.voters.is_empty() {
            return Err(Invalid::NoVoters);
        }
        Self { outgoing: self.voters, stays, ..*self }.changed(changes)
    }

    /// The joint configuration on the way to given voters and learners.
    pub fn towards(
        &self,
        voters: &NodeSet,
        learners: &NodeSet,
        stays: bool,
    ) -> Result<Self, Invalid> {
        let gone = self.all().without(voters).without(learners);
        let changes: Vec<Change> = gone
            .iter()
            .map(Change::Remove)
            .chain(voters.iter().map(Change::AddVoter))
            .chain(learners.iter().map(Change::AddLearner))
            .collect();
        self.enter_joint(&changes, stays)
    }

    /// The configuration after a joint one.
    pub fn leave_joint(&self) -> Result<Self, Invalid> {
        if !self.is_joint() {
            return Err(Invalid::NotJoint);
        }
        let learners = self.learners.union(&self.next_learners);
        Ok(Self { voters: self.voters, learners, ..Self::default() })
    }

    /// In words: `ABC`, `ABC + D` with a learner, `ABC → ABD` if it is joint.
    pub fn text(&self, name: impl Fn(NodeId) -> String) -> String {
        let list = |nodes: &NodeSet| {
            let names: Vec<String> = nodes.iter().map(&name).collect();
            let short = names.iter().all(|name| name.chars().count() == 1);
            if names.is_empty() {
                return "nobody".to_owned();
            }
            names.join(if short { "" } else { "," })
        };
        let mut text = list(&self.voters);
        if self.is_joint() {
            text = format!("{} → {text}", list(&self.outgoing));
        }
        let learners = self.learners.union(&self.next_learners);
        if learners.is_empty() { text } else { format!("{text} + {}", list(&learners)) }
    }

    fn changed(mut self, changes: &[Change]) -> Result<Self, Invalid> {
        for change in changes {
            match *change {
                Change::AddVoter(node) => {
                    self.learners.remove(node);
                    self.next_learners.remove(node);
                    self.voters.insert(node);
                }
                Change::AddLearner(node) if self.learners.contains(node) => {}
                Change::AddLearner(node) => {
                    self.voters.remove(node);
                    let place = if self.outgoing.contains(node) {
                        &mut self.next_learners
                    } else {
                        &mut self.learners
                    };
                    place.insert(node);
                }
                Change::Remove(node) => {
                    self.voters.remove(node);
                    self.learners.remove(node);
                    self.next_learners.remove(node);
                }
            }
        }
        if self.voters.is_empty() { Err(Invalid::NoVoters) } else { Ok(self) }
    }
}

impl Members {
    /// The form that an entry carries; `None` if a member is beyond [`MAX_MEMBERS`].
    pub fn of(membership: &Membership) -> Option<Self> {
        let Membership { voters, outgoing, learners, next_learners, stays } = membership;
        Some(Self {
            voters: mask(voters)?,
            outgoing: mask(outgoing)?,
            learners: mask(&learners.union(next_learners))? | if *stays { STAYS } else { 0 },
        })
    }

    /// The configuration.
    pub fn membership(self) -> Membership {
        let outgoing = nodes(self.outgoing);
        let learners = nodes(self.learners & !STAYS);
        Membership {
            voters: nodes(self.voters),
            outgoing,
            learners: learners.without(&outgoing),
            next_learners: learners.intersection(&outgoing),
            stays: self.learners & STAYS != 0,
        }
    }

    /// Its three words.
    pub fn words(self) -> [u32; 3] {
        [self.voters, self.outgoing, self.learners]
    }

    /// From its three words.
    pub fn from_words([voters, outgoing, learners]: [u32; 3]) -> Self {
        Self { voters, outgoing, learners }
    }
}

fn mask(nodes: &NodeSet) -> Option<u32> {
    nodes.iter().try_fold(0, |mask, node| (node.at() < MAX_MEMBERS).then(|| mask | 1 << node.0))
}

fn nodes(mask: u32) -> NodeSet {
    (0..MAX_MEMBERS).filter(|at| mask >> at & 1 == 1).map(NodeId::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_carries_the_whole_configuration() {
        let set = |nodes: &[usize]| nodes.iter().copied().map(NodeId::from).collect::<NodeSet>();
        let before = Membership { learners: set(&[4]), ..Membership::of(set(&[0, 1, 2])) };
        let joint =
            before.towards(&set(&[0, 3, 30]), &set(&[2, 4]), true).expect("it is not joint");
        assert_eq!(joint.next_learners, set(&[2]));
        assert_eq!(Members::of(&joint).map(Members::membership), Some(joint));
        let after = joint.leave_joint().expect("it is joint");
        assert_eq!((after.voters, after.learners), (set(&[0, 3, 30]), set(&[2, 4])));
        assert_eq!(Members::of(&after).map(Members::membership), Some(after));
        assert_eq!(Members::of(&Membership::of(set(&[31]))), None);
    }
}
