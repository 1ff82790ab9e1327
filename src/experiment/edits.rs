//! Recorded edits of messages by interceptors, which a replay with the same seed applies again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::playable::Playable;
use super::step::{CommandSpec, MembersSpec, MessageName};
use super::symbols::Symbols;
use crate::fault::Names;
use crate::protocol::{NodeId, Span};
use crate::raft::fields::{Change, Content, Editable, Holdings};
use crate::raft::{Payload, Snapshot};
use crate::replica::{Command, Session};
use crate::sim::time::millis;
use crate::sim::{Edit, Forged, MessageId};

/// The edits of interceptors. They can be replayed only with the seed of the recorded run.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// The seed of the recorded run.
    pub seed: u64,
    /// All keys of that run in order of first use, if an edit names one, so that a replay numbers
    /// them equally.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// All values of that run that are texts, in order of first use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// The edits, message by message.
    pub edits: Vec<(MessageName, EditSpec)>,
}

/// An edit of one message ([`Edit`]).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EditSpec {
    /// True if the message is never sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop: bool,
    /// The new values, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, FieldSpec>,
    /// The sender that it claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The additional delay before it is sent.
    #[serde(default, with = "millis::span", skip_serializing_if = "is_zero")]
    pub delay: Span,
    /// Its copies, each by its delay after the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Later>,
    /// Additional messages, sent after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sends: Vec<ForgedSpec>,
}

/// A forged message. Fields that are not given are 0, false or empty.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ForgedSpec {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The sender that it claims, if not the true one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its receiver.
    pub to: String,
    /// The additional delay before it is sent.
    #[serde(default, with = "millis::span", skip_serializing_if = "is_zero")]
    pub delay: Span,
    /// Its values, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldSpec>,
}

/// A time in milliseconds, in a list.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Later(#[serde(with = "millis::span")] pub Span);

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
fn is_zero(span: &Span) -> bool {
    *span == Span::ZERO
}

/// The value of a field.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged, expecting = "expected a number, a truth value, entries or a snapshot")]
pub enum FieldSpec {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(u64),
    /// Entries of the log.
    Entries(Vec<EntrySpec>),
    /// A snapshot.
    Snapshot(SnapshotSpec),
}

impl FieldSpec {
    /// Its configurations.
    fn configurations(&self) -> Vec<&MembersSpec> {
        match self {
            FieldSpec::Flag(_) | FieldSpec::Number(_) => Vec::new(),
            FieldSpec::Entries(entries) => {
                let commands = entries.iter().filter_map(|entry| entry.command.as_ref());
                commands
                    .filter_map(|command| match command {
                        CommandSpec::Config(members) => Some(members),
                        _ => None,
                    })
                    .collect()
            }
            FieldSpec::Snapshot(snapshot) => snapshot.config.iter().collect(),
        }
    }
}

/// An entry as a message carries it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EntrySpec {
    /// The term in which a leader received it.
    pub term: u64,
    /// Its command; `None` for a new leader's empty entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandSpec>,
    /// Client, serial number and lowest unanswered serial number, if the client has a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<(u32, u32, u32)>,
}

/// A snapshot as a message carries it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSpec {
    /// The last index that it covers.
    pub index: u64,
    /// The term of the entry there.
    pub term: u64,
    /// Keys with their items.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub store: BTreeMap<String, Vec<String>>,
    /// Sessions: the client, its lowest unanswered serial number, and the serial numbers that were
    /// applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<(u32, u32, Vec<u32>)>,
    /// The configuration, unless it is that at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<MembersSpec>,
}

/// The highest index that a forged snapshot may claim: the checks keep a word for every index
/// below.
pub const MAX_SNAPSHOT_INDEX: u64 = 1_000_000;
/// The highest client number in a forged entry or snapshot: a store keeps a slot for every number
/// below.
pub const MAX_SESSION_CLIENT: u32 = 1_000_000;
/// The maximum number of copies that an interceptor may make of a message.
pub const MAX_COPIES: usize = 100;

impl Edits {
    /// The edits that were recorded in a run.
    pub fn of<M: Editable>(
        seed: u64,
        recorded: &[(MessageId, Edit<M>)],
        names: &Names,
        symbols: &Symbols,
        name: impl Fn(MessageId) -> MessageName,
    ) -> Option<Self> {
        if recorded.is_empty() {
            return None;
        }
        let words = Words { names, symbols };
        let edits: Vec<_> =
            recorded.iter().map(|(id, edit)| (name(*id), words.edit(edit))).collect();
        let mut written = Self { seed, edits, ..Self::default() };
        if written.edits.iter().any(|(_, edit)| edit.has_texts()) {
            (written.keys, written.values) = symbols.texts();
        }
        Some(written)
    }

