//! The table of entries: when each entered a node's log, was committed there, and left it.

use super::kind::NO_NUMBER;
use super::moment::Moment;
use super::recorder::{count, int, node_code};
use super::schema::{RequestKind, entries};
use super::store::{NO_ROW, Store};
use crate::protocol::NodeId;
use crate::replica::{Entry, Log, Op, Replica};

/// The rows of the entries in each node's log.
#[derive(Clone, Debug)]
pub(super) struct Lives {
    /// By node, then by index counted from 0: the row of the entry that is in the log now.
    stays: Vec<Vec<u32>>,
}

impl Lives {
    pub(super) fn new(nodes: usize) -> Self {
        Self { stays: vec![Vec::new(); nodes] }
    }

    /// Makes room for a machine that is added later.
    pub(super) fn make_room(&mut self) {
        self.stays.push(Vec::new());
    }

    /// Adds the initial entries of a node, and how far they are committed.
    pub(super) fn begin(
        &mut self,
        table: &mut Store<entries::Row>,
        id: NodeId,
        node: &impl Replica,
    ) {
        let log = node.log();
        self.arrive(table, Moment::BEGINNING, id, log, log.last_index(), Moment::BEGINNING.ms);
        self.committed(table, Moment::BEGINNING, id, 1, node.status().commit_index);
    }

    /// Entries were appended.
    #[inline]
    pub(super) fn appended(
        &mut self,
        table: &mut Store<entries::Row>,
        now: Moment,
        id: NodeId,
        log: &Log,
        first: u64,
        last: u64,
    ) {
        let known = self.stays[id.at()].len() as u64;
        if known + 1 < first {
            // They were appended before the recorder began.
            self.arrive(table, now, id, log, first - 1, f64::NAN);
        } else if known >= first {
            self.truncated(table, now, id, first);
        }
        self.arrive(table, now, id, log, last, now.ms);
    }

    /// This entry and all after it were truncated.
    pub(super) fn truncated(
        &mut self,
        table: &mut Store<entries::Row>,
        now: Moment,
        id: NodeId,
        first: u64,
    ) {
        let stays = &mut self.stays[id.at()];
        let kept = stays.len().min(first.saturating_sub(1) as usize);
        for row in stays.drain(kept..) {
            table.update(row, |entry| *entry.truncated_ms = now.ms);
        }
    }

    /// A snapshot replaced the log from `first` on. The node never had the entries up to `index`.
    pub(super) fn installed(
        &mut self,
        table: &mut Store<entries::Row>,
        now: Moment,
        id: NodeId,
        first: u64,
        index: u64,
    ) {
        if first <= index {
            self.truncated(table, now, id, first);
            self.stays[id.at()].resize(index as usize, NO_ROW);
        }
        self.committed(table, now, id, 1, index);
    }

    /// The node knows that these entries are committed, and has applied them. After a restart it
    /// learns this again (both indices are volatile); the first time counts.
    #[inline]
    pub(super) fn committed(
        &mut self,
        table: &mut Store<entries::Row>,
        now: Moment,
        id: NodeId,
        first: u64,
        last: u64,
    ) {
        let stays = &self.stays[id.at()];
        let end = stays.len().min(last as usize);
        let begin = end.min(first.saturating_sub(1) as usize);
        let ms = now.ms;
        for row in &stays[begin..end] {
            table.update(*row, |entry| {
                if entry.committed_ms.is_nan() {
                    (*entry.committed_ms, *entry.applied_ms) = (ms, ms);
                }
            });
        }
    }

    /// The node went down, and its disk kept this log. Equal prefix hashes mean equal prefixes, so
    /// only the end is compared.
    pub(super) fn survived(
        &mut self,
        table: &mut Store<entries::Row>,
        now: Moment,
        id: NodeId,
        log: &Log,
    ) {
        let stays = &self.stays[id.at()];
        let mut kept = stays.len().min(log.last_index() as usize);
        let covered = log.base().index as usize; // by a snapshot
        while kept > covered {
            // Entries beyond the limit were not recorded; they count as unchanged.
            let known = table.get(stays[kept - 1]).map(|entry| entry.hash);
            if known.is_none_or(|hash| hash == log.hash_at(kept as u64)) {
                break;
            }
            kept -= 1;
        }
        self.truncated(table, now, id, kept as u64 + 1);
        self.arrive(table, now, id, log, log.last_index(), now.ms);
    }

