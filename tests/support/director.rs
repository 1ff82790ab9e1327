//! Plays a script: sets a cluster up, holds every message, and moves them by the script's commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use raftlab::protocol::{
    Delay, Message as _, NodeId, NodeSet, OpId, Protocol as _, ReadPath, Span, TimerId,
};
use raftlab::raft::fields::{Change, Content, Editable as _};
use raftlab::raft::{Config, Node, RaftMessage, Rule};
use raftlab::replica::{
    Change as OneChange, Command, Key, Members, Membership, Op, Reconfiguration, Request, Session,
    Value,
};
use raftlab::replica::{ELECTION, HEARTBEAT, QUORUM};
use raftlab::sim::world::{Failure, Outgoing, Stopped, Tap};
use raftlab::sim::{
    DiskSpec, Distribution, Edit, Latency, Matching, MessageId, NetworkSpec, Time, Unsynced, World,
    WorldSpec,
};

use super::cluster;
use super::names::{items, key, letter, name};
use super::teller::Teller;

/// The part of Raft that is removed for a run of a script.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Without<'a> {
    /// A rule, by the name of its bug.
    Rule(&'a str),
    /// A switch, set to a value that overrides the script.
    Switch(&'a str),
}

/// A command that cannot be read, or that has nothing to act on.
pub type Fault = String;

/// The cluster of one script.
pub struct Director<'a> {
    without: Option<Without<'a>>,
    setup: Setup,
    world: Option<World<Node, Teller>>,
}

/// A cluster before its start.
#[derive(Clone)]
struct Setup {
    /// The nodes, and then the machines that may be added.
    nodes: Vec<NodeSetup>,
    founding: usize,
    disk: DiskSpec,
    /// The latency of messages, if they are not held.
    latency: Option<Span>,
    seed: u64,
}

#[derive(Clone)]
struct NodeSetup {
    config: Config,
    log: Vec<u64>,
    term: Option<u64>,
    commit: u64,
    leads: bool,
}

/// Messages in flight: `A->B`, `AB->*`, `all`; then a kind; then `first` or `last` of these.
struct Pattern {
    from: NodeSet,
    to: NodeSet,
    kind: Option<u8>,
    pick: Pick,
}

#[derive(Clone, Copy, PartialEq)]
enum Pick {
    All,
    First,
    Last,
}

/// The number of rounds after which `stabilize` gives up; more than any script needs.
const MOST_ROUNDS: usize = 50;

impl<'a> Director<'a> {
    pub fn new(without: Option<Without<'a>>) -> Self {
        let setup = Setup {
            nodes: Vec::new(),
            founding: 0,
            disk: DiskSpec::default(),
            latency: None,
            seed: 1,
        };
        Self { without, setup, world: None }
    }

