//! Settings: which of ours the crate knows, and how it calls them.

use std::sync::Arc;

use slog::{Discard, Logger, o};
use tikv_raft::eraftpb::ConfState;
use tikv_raft::{Config as CrateConfig, NO_LIMIT, RawNode};

use super::clock::ticks;
use super::codec::id_of;
use super::store::{Kept, Store};
use crate::protocol::{NodeId, NodeSet};
use crate::raft::{Config, ElectionRule, Rules};
use crate::replica::Membership;

/// What does not change, which copies of a node share.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) id: NodeId,
    pub(super) config: Config,
    members: Arc<ConfState>,
    /// The same, as observers see it.
    pub(super) membership: Membership,
    logger: Logger,
}

impl Setup {
    pub(super) fn new(id: NodeId, nodes: usize, config: Config) -> Self {
        let voters = (0..nodes).map(|node| id_of(NodeId::from(node))).collect();
        let members = Arc::new(ConfState { voters, ..ConfState::default() });
        let membership = Membership::of(NodeSet::first(nodes));
        Self { id, config, members, membership, logger: Logger::root(Discard, o!()) }
    }

    /// The crate's object over what is on the disk.
    pub(super) fn build(&self, kept: Kept, applied: u64) -> RawNode<Store> {
        let config = &self.config;
        let election_tick = ticks(config.election_timeout.min).max(2);
        let settings = CrateConfig {
            id: id_of(self.id),
            // The crate's own draw has one possible outcome, and no timer of the crate runs.
            election_tick,
            min_election_tick: election_tick,
            max_election_tick: election_tick + 1,
            heartbeat_tick: 1,
            applied,
            max_size_per_msg: if config.max_entries_per_append == 1 { 0 } else { NO_LIMIT },
            max_inflight_msgs: config.max_inflight.max(1) as usize,
            check_quorum: config.check_quorum,
            pre_vote: config.pre_vote,
            // As in TiKV: commitIndex travels with the next entry or heartbeat.
            skip_bcast_commit: true,
            ..CrateConfig::default()
        };
        let members = Arc::clone(&self.members);
        let store = Store { kept, members, batch: config.max_entries_per_append as usize };
        RawNode::new(&settings, store, &self.logger)
            .expect("the settings are valid, and the disk has every entry up to its commitIndex")
    }
}

/// The first setting that the crate does not know, and why.
pub fn unknown_to_the_crate(config: &Config) -> Option<(&'static str, &'static str)> {
    // Destructured, so that a new setting does not compile until it is decided here.
    let Config {
        election_timeout: _,
        candidate_timeout,
        candidate_backoff,
        adaptive_timeout,
        election_rule,
        heartbeat: _,
        pre_vote: _,
        sticky_votes,
        check_quorum,
        noop,
        max_entries_per_append: _,
        max_inflight: _,
        snapshot_every: _,
        lease,
        commit_guard: _, // it would halt in any case
        rules,
    } = *config;
    let fixed = [
        (candidate_timeout.is_some(), "candidate_timeout", "candidates wait as followers do"),
        (candidate_backoff != 1.0, "candidate_backoff", "candidates wait as followers do"),
        (adaptive_timeout.is_some(), "adaptive_timeout", "timeouts are fixed"),
        (election_rule != ElectionRule::Paper, "election_rule", "it has the paper's alone"),
        (
            sticky_votes != check_quorum,
            "sticky_votes",
            "it must equal check_quorum: votes are sticky if and only if that is on",
        ),
        (!noop, "noop", "a leader always appends an empty entry"),
        (lease.is_some() && !check_quorum, "lease_drift", "leases need check_quorum"),
        (rules != Rules::ALL, "bugs", "no rule can be taken away"),
    ];
    fixed.into_iter().find(|(given, ..)| *given).map(|(_, setting, why)| (setting, why))
}
