//! The table of faults, as the experiment reports them. The world's own events do not contain them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Recorder;
use super::recorder::count;
use super::schema::{FaultOutcome, faults};
use super::store::NO_ROW;
use crate::sim::{Strike, Time};

/// The faults that have not ended, and the texts about all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    open: Vec<Open>,
    texts: Arc<Texts>,
}

/// Texts, each once.
#[derive(Clone, Debug, Default)]
struct Texts {
    all: Vec<String>,
    numbers: BTreeMap<String, u32>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    strike: Strike,
    row: u32,
    outcome: FaultOutcome,
}

impl Faults {
    pub(super) fn texts(&self) -> &[String] {
        &self.texts.all
    }

    fn text(&mut self, text: String) -> u32 {
        if let Some(number) = self.texts.numbers.get(&text) {
            return *number;
        }
        let texts = Arc::make_mut(&mut self.texts);
        let number = texts.all.len() as u32;
        texts.all.push(text.clone());
        texts.numbers.insert(text, number);
        number
    }
}

impl Recorder {
    /// A fault strikes these nodes, given as a text. If it waited, its wait ends.
    pub fn fault_started(
        &mut self,
        now: Time,
        strike: Strike,
        kind: &str,
        nodes: String,
        detail: String,
    ) {
        self.end_faults(now, |open| open.strike == strike && open.outcome == FaultOutcome::Waited);
        self.open_fault(now, strike, FaultOutcome::Struck, [kind.to_owned(), nodes, detail]);
    }

    /// A fault finds no node to strike, and waits.
    pub fn fault_waiting(&mut self, now: Time, strike: Strike, kind: &str, detail: String) {
        let texts = [kind.to_owned(), String::new(), detail];
        self.open_fault(now, strike, FaultOutcome::Waited, texts);
    }

    /// A fault waits for its condition.
    pub fn fault_awaits(&mut self, now: Time, strike: Strike, kind: &str, detail: String) {
        let texts = [kind.to_owned(), String::new(), detail];
        self.open_fault(now, strike, FaultOutcome::Awaited, texts);
    }

    /// The wait of a fault ended without a strike.
    pub fn fault_expired(&mut self, now: Time, strike: Strike) {
        let waits = |open: &Open| open.strike == strike && open.outcome == FaultOutcome::Waited;
        for row in self.end_faults(now, waits) {
            let code = FaultOutcome::Expired.code();
            self.tables_mut().faults.update(row, |fault| *fault.outcome = code);
        }
    }

    /// A fault was healed, or its duration is over.
    pub fn fault_ended(&mut self, now: Time, strike: Strike) {
        self.end_faults(now, |open| open.strike == strike);
    }

    fn open_fault(
        &mut self,
        now: Time,
        strike: Strike,
        outcome: FaultOutcome,
        [kind, nodes, detail]: [String; 3],
    ) {
        if !self.records_states() || self.tables().faults.full_since().is_some() {
            return;
        }
        let row = faults::Row {
            start_ms: now.as_ms(),
            end_ms: f64::NAN,
            handle: count(u64::from(strike.handle)),
            kind: self.faults.text(kind),
            detail: self.faults.text(detail),
            nodes: self.faults.text(nodes),
            outcome: outcome.code(),
        };
        let row = self.tables_mut().faults.push(now, row);
        if row != NO_ROW {
            self.faults.open.push(Open { strike, row, outcome });
        }
    }

    /// Ends the faults that match, and returns their rows.
    fn end_faults(&mut self, now: Time, matches: impl Fn(&Open) -> bool) -> Vec<u32> {
        let ended: Vec<u32> =
            self.faults.open.extract_if(.., |open| matches(open)).map(|open| open.row).collect();
        for row in &ended {
            self.tables_mut().faults.update(*row, |fault| *fault.end_ms = now.as_ms());
        }
        ended
    }
}
