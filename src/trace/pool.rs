//! Memory that dropped tables leave behind, for the next ones.
//!
//! The first touch of a page costs more than all the rows on it: the kernel has to find, clear and map
//! it. A trace of a hundred megabytes is written in half the time where an earlier one was. What a
//! chunk held before is forgotten, so that no run can tell.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most chunks of one table that are kept: together about 330 MB, if traces of every kind were that long.
const SPARE_CHUNKS: usize = 16;

/// Spare columns of a table, all empty and with room for a full chunk.
#[derive(Debug)]
pub struct Pool<C>(Mutex<Vec<C>>);

impl<C> Pool<C> {
    /// Nothing to spare.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Columns to use again, if there are any to spare.
    pub fn take(&self) -> Option<C> {
        self.lock().pop()
    }

    /// Keeps columns, unless there are enough of them.
    pub fn offer(&self, columns: impl FnOnce() -> C) {
        let mut spare = self.lock();
        if spare.len() < SPARE_CHUNKS {
            spare.push(columns());
        }
    }

    /// Whoever panicked with the lock left the list whole.
    fn lock(&self) -> MutexGuard<'_, Vec<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
