//! The replicated state machine: a key-value store with client sessions (paper §8,
//! diss. §6.3). A key holds a list of items; `put` replaces it by one item, `append` adds one.

use std::hash::{Hash, Hasher};

use super::types::{Command, Key, Op, Output, Value, fold};
use crate::clone::clone_by_field;

/// A node's copy of the store.
#[derive(Debug, Default)]
pub struct Machine {
    /// The cells of [`PAGE`] keys each, so that a key among a million does not need room for all
    /// keys below it: the first write took 20 ms.
    pages: Vec<Vec<Cell>>,
    cells: usize,
    sessions: Vec<SessionState>,
    /// Whether it was altered, so that it is not what the log leads to.
    altered: bool,
}

clone_by_field!([] Machine { pages, sessions } copied { cells, altered });

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { pages, cells, sessions, altered } = self;
        (pages, cells, sessions).hash(state);
        if *altered {
            altered.hash(state);
        }
    }
}

const PAGE: usize = 256;

/// The items at a key. The first is stored separately, so that a key with one item needs no
/// allocation.
#[derive(Clone, Debug, Default, Hash, PartialEq)]
struct Cell {
    first: Option<Value>,
    rest: Vec<Value>,
}

/// A client's session: the answers to commands that it may still retry.
#[derive(Clone, Debug, Default, Hash)]
struct SessionState {
    low: u32,
    answered: Vec<(u32, Output)>,
}

/// The result of applying a command.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The answer to the client.
    pub output: Output,
    /// True if the command was applied to the store; false if the session remembered the answer.
    pub fresh: bool,
}

impl Machine {
    /// Applies the command of an entry; `hash` is that of the log up to the entry. With `dedup` a
    /// command that its session has seen is answered from the session.
    pub fn apply(
        &mut self,
        index: u64,
        term: u64,
        hash: u64,
        command: &Command,
        dedup: bool,
    ) -> Applied {
        let session = command.session;
        if session.client == 0 {
            return Applied { output: self.execute(index, term, hash, command.op), fresh: true };
        }
        let at = session.client as usize;
        if self.sessions.len() <= at {
            self.sessions.resize_with(at + 1, SessionState::default);
        }
        if dedup {
            let known = &mut self.sessions[at];
            known.low = known.low.max(session.low);
            known.answered.retain(|(seq, _)| *seq >= known.low);
            if let Some((_, output)) = known.answered.iter().find(|(seq, _)| *seq == session.seq) {
                return Applied { output: output.clone(), fresh: false };
            }
            if session.seq < known.low {
                // The client has received and discarded the answer: this is a late duplicate.
                let output = Output::Written { index, term, applied: false };
                return Applied { output, fresh: false };
            }
        }
        let output = self.execute(index, term, hash, command.op);
        self.sessions[at].answered.push((session.seq, output.clone()));
        Applied { output, fresh: true }
    }

    /// Applies a command without a session whose answer no client waits for.
    #[inline]
    pub fn apply_quietly(&mut self, op: Op) {
        match op {
            Op::Noop | Op::Get { .. } | Op::Config(_) => {}
            Op::Put { key, value } => self.cell(key).put(value),
            Op::Cas { key, expected, value } => {
                self.cell(key).cas(expected, value);
            }
            Op::Append { key, value } => self.cell(key).append(value),
        }
    }