    /// Executes a line of the script and returns its effects.
    pub fn obey(&mut self, line: &str) -> Result<Vec<String>, Fault> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [verb, args @ ..] = &words[..] else { return Ok(Vec::new()) };
        if self.prepare(verb, args)? {
            return Ok(Vec::new());
        }
        self.begin()?;
        self.act(verb, args)?;
        Ok(self.world()?.observer_mut().take())
    }

    /// Commands that describe the cluster before its start; true if this is one.
    fn prepare(&mut self, verb: &str, args: &[&str]) -> Result<bool, Fault> {
        match (verb, args) {
            ("nodes", [count]) => {
                let mut config = cluster::config();
                if let Some(Without::Rule(bug)) = self.without {
                    let known = |rule: &&Rule| rule.bug() == bug;
                    let rule = Rule::ALL.iter().find(known).ok_or(format!("no rule '{bug}'"))?;
                    config.rules = config.rules.without(*rule);
                }
                let (log, term, commit, leads) = (Vec::new(), None, 0, false);
                let node = NodeSetup { config, log, term, commit, leads };
                self.setup.founding = number(count)? as usize;
                self.setup.nodes = vec![node; self.setup.founding];
                self.set(Vec::new())?;
            }
            ("spare", [count]) => {
                let node = self.setup.nodes.last().ok_or("a script begins with 'nodes'")?.clone();
                self.setup.nodes.extend(vec![node; number(count)? as usize]);
            }
            ("config", settings) => self.set(settings.to_vec())?,
            ("log", [names, terms @ ..]) => {
                let terms: Vec<u64> =
                    terms.iter().map(|term| number(term)).collect::<Result<_, _>>()?;
                self.each_node(names, |node| node.log.clone_from(&terms))?;
            }
            ("term", [names, term]) => {
                let term = number(term)?;
                self.each_node(names, |node| node.term = Some(term))?;
            }
            ("commit", [names, index]) => {
                let index = number(index)?;
                self.each_node(names, |node| node.commit = index)?;
            }
            ("leader", [names, term]) => {
                let term = number(term)?;
                self.each_node(names, |node| (node.leads, node.term) = (true, Some(term)))?;
            }
            _ => return Ok(false),
        }
        if self.world.is_some() {
            return Err(format!("'{verb}' comes before the first action"));
        }
        Ok(true)
    }

    /// Settings, for all nodes or (with names before them) for some. The removed part of Raft
    /// overrides them.
    fn set(&mut self, mut settings: Vec<&str>) -> Result<(), Fault> {
        let mut whom = "*";
        if settings.first().is_some_and(|first| !first.contains('=')) {
            whom = settings.remove(0);
        }
        let switched = match self.without {
            Some(Without::Switch(switch)) => switch,
            _ => "",
        };
        for setting in settings.into_iter().chain(switched.split_whitespace()) {
            let (key, value) =
                setting.split_once('=').ok_or(format!("'{setting}' sets nothing"))?;
            match key {
                "disk" => self.setup.disk.fsync = Distribution::constant(span(value)?),
                "latency" => self.setup.latency = Some(span(value)?),
                "seed" => self.setup.seed = number(value)?,
                _ => {
                    for id in self.set_of(whom)?.iter() {
                        configure(&mut self.setup.nodes[id.at()].config, key, value)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The start.
    fn begin(&mut self) -> Result<(), Fault> {
        if self.world.is_some() {
            return Ok(());
        }
        let count = self.setup.founding;
        if count == 0 {
            return Err("a script begins with 'nodes'".into());
        }
        let nodes: Vec<Node> =
            (0..count).map(|at| self.setup.nodes[at].build(NodeId::from(at), count)).collect();
        let spares = &self.setup.nodes[count..];
        let mut teller = Teller::default();
        for (node, id) in nodes.iter().zip((0..count).map(NodeId::from)) {
            let commit = node.status().commit_index;
            teller.oracle.commits(id, node, 1..=commit);
            teller.oracle.acknowledged(commit);
        }
        let latency = Distribution::constant(self.setup.latency.unwrap_or_default());
        let network = NetworkSpec { latency: Latency::All(latency), ..NetworkSpec::default() };
        let (disk, seed) = (self.setup.disk.clone(), self.setup.seed);
        let spec = WorldSpec { nodes, network, disk, loads: Vec::new(), seed };
        let mut world = World::new(spec, teller);
        for (at, spare) in (count..).zip(spares) {
            world.make_room(Node::spare(NodeId::from(at), spare.config));
        }
        if self.setup.latency.is_none() {
            let all = NodeSet::first(self.setup.nodes.len());
            let everything = Matching { from: all, to: all, both_ways: false, kinds: None };
            world.hold_matching(0, everything);
            for id in under_way(&world, |_, _| true) {
                world.hold(id); // the first messages of initial leaders
            }
        }
        self.world = Some(world);
        Ok(())
    }

    fn act(&mut self, verb: &str, args: &[&str]) -> Result<(), Fault> {
        match (verb, args) {
            ("start", []) => Ok(()),
            ("propose", [node, write, rest @ ..]) => {
                let (id, op) = (self.id(node)?, operation(write)?);
                let command = Command { op, session: session(rest)? };
                self.world()?.request(Some(id), None, Request::Write(command));
                Ok(())
            }
            ("boot", [node]) => {
                let id = self.id(node)?;
                self.world()?.start(id).then_some(()).ok_or(format!("{node} runs"))
            }
            ("change", [node, how @ ..]) => {
                let (id, wanted) = (self.id(node)?, self.reconfiguration(how)?);
                self.world()?.request(Some(id), None, Request::Configure(wanted));
                Ok(())
            }
            ("transfer", [node, to]) => {
                let (id, to) = (self.id(node)?, self.id(to)?);
                self.world()?.request(Some(id), None, Request::Transfer(to));
                Ok(())
            }
            ("step_down", [node]) => {
                let id = self.id(node)?;
                self.world()?.request(Some(id), None, Request::StepDown);
                Ok(())
            }
            ("read", [node, what, via]) => {
                let id = self.id(node)?;
                let request = Request::Read { key: key_of(what)?, via: path(via)? };
                self.world()?.request(Some(id), None, request);
                Ok(())
            }
            ("edit", [link, fields @ ..]) => self.edit(link, fields),
            ("retry", [node, op]) => {
                let (id, op) = (self.id(node)?, OpId(number(op)?));
                self.world()?.request_again(op, Some(id), None);
                Ok(())
            }
            ("deliver", pattern) => self.each(pattern, World::deliver),
            ("call", pattern) => self.each(pattern, deliver_with_answers),
            ("drop", pattern) => self.each(pattern, World::drop_message),
            ("duplicate", pattern) => self.each(pattern, |world, id| world.duplicate(id).is_some()),
            ("stabilize", among) => self.stabilize(among),
            ("campaign" | "crash" | "restart" | "wipe" | "pause" | "resume", [node]) => {
                let id = self.id(node)?;
                let world = self.world()?;
                let done = match verb {
                    "campaign" => world.order(id, Request::Campaign),
                    "crash" => world.crash(id, Unsynced::Lose),
                    "restart" => world.restart(id),
                    "wipe" => world.wipe(id),
                    "pause" => world.pause(id),
                    _ => world.resume(id),
                };
                done.then_some(()).ok_or(format!("{node} cannot do that now"))
            }
            ("clock", [names, rate]) => {
                let (ids, rate) =
                    (self.set_of(names)?, rate.parse().map_err(|_| bad("rate", rate))?);
                let world = self.world()?;
                ids.iter().for_each(|id| world.set_clock_rate(id, rate));
                Ok(())
            }
            ("tick", [node, timer]) => self.tick(node, timer),
            ("run", [time]) => {
                let time = span(time)?;
                let until = self.world()?.now() + time;
                self.run(until)
            }
            ("log", []) => self.tell(|node, id| {
                let (base, entries) = (node.log().base(), node.log().entries());
                let terms = (base.index + 1..)
                    .zip(entries)
                    .map(|(index, entry)| format!(" {index}:{}", entry.term));
                let mut cells: Vec<String> = terms.collect();
                let committed = (node.status().commit_index - base.index) as usize;
                cells.insert(committed.min(cells.len()), " |".into());
                if base.index > 0 {
                    cells.insert(0, format!(" ..{}:{}", base.index, base.term));
                }
                format!("{}{}", name(id), cells.concat())
            }),
            ("state", []) => self.tell(|node, id| {
                let status = node.status();
                let vote = status.voted_for.map_or('-', name);
                let role = status.role.name();
                format!("{} {role}, term {}, vote {vote}", name(id), status.term)
            }),
            ("store", []) => self.tell(|node, id| {
                let cells = node.machine().contents();
                let told =
                    cells.map(|(key, values)| format!(" {}={}", letter(key), items(&values)));
                format!("{}{}", name(id), told.collect::<String>())
            }),
            _ => Err(format!("unknown command '{verb} {}'", args.join(" "))),
        }
    }

    /// `learner D`, `voter D`, `promote D`, `remove D`, `to ABD [+ E] [stay]`, `leave`.
    fn reconfiguration(&self, words: &[&str]) -> Result<Reconfiguration, Fault> {
        Ok(match words {
            ["learner", node] => Reconfiguration::One(OneChange::AddLearner(self.id(node)?)),
            ["voter", node] => Reconfiguration::One(OneChange::AddVoter(self.id(node)?)),
            ["remove", node] => Reconfiguration::One(OneChange::Remove(self.id(node)?)),
            ["promote", node] => Reconfiguration::Promote(self.id(node)?),
            ["demote", node] => Reconfiguration::Demote(self.id(node)?),
            ["leave"] => Reconfiguration::Leave,
            ["to", voters, rest @ ..] => {
                let learners = match rest {
                    ["+", learners, ..] => self.set_of(learners)?,
                    _ => NodeSet::default(),
                };
                let (voters, stays) = (self.set_of(voters)?, rest.last() == Some(&"stay"));
                let wanted = Membership { voters, learners, stays, ..Membership::default() };
                Reconfiguration::Joint(Members::of(&wanted).ok_or("too many nodes")?)
            }
            _ => return Err(bad("change", &words.join(" "))),
        })
    }

    /// Changes fields of the next message of a link.
    fn edit(&mut self, link: &str, fields: &[&str]) -> Result<(), Fault> {
        let (from, to) = arrow(link)?;
        let (from, to) = (self.id(from)?, self.id(to)?);
        let change = |word: &&str| {
            let (name, value) = word.split_once('=').ok_or(bad("field", word))?;
            Ok((name.to_owned(), number(value)?))
        };
        let said: Vec<(String, u64)> = fields.iter().map(change).collect::<Result<_, Fault>>()?;
        let done = AtomicBool::new(false);
        let tap: Tap<Node> = Arc::new(move |outgoing: &Outgoing<'_, Node>| {
            let link = (outgoing.id.from, outgoing.id.to);
            if link != (from, to) || done.swap(true, Ordering::Relaxed) {
                return Ok(None);
            }
            let fields = outgoing.message.contents();
            let changes = said.iter().map(|(name, value)| {
                let found = fields.iter().find(|(field, _)| field == name);
                let (field, old) = found.ok_or_else(|| -> Failure { Arc::new(name.clone()) })?;
                let content = match old {
                    Content::Flag(_) => Content::Flag(*value != 0),
                    _ => Content::Number(*value),
                };
                Ok(Change { field, content })
            });
            let changes = changes.collect::<Result<_, Failure>>()?;
            Ok(Some(Edit { changes, ..Edit::default() }))
        });
        self.world()?.intercept(1, tap);
        Ok(())
    }

    /// Lets time pass until a node's timer has expired.
    fn tick(&mut self, node: &str, timer: &str) -> Result<(), Fault> {
        let id = self.id(node)?;
        let timer: TimerId = match timer {
            "election" => ELECTION,
            "heartbeat" => HEARTBEAT,
            "quorum" => QUORUM,
            _ => return Err(bad("timer", timer)),
        };
        let due = self.world()?.timer_due(id, timer);
        let due = due.ok_or(format!("that timer of {node} is not armed"))?;
        self.run(due + Span(1))
    }

    fn run(&mut self, until: Time) -> Result<(), Fault> {
        match self.world()?.run(until, u64::MAX, &mut ()) {
            Stopped::Time => Ok(()),
            early => Err(format!("the run stopped early: {early:?}")),
        }
    }

    /// Delivers all messages, including those that follow, until none are left; with names, only
    /// those between these nodes.
    fn stabilize(&mut self, among: &[&str]) -> Result<(), Fault> {
        let group = match among {
            [] => self.set_of("*")?,
            [names] => self.set_of(names)?,
            _ => return Err("stabilize takes one group of nodes".into()),
        };
        for _ in 0..MOST_ROUNDS {
            let world = self.world()?;
            let ids = under_way(world, |id, _| group.contains(id.from) && group.contains(id.to));
            if ids.is_empty() {
                return Ok(());
            }
            for id in ids {
                world.deliver(id);
            }
        }
        Err("the cluster does not come to rest".into())
    }

    fn each(
        &mut self,
        pattern: &[&str],
        act: impl Fn(&mut World<Node, Teller>, MessageId) -> bool,
    ) -> Result<(), Fault> {
        let pattern = self.pattern(pattern)?;
        let world = self.world()?;
        let mut ids = under_way(world, |id, message| pattern.matches(id, message));
        match pattern.pick {
            Pick::All => {}
            Pick::First => ids.truncate(1),
            Pick::Last => drop(ids.drain(..ids.len().saturating_sub(1))),
        }
        if ids.is_empty() {
            return Err("there is no such message".into());
        }
        for id in ids {
            act(world, id);
        }
        Ok(())
    }

    fn pattern(&self, words: &[&str]) -> Result<Pattern, Fault> {
        let [link, rest @ ..] = words else { return Err("which message?".into()) };
        let (from, to) = if *link == "all" { ("*", "*") } else { arrow(link)? };
        let (from, to) = (self.set_of(from)?, self.set_of(to)?);
        let mut pattern = Pattern { from, to, kind: None, pick: Pick::All };
        for word in rest {
            match *word {
                "first" => pattern.pick = Pick::First,
                "last" => pattern.pick = Pick::Last,
                kind => {
                    let known = RaftMessage::KINDS.iter().position(|name| *name == kind);
                    pattern.kind = Some(known.ok_or(bad("kind of message", kind))? as u8);
                }
            }
        }
        Ok(pattern)
    }

    fn tell(&mut self, describe: impl Fn(&Node, NodeId) -> String) -> Result<(), Fault> {
        let world = self.world()?;
        for id in (0..world.len()).map(NodeId::from) {
            let down = if world.is_up(id) { "" } else { " (down)" };
            let line = format!("{}{down}", describe(world.node(id), id));
            world.observer_mut().say(line);
        }
        Ok(())
    }

    fn world(&mut self) -> Result<&mut World<Node, Teller>, Fault> {
        self.world.as_mut().ok_or_else(|| "nothing has begun".into())
    }

    fn each_node(&mut self, names: &str, act: impl Fn(&mut NodeSetup)) -> Result<(), Fault> {
        let ids = self.set_of(names)?;
        ids.iter().for_each(|id| act(&mut self.setup.nodes[id.at()]));
        Ok(())
    }

    fn id(&self, node: &str) -> Result<NodeId, Fault> {
        let ids = (0..self.setup.nodes.len()).map(NodeId::from);
        let mut found = ids.filter(|id| name(*id).to_string() == node);
        found.next().ok_or(bad("node", node))
    }

    fn set_of(&self, names: &str) -> Result<NodeSet, Fault> {
        if names == "*" {
            return Ok(NodeSet::first(self.setup.nodes.len()));
        }
        names.chars().map(|name| self.id(&name.to_string())).collect()
    }
}

impl NodeSetup {
    fn build(&self, id: NodeId, nodes: usize) -> Node {
        let mut node = Node::new(id, nodes, self.config);
        let log = cluster::log(&self.log);
        let term = self.term.unwrap_or(log.last_term());
        node.preset(term, self.leads.then_some(id), log, self.commit);
        if self.leads {
            node.preset_leader();
        }
        node
    }
}

impl Pattern {
    fn matches(&self, id: MessageId, message: &RaftMessage) -> bool {
        self.from.contains(id.from)
            && self.to.contains(id.to)
            && self.kind.is_none_or(|kind| kind == message.kind())
    }
}

/// A remote procedure call: a message, and its receiver's immediate reply.
fn deliver_with_answers(world: &mut World<Node, Teller>, id: MessageId) -> bool {
    let answers =
        |world: &World<Node, Teller>| under_way(world, |m, _| (m.from, m.to) == (id.to, id.from));
    let before = answers(world);
    let delivered = world.deliver(id);
    for answer in answers(world) {
        if !before.contains(&answer) {
            world.deliver(answer);
        }
    }
    delivered
}

/// Matching messages in flight, in the order in which they were sent.
fn under_way(
    world: &World<Node, Teller>,
    matches: impl Fn(MessageId, &RaftMessage) -> bool,
) -> Vec<MessageId> {
    let mut flights = world.in_flight();
    flights.retain(|flight| matches(flight.id, &flight.message));
    flights.sort_by_key(|flight| flight.row); // the teller numbers them in the order of sending
    flights.into_iter().map(|flight| flight.id).collect()
}

fn configure(config: &mut Config, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "election" => {
            let (min, max) = value.split_once("..").unwrap_or((value, value));
            config.election_timeout = Delay { min: span(min)?, max: span(max)? };
        }
        "heartbeat" => config.heartbeat = Some(span(value)?),
        "prevote" => config.pre_vote = switch(value)?,
        "sticky" => config.sticky_votes = switch(value)?,
        "check_quorum" => config.check_quorum = switch(value)?,
        "noop" => config.noop = switch(value)?,
        "max_entries" => config.max_entries_per_append = number(value)? as u32,
        "snapshot" => config.snapshot_every = Some(number(value)?),
        "drift_ppm" => config.lease_drift = Some(number(value)? as f64 / 1e6),
        _ => return Err(bad("setting", key)),
    }
    Ok(())
}

/// `x=1` puts, `x+=1` appends.
fn operation(write: &str) -> Result<Op, Fault> {
    let (key, value) = write.split_once('=').ok_or(bad("write", write))?;
    let value = Value::int(number(value)? as u32);
    Ok(match key.strip_suffix('+') {
        Some(key) => Op::Append { key: key_of(key)?, value },
        None => Op::Put { key: key_of(key)?, value },
    })
}

/// `#5@1` is request 5 of client 1, which has the answers to all requests before it.
fn session(words: &[&str]) -> Result<Session, Fault> {
    let [word] = words else {
        return if words.is_empty() { Ok(Session::default()) } else { Err("too much".into()) };
    };
    let parts = word.strip_prefix('#').and_then(|word| word.split_once('@'));
    let (seq, client) = parts.ok_or(bad("session", word))?;
    let (seq, client) = (number(seq)? as u32, number(client)? as u32);
    Ok(Session { client, seq, low: seq })
}

fn path(via: &str) -> Result<ReadPath, Fault> {
    match via {
        "read_index" => Ok(ReadPath::ReadIndex),
        "lease" => Ok(ReadPath::Lease),
        "local" => Ok(ReadPath::Local),
        _ => Err(bad("way to read", via)),
    }
}

fn key_of(word: &str) -> Result<Key, Fault> {
    match word.as_bytes() {
        [letter @ b'a'..=b'z'] => Ok(key(*letter)),
        _ => Err(bad("key", word)),
    }
}

fn arrow(link: &str) -> Result<(&str, &str), Fault> {
    link.split_once("->").ok_or(bad("link", link))
}

fn switch(value: &str) -> Result<bool, Fault> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(bad("switch", value)),
    }
}

fn span(text: &str) -> Result<Span, Fault> {
    let ms = text.strip_suffix("ms").ok_or(bad("time in ms", text))?;
    Ok(Span::from_ms(number(ms)?))
}

fn number(text: &str) -> Result<u64, Fault> {
    text.parse().map_err(|_| bad("number", text))
}

fn bad(what: &str, given: &str) -> Fault {
    format!("'{given}' is no {what}")
}
