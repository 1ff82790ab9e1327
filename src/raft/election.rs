//! Leader election (§5.2), the election restriction (§5.4.1), PreVote (diss. §9.6), sticky votes
//! (diss. §4.2.3) and CheckQuorum (diss. §6.2).

use super::node::{ELECTION, HEARTBEAT, Node, QUORUM};
use super::notes::{RaftNote, Refusal};
use super::progress::Progress;
use super::quorum::VoteResult;
use super::rules::Rule;
use super::types::{Command, RaftMessage};
use super::variants::ElectionRule;
use crate::protocol::{Delay, Effects, LocalTime, NodeId, NodeSet, Role, Span};

impl Node {
    /// "If a follower receives no communication over a period of time called the election timeout,
    /// then it assumes there is no viable leader and begins an election" (§5.2).
    pub(super) fn campaign<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        if !self.has_reason_to_stand() {
            fx.arm(ELECTION, self.candidate_timeout());
        } else if self.config.pre_vote || self.config.election_rule.asks_about_log() {
            self.ask_whether(now, fx);
        } else {
            self.stand(now, fx);
        }
    }

    /// PreVote: "a candidate only increments its term if it first learns from a majority of the
    /// cluster that they would be willing to grant the candidate their votes" (diss. §9.6).
    fn ask_whether<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        let term = self.term();
        self.become_asking(Role::PreCandidate, term, fx);
        self.granted.insert(self.id);
        self.ask_for_votes(term.saturating_add(1), true, fx);
        self.count_votes(now, fx);
    }

    /// "To begin an election, a follower increments its current term and transitions to candidate
    /// state. It then votes for itself and issues RequestVote RPCs in parallel" (§5.2).
    fn stand<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        let Some(term) = self.term().max(self.seen_term).checked_add(1) else {
            // A liar has used up all terms: there is no later one for an election.
            return fx.arm(ELECTION, self.patience);
        };
        self.count_refusals();
        self.set_ballot(term, Some(self.id), fx);
        self.become_asking(Role::Candidate, term, fx);
        fx.note(RaftNote::Voted { term, candidate: self.id });
        self.ask_for_votes(term, false, fx);
        self.count_own_vote(now, fx);
    }

    /// Counts a lost election. In Raft Refloated's simulator a candidate counts it when it starts
    /// the next election, and refusals by half of the others suffice; otherwise a majority must
    /// refuse ([`Node::count_votes`]).
    fn count_refusals(&mut self) {
        let refused =
            self.role == Role::Candidate && self.rejected.len() * 2 >= self.peers().count();
        if self.config.election_rule == ElectionRule::Refloated && refused {
            self.lost = self.lost.saturating_add(1);
        }
    }

    fn become_asking<E: Effects<Self>>(&mut self, role: Role, term: u64, fx: &mut E) {
        self.set_role(role);
        self.leader = None;
        self.heard_at = None;
        self.forget_measurements();
        self.granted = NodeSet::default();
        self.rejected = NodeSet::default();
        if self.config.election_rule != ElectionRule::HesitantMemory {
            self.stale_for = NodeSet::default();
        }
        fx.arm(ELECTION, self.candidate_timeout());
        fx.note(RaftNote::Role { role, term });
    }

    /// "Raft uses randomized election timeouts" (§5.2), the same for candidates as for followers;
    /// Raft Refloated (its §4.2) tries other ones, and longer ones after each election that a
    /// majority refused.
    fn candidate_timeout(&self) -> Delay {
        let timeout = self.config.candidate_timeout.unwrap_or(self.config.election_timeout);
        if self.lost == 0 || self.config.candidate_backoff <= 1.0 {
            return timeout;
        }
        let factor =
            libm::pow(self.config.candidate_backoff, f64::from(self.lost.min(MOST_BACKOFF)));
        let longer =
            |span: Span| Span(((span.0 as f64 * factor).round() as u64).min(LONGEST_WAIT.0));
        Delay { min: longer(timeout.min), max: longer(timeout.max) }
    }

    /// Whether the election rule lets this node start an election, or another one.
    fn has_reason_to_stand(&self) -> bool {
        // The nodes that refused for a reason other than a stale log. Granted votes prove nothing:
        // the same minority may grant forever.
        let endorsed = || self.rejected.without(&self.stale_for);
        let again = self.role == Role::Candidate;
        match self.config.election_rule {
            // "Somebody rejected for a non-log reason."
            ElectionRule::Hesitant if again => !endorsed().is_empty(),
            ElectionRule::HesitantQuorum if again => {
                self.quorum.is_quorum(&endorsed().union(&[self.id].into_iter().collect()))
            }
            ElectionRule::HesitantMemory => {
                let all = self.peers().chain([self.id]).collect::<NodeSet>();
                self.quorum.is_quorum(&all.without(&self.stale_for))
            }
            _ => true,
        }
    }

    fn ask_for_votes<E: Effects<Self>>(&mut self, term: u64, pre: bool, fx: &mut E) {
        let (last_index, last_term) = (self.log().last_index(), self.log().last_term());
        for peer in self.peers() {
            let message = RaftMessage::RequestVote { term, last_index, last_term, pre };
            if pre {
                fx.send(peer, message); // promises nothing, so it need not wait for the disk
            } else {
                self.promise(peer, message, fx);
            }
        }
    }

    /// A candidate's vote for itself counts once it is durable, like any other.
    pub(super) fn count_own_vote<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        if self.sync(fx) && self.granted.insert(self.id) {
            self.count_votes(now, fx);
        }
    }

    /// The receiver's side of `RequestVote` (Figure 2).
    pub(super) fn request_vote<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        term: u64,
        last: (u64, u64),
        fx: &mut E,
    ) {
        if self.is_bound_to_leader(now) {
            return fx.note(RaftNote::Refused { from, why: Refusal::StickyVote });
        }
        let mut stepped_down = false;
        if term > self.term() && self.adopts_term_of(from, last) {
            stepped_down = self.role != Role::Follower && self.config.election_rule.begins_anew();
            self.become_follower(term, None, fx);
        }
        let refusal = if stepped_down {
            self.begin_anew(fx);
            Some(Refusal::SteppedDown)
        } else if term < self.term() {
            Some(Refusal::StaleTerm(Rule::TermCheckVote))
        } else if !self.can_vote_for(from) {
            Some(Refusal::AlreadyVoted)
        } else if !self.is_up_to_date(last) {
            Some(Refusal::NotUpToDate)
        } else {
            None
        };
        match refusal {
            Some(why) => fx.note(RaftNote::Refused { from, why }),
            None => {
                self.set_ballot(term, Some(from), fx);
                // Only a liar, or the leader of an unreachable initial state, votes in the term that
                // it leads. A leader has no election timer.
                if self.role != Role::Leader {
                    fx.arm(ELECTION, self.patience);
                }
                fx.note(RaftNote::Voted { term, candidate: from });
            }
        }
        let granted = refusal.is_none();
        let stale_log = self.config.election_rule.needs_reasons() && !self.is_up_to_date(last);
        let reply = RaftMessage::RequestVoteReply {
            term: self.term(),
            granted,
            pre: false,
            asked: term,
            stale_log,
        };
        self.promise(from, reply, fx);
    }

    /// "If RPC request or response contains term T > currentTerm: set currentTerm = T" (Figure 2),
    /// unless the election rule requires more of a candidate than a higher term.
    fn adopts_term_of(&self, candidate: NodeId, last: (u64, u64)) -> bool {
        match self.config.election_rule {
            ElectionRule::StaleLogNoBump => self.is_up_to_date(last),
            ElectionRule::NoGrantNoBump => self.is_up_to_date(last) && self.can_vote_for(candidate),
            _ => true,
        }
    }

    /// The receiver's side of PreVote (diss. §9.6): it grants if it would vote and has not heard
    /// from a leader for an election timeout. Changes no state.
    pub(super) fn request_pre_vote<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        term: u64,
        last: (u64, u64),
        fx: &mut E,
    ) {
        let asks_about_log = self.config.election_rule.asks_about_log();
        let refusal = if asks_about_log {
            (!self.is_up_to_date(last)).then_some(Refusal::NotUpToDate)
        } else if self.hears_leader(now) || self.refuses_votes(now) {
            Some(Refusal::StickyVote)
        } else if term < self.term() {
            Some(Refusal::StaleTerm(Rule::TermCheckVote))
        } else if term == self.term() && !self.can_vote_for(from) {
            Some(Refusal::AlreadyVoted)
        } else if !self.is_up_to_date(last) {
            Some(Refusal::NotUpToDate)
        } else {
            None
        };
        if let Some(why) = refusal {
            fx.note(RaftNote::Refused { from, why });
        }
        let granted = refusal.is_none();
        let asked = term;
        // `zookeeper_max_term` needs the voter's own term; PreVote's replies carry the term that
        // was asked about.
        let own = !granted || self.config.election_rule == ElectionRule::ZooKeeperMaxTerm;
        let term = if own { self.term() } else { term };
        let reply =
            RaftMessage::RequestVoteReply { term, granted, pre: true, asked, stale_log: false };
        self.promise(from, reply, fx);
    }

    pub(super) fn vote_reply<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        reply: VoteReply,
        fx: &mut E,
    ) {
        let VoteReply { term, granted, pre, asked, stale_log } = reply;
        let collects_terms = pre && self.config.election_rule == ElectionRule::ZooKeeperMaxTerm;
        if collects_terms {
            self.seen_term = self.seen_term.max(term);
        } else if !granted && term > self.term() {
            self.become_follower(term, None, fx);
            if self.config.election_rule.begins_anew() {
                self.begin_anew(fx);
            }
            return;
        }
        let standing = match self.role {
            Role::PreCandidate if pre => self.term().saturating_add(1),
            Role::Candidate if !pre => self.term(),
            _ => return,
        };
        if stale_log && asked == standing {
            self.stale_for.insert(from);
        }
        if granted {
            if collects_terms && asked != standing {
                return;
            }
            if !collects_terms && term != standing && (pre || self.obeys(Rule::TermCheckVote)) {
                let why = Refusal::StaleTerm(Rule::TermCheckVote);
                return fx.note(RaftNote::Refused { from, why });
            }
            self.granted.insert(from);
        } else if asked == standing {
            self.rejected.insert(from);
        }
        self.count_votes(now, fx);
    }

    fn begin_anew<E: Effects<Self>>(&mut self, fx: &mut E) {
        self.lost = 0;
        fx.arm(ELECTION, self.patience);
    }

    /// "A candidate wins an election if it receives votes from a majority of the servers in the
    /// full cluster for the same term" (§5.2). One that a majority refused cannot win, and waits as
    /// a follower.
    fn count_votes<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        match (self.quorum.vote_result(&self.granted, &self.rejected), self.role) {
            (VoteResult::Won, Role::PreCandidate) => self.stand(now, fx),
            (VoteResult::Won, _) => self.become_leader(now, fx),
            (VoteResult::Lost, _) if self.config.election_rule.stays_candidate() => {}
            (VoteResult::Lost, _) => {
                self.lost = self.lost.saturating_add(1);
                self.become_follower(self.term(), None, fx);
            }
            (VoteResult::Pending, _) => {}
        }
    }

    /// "Once a candidate wins an election, it becomes leader" (§5.2).
    pub(super) fn become_leader<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        self.set_role(Role::Leader);
        fx.note(RaftNote::Role { role: Role::Leader, term: self.term() });
        // "initialized to leader last log index + 1" (Figure 2), taken before the no-op is
        // appended.
        let next = self.log().last_index() + 1;
        if self.config.noop {
            self.append(Command::default(), fx);
            let last = self.log().last_index();
            fx.note(RaftNote::Appended { first: last, last, hash: self.log().hash_at(last) });
        }
        self.lead(now, next, fx);
    }

    /// "It then sends heartbeat messages to all of the other servers to establish its authority"
    /// (§5.2).
    pub(super) fn lead<E: Effects<Self>>(&mut self, now: LocalTime, next: u64, fx: &mut E) {
        self.leader = Some(self.id);
        self.forget_elections();
        self.forget_measurements();
        self.progress.clear();
        self.progress.resize(self.quorum.size(), Progress::probing(next, self.config.max_inflight));
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
            self.become_follower(self.term(), None, fx);
        }
    }

    /// "If votedFor is null or candidateId" (Figure 2): first come, first served (§5.2).
    fn can_vote_for(&self, candidate: NodeId) -> bool {
        self.stable.vote().is_none_or(|vote| vote == candidate)
    }

    /// "If the logs have last entries with different terms, then the log with the later term is
    /// more up to date. If the logs end with the same term, then whichever log is longer" (§5.4.1).
    fn is_up_to_date(&self, candidate: (u64, u64)) -> bool {
        candidate >= (self.log().last_term(), self.log().last_index())
            || !self.obeys(Rule::UpToDateCheck)
    }

    /// "If a server receives a RequestVote request within the minimum election timeout of hearing
    /// from a current leader, it does not update its term or grant its vote" (diss. §4.2.3). Leases
    /// need it (diss. §6.4.1).
    fn is_bound_to_leader(&self, now: LocalTime) -> bool {
        let leased = self.config.lease.is_some() && self.obeys(Rule::LeaseSticky);
        (self.config.sticky_votes || leased) && self.hears_leader(now) || self.refuses_votes(now)
    }

    fn refuses_votes(&self, now: LocalTime) -> bool {
        now < self.refuses_votes_until
    }

    fn hears_leader(&self, now: LocalTime) -> bool {
        self.role == Role::Leader
            || self.heard_at.is_some_and(|at| now.since(at) < self.patience.min)
    }

    /// Whether an `AppendEntries` comes from a leader that this node follows; if so it restarts its
    /// election timer, even if it then refuses the entries.
    #[inline(always)] // called for every message of a leader, from one place
    pub(super) fn accepts_leader<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        from: NodeId,
        term: u64,
        prev_index: u64,
        fx: &mut E,
    ) -> bool {
        if term < self.term() && self.obeys(Rule::TermCheckAppend) {
            let why = Refusal::StaleTerm(Rule::TermCheckAppend);
            fx.note(RaftNote::Refused { from, why });
            self.reject_stale(from, prev_index, fx);
            return false;
        }
        if self.role == Role::Leader && term <= self.term() {
            fx.note(RaftNote::Refused { from, why: Refusal::SecondLeader });
            return false;
        }
        if term > self.term() || self.role != Role::Follower {
            self.become_follower(term.max(self.term()), Some(from), fx);
        }
        self.leader = Some(from);
        self.forget_elections();
        self.heard_at = Some(now);
        fx.arm(ELECTION, self.patience);
        true
    }

    /// There is a leader: discards what was learned in elections.
    #[inline]
    fn forget_elections(&mut self) {
        if self.lost > 0 || self.config.election_rule != ElectionRule::Paper {
            (self.lost, self.seen_term, self.stale_for) = (0, 0, NodeSet::default());
        }
    }

    /// Whether an answer to `AppendEntries` is for this leader and this term.
    #[inline]
    pub(super) fn accepts_ack<E: Effects<Self>>(
        &mut self,
        from: NodeId,
        term: u64,
        fx: &mut E,
    ) -> bool {
        if term > self.term() {
            self.become_follower(term, None, fx);
            return false;
        }
        if term < self.term() && self.obeys(Rule::TermCheckAck) {
            let why = Refusal::StaleTerm(Rule::TermCheckAck);
            fx.note(RaftNote::Refused { from, why });
            return false;
        }
        self.role == Role::Leader
    }

    /// The leader's heartbeat: an `AppendEntries` to every other node (§5.2).
    pub(super) fn heartbeat<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        fx.arm(HEARTBEAT, Delay::exactly(self.heartbeat_interval()));
        self.start_round(now, fx);
    }
}

/// The fields of a `RequestVoteReply`.
#[derive(Clone, Copy, Debug)]
pub(super) struct VoteReply {
    pub(super) term: u64,
    pub(super) granted: bool,
    pub(super) pre: bool,
    pub(super) asked: u64,
    pub(super) stale_log: bool,
}

/// The maximum number of times that a candidate's timeout grows.
const MOST_BACKOFF: u32 = 64;
/// The longest time that a candidate waits: a day.
const LONGEST_WAIT: Span = Span::from_ms(24 * 3_600_000);
