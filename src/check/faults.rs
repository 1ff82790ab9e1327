//! Network and clock faults, for the stories of violations.

use std::collections::VecDeque;
use std::fmt;

use super::story::{Moments, Names, Placed, Stamp, What};
use crate::protocol::{NodeId, NodeSet};

use crate::sim::{ClockEvent, Links, Overlay, Strike};

/// The effect of a fault on messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Force {
    /// It cuts links.
    Cut,
    /// It cuts them for some types of message.
    CutOfTypes,
    /// Messages take longer.
    Delay,
    /// Messages are lost with this probability.
    Loss(f64),
    /// Messages arrive twice with this probability.
    Duplicate(f64),
    /// The link carries at most this many bytes per second.
    Throttle(f64),
}

impl Force {
    fn of(overlay: &Overlay) -> Self {
        match overlay {
            Overlay::Cut(matching) if matching.kinds.is_some() => Self::CutOfTypes,
            Overlay::Partition(_) | Overlay::Cut(_) => Self::Cut,
            Overlay::Delay(..) => Self::Delay,
            Overlay::Loss(_, p) => Self::Loss(*p),
            Overlay::Duplicate(_, p) => Self::Duplicate(*p),
            Overlay::Throttle(_, rate) => Self::Throttle(*rate),
        }
    }
}

impl fmt::Display for Force {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("cut"),
            Self::CutOfTypes => f.write_str("cut for some types of message"),
            Self::Delay => f.write_str("delay"),
            Self::Loss(p) => write!(f, "loss of messages with probability {p}"),
            Self::Duplicate(p) => write!(f, "duplication of messages with probability {p}"),
            Self::Throttle(rate) => write!(f, "bandwidth of {rate} bytes per second"),
        }
    }
}

/// The links of a node that a fault affects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ends {
    /// To these nodes.
    pub to: NodeSet,
    /// From these nodes.
    pub from: NodeSet,
}

impl Ends {
    /// The affected links of a node, if there are any.
    fn of(overlay: &Overlay, id: NodeId, nodes: usize) -> Option<Self> {
        let others = || (0..nodes).map(NodeId::from).filter(|other| *other != id);
        let to: NodeSet = others().filter(|other| overlay.acts_on(id, *other)).collect();
        let from: NodeSet = others().filter(|other| overlay.acts_on(*other, id)).collect();
        (!(to.is_empty() && from.is_empty())).then_some(Self { to, from })
    }

    /// The links in words.
    pub(super) fn tell(&self, node: &str, names: &impl Names) -> String {
        let list = |set: NodeSet| {
            let all: Vec<String> = set.iter().map(|id| names.node(id)).collect();
            if all.len() > MANY { format!("{} nodes", all.len()) } else { all.join(", ") }
        };
        if self.from.is_empty() {
            format!("from {node} to {}", list(self.to))
        } else if self.to.is_empty() {
            format!("from {} to {node}", list(self.from))
        } else {
            format!("between {node} and {}", list(self.to.union(&self.from)))
        }
    }
}

/// More nodes than this are counted instead of listed.
const MANY: usize = 8;

/// The active and the most recent network faults, and the changes of clocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    /// In the order in which they began.
    links: VecDeque<Acting>,
    /// The changes of clocks by node.
    clocks: Vec<Moments>,
}

#[derive(Clone, Debug)]
struct Acting {
    strike: Strike,
    overlay: Overlay,
    began: Stamp,
    ended: Option<Stamp>,
}

impl Faults {
    /// The number of ended faults that are kept.
    const KEPT: usize = 32;

    /// A network fault began or ended.
    pub(super) fn links_changed(&mut self, stamp: Stamp, links: &Links) {
        let overlays = links.overlays();
        for acting in self.links.iter_mut().filter(|acting| acting.ended.is_none()) {
            if !overlays.iter().any(|(strike, _)| *strike == acting.strike) {
                acting.ended = Some(stamp);
            }
        }
        for (strike, overlay) in overlays {
            let acts = |acting: &Acting| acting.strike == *strike && acting.ended.is_none();
            if !self.links.iter().any(acts) {
                let (strike, overlay) = (*strike, overlay.clone());
                self.links.push_back(Acting { strike, overlay, began: stamp, ended: None });
            }
        }
        let over = self.links.iter().filter(|acting| acting.ended.is_some()).count();
        if over > Self::KEPT {
            let oldest = self.links.iter().position(|acting| acting.ended.is_some());
            oldest.map(|at| self.links.remove(at));
        }
    }

    /// The clock of a node changed.
    pub(super) fn clock_changed(&mut self, stamp: Stamp, node: NodeId, event: ClockEvent) {
        if self.clocks.len() <= node.at() {
            self.clocks.resize_with(node.at() + 1, Moments::default);
        }
        self.clocks[node.at()].push(Placed { stamp, node, what: What::Clock(event) });
    }

    /// The faults that act on links of these nodes, and those that have ended since a time; the
    /// latter with the changes of the nodes' clocks, whose effects remain.
    pub(super) fn since(
        &self,
        since: Stamp,
        involved: &[NodeId],
        nodes: usize,
    ) -> [Vec<Placed>; 2] {
        let (mut act, mut over) = (Vec::new(), Vec::new());
        for fault in &self.links {
            match fault.ended {
                None => act.extend(fault.moments(involved, nodes)),
                Some(end) if end >= since => over.extend(fault.moments(involved, nodes)),
                Some(_) => {}
            }
        }
        let clocks = involved.iter().filter_map(|id| self.clocks.get(id.at()));
        over.extend(clocks.flat_map(Moments::iter));
        [act, over]
    }
}

impl Acting {
    /// Its beginning and its end, for the first of these nodes that it affected.
    fn moments(&self, involved: &[NodeId], nodes: usize) -> impl Iterator<Item = Placed> {
        let touched = |id: &NodeId| Some((*id, Ends::of(&self.overlay, *id, nodes)?));
        let (force, began, ended) = (Force::of(&self.overlay), self.began, self.ended);
        involved.iter().find_map(touched).into_iter().flat_map(move |(node, ends)| {
            let at = |stamp, over| Placed { stamp, node, what: What::Links { force, ends, over } };
            std::iter::once(at(began, false)).chain(ended.map(|stamp| at(stamp, true)))
        })
    }
}
