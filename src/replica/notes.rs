//! The changes in a replica that observers and the digest see.

use super::membership::Members;
use super::types::fold;
use crate::protocol::{NodeId, Note, Role};

/// A change in a replica.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReplicaNote {
    /// The role, the term or both changed.
    Role {
        /// The new role.
        role: Role,
        /// The new term.
        term: u64,
        /// The reason.
        why: RoleChange,
    },
    /// The node voted.
    Voted {
        /// The term.
        term: u64,
        /// The candidate.
        candidate: NodeId,
    },
    /// Entries were appended.
    Appended {
        /// Index of the first.
        first: u64,
        /// Index of the last.
        last: u64,
        /// Prefix hash at the last.
        hash: u64,
    },
    /// Entries were dropped.
    Truncated {
        /// Index of the first.
        first: u64,
        /// Index of the last.
        last: u64,
    },
    /// commitIndex grew, and everything up to it was applied.
    Committed {
        /// Index of the first newly committed entry.
        first: u64,
        /// commitIndex.
        last: u64,
    },
    /// A command with a session was applied.
    Session {
        /// The client.
        client: u32,
        /// Its serial number.
        seq: u32,
        /// Index of the entry.
        index: u64,
        /// False if the command had been applied before, and the store was left unchanged.
        fresh: bool,
    },
    /// The node took a snapshot of its applied state.
    Snapshot {
        /// Its last index.
        index: u64,
    },
    /// A leader's snapshot replaced the node's state and, unless the log matched it, its log.
    Installed {
        /// The first index of the entries that were removed; greater than `index` if the log
        /// matched.
        first: u64,
        /// The snapshot's last index, which is the node's commitIndex now.
        index: u64,
        /// Prefix hash at that index.
        hash: u64,
    },
    /// Another configuration is in force: that of an entry that was appended, the one before an
    /// entry that was dropped, or a snapshot's.
    Configured {
        /// Index of its entry; 0 for the one at the beginning.
        index: u64,
        /// The configuration.
        members: Members,
    },
    /// A message was refused.
    Refused {
        /// The sender of the message.
        from: NodeId,
        /// The reason.
        why: Refusal,
    },
}

