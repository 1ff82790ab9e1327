//! Actions on a cluster, now or later.

use super::Cluster;
use super::agenda::Planned;
use crate::experiment::playable::Playable;
use crate::experiment::step::Action;
use crate::experiment::watch::Watcher;
use crate::protocol::{NodeId, OpId};
use crate::replica::{Request, Session};

/// The result of an action.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    /// Nothing.
    Nothing,
    /// A fault with this handle.
    Handle(u32),
    /// An operation with this id.
    Op(OpId),
    /// A copy of a message with this number.
    Copy(u8),
}

impl<P: Playable, O: Watcher<P>> Cluster<P, O> {
    /// Performs the next planned action, if it is due now.
    pub(super) fn perform_due(&mut self) {
        if self.agenda.next_time() <= self.world.now() {
            self.perform_next();
        }
    }

    /// Performs the next planned action.
    pub(super) fn perform_next(&mut self) {
        let Some(planned) = self.agenda.pop() else { return };
        self.performed.count((self.world.now(), self.events()));
        match planned {
            Planned::Strike(strike, _) => self.strike(strike),
            Planned::End(strike, _) => self.end_strike(strike),
            Planned::Act(action) => _ = self.act(&action),
        }
    }

    /// Performs an action now. (It was validated with the scenario, or by
    /// [`crate::experiment::Scenario::validate_action`].)
    pub fn act(&mut self, action: &Action) -> Done {
        match action {
            Action::Inject(fault) => Done::Handle(self.inject(fault)),
            Action::Heal { handle: Some(handle) } => {
                self.end_fault(*handle);
                Done::Nothing
            }
            Action::Heal { handle: None } => {
                for strike in self.injector.network_strikes() {
                    self.end_strike(strike);
                }
                Done::Nothing
            }
            Action::Propose { command, node, home, client } => {
                let session = client.as_ref().map_or_else(Session::default, |c| self.session(c));
                let command = self.symbols.update(|symbols| command.command(symbols, session));
                Done::Op(self.world.request(
                    self.id(node.as_ref()),
                    self.id(home.as_ref()),
                    Request::Write(command),
                ))
            }
            Action::Read { key, via, node, home } => {
                let key = self.symbols.update(|symbols| symbols.key(key));
                let request = if *via == crate::protocol::ReadPath::Log {
                    Request::Write(crate::replica::Command::plain(crate::replica::Op::Get { key }))
                } else {
                    Request::Read { key, via: *via }
                };
                Done::Op(self.world.request(
                    self.id(node.as_ref()),
                    self.id(home.as_ref()),
                    request,
                ))
            }
            Action::Retry { op, node, home } => {
                let (node, home) = (self.id(node.as_ref()), self.id(home.as_ref()));
                self.world.request_again(OpId(*op), node, home);
                Done::Op(OpId(*op))
            }
            Action::GiveUp { op } => {
                self.world.give_up(OpId(*op));
                Done::Nothing
            }
            Action::Campaign { node } => {
                if let Ok(id) = self.scenario.nodes.id(node) {
                    self.world.order(id, Request::Campaign);
                }
                Done::Nothing
            }
            Action::Message { message, what, after } => self.move_message(message, *what, *after),
            Action::At { time, action } => {
                self.agenda.plan((*time).max(self.world.now()), Planned::Act(action.clone()));
                Done::Nothing
            }
        }
    }

    fn id(&self, name: Option<&String>) -> Option<NodeId> {
        name.and_then(|name| self.scenario.nodes.id(name).ok())
    }

    /// The next serial number of a client's session (diss. §6.3). Any operation by hand may be
    /// retried, so no answer is ever discarded.
    fn session(&mut self, client: &str) -> Session {
        let number = self.scenario.load_clients() + self.clients.len() as u32 + 1;
        let (number, seq) = self.clients.entry(client.to_owned()).or_insert((number, 0));
        *seq += 1;
        Session { client: *number, seq: *seq, low: 0 }
    }
}
