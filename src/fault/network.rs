//! Faults of links and messages.

use super::effect::{Effect, Site};
use super::links::{MessageFilter, validate_bandwidth, validate_probability};
use super::partition::{Groups, Shape};
use super::place::{Aim, Place};
use super::target::{Names, Target};
use super::vocabulary::faults;
use crate::protocol::{NodeId, NodeSet};
use crate::raft::Lie;
use crate::replica::Replica;
use crate::sim::{Distribution, Observer, Overlay};

faults! { Network:
    /// Cuts the links between groups. Nodes in no group form one more group.
    Partition "partition":
        "links between groups are down; nodes in no group form one more group";
        "the links are up"
    {
        /// The groups; empty if a shape is given.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<Target>,
        /// The shape, from which groups are made when the fault strikes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shape: Option<Shape>,
        /// With [`Shape::Bridge`]: the node that is connected to both halves; drawn at random if
        /// not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bridge: Option<Target>,
    }

    /// Cuts each of these nodes off from all other nodes.
    Isolate "isolate": "each of these nodes is cut off from all others"; "the links are up" {
        /// The nodes.
        node: Target,
    }

    /// Cuts links in one direction.
    Cut "cut": "links are down in one direction, or for some types of message"; "the links are up" {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
    }

    /// Delays messages.
    Delay "delay": "messages take longer"; "new messages take as long as before" {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
        /// The additional delay.
        by: Distribution,
    }

    /// Loses messages.
    Loss "loss": "messages are lost with a probability"; "the loss ends" {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
        /// The probability for each message.
        probability: f64,
    }

    /// Delivers messages twice.
    Duplicate "duplicate": "messages arrive twice with a probability"; "messages arrive once" {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
        /// The probability for each message.
        probability: f64,
    }

    /// Makes links carry fewer bytes per second.
    Throttle "throttle":
        "links carry at most this many bytes per second";
        "what is sent is carried as before"
    {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
        /// The bytes per second of each link and direction.
        bandwidth: f64,
    }

    /// Holds messages as they are sent, to be delivered by hand.
    Hold "hold":
        "messages are held, to be delivered by hand";
        "new messages are no longer held; held ones stay held"
    {
        /// The messages affected.
        #[serde(flatten)]
        filter: MessageFilter,
    }
}

impl Effect for Partition {
    fn aim(&self) -> Aim<'_> {
        Aim::Groups(Groups {
            groups: &self.groups,
            shape: self.shape,
            bridge: self.bridge.as_ref(),
        })
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.part(place);
    }
}

impl Effect for Isolate {
    fn aim(&self) -> Aim<'_> {
        Aim::Nodes(&self.node)
    }

    fn limits(&self, names: &Names) -> Result<(), String> {
        if names.len() > 1 {
            return Ok(());
        }
        Err(format!("there is no link from {} to any other node", names.name(NodeId(0))))
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        let alone = place.nodes().iter().map(|id| [id].into_iter().collect()).collect();
        let groups = Place::groups(alone);
        site.part(&groups);
    }
}

impl Effect for Cut {
    fn aim(&self) -> Aim<'_> {
        Aim::Links(&self.filter)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.cover(place, Overlay::Cut);
    }
}

impl Effect for Delay {
    fn aim(&self) -> Aim<'_> {
        Aim::Links(&self.filter)
    }

    fn limits(&self, _: &Names) -> Result<(), String> {
        self.by.validate().map_err(|why| format!("by: {why}"))
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.cover(place, |links| Overlay::Delay(links, self.by.clone()));
    }
}

impl Effect for Loss {
    fn aim(&self) -> Aim<'_> {
        Aim::Links(&self.filter)
    }

    fn limits(&self, _: &Names) -> Result<(), String> {
        validate_probability(self.probability)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.cover(place, |links| Overlay::Loss(links, self.probability));
    }
}

impl Effect for Duplicate {
    fn aim(&self) -> Aim<'_> {
        Aim::Links(&self.filter)
    }

    fn limits(&self, _: &Names) -> Result<(), String> {
        validate_probability(self.probability)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.cover(place, |links| Overlay::Duplicate(links, self.probability));
    }
}

impl Effect for Throttle {
    fn aim(&self) -> Aim<'_> {
        Aim::Links(&self.filter)
    }

    fn limits(&self, _: &Names) -> Result<(), String> {
        validate_bandwidth(self.bandwidth).map_err(|why| format!("bandwidth {why}"))
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        site.cover(place, |links| Overlay::Throttle(links, self.bandwidth));
    }
}

impl Effect for Hold {
    fn aim(&self) -> Aim<'_> {
        Aim::Links(&self.filter)
    }

    fn strike<P: Replica<Lie = Lie>, O: Observer<P>>(
        &self,
        site: &mut Site<'_, P, O>,
        place: &Place,
    ) {
        if let Place::Links(links) = place {
            site.world.hold_matching(site.strike, links.clone());
        }
    }

    fn end<P: Replica<Lie = Lie>, O: Observer<P>>(&self, site: &mut Site<'_, P, O>, _: &NodeSet) {
        site.world.stop_holding(site.strike);
    }
}
