//! Fingerprints of states. Equal states have equal fingerprints, however they were reached; a
//! digest ([`crate::sim::Digest`]) is about a history instead.

use std::hash::{Hash, Hasher};

use crate::protocol::LocalTime;
use crate::replica::types::fold;

/// Folds the parts of a state into a word. Times count from now: a state that comes again later is
/// the same state.
#[derive(Debug)]
pub struct StateHash {
    now: LocalTime,
    word: u64,
}

impl StateHash {
    /// For a state at a time on the clock of its node.
    pub fn at(now: LocalTime) -> Self {
        Self { now, word: 0 }
    }

    /// Adds a value without times.
    pub fn add(&mut self, value: impl Hash) {
        value.hash(self);
    }

    /// Adds a time in the past, or one that may never have come.
    pub fn past(&mut self, time: impl Into<Option<LocalTime>>) {
        let time: Option<LocalTime> = time.into();
        self.add(time.map(|time| self.now.since(time)));
    }

    /// Adds a time until which something lasts; one that is over is none.
    pub fn until(&mut self, time: LocalTime) {
        self.add(time.since(self.now));
    }
}

impl Hasher for StateHash {
    fn finish(&self) -> u64 {
        self.word
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.word = fold(self.word, number);
    }

    fn write_u128(&mut self, number: u128) {
        self.write_u64(number as u64);
        self.write_u64((number >> 64) as u64);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }
}
