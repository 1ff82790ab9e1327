//! The gateway: long work runs detached from the interpreter, in slices, and between slices Python may
//! interrupt it.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Events in a slice: a few milliseconds of work.
pub(super) const SLICE: u64 = 10_000;

/// How often signals are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Calls `work` until it returns something, detached, and checks for signals in between. When Ctrl-C comes
/// the work stops between two slices, with everything in order.
pub(super) fn drive<T: Send>(
    py: Python<'_>,
    mut work: impl FnMut() -> Option<T> + Send,
) -> PyResult<T> {
    py.detach(|| {
        let mut looked = Instant::now();
        loop {
            if let Some(result) = work() {
                return Ok(result);
            }
            if looked.elapsed() >= LOOK_EVERY {
                Python::attach(|py: Python<'_>| Python::check_signals(py))?;
                looked = Instant::now();
            }
        }
    })
}
