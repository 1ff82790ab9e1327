//! The protocols that scenarios can play.

use crate::protocol::NodeId;
use crate::raft::fields::Editable;
use crate::raft::{Config, Lie, Node};
use crate::replica::{Log, Replica};

/// A replica that scenarios can play.
pub trait Playable: Replica<Lie = Lie, Message: Editable> {
    /// A new node in a cluster of this size.
    fn with(id: NodeId, nodes: usize, config: Config) -> Self;

    /// Sets its stable state, and what it has committed.
    fn preset(&mut self, term: u64, vote: Option<NodeId>, log: Log, commit: u64);

    /// Lets it lead its term.
    fn preset_leader(&mut self);
}

impl Playable for Node {
    fn with(id: NodeId, nodes: usize, config: Config) -> Self {
        Node::new(id, nodes, config)
    }

    fn preset(&mut self, term: u64, vote: Option<NodeId>, log: Log, commit: u64) {
        Node::preset(self, term, vote, log, commit);
    }

    fn preset_leader(&mut self) {
        Node::preset_leader(self);
    }
}
