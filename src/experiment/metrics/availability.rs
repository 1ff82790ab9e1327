//! Availability: the times when a leader could exchange messages with a quorum.

use crate::protocol::{NodeId, NodeSet, Span};
use crate::replica::{Members, Membership};
use crate::sim::network::Links;
use crate::sim::{HostEvent, Time};

/// Tracks leaders, running nodes and links, and adds up the time without a leader that has a
/// quorum.
#[derive(Clone, Debug)]
pub struct Availability {
    founding: usize,
    /// The number of machines, with those that are added later.
    machines: usize,
    /// The configuration that is in force on each node, once one changed.
    configurations: Vec<Membership>,
    /// Up, and not paused.
    running: NodeSet,
    leaders: NodeSet,
    /// The nodes with which each node can exchange messages both ways; empty while no link is cut.
    hears: Vec<NodeSet>,
    available: bool,
    /// When the present state began.
    since: Time,
    /// When the cluster first was available.
    first: Option<Time>,
    totals: Totals,
    /// The state before the last change, which is discarded if it is reverted in the same instant.
    before: (Time, Option<Time>, Totals),
    /// When the watch began.
    begun: Time,
    /// The end of the last interval that was reported.
    told: Time,
}

/// The totals over all intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// The number of times that a leader with a quorum was lost.
    pub losses: u64,
    /// The number of those losses that have ended.
    pub recoveries: u64,
    /// The time without such a leader after losses that have ended, in nanoseconds.
    pub down: u64,
    /// The time since a loss that has not ended.
    pub open: Option<u64>,
    /// The longest time without such a leader, including the beginning and an unfinished one.
    pub longest: u64,
    /// The total time without such a leader.
    pub unavailable: u64,
}

impl Totals {
    /// The mean duration of losses in milliseconds; an unfinished one counts with its duration so
    /// far.
    pub fn mean_down(&self) -> Option<f64> {
        let losses = self.recoveries + u64::from(self.open.is_some());
        (losses > 0).then(|| (self.down + self.open.unwrap_or(0)) as f64 / 1e6 / losses as f64)
    }
}

impl Availability {
    /// The initial state of a cluster of this many nodes, all of them up.
    pub fn new(nodes: usize) -> Self {
        Self {
            founding: nodes,
            machines: nodes,
            configurations: Vec::new(),
            running: NodeSet::first(nodes),
            leaders: NodeSet::default(),
            hears: Vec::new(),
            available: false,
            since: Time::ZERO,
            first: None,
            totals: Totals::default(),
            before: (Time::ZERO, None, Totals::default()),
            begun: Time::ZERO,
            told: Time::ZERO,
        }
    }

    /// A machine that is added later.
    pub fn make_room(&mut self, id: NodeId) {
        self.machines = self.machines.max(id.at() + 1);
    }

    /// Another configuration is in force on a node.
    pub fn configured(&mut self, now: Time, id: NodeId, members: Members) -> Option<Stretch> {
        if self.configurations.is_empty() {
            let founding = Membership::of(NodeSet::first(self.founding));
            self.configurations.resize(self.machines, founding);
        }
        self.configurations[id.at()] = members.membership();
        self.look(now)
    }

    /// Begins anew, now: keeps which nodes lead and which are up.
    pub fn restart(&mut self, now: Time) {
        self.since = now;
        self.first = self.available.then_some(now);
        self.totals = Totals::default();
        self.before = (now, None, Totals::default());
        self.begun = now;
        self.told = now;
    }

    /// A node becomes leader, or no longer leads.
    #[inline]
    pub fn leads(&mut self, now: Time, id: NodeId, leads: bool) -> Option<Stretch> {
        let changed = if leads { self.leaders.insert(id) } else { self.leaders.remove(id) };
        if changed { self.look(now) } else { None }
    }

    /// A node crashed, restarted, or was paused, resumed, wiped or halted.
    pub fn host(&mut self, now: Time, id: NodeId, event: HostEvent) -> Option<Stretch> {
        match event {
            HostEvent::Crashed | HostEvent::Halted(_) => {
                self.running.remove(id);
                self.leaders.remove(id);
            }
            HostEvent::Paused => {
                self.running.remove(id);
            }
            HostEvent::Added | HostEvent::Restarted | HostEvent::Resumed => {
                self.running.insert(id);
            }
            HostEvent::Wiped => {}
        }
        self.look(now)
    }

    /// A link was cut, or healed.
    pub fn links(&mut self, now: Time, links: &Links) -> Option<Stretch> {
        self.hears.clear();
        if !links.overlays().is_empty() {
            let nodes = || (0..self.machines).map(NodeId::from);
            let both = |a, b| a == b || links.is_up(a, b) && links.is_up(b, a);
            self.hears = nodes().map(|a| nodes().filter(|b| both(a, *b)).collect()).collect();
        }
        self.look(now)
    }

    /// True if a node considers itself leader.
    pub fn is_led_by(&self, id: NodeId) -> bool {
        self.leaders.contains(id)
    }

    /// True if there is a leader with a quorum.
    pub fn is_available(&self) -> bool {
        self.available
    }

    /// The time from the beginning of the watch until there first was one.
    pub fn first(&self) -> Option<Span> {
        self.first.map(|first| first.since(self.begun))
    }

    /// When the watch began.
    pub fn begun(&self) -> Time {
        self.begun
    }

