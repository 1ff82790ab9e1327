//! Messages that the crate refuses, silently or by its answer.

use tikv_raft::StateRole;
use tikv_raft::eraftpb::MessageType;

use super::codec::id_of;
use super::messages::TikvMessage;
use super::node::Node;
use crate::protocol::NodeId;
use crate::replica::{Refusal, Stale};

impl Node {
    /// Why the crate will ignore a message or answer only with its term.
    pub(super) fn ignores(&self, message: &TikvMessage) -> Option<Refusal> {
        let (raft, message) = (&self.raw.raft, message.message());
        let kind = message.get_msg_type();
        if message.term < raft.term {
            let stale = match kind {
                MessageType::MsgAppend | MessageType::MsgHeartbeat | MessageType::MsgSnapshot => {
                    Stale::Append
                }
                MessageType::MsgAppendResponse | MessageType::MsgHeartbeatResponse => Stale::Ack,
                _ => Stale::Vote,
            };
            return Some(Refusal::StaleTerm(stale));
        }
        let asks = matches!(kind, MessageType::MsgRequestVote | MessageType::MsgRequestPreVote);
        let hears = raft.check_quorum
            && raft.leader_id != tikv_raft::INVALID_ID
            && raft.election_elapsed < raft.election_timeout();
        let sticky = asks && message.term > raft.term && hears;
        sticky.then_some(Refusal::StickyVote)
    }

    /// Why its answer to a message is a refusal, if it is one.
    pub(super) fn refuses(&self, from: NodeId) -> Option<Refusal> {
        let raft = &self.raw.raft;
        let answer = raft.msgs.last().filter(|answer| answer.reject && answer.to == id_of(from))?;
        match answer.get_msg_type() {
            MessageType::MsgAppendResponse => Some(Refusal::PrevLogMismatch),
            MessageType::MsgRequestVoteResponse => {
                let voted = ![tikv_raft::INVALID_ID, id_of(from)].contains(&raft.vote);
                let taken = voted || raft.state == StateRole::Leader;
                Some(if taken { Refusal::AlreadyVoted } else { Refusal::NotUpToDate })
            }
            MessageType::MsgRequestPreVoteResponse => Some(Refusal::NotUpToDate),
            _ => None,
        }
    }
}
