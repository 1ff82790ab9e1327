//! Edits of messages as they are sent: by an interceptor, or by a replay of recorded edits.

use crate::protocol::{Message, NodeId, Span};

/// An edit of one message. It is recorded under the message's name, so that a replay with the same
/// seed does not need the interceptor.
#[derive(Clone, Debug)]
pub struct Edit<M: Message> {
    /// True if the message is never sent.
    pub drop: bool,
    /// The changed fields.
    pub changes: Vec<M::Change>,
    /// The sender that it claims.
    pub from: Option<NodeId>,
    /// The additional delay before it is sent.
    pub delay: Span,
    /// Its copies, each by its delay after the message.
    pub copies: Vec<Span>,
    /// Additional messages, sent after it.
    pub sends: Vec<Forged<M>>,
}

/// A forged message, which the sender's code never sent.
#[derive(Clone, Debug)]
pub struct Forged<M> {
    /// The sender that it claims, if not the true one.
    pub from: Option<NodeId>,
    /// Its receiver.
    pub to: NodeId,
    /// The additional delay before it is sent.
    pub delay: Span,
    /// Its contents.
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
    /// True if the receiver gets contents that the sender's code did not send. Dropping, delaying
    /// or duplicating a message is not a lie: a network may do the same.
    pub fn lies(&self) -> bool {
        let says_else = !self.changes.is_empty() || self.from.is_some();
        says_else && !self.drop || !self.sends.is_empty()
    }

    /// True if it leaves the message unchanged.
    pub(super) fn is_empty(&self) -> bool {
        let Self { drop, changes, from, delay, copies, sends } = self;
        let alone = copies.is_empty() && sends.is_empty();
        !drop && changes.is_empty() && from.is_none() && *delay == Span::ZERO && alone
    }

    /// Appends the edit of a later interceptor.
    pub(super) fn then(&mut self, later: Self) {
        self.drop |= later.drop;
        self.changes.extend(later.changes);
        self.from = later.from.or(self.from);
        self.delay.0 = self.delay.0.saturating_add(later.delay.0);
        self.copies.extend(later.copies);
        self.sends.extend(later.sends);
    }
}
