//! A scenario: everything that defines a run except its seed.

use serde::{Deserialize, Serialize};

use super::bugs::Bugs;
use super::ceilings::{MAX_CLIENTS, MAX_KEYS};
use super::edits::Edits;
use super::initial::Initial;
use super::playable::{Playable, ProtocolName, with_protocol};
use super::step::{Action, CommandSpec, MessageName, Reconfigure, Step, too_many};
use super::symbols::Symbols;
use crate::fault::condition::MAX_DEPTH;
use crate::fault::links::{validate_bandwidth, validate_probability};
use crate::fault::{Condition, Names, Scheduled, When};
use crate::protocol::{Delay, NodeId, Span};
use crate::raft::config::settings;
use crate::raft::{AdaptiveTimeout, Config, ElectionRule, Rule};
use crate::replica::MAX_MEMBERS;
use crate::sim::time::millis;
use crate::sim::{
    DiskSpec, Distribution, Latency, Load, MessageId, NetworkSpec, Pacing, Processing, Time,
    WorldSpec,
};

/// The version of the format that this raftlab writes, and the only one that it reads.
pub const SCHEMA_VERSION: u32 = 2;

/// The changes from version 1 to version 2, for the error message.
const CHANGED: &str = "the `at` of `propose`, `read` and `retry` is `node`, and the `votes` of `initial` are `voted_for`";

/// The default duration of a run, so that every run ends.
pub const DEFAULT_HORIZON: Span = Span::from_ms(60_000);

/// The default duration of a run after the last planned fault.
const AFTER_FAULTS: Span = Span::from_ms(30_000);

/// Reads a value; an error names the path where it occurred.
pub fn read_json<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, String> {
    let mut text = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut text).map_err(|error| {
        let path = error.path().to_string();
        let why = error.into_inner();
        if why.to_string().starts_with("recursion limit") {
            return "it is nested too deeply".to_owned();
        }
        if matches!(path.as_str(), "." | "?") { why.to_string() } else { format!("{path}: {why}") }
    })?;
    text.end().map_err(|why| why.to_string())?;
    Ok(value)
}

macro_rules! scenario {
    ($(
        $(#[doc = $doc:literal])*
        #[serde($($json:tt)*)]
        $setting:ident: $type:ty = $default:expr;
    )*) => {
        /// A scenario. A run is a pure function of a scenario and a seed.
        #[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct Scenario {
            /// Version of the format.
            #[serde(rename = "raftlab")]
            pub version: u32,
            /// The names of the nodes.
            pub nodes: Names,
            /// Their protocol.
            #[serde(default, skip_serializing_if = "ProtocolName::is_ours")]
            pub protocol: ProtocolName,
            $($(#[doc = $doc])* #[serde($($json)*)] pub $setting: $type,)*
            /// The rules that are taken away.
            #[serde(default, skip_serializing_if = "Bugs::is_empty")]
            pub bugs: Bugs,
            /// The network.
            #[serde(default)]
            pub network: NetworkSpec,
            /// The disks.
            #[serde(default)]
            pub disk: DiskSpec,
            /// What nodes take for each message; nothing if not given.
            #[serde(default, skip_serializing_if = "Processing::is_free")]
            pub processing: Processing,
            /// Load on the cluster.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub workload: Vec<Load>,
            /// The state at time 0, if not that of a new cluster.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub initial: Option<Initial>,
            /// The scheduled faults. They have the handles 1, 2, 3 …
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub faults: Vec<Scheduled>,
            /// The steps, in order.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub steps: Vec<Step>,
            /// After the steps, the run continues until this condition holds; it is armed when the
            /// last fault has struck.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub stop: Option<Condition>,
            /// When the run ends at the latest. If not given, a run with steps and no `stop` ends
            /// with its steps, and any other a minute after its steps or half a minute after the
            /// last planned fault, whichever is later.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub horizon: Option<Time>,
            /// The edits of interceptors, if any were attached when the scenario was recorded.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub edits: Option<Edits>,
        }

        impl Scenario {
            /// A cluster with the paper's settings and no faults.
            pub fn new(nodes: Names) -> Self {
                Self {
                    version: SCHEMA_VERSION,
                    nodes,
                    protocol: ProtocolName::Raft,
                    $($setting: default::$setting(),)*
                    bugs: Bugs::default(),
                    network: NetworkSpec::default(),
                    disk: DiskSpec::default(),
                    processing: Processing::default(),
                    workload: Vec::new(),
                    initial: None,
                    faults: Vec::new(),
                    steps: Vec::new(),
                    stop: None,
                    horizon: None,
                    edits: None,
                }
            }

            /// The settings of the nodes, with the rules that all of them obey.
            pub fn config(&self) -> Config {
                Config { $($setting: self.$setting,)* rules: self.bugs.shared() }
            }
        }

        /// The defaults of settings.
        mod default {
            use super::{AdaptiveTimeout, Delay, ElectionRule, Span};

            $(pub(super) fn $setting() -> $type { $default })*
        }
    };
}

settings! { scenario }

/// The effect of a violation on a run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnViolation {
    /// It is recorded, and the run continues.
    #[default]
    Record,
    /// The run stops after the event that caused it.
    Stop,
}

/// Why a scenario cannot be played.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// The text is not a scenario.
    #[error("not a scenario: {0}")]
    Unreadable(String),
    /// A part of it is invalid.
    #[error("{0}")]
    Invalid(String),
    /// It was recorded with an interceptor.
    #[error(
        "this scenario was recorded with an interceptor, whose edits name messages of seed {recorded}; it \
         cannot be run with seed {asked}. Declare the lie as a fault (rl.Lie) to use it with other seeds"
    )]
    Intercepted {
        /// The seed that can be played.
        recorded: u64,
        /// The seed that was requested.
        asked: u64,
    },
}

