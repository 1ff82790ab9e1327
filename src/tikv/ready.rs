//! What the crate asks for: it hands out a `Ready` with messages to send, a state to store and
//! entries to apply. Messages that promise something wait until what they promise is durable, and
//! so does the crate itself, which counts a leader's own log only then.

use std::collections::VecDeque;
use std::sync::Arc;

use tikv_raft::eraftpb::{Message as CrateMessage, MessageType};
use tikv_raft::{ProgressState, Ready, SnapshotStatus};

use super::codec::{decode, node_of};
use super::messages::TikvMessage;
use super::node::Node;
use super::panics::{Panic, catch};
use super::store::Write;
use crate::protocol::{Durability, Effects, Message as _, NodeId, Reply, WriteId};
use crate::raft::Snapshot;
use crate::replica::ReplicaNote;
use crate::replica::{Base, Entry, Session};
use crate::state::StateHash;

/// A `Ready` whose writes are not durable yet.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Its last write.
    write: WriteId,
    /// Its number in the crate.
    pub(super) number: u64,
    /// Term and index of the last entry that it stores.
    pub(super) entry: Option<Place>,
    /// Those of the snapshot that it stores.
    pub(super) snapshot: Option<Place>,
    /// The messages that promise what it stores.
    messages: Vec<(NodeId, TikvMessage)>,
}

impl Held {
    /// Adds it to a fingerprint. Of writes only the order counts.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        let Self { write: _, number: _, entry, snapshot, messages } = self;
        state.add((entry, snapshot, messages.len()));
        messages.iter().for_each(|(to, message)| state.add((to, message.fingerprint())));
    }
}

/// Index and term.
pub(super) type Place = (u64, u64);

impl Node {
    /// Does everything that the crate asks for, until it asks for nothing.
    pub(super) fn drain<E: Effects<Self>>(&mut self, fx: &mut E) -> Result<(), Panic> {
        loop {
            self.ask()?;
            let raw = &mut self.raw;
            match catch(|| raw.has_ready().then(|| raw.ready()))? {
                Some(ready) => self.handle_ready(ready, fx)?,
                None => return Ok(()),
            }
        }
    }

    fn handle_ready<E: Effects<Self>>(
        &mut self,
        mut ready: Ready,
        fx: &mut E,
    ) -> Result<(), Panic> {
        // Of a leader, which may send them while it writes (diss. §10.2.1).
        let at_once = self.outgoing(ready.take_messages());
        send(at_once, fx);
        let messages = self.outgoing(ready.take_persisted_messages());
        self.keep(&ready, fx);
        self.note_commit(fx);
        for state in ready.take_read_states() {
            self.confirmed(&state);
        }
        let place = |index, term| (index > 0).then_some((index, term));
        let about = ready.snapshot().get_metadata();
        let mut held = Held {
            write: WriteId(0),
            number: ready.number(),
            entry: ready.entries().last().and_then(|entry| place(entry.index, entry.term)),
            snapshot: place(about.index, about.term),
            messages,
        };
        let awaited = self.awaited(ready.must_sync(), fx);
        let last = ready.committed_entries().last().map_or(0, |entry| entry.index);
        let last = last.min(self.log().last_index()); // an entry may be forged
        let raw = &mut self.raw;
        catch(|| raw.advance_append_async(ready))?;
        self.apply_to(last, fx)?;
        match awaited {
            Some(write) => {
                held.write = write;
                self.held.push_back(held);
                Ok(())
            }
            None => self.settled(held, fx),
        }
    }

    /// The write for which a `Ready` waits. One that changes only commitIndex needs no fsync, but
    /// what it promises may have been written before.
    fn awaited<E: Effects<Self>>(&mut self, must_sync: bool, fx: &mut E) -> Option<WriteId> {
        if !must_sync {
            return self.held.back().map(|held| held.write);
        }
        match fx.sync() {
            Durability::Done => None,
            Durability::Pending(write) => Some(write),
        }
    }

