//! When a fault strikes, for how long, and how often.

use serde::{Deserialize, Serialize};

use super::target::Names;
use super::vocabulary::Fault;
use crate::protocol::Span;
use crate::sim::Distribution;
use crate::sim::time::millis;

/// A fault with its schedule.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// What happens.
    pub fault: Fault,
    /// When, from the beginning of the run; at once if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Distribution>,
    /// When, from the moment when it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Distribution>,
    /// How long each strike lasts; until it is healed, or strikes again, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Distribution>,
    /// From one strike to the next, if there is more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Distribution>,
    /// From the end of one strike to the next; its mean is the MTTF, as that of `duration` is the MTTR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Distribution>,
    /// How many strikes there are with `every` or `uptime`; without end if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How long it waits for a leader, or a follower, if it needs one and there is none.
    #[serde(default = "default_patience", with = "millis::span")]
    pub patience: Span,
}

fn default_patience() -> Span {
    Span::from_ms(10_000)
}

impl Scheduled {
    /// At once, until it is healed.
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

    /// When it strikes first, as a time of its own or as the first uptime; nothing if at once.
    pub fn first(&self) -> Option<&Distribution> {
        self.at.as_ref().or(self.after.as_ref()).or(self.uptime.as_ref())
    }

    /// What is drawn between one strike and the next: from its beginning, or from its end.
    pub fn gap(&self) -> Option<&Distribution> {
        self.every.as_ref().or(self.uptime.as_ref())
    }

    /// Whether another strike follows this one, counted from 0.
    pub fn strikes_after(&self, ordinal: u32) -> bool {
        self.gap().is_some() && self.times.is_none_or(|times| ordinal.saturating_add(1) < times)
    }

    /// How long after it was given it may strike last, as far as that is known: without end, its first strike
    /// counts, and of a time without a bound nothing is known.
    pub fn latest(&self) -> Option<Span> {
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

    /// Why it makes no sense in a cluster of these nodes, if it does not.
    pub fn validate(&self, names: &Names) -> Result<(), String> {
        let why = self.validate_schedule().and_then(|()| self.fault.validate(names));
        why.map_err(|why| format!("{}: {why}", self.fault.kind().class))
    }

    fn validate_schedule(&self) -> Result<(), String> {
        let times = [
            ("at", &self.at),
            ("after", &self.after),
            ("duration", &self.duration),
            ("every", &self.every),
            ("uptime", &self.uptime),
        ];
        for (name, time) in times {
            let checked = time.as_ref().map_or(Ok(()), Distribution::validate);
            checked.map_err(|why| format!("{name}: {why}"))?;
        }
        if self.at.is_some() && self.after.is_some() {
            return Err("give at or after, not both".into());
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
            return Err("uptime counts from the end of a strike: give duration, too".into());
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
