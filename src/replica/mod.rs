//! What any replica of a log shows of itself, whatever the protocol that replicates it.
//!
//! Checks, the trace, metrics, conditions and targets are written for a [`Replica`]: its [`log`],
//! its [`machine`], the changes that it [`notes`], and what its messages [promise](Promise). Read
//! [`types`] (entries and requests), [`membership`] (§6, diss. ch. 4), [`log`], [`machine`] (diss.
//! §6.3), [`notes`], [`sizes`].

pub mod log;
pub mod machine;
pub mod membership;
pub mod notes;
pub mod sizes;
pub mod types;

pub use log::{Base, Log};
pub use machine::Machine;
pub use membership::{Change, MAX_MEMBERS, Members, Membership};
pub use notes::{Refusal, ReplicaNote, RoleChange, Stale};
pub use sizes::{Texts, Wire};
pub use types::{
    Command, Entry, EntryId, Key, Op, Output, Reconfiguration, Request, Session, Value,
};

use crate::protocol::{Message, Protocol, TimerId};

/// The election timer: runs while a node waits for a leader or for votes.
pub const ELECTION: TimerId = TimerId(0);
/// The heartbeat timer: runs while a node leads.
pub const HEARTBEAT: TimerId = TimerId(1);
/// The `CheckQuorum` timer: runs while a node leads, with `CheckQuorum`.
pub const QUORUM: TimerId = TimerId(2);

/// A node that replicates a log of commands to a store. Its timers are those above.
pub trait Replica:
    Protocol<Request = Request, Output = Output, Note = ReplicaNote, Message: ReplicaMessage>
{
    /// currentTerm.
    fn term(&self) -> u64;

    /// Its log, without what snapshots have replaced.
    fn log(&self) -> &Log;

    /// Its store: the log up to lastApplied, applied.
    fn machine(&self) -> &Machine;

    /// Whether its store reflects the entry at an index of its log.
    fn has_applied(&self, index: u64) -> bool {
        index <= self.status().last_applied
    }

    /// The last index that its snapshot covers; 0 without one.
    fn snapshot_index(&self) -> u64;

    /// The configuration that is in force on this node, and the index of its entry; 0 for that at
    /// the beginning.
    fn membership(&self) -> (u64, &Membership);

    /// The last configuration that this node knows to be committed, with the index of its entry.
    fn committed_membership(&self) -> (u64, &Membership) {
        self.membership()
    }

    /// nextIndex and matchIndex for each node, itself included, if it leads.
    fn progress(&self) -> Option<Vec<(u64, u64)>>;

    /// The amount of data in it: the number of log entries and keys.
    fn size(&self) -> usize {
        self.log().len() + self.machine().keys()
    }
}

/// A message between replicas.
pub trait ReplicaMessage: Message {
    /// What it promises of its sender's disk.
    fn promise(&self) -> Promise;

    /// Its length in bytes.
    fn size(&self, wire: &Wire) -> u64;
}

/// What a message promises of its sender's disk: it must still hold after a crash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Promise {
    /// Nothing.
    Nothing,
    /// Its term, and that its log matches the leader's up to an index.
    Log {
        /// The term.
        term: u64,
        /// The index; 0 if only the term is promised.
        index: u64,
    },
    /// Its vote for itself.
    OwnVote {
        /// The term.
        term: u64,
    },
    /// Its vote for the receiver.
    Vote {
        /// The term.
        term: u64,
    },
}
