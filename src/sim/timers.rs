//! Timers. A node re-arms its election timer at every heartbeat; doing that through the queue would
//! double the work. Here arming writes a few words, and the queue holds at most one valid wake-up
//! per timer, at a time that is never too late. When it comes due, the timer has expired, or
//! another wake-up is queued. The timeout itself is drawn only when it is needed: then, or when
//! there is no wake-up yet. Counter-based randomness allows this.
//!
//! Re-arming may move a deadline to an *earlier* time (if the new draw is shorter); then an earlier
//! wake-up is queued and the old one is ignored.

use super::clock::Clock;
use super::luck::{Luck, Purpose, below};
use super::queue::{Due, Queue};
use super::time::Time;
use crate::protocol::{Delay, LocalTime, Span};

/// One timer of one node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    armed: bool,
    /// The number of times that it was armed: the ordinal of its random draws.
    ordinal: u64,
    since: LocalTime,
    delay: Delay,
    /// Its position among events at its deadline, reserved when it was armed.
    seq: u64,
    /// The valid wake-up; [`Time::NEVER`] if none is queued.
    wake: Time,
    /// The number of times that it was armed or disarmed: if it expires while its node is paused,
    /// and the node then re-arms or disarms it first, the expiry is void.
    touched: u64,
}

impl Default for Timer {
    fn default() -> Self {
        let delay = Delay::exactly(Span::ZERO);
        let since = LocalTime::default();
        Self { armed: false, ordinal: 0, since, delay, seq: 0, wake: Time::NEVER, touched: 0 }
    }
}

impl Timer {
    #[inline]
    pub(super) fn arm(
        &mut self,
        index: u32,
        now: Time,
        clock: &Clock,
        luck: Luck,
        delay: Delay,
        queue: &mut Queue,
    ) {
        self.armed = true;
        self.touched += 1;
        self.ordinal += 1;
        self.since = clock.local(now);
        self.delay = delay;
        self.seq = queue.next_seq();
        if clock.has_ticks() {
            self.plan_with_ticks(index, now, clock, luck, queue);
        } else {
            self.plan::<false>(index, now, clock, luck, queue);
        }
    }

    #[cold]
    #[inline(never)] // keeps the rare call out of the frequent path
    fn plan_with_ticks(
        &mut self,
        index: u32,
        now: Time,
        clock: &Clock,
        luck: Luck,
        queue: &mut Queue,
    ) {
        self.plan::<true>(index, now, clock, luck, queue);
    }

    /// Makes sure that there is a wake-up in time.
    #[inline(always)]
    fn plan<const TICKS: bool>(
        &mut self,
        index: u32,
        now: Time,
        clock: &Clock,
        luck: Luck,
        queue: &mut Queue,
    ) {
        if self.wake == Time::NEVER {
            self.wake = self.deadline::<TICKS>(index, now, clock, luck);
            queue.push_timer(self.wake, self.seq, Due::Timer(index));
        } else {
            self.ensure_wake::<TICKS>(index, now, clock, queue);
        }
    }

    pub(super) fn disarm(&mut self) {
        self.armed = false;
        self.touched += 1;
    }

    /// Changes whenever the timer is armed or disarmed.
    pub(super) fn touched(&self) -> u64 {
        self.touched
    }

    /// The clock or the random draws changed: queues a wake-up at the earliest time when it may now
    /// expire.
    pub(super) fn look_again(&mut self, index: u32, now: Time, clock: &Clock, queue: &mut Queue) {
        if self.armed {
            self.ensure_wake::<true>(index, now, clock, queue);
        }
    }

    /// Draws its timeout anew from another seed, conditional on not having expired yet.
    pub(super) fn redrawn(&mut self, index: u32, now: Time, clock: &Clock, queue: &mut Queue) {
        let waited = clock.least_wait(self.since, now);
        self.delay.min = waited.clamp(self.delay.min, self.delay.max);
        self.look_again(index, now, clock, queue);
    }

    #[inline(always)]
    fn ensure_wake<const TICKS: bool>(
        &mut self,
        index: u32,
        now: Time,
        clock: &Clock,
        queue: &mut Queue,
    ) {
        let earliest = self.rings::<TICKS>(self.delay.min, clock, now);
        if earliest < self.wake {
            self.wake = earliest;
            queue.push_timer(earliest, self.seq, Due::Timer(index));
        }
    }

    /// A wake-up came due: returns whether the timer has expired.
    pub(super) fn look(
        &mut self,
        index: u32,
        event: (Time, u64),
        clock: &Clock,
        luck: Luck,
        queue: &mut Queue,
    ) -> bool {
        let (now, seq) = event;
        if now != self.wake {
            return false;
        }
        self.wake = Time::NEVER;
        if !self.armed {
            return false;
        }
        let deadline = if clock.has_ticks() {
            self.next_look_with_ticks(index, now, clock, luck)
        } else {
            self.next_look::<false>(index, now, clock, luck)
        };
        if (deadline, self.seq) == (now, seq) {
            self.armed = false;
            return true;
        }
        self.wake = deadline;
        queue.push_timer(deadline, self.seq, Due::Timer(index));
        false
    }

    #[cold]
    #[inline(never)] // as above
    fn next_look_with_ticks(&self, index: u32, now: Time, clock: &Clock, luck: Luck) -> Time {
        self.next_look::<true>(index, now, clock, luck)
    }

    /// The deadline, or a time before it that is later than now.
    #[inline(always)]
    fn next_look<const TICKS: bool>(
        &self,
        index: u32,
        now: Time,
        clock: &Clock,
        luck: Luck,
    ) -> Time {
        let earliest = self.rings::<TICKS>(self.delay.min, clock, now);
        if earliest > now { earliest } else { self.deadline::<TICKS>(index, now, clock, luck) }
    }

    #[inline(always)]
    fn deadline<const TICKS: bool>(
        &self,
        index: u32,
        now: Time,
        clock: &Clock,
        luck: Luck,
    ) -> Time {
        let spread = self.delay.max.0.saturating_sub(self.delay.min.0);
        let draw = luck.draw(Purpose::Timer, u64::from(index), self.ordinal);
        self.rings::<TICKS>(Span(self.delay.min.0 + below(draw, spread)), clock, now)
    }

    /// When it expires after a wait of this length; `TICKS` may be false if the clock has none.
    #[inline(always)]
    fn rings<const TICKS: bool>(&self, wait: Span, clock: &Clock, now: Time) -> Time {
        let local = if TICKS { clock.rings(self.since, wait) } else { self.since + wait };
        clock.world(local, now)
    }

    /// When it expires, if it is armed.
    #[inline(never)] // rare
    pub(super) fn runs_out(
        &self,
        index: u32,
        now: Time,
        clock: &Clock,
        luck: Luck,
    ) -> Option<Time> {
        self.armed.then(|| self.deadline::<true>(index, now, clock, luck))
    }
}
