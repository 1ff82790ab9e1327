//! Reads without an entry in the log, by the crate's `ReadIndex`.

use tikv_raft::{ReadOnlyOption, ReadState, StateRole};

use super::node::Node;
use super::panics::{Panic, catch};
use crate::protocol::{Effects, OpId, ReadPath, Reply};
use crate::reasons;
use crate::replica::{Key, Output};
use crate::state::StateHash;

/// The reads that wait, in the order of their arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads(Vec<Read>);

#[derive(Clone, Copy, Debug, Hash)]
struct Read {
    op: OpId,
    key: Key,
    via: ReadPath,
    /// Whether the crate was asked. It drops a read until an entry of its term is committed.
    asked: bool,
    /// The commitIndex to wait for, once the crate has said it.
    index: Option<u64>,
}

impl Reads {
    /// Adds it to a fingerprint.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        state.add(&self.0);
    }

    pub(super) fn give_up<E: Effects<Node>>(&mut self, fx: &mut E) {
        for read in self.0.drain(..) {
            fx.reply(read.op, Reply::Refused { reason: reasons::STEPPED_DOWN, hint: None });
        }
    }
}

impl Node {
    /// A client's read. The crate would forward it to the leader; as ours, a node that does not
    /// lead refuses it.
    pub(super) fn read<E: Effects<Self>>(
        &mut self,
        op: OpId,
        key: Key,
        via: ReadPath,
        fx: &mut E,
    ) -> Result<(), Panic> {
        if via == ReadPath::Local {
            self.serve(op, key, fx);
            return Ok(());
        }
        if self.raw.raft.state != StateRole::Leader {
            let hint = self.leader();
            fx.reply(op, Reply::Refused { reason: reasons::NOT_LEADER, hint });
            return Ok(());
        }
        if via == ReadPath::Lease && self.setup.config.lease_drift.is_none() {
            fx.reply(op, Reply::Refused { reason: reasons::NO_LEASE, hint: None });
            return Ok(());
        }
        self.reads.0.push(Read { op, key, via, asked: false, index: None });
        self.ask()
    }

    /// Asks the crate about the reads that it can answer now.
    pub(super) fn ask(&mut self) -> Result<(), Panic> {
        if self.reads.0.iter().all(|read| read.asked) || !self.raw.raft.commit_to_current_term() {
            return Ok(());
        }
        let Self { reads, raw, .. } = self;
        for read in reads.0.iter_mut().filter(|read| !read.asked) {
            read.asked = true;
            let leased = read.via == ReadPath::Lease;
            catch(|| {
                let option = &mut raw.raft.read_only.option;
                *option = if leased { ReadOnlyOption::LeaseBased } else { ReadOnlyOption::Safe };
                raw.read_index(read.op.0.to_be_bytes().to_vec());
                raw.raft.read_only.option = ReadOnlyOption::Safe;
            })?;
        }
        Ok(())
    }

    /// The crate says which commitIndex a read must wait for.
    pub(super) fn confirmed(&mut self, state: &ReadState) {
        let asked = |read: &&mut Read| read.op.0.to_be_bytes()[..] == state.request_ctx[..];
        if let Some(read) = self.reads.0.iter_mut().find(asked) {
            read.index = Some(state.index);
        }
    }

    /// Serves the reads whose commitIndex is applied.
    pub(super) fn serve_reads<E: Effects<Self>>(&mut self, fx: &mut E) {
        let applied = self.applied;
        let served = |read: &mut Read| read.index.is_some_and(|index| index <= applied);
        for read in self.reads.0.extract_if(.., served).collect::<Vec<_>>() {
            self.serve(read.op, read.key, fx);
        }
    }

    fn serve<E: Effects<Self>>(&self, op: OpId, key: Key, fx: &mut E) {
        let (items, hash) = (self.machine.read(key), self.log().hash_at(self.applied));
        fx.reply(op, Reply::Ok(Output::Read { index: self.applied, hash, items }));
    }
}
