//! A value with exclusive access, and interruptible reads of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

use pyo3::prelude::*;

use super::convert::BusyError;
use super::gateway::wait_for;

/// A value that one call uses at a time, to change or to read it.
///
/// A long read runs in a separate thread. If Ctrl-C interrupts the wait for it, the thread still
/// finishes, and the next use of the value waits for it.
pub(super) struct Shared<T> {
    value: Arc<Mutex<T>>,
    /// Alive while an abandoned read is still running.
    left: Mutex<Weak<()>>,
}

/// The time between checks whether an abandoned read has finished.
const ASK_EVERY: Duration = Duration::from_millis(1);

impl<T: Send + 'static> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value: Arc::new(Mutex::new(value)), left: Mutex::default() }
    }

    /// Exclusive access to the value; an error if another call uses it.
    pub(super) fn lock(&self) -> PyResult<MutexGuard<'_, T>> {
        loop {
            match try_lock(&self.value) {
                Some(guard) => return Ok(guard),
                None if self.left().strong_count() > 0 => Python::attach(|py| {
                    py.detach(|| std::thread::sleep(ASK_EVERY));
                    py.check_signals()
                })?,
                None => return Err(busy()),
            }
        }
    }

    /// Exclusive access to the value, if no other call uses it.
    pub(super) fn free(&self) -> Option<MutexGuard<'_, T>> {
        try_lock(&self.value)
    }

    /// The result of a read; Ctrl-C can interrupt one that `is_long`.
    pub(super) fn look<R: Send + 'static>(
        &self,
        py: Python<'_>,
        is_long: impl FnOnce(&T) -> bool,
        look: impl FnOnce(&T) -> R + Send + 'static,
    ) -> PyResult<R> {
        let guard = self.lock()?;
        if !is_long(&guard) {
            return Ok(look(&guard));
        }
        drop(guard);
        let (value, goes_on) = (Arc::clone(&self.value), Arc::new(()));
        *self.left() = Arc::downgrade(&goes_on);
        wait_for(py, move || {
            let looked = try_lock(&value).map(|guard| look(&guard));
            drop(goes_on);
            looked.ok_or_else(busy)
        })?
    }

    fn left(&self) -> MutexGuard<'_, Weak<()>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn try_lock<T>(value: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match value.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

fn busy() -> PyErr {
    BusyError::new_err(
        "the cluster is running: it cannot be used from inside an interceptor or from another \
         thread before the call comes back",
    )
}
