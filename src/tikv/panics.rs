//! Panics of the crate, in states and for messages that it does not allow, as when a disk was lost.
//! A process in production would abort; here the node halts.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use crate::reasons;

/// A panic of the crate.
#[derive(Clone, Debug)]
pub(super) struct Panic {
    /// Its message.
    pub(super) text: Arc<str>,
    /// Why the node halts.
    pub(super) reason: &'static str,
}

thread_local! {
    /// Whether this thread runs code of the crate, whose panics are not printed.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Calls the crate. After a panic the state that it was called with is not to be used.
#[inline]
pub(super) fn catch<T>(call: impl FnOnce() -> T) -> Result<T, Panic> {
    static QUIET: Once = Once::new();
    QUIET.call_once(be_quiet_inside);
    INSIDE.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    INSIDE.set(false);
    result.map_err(|payload| Panic { text: text(&*payload).into(), reason: reasons::PANICKED })
}

/// The hook would print every panic; those outside the crate are printed as before.
fn be_quiet_inside() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !INSIDE.get() {
            hook(info);
        }
    }));
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
