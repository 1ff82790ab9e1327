//! What a scenario does, step by step. A cluster that is driven by hand writes these down.

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::symbols::Symbols;
use crate::fault::Scheduled;
use crate::protocol::{ReadPath, Span};
use crate::raft::{Command, Op, Session};
use crate::sim::Time;
use crate::sim::time::millis;

/// A step of a scenario.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Let time pass, in milliseconds.
    Run(#[serde(with = "millis::span")] Span),
    /// Let time pass up to a moment.
    RunTo(Time),
    /// Let time pass until a condition holds.
    RunUntil {
        /// The condition.
        until: Condition,
        /// How long at most.
        #[serde(with = "millis::span")]
        limit: Span,
    },
    /// Dispatch so many events.
    Events {
        /// How many.
        count: u64,
        /// They led to where a condition held that was written in Python; another seed goes on for as many
        /// events.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        python: bool,
    },
    /// Do the next things that are planned for now, so many of them: a run stopped among those of one moment.
    Planned(u64),
    /// Do something.
    Do(Action),
    /// From here on the luck of another seed.
    Reseed(u64),
}

/// Something that is done to a cluster.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// A fault, now or at its time. Faults have handles 1, 2, 3 … in the order in which they are given.
    Inject(Box<Scheduled>),
    /// Ends one fault, or all of the network.
    Heal {
        /// Which; all of the network if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handle: Option<u32>,
    },
    /// A client asks for a command to be replicated. Operations have ids 1, 2, 3 … in order.
    Propose {
        /// What.
        command: CommandSpec,
        /// Node that is asked; the highest-term leader that the client can reach if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// Beside which node the client stands; outside every partition if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<String>,
        /// The client's name, if it has a session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
    },
    /// A client reads.
    Read {
        /// Which key.
        key: String,
        /// How.
        via: ReadPath,
        /// Node that is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// Beside which node the client stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<String>,
    },
    /// A client sends the same request again.
    Retry {
        /// The operation's id.
        op: u64,
        /// Node that is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// Beside which node the client stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<String>,
    },
    /// A client stops waiting.
    GiveUp {
        /// The operation's id.
        op: u64,
    },
    /// A node stands for election, as if its timer had run out.
    Campaign {
        /// Its name.
        node: String,
    },
    /// A message is moved by hand.
    Message {
        /// Which.
        message: MessageName,
        /// How.
        #[serde(rename = "do")]
        what: ByHand,
        /// When it arrives, if it is released.
        #[serde(default, with = "millis::span")]
        after: Span,
    },
    /// Something is done at a later time.
    At {
        /// When, from the beginning of the run.
        time: Time,
        /// What.
        action: Box<Action>,
    },
}

impl Action {
    /// How often it is put off.
    pub fn depth(&self) -> usize {
        let (mut depth, mut action) = (0, self);
        while let Action::At { action: inner, .. } = action {
            (depth, action) = (depth + 1, inner);
        }
        depth
    }
}

/// How a message is moved by hand.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ByHand {
    /// It arrives now.
    Deliver,
    /// It stays where it is.
    Hold,
    /// It travels on.
    Release,
    /// It never arrives.
    Drop,
    /// There are two of it; the copy is held.
    Duplicate,
}

/// A message by the names of its nodes: the `ordinal`-th from one to the other, counted from 0.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MessageName {
    /// The sender.
    pub from: String,
    /// The receiver.
    pub to: String,
    /// Counted from 0.
    pub ordinal: u64,
    /// 0 for the message itself, 1 and up for copies.
    #[serde(default)]
    pub copy: u8,
}

/// A command in words.
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

    /// What an entry carries, in words; an empty one carries nothing.
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
        })
    }

    /// As the protocol carries it.
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
        };
        Command { op, session }
    }
}

/// A command as pictures and tables show it.
pub fn command_text(command: &Command, symbols: &Symbols) -> String {
    let (key, value) = (|key| symbols.key_text(key), |value| symbols.value_text(value));
    match command.op {
        Op::Noop => "no-op".into(),
        Op::Put { key: k, value: v } => format!("{}={}", key(k), value(v)),
        Op::Get { key: k } => format!("get {}", key(k)),
        Op::Cas { key: k, expected, value: v } => {
            format!("{}:{}→{}", key(k), value(expected), value(v))
        }
        Op::Append { key: k, value: v } => format!("{}+={}", key(k), value(v)),
    }
}
