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
    /// The bytes per second that each link carries, in each direction; without limit if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<f64>,
}

impl Default for NetworkSpec {
    /// The latency of the paper's measurements: about 15 ms for a broadcast and its replies (§9.3).
    fn default() -> Self {
        let latency = Latency::All(Distribution::Constant { value: 7.5 });
        Self { latency, loss: 0.0, duplicate: 0.0, fifo: false, bandwidth: None }
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
    /// Links carry at most this many bytes per second.
    Throttle(Matching, f64),
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
            Overlay::Throttle(links, rate) => Digest::of([5, links.fingerprint(), rate.to_bits()]),
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
            | Overlay::Duplicate(links, _)
            | Overlay::Throttle(links, _) => links.link(from, to),
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
    /// With a bandwidth: when each link has carried what was given to it.
    free_at: Vec<Time>,
    /// Whether anything depends on the lengths of messages.
    measures: bool,
    overlays: Vec<(Strike, Overlay)>,
    /// The latency of every message, if it is constant and no fault acts on the network.
    plain: Option<Span>,
}

clone_by_field!(
    [] Links { sent }
    copied { nodes, measures, plain }
    empty { last_due, free_at, overlays }
    shared { spec }
);

impl Links {
    /// The links between this many nodes.
    pub fn new(nodes: usize, spec: NetworkSpec) -> Self {
        let last_due = if spec.fifo { vec![Time::ZERO; nodes * nodes] } else { Vec::new() };
        let sent = vec![0; nodes * nodes];
        let (free_at, overlays, measures) = (Vec::new(), Vec::new(), spec.bandwidth.is_some());
        let spec = Arc::new(spec);
        let mut links =
            Self { nodes, spec, sent, last_due, free_at, measures, overlays, plain: None };
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
        for times in [&mut self.last_due, &mut self.free_at] {
            if !times.is_empty() {
                let mut moved = vec![Time::ZERO; after * after];
                times.iter().enumerate().for_each(|(at, time)| moved[link(at)] = *time);
                *times = moved;
            }
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

    /// Whether anything depends on the lengths of messages.
    #[inline]
    pub fn measures(&self) -> bool {
        self.measures
    }

    /// From now on something depends on the lengths of messages.
    pub fn measure(&mut self) {
        self.measures = true;
        self.look_for_short_cut();
    }

    /// The time from `now` until a link has carried a message, after those before it.
    #[inline(never)] // only with a bandwidth
    fn carry(&mut self, now: Time, link: usize, bytes: u64, rate: f64) -> Span {
        self.free_at.resize(self.nodes * self.nodes, Time::ZERO);
        let takes = Span((bytes as f64 * 1e9 / rate).ceil() as u64);
        let free = self.free_at[link].max(now) + takes;
        self.free_at[link] = free;
        free.since(now)
    }

    /// What happens to the message of a link with this ordinal and this number of bytes.
    pub fn passage(
        &mut self,
        now: Time,
        luck: Luck,
        from: NodeId,
        to: NodeId,
        kind: u8,
        (ordinal, bytes): (u64, u64),
    ) -> Passage {
        let link = from.at() * self.nodes + to.at();
        // Not the index into the table, which depends on the number of nodes.
        let entity = u64::from(from.0) << 8 | u64::from(to.0);
        let (mut kept, mut single) = (1.0 - self.spec.loss, 1.0 - self.spec.duplicate);
        let (mut extra, mut cut) = (Span::ZERO, false);
        let mut rate = self.spec.bandwidth;
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
                Overlay::Throttle(matching, most) if matching.message(from, to, kind) => {
                    rate = Some(rate.map_or(*most, |rate| rate.min(*most)));
                }
                _ => {}
            }
        }
        if let Some(rate) = rate.filter(|_| !cut) {
            let carried = self.carry(now, link, bytes, rate);
            extra.0 = extra.0.saturating_add(carried.0);
        }
        let latency = self.spec.latency.of(from, to);
        let mut after = Span(
            latency.sample(luck.draw(Purpose::Latency, entity, ordinal)).0.saturating_add(extra.0),
        );
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
            Span(latency.sample(draw).0.saturating_add(extra.0))
        });
        Passage::Arrives { after, again }
    }

    /// A fault begins.
    pub fn add(&mut self, strike: Strike, overlay: Overlay) {
        self.measures |= matches!(overlay, Overlay::Throttle(..));
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
            && !self.measures
            && self.spec.loss == 0.0
            && self.spec.duplicate == 0.0
            && !self.spec.fifo;
        self.plain = match &self.spec.latency {
            Latency::All(distribution) if quiet => distribution.as_constant(),
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_one_message_after_the_other() {
        let latency = Latency::All(Distribution::Constant { value: 1.0 });
        let spec = NetworkSpec { latency, bandwidth: Some(1e6), ..NetworkSpec::default() };
        let mut links = Links::new(3, spec);
        assert!(links.measures() && links.plain().is_none());
        let [a, b, c] = [0, 1, 2].map(NodeId);
        let send = |links: &mut Links, now: u64, to: NodeId, bytes: u64| {
            let now = Time(now * 1_000_000);
            match links.passage(now, Luck::new(1), a, to, 0, (0, bytes)) {
                Passage::Arrives { after, .. } => (now + after).as_ms(),
                lost => panic!("{lost:?}"),
            }
        };
        assert_eq!(send(&mut links, 0, b, 5_000), 6.0); // 5 ms on the link, 1 ms on the way
        assert_eq!(send(&mut links, 1, b, 1_000), 7.0); // the link is free at 5 ms
        assert_eq!(send(&mut links, 1, c, 1_000), 3.0); // another link
        assert_eq!(send(&mut links, 9, b, 0), 10.0);
        let all = NodeSet::first(3);
        let matching = Matching { from: all, to: all, both_ways: false, kinds: None };
        links.add(1.into(), Overlay::Throttle(matching, 1e5));
        assert_eq!(send(&mut links, 20, b, 1_000), 31.0);
        links.remove(1.into());
        assert_eq!(send(&mut links, 40, b, 1_000), 42.0);
    }
}
