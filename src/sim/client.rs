//! Clients: single operations by hand, and load generators.

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::time::{Time, millis};
use crate::protocol::{Mix, NodeId, OpId, Protocol, Reply, Span};

/// Where an operation stands.
#[derive(Clone, Debug, PartialEq)]
pub enum OpStatus<T> {
    /// No answer yet.
    Pending,
    /// Done, with its result.
    Ok(T),
    /// Not done, and never will be.
    Failed(&'static str),
    /// May have been done, or may yet be.
    Unknown(&'static str),
}

impl<T> OpStatus<T> {
    /// Whether there is no answer yet.
    pub fn is_pending(&self) -> bool {
        matches!(self, OpStatus::Pending)
    }
}

/// An operation that somebody holds a handle of.
#[derive(Clone, Debug)]
pub struct OpState<P: Protocol> {
    /// What was asked.
    pub request: P::Request,
    /// The node that was asked last.
    pub node: Option<NodeId>,
    /// The nodes that were asked and have not answered, once for each time that they were.
    pub asked: Vec<NodeId>,
    /// Why the operation may have been done although nobody is asked any more.
    pub doubt: Option<&'static str>,
    /// When it was first asked.
    pub invoked: Time,
    /// When the answer came.
    pub ended: Option<Time>,
    /// Where it stands.
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
    /// The client asks once more. What it does not know of earlier times it will not learn from this one.
    pub(super) fn ask_again(&mut self, node: Option<NodeId>) {
        match self.status {
            OpStatus::Ok(_) => return,
            OpStatus::Unknown(reason) => self.doubt = Some(reason),
            OpStatus::Failed(_) | OpStatus::Pending => {}
        }
        (self.status, self.ended, self.node) = (OpStatus::Pending, None, node);
    }

    /// What an answer says of the operation, if it says anything: a refusal only that this time nothing was
    /// done.
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
    /// The first request.
    #[serde(default)]
    pub start: Time,
    /// No request from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// How requests follow each other.
    pub pacing: Pacing,
    /// What is asked.
    #[serde(default)]
    pub mix: Mix,
    /// The node beside which the clients stand, and through which alone they reach others. Without one
    /// they stand outside every partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<NodeId>,
}

impl Load {
    /// How many clients it has.
    pub fn clients(&self) -> u32 {
        match self.pacing {
            Pacing::Open { .. } => 1,
            Pacing::Closed { clients, .. } => clients,
        }
    }
}

/// How requests follow each other.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "pacing", rename_all = "lowercase", deny_unknown_fields)]
pub enum Pacing {
    /// One after the other at these intervals, whatever becomes of them.
    Open {
        /// From a request to the next.
        every: Distribution,
    },
    /// Each client asks again when it has its answer.
    Closed {
        /// How many.
        clients: u32,
        /// From an answer to the next request.
        think: Distribution,
        /// When a client stops waiting.
        #[serde(with = "millis::span")]
        timeout: Span,
        /// Whether it then sends the same request again, instead of leaving it unknown.
        #[serde(default)]
        retry: bool,
    },
}

/// A client of a closed loop waits this long before it looks for a leader again.
pub(super) const LOOK_AGAIN: Span = Span::from_ms(10);

/// One client of a load generator; an open loop is one client that never waits.
#[derive(Clone, Debug)]
pub(super) struct Client<P: Protocol> {
    pub(super) load: u32,
    /// Its number among all clients, counted from 1.
    pub(super) number: u32,
    /// How many requests it made.
    pub(super) ordinal: u64,
    pub(super) current: Option<Current<P>>,
    /// When it is woken next; an earlier wake-up that comes due is of no use any more.
    pub(super) wake: Time,
}

/// What a client waits for.
#[derive(Clone, Debug)]
pub(super) struct Current<P: Protocol> {
    pub(super) op: OpId,
    pub(super) request: P::Request,
    /// Whom it asked; nobody if it found no leader.
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