    /// Every write up to this one is durable: what waited for it happens.
    pub(super) fn persisted<E: Effects<Self>>(
        &mut self,
        write: WriteId,
        fx: &mut E,
    ) -> Result<(), Panic> {
        if self.saving.is_some_and(|saving| saving <= write) {
            self.saving = None;
        }
        while let Some(held) = pop_if(&mut self.held, |held| held.write <= write) {
            self.settled(held, fx)?;
        }
        Ok(())
    }

    /// A `Ready` is durable.
    fn settled<E: Effects<Self>>(&mut self, held: Held, fx: &mut E) -> Result<(), Panic> {
        send(held.messages, fx);
        let raw = &mut self.raw;
        catch(|| raw.on_persist_ready(held.number))?;
        self.advance_applied()
    }

    /// Messages in the order of their receivers. The crate's is that of a hash table, which depends
    /// on the platform.
    fn outgoing(&self, mut messages: Vec<CrateMessage>) -> Vec<(NodeId, TikvMessage)> {
        messages.sort_by_key(|message| message.to);
        let addressed = messages.into_iter().filter_map(|message| {
            let is_snapshot = message.get_msg_type() == MessageType::MsgSnapshot;
            let snapshot = self.state().snapshot().filter(|_| is_snapshot).cloned();
            Some((node_of(message.to)?, TikvMessage::new(message, snapshot)))
        });
        addressed.collect()
    }

    /// Stores the state, snapshot and entries of a `Ready`, in one write.
    fn keep<E: Effects<Self>>(&mut self, ready: &Ready, fx: &mut E) {
        let snapshot = if ready.snapshot().is_empty() { None } else { self.arriving.take() };
        if ready.hs().is_none() && ready.entries().is_empty() && snapshot.is_none() {
            return;
        }
        if let Some(snapshot) = &snapshot {
            self.install(snapshot, fx);
        }
        let first = ready.entries().first().map(|entry| entry.index);
        if let Some(first) = first {
            self.cut(first, fx);
            let state = self.kept_mut().state_mut();
            for entry in ready.entries() {
                state.append(entry.term, decode(entry.get_data()));
            }
            let last = self.log().last_index();
            fx.note(ReplicaNote::Appended { first, last, hash: self.log().hash_at(last) });
        }
        if let Some(state) = ready.hs() {
            let kept = self.kept_mut();
            kept.state_mut().set_ballot(state.term, node_of(state.vote));
            kept.set_commit(state.commit);
        }
        let kept = self.kept();
        fx.write(|| Write::Batch(Box::new(kept.batch(snapshot, first))));
    }

    /// Entries from an index on replace those that the log has there.
    fn cut<E: Effects<Self>>(&mut self, first: u64, fx: &mut E) {
        let last = self.log().last_index();
        if first <= last {
            self.kept_mut().state_mut().truncate(first - 1);
            fx.note(ReplicaNote::Truncated { first, last });
        }
    }

    /// A leader's snapshot replaces the log and the store.
    #[cold]
    fn install<E: Effects<Self>>(&mut self, snapshot: &Arc<Snapshot>, fx: &mut E) {
        let Base { index, hash, .. } = snapshot.base;
        self.kept_mut().state_mut().install(Arc::clone(snapshot));
        self.machine.clone_from(&snapshot.machine);
        let first = self.commit + 1;
        (self.commit, self.applied) = (index, index);
        fx.note(ReplicaNote::Installed { first, index, hash });
    }

    fn note_commit<E: Effects<Self>>(&mut self, fx: &mut E) {
        let last = self.raw.raft.raft_log.committed;
        if last > self.commit {
            fx.note(ReplicaNote::Committed { first: self.commit + 1, last });
            self.commit = last;
        }
    }

