//! When a fault strikes, for how long, and how often.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::condition::Condition;
use super::effect::Effect;
use super::target::Names;
use super::vocabulary::{Fault, Kind};
use crate::protocol::Span;
use crate::sim::Distribution;
use crate::sim::time::millis;

/// A fault with its schedule.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// The fault.
    pub fault: Fault,
    /// The time of the first strike, from the beginning of the run, or its condition; at once if
    /// not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<When>,
    /// The time of the first strike, from the time of injection, or from when its condition holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Distribution>,
    /// The duration of each strike; until it is healed or strikes again if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Distribution>,
    /// The time from one strike to the next, if there is more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Distribution>,
    /// The time from the end of one strike to the next: its mean is the MTTF, and that of
    /// `duration` the MTTR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Distribution>,
    /// The number of strikes with `every` or `uptime`; unlimited if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How long it waits for a leader or a follower, if it needs one and there is none.
    #[serde(default = "default_patience", with = "millis::span")]
    pub patience: Span,
}

/// When a fault strikes first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum When {
    /// At a time from the beginning of the run.
    Time(Distribution),
    /// As soon as a condition holds; it is armed when the fault is given.
    Condition(Condition),
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = Value::deserialize(from)?;
        let read = if written.get("condition").is_some() {
            Condition::deserialize(written).map(Self::Condition)
        } else {
            Distribution::deserialize(written).map(Self::Time)
        };
        read.map_err(D::Error::custom)
    }
}

fn default_patience() -> Span {
    Span::from_ms(10_000)
}

impl Scheduled {
    /// A fault that strikes at once, and lasts until it is healed.
    pub fn now(fault: Fault) -> Self {
        let patience = default_patience();
        Self {
            fault,
            at: None,
            after: None,
            duration: None,
            every: None,
            uptime: None,
            times: None,
            patience,
        }
    }

    /// The time of the first strike: `at`, `after` or the first uptime; `None` if at once. After a
    /// condition it is counted from when that holds.
    pub fn first(&self) -> Option<&Distribution> {
        match &self.at {
            Some(When::Time(time)) => Some(time),
            Some(When::Condition(_)) => self.after.as_ref(),
            None => self.after.as_ref().or(self.uptime.as_ref()),
        }
    }

    /// The condition of its first strike.
    pub fn condition(&self) -> Option<&Condition> {
        match &self.at {
            Some(When::Condition(condition)) => Some(condition),
            _ => None,
        }
    }

    /// True if it depends on the results of the checks.
    pub fn needs_checks(&self) -> bool {
        self.condition().is_some_and(Condition::needs_checks)
    }

    /// The distribution of the time from a strike's beginning, or from its end, to the next strike.
    pub fn gap(&self) -> Option<&Distribution> {
        self.every.as_ref().or(self.uptime.as_ref())
    }

    /// Whether another strike follows this one, counted from 0.
    pub fn strikes_after(&self, ordinal: u32) -> bool {
        self.gap().is_some() && self.times.is_none_or(|times| ordinal.saturating_add(1) < times)
    }

    /// The latest time of its last strike after injection, if known: with unlimited strikes that of
    /// the first one; `None` if a distribution is unbounded, or a condition decides.
    pub fn latest(&self) -> Option<Span> {
        if self.condition().is_some() {
            return None;
        }
        let longest =
            |time: Option<&Distribution>| time.map_or(Some(Span::ZERO), Distribution::longest);
        let first = longest(self.first())?;
        let more = u64::from(self.times.unwrap_or(1).saturating_sub(1));
        if more == 0 {
            return Some(first);
        }
        let lasts =
            if self.uptime.is_some() { longest(self.duration.as_ref())? } else { Span::ZERO };
        let period = longest(self.gap())?.0.saturating_add(lasts.0);
        Some(Span(first.0.saturating_add(period.saturating_mul(more))))
    }

    /// Checks that it is valid in a cluster of these nodes.
    pub fn validate(&self, names: &Names) -> Result<(), String> {
        let of_condition = self.condition().map_or(Ok(()), |condition| condition.validate(names));
        let why = of_condition.map_err(|why| format!("at: {why}"));
        let why = why.and_then(|()| self.validate_schedule());
        let why = why.and_then(|()| self.fault.validate(names));
        why.map_err(|why| format!("{}: {why}", self.fault.kind().class))
    }

    fn validate_schedule(&self) -> Result<(), String> {
        let at = match &self.at {
            Some(When::Time(time)) => Some(time),
            _ => None,
        };
        let times = [
            ("at", at),
            ("after", self.after.as_ref()),
            ("duration", self.duration.as_ref()),
            ("every", self.every.as_ref()),
            ("uptime", self.uptime.as_ref()),
        ];
        for (name, time) in times {
            let checked = time.map_or(Ok(()), Distribution::validate);
            checked.map_err(|why| format!("{name}: {why}"))?;
        }
        if at.is_some() && self.after.is_some() {
            return Err("give a time at or after, not both".into());
        }
        if self.every.is_some() && self.uptime.is_some() {
            return Err(
                "give every (from strike to strike) or uptime (from the end of a strike to the next), not both"
                    .into(),
            );
        }
        for (name, gap) in [("every", &self.every), ("uptime", &self.uptime)] {
            if gap.as_ref().and_then(Distribution::as_constant) == Some(Span::ZERO) {
                return Err(format!("{name} must be longer than 0 ms"));
            }
        }
        if self.uptime.is_some() && self.duration.is_none() && self.fault.lasts() {
            return Err("uptime is measured from the end of a strike: give duration, too".into());
        }
        if self.times.is_some() && self.gap().is_none() {
            return Err("times needs every or uptime".into());
        }
        if self.times == Some(0) {
            return Err("times must be at least 1, not 0".into());
        }
        Ok(())
    }
}
