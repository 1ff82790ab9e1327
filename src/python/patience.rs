//! Waiting for threads: checks for signals and reports progress from time to time.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// The time between two checks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until the work is done, Ctrl-C is pressed or the progress callback raises an exception.
pub(super) struct Patience {
    progress: Option<Py<PyAny>>,
    looked: Instant,
    interrupted: Option<PyErr>,
}

impl Patience {
    /// With a progress callback, which is called with the amount of work done.
    pub(super) fn new(progress: Option<Py<PyAny>>) -> Self {
        Self { progress, looked: Instant::now(), interrupted: None }
    }

    /// Reports the amount of work done; false if the work should stop.
    pub(super) fn look(&mut self, done: u64) -> bool {
        if self.interrupted.is_none() && self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            let looked = Python::attach(|py| {
                py.check_signals()?;
                let tell = |progress: &Py<PyAny>| progress.call1(py, (done,)).map(|_| ());
                self.progress.as_ref().map_or(Ok(()), tell)
            });
            self.interrupted = looked.err();
        }
        self.interrupted.is_none()
    }

    /// The exception that interrupted it, if any.
    pub(super) fn interrupted(self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.interrupted.map(|error| error.into_value(py).into_any())
    }
}
