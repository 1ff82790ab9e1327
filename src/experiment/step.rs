//! The steps of a scenario. A cluster that is driven by hand records its steps.

use serde::{Deserialize, Serialize};

use super::symbols::Symbols;
use crate::fault::links::MessageFilter;
use crate::fault::{Condition, Names, Scheduled};
use crate::protocol::{NodeSet, ReadPath, Span};
use crate::replica::{
    Change, Command, MAX_MEMBERS, Members, Membership, Op, Reconfiguration, Session,
};
use crate::sim::time::millis;
use crate::sim::{Matching, Time};

/// A step of a scenario.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Let time pass, in milliseconds.
    Run(#[serde(with = "millis::span")] Span),
    /// Let time pass up to a time.
    RunTo(Time),
    /// Let time pass until a condition holds.
    RunUntil {
        /// The condition.
        until: Condition,
        /// The maximum duration.
        #[serde(with = "millis::span")]
        limit: Span,
    },
    /// Dispatch a number of events.
    Events {
        /// The number of events.
        count: u64,
        /// True if they led to a state where a Python predicate held; another seed dispatches as
        /// many events.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        python: bool,
    },
    /// Do this many of the actions that are planned for now: the run was stopped between actions of
    /// one time.
    Planned(u64),
    /// Do something.
    Do(Action),
    /// Continue with the random draws of another seed.
    Reseed(u64),
}

/// An action on a cluster.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Injects a fault, now or at its time. Faults have the handles 1, 2, 3 … in the order of
    /// injection.
    Inject(Box<Scheduled>),
    /// Ends one fault, or all network faults.
    Heal {
        /// The fault's handle; all network faults if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handle: Option<u32>,
    },
    /// A client proposes a command. Operations have the ids 1, 2, 3 … in order.
    Propose {
        /// The command.
        command: CommandSpec,
        /// The node to ask; if not given, the leader of the highest term that the client can reach.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// The node next to which the client is, for partitions; outside every partition if not
        /// given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<String>,
        /// The client's name, if it has a session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
    },
    /// A client reads.
    Read {
        /// The key.
        key: String,
        /// The read path.
        via: ReadPath,
        /// The node to ask.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// The node next to which the client is, for partitions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<String>,
    },
    /// A client retries an operation.
    Retry {
        /// The operation's id.
        op: u64,
        /// The node to ask.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// The node next to which the client is, for partitions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<String>,
    },
    /// A client stops waiting for an answer.
    GiveUp {
        /// The operation's id.
        op: u64,
    },
    /// Asks a leader to change the configuration (§6, diss. ch. 4).
    Configure {
        /// The change.
        change: Reconfigure,
        /// The node to ask; if not given, the leader of the highest term.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// Asks a leader to hand over its leadership (diss. §3.10).
    Transfer {
        /// The node that is to lead.
        to: String,
        /// The node to ask; if not given, the leader of the highest term.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// Asks a leader to stop leading.
    StepDown {
        /// The node to ask; if not given, the leader of the highest term.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// A node starts an election, as if its timer had expired.
    Campaign {
        /// Its name.
        node: String,
    },
    /// Moves a message by hand.
    Message {
        /// The message.
        message: MessageName,
        /// What to do with it.
        #[serde(rename = "do")]
        what: ByHand,
        /// The delay until it arrives, if it is released.
        #[serde(default, with = "millis::span")]
        after: Span,
    },
    /// Delivers messages that a link holds.
    Deliver(Held),
    /// Defers an action to a later time.
    At {
        /// The time, from the beginning of the run.
        time: Time,
        /// The action.
        action: Box<Action>,
    },
    /// Defers an action until a condition holds.
    Once {
        /// The condition, armed now.
        condition: Condition,
        /// The action.
        action: Box<Action>,
    },
}

/// A change of the configuration.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reconfigure {
    /// Starts a machine, if it does not run yet, and makes it a learner.
    Add(String),
    /// Makes a node a voter at once. A machine that does not run yet is started.
    AddVoter(String),
    /// Makes a learner a voter, once it has caught up.
    Promote(String),
    /// Makes a voter a learner.
    Demote(String),
    /// Removes a member.
    Remove(String),
    /// Any configuration, by way of a joint one.
    Joint {
        /// The voters.
        voters: Vec<String>,
        /// The learners.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        learners: Vec<String>,
        /// True if the joint configuration stays until [`Reconfigure::Leave`].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stays: bool,
    },
    /// Leaves the joint configuration.
    Leave,
}

impl Reconfigure {
    /// The machines that it may start.
    pub fn machines(&self) -> Vec<&String> {
        match self {
            Self::Add(_) | Self::AddVoter(_) | Self::Joint { .. } => self.nodes(),
            _ => Vec::new(),
        }
    }

    /// All nodes that it names.
    pub fn nodes(&self) -> Vec<&String> {
        match self {
            Self::Add(node)
            | Self::AddVoter(node)
            | Self::Promote(node)
            | Self::Demote(node)
            | Self::Remove(node) => vec![node],
            Self::Joint { voters, learners, .. } => voters.iter().chain(learners).collect(),
            Self::Leave => Vec::new(),
        }
    }

    /// As the protocol knows it, if all names are known.
    pub fn request(&self, names: &Names) -> Result<Reconfiguration, String> {
        let set = |list: &[String]| {
            list.iter().try_fold(NodeSet::default(), |mut set, name| {
                if set.insert(names.id(name)?) {
                    Ok(set)
                } else {
                    Err(format!("'{name}' is named twice"))
                }
            })
        };
        Ok(match self {
            Self::Add(node) => Reconfiguration::One(Change::AddLearner(names.id(node)?)),
            Self::Demote(node) => Reconfiguration::Demote(names.id(node)?),
            Self::AddVoter(node) => Reconfiguration::One(Change::AddVoter(names.id(node)?)),
            Self::Promote(node) => Reconfiguration::Promote(names.id(node)?),
            Self::Remove(node) => Reconfiguration::One(Change::Remove(names.id(node)?)),
            Self::Joint { voters, learners, stays } => {
                let (voters, learners) = (set(voters)?, set(learners)?);
                if let Some(node) = voters.intersection(&learners).iter().next() {
                    return Err(format!("{} cannot be both voter and learner", names.name(node)));
                }
                let wanted =
                    Membership { voters, learners, stays: *stays, ..Membership::default() };
                let members = Members::of(&wanted).ok_or_else(too_many)?;
                Reconfiguration::Joint(members)
            }
            Self::Leave => Reconfiguration::Leave,
        })
    }
}

/// The error of a membership with too many machines.
pub fn too_many() -> String {
    format!("only clusters of at most {MAX_MEMBERS} machines can change their membership")
}

impl Action {
    /// The machines that it, or the action that it defers, may start.
    pub fn machines(&self) -> Vec<&String> {
        match self {
            Action::Configure { change, .. } => change.machines(),
            Action::At { action, .. } | Action::Once { action, .. } => action.machines(),
            _ => Vec::new(),
        }
    }

    /// Whether it waits for a violation, which only checks can find.
    pub fn needs_checks(&self) -> bool {
        match self {
            Action::Inject(fault) => fault.needs_checks(),
            Action::At { action, .. } => action.needs_checks(),
            Action::Once { condition, action } => condition.needs_checks() || action.needs_checks(),
            _ => false,
        }
    }

    /// The number of nested deferrals.
    pub fn depth(&self) -> usize {
        let (mut depth, mut action) = (0, self);
        while let Action::At { action: inner, .. } | Action::Once { action: inner, .. } = action {
            (depth, action) = (depth + 1, inner);
        }
        depth
    }
}

/// Messages that a link holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The sender.
    pub from: String,
    /// The receiver.
    pub to: String,
    /// Their types; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Which of them.
    #[serde(default, skip_serializing_if = "Which::is_first")]
    pub which: Which,
}

