//! The gateway: long work runs detached from the interpreter, in slices, and between slices Python may
//! interrupt it.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::convert::invalid;
use crate::experiment::pace::Pace;

/// How often signals are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Calls `work` with a number of events until it returns something, detached, and checks for signals in between.
/// When Ctrl-C comes, or the work says why it cannot go on, it stops between two slices, with everything in order.
pub(super) fn drive<T: Send>(
    py: Python<'_>,
    mut work: impl FnMut(u64) -> Result<Option<T>, String> + Send,
) -> PyResult<T> {
    py.detach(|| {
        let (mut pace, mut looked) = (Pace::default(), Instant::now());
        loop {
            if let Some(result) = work(pace.events()).map_err(invalid)? {
                return Ok(result);
            }
            let now = pace.slice_ends();
            if now - looked >= LOOK_EVERY {
                Python::attach(|py: Python<'_>| Python::check_signals(py))?;
                looked = now;
            }
        }
    })
}

/// Does what has no slices, detached, in a thread of its own, and checks for signals meanwhile. When Ctrl-C comes
/// nobody waits for it any more: what it comes to is dropped when it is ready.
pub(super) fn wait_for<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    py.detach(|| {
        let (hand_in, desk) = channel();
        std::thread::spawn(move || hand_in.send(work()));
        loop {
            match desk.recv_timeout(LOOK_EVERY) {
                Ok(result) => return Ok(result),
                Err(RecvTimeoutError::Timeout) => {
                    Python::attach(|py: Python<'_>| Python::check_signals(py))?;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(invalid("a bug in raftlab: a thread panicked"));
                }
            }
        }
    })
}

/// Looks at signals now and then, in work that holds the interpreter.
pub(super) struct Attention {
    since: Instant,
    count: u32,
}

impl Attention {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), count: 0 }
    }

    /// Called once an item; an error if Ctrl-C came.
    #[inline]
    pub(super) fn look(&mut self, py: Python<'_>) -> PyResult<()> {
        self.count += 1;
        if self.count.is_multiple_of(256) && self.since.elapsed() >= LOOK_EVERY {
            self.since = Instant::now();
            py.check_signals()?;
        }
        Ok(())
    }
}
