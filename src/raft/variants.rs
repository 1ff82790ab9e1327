//! Election rules other than the paper's, from the literature.
//!
//! A variant changes when a node increases its term or starts another election; the meaning of a
//! vote, and the conditions for granting it, are the paper's in all of them. Most come from
//! AvailSim, the simulator of the dissertation's chapter 9. To add one, add a row here, and what it
//! decides and remembers to `Policy`.

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::quorum::Quorum;
use crate::protocol::{Delay, NodeId, NodeSet, Span};

macro_rules! variants {
    ($($variant:ident $name:literal $meaning:literal $source:literal;)*) => {
        /// An election rule.
        #[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
        pub enum ElectionRule {
            /// The paper's: a higher term is always adopted; a candidate starts its next election
            /// when its timer expires (§5.2).
            #[default]
            #[serde(rename = "paper")]
            Paper,
            $(#[doc = $meaning] #[serde(rename = $name)] $variant,)*
        }

        /// All but the paper's: (name, meaning, source).
        pub const VARIANTS: &[(&str, &str, &str)] = &[$(($name, $meaning, $source)),*];
    };
}

variants! {
    StaleLogNoBump "stale_log_no_bump"
        "a voter adopts a candidate's higher term only if its log is at least as up to date"
        "AvailSim, algorithm stalelognobump";
    NoGrantNoBump "no_grant_no_bump"
        "a voter adopts a candidate's higher term only when it grants its vote; the term alone does not free an earlier vote"
        "AvailSim, algorithm nograntnobump";
    Hesitant "hesitant"
        "a candidate starts another election only if a node refused it for a reason other than its log"
        "AvailSim, algorithm hesitant";
    HesitantQuorum "hesitant_quorum"
        "a candidate starts another election only if a quorum, itself included, refused it for a reason other than its log"
        "AvailSim, algorithm hesitant2";
    HesitantMemory "hesitant_memory"
        "a node starts an election only if the nodes that never found its log stale form a quorum; a leader's message resets this"
        "AvailSim, algorithm phesitant, which never forgets: its logs do not change";
    ZooKeeper "zookeeper"
        "a node first asks whether its log is up to date, and starts an election if a quorum agrees, even while there is a leader"
        "AvailSim, algorithm zookeeper";
    ZooKeeperMaxTerm "zookeeper_max_term"
        "like zookeeper, but in a term one above the highest in the replies"
        "AvailSim, algorithm zookeeper2";
    Refloated "refloated"
        "a node that steps down for a higher term does not vote in reply to that message, and restarts its timer and back-off; a refused candidate remains one, and backs off once half of the others have refused it"
        "the simulator of Raft Refloated (Howard et al. 2015), to compare with its figures";
}

impl ElectionRule {
    /// Whether a node asks about its log before it starts an election.
    pub fn asks_about_log(self) -> bool {
        matches!(self, Self::ZooKeeper | Self::ZooKeeperMaxTerm)
    }
}

/// An election rule with what it remembers between elections.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Policy {
    rule: ElectionRule,
    /// The nodes that found this node's log stale; kept between elections while the log is
    /// unchanged.
    stale_for: NodeSet,
    /// The highest term in the replies while asking (`zookeeper_max_term`).
    seen_term: u64,
    /// The number of consecutive elections that a majority refused.
    lost: u32,
}

impl Policy {
    pub(super) fn new(rule: ElectionRule) -> Self {
        Self { rule, stale_for: NodeSet::default(), seen_term: 0, lost: 0 }
    }

    /// Discards what was learned in elections: there is a leader, or the node restarts.
    #[inline]
    pub(super) fn forget(&mut self) {
        if self.lost > 0 || self.rule != ElectionRule::Paper {
            *self = Self::new(self.rule);
        }
    }

    /// Whether a node first asks if its log is up to date.
    pub(super) fn asks_about_log(&self) -> bool {
        self.rule.asks_about_log()
    }