    /// Applies the entries up to an index, which are committed and durable here.
    fn apply_to<E: Effects<Self>>(&mut self, last: u64, fx: &mut E) -> Result<(), Panic> {
        while self.applied < last {
            self.applied += 1;
            self.apply(self.applied, fx);
        }
        self.advance_applied()?;
        self.serve_reads(fx);
        self.compact(fx);
        Ok(())
    }

    /// Tells the crate what is applied. A snapshot counts once it is durable.
    fn advance_applied(&mut self) -> Result<(), Panic> {
        let log = &self.raw.raft.raft_log;
        let applied = self.applied.min(log.persisted);
        if applied <= log.applied {
            return Ok(());
        }
        let raw = &mut self.raw;
        catch(|| raw.advance_apply_to(applied))
    }

    fn apply<E: Effects<Self>>(&mut self, index: u64, fx: &mut E) {
        let Some(Entry { term, command, hash }) = self.log().get(index) else { return };
        let Session { client, seq, .. } = command.session;
        let applied = self.machine.apply(index, term, hash, &command, true);
        if client != 0 {
            fx.note(ReplicaNote::Session { client, seq, index, fresh: applied.fresh });
        }
        while let Some(waiting) = pop_if(&mut self.waiting, |waiting| waiting.index == index) {
            fx.reply(waiting.op, Reply::Ok(applied.output.clone()));
        }
    }

    /// Takes a snapshot whenever `snapshot_every` entries were applied since the last, as ours does
    /// (§7); the crate leaves it to its user.
    fn compact<E: Effects<Self>>(&mut self, fx: &mut E) {
        let Some(every) = self.setup.config.snapshot_every else { return };
        let index = self.applied;
        if index < self.state().snapshot_index() + every {
            return;
        }
        let Some(term) = self.log().term_at(index) else { return };
        let base = Base { index, term, hash: self.log().hash_at(index) };
        let snapshot = Arc::new(Snapshot { base, machine: self.machine.clone(), members: None });
        let droppable = index.saturating_sub(every);
        self.kept_mut().state_mut().save(Arc::clone(&snapshot), droppable);
        fx.write(|| Write::Save { snapshot, droppable });
        fx.note(ReplicaNote::Snapshot { index });
        if let Durability::Pending(write) = fx.sync() {
            self.saving = Some(write);
        }
    }

    /// Removes entries that a durable snapshot covers. Not in the step that wrote it, because
    /// observers look at the log after the step.
    pub(super) fn drop_covered(&mut self) {
        if self.saving.is_none() && self.state().may_compact() {
            self.kept_mut().state_mut().compact();
        }
    }

    /// Tells the crate of snapshots that are no longer in flight, as its user must: it sends
    /// nothing else to their receivers in the meantime. One that was lost is sent again when the
    /// follower refuses the entries after it.
    pub(super) fn report_snapshots<E: Effects<Self>>(&mut self, fx: &E) -> Result<(), Panic> {
        let awaits = self
            .raw
            .raft
            .prs()
            .iter()
            .filter(|(_, progress)| progress.state == ProgressState::Snapshot);
        let mut done: Vec<u64> = awaits.map(|(id, _)| *id).collect();
        done.retain(|id| {
            node_of(*id).is_some_and(|peer| !fx.is_under_way(peer, TikvMessage::is_snapshot))
        });
        done.sort_unstable();
        let raw = &mut self.raw;
        catch(|| done.into_iter().for_each(|id| raw.report_snapshot(id, SnapshotStatus::Finish)))
    }
}

fn send<E: Effects<Node>>(messages: Vec<(NodeId, TikvMessage)>, fx: &mut E) {
    for (to, message) in messages {
        fx.send(to, message);
    }
}

/// Takes the first of a queue if it is due.
fn pop_if<T>(queue: &mut VecDeque<T>, is_due: impl FnOnce(&T) -> bool) -> Option<T> {
    if queue.front().is_some_and(is_due) { queue.pop_front() } else { None }
}
