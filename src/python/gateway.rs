//! The gateway: long work runs detached from the interpreter, in slices, and between slices Python
//! may interrupt it.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::convert::invalid;
use crate::experiment::pace::Pace;

/// The time between checks for signals.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Calls `work` with a number of events until it returns a result, detached from the interpreter,
/// and checks for signals in between. On Ctrl-C, or an error of the work, it stops between two
/// slices, in a consistent state.
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

/// Runs work that has no slices in a separate thread, detached from the interpreter, and checks for
/// signals meanwhile. On Ctrl-C it returns without waiting for the work, whose result is then
/// dropped.
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

/// Checks for signals from time to time, in work that holds the interpreter.
pub(super) struct Attention {
    since: Instant,
    count: u32,
}

impl Attention {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), count: 0 }
    }

    /// Called once per item; an error if Ctrl-C was pressed.
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
