//! Clients: single operations by hand, and load generators.

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::time::{Time, millis};
use crate::protocol::{Mix, NodeId, OpId, Protocol, Reply, Span};

/// The status of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum OpStatus<T> {
    /// No answer yet.
    Pending,
    /// Done, with its result.
    Ok(T),
    /// Not done, and never will be done.
    Failed(&'static str),
    /// It may have been done, or may still be done.
    Unknown(&'static str),
}

impl<T> OpStatus<T> {
    /// True if there is no answer yet.
    pub fn is_pending(&self) -> bool {
        matches!(self, OpStatus::Pending)
    }
}

/// An operation that was requested by hand.
#[derive(Clone, Debug)]
pub struct OpState<P: Protocol> {
    /// The request.
    pub request: P::Request,
    /// The node that was asked last.
    pub node: Option<NodeId>,
    /// The nodes that were asked and have not answered, once for each request.
    pub asked: Vec<NodeId>,
    /// Why the operation may have been done although no answer is pending any more.
    pub doubt: Option<&'static str>,
    /// When it was first sent.
    pub invoked: Time,
    /// When the answer came.
    pub ended: Option<Time>,
    /// The status of the operation.
    pub status: OpStatus<P::Output>,
}

impl<T> OpStatus<T> {
    /// A number for the digest.
    pub(super) fn code(&self) -> u64 {
        match self {
            OpStatus::Pending => 0,
            OpStatus::Ok(_) => 1,
            OpStatus::Failed(_) => 2,
            OpStatus::Unknown(_) => 3,
        }
    }
}

impl<P: Protocol> OpState<P> {
    /// The client retries. The outcomes of earlier attempts that it does not know remain unknown.
    pub(super) fn ask_again(&mut self, node: Option<NodeId>) {
        match self.status {
            OpStatus::Ok(_) => return,
            OpStatus::Unknown(reason) => self.doubt = Some(reason),
            OpStatus::Failed(_) | OpStatus::Pending => {}
        }
        (self.status, self.ended, self.node) = (OpStatus::Pending, None, node);
    }

    /// The status that follows from an answer, if any: a refusal shows only that this attempt was
    /// not done.
    pub(super) fn learns(&mut self, reply: Reply<P::Output>) -> Option<OpStatus<P::Output>> {
        let refused = match reply {
            Reply::Ok(output) => return Some(OpStatus::Ok(output)),
            Reply::Unknown { reason } => {
                self.doubt = Some(reason);
                reason
            }
            Reply::Refused { reason, .. } => reason,
        };
        if !self.asked.is_empty() {
            return None;
        }
        Some(self.doubt.map_or(OpStatus::Failed(refused), OpStatus::Unknown))
    }
}

/// A load generator.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The time of the first request.
    #[serde(default)]
    pub start: Time,
    /// The time after which there are no requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// When requests are sent.
    pub pacing: Pacing,
    /// The mix of requests.
    #[serde(default)]
    pub mix: Mix,
    /// The node next to which the clients are: they can reach only nodes that it can reach. Without
    /// one they are outside every partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<NodeId>,
}

impl Load {
    /// The number of its clients.
    pub fn clients(&self) -> u32 {
        match self.pacing {
            Pacing::Open { .. } => 1,
            Pacing::Closed { clients, .. } => clients,
        }
    }
}

/// When requests are sent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "pacing", rename_all = "lowercase", deny_unknown_fields)]
pub enum Pacing {
    /// Open loop: at these intervals, regardless of answers.
    Open {
        /// The time from one request to the next.
        every: Distribution,
    },
    /// Closed loop: each client sends its next request after it has an answer.
    Closed {
        /// The number of clients.
        clients: u32,
        /// The time from an answer to the next request.
        think: Distribution,
        /// How long a client waits for an answer.
        #[serde(with = "millis::span")]
        timeout: Span,
        /// True if it then retries the request; otherwise the outcome stays unknown.
        #[serde(default)]
        retry: bool,
    },
}

/// The time after which a client of a closed loop looks for a leader again.
pub(super) const LOOK_AGAIN: Span = Span::from_ms(10);

/// One client of a load generator; an open loop is one client that never waits.
#[derive(Clone, Debug)]
pub(super) struct Client<P: Protocol> {
    pub(super) load: u32,
    /// Its number among all clients, counted from 1.
    pub(super) number: u32,
    /// The number of its requests so far.
    pub(super) ordinal: u64,
    pub(super) current: Option<Current<P>>,
    /// When it is woken next; earlier wake-ups that come due are ignored.
    pub(super) wake: Time,
}

/// The answer that a client waits for.
#[derive(Clone, Debug)]
pub(super) struct Current<P: Protocol> {
    pub(super) op: OpId,
    pub(super) request: P::Request,
    /// The node that it asked; `None` if it found no leader.
    pub(super) node: Option<NodeId>,
    pub(super) gives_up: Time,
}

/// Operations of load generators have the highest bit set, then the client, then the ordinal.
pub(super) fn load_op(number: u32, ordinal: u64) -> OpId {
    OpId(1 << 63 | u64::from(number) << 40 | ordinal & ((1 << 40) - 1))
}

/// The client's number, if the operation is that of a load generator.
pub(super) fn load_client(op: OpId) -> Option<u32> {
    (op.0 >> 63 == 1).then_some((op.0 >> 40) as u32 & 0x7F_FFFF)
}
