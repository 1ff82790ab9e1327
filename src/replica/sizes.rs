//! The lengths of messages on the wire, which would carry the texts that the protocol's numbers
//! stand for.

use std::fmt;
use std::sync::Arc;

use super::machine::Machine;
use super::types::{Entry, Key, Op, Output, Value};

/// An entry without its key and its value: term, operation and session.
const ENTRY: u64 = 24;
/// The length prefix of a text in a snapshot.
const LENGTH: u64 = 8;
/// A configuration.
const CONFIG: u64 = 12;
/// A remembered answer of a session.
const ANSWER: u64 = 24;

/// Provides the lengths of the texts of keys and values, in bytes.
pub trait Texts: fmt::Debug + Send + Sync {
    /// The length of a key's text.
    fn key_bytes(&self, key: Key) -> u64;
    /// The length of a value's text.
    fn text_bytes(&self, symbol: u32) -> u64;
}

/// Lets an observer measure messages: the table of texts of its cluster.
#[derive(Clone, Debug)]
pub struct Wire {
    /// Keys below this are those of load generators, k0, k1, ...
    load_keys: u32,
    texts: Option<Arc<dyn Texts>>,
}

impl Default for Wire {
    /// For clusters without texts: all keys are numbers.
    fn default() -> Self {
        Self { load_keys: u32::MAX, texts: None }
    }
}

impl Wire {
    /// With this many keys of load generators, and a table of the other texts.
    pub fn new(load_keys: u32, texts: Arc<dyn Texts>) -> Self {
        Self { load_keys, texts: Some(texts) }
    }

    #[inline]
    fn key(&self, key: Key) -> u64 {
        if key.0 < self.load_keys {
            return 1 + digits(key.0);
        }
        self.texts.as_ref().map_or_else(|| 1 + digits(key.0), |texts| texts.key_bytes(key))
    }

    #[inline]
    fn value(&self, value: Value) -> u64 {
        match (value.decode(), &self.texts) {
            (Err(number), _) => digits(number),
            (Ok(symbol), Some(texts)) => texts.text_bytes(symbol),
            (Ok(_), None) => 0,
        }
    }

    /// The length of an operation's key and values.
    #[inline]
    pub fn op(&self, op: Op) -> u64 {
        match op {
            // What load generators write: nothing is looked up.
            Op::Put { key, value } if key.0 < self.load_keys && value.decode().is_err() => {
                self.key(key) + self.value(value)
            }
            op => self.any_op(op),
        }
    }

    #[inline(never)] // rare: the callers would save registers for its look-ups
    fn any_op(&self, op: Op) -> u64 {
        match op {
            Op::Noop => 0,
            Op::Config(_) => CONFIG,
            Op::Put { key, value } | Op::Append { key, value } => self.key(key) + self.value(value),
            Op::Get { key } => self.key(key),
            Op::Cas { key, expected, value } => {
                self.key(key) + self.value(expected) + self.value(value)
            }
        }
    }

    fn items(&self, items: &[Value]) -> u64 {
        items.iter().map(|item| LENGTH + self.value(*item)).sum()
    }

    /// The length of an entry.
    #[inline]
    pub fn entry(&self, entry: &Entry) -> u64 {
        ENTRY + self.op(entry.command.op)
    }

    /// The length of some entries.
    #[inline(never)] // as above
    pub fn entries(&self, entries: &[Entry]) -> u64 {
        entries.iter().map(|entry| self.entry(entry)).sum()
    }

    /// The length of a store.
    #[inline(never)] // as above
    pub fn machine(&self, machine: &Machine) -> u64 {
        let cells = machine.contents();
        let store: u64 =
            cells.map(|(key, items)| LENGTH + self.key(key) + self.items(&items)).sum();
        let answers = machine.answers().map(|answer| match answer {
            Output::Read { items, .. } => ANSWER + self.items(items),
            Output::Written { .. } | Output::Done => ANSWER,
        });
        store + answers.sum::<u64>()
    }
}

/// The number of decimal digits of a number.
#[inline]
fn digits(number: u32) -> u64 {
    (u64::from(number) + DIGITS[(number | 1).ilog2() as usize]) >> 32
}

/// By the position of a number's highest bit: the digits that it has, in the upper half, less the
/// power of ten at which one more is reached, if numbers with that bit reach one.
const DIGITS: [u64; 32] = {
    let mut table = [0; 32];
    let (mut bit, mut ten, mut digits) = (0, 10, 1);
    while bit < 32 {
        while ten <= 1 << bit {
            ten *= 10;
            digits += 1;
        }
        let reached = ten < 2 << bit;
        table[bit] = if reached { ((digits + 1) << 32) - ten } else { digits << 32 };
        bit += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::Command;

    #[derive(Debug)]
    struct Hundreds;

    impl Texts for Hundreds {
        fn key_bytes(&self, key: Key) -> u64 {
            100 + u64::from(key.0)
        }

        fn text_bytes(&self, symbol: u32) -> u64 {
            200 + u64::from(symbol)
        }
    }

    fn size(ops: &[Op]) -> u64 {
        let wire = Wire::new(12, Arc::new(Hundreds));
        let entry = |op: &Op| Entry { command: Command::plain(*op), ..Entry::default() };
        wire.entries(&ops.iter().map(entry).collect::<Vec<_>>())
    }

    #[test]
    fn an_entry_weighs_what_its_texts_do() {
        let (load, named) = (Key(11), Key(12));
        let (number, text) = (Value::int(1_234), Value::text(5));
        for (op, bytes) in [
            (Op::Noop, 0),
            (Op::Get { key: load }, 3),
            (Op::Get { key: Key(0) }, 2),
            (Op::Get { key: named }, 112),
            (Op::Put { key: load, value: number }, 3 + 4),
            (Op::Put { key: load, value: Value::int(0) }, 3 + 1),
            (Op::Put { key: load, value: Value::int(u32::MAX) }, 3 + 10),
            (Op::Append { key: named, value: text }, 112 + 205),
            (Op::Cas { key: load, expected: text, value: number }, 3 + 205 + 4),
        ] {
            assert_eq!(size(&[op]), 24 + bytes, "{op:?}");
            assert_eq!(size(&[op, op, Op::Noop]), 72 + 2 * bytes, "{op:?}");
        }
        assert_eq!(size(&[]), 0);
    }

    #[test]
    fn digits_are_those_of_the_text() {
        let powers = (0..10).map(|exponent| 10u32.pow(exponent));
        let around = powers.flat_map(|ten| [ten - 1, ten, ten + 1]);
        for number in around.chain((0..32).map(|bit| 1 << bit)).chain([u32::MAX, u32::MAX / 3]) {
            assert_eq!(digits(number), number.to_string().len() as u64, "{number}");
        }
    }

    #[test]
    fn a_snapshot_weighs_its_items_and_what_sessions_remember() {
        let wire = Wire::new(12, Arc::new(Hundreds));
        let mut machine = Machine::default();
        assert_eq!(wire.machine(&machine), 0);
        machine.set(Key(3), &[Value::int(7), Value::text(1)]);
        machine.set(Key(12), &[Value::int(77)]);
        assert_eq!(wire.machine(&machine), (8 + 2 + 8 + 1 + 8 + 201) + (8 + 112 + 8 + 2));
        let before = wire.machine(&machine);
        machine.remember(1, 0, &[1, 2], &Output::Done);
        let read = Output::Read { index: 1, hash: 2, items: vec![Value::text(3)] };
        machine.remember(2, 0, &[1], &read);
        assert_eq!(wire.machine(&machine) - before, 3 * 24 + 8 + 203);
    }
}
