//! The table of events. Nearly all events are arrivals of messages, whose data are already in the
//! table of messages: of each only the row of the message is stored, and the table of events is
//! assembled when it is read.

use std::sync::Arc;

use super::kind::{NO_LABEL, TableSchema};
use super::moment::Moment;
use super::recorder::{int, node_code};
use super::schema::{EventKind, Tables, events, messages, order};
use super::store::{NO_ROW, Store};
use super::table::{ColumnSet, Record, Rows};
use crate::replica::ReplicaMessage;
use crate::sim::{Flight, Time};

/// The rows of the table of events.
#[derive(Clone, Debug)]
pub struct Events {
    /// The row of each message that arrived; [`NO_ROW`] for the next of the other events.
    order: Store<order::Row>,
    others: Store<events::Row>,
}

impl Events {
    /// An empty table for at most this many rows.
    pub fn new(max_rows: usize) -> Self {
        Self { order: Store::new(max_rows), others: Store::new(max_rows) }
    }

    /// Adds a row and returns its number, or [`NO_ROW`] if the limit is reached.
    pub(super) fn push(&mut self, now: Time, row: events::Row) -> u32 {
        let at = self.order.push(now, order::Row { message: NO_ROW });
        if at != NO_ROW {
            self.others.push(now, row);
        }
        at
    }

    /// A message arrived: the row of that event.
    #[inline]
    pub(super) fn arrived(&mut self, now: Moment, flight: &Flight<impl ReplicaMessage>) -> u32 {
        if flight.row == NO_ROW {
            return self.arrived_unrecorded(now, flight);
        }
        self.order.push(now.time, order::Row { message: flight.row })
    }

    /// The table of messages was full when it was sent.
    #[cold]
    fn arrived_unrecorded(&mut self, now: Moment, flight: &Flight<impl ReplicaMessage>) -> u32 {
        let row = events::Row {
            time_ms: now.ms,
            node: node_code(flight.id.to),
            kind: EventKind::Arrival.code(),
            detail: i16::from(flight.message.kind()), // details begin with the kinds of message
            from: node_code(flight.id.from),
            term: int(flight.message.fields().term),
            why: NO_LABEL,
            cause: NO_ROW,
        };
        self.push(now.time, row)
    }

    /// All rows in order, given the messages of the same run.
    pub fn iter<'a>(
        &'a self,
        messages: &'a Store<messages::Row>,
    ) -> impl Iterator<Item = events::Row> + 'a {
        let mut others = self.others.iter();
        self.order.iter().filter_map(move |event| match event.message {
            NO_ROW => others.next(),
            message => messages.get(message).map(|message| arrival(&message)),
        })
    }
}

/// The event row of a message that arrived.
#[inline]
fn arrival(message: &messages::Row) -> events::Row {
    events::Row {
        time_ms: message.ended_ms,
        node: message.to,
        kind: EventKind::Arrival.code(),
        detail: i16::from(message.kind),
        from: message.from,
        term: message.term,
        why: NO_LABEL,
        cause: message.cause,
    }
}

impl Rows for Events {
    fn schema(&self) -> TableSchema {
        events::Row::SCHEMA
    }

    fn rows(&self) -> usize {
        self.order.len()
    }

    fn full_since(&self) -> Option<Time> {
        self.order.full_since()
    }

    fn column_sets(&self, tables: &Tables) -> Vec<Arc<dyn ColumnSet>> {
        let mut whole = Store::new(self.rows());
        for row in self.iter(&tables.messages) {
            whole.push(Time::ZERO, row);
        }
        whole.column_sets(tables)
    }
}
