//! All past leaders with their logs: a commit may show that the log of a past leader was
//! incomplete.
//!
//! The log with which a node was elected is a prefix of its present log until that is truncated.
//! The truncated part is then kept here, once for all elections that it belongs to.

use super::witness::Witness;
use crate::protocol::NodeId;

/// A node's time as leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reign {
    /// The term.
    pub(super) term: u64,
    /// The leader.
    pub(super) node: NodeId,
    /// Whether it was honest when it was elected.
    pub(super) honest: bool,
    /// The last index of its log then.
    pub(super) last: u64,
    segment: u32,
}

/// A part of a past log: from index `first` on, after a part of its parent.
#[derive(Clone, Debug)]
struct Segment {
    node: NodeId,
    parent: Option<u32>,
    first: u64,
    /// Empty while it is the end of the node's present log.
    hashes: Vec<u64>,
}

/// The end of a node's present log.
#[derive(Clone, Copy, Debug)]
struct Live {
    segment: u32,
    first: u64,
    /// The last index of it that was in a leader's log; 0 if none was.
    led: u64,
}

/// All past and present leaders, by ascending term.
#[derive(Clone, Debug, Default)]
pub(super) struct Reigns {
    all: Vec<Reign>,
    /// The highest term of them.
    highest: u64,
    segments: Vec<Segment>,
    /// By node; `None` until it is elected.
    live: Vec<Option<Live>>,
}

impl Reigns {
    /// A node is elected, with a log of this length. Returns another leader of the term, if there
    /// was one; an honest one if there was any.
    pub(super) fn elect(
        &mut self,
        term: u64,
        node: NodeId,
        honest: bool,
        last: u64,
    ) -> Option<Reign> {
        let others = self.of(term).iter().filter(|reign| reign.node != node);
        let first = others.min_by_key(|reign| !reign.honest).copied();
        let live = self.live(node);
        live.led = live.led.max(last);
        let segment = live.segment;
        let at = self.all.partition_point(|reign| reign.term <= term);
        self.all.insert(at, Reign { term, node, honest, last, segment });
        self.highest = self.highest.max(term);
        first
    }

    /// The last leader of a term so far.
    pub(super) fn newest_of(&self, term: u64) -> Option<Reign> {
        self.of(term).last().copied()
    }

    fn of(&self, term: u64) -> &[Reign] {
        let later = &self.all[self.all.partition_point(|reign| reign.term < term)..];
        &later[..later.partition_point(|reign| reign.term == term)]
    }

    /// The leaders of later terms than this one.
    pub(super) fn after(&self, term: u64) -> &[Reign] {
        &self.all[self.all.partition_point(|reign| reign.term <= term)..]
    }

    /// The highest term that has had a leader.
    #[inline]
    pub(super) fn highest_term(&self) -> u64 {
        self.highest
    }

    fn live(&mut self, node: NodeId) -> &mut Live {
        if self.live.len() <= node.at() {
            self.live.resize(node.at() + 1, None);
        }
        let Self { live, segments, .. } = self;
        live[node.at()].get_or_insert_with(|| {
            segments.push(Segment { node, parent: None, first: 1, hashes: Vec::new() });
            Live { segment: segments.len() as u32 - 1, first: 1, led: 0 }
        })
    }

    /// A node's log is about to lose its entries from `first` on. `hashes` is the whole of it.
    pub(super) fn cut(&mut self, node: NodeId, first: u64, hashes: &[u64]) {
        let Some(Some(live)) = self.live.get(node.at()).copied() else { return };
        if live.led >= first {
            let own = hashes.get(live.first as usize - 1..).unwrap_or(&[]);
            self.segments[live.segment as usize].hashes = own.to_vec();
            let parent = self.holding(Some(live.segment), first - 1);
            self.segments.push(Segment { node, parent, first, hashes: Vec::new() });
            let segment = self.segments.len() as u32 - 1;
            self.live[node.at()] = Some(Live { segment, first, led: 0 });
        } else if first < live.first {
            // No leader's log ends in this segment, so it can be reused.
            let segment = &self.segments[live.segment as usize];
            let parent = self.holding(segment.parent, first - 1);
            let segment = &mut self.segments[live.segment as usize];
            (segment.parent, segment.first) = (parent, first);
            self.live[node.at()] = Some(Live { first, ..live });
        }
    }

