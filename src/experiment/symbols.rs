//! The texts of keys and values, which the protocol handles as numbers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clone::clone_by_field;
use crate::replica::{Key, Texts, Value, Wire};

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
    /// The number of load generators' keys k0, k1, ...: they have the first numbers, and are not
    /// stored.
    load_keys: u32,
    keys: Table,
    values: Table,
}

clone_by_field!([] Symbols { load_keys, keys, values });

impl Symbols {
    /// A table that begins with the keys of load generators, k0, k1, ...
    pub fn with_load_keys(count: u32) -> Self {
        Self { load_keys: count, ..Self::default() }
    }

    /// The number of a load generator's key.
    fn load_key(&self, text: &str) -> Option<u32> {
        let digits = text.strip_prefix('k')?;
        let number: u32 = digits.parse().ok().filter(|number| *number < self.load_keys)?;
        (number.to_string() == digits).then_some(number) // neither k01 nor k+1
    }

    /// All keys and all values that are texts, in the order of their numbers.
    pub fn texts(&self) -> (Vec<String>, Vec<String>) {
        (self.keys.texts.clone(), self.values.texts.clone())
    }

    /// Adds these texts, in order; known ones keep their numbers.
    pub fn add(&mut self, keys: &[String], values: &[String]) {
        keys.iter().for_each(|key| {
            self.keys.number(key);
        });
        values.iter().for_each(|value| {
            self.values.number(value);
        });
    }

    /// The key with this name.
    pub fn key(&mut self, text: &str) -> Key {
        Key(self.load_key(text).unwrap_or_else(|| self.load_keys + self.keys.number(text)))
    }

    /// The key with this name, if it was ever used.
    pub fn known_key(&self, text: &str) -> Option<Key> {
        let named = || self.keys.numbers.get(text).map(|number| self.load_keys + number);
        self.load_key(text).or_else(named).map(Key)
    }

    /// The value with this text. A decimal number below 2^31 represents itself.
    pub fn value(&mut self, text: &str) -> Value {
        match text.parse::<u32>() {
            Ok(number) if number < 1 << 31 && number.to_string() == text => Value::int(number),
            _ => Value::text(self.values.number(text)),
        }
    }

    /// A key's name.
    pub fn key_text(&self, key: Key) -> String {
        let named = key.0.checked_sub(self.load_keys);
        let text = named.and_then(|number| self.keys.texts.get(number as usize));
        text.cloned().unwrap_or_else(|| format!("k{}", key.0))
    }

    /// A value's text.
    pub fn value_text(&self, value: Value) -> String {
        match value.decode() {
            Err(number) => number.to_string(),
            Ok(symbol) => self.values.texts.get(symbol as usize).cloned().unwrap_or_default(),
        }
    }

    /// The items at a key, separated by commas; `None` if it was never set.
    pub fn items_text(&self, items: &[Value]) -> Option<String> {
        let texts: Vec<_> = items.iter().map(|value| self.value_text(*value)).collect();
        (!items.is_empty()).then(|| texts.join(","))
    }
}

/// The table of a cluster, to which interceptors can add while it runs.
#[derive(Debug)]
pub struct SharedSymbols(Arc<Place>);

/// A place that holds a table.
#[derive(Debug)]
struct Place {
    table: Mutex<Arc<Symbols>>,
    /// The address of the table, to compare two places without a lock: both keep their tables
    /// alive.
    address: AtomicPtr<Symbols>,
}

impl SharedSymbols {
    /// The table as it is now.
    pub fn now(&self) -> Arc<Symbols> {
        Arc::clone(&self.lock())
    }

    /// The lengths of texts, to measure messages. It grows with the table.
    pub fn wire(&self) -> Wire {
        let load_keys = self.lock().load_keys;
        Wire::new(load_keys, Arc::clone(&self.0) as Arc<dyn Texts>)
    }

    /// Adds to the table.
    pub fn update<T>(&self, add: impl FnOnce(&mut Symbols) -> T) -> T {
        let mut table = self.lock();
        let own = Arc::make_mut(&mut table);
        self.0.address.store(own, Ordering::Relaxed);
        add(own)
    }

    /// A handle to the same table, for an interceptor of this cluster. (A clone belongs to another
    /// cluster.)
    #[must_use]
    pub fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Symbols>> {
        self.0.lock()
    }

    fn address(&self) -> *mut Symbols {
        self.0.address.load(Ordering::Relaxed)
    }

    #[inline(never)] // it is rare
    fn take_table_of(&self, source: &Self) {
        let theirs = source.now();
        let mut table = self.lock();
        self.0.address.store(Arc::as_ptr(&theirs).cast_mut(), Ordering::Relaxed);
        *table = theirs;
    }
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, Arc<Symbols>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Texts for Place {
    fn key_bytes(&self, key: Key) -> u64 {
        let symbols = self.lock();
        let named = symbols.keys.texts.get((key.0 - symbols.load_keys) as usize);
        named.map_or(0, String::len) as u64
    }

    fn text_bytes(&self, symbol: u32) -> u64 {
        self.lock().values.texts.get(symbol as usize).map_or(0, String::len) as u64
    }
}

impl From<Symbols> for SharedSymbols {
    fn from(symbols: Symbols) -> Self {
        Arc::new(symbols).into()
    }
}

impl From<Arc<Symbols>> for SharedSymbols {
    fn from(symbols: Arc<Symbols>) -> Self {
        let address = AtomicPtr::new(Arc::as_ptr(&symbols).cast_mut());
        Self(Arc::new(Place { table: Mutex::new(symbols), address }))
    }
}

impl Clone for SharedSymbols {
    fn clone(&self) -> Self {
        self.now().into()
    }

    #[inline]
    fn clone_from(&mut self, source: &Self) {
        if self.address() != source.address() {
            self.take_table_of(source);
        }
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
        assert_eq!((symbols.key("k1"), symbols.known_key("k1")), (Key(1), Some(Key(1))));
        for text in ["k01", "k+1", "k2", "k", "K1"] {
            assert_eq!(symbols.known_key(text), None);
            let key = symbols.key(text);
            assert!(key.0 > 2, "{text} is not a key of a load generator");
            assert_eq!(
                (symbols.known_key(text), symbols.key_text(key).as_str()),
                (Some(key), text)
            );
        }
        for text in ["0", "7", "2147483647", "007", "2147483648", "-1", "", "über"] {
            let value = symbols.value(text);
            assert_eq!(symbols.value_text(value), text);
        }
        assert_eq!(symbols.value("7"), Value::int(7));
        assert_ne!(symbols.value("007"), Value::int(7));
    }
}
