//! Leader election (§5.2), the election restriction (§5.4.1), PreVote (diss. §9.6), sticky votes
//! (diss. §4.2.3) and CheckQuorum (diss. §6.2).

use super::messages::{RaftMessage, TermOf};
use super::node::Node;
use super::quorum::VoteResult;
use super::rules::Rule;
use crate::protocol::{Delay, Effects, LocalTime, NodeId, NodeSet, Role};
use crate::replica::notes::{Refusal, ReplicaNote, RoleChange, Stale};
use crate::replica::types::{Command, EntryId};
use crate::replica::{ELECTION, HEARTBEAT, QUORUM};

impl Node {
    /// "If a follower receives no communication over a period of time called the election timeout,
    /// then it assumes there is no viable leader and begins an election" (§5.2).
    pub(super) fn campaign<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        why: RoleChange,
        fx: &mut E,
    ) {
        let again = self.role == Role::Candidate;
        if !self.may_campaign() {
            fx.arm(ELECTION, self.patience);
        } else if !self.policy.may_stand(again, self.id, &self.rejected, &self.quorum) {
            fx.arm(ELECTION, self.policy.candidate_timeout(&self.config));
        } else if self.config.pre_vote || self.policy.asks_about_log() {
            self.ask_whether(now, why, fx);
        } else {
            self.stand(now, why, fx);
        }
    }

    /// PreVote: "a candidate only increments its term if it first learns from a majority of the
    /// cluster that they would be willing to grant the candidate their votes" (diss. §9.6).
    fn ask_whether<E: Effects<Self>>(&mut self, now: LocalTime, why: RoleChange, fx: &mut E) {
        let term = self.term();
        if !self.obeys(Rule::PreVoteKeepsVote) {
            self.set_ballot(term, None, fx);
        }
        self.become_asking(Role::PreCandidate, term, why, fx);
        self.granted.insert(self.id);
        self.ask_for_votes(term.saturating_add(1), Vote::Pre, fx);
        self.count_votes(now, fx);
    }

    /// "To begin an election, a follower increments its current term and transitions to candidate
    /// state. It then votes for itself and issues RequestVote RPCs in parallel" (§5.2).
    pub(super) fn stand<E: Effects<Self>>(&mut self, now: LocalTime, why: RoleChange, fx: &mut E) {
        let Some(term) = self.policy.next_term(self.term()) else {
            // A liar has used up all terms: there is no later one for an election.
            return fx.arm(ELECTION, self.patience);
        };
        if self.role == Role::Candidate {
            self.policy.stands_again(&self.rejected, self.other_voters().count());
        }
        self.set_ballot(term, Some(self.id), fx);
        self.become_asking(Role::Candidate, term, why, fx);
        fx.note(ReplicaNote::Voted { term, candidate: self.id });
        self.ask_for_votes(term, Vote::Real { forced: why.from().is_some() }, fx);
        self.count_own_vote(now, fx);
    }

    fn become_asking<E: Effects<Self>>(
        &mut self,
        role: Role,
        term: u64,
        why: RoleChange,
        fx: &mut E,
    ) {
        self.set_role(role);
        self.leader = None;
        self.heard_at = None;
        self.forget_measurements();
        self.granted = NodeSet::default();
        self.rejected = NodeSet::default();
        self.policy.asks();
        fx.arm(ELECTION, self.policy.candidate_timeout(&self.config));
        fx.note(ReplicaNote::Role { role, term, why });
    }

    fn ask_for_votes<E: Effects<Self>>(&mut self, term: u64, vote: Vote, fx: &mut E) {
        let last = self.log().last();
        for peer in self.other_voters() {
            match vote {
                // It promises nothing, so it need not wait for the disk.
                Vote::Pre => fx.send(peer, RaftMessage::PreVote { term, last }),
                Vote::Real { forced } => {
                    self.promise(peer, RaftMessage::RequestVote { term, last, forced }, fx);
                }
            }
        }
    }

    /// A candidate's vote for itself counts once it is durable, like any other.
    pub(super) fn count_own_vote<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        if self.sync(fx) && self.granted.insert(self.id) {
            self.count_votes(now, fx);
        }
    }

    /// "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to
    /// follower" (Figure 2, rules for all servers; §5.1). True if the election rule says that the
    /// node then begins anew.
    #[inline]
    pub(super) fn observe_term<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        message: &RaftMessage,
        fx: &mut E,
    ) -> bool {
        message.term() > self.term() && self.observe_later_term(now, from, message, fx)
    }

    #[inline(never)] // rare
    fn observe_later_term<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        message: &RaftMessage,
        fx: &mut E,
    ) -> bool {
        let stands = self.role != Role::Follower;
        let (leader, steps_down) = match message.whose_term() {
            TermOf::Leader => (Some(from), false),
            TermOf::Follower => (None, false),
            TermOf::Candidate { last, forced } => {
                let adopts = || {
                    self.policy.adopts_term(|| self.is_up_to_date(last), || self.can_vote_for(from))
                };
                if !forced && self.is_bound_to_leader(now) || !adopts() {
                    return false;
                }
                (None, stands)
            }
            TermOf::Voter { beforehand: true } if self.policy.collects_terms() => return false,
            TermOf::Voter { .. } => (None, true),
            TermOf::Election => return false,
        };
        self.become_follower(message.term(), leader, RoleChange::HigherTerm(from), fx);
        let begins_anew = steps_down && self.policy.begins_anew();
        if begins_anew {
            self.policy.begin_anew();
            fx.arm(ELECTION, self.patience);
        }
        begins_anew
    }

    /// The receiver's side of `RequestVote` (Figure 2).
    pub(super) fn handle_request_vote<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        Asked { term, last, forced }: Asked,
        begins_anew: bool,
        fx: &mut E,
    ) {
        if !forced && self.is_bound_to_leader(now) {
            return fx.note(ReplicaNote::Refused { from, why: Refusal::StickyVote });
        }
        let refusal = if begins_anew {
            Some(Refusal::SteppedDown)
        } else if term < self.term() {
            Some(Refusal::StaleTerm(Stale::Vote))
        } else if self.abstains(term) {
            Some(Refusal::Damaged)
        } else if !self.can_vote_for(from) {
            Some(Refusal::AlreadyVoted)
        } else if !self.is_up_to_date(last) {
            Some(Refusal::NotUpToDate)
        } else {
            None
        };
        match refusal {
            Some(why) => fx.note(ReplicaNote::Refused { from, why }),
            None => {
                self.set_ballot(term, Some(from), fx);
                // Only a liar, or the leader of an unreachable initial state, votes in the term
                // that it leads. A leader has no election timer.
                if self.role != Role::Leader {
                    fx.arm(ELECTION, self.patience);
                }
                fx.note(ReplicaNote::Voted { term, candidate: from });
            }
        }
        let reply = RaftMessage::RequestVoteReply {
            term: self.term(),
            granted: refusal.is_none(),
            asked: term,
            stale_log: self.policy.needs_reasons() && !self.is_up_to_date(last),
        };
        self.promise(from, reply, fx);
    }

    /// The receiver's side of PreVote (diss. §9.6): it grants if it would vote and has not heard
    /// from a leader for an election timeout. Changes no state.
    pub(super) fn handle_pre_vote<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        term: u64,
        last: EntryId,
        fx: &mut E,
    ) {
        let refusal = if self.abstains(term) {
            Some(Refusal::Damaged)
        } else if self.policy.asks_about_log() {
            (!self.is_up_to_date(last)).then_some(Refusal::NotUpToDate)
        } else if self.hears_leader(now) || self.refuses_votes(now) {
            Some(Refusal::StickyVote)
        } else if term < self.term() {
            Some(Refusal::StaleTerm(Stale::Vote))
        } else if term == self.term() && !self.can_vote_for(from) {
            Some(Refusal::AlreadyVoted)
        } else if !self.is_up_to_date(last) {
            Some(Refusal::NotUpToDate)
        } else {
            None
        };
        if let Some(why) = refusal {
            fx.note(ReplicaNote::Refused { from, why });
        }
        let granted = refusal.is_none();
        let own = !granted || self.policy.collects_terms();
        let reply = RaftMessage::PreVoteReply {
            term: if own { self.term() } else { term },
            granted,
            asked: term,
            stale_log: false,
        };
        self.promise(from, reply, fx);
    }

    /// A voter answered a candidate.
    pub(super) fn handle_request_vote_reply<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        reply: VoteReply,
        fx: &mut E,
    ) {
        if self.role != Role::Candidate {
            return;
        }
        let standing = self.term();
        if reply.stale_log && reply.asked == standing {
            self.policy.found_stale(from);
        }
        let counts = reply.term == standing || !self.obeys(Rule::TermCheckVote);
        self.count_reply(now, from, reply, standing, counts, fx);
    }

    /// A node answered whether it would vote for this one.
    pub(super) fn handle_pre_vote_reply<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        reply: VoteReply,
        fx: &mut E,
    ) {
        let collects_terms = self.policy.collects_terms();
        if collects_terms {
            self.policy.collect_term(reply.term);
        }
        if self.role != Role::PreCandidate {
            return;
        }
        let standing = self.term().saturating_add(1);
        if reply.stale_log && reply.asked == standing {
            self.policy.found_stale(from);
        }
        if collects_terms && reply.granted && reply.asked != standing {
            return;
        }
        let counts = collects_terms || reply.term == standing;
        self.count_reply(now, from, reply, standing, counts, fx);
    }

    fn count_reply<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        reply: VoteReply,
        standing: u64,
        counts: bool,
        fx: &mut E,
    ) {
        if reply.granted {
            if !counts {
                let why = Refusal::StaleTerm(Stale::Vote);
                return fx.note(ReplicaNote::Refused { from, why });
            }
            if !self.granted.insert(from) && !self.obeys(Rule::DistinctVoters) {
                let another = self.other_voters().find(|peer| !self.granted.contains(*peer));
                if let Some(peer) = another {
                    self.granted.insert(peer);
                }
            }
        } else if reply.asked == standing {
            let agrees = reply.term == standing && !self.obeys(Rule::GrantedVotes);
            let side = if agrees { &mut self.granted } else { &mut self.rejected };
            side.insert(from);
        }
        self.count_votes(now, fx);
    }

    /// "A candidate wins an election if it receives votes from a majority of the servers in the
    /// full cluster for the same term" (§5.2). One that a majority refused cannot win, and waits as
    /// a follower.
    fn count_votes<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        match (self.quorum.vote_result(&self.granted, &self.rejected), self.role) {
            (VoteResult::Won, Role::PreCandidate) => self.stand(now, RoleChange::PreVoteWon, fx),
            (VoteResult::Won, _) => self.become_leader(now, RoleChange::ElectionWon, fx),
            (VoteResult::Lost, _) => {
                if self.policy.refused_by_majority() {
                    self.become_follower(self.term(), None, RoleChange::ElectionLost, fx);
                }
            }
            (VoteResult::Pending, _) => {}
        }
    }

    /// "Once a candidate wins an election, it becomes leader" (§5.2).
    pub(super) fn become_leader<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        why: RoleChange,
        fx: &mut E,
    ) {
        self.set_role(Role::Leader);
        fx.note(ReplicaNote::Role { role: Role::Leader, term: self.term(), why });
        // "initialized to leader last log index + 1" (Figure 2), taken before the no-op is
        // appended.
        let next = self.log().last_index() + 1;
        if self.config.noop {
            self.append(Command::default(), fx);
            let last = self.log().last_index();
            fx.note(ReplicaNote::Appended { first: last, last, hash: self.log().hash_at(last) });
        }
        self.lead(now, next, fx);
    }

    /// "It then sends heartbeat messages to all of the other servers to establish its authority"
    /// (§5.2).
    pub(super) fn lead<E: Effects<Self>>(&mut self, now: LocalTime, next: u64, fx: &mut E) {
        self.leader = Some(self.id);
        self.policy.forget();
        self.forget_measurements();
        self.progress.clear();
        self.track_members(next);
        self.reads.reset();
        fx.disarm(ELECTION);
        if self.config.check_quorum {
            fx.arm(QUORUM, self.quorum_check());
        }
        self.heartbeat(now, fx);
        self.count_own_disk(now, fx);
    }

    /// "A leader steps down if an election timeout elapses without a successful round of heartbeats
    /// to a majority of its cluster" (diss. §6.2).
    pub(super) fn check_quorum<E: Effects<Self>>(&mut self, fx: &mut E) {
        let heard = self.peers().filter(|peer| self.progress[peer.at()].active);
        let heard = heard.chain([self.id]).collect::<NodeSet>();
        if self.quorum.is_quorum(&heard) {
            self.progress.iter_mut().for_each(|progress| progress.active = false);
            fx.arm(QUORUM, self.quorum_check());
        } else {
            self.become_follower(self.term(), None, RoleChange::QuorumLost, fx);
        }
    }

    /// "If votedFor is null or candidateId" (Figure 2): first come, first served (§5.2).
    fn can_vote_for(&self, candidate: NodeId) -> bool {
        self.stable.vote().is_none_or(|vote| vote == candidate)
    }

    /// "If the logs have last entries with different terms, then the log with the later term is
    /// more up to date. If the logs end with the same term, then whichever log is longer" (§5.4.1).
    fn is_up_to_date(&self, candidate: EntryId) -> bool {
        let last = self.log().last();
        let compares = self.obeys(Rule::LastTermCheck);
        let fits = if compares { candidate >= last } else { candidate.index >= last.index };
        fits || !self.obeys(Rule::UpToDateCheck)
    }

    /// "If a server receives a RequestVote request within the minimum election timeout of hearing
    /// from a current leader, it does not update its term or grant its vote" (diss. §4.2.3). Leases
    /// need it (diss. §6.4.1).
    fn is_bound_to_leader(&self, now: LocalTime) -> bool {
        let leased = self.config.lease_drift.is_some() && self.obeys(Rule::LeaseSticky);
        (self.config.sticky_votes || leased) && self.hears_leader(now) || self.refuses_votes(now)
    }

    fn refuses_votes(&self, now: LocalTime) -> bool {
        now < self.refuses_votes_until
    }

    fn hears_leader(&self, now: LocalTime) -> bool {
        self.role == Role::Leader
            || self.heard_at.is_some_and(|at| now.since(at) < self.patience.min)
    }

    /// The sender of an `AppendEntries` or a snapshot leads this node's term: follows it, and waits
    /// for its next message. False if the message is of an older term or this node leads the term.
    #[inline(always)] // called for every message of a leader
    pub(super) fn follow<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        term: u64,
        prev_index: u64,
        fx: &mut E,
    ) -> bool {
        if term < self.term() && self.obeys(Rule::TermCheckAppend) {
            let why = Refusal::StaleTerm(Stale::Append);
            fx.note(ReplicaNote::Refused { from, why });
            self.reject_stale(from, prev_index, fx);
            return false;
        }
        if self.role == Role::Leader {
            fx.note(ReplicaNote::Refused { from, why: Refusal::SecondLeader });
            return false;
        }
        if self.role != Role::Follower {
            self.become_follower(self.term(), Some(from), RoleChange::LeaderHeard(from), fx);
        }
        if self.leader != Some(from) {
            self.found_leader(from, fx);
        }
        self.policy.forget();
        self.heard_at = Some(now);
        fx.arm(ELECTION, self.patience);
        true
    }

    #[inline(never)] // rare
    fn found_leader<E: Effects<Self>>(&mut self, leader: NodeId, fx: &mut E) {
        self.leader = Some(leader);
        if !self.obeys(Rule::KeepVote) {
            self.set_ballot(self.term(), None, fx);
        }
    }

    /// Whether an answer to `AppendEntries` is for this leader and this term.
    #[inline]
    pub(super) fn is_for_this_term<E: Effects<Self>>(
        &self,
        from: NodeId,
        term: u64,
        fx: &mut E,
    ) -> bool {
        if term < self.term() && self.obeys(Rule::TermCheckAck) {
            let why = Refusal::StaleTerm(Stale::Ack);
            fx.note(ReplicaNote::Refused { from, why });
            return false;
        }
        self.role == Role::Leader
    }

    /// The leader's heartbeat: an `AppendEntries` to every other node (§5.2).
    pub(super) fn heartbeat<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        fx.arm(HEARTBEAT, Delay::exactly(self.heartbeat_interval()));
        if self.plans.is_some() {
            self.watch_plans(now, fx);
        }
        self.start_round(now, fx);
    }
}

/// The kind of vote that a node asks for.
#[derive(Clone, Copy)]
enum Vote {
    Pre,
    Real { forced: bool },
}

/// A candidate's question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) term: u64,
    pub(super) last: EntryId,
    pub(super) forced: bool,
}

/// A voter's answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct VoteReply {
    pub(super) term: u64,
    pub(super) granted: bool,
    pub(super) asked: u64,
    pub(super) stale_log: bool,
}