impl Held {
    /// The link and the types, if they are known.
    pub fn matching(&self, names: &Names) -> Result<Matching, String> {
        let (from, to) = (names.id(&self.from)?, names.id(&self.to)?);
        if from == to {
            return Err(format!("there is no link from {0} to {0}", self.from));
        }
        let filter = MessageFilter { types: self.types.clone(), ..MessageFilter::default() };
        let set = |id| [id].into_iter().collect();
        let kinds = filter.kinds()?;
        Ok(Matching { from: set(from), to: set(to), both_ways: false, kinds })
    }
}

/// Some of the messages of a link, in the order in which they were sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one that was sent first.
    #[default]
    First,
    /// The one that was sent last.
    Last,
    /// All of them, one after the other.
    All,
}

impl Which {
    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
    fn is_first(&self) -> bool {
        *self == Self::First
    }
}

/// What can be done with a message by hand.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ByHand {
    /// Deliver it now.
    Deliver,
    /// Hold it.
    Hold,
    /// Release it.
    Release,
    /// Drop it.
    Drop,
    /// Make a copy, which is held.
    Duplicate,
}

/// Identifies a message by its nodes: the `ordinal`-th from one to the other, counted from 0.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MessageName {
    /// The sender.
    pub from: String,
    /// The receiver.
    pub to: String,
    /// Counted from 0.
    pub ordinal: u64,
    /// 0 for the original, 1 and up for copies.
    #[serde(default)]
    pub copy: u8,
}

