//! A value that one place uses at a time, and long looks at it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

use pyo3::prelude::*;

use super::convert::BusyError;
use super::gateway::wait_for;

/// Used from one place at a time: by a call that drives it, or by one that looks at it.
///
/// A long look happens in a thread of its own. One that Ctrl-C ended is finished unseen, and the next use of the
/// value waits for that.
pub(super) struct Shared<T> {
    value: Arc<Mutex<T>>,
    /// Alive as long as a look goes on whose result nobody waits for.
    left: Mutex<Weak<()>>,
}

/// How often it is asked whether a look that was left is over.
const ASK_EVERY: Duration = Duration::from_millis(1);

impl<T: Send + 'static> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value: Arc::new(Mutex::new(value)), left: Mutex::default() }
    }

    /// The value, to be used now; an error if another call uses it.
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

    /// The value if nobody uses it.
    pub(super) fn free(&self) -> Option<MutexGuard<'_, T>> {
        try_lock(&self.value)
    }

    /// What a look comes to; one that `is_long` while Ctrl-C is listened for.
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
