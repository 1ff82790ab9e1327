//! A value with exclusive access, and interruptible reads of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use pyo3::prelude::*;

use super::convert::BusyError;
use super::gateway::wait_for;

/// A value that one call uses at a time, to change or to read it.
///
/// A long read runs in a separate thread. If Ctrl-C interrupts the wait for it, the thread still
/// finishes, and the next use of the value waits for it. A large value is freed in a separate
/// thread: Ctrl-C and `del` do not wait for the memory of a long run.
pub(super) struct Shared<T: Send + 'static> {
    /// Taken when it is dropped.
    value: Option<Arc<Mutex<T>>>,
    is_large: fn(&T) -> bool,
    /// The number of long reads that have not finished, abandoned ones included.
    reads: Arc<AtomicUsize>,
}

/// Counts a long read from before it takes the value until after it has left it.
struct Reading(Arc<AtomicUsize>);

impl Reading {
    fn of(reads: &Arc<AtomicUsize>) -> Self {
        reads.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(reads))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The time between checks whether an abandoned read has finished.
const ASK_EVERY: Duration = Duration::from_millis(1);

impl<T: Send + 'static> Shared<T> {
    pub(super) fn new(value: T, is_large: fn(&T) -> bool) -> Self {
        Self { value: Some(Arc::new(Mutex::new(value))), is_large, reads: Arc::default() }
    }

    fn value(&self) -> &Arc<Mutex<T>> {
        self.value.as_ref().expect("it is there until it is dropped")
    }

    /// Exclusive access to the value; an error if another call uses it.
    pub(super) fn lock(&self) -> PyResult<MutexGuard<'_, T>> {
        loop {
            // Counted first: a read that ends in between leaves the value before the count.
            let reads = self.reads.load(Ordering::SeqCst) > 0;
            match try_lock(self.value()) {
                Some(guard) => return Ok(guard),
                None if reads => Python::attach(|py| {
                    py.detach(|| std::thread::sleep(ASK_EVERY));
                    py.check_signals()
                })?,
                None => return Err(busy()),
            }
        }
    }

    /// Exclusive access to the value, if no other call uses it.
    pub(super) fn free(&self) -> Option<MutexGuard<'_, T>> {
        try_lock(self.value())
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
        let (value, reading) = (Arc::clone(self.value()), Reading::of(&self.reads));
        wait_for(py, move || {
            let looked = try_lock(&value).map(|guard| look(&guard));
            drop(reading);
            looked.ok_or_else(busy)
        })?
    }
}

impl<T: Send + 'static> Drop for Shared<T> {
    fn drop(&mut self) {
        let is_large = self.free().is_none_or(|value| (self.is_large)(&value));
        if let Some(value) = self.value.take_if(|_| is_large) {
            // If there can be no thread, the value is freed here.
            drop(std::thread::Builder::new().spawn(move || drop(value)));
        }
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