impl Scenario {
    /// Reads JSON.
    pub fn from_json(json: &str) -> Result<Self, ScenarioError> {
        let value: serde_json::Value = read_json(json).map_err(ScenarioError::Unreadable)?;
        match value.get("raftlab").map(serde_json::Value::as_u64) {
            Some(Some(version)) if version == u64::from(SCHEMA_VERSION) => {}
            Some(Some(1)) => {
                return Err(ScenarioError::Unreadable(format!(
                    "its schema version is 1, and this raftlab reads version {SCHEMA_VERSION}, in which {CHANGED}"
                )));
            }
            Some(version) => {
                return Err(ScenarioError::Unreadable(format!(
                    "its schema version is {}, and this raftlab reads version {SCHEMA_VERSION}",
                    version.map_or("no number".into(), |version| version.to_string())
                )));
            }
            None => {
                return Err(ScenarioError::Unreadable(format!(
                    "it has no schema version; a scenario is an object with \"raftlab\": {SCHEMA_VERSION}"
                )));
            }
        }
        // Parsed again from the text, so that errors name the line.
        let mut scenario: Self = read_json(json).map_err(ScenarioError::Unreadable)?;
        scenario.declare_machines().map_err(ScenarioError::Invalid)?;
        scenario.validate().map_err(ScenarioError::Invalid)?;
        Ok(scenario)
    }

