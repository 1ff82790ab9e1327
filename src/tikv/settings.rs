//! Settings: which of ours the crate knows, and how it calls them.

use std::sync::Arc;

use slog::{Discard, Logger, o};
use tikv_raft::eraftpb::ConfState;
use tikv_raft::{Config as CrateConfig, NO_LIMIT, RawNode};

use super::clock::ticks;
use super::codec::id_of;
use super::store::{Kept, Store};
use crate::protocol::{NodeId, NodeSet};
use crate::raft::{Config, Rules};
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
    if let Some(setting) = config.differs(&possible(config)) {
        let why = REASONS.iter().find(|(name, _)| *name == setting);
        return Some((setting, why.map_or("it has no such setting", |(_, why)| why)));
    }
    (config.rules != Rules::ALL).then_some(("bugs", "no rule can be taken away"))
}

/// The nearest settings that the crate knows. Settings that it lacks have their defaults.
fn possible(config: &Config) -> Config {
    Config {
        election_timeout: config.election_timeout,
        timeout_step: config.timeout_step,
        tick: config.tick,
        heartbeat: config.heartbeat,
        pre_vote: config.pre_vote,
        sticky_votes: config.check_quorum,
        check_quorum: config.check_quorum,
        max_entries_per_append: config.max_entries_per_append,
        max_inflight: config.max_inflight,
        snapshot_every: config.snapshot_every,
        lease_drift: config.lease_drift.filter(|_| config.check_quorum),
        commit_guard: config.commit_guard, // it would halt in any case
        ..Config::default()
    }
}

/// Why the crate lacks some settings or values.
const REASONS: &[(&str, &str)] = &[
    ("candidate_timeout", "candidates wait as followers do"),
    ("candidate_backoff", "candidates wait as followers do"),
    ("adaptive_timeout", "timeouts are fixed"),
    ("election_rule", "it has the paper's alone"),
    ("sticky_votes", "it must equal check_quorum: votes are sticky if and only if that is on"),
    ("quorum_timeout", "it is an election timeout"),
    ("lease", "a lease lasts as long as CheckQuorum lets the leader lead"),
    ("noop", "a leader always appends an empty entry"),
    ("lease_drift", "leases need check_quorum"),
];