    /// The totals up to the end of the run.
    pub fn totals(&self, end: Time) -> Totals {
        let mut totals = self.totals;
        if !self.available {
            let lasted = end.since(self.since).0;
            totals.unavailable += lasted;
            totals.longest = totals.longest.max(lasted);
            totals.open = self.first.map(|_| lasted);
        }
        totals
    }

    /// The interval that is open at the end of the run.
    pub fn last_span(&self, end: Time) -> Stretch {
        Stretch { from: self.told, to: end, available: self.available }
    }

    /// Updates the state; returns the interval that ends now if it changed.
    fn look(&mut self, now: Time) -> Option<Stretch> {
        let available = self.leaders.iter().any(|id| self.has_quorum(id));
        if available == self.available {
            return None;
        }
        let span = Stretch { from: self.told, to: now, available: self.available };
        self.available = available;
        self.told = now;
        if self.since == now && now > self.begun {
            // A leader that resumes and steps down at once, because of messages that waited, does
            // not count.
            (self.since, self.first, self.totals) = self.before;
            return Some(span);
        }
        self.before = (self.since, self.first, self.totals);
        let lasted = now.since(self.since).0;
        self.since = now;
        if available {
            self.totals.unavailable += lasted;
            self.totals.longest = self.totals.longest.max(lasted);
            if self.first.is_none() {
                self.first = Some(now);
            } else {
                self.totals.recoveries += 1;
                self.totals.down += lasted;
            }
        } else {
            self.totals.losses += 1;
        }
        Some(span)
    }

    fn has_quorum(&self, leader: NodeId) -> bool {
        if !self.running.contains(leader) {
            return false;
        }
        let heard = match self.hears.get(leader.at()) {
            Some(hears) => self.running.intersection(hears),
            None => self.running,
        };
        let Some(now) = self.configurations.get(leader.at()) else {
            return heard.len() > self.founding / 2;
        };
        let most = |of: &NodeSet| heard.intersection(of).len() > of.len() / 2;
        most(&now.voters) && (!now.is_joint() || most(&now.outgoing))
    }
}

/// An interval of constant availability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Its start.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// True if the cluster was available.
    pub available: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::network::{NetworkSpec, Overlay};

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    fn at(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    #[test]
    fn a_crash_is_a_loss_and_the_next_leader_ends_it() {
        let mut availability = Availability::new(3);
        availability.leads(at(100), A, true);
        availability.host(at(500), A, HostEvent::Crashed);
        availability.leads(at(700), B, true);
        let totals = availability.totals(at(1_000));
        assert_eq!(availability.first(), Some(Span::from_ms(100)));
        assert_eq!((totals.losses, totals.recoveries), (1, 1));
        assert_eq!((totals.down, totals.open), (at(200).0, None));
        assert_eq!((totals.unavailable, totals.longest), (at(300).0, at(200).0));
        assert_eq!(totals.mean_down(), Some(200.0));
    }

    #[test]
    fn a_loss_that_is_not_over_stays_in_beside_one_that_is() {
        let mut availability = Availability::new(3);
        assert_eq!(availability.totals(at(50)).mean_down(), None, "nothing was lost yet");
        availability.leads(at(100), A, true);
        availability.host(at(500), A, HostEvent::Crashed);
        availability.leads(at(700), B, true);
        availability.host(at(1_000), B, HostEvent::Crashed);
        let totals = availability.totals(at(5_000));
        assert_eq!((totals.recoveries, totals.open), (1, Some(at(4_000).0)));
        assert_eq!(totals.mean_down(), Some(f64::midpoint(200.0, 4_000.0)));
    }

    #[test]
    fn a_leader_in_a_minority_does_not_count() {
        let mut availability = Availability::new(3);
        availability.leads(at(0), A, true);
        let mut links = Links::new(3, NetworkSpec::default());
        links.add(1.into(), Overlay::Partition(vec![[A].into_iter().collect()]));
        availability.links(at(10), &links);
        assert!(!availability.is_available());
        assert_eq!(availability.totals(at(30)).open, Some(at(20).0));
        links.remove(1.into());
        availability.links(at(40), &links);
        assert_eq!(availability.totals(at(50)).down, at(30).0);
    }

    #[test]
    fn what_is_taken_back_in_the_same_instant_counts_for_nothing() {
        let mut availability = Availability::new(3);
        availability.leads(at(0), A, true);
        availability.host(at(10), A, HostEvent::Paused);
        availability.host(at(30), A, HostEvent::Resumed);
        availability.leads(at(30), A, false);
        assert_eq!(availability.totals(at(40)).open, Some(at(30).0));
        availability.leads(at(50), B, true);
        let totals = availability.totals(at(60));
        assert_eq!((totals.losses, totals.recoveries, totals.down), (1, 1, at(40).0));
    }

    #[test]
    fn a_second_leader_changes_nothing_and_a_paused_majority_does() {
        let mut availability = Availability::new(3);
        availability.leads(at(0), A, true);
        assert_eq!(availability.leads(at(1), B, true), None);
        availability.host(at(2), A, HostEvent::Paused);
        assert!(availability.is_available());
        availability.host(at(3), NodeId(2), HostEvent::Paused);
        assert!(!availability.is_available());
        availability.host(at(5), A, HostEvent::Resumed);
        assert_eq!(availability.totals(at(9)).down, at(2).0);
    }
}
