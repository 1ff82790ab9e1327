//! Faults that make nodes lie.

use super::effect::{Effect, Site};
use super::place::{Aim, Place};
use super::target::Target;
use super::vocabulary::faults;
use crate::protocol::NodeSet;
use crate::raft;
use crate::reasons;
use crate::replica::{Replica, Request};
use crate::sim::Observer;

faults! { Lies:
    /// Makes nodes lie.
    Lie "lie": "nodes lie in their messages"; "they no longer lie" {
        /// The node or nodes.
        node: Target,
        /// The lie.
        lie: raft::Lie,
    }

    /// Makes a node forget its vote. (A lie: other nodes do not learn of it.)
    ForgetVote "forget_vote": "a node forgets its vote" {
        /// The node or nodes.
        node: Target,
    }

    /// Makes a node leader of the next term without an election. (A lie.)
    Usurp "usurp": "a node leads the next term without an election" {
        /// The node or nodes.
        node: Target,
    }
}

impl Lies {
    /// Checks that nodes of our protocol, or of another one, can lie so.
    pub(super) fn suits(&self, ours: bool) -> Result<(), String> {
        match self {
            Lies::Lie(_) if !ours => {
                Err("fault: only nodes of protocol \"raft\" can lie; use an interceptor".into())
            }
            _ => Ok(()),
        }
    }
}

impl Effect for Lie {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn strike<P: Replica<Lie = raft::Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        place.nodes().iter().for_each(|id| site.world.add_lie(id, site.strike, self.lie.clone()));
    }

    fn end<P: Replica<Lie = raft::Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        _: &NodeSet,
    ) {
        site.world.remove_lie(site.strike);
    }
}

impl Effect for ForgetVote {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn strike<P: Replica<Lie = raft::Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        for id in place.nodes().iter() {
            site.world.command_liar(id, Request::ForgetVote, reasons::FORGOT_VOTE);
        }
    }
}

impl Effect for Usurp {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn strike<P: Replica<Lie = raft::Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        for id in place.nodes().iter() {
            site.world.command_liar(id, Request::Usurp, reasons::USURPED);
        }
    }
}
