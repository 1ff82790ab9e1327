//! The network: which links are up, how long messages take, which are lost or doubled.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::distribution::Distribution;
use super::luck::{Luck, Purpose, unit};
use super::strike::Strike;
use super::time::Time;
use crate::clone::clone_by_field;
use crate::protocol::{Fingerprint, NodeId, NodeSet, Span};

/// How the network is when no fault acts on it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSpec {
    /// One-way latency.
    pub latency: Latency,
    /// Probability that a message is lost.
    pub loss: f64,
    /// Probability that a message arrives twice.
    pub duplicate: f64,
    /// Whether the messages of a link arrive in the order in which they were sent.
    pub fifo: bool,
}

impl Default for NetworkSpec {
    /// The latency of the paper's measurements: about 15 ms for a broadcast and its answers (§9.3).
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
    /// The same for all.
    All(Distribution),
    /// By region.
    Regions {
        /// The region of each node, as an index into the matrix.
        regions: Vec<usize>,
        /// From the row's region to the column's.
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

/// Which messages a fault acts on.
#[derive(Clone, Debug, PartialEq)]
pub struct Matching {
    /// Sent by these.
    pub from: NodeSet,
    /// Sent to these.
    pub to: NodeSet,
    /// And the other way round.
    pub both_ways: bool,
    /// Of these kinds, as a bitmap; all if `None`.
    pub kinds: Option<u64>,
}

impl Matching {
    /// Whether the link is meant.
    pub fn link(&self, from: NodeId, to: NodeId) -> bool {
        self.from.contains(from) && self.to.contains(to)
            || self.both_ways && self.from.contains(to) && self.to.contains(from)
    }

    /// Whether the message is meant.
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

/// A fault that acts on the network.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// Links are down: between different groups.
    Partition(Vec<NodeSet>),
    /// Links are down: these.
    Cut(Matching),
    /// Messages take this much longer.
    Delay(Matching, Distribution),
    /// Messages are lost with this probability, on top of other losses.
    Loss(Matching, f64),
    /// Messages arrive twice with this probability, on top of others.
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
    /// Whether it acts on messages of this link, of some types at least.
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

/// What becomes of a message that is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Passage {
    /// It arrives after this long, and perhaps once more.
    Arrives {
        /// After this long.
        after: Span,
        /// A copy arrives after this long.
        again: Option<Span>,
    },
    /// The link is down.
    Cut {
        /// It would have arrived after this long.
        after: Span,
    },
    /// It is lost.
    Lost {
        /// It would have arrived after this long.
        after: Span,
    },
}

/// All links of a cluster.
#[derive(Debug)]
pub struct Links {
    nodes: usize,
    spec: Arc<NetworkSpec>,
    /// How many messages each link has carried: the ordinal of the next one.
    sent: Vec<u64>,
    /// With `fifo`: when the last message of each link arrives.
    last_due: Vec<Time>,
    overlays: Vec<(Strike, Overlay)>,
    /// The latency of every message, if nothing else needs to be asked.
    plain: Option<Span>,
}

clone_by_field!([] Links { sent } copied { nodes, plain } empty { last_due, overlays } shared { spec });

impl Links {
    /// Links between so many nodes.
    pub fn new(nodes: usize, spec: NetworkSpec) -> Self {
        let last_due = if spec.fifo { vec![Time::ZERO; nodes * nodes] } else { Vec::new() };
        let sent = vec![0; nodes * nodes];
        let spec = Arc::new(spec);
        let mut links = Self { nodes, spec, sent, last_due, overlays: Vec::new(), plain: None };
        links.look_for_short_cut();
        links
    }

    /// The next message's ordinal on a link.
    #[inline]
    pub fn count(&mut self, from: NodeId, to: NodeId) -> u64 {
        let sent = &mut self.sent[from.at() * self.nodes + to.at()];
        let ordinal = *sent;
        *sent += 1;
        ordinal
    }

    /// The latency of every message, if all are alike now.
    #[inline]
    pub fn plain(&self) -> Option<Span> {
        self.plain
    }

    /// What becomes of a message.
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
        // Not the place in the table, which depends on how many nodes there are.
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

    /// A fault ends; what it did, if it was there.
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