    /// Whether a node may start an election, or (`again`) another one.
    pub(super) fn may_stand(
        &self,
        again: bool,
        me: NodeId,
        rejected: &NodeSet,
        quorum: &Quorum,
    ) -> bool {
        // The nodes that refused for a reason other than a stale log. Granted votes prove nothing:
        // the same minority may grant forever.
        let endorsed = || rejected.without(&self.stale_for);
        match self.rule {
            // "Somebody rejected for a non-log reason."
            ElectionRule::Hesitant if again => !endorsed().is_empty(),
            ElectionRule::HesitantQuorum if again => {
                quorum.is_quorum(&endorsed().union(&NodeSet::from_iter([me])))
            }
            ElectionRule::HesitantMemory => {
                quorum.is_quorum(&quorum.voters().without(&self.stale_for))
            }
            _ => true,
        }
    }

    /// The term of the next election; `None` if there is no later term.
    pub(super) fn next_term(&self, term: u64) -> Option<u64> {
        term.max(self.seen_term).checked_add(1)
    }

    /// A node starts to ask for votes.
    pub(super) fn asks(&mut self) {
        if self.rule != ElectionRule::HesitantMemory {
            self.stale_for = NodeSet::default();
        }
    }

    /// "Raft uses randomized election timeouts" (§5.2), the same for candidates as for followers;
    /// Raft Refloated (its §4.2) tries other ones, and longer ones after each election that a
    /// majority refused.
    pub(super) fn candidate_timeout(&self, config: &Config) -> Delay {
        let timeout = config.candidate_timeout.unwrap_or(config.election_timeout);
        if self.lost == 0 || config.candidate_backoff <= 1.0 {
            return timeout;
        }
        let factor = libm::pow(config.candidate_backoff, f64::from(self.lost.min(MOST_BACKOFF)));
        let longer =
            |span: Span| Span(((span.0 as f64 * factor).round() as u64).min(LONGEST_WAIT.0));
        Delay { min: longer(timeout.min), max: longer(timeout.max) }
    }

    /// Whether a voter adopts a candidate's higher term. The paper's does in any case (Figure 2).
    pub(super) fn adopts_term(
        &self,
        is_up_to_date: impl FnOnce() -> bool,
        can_vote: impl FnOnce() -> bool,
    ) -> bool {
        match self.rule {
            ElectionRule::StaleLogNoBump => is_up_to_date(),
            ElectionRule::NoGrantNoBump => is_up_to_date() && can_vote(),
            _ => true,
        }
    }

    /// Whether refusals must state if the log was the reason.
    pub(super) fn needs_reasons(&self) -> bool {
        use ElectionRule::{Hesitant, HesitantMemory, HesitantQuorum};
        matches!(self.rule, Hesitant | HesitantQuorum | HesitantMemory)
    }

    /// A node refused because this node's log is stale.
    pub(super) fn found_stale(&mut self, by: NodeId) {
        self.stale_for.insert(by);
    }

    /// Whether replies to the question about the log carry the voter's own term, and the next
    /// election is one above the highest.
    pub(super) fn collects_terms(&self) -> bool {
        self.rule == ElectionRule::ZooKeeperMaxTerm
    }

    /// Takes in the term of such a reply.
    pub(super) fn collect_term(&mut self, term: u64) {
        self.seen_term = self.seen_term.max(term);
    }

    /// A candidate starts another election. In Raft Refloated's simulator it counts the last one as
    /// lost now, if half of the others refused; otherwise a majority must refuse
    /// ([`Policy::refused_by_majority`]).
    pub(super) fn stands_again(&mut self, rejected: &NodeSet, others: usize) {
        if self.rule == ElectionRule::Refloated && rejected.len() * 2 >= others {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// A majority refused. Whether the candidate then waits as a follower, as in the paper, or
    /// remains one.
    pub(super) fn refused_by_majority(&mut self) -> bool {
        use ElectionRule::{Hesitant, HesitantQuorum, Refloated};
        let waits = !matches!(self.rule, Hesitant | HesitantQuorum | Refloated);
        if waits {
            self.lost = self.lost.saturating_add(1);
        }
        waits
    }

    /// Whether a node that steps down for a higher term restarts its timer and its count of
    /// refusals, and does not vote in reply to that message.
    pub(super) fn begins_anew(&self) -> bool {
        self.rule == ElectionRule::Refloated
    }

    /// The count of refusals begins anew.
    pub(super) fn begin_anew(&mut self) {
        self.lost = 0;
    }
}

/// The maximum number of times that a candidate's timeout grows.
const MOST_BACKOFF: u32 = 64;
/// The longest time that a candidate waits: a day.
const LONGEST_WAIT: Span = Span::from_ms(24 * 3_600_000);
