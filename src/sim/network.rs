//! The network: links, latencies, loss and duplication.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::distribution::Distribution;
use super::luck::{Luck, Purpose, unit};
use super::strike::Strike;
use super::time::Time;
use crate::clone::clone_by_field;
use crate::protocol::{Fingerprint, NodeId, NodeSet, Span};

/// The network without faults.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSpec {
    /// One-way latency.
    pub latency: Latency,
    /// The probability that a message is lost.
    pub loss: f64,
    /// The probability that a message arrives twice.
    pub duplicate: f64,
    /// Whether the messages of a link arrive in the order in which they were sent.
    pub fifo: bool,
}

impl Default for NetworkSpec {
    /// The latency of the paper's measurements: about 15 ms for a broadcast and its replies (§9.3).
    fn default() -> Self {
        let latency = Latency::All(Distribution::Constant { value: 7.5 });
        Self { latency, loss: 0.0, duplicate: 0.0, fifo: false }
    }
}

/// One-way latency of the links.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected a time, a distribution, or regions and a matrix"
)]
pub enum Latency {
    /// The same for all links.
    All(Distribution),
    /// By region.
    Regions {
        /// The region of each node, as an index into the matrix.
        regions: Vec<usize>,
        /// The latency from the row's region to the column's.
        matrix: Vec<Vec<Distribution>>,
    },
}

impl Latency {
    fn of(&self, from: NodeId, to: NodeId) -> &Distribution {
        match self {
            Latency::All(distribution) => distribution,
            Latency::Regions { regions, matrix } => &matrix[regions[from.at()]][regions[to.at()]],
        }
    }
}

/// Selects the messages that a fault affects.
#[derive(Clone, Debug, PartialEq)]
pub struct Matching {
    /// The senders.
    pub from: NodeSet,
    /// The receivers.
    pub to: NodeSet,
    /// True to include the opposite direction.
    pub both_ways: bool,
    /// The kinds of message, as a bitmap; `None` means all kinds.
    pub kinds: Option<u64>,
}

impl Matching {
    /// Whether it includes a link.
    pub fn link(&self, from: NodeId, to: NodeId) -> bool {
        self.from.contains(from) && self.to.contains(to)
            || self.both_ways && self.from.contains(to) && self.to.contains(from)
    }

    /// Whether it includes a message.
    pub fn message(&self, from: NodeId, to: NodeId, kind: u8) -> bool {
        self.link(from, to) && self.kinds.is_none_or(|kinds| kinds >> kind & 1 == 1)
    }
}

impl Fingerprint for Matching {
    fn fingerprint(&self) -> u64 {
        let Self { from, to, both_ways, kinds } = self;
        Digest::of([
            from.fingerprint(),
            to.fingerprint(),
            u64::from(*both_ways) << 1 | u64::from(kinds.is_some()),
            kinds.unwrap_or(0),
        ])
    }
}

/// The effect of a fault on the network.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// The links between different groups are down.
    Partition(Vec<NodeSet>),
    /// These links are down.
    Cut(Matching),
    /// Messages have this additional delay.
    Delay(Matching, Distribution),
    /// Messages are lost with this probability, in addition to other losses.
    Loss(Matching, f64),
    /// Messages arrive twice with this probability, in addition to other duplication.
    Duplicate(Matching, f64),
}

impl Overlay {
    /// Whether this cuts the link.
    pub fn cuts(&self, from: NodeId, to: NodeId) -> bool {
        match self {
            Overlay::Partition(groups) => {
                !groups.iter().any(|group| group.contains(from) && group.contains(to))
            }
            Overlay::Cut(matching) => matching.kinds.is_none() && matching.link(from, to),
            _ => false,
        }
    }
}

impl Fingerprint for Overlay {
    fn fingerprint(&self) -> u64 {
        match self {
            Overlay::Partition(groups) => {
                Digest::of([0].into_iter().chain(groups.iter().map(NodeSet::fingerprint)))
            }
            Overlay::Cut(links) => Digest::of([1, links.fingerprint()]),
            Overlay::Delay(links, by) => Digest::of([2, links.fingerprint(), by.fingerprint()]),
            Overlay::Loss(links, p) => Digest::of([3, links.fingerprint(), p.to_bits()]),
            Overlay::Duplicate(links, p) => Digest::of([4, links.fingerprint(), p.to_bits()]),
        }
    }
}

impl Overlay {
    /// Whether it affects messages of this link, at least of some types.
    pub fn acts_on(&self, from: NodeId, to: NodeId) -> bool {
        match self {
            Overlay::Partition(_) => self.cuts(from, to),
            Overlay::Cut(links)
            | Overlay::Delay(links, _)
            | Overlay::Loss(links, _)
            | Overlay::Duplicate(links, _) => links.link(from, to),
        }
    }
}

/// What happens to a message that is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Passage {
    /// It arrives, and perhaps a copy of it as well.
    Arrives {
        /// Its latency.
        after: Span,
        /// The latency of the copy, if there is one.
        again: Option<Span>,
    },
    /// The link is down.
    Cut {
        /// The latency that it would have had.
        after: Span,
    },
    /// It is lost.
    Lost {
        /// The latency that it would have had.
        after: Span,
    },
}

