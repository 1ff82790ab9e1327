//! Waiting for threads: signals are looked for and progress is told, now and then.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How often.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Who waits, until Ctrl-C comes or the one who is told the progress raises something.
pub(super) struct Patience {
    progress: Option<Py<PyAny>>,
    looked: Instant,
    interrupted: Option<PyErr>,
}

impl Patience {
    /// Tells `progress`, if there is one, how much is done.
    pub(super) fn new(progress: Option<Py<PyAny>>) -> Self {
        Self { progress, looked: Instant::now(), interrupted: None }
    }

    /// So much is done; false if it is time to stop.
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

    /// What interrupted it, if something did.
    pub(super) fn interrupted(self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.interrupted.map(|error| error.into_value(py).into_any())
    }
}
