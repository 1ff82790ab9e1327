//! Actions on a cluster, now or later.

use std::sync::Arc;

use super::agenda::Planned;
use super::{Cluster, make_room};
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
            Action::Configure { change, node } => {
                change.machines().into_iter().for_each(|name| self.start_machine(name));
                match change.request(&self.scenario.nodes) {
                    Ok(wanted) => self.ask(node.as_ref(), Request::Configure(wanted)),
                    Err(_) => Done::Nothing, // it was validated
                }
            }
            Action::Transfer { to, node } => match self.id(Some(to)) {
                Some(to) => self.ask(node.as_ref(), Request::Transfer(to)),
                None => Done::Nothing,
            },
            Action::StepDown { node } => self.ask(node.as_ref(), Request::StepDown),
            Action::Campaign { node } => {
                if let Ok(id) = self.scenario.nodes.id(node) {
                    self.world.order(id, Request::Campaign);
                }
                Done::Nothing
            }
            Action::Message { message, what, after } => self.move_message(message, *what, *after),
            Action::Deliver(held) => self.deliver_held(held),
            Action::At { time, action } => {
                action.machines().into_iter().for_each(|name| self.make_known(name));
                self.agenda.plan((*time).max(self.world.now()), Planned::Act(action.clone()));
                Done::Nothing
            }
            Action::Once { condition, action } => {
                action.machines().into_iter().for_each(|name| self.make_known(name));
                self.await_condition(condition, Planned::Act(action.clone()));
                self.look_for_targets();
                Done::Nothing
            }
        }
    }

    fn ask(&mut self, node: Option<&String>, request: Request) -> Done {
        Done::Op(self.world.request(self.id(node), None, request))
    }

    /// Starts a machine that is about to be added, unless it has run before.
    fn start_machine(&mut self, name: &str) {
        self.make_known(name);
        if let Ok(id) = self.scenario.nodes.id(name) {
            self.world.start(id);
        }
    }

    /// Gives a machine that the scenario does not name a place in the world. A replay, which knows
    /// it from the beginning, numbers machines in the same order.
    fn make_known(&mut self, name: &str) {
        if self.scenario.nodes.id(name).is_ok() {
            return;
        }
        let scenario = Arc::make_mut(&mut self.scenario);
        if scenario.nodes.declare(name).is_ok() {
            let id = NodeId::from(scenario.nodes.len() - 1);
            make_room(&mut self.world, &self.scenario, id);
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
