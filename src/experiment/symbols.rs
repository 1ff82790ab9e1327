//! The texts behind keys and values: the protocol moves numbers, people read words.

use std::collections::BTreeMap;

use crate::clone::clone_by_field;
use crate::raft::{Key, Value};

/// A table of names that only grows.
#[derive(Clone, Debug, Default)]
struct Table {
    texts: Vec<String>,
    numbers: BTreeMap<String, u32>,
}

impl Table {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }
}

/// The keys and values of one run.
#[derive(Debug, Default)]
pub struct Symbols {
    keys: Table,
    values: Table,
}

clone_by_field!([] Symbols { keys, values });

impl Symbols {
    /// With the keys of load generators, k0, k1 and so on, in front.
    pub fn with_load_keys(count: u32) -> Self {
        let mut symbols = Self::default();
        for i in 0..count {
            symbols.keys.number(&format!("k{i}"));
        }
        symbols
    }

    /// The key with this name.
    pub fn key(&mut self, text: &str) -> Key {
        Key(self.keys.number(text))
    }

    /// The key with this name, if it was ever used.
    pub fn known_key(&self, text: &str) -> Option<Key> {
        self.keys.numbers.get(text).map(|number| Key(*number))
    }

    /// The value with this text. A number below 2^31 in its usual form stands for itself.
    pub fn value(&mut self, text: &str) -> Value {
        match text.parse::<u32>() {
            Ok(number) if number < 1 << 31 && number.to_string() == text => Value::int(number),
            _ => Value::text(self.values.number(text)),
        }
    }

    /// A key's name.
    pub fn key_text(&self, key: Key) -> String {
        self.keys.texts.get(key.0 as usize).cloned().unwrap_or_else(|| format!("k{}", key.0))
    }

    /// A value's text.
    pub fn value_text(&self, value: Value) -> String {
        match value.decode() {
            Err(number) => number.to_string(),
            Ok(symbol) => self.values.texts.get(symbol as usize).cloned().unwrap_or_default(),
        }
    }

    /// The items at a key: nothing if it was never set, else joined by commas.
    pub fn items_text(&self, items: &[Value]) -> Option<String> {
        let texts: Vec<_> = items.iter().map(|value| self.value_text(*value)).collect();
        (!items.is_empty()).then(|| texts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_come_back() {
        let mut symbols = Symbols::with_load_keys(2);
        assert_eq!(symbols.key_text(Key(1)), "k1");
        let x = symbols.key("x");
        assert_eq!((x, symbols.key("x"), symbols.key_text(x)), (Key(2), Key(2), "x".to_string()));
        for text in ["0", "7", "2147483647", "007", "2147483648", "-1", "", "über"] {
            let value = symbols.value(text);
            assert_eq!(symbols.value_text(value), text);
        }
        assert_eq!(symbols.value("7"), Value::int(7));
        assert_ne!(symbols.value("007"), Value::int(7));
    }
}