    /// Adds rows up to an index.
    #[inline]
    fn arrive(
        &mut self,
        table: &mut Store<entries::Row>,
        now: Moment,
        id: NodeId,
        log: &Log,
        last: u64,
        appended_ms: f64,
    ) {
        let stays = &mut self.stays[id.at()];
        for index in stays.len() as u64 + 1..=last {
            let row = match log.get(index) {
                Some(entry) => table.push(now.time, row(id, index, &entry, appended_ms)),
                None => NO_ROW,
            };
            stays.push(row);
        }
    }
}

#[inline]
fn row(id: NodeId, index: u64, entry: &Entry, appended_ms: f64) -> entries::Row {
    let Parts { kind, key, value, expected } = Parts::of(entry.command.op);
    let session = entry.command.session;
    entries::Row {
        node: node_code(id),
        index: count(index),
        term: int(entry.term),
        key,
        op: kind.code(),
        value,
        expected,
        client: count(u64::from(session.client)),
        seq: count(u64::from(session.seq)),
        appended_ms,
        truncated_ms: f64::NAN,
        committed_ms: f64::NAN,
        applied_ms: f64::NAN,
        hash: entry.hash,
    }
}

/// A command in columns.
pub(super) struct Parts {
    pub(super) kind: RequestKind,
    pub(super) key: u32,
    pub(super) value: u32,
    pub(super) expected: u32,
}

impl Parts {
    #[inline]
    pub(super) fn of(op: Op) -> Self {
        let none = NO_NUMBER;
        let (kind, key, value, expected) = match op {
            Op::Noop => (RequestKind::Noop, none, none, none),
            Op::Put { key, value } => (RequestKind::Put, key.0, value.0, none),
            Op::Get { key } => (RequestKind::Get, key.0, none, none),
            Op::Cas { key, expected, value } => (RequestKind::Cas, key.0, value.0, expected.0),
            Op::Append { key, value } => (RequestKind::Append, key.0, value.0, none),
            Op::Config(_) => (RequestKind::Config, none, none, none),
        };
        Self { kind, key, value, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::Command;
    use crate::sim::Time;

    const A: NodeId = NodeId(0);

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        terms.iter().for_each(|term| log.push(*term, Command::default()));
        log
    }

    /// (index, term, appended, truncated) of every row.
    fn told(table: &Store<entries::Row>) -> Vec<(i32, i64, f64, Option<f64>)> {
        let end = |row: &entries::Row| (!row.truncated_ms.is_nan()).then_some(row.truncated_ms);
        table.iter().map(|row| (row.index, row.term, row.appended_ms, end(&row))).collect()
    }

    #[test]
    fn a_crash_that_undoes_a_truncation_brings_entries_back_as_new_rows() {
        let (mut lives, mut table) = (Lives::new(1), Store::new(100));
        let at = |ms: u64| Moment::new(Time(ms * 1_000_000));
        let (old, new) = (log(&[1, 1, 1]), log(&[1, 2, 2]));
        lives.appended(&mut table, at(1), A, &old, 1, 3);
        lives.truncated(&mut table, at(2), A, 2);
        lives.appended(&mut table, at(2), A, &new, 2, 3);
        lives.survived(&mut table, at(3), A, &old);
        let ended = [(2, 1, 1.0, Some(2.0)), (3, 1, 1.0, Some(2.0))];
        let overwritten = [(2, 2, 2.0, Some(3.0)), (3, 2, 2.0, Some(3.0))];
        let back = [(2, 1, 3.0, None), (3, 1, 3.0, None)];
        let first = [(1, 1, 1.0, None)];
        assert_eq!(told(&table), [&first[..], &ended, &overwritten, &back].concat());
    }
}