    /// The answers that sessions remember.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &Output> {
        self.sessions.iter().flat_map(|session| session.answered.iter().map(|(_, output)| output))
    }

    /// True if it holds no keys and no sessions.
    pub(crate) fn is_empty(&self) -> bool {
        self.pages.is_empty() && self.sessions.is_empty()
    }

    /// The number of cells for keys.
    pub(crate) fn keys(&self) -> usize {
        self.cells
    }

    /// Replaces the first value of the first key that has one; false if no key has one.
    pub(crate) fn alter(&mut self, another: impl Fn(Value) -> Value) -> bool {
        let mut cells = self.pages.iter_mut().flatten();
        let Some(value) = cells.find_map(|cell| cell.first.as_mut()) else { return false };
        *value = another(*value);
        self.altered = true;
        true
    }

    /// It is not what the log leads to.
    pub(crate) fn leaves_the_log(&mut self) {
        self.altered = true;
    }

    /// Whether it was altered, so that it is not what the log leads to.
    pub fn is_altered(&self) -> bool {
        self.altered
    }

    /// The hash of the history that reads show, if that of the log is `hash`.
    #[inline]
    pub(crate) fn history(&self, hash: u64) -> u64 {
        if self.altered { !hash } else { hash }
    }

    /// Removes the sessions.
    pub(crate) fn forget_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Empties the store.
    pub(crate) fn forget(&mut self) {
        (self.cells, self.altered) = (0, false);
        self.pages.clear();
        self.sessions.clear();
    }

    /// The items at a key.
    pub fn read(&self, key: Key) -> Vec<Value> {
        let (page, at) = (key.0 as usize / PAGE, key.0 as usize % PAGE);
        self.pages.get(page).and_then(|page| page.get(at)).map_or_else(Vec::new, Cell::items)
    }

    /// All keys that were ever set, with their items.
    pub fn contents(&self) -> impl Iterator<Item = (Key, Vec<Value>)> {
        let cells =
            (0..).step_by(PAGE).zip(&self.pages).flat_map(|(first, page)| (first..).zip(page));
        let set = cells.filter(|(_, cell)| cell.first.is_some());
        set.map(|(key, cell)| (Key(key), cell.items()))
    }

    /// For each client with a session: the client, the serial number below which it has every
    /// answer, and the serial numbers that were applied.
    pub fn sessions(&self) -> impl Iterator<Item = (u32, u32, Vec<u32>)> {
        let used = |state: &SessionState| state.low > 0 || !state.answered.is_empty();
        let told = |state: &SessionState| state.answered.iter().map(|(seq, _)| *seq).collect();
        let sessions = (0..).zip(&self.sessions).filter(move |(_, state)| used(state));
        sessions.map(move |(client, state)| (client, state.low, told(state)))
    }

    /// Sets a session as in a forged snapshot: all applied commands have the same answer.
    pub(crate) fn remember(&mut self, client: u32, low: u32, applied: &[u32], answer: &Output) {
        let at = client as usize;
        if self.sessions.len() <= at {
            self.sessions.resize_with(at + 1, SessionState::default);
        }
        let answered = applied.iter().map(|seq| (*seq, answer.clone())).collect();
        self.sessions[at] = SessionState { low, answered };
    }

    /// Sets the items at a key, as in a forged snapshot.
    pub(crate) fn set(&mut self, key: Key, items: &[Value]) {
        if let [first, rest @ ..] = items {
            *self.cell(key) = Cell { first: Some(*first), rest: rest.to_vec() };
        }
    }

    /// Its contents, folded into a word.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut word = 0;
        for (key, items) in self.contents() {
            word = items.iter().fold(fold(word, u64::from(key.0)), |w, v| fold(w, v.0.into()));
        }
        for (client, low, applied) in self.sessions() {
            word = fold(word, u64::from(client) << 32 | u64::from(low));
            word = applied.iter().fold(word, |w, seq| fold(w, u64::from(*seq)));
        }
        word
    }

    fn execute(&mut self, index: u64, term: u64, hash: u64, op: Op) -> Output {
        let applied = match op {
            Op::Get { key } => {
                let (hash, items) = (self.history(hash), self.read(key));
                return Output::Read { index, hash, items };
            }
            Op::Cas { key, expected, value } => self.cell(key).cas(expected, value),
            _ => {
                self.apply_quietly(op);
                true
            }
        };
        Output::Written { index, term, applied }
    }

    #[inline]
    fn cell(&mut self, key: Key) -> &mut Cell {
        let (page, at) = (key.0 as usize / PAGE, key.0 as usize % PAGE);
        if self.pages.get(page).is_none_or(|page| page.len() <= at) {
            self.make_room(page, at);
        }
        &mut self.pages[page][at]
    }

    #[cold]
    fn make_room(&mut self, page: usize, at: usize) {
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, Vec::new);
        }
        let page = &mut self.pages[page];
        self.cells += at + 1 - page.len();
        page.resize_with(at + 1, Cell::default);
    }
}

impl Cell {
    fn items(&self) -> Vec<Value> {
        self.first.iter().chain(&self.rest).copied().collect()
    }

    #[inline]
    fn put(&mut self, value: Value) {
        self.first = Some(value);
        self.rest.clear();
    }

    fn cas(&mut self, expected: Value, value: Value) -> bool {
        let matches = self.first == Some(expected) && self.rest.is_empty();
        if matches {
            self.put(value);
        }
        matches
    }

    fn append(&mut self, value: Value) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.rest.push(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::types::Session;

    const K: Key = Key(3);

    fn run(machine: &mut Machine, op: Op) -> Output {
        machine.apply(1, 1, 0, &Command::plain(op), true).output
    }

    fn once(seq: u32, low: u32) -> Command {
        let op = Op::Append { key: K, value: Value::int(seq) };
        Command { op, session: Session { client: 1, seq, low } }
    }

    #[test]
    fn put_append_and_compare_and_set() {
        let mut m = Machine::default();
        run(&mut m, Op::Put { key: K, value: Value::int(1) });
        run(&mut m, Op::Append { key: K, value: Value::int(2) });
        assert_eq!(m.read(K), [Value::int(1), Value::int(2)]);
        let cas = Op::Cas { key: K, expected: Value::int(1), value: Value::int(9) };
        assert_eq!(run(&mut m, cas), Output::Written { index: 1, term: 1, applied: false });
        run(&mut m, Op::Put { key: K, value: Value::int(1) });
        assert_eq!(run(&mut m, cas), Output::Written { index: 1, term: 1, applied: true });
        assert_eq!(m.read(K), [Value::int(9)]);
        assert_eq!(m.read(Key(0)), []);
    }

    #[test]
    fn a_session_applies_a_command_once() {
        let mut m = Machine::default();
        assert!(m.apply(1, 1, 0, &once(1, 1), true).fresh);
        let again = m.apply(2, 1, 0, &once(1, 1), true);
        assert!(!again.fresh);
        assert_eq!(again.output, Output::Written { index: 1, term: 1, applied: true });
        assert_eq!(m.read(K).len(), 1);
    }

    #[test]
    fn what_the_client_has_been_told_is_forgotten_but_not_done_again() {
        let mut m = Machine::default();
        m.apply(1, 1, 0, &once(1, 1), true);
        m.apply(2, 1, 0, &once(2, 2), true);
        assert!(!m.apply(3, 1, 0, &once(1, 1), true).fresh);
        assert_eq!(m.read(K).len(), 2);
    }

    #[test]
    fn without_the_rule_a_retry_applies_twice() {
        let mut m = Machine::default();
        m.apply(1, 1, 0, &once(1, 1), false);
        assert!(m.apply(2, 1, 0, &once(1, 1), false).fresh);
        assert_eq!(m.read(K).len(), 2);
    }
}