macro_rules! role_changes {
    ($($(#[doc = $meaning:literal])* $variant:ident $(($from:ty))? $name:literal $source:literal;)*) => {
        /// Why the role or the term of a node changed, with the sender of the message that did it.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum RoleChange {
            $($(#[doc = $meaning])* $variant $(($from))?,)*
        }

        /// All reasons: name in tables, meaning, source.
        pub const ROLE_CHANGES: &[(&str, &str, &str)] =
            &[$(($name, concat!($($meaning),*), $source)),*];

        impl RoleChange {
            /// The name in tables.
            pub fn name(self) -> &'static str {
                match self {
                    $(RoleChange::$variant { .. } => $name,)*
                }
            }
        }
    };
}

role_changes! {
    /// The election timer expired.
    ElectionTimeout "election_timeout" "§5.2";
    /// You started an election by hand.
    Campaign "campaign" "";
    /// A majority would vote for the node (PreVote).
    PreVoteWon "pre_vote_won" "diss. §9.6";
    /// A majority voted for the node.
    ElectionWon "election_won" "§5.2";
    /// A majority refused.
    ElectionLost "election_lost" "§5.2";
    /// A message had a higher term.
    HigherTerm(NodeId) "higher_term" "§5.1";
    /// A candidate, or a node that asks whether it would win, heard a leader.
    LeaderHeard(NodeId) "leader_heard" "§5.2";
    /// A leader heard from no quorum (CheckQuorum).
    QuorumLost "quorum_lost" "diss. §6.2";
    /// You asked the leader to stop leading.
    StepDown "step_down" "";
    /// The leader is not a voter of the configuration that it committed.
    Removed "removed" "§6";
    /// The leader asked the node to take over.
    TimeoutNow(NodeId) "timeout_now" "diss. §3.10";
    /// The node lies: it leads the next term without an election.
    Usurped "usurped" "";
}

impl RoleChange {
    /// The sender of the message that changed the role.
    pub fn from(self) -> Option<NodeId> {
        match self {
            RoleChange::HigherTerm(from)
            | RoleChange::LeaderHeard(from)
            | RoleChange::TimeoutNow(from) => Some(from),
            _ => None,
        }
    }
}

/// What came from an older term; the numbers are those of digests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stale {
    /// A leader's message.
    Append = 6,
    /// A candidate's message, or a vote.
    Vote = 7,
    /// A follower's acknowledgement.
    Ack = 8,
}

macro_rules! refusals {
    ($($(#[doc = $meaning:literal])*
        $variant:ident $(($of:ty))? $name:literal $source:literal;)*) => {
        /// Why a message was refused.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Refusal {
            $($(#[doc = $meaning])* $variant $(($of))?,)*
        }

        /// All refusals: name in tables, meaning, source.
        pub const REFUSALS: &[(&str, &str, &str)] =
            &[$(($name, concat!($($meaning),*), $source)),*];

        impl Refusal {
            /// The name in tables.
            pub fn name(self) -> &'static str {
                match self {
                    $(Refusal::$variant { .. } => $name,)*
                }
            }
        }
    };
}

refusals! {
    /// The message is of an older term.
    StaleTerm(Stale) "stale_term" "§5.1";
    /// The node hears from a leader, or has just restarted under leases.
    StickyVote "sticky_vote" "diss. §4.2.3";
    /// The node has voted for another candidate in this term.
    AlreadyVoted "already_voted" "§5.2";
    /// The candidate's log is less up to date.
    NotUpToDate "not_up_to_date" "§5.4.1";
    /// The entry before the new ones is missing or differs.
    PrevLogMismatch "prev_log_mismatch" "§5.3";
    /// The node has just stepped down for this candidate's term.
    SteppedDown "stepped_down" "simulator of Raft Refloated";
    /// An AppendEntries of a term that the receiver itself leads; no honest node sends it.
    SecondLeader "second_leader" "§5.2";
    /// The node found damage on its disk, and no longer knows what it acknowledged, or for which
    /// candidate it voted.
    Damaged "damaged" "Protocol-Aware Recovery, FAST 2018";
}

impl Refusal {
    /// A distinct number for the digest.
    fn code(self) -> u64 {
        match self {
            Refusal::StaleTerm(stale) => 1 | (stale as u64) << 8,
            Refusal::StickyVote => 2,
            Refusal::AlreadyVoted => 3,
            Refusal::NotUpToDate => 4,
            Refusal::PrevLogMismatch => 5,
            Refusal::SteppedDown => 6,
            Refusal::SecondLeader => 7,
            Refusal::Damaged => 8,
        }
    }
}

impl Note for ReplicaNote {
    #[inline(always)] // callers pass a known variant, so that the match disappears
    fn fingerprint(&self) -> u64 {
        match *self {
            ReplicaNote::Role { role, term, .. } => fold(1 << 8 | role as u64, term),
            ReplicaNote::Voted { term, candidate } => fold(2 << 8 | u64::from(candidate.0), term),
            ReplicaNote::Appended { first, last, hash } => fold(hash ^ 3 << 8, first ^ last << 32),
            ReplicaNote::Truncated { first, last } => fold(first ^ 4 << 8, last),
            ReplicaNote::Committed { first, last } => fold(first ^ 5 << 8, last),
            ReplicaNote::Session { client, seq, index, fresh } => {
                let who = u64::from(client) << 32 | u64::from(seq);
                fold(who, (index << 1 | u64::from(fresh)) ^ 9 << 56)
            }
            ReplicaNote::Snapshot { index } => fold(7 << 8, index),
            ReplicaNote::Installed { first, index, hash } => {
                fold(hash ^ 8 << 8, first ^ index << 32)
            }
            ReplicaNote::Configured { index, members } => {
                let [voters, outgoing, learners] = members.words().map(u64::from);
                fold(index ^ 10 << 56, voters << 32 | outgoing) ^ fold(learners, 10)
            }
            ReplicaNote::Refused { from, why } => fold(6 << 8 | u64::from(from.0), why.code()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_for_different_reasons_are_told_apart() {
        let stale = [Stale::Vote, Stale::Append, Stale::Ack].into_iter().map(Refusal::StaleTerm);
        let others = [
            Refusal::StickyVote,
            Refusal::AlreadyVoted,
            Refusal::NotUpToDate,
            Refusal::PrevLogMismatch,
            Refusal::SteppedDown,
            Refusal::SecondLeader,
            Refusal::Damaged,
        ];
        let refused = |why| ReplicaNote::Refused { from: NodeId(1), why }.fingerprint();
        let seen: Vec<u64> = stale.chain(others).map(refused).collect();
        let different: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(different.len(), seen.len());
    }
}