    /// Checks that it is valid in a cluster of these nodes.
    pub fn validate<P: Playable>(&self, names: &Names) -> Result<(), String> {
        self.edits.iter().try_for_each(|(name, edit)| {
            names.id(&name.from)?;
            names.id(&name.to)?;
            edit.read::<P::Message>(names, &mut Symbols::default(), None).map(|_| ())
        })
    }
}

impl EditSpec {
    /// Whether it names a key or a value.
    fn has_texts(&self) -> bool {
        self.fields().any(|field| matches!(field, FieldSpec::Entries(_) | FieldSpec::Snapshot(_)))
    }

    fn fields(&self) -> impl Iterator<Item = &FieldSpec> {
        self.set.values().chain(self.sends.iter().flat_map(|send| send.fields.values()))
    }

    /// Converts it to the world's form, or says what is invalid. `message` is the edited message
    /// and its receiver, if the message exists.
    pub fn read<M: Editable>(
        &self,
        names: &Names,
        symbols: &mut Symbols,
        message: Option<(&M, NodeId)>,
    ) -> Result<Edit<M>, String> {
        let claim = |from: &Option<String>, to: Option<NodeId>| {
            let from = from.as_ref().map(|from| names.id(from)).transpose()?;
            match from.filter(|from| Some(*from) == to) {
                Some(_) => Err("a message cannot claim to be from its receiver".to_owned()),
                None => Ok(from),
            }
        };
        if self.copies.len() > MAX_COPIES {
            return Err(format!(
                "a message can have at most {MAX_COPIES} copies, not {}",
                self.copies.len()
            ));
        }
        for members in self.fields().flat_map(FieldSpec::configurations) {
            members.validate(names.len())?;
        }
        let of = message.map(|(message, _)| message);
        let changes = self.set.iter().map(|(name, field)| change(of, name, field, symbols));
        let mut edit = Edit {
            drop: self.drop,
            changes: changes.collect::<Result<_, String>>()?,
            from: claim(&self.from, message.map(|(_, to)| to))?,
            delay: self.delay,
            copies: self.copies.iter().map(|later| later.0).collect(),
            sends: Vec::with_capacity(self.sends.len()),
        };
        for send in &self.sends {
            let to = names.id(&send.to)?;
            edit.sends.push(Forged {
                from: claim(&send.from, Some(to))?,
                to,
                delay: send.delay,
                message: send.message(symbols)?,
            });
        }
        Ok(edit)
    }
}

impl ForgedSpec {
    fn message<M: Editable>(&self, symbols: &mut Symbols) -> Result<M, String> {
        let Some(mut message) = M::blank(&self.kind) else {
            let made = M::KINDS.iter().filter(|kind| M::blank(kind).is_some());
            let known = made.copied().collect::<Vec<_>>().join(", ");
            return Err(format!("unknown message type '{}'; accepted are {known}", self.kind));
        };
        for (name, field) in &self.fields {
            let change = change(Some(&message), name, field, symbols)?;
            message.change(&change);
        }
        Ok(message)
    }
}

/// The static name of a field of any message.
fn known_field<M: Editable>(name: &str) -> Option<(&'static str, Content)> {
    let mut fields = M::samples().into_iter().flat_map(|message| message.contents());
    fields.find(|(field, _)| *field == name)
}

/// A change of a field; checked against the message if it is known.
fn change<M: Editable>(
    message: Option<&M>,
    name: &str,
    field: &FieldSpec,
    symbols: &mut Symbols,
) -> Result<Change, String> {
    let fields = message.map(M::contents);
    let found = match &fields {
        Some(fields) => fields.iter().find(|(field, _)| *field == name).cloned(),
        None => known_field::<M>(name),
    };
    let Some((known, old)) = found else {
        let kind = message.map_or("message", |m| M::KINDS[usize::from(m.kind())]);
        let names = fields.map_or_else(String::new, |fields| {
            let names: Vec<_> = fields.into_iter().map(|(name, _)| name).collect();
            format!("; it has {}", names.join(", "))
        });
        return Err(format!("unknown field '{name}' of {kind}{names}"));
    };
    let content = match (field, &old) {
        (FieldSpec::Flag(flag), Content::Flag(_)) => Content::Flag(*flag),
        (FieldSpec::Flag(flag), Content::Number(_)) => Content::Number(u64::from(*flag)),
        (FieldSpec::Number(number), Content::Number(_)) => Content::Number(*number),
        (FieldSpec::Number(number), Content::Flag(_)) => Content::Flag(*number != 0),
        (FieldSpec::Entries(entries), Content::Entries(_)) => {
            let entries = entries.iter().map(|entry| entry.read(symbols));
            Content::Entries(Payload::forged(entries.collect::<Result<Vec<_>, _>>()?))
        }
        (FieldSpec::Snapshot(snapshot), Content::Snapshot(_)) => {
            Content::Snapshot(Arc::new(snapshot.read(symbols)?))
        }
        _ => return Err(format!("field '{known}' must be {}", old.kind())),
    };
    Ok(Change { field: known, content })
}

