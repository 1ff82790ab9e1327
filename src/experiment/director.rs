//! Messages moved by hand, by the names of their nodes.

use super::cluster::{Cluster, Done};
use super::playable::Playable;
use super::step::{ByHand, Held, MessageName, Which};
use super::watch::Watcher;
use crate::protocol::{Message, Span};
use crate::sim::{MessageId, Time};

impl<P: Playable, O: Watcher<P>> Cluster<P, O> {
    /// Moves a message. It is not an error if it is no longer in flight: in another run it may have
    /// arrived.
    pub(super) fn move_message(&mut self, name: &MessageName, what: ByHand, after: Span) -> Done {
        let Ok(id) = self.scenario().message_id(name) else { return Done::Nothing };
        let world = self.world_mut();
        match what {
            ByHand::Deliver => {
                world.deliver(id);
            }
            ByHand::Hold => {
                world.hold(id);
            }
            ByHand::Release => {
                world.release(id, after);
            }
            ByHand::Drop => {
                world.drop_message(id);
            }
            ByHand::Duplicate => {
                if let Some(copy) = world.duplicate(id) {
                    return Done::Copy(copy.copy);
                }
            }
        }
        Done::Nothing
    }

    /// Delivers messages that a link holds; does nothing if it holds none.
    pub(super) fn deliver_held(&mut self, held: &Held) -> Done {
        let Ok(link) = held.matching(&self.scenario().nodes) else { return Done::Nothing };
        let flights = self.world().in_flight().into_iter().filter(|flight| {
            let id = flight.id;
            flight.due == Time::NEVER && link.message(id.from, id.to, flight.message.kind())
        });
        let mut ids: Vec<_> = flights.map(|flight| flight.id).collect();
        ids.sort_unstable();
        let chosen = match held.which {
            Which::First => ids.get(..1),
            Which::Last => ids.len().checked_sub(1).and_then(|last| ids.get(last..)),
            Which::All => Some(&ids[..]),
        };
        for id in chosen.unwrap_or_default() {
            self.world_mut().deliver(*id);
        }
        Done::Nothing
    }

    /// Whether a message is in flight.
    pub fn is_in_flight(&self, id: MessageId) -> bool {
        self.world().is_in_flight(id)
    }

    /// The name of a message.
    pub fn message_name(&self, id: MessageId) -> MessageName {
        let nodes = &self.scenario().nodes;
        MessageName {
            from: nodes.name(id.from).to_owned(),
            to: nodes.name(id.to).to_owned(),
            ordinal: id.ordinal,
            copy: id.copy,
        }
    }
}