/// A command with names for keys and values.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub enum CommandSpec {
    /// Sets a key.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// Reads a key through the log.
    Get {
        /// The key.
        key: String,
    },
    /// Sets a key if it has exactly the expected value.
    Cas {
        /// The key.
        key: String,
        /// The value that it must have.
        expected: String,
        /// The value.
        value: String,
    },
    /// Adds an item to the list at a key.
    Append {
        /// The key.
        key: String,
        /// The item.
        value: String,
    },
    /// A configuration, which only an interceptor can write by hand.
    Config(MembersSpec),
}

impl CommandSpec {
    /// The short form of a put, `key=value`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self::Put { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!(
                "a command must be written 'key=value', not '{text}'; or use put, get, cas or append"
            )),
        }
    }

    /// The command of an entry; `None` for an empty entry.
    pub fn of(op: Op, symbols: &Symbols) -> Option<Self> {
        let value = |value| symbols.value_text(value);
        let key = |key| symbols.key_text(key);
        Some(match op {
            Op::Noop => return None,
            Op::Put { key: k, value: v } => Self::Put { key: key(k), value: value(v) },
            Op::Get { key: k } => Self::Get { key: key(k) },
            Op::Cas { key: k, expected, value: v } => {
                Self::Cas { key: key(k), expected: value(expected), value: value(v) }
            }
            Op::Append { key: k, value: v } => Self::Append { key: key(k), value: value(v) },
            Op::Config(members) => Self::Config(MembersSpec::of(members)),
        })
    }

    /// The command as the protocol carries it.
    pub fn command(&self, symbols: &mut Symbols, session: Session) -> Command {
        let op = match self {
            Self::Put { key, value } => {
                Op::Put { key: symbols.key(key), value: symbols.value(value) }
            }
            Self::Get { key } => Op::Get { key: symbols.key(key) },
            Self::Cas { key, expected, value } => Op::Cas {
                key: symbols.key(key),
                expected: symbols.value(expected),
                value: symbols.value(value),
            },
            Self::Append { key, value } => {
                Op::Append { key: symbols.key(key), value: symbols.value(value) }
            }
            Self::Config(members) => Op::Config(members.members()),
        };
        Command { op, session }
    }
}

/// A configuration by the positions of its nodes.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MembersSpec {
    /// The voters.
    pub voters: Vec<u8>,
    /// The voters before, if it is joint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outgoing: Vec<u8>,
    /// The learners, and outgoing voters that become learners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<u8>,
    /// Whether a joint one waits for an order to leave it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
}

impl MembersSpec {
    /// That of an entry.
    pub fn of(members: Members) -> Self {
        let list = |mask: u32| (0..MAX_MEMBERS as u8).filter(|at| mask >> at & 1 == 1).collect();
        let [voters, outgoing, learners] = members.words();
        Self {
            voters: list(voters),
            outgoing: list(outgoing),
            learners: list(learners),
            stays: members.membership().stays,
        }
    }

    /// Says what is invalid in a cluster of this many nodes.
    pub fn validate(&self, nodes: usize) -> Result<(), String> {
        let known = nodes.min(MAX_MEMBERS);
        let mut every = self.voters.iter().chain(&self.outgoing).chain(&self.learners);
        if let Some(at) = every.find(|at| usize::from(**at) >= known) {
            return Err(format!(
                "a configuration names node {at} of {known} nodes, which count from 0"
            ));
        }
        if self.voters.is_empty() {
            return Err("a configuration needs at least one voter".to_owned());
        }
        match self.voters.iter().find(|at| self.learners.contains(at)) {
            Some(at) => {
                Err(format!("a configuration names node {at} both as voter and as learner"))
            }
            None => Ok(()),
        }
    }

    /// As an entry carries it.
    pub fn members(&self) -> Members {
        let such = |at: &&u8| usize::from(**at) < MAX_MEMBERS;
        let mask = |list: &[u8]| list.iter().filter(such).fold(0, |mask, at| mask | 1 << at);
        let words = [mask(&self.voters), mask(&self.outgoing), mask(&self.learners)];
        let members = Members::from_words(words).membership();
        Members::of(&Membership { stays: self.stays, ..members }).unwrap_or_default()
    }
}

/// A command as plots and tables show it.
pub fn command_text(command: &Command, symbols: &Symbols, names: &Names) -> String {
    let (key, value) = (|key| symbols.key_text(key), |value| symbols.value_text(value));
    match command.op {
        Op::Noop => "no-op".into(),
        Op::Put { key: k, value: v } => format!("{}={}", key(k), value(v)),
        Op::Get { key: k } => format!("get {}", key(k)),
        Op::Cas { key: k, expected, value: v } => {
            format!("{}:{}→{}", key(k), value(expected), value(v))
        }
        Op::Append { key: k, value: v } => format!("{}+={}", key(k), value(v)),
        Op::Config(members) => members.membership().text(|id| names.name(id).to_owned()),
    }
}
