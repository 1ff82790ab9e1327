//! The table of clients' operations.

use std::collections::BTreeMap;

use super::kind::{NO_LABEL, NO_NUMBER, NOBODY};
use super::lives::Parts;
use super::moment::Moment;
use super::recorder::{Labels, count, int, node_code};
use super::schema::{OpStatus, RequestKind, items, ops};
use super::store::{NO_ROW, Store};
use crate::protocol::{NodeId, OpId, ReadPath};
use crate::replica::{Output, Replica, Request};
use crate::sim::OpEvent;

/// The answer to a client, encoded in one word for the column `ops.result`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// No result.
    None,
    /// Whether a compare-and-set took effect.
    TookEffect(bool),
    /// Items: these rows of [`items`].
    Items {
        /// The first.
        first: u32,
        /// The number of items; none if the key was never set.
        count: u32,
    },
}

impl Answer {
    const NONE: u64 = u64::MAX;
    const EFFECT: u64 = u64::MAX - 1;
    const NO_EFFECT: u64 = u64::MAX - 2;

    /// Its code in the column. No item has the row [`NO_ROW`], so words from there on are free.
    pub fn code(self) -> u64 {
        match self {
            Answer::None => Self::NONE,
            Answer::TookEffect(true) => Self::EFFECT,
            Answer::TookEffect(false) => Self::NO_EFFECT,
            Answer::Items { first, count } => u64::from(first) << 32 | u64::from(count),
        }
    }

    /// Decodes a word of the column.
    pub fn decode(code: u64) -> Self {
        match code {
            Self::NONE => Answer::None,
            Self::EFFECT => Answer::TookEffect(true),
            Self::NO_EFFECT => Answer::TookEffect(false),
            _ => Answer::Items { first: (code >> 32) as u32, count: code as u32 },
        }
    }
}

/// The rows of operations that may still change.
#[derive(Clone, Debug)]
pub(super) struct Operations {
    rows: BTreeMap<OpId, u32>,
    items: Store<items::Row>,
}

impl Operations {
    pub(super) fn new(max_rows: usize) -> Self {
        Self { rows: BTreeMap::new(), items: Store::new(max_rows) }
    }

    pub(super) fn items(&self) -> &Store<items::Row> {
        &self.items
    }

    /// An operation changed.
    #[inline]
    pub(super) fn record(
        &mut self,
        table: &mut Store<ops::Row>,
        reasons: &mut Labels,
        (now, op, client): (Moment, OpId, u32),
        event: &OpEvent<'_, impl Replica>,
    ) {
        match *event {
            OpEvent::Invoked { request, node, again } => {
                let known = if again { self.rows.get(&op).copied() } else { None };
                match known {
                    Some(row) => ask_again(table, row, node),
                    None => self.ask(table, (now, op, client), request, node),
                }
            }
            OpEvent::Ok { node, output } => {
                let answer = self.answer(now, output);
                self.end(table, (now, op, client), OpStatus::Ok, NO_LABEL, |row| {
                    *row.node = node_code(node);
                    if let Output::Written { index, term, .. } = *output {
                        (*row.index, *row.term) = (count(index), int(term));
                    } else if let Output::Read { index, .. } = *output {
                        *row.index = count(index);
                    }
                    let counts = !matches!(answer, Answer::TookEffect(_))
                        || *row.kind == RequestKind::Cas.code();
                    *row.result = if counts { answer } else { Answer::None }.code();
                });
            }
            OpEvent::Failed { reason } => {
                let reason = reasons.code(reason);
                self.end(table, (now, op, client), OpStatus::Failed, reason, |_| {});
            }
            OpEvent::Unknown { reason } => {
                let reason = reasons.code(reason);
                self.end(table, (now, op, client), OpStatus::Unknown, reason, |_| {});
            }
        }
    }

    fn ask(
        &mut self,
        table: &mut Store<ops::Row>,
        (now, op, client): (Moment, OpId, u32),
        request: &Request,
        node: Option<NodeId>,
    ) {
        let (Parts { kind, key, value, expected }, session) = parts(request);
        let row = ops::Row {
            op: op.0,
            client: count(u64::from(if client == 0 { session } else { client })),
            node: node.map_or(NOBODY, node_code),
            kind: kind.code(),
            key,
            value,
            expected,
            invoked_ms: now.ms,
            ended_ms: f64::NAN,
            status: OpStatus::Pending.code(),
            reason: NO_LABEL,
            attempts: 1,
            index: 0,
            term: 0,
            result: Answer::None.code(),
        };
        let row = table.push(now.time, row);
        if row != NO_ROW {
            self.rows.insert(op, row);
        }
    }

    fn end(
        &mut self,
        table: &mut Store<ops::Row>,
        (now, op, client): (Moment, OpId, u32),
        status: OpStatus,
        reason: i16,
        more: impl FnOnce(ops::Fields<'_>),
    ) {
        // A load generator never retries an operation that has ended; one by hand can be retried.
        let row = if client == 0 { self.rows.get(&op).copied() } else { self.rows.remove(&op) };
        let Some(row) = row else { return };
        table.update(row, |fields| {
            *fields.ended_ms = now.ms;
            *fields.status = status.code();
            *fields.reason = reason;
            more(fields);
        });
    }

    fn answer(&mut self, now: Moment, output: &Output) -> Answer {
        match output {
            Output::Written { applied, .. } => Answer::TookEffect(*applied),
            Output::Read { items, .. } => {
                let first = self.items.len() as u32;
                let mut stored = items.iter().map(|value| items::Row { value: value.0 });
                if stored.all(|item| self.items.push(now.time, item) != NO_ROW) {
                    Answer::Items { first, count: items.len() as u32 }
                } else {
                    Answer::None
                }
            }
            Output::Done => Answer::None,
        }
    }
}

fn ask_again(table: &mut Store<ops::Row>, row: u32, node: Option<NodeId>) {
    table.update(row, |fields| {
        *fields.node = node.map_or(NOBODY, node_code);
        *fields.ended_ms = f64::NAN;
        *fields.status = OpStatus::Pending.code();
        *fields.reason = NO_LABEL;
        *fields.attempts += 1;
    });
}

/// A request in columns, and the client of its session.
fn parts(request: &Request) -> (Parts, u32) {
    let order = |kind| Parts { kind, key: NO_NUMBER, value: NO_NUMBER, expected: NO_NUMBER };
    match *request {
        Request::Write(command) => (Parts::of(command.op), command.session.client),
        Request::Read { key, via } => {
            let kind = match via {
                ReadPath::Log => RequestKind::ReadLog,
                ReadPath::ReadIndex => RequestKind::ReadIndex,
                ReadPath::Lease => RequestKind::Lease,
                ReadPath::Local => RequestKind::Local,
            };
            (Parts { key: key.0, ..order(kind) }, 0)
        }
        Request::Configure(_) => (order(RequestKind::Configure), 0),
        Request::Transfer(_) => (order(RequestKind::Transfer), 0),
        Request::StepDown => (order(RequestKind::StepDown), 0),
        Request::Campaign => (order(RequestKind::Campaign), 0),
        Request::Usurp => (order(RequestKind::Usurp), 0),
        Request::ForgetVote => (order(RequestKind::ForgetVote), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_survive_their_column() {
        let items = Answer::Items { first: NO_ROW - 1, count: u32::MAX };
        for answer in [Answer::None, Answer::TookEffect(true), Answer::TookEffect(false), items] {
            assert_eq!(Answer::decode(answer.code()), answer);
        }
    }
}