    /// The segment that contains an index: this one, or an ancestor.
    fn holding(&self, mut segment: Option<u32>, index: u64) -> Option<u32> {
        while let Some(at) = segment
            && self.segments[at as usize].first > index
        {
            segment = self.segments[at as usize].parent;
        }
        segment
    }

    /// Hash of the log with which a leader was elected, up to an index; 0 before the first entry
    /// and after the last.
    pub(super) fn hash_at(&self, reign: &Reign, index: u64, nodes: &[Witness]) -> u64 {
        if index == 0 || index > reign.last {
            return 0;
        }
        let mut at = reign.segment;
        loop {
            let segment = &self.segments[at as usize];
            match segment.parent {
                Some(parent) if index < segment.first => at = parent,
                _ if self.is_live(at) => return nodes[segment.node.at()].hash_at(index),
                _ => {
                    let place = index.wrapping_sub(segment.first) as usize;
                    return segment.hashes.get(place).copied().unwrap_or(0);
                }
            }
        }
    }

    fn is_live(&self, segment: u32) -> bool {
        let node = self.segments[segment as usize].node;
        self.live[node.at()].is_some_and(|live| live.segment == segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node is elected and its log truncated, at random; each of its logs is kept unchanged.
    #[test]
    fn the_logs_of_leaders_are_remembered_through_any_cuts() {
        let mut word = 7u64;
        let mut draw = move |below: u64| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (word >> 33) % below
        };
        for _ in 0..300 {
            let (mut reigns, mut nodes) = (Reigns::default(), vec![Witness::default(); 2]);
            let (mut told, mut appended) = (Vec::new(), 0);
            for term in 1..40 {
                let node = NodeId(draw(2) as u8);
                let witness = &mut nodes[node.at()];
                match draw(3) {
                    0 => {
                        let first = draw(witness.last() + 1) + 1;
                        reigns.cut(node, first, &witness.hashes);
                        witness.hashes.truncate(first as usize - 1);
                    }
                    1 => {
                        reigns.elect(term, node, true, witness.last());
                        told.push((term, witness.hashes.clone()));
                    }
                    _ => {
                        for _ in 0..=draw(3) {
                            appended += 1;
                            witness.hashes.push(appended);
                        }
                    }
                }
                for ((term, hashes), reign) in told.iter().zip(reigns.after(0)) {
                    assert_eq!(*term, reign.term);
                    for index in 0..hashes.len() as u64 + 2 {
                        let known = index.checked_sub(1).and_then(|at| hashes.get(at as usize));
                        let known = known.copied().unwrap_or(0);
                        assert_eq!(reigns.hash_at(reign, index, &nodes), known);
                    }
                }
            }
            let kept: usize = reigns.segments.iter().map(|segment| segment.hashes.len()).sum();
            assert!(kept as u64 <= appended, "each truncated entry is kept once");
        }
    }

    #[test]
    fn the_other_leader_of_a_term_is_an_honest_one_if_there_is_any() {
        let mut reigns = Reigns::default();
        let mut elect = |node, honest| {
            reigns.elect(3, NodeId(node), honest, 0).map(|other| (other.node.0, other.honest))
        };
        assert_eq!(elect(0, false), None);
        assert_eq!(elect(0, false), None, "it is the same node");
        assert_eq!(elect(1, true), Some((0, false)));
        assert_eq!(elect(2, true), Some((1, true)));
        assert_eq!(elect(3, false), Some((1, true)));
        assert_eq!(reigns.elect(2, NodeId(4), true, 0).map(|other| other.node), None);
        assert_eq!(reigns.highest_term(), 3);
        assert_eq!((reigns.after(2).len(), reigns.after(3).len()), (5, 0));
    }
}
