//! Time. The crate counts ticks, and when a count is full it steps a message to itself: `MsgHup`,
//! `MsgBeat` or `MsgCheckQuorum`. Here the world's timers count, and the adapter steps these
//! messages. Everything else in the crate's `tick` is the counting.
//!
//! In the crate a heartbeat restarts the election timer but keeps its duration; a new one is drawn
//! when the term changes or the role does, except to a pre-candidate. The world draws durations
//! when a timer is armed and does not say what it drew, so the timer is armed once for each draw:
//! when it expires the duration is known, and if a leader was heard in between, it is armed for the
//! rest.

use tikv_raft::StateRole;
use tikv_raft::eraftpb::{Message as CrateMessage, MessageType};

use super::node::Node;
use super::panics::Panic;
use super::roles::{Cause, View};
use crate::protocol::{Delay, Effects, LocalTime, Role, Span};
use crate::replica::RoleChange;
use crate::replica::{ELECTION, HEARTBEAT, QUORUM};
use crate::state::StateHash;

/// The crate's tick: times that differ by less are the same.
pub(super) const TICK: Span = Span(1_000);

/// The election timer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    /// When the crate last began to count, on hearing a leader, voting or standing.
    counts_from: LocalTime,
    /// When the present duration was drawn.
    drawn_at: LocalTime,
    /// That duration, once it is known.
    drawn: Option<Span>,
}

impl Patience {
    /// Adds it to a fingerprint.
    pub(super) fn hash_state(&self, state: &mut StateHash) {
        let Self { counts_from, drawn_at, drawn } = self;
        state.past(*counts_from);
        state.past(*drawn_at);
        state.add(drawn);
    }
}

impl Node {
    /// Tells the crate how long it has been counting, by which it decides whether it may vote.
    pub(super) fn set_elapsed(&mut self, now: LocalTime) {
        let elapsed = now.since(self.patience.counts_from);
        self.raw.raft.election_elapsed = ticks(elapsed).max(1); // 0 is what the crate sets
    }

    /// After the crate handled something: it may count anew, or with another duration.
    pub(super) fn rearm<E: Effects<Self>>(&mut self, now: LocalTime, before: &View, fx: &mut E) {
        if self.raw.raft.election_elapsed == 0 {
            self.patience.counts_from = now;
        }
        let after = self.view();
        if (after.role, after.term) == (before.role, before.term) {
            return;
        }
        if after.role == Role::Leader {
            self.lead_later(fx);
        } else if before.role == Role::Leader {
            fx.disarm(HEARTBEAT);
            fx.disarm(QUORUM);
        }
        let keeps_draw = after.term == before.term && after.role == Role::PreCandidate;
        if after.role != Role::Leader && !keeps_draw {
            self.draw(now, fx);
        }
    }

    /// A node that starts counts from now on.
    pub(super) fn begin_counting<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        self.raw.raft.election_elapsed = 0;
        self.patience.counts_from = now;
        self.draw(now, fx);
    }

    /// Draws the duration of an election timeout.
    fn draw<E: Effects<Self>>(&mut self, now: LocalTime, fx: &mut E) {
        (self.patience.drawn_at, self.patience.drawn) = (now, None);
        fx.arm(ELECTION, self.setup.config.election_timeout);
    }

    /// The election timer expired: for the first time after the draw, or for the rest.
    pub(super) fn election_timer<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        fx: &mut E,
    ) -> Result<(), Panic> {
        let Delay { min, max } = self.setup.config.election_timeout;
        // A clock that is set in between would give a duration that cannot be drawn.
        let measured = now.since(self.patience.drawn_at).clamp(min, max);
        let drawn = *self.patience.drawn.get_or_insert(measured);
        let elapsed = now.since(self.patience.counts_from);
        if elapsed.0 + TICK.0 < drawn.0 {
            fx.arm(ELECTION, Delay::exactly(Span(drawn.0 - elapsed.0)));
            return Ok(());
        }
        self.raw.raft.election_elapsed = 0;
        self.local(now, MessageType::MsgHup, Cause::Own(RoleChange::ElectionTimeout), fx)?;
        if self.raw.raft.state != StateRole::Leader && self.patience.drawn.is_some() {
            fx.arm(ELECTION, Delay::exactly(drawn)); // the same duration again
        }
        Ok(())
    }

    /// The heartbeat timer expired.
    pub(super) fn heartbeat_timer<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        fx: &mut E,
    ) -> Result<(), Panic> {
        self.beat_later(fx);
        self.report_snapshots(fx)?;
        self.local(now, MessageType::MsgBeat, Cause::Other, fx)
    }

    /// The quorum timer expired.
    pub(super) fn quorum_timer<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        fx: &mut E,
    ) -> Result<(), Panic> {
        self.check_quorum_later(fx);
        self.raw.raft.election_elapsed = 0;
        self.local(now, MessageType::MsgCheckQuorum, Cause::Own(RoleChange::QuorumLost), fx)
    }

    /// A leader's timers run, and not that of elections.
    pub(super) fn lead_later<E: Effects<Self>>(&self, fx: &mut E) {
        fx.disarm(ELECTION);
        self.beat_later(fx);
        self.check_quorum_later(fx);
    }

    fn beat_later<E: Effects<Self>>(&self, fx: &mut E) {
        fx.arm(HEARTBEAT, Delay::exactly(self.setup.config.heartbeat()));
    }

    fn check_quorum_later<E: Effects<Self>>(&self, fx: &mut E) {
        if self.setup.config.check_quorum {
            fx.arm(QUORUM, Delay::exactly(self.setup.config.election_timeout.min));
        }
    }

    /// Steps a message of the node to itself.
    fn local<E: Effects<Self>>(
        &mut self,
        now: LocalTime,
        kind: MessageType,
        cause: Cause,
        fx: &mut E,
    ) -> Result<(), Panic> {
        let mut message = CrateMessage { from: self.raw.raft.id, ..CrateMessage::default() };
        message.set_msg_type(kind);
        self.call(now, cause, fx, |raw| {
            // An error is the crate's word for a message that it ignores.
            let _ = raw.raft.step(message);
        })
    }
}

/// A duration in ticks.
pub(super) fn ticks(span: Span) -> usize {
    usize::try_from(span.0 / TICK.0).unwrap_or(usize::MAX)
}
