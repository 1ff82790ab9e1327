//! The length of tests that find more the longer they run.
//!
//! `make test` plays a slice of each; `make soak` multiplies every slice by `RAFTLAB_SOAK` and runs
//! these tests alone. What it runs is found by name: a soak test has `soak` in its name.

/// The number of runs to play: `slice` in `make test`, `slice * RAFTLAB_SOAK` in `make soak`.
///
/// # Panics
/// If `RAFTLAB_SOAK` is set and is not a positive integer.
pub fn runs(slice: u64) -> u64 {
    let factor = match std::env::var("RAFTLAB_SOAK") {
        Ok(given) => match given.parse() {
            Ok(factor) if factor >= 1 => factor,
            _ => panic!("RAFTLAB_SOAK is {given:?}: it takes a positive integer"),
        },
        Err(_) => 1,
    };
    slice * factor
}