    /// The scenario as compact JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // serialization cannot fail
    }

    /// Checks that it can be played. All messages about bad input come from here.
    pub fn validate(&self) -> Result<(), String> {
        self.config().validate()?;
        self.protocol.validate(&self.config())?;
        self.bugs.validate(&self.nodes).map_err(|why| format!("bugs: {why}"))?;
        self.validate_lease_bugs()?;
        self.validate_network()?;
        self.processing.validate().map_err(|why| format!("processing: {why}"))?;
        self.disk.write.validate().map_err(|why| format!("disk: write: {why}"))?;
        self.disk.fsync.validate().map_err(|why| format!("disk: fsync: {why}"))?;
        self.workload.iter().try_for_each(|load| self.validate_load(load))?;
        if let Some(initial) = &self.initial {
            initial.validate(&self.nodes).map_err(|why| format!("initial: {why}"))?;
        }
        self.faults.iter().try_for_each(|fault| self.validate_fault(fault))?;
        self.steps.iter().try_for_each(|step| self.validate_step(step))?;
        if let Some(stop) = &self.stop {
            stop.validate(&self.nodes).map_err(|why| format!("stop: {why}"))?;
        }
        self.check_size()?;
        if let Some(edits) = &self.edits {
            let valid = with_protocol!(self.protocol, Node => edits.validate::<Node>(&self.nodes));
            valid.map_err(|why| format!("edits: {why}"))?;
        }
        Ok(())
    }

    fn validate_lease_bugs(&self) -> Result<(), String> {
        let of_leases =
            [Rule::LeaseSticky, Rule::LeaseRestartWait, Rule::LeaseFromSend, Rule::LeaseDriftBound];
        match self.bugs.all().find(|rule| of_leases.contains(rule)) {
            Some(rule) if self.lease_drift.is_none() => {
                Err(format!("the bug '{}' needs leases: give lease_drift", rule.bug()))
            }
            _ => Ok(()),
        }
    }

    fn validate_network(&self) -> Result<(), String> {
        let bad = |what: &str, why: String| format!("network: {what}: {why}");
        validate_probability(self.network.loss).map_err(|why| bad("loss", why))?;
        validate_probability(self.network.duplicate).map_err(|why| bad("duplicate", why))?;
        if let Some(rate) = self.network.bandwidth {
            validate_bandwidth(rate).map_err(|why| bad("bandwidth", why))?;
        }
        match &self.network.latency {
            Latency::All(latency) => latency.validate().map_err(|why| bad("latency", why)),
            Latency::Regions { regions, matrix } => {
                if regions.len() != self.nodes.founding() {
                    return Err(bad(
                        "regions",
                        format!(
                            "{} nodes need {0} regions, not {}",
                            self.nodes.founding(),
                            regions.len()
                        ),
                    ));
                }
                let size = matrix.len();
                if let Some(region) = regions.iter().find(|region| **region >= size) {
                    return Err(bad(
                        "regions",
                        format!("region {region} is not in the matrix of {size}"),
                    ));
                }
                for row in matrix {
                    if row.len() != size {
                        return Err(bad("matrix", format!("must be square, {size} x {size}")));
                    }
                    row.iter()
                        .try_for_each(Distribution::validate)
                        .map_err(|why| bad("matrix", why))?;
                }
                Ok(())
            }
        }
    }

    fn validate_load(&self, load: &Load) -> Result<(), String> {
        let bad = |what: &str, why: String| format!("workload: {what}: {why}");
        match &load.pacing {
            Pacing::Open { every } => {
                every.validate().map_err(|why| bad("every", why))?;
                if every.as_constant() == Some(Span::ZERO) {
                    return Err(bad("every", "must be longer than 0 ms".into()));
                }
            }
            Pacing::Closed { clients, think, timeout, .. } => {
                think.validate().map_err(|why| bad("think", why))?;
                if *clients == 0 || *clients > MAX_CLIENTS {
                    return Err(bad(
                        "clients",
                        format!("must be between 1 and {MAX_CLIENTS}, not {clients}"),
                    ));
                }
                if *timeout == Span::ZERO {
                    return Err(bad("timeout", "must be longer than 0 ms".into()));
                }
            }
        }
        if load.mix.keys == 0 || load.mix.keys > MAX_KEYS {
            return Err(bad(
                "keys",
                format!("must be between 1 and {MAX_KEYS}, not {}", load.mix.keys),
            ));
        }
        validate_probability(load.mix.reads).map_err(|why| bad("reads", why))?;
        if let Some(home) = load.home
            && home.at() >= self.nodes.len()
        {
            return Err(bad("home", format!("there is no node number {}", home.0)));
        }
        Ok(())
    }

    fn validate_step(&self, step: &Step) -> Result<(), String> {
        match step {
            Step::Run(_)
            | Step::RunTo(_)
            | Step::Events { .. }
            | Step::Planned(_)
            | Step::Reseed(_) => Ok(()),
            Step::RunUntil { until, .. } => until.validate(&self.nodes),
            Step::Do(action) => self.validate_action(action),
        }
    }

    /// Checks that an action is valid in this cluster.
    pub fn validate_action(&self, action: &Action) -> Result<(), String> {
        let known = |name: &Option<String>| match name {
            Some(name) => self.nodes.id(name).map(|_| ()),
            None => Ok(()),
        };
        match action {
            Action::Inject(fault) => self.validate_fault(fault),
            Action::Propose { command: CommandSpec::Config(_), .. } => {
                Err("clients do not propose configurations; see 'configure'".into())
            }
            Action::Propose { node, home, .. }
            | Action::Read { node, home, .. }
            | Action::Retry { node, home, .. } => {
                known(node)?;
                known(home)
            }
            Action::Configure { change, node } => {
                known(node)?;
                self.validate_change(change)
            }
            Action::Transfer { .. } | Action::StepDown { .. } if !self.protocol.is_ours() => {
                Err("only leaders of protocol \"raft\" can be asked to hand over or to step down"
                    .into())
            }
            Action::Transfer { to, node } => {
                known(node)?;
                self.nodes.id(to).map(|_| ())
            }
            Action::StepDown { node } => known(node),
            Action::Campaign { node } => self.nodes.id(node).map(|_| ()),
            Action::Message { message, .. } => self.message_id(message).map(|_| ()),
            Action::Deliver(held) => held.matching(&self.nodes).map(|_| ()),
            Action::At { action: inner, .. } | Action::Once { action: inner, .. } => {
                if let Action::Once { condition, .. } = action {
                    condition.validate(&self.nodes)?;
                }
                if action.depth() > MAX_DEPTH {
                    let depth = action.depth();
                    return Err(format!(
                        "an action can be deferred at most {MAX_DEPTH} times, not {depth}"
                    ));
                }
                self.validate_action(inner)
            }
            Action::Heal { .. } | Action::GiveUp { .. } => Ok(()),
        }
    }

    /// Makes the machines known that its steps add.
    pub fn declare_machines(&mut self) -> Result<(), String> {
        for step in &self.steps {
            let Step::Do(action) = step else { continue };
            action.machines().into_iter().try_for_each(|name| self.nodes.declare(name))?;
        }
        Ok(())
    }

    fn validate_change(&self, change: &Reconfigure) -> Result<(), String> {
        if !self.protocol.is_ours() {
            return Err("only nodes of protocol \"raft\" change their membership".into());
        }
        if self.nodes.founding() > MAX_MEMBERS {
            return Err(too_many());
        }
        let mut names = self.nodes.clone();
        change.machines().into_iter().try_for_each(|name| names.declare(name))?;
        if names.len() > names.founding() && matches!(self.network.latency, Latency::Regions { .. })
        {
            return Err(
                "machines cannot be added to a network with regions, in which they have none"
                    .into(),
            );
        }
        change.request(&names).map(|_| ())
    }

    fn validate_fault(&self, fault: &Scheduled) -> Result<(), String> {
        fault.validate(&self.nodes)?;
        fault.fault.suits(&self.disk, &self.processing, self.protocol.is_ours())
    }

    /// The message with this name.
    pub fn message_id(&self, name: &MessageName) -> Result<MessageId, String> {
        let (from, to) = (self.nodes.id(&name.from)?, self.nodes.id(&name.to)?);
        Ok(MessageId { from, to, ordinal: name.ordinal, copy: name.copy })
    }

    /// The settings of a node.
    pub fn config_of(&self, id: NodeId) -> Config {
        let rules = self.bugs.rules(self.nodes.name(id));
        Config { rules, ..self.config().ranked(id) }
    }

    /// A machine that is added later.
    pub fn spare<P: Playable>(&self, id: NodeId) -> P {
        P::spare(id, self.config_of(id))
    }

    /// The world at time 0, and its table of keys and values.
    pub fn world<P: Playable>(&self) -> (WorldSpec<P>, Symbols) {
        let keys = self.workload.iter().map(|load| load.mix.keys).max().unwrap_or(0);
        let mut symbols = Symbols::with_load_keys(keys);
        let nodes = (0..self.nodes.founding()).map(NodeId::from).map(|id| {
            let mut node = P::with(id, self.nodes.founding(), self.config_of(id));
            if let Some(initial) = &self.initial {
                initial.apply(&self.nodes, id, &mut node, &mut symbols);
            }
            node
        });
        let spec = WorldSpec {
            nodes: nodes.collect(),
            network: self.network.clone(),
            disk: self.disk.clone(),
            loads: Vec::new(),
            seed: 0,
        };
        (spec, symbols)
    }

    /// When the run ends at the latest, as far as this is known in advance; `None` if it ends with
    /// its steps. Without a horizon: after a minute, and at least half a minute after the last
    /// planned fault.
    pub fn end(&self) -> Option<Time> {
        match self.horizon {
            None if self.stop.is_none() && !self.steps.is_empty() => None,
            Some(horizon) => Some(horizon),
            None => {
                let last = self.last_planned().map_or(Time::ZERO, |last| last + AFTER_FAULTS);
                Some(last.max(Time::ZERO + DEFAULT_HORIZON).min(Time::LAST))
            }
        }
    }

    /// When a run ends whose steps have ended at `now`: without a horizon, at least a minute later.
    pub fn end_after(&self, now: Time) -> Option<Time> {
        let end = self.end()?;
        if self.horizon.is_some() || self.steps.is_empty() {
            return Some(end);
        }
        Some(end.max(now + DEFAULT_HORIZON).min(Time::LAST))
    }

    /// When the last of the scheduled faults strikes, as far as this is known in advance.
    fn last_planned(&self) -> Option<Time> {
        let of = |fault: &Scheduled| fault.latest().map(|latest| Time::ZERO + latest);
        let stepwise = self.steps.iter().filter_map(|step| match step {
            Step::Do(Action::At { time, action }) => match &**action {
                Action::Inject(fault) => Some(*time + fault.latest()?),
                _ => Some(*time),
            },
            Step::Do(Action::Inject(fault)) if matches!(fault.at, Some(When::Time(_))) => of(fault),
            _ => None,
        });
        self.faults.iter().filter_map(of).chain(stepwise).max()
    }

    /// Whether anything depends on the lengths of messages.
    pub fn measures(&self) -> bool {
        self.network.bandwidth.is_some()
            || !self.processing.is_free()
            || self.faults.iter().any(|fault| fault.fault.measures())
    }

    /// The number of clients of its load generators.
    pub fn load_clients(&self) -> u32 {
        self.workload.iter().map(Load::clients).sum()
    }

    /// Checks that it can be played with this seed: edits of interceptors are valid only for the
    /// recorded one.
    pub fn check_seed(&self, seed: u64) -> Result<(), ScenarioError> {
        match &self.edits {
            Some(Edits { seed: recorded, .. }) if *recorded != seed => {
                Err(ScenarioError::Intercepted { recorded: *recorded, asked: seed })
            }
            _ => Ok(()),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
fn is_one(factor: &f64) -> bool {
    *factor == 1.0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
fn is_paper(rule: &ElectionRule) -> bool {
    *rule == ElectionRule::Paper
}

/// A range of timeouts, as a pair of times.
mod delay {
    use super::{Delay, Deserialize, Span, millis};

    pub fn serialize<S: serde::Serializer>(
        delay: &Delay,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        use serde::Serialize;
        (crate::sim::Time(delay.min.0), crate::sim::Time(delay.max.0)).serialize(serializer)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Delay, D::Error> {
        let (min, max) = <(f64, f64)>::deserialize(deserializer)?;
        let ns = |ms| millis::to_ns(ms).map(Span).map_err(serde::de::Error::custom);
        Ok(Delay { min: ns(min)?, max: ns(max)? })
    }
}

/// An optional range of timeouts.
mod optional_delay {
    use super::{Delay, Deserialize, delay};

    #[allow(clippy::ref_option)] // the signature that serde calls
    pub fn serialize<S: serde::Serializer>(
        range: &Option<Delay>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match range {
            Some(range) => delay::serialize(range, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Delay>, D::Error> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Range(#[serde(with = "delay")] Delay);
        Ok(Option::<Range>::deserialize(deserializer)?.map(|range| range.0))
    }
}

/// An optional span.
mod optional_span {
    use super::{Deserialize, Span, Time};

    #[allow(clippy::ref_option)] // the signature that serde calls
    pub fn serialize<S: serde::Serializer>(
        span: &Option<Span>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        use serde::Serialize;
        span.map(|span| Time(span.0)).serialize(serializer)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Span>, D::Error> {
        Ok(Option::<Time>::deserialize(deserializer)?.map(|time| Span(time.0)))
    }
}
