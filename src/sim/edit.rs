//! What is made of a message as it leaves: by an interceptor, or again when its run is replayed.

use crate::protocol::{Message, NodeId, Span};

/// An edit of one message. Recorded by the message's name, so that the same seed replays without the
/// interceptor.
#[derive(Clone, Debug)]
pub struct Edit<M: Message> {
    /// It is never sent.
    pub drop: bool,
    /// What it says instead, field by field.
    pub changes: Vec<M::Change>,
    /// The sender that it claims.
    pub from: Option<NodeId>,
    /// How much later it leaves.
    pub delay: Span,
    /// Copies of it, and how much later than the message each of them arrives.
    pub copies: Vec<Span>,
    /// Messages that are sent after it.
    pub sends: Vec<Forged<M>>,
}

/// A message that its sender's code never sent.
#[derive(Clone, Debug)]
pub struct Forged<M> {
    /// The sender that it claims, if not the true one.
    pub from: Option<NodeId>,
    /// Its receiver.
    pub to: NodeId,
    /// How much later it leaves.
    pub delay: Span,
    /// What it says.
    pub message: M,
}

impl<M: Message> Default for Edit<M> {
    fn default() -> Self {
        Self {
            drop: false,
            changes: Vec::new(),
            from: None,
            delay: Span::ZERO,
            copies: Vec::new(),
            sends: Vec::new(),
        }
    }
}

impl<M: Message> Edit<M> {
    /// Whether the receiver is told what the sender's code did not say. To drop, delay or duplicate a message
    /// is no lie: a network may do the same.
    pub fn lies(&self) -> bool {
        let says_else = !self.changes.is_empty() || self.from.is_some();
        says_else && !self.drop || !self.sends.is_empty()
    }

    /// Whether it leaves the message as it is.
    pub(super) fn is_empty(&self) -> bool {
        let Self { drop, changes, from, delay, copies, sends } = self;
        let alone = copies.is_empty() && sends.is_empty();
        !drop && changes.is_empty() && from.is_none() && *delay == Span::ZERO && alone
    }

    /// What another interceptor made of what this one left.
    pub(super) fn then(&mut self, later: Self) {
        self.drop |= later.drop;
        self.changes.extend(later.changes);
        self.from = later.from.or(self.from);
        self.delay.0 = self.delay.0.saturating_add(later.delay.0);
        self.copies.extend(later.copies);
        self.sends.extend(later.sends);
    }
}