/// All links of a cluster.
#[derive(Debug)]
pub struct Links {
    nodes: usize,
    spec: Arc<NetworkSpec>,
    /// The number of messages that each link has carried: the ordinal of the next one.
    sent: Vec<u64>,
    /// With `fifo`: when the last message of each link arrives.
    last_due: Vec<Time>,
    overlays: Vec<(Strike, Overlay)>,
    /// The latency of every message, if it is constant and no fault acts on the network.
    plain: Option<Span>,
}

clone_by_field!(
    [] Links { sent }
    copied { nodes, plain }
    empty { last_due, overlays }
    shared { spec }
);

impl Links {
    /// The links between this many nodes.
    pub fn new(nodes: usize, spec: NetworkSpec) -> Self {
        let last_due = if spec.fifo { vec![Time::ZERO; nodes * nodes] } else { Vec::new() };
        let sent = vec![0; nodes * nodes];
        let spec = Arc::new(spec);
        let mut links = Self { nodes, spec, sent, last_due, overlays: Vec::new(), plain: None };
        links.look_for_short_cut();
        links
    }

    /// Makes room for one more node.
    pub fn make_room(&mut self) {
        let (before, after) = (self.nodes, self.nodes + 1);
        let link = |at: usize| at / before * after + at % before;
        let mut sent = vec![0; after * after];
        self.sent.iter().enumerate().for_each(|(at, count)| sent[link(at)] = *count);
        self.sent = sent;
        if self.spec.fifo {
            let mut last_due = vec![Time::ZERO; after * after];
            self.last_due.iter().enumerate().for_each(|(at, due)| last_due[link(at)] = *due);
            self.last_due = last_due;
        }
        self.nodes = after;
    }

    /// The next message's ordinal on a link.
    #[inline]
    pub fn count(&mut self, from: NodeId, to: NodeId) -> u64 {
        let sent = &mut self.sent[from.at() * self.nodes + to.at()];
        let ordinal = *sent;
        *sent += 1;
        ordinal
    }

    /// The latency of every message, if all are equal now.
    #[inline]
    pub fn plain(&self) -> Option<Span> {
        self.plain
    }

    /// What happens to a message.
    pub fn passage(
        &mut self,
        now: Time,
        luck: Luck,
        from: NodeId,
        to: NodeId,
        kind: u8,
        ordinal: u64,
    ) -> Passage {
        let link = from.at() * self.nodes + to.at();
        // Not the index into the table, which depends on the number of nodes.
        let entity = u64::from(from.0) << 8 | u64::from(to.0);
        let (mut kept, mut single) = (1.0 - self.spec.loss, 1.0 - self.spec.duplicate);
        let (mut extra, mut cut) = (Span::ZERO, false);
        for (strike, overlay) in &self.overlays {
            match overlay {
                Overlay::Partition(_) => cut |= overlay.cuts(from, to),
                Overlay::Cut(matching) => cut |= matching.message(from, to, kind),
                Overlay::Delay(matching, by) if matching.message(from, to, kind) => {
                    let entity = strike.luck_of(entity);
                    extra.0 += by.sample(luck.draw(Purpose::FaultDelay, entity, ordinal)).0;
                }
                Overlay::Loss(matching, p) if matching.message(from, to, kind) => kept *= 1.0 - p,
                Overlay::Duplicate(matching, p) if matching.message(from, to, kind) => {
                    single *= 1.0 - p;
                }
                _ => {}
            }
        }
        let latency = self.spec.latency.of(from, to);
        let mut after =
            Span(latency.sample(luck.draw(Purpose::Latency, entity, ordinal)).0 + extra.0);
        if self.spec.fifo {
            after = (now + after).max(self.last_due[link]).since(now);
        }
        if cut {
            return Passage::Cut { after };
        }
        if unit(luck.draw(Purpose::Loss, entity, ordinal)) >= kept {
            return Passage::Lost { after };
        }
        if self.spec.fifo {
            self.last_due[link] = now + after;
        }
        let doubled = unit(luck.draw(Purpose::Duplicate, entity, ordinal)) >= single;
        let again = doubled.then(|| {
            let draw = luck.draw(Purpose::DuplicateLatency, entity, ordinal);
            Span(latency.sample(draw).0 + extra.0)
        });
        Passage::Arrives { after, again }
    }

    /// A fault begins.
    pub fn add(&mut self, strike: Strike, overlay: Overlay) {
        self.overlays.push((strike, overlay));
        self.look_for_short_cut();
    }

    /// A fault ends; returns its effect, if it was active.
    pub fn remove(&mut self, strike: Strike) -> Option<Overlay> {
        let at = self.overlays.iter().position(|(other, _)| *other == strike)?;
        let (_, overlay) = self.overlays.remove(at);
        self.look_for_short_cut();
        Some(overlay)
    }

    /// The faults that act on the network.
    pub fn overlays(&self) -> &[(Strike, Overlay)] {
        &self.overlays
    }

    /// "A link is up iff no active fault cuts it."
    pub fn is_up(&self, from: NodeId, to: NodeId) -> bool {
        !self.overlays.iter().any(|(_, overlay)| overlay.cuts(from, to))
    }

    fn look_for_short_cut(&mut self) {
        let quiet = self.overlays.is_empty()
            && self.spec.loss == 0.0
            && self.spec.duplicate == 0.0
            && !self.spec.fifo;
        self.plain = match &self.spec.latency {
            Latency::All(distribution) if quiet => distribution.as_constant(),
            _ => None,
        };
    }
}