fn check_client(client: u32) -> Result<(), String> {
    if (1..=MAX_SESSION_CLIENT).contains(&client) {
        return Ok(());
    }
    Err(format!("the client of a session must be from 1 to {MAX_SESSION_CLIENT}, not {client}"))
}

impl EntrySpec {
    fn read(&self, symbols: &mut Symbols) -> Result<(u64, Command), String> {
        let session = match self.session {
            Some((client, seq, low)) => {
                check_client(client)?;
                Session { client, seq, low }
            }
            None => Session::default(),
        };
        let empty = Command { session, ..Command::default() };
        let command = self.command.as_ref().map_or(empty, |spec| spec.command(symbols, session));
        Ok((self.term, command))
    }
}

impl SnapshotSpec {
    fn read(&self, symbols: &mut Symbols) -> Result<Snapshot, String> {
        if !(1..=MAX_SNAPSHOT_INDEX).contains(&self.index) {
            return Err(format!(
                "the index of a snapshot must be from 1 to {MAX_SNAPSHOT_INDEX}, not {}",
                self.index
            ));
        }
        let mut held = Holdings { index: self.index, term: self.term, ..Holdings::default() };
        for (key, items) in &self.store {
            let items = items.iter().map(|item| symbols.value(item)).collect();
            held.store.push((symbols.key(key), items));
        }
        self.sessions.iter().try_for_each(|(client, ..)| check_client(*client))?;
        held.sessions.clone_from(&self.sessions);
        held.members = self.config.as_ref().map(MembersSpec::members);
        Ok(Snapshot::forged(&held))
    }
}

/// Converts numbers of the protocol to names and texts.
pub struct Words<'a> {
    /// The nodes.
    pub names: &'a Names,
    /// Keys and values.
    pub symbols: &'a Symbols,
}

impl Words<'_> {
    fn edit<M: Editable>(&self, edit: &Edit<M>) -> EditSpec {
        let name = |id: NodeId| self.names.name(id).to_owned();
        let sends = edit.sends.iter().map(|forged| ForgedSpec {
            kind: M::KINDS[usize::from(forged.message.kind())].to_owned(),
            from: forged.from.map(name),
            to: name(forged.to),
            delay: forged.delay,
            fields: self.fields(&forged.message).map(|(n, f)| (n.to_owned(), f)).collect(),
        });
        let set = edit.changes.iter().map(|change| {
            let content = self.field(&change.content);
            (change.field.to_owned(), content)
        });
        EditSpec {
            drop: edit.drop,
            set: set.collect(),
            from: edit.from.map(name),
            delay: edit.delay,
            copies: edit.copies.iter().copied().map(Later).collect(),
            sends: sends.collect(),
        }
    }

    /// The fields of a message.
    pub fn fields<M: Editable>(
        &self,
        message: &M,
    ) -> impl Iterator<Item = (&'static str, FieldSpec)> + use<'_, M> {
        let fields = message.contents().into_iter();
        fields.map(|(name, content)| (name, self.field(&content)))
    }

    fn field(&self, content: &Content) -> FieldSpec {
        match content {
            Content::Number(number) => FieldSpec::Number(*number),
            Content::Flag(flag) => FieldSpec::Flag(*flag),
            Content::Entries(payload) => FieldSpec::Entries(
                payload.entries().iter().map(|e| self.entry(e.term, &e.command)).collect(),
            ),
            Content::Snapshot(snapshot) => FieldSpec::Snapshot(self.snapshot(snapshot)),
        }
    }

    fn entry(&self, term: u64, command: &Command) -> EntrySpec {
        let Session { client, seq, low } = command.session;
        EntrySpec {
            term,
            command: CommandSpec::of(command.op, self.symbols),
            session: (client > 0).then_some((client, seq, low)),
        }
    }

    fn snapshot(&self, snapshot: &Snapshot) -> SnapshotSpec {
        let store = snapshot.machine.contents().map(|(key, items)| {
            let items = items.iter().map(|item| self.symbols.value_text(*item));
            (self.symbols.key_text(key), items.collect())
        });
        SnapshotSpec {
            index: snapshot.base.index,
            term: snapshot.base.term,
            store: store.collect(),
            sessions: snapshot.machine.sessions().collect(),
            config: snapshot.members.map(MembersSpec::of),
        }
    }
}
