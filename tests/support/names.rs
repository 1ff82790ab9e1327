//! How scripts and transcripts name things.

use raftlab::protocol::NodeId;
use raftlab::replica::{Key, Value};

/// `A`, `B`, `C` …
pub fn name(id: NodeId) -> char {
    char::from(b'A' + id.0)
}

/// A key by its letter: `x`, `y`, `z`, `a`, `b` …
pub fn key(letter: u8) -> Key {
    Key(u32::from(letter - b'a' + 3) % 26)
}

/// The letter of a key.
pub fn letter(key: Key) -> char {
    char::from(b'a' + ((key.0 + 23) % 26) as u8)
}

/// Values of scripts are integers.
pub fn int(value: Value) -> u32 {
    value.decode().unwrap_or_else(|number| number)
}

/// The items at a key: `[1, 2]`.
pub fn items(values: &[Value]) -> String {
    format!("{:?}", values.iter().copied().map(int).collect::<Vec<_>>())
}
