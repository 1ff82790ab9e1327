//! Threads that share work, supervised by their caller.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Runs `work` on a number of threads, and returns their results in the order in which they finish.
/// Until then it calls `look` from time to time, on the caller's thread.
pub(super) fn crew<T: Send>(
    threads: u64,
    work: impl Fn() -> T + Sync,
    mut look: impl FnMut(),
) -> Vec<T> {
    let work = &work;
    // If a worker panics, the scope panics when it ends: that is a bug in raftlab.
    std::thread::scope(|scope| {
        let (hand_in, desk) = channel();
        for _ in 0..threads {
            let hand_in = hand_in.clone();
            scope.spawn(move || hand_in.send(work()));
        }
        drop(hand_in);
        let mut done = Vec::new();
        loop {
            look();
            match desk.recv_timeout(LOOK_EVERY) {
                Ok(result) => done.push(result),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return done,
            }
        }
    })
}

const LOOK_EVERY: Duration = Duration::from_millis(5);
