//! Faults: the vocabulary, their targets, when they strike, and how they end.
//!
//! A fault is a value ([`Fault`]) with a schedule ([`Scheduled`]). When it strikes, the
//! [`Injector`] resolves its target ([`place`]), applies it, and keeps the strike while it lasts.
//! To add a fault, add a variant in [`vocabulary`], its row in [`vocabulary::KINDS`], and its
//! effect in [`injector`].

pub mod draws;
pub mod injector;
pub mod nemesis;
pub mod place;
pub mod schedule;
pub mod target;
pub mod validation;
pub mod vocabulary;

pub use injector::{Active, Injector, Struck};
pub use place::Place;
pub use schedule::Scheduled;
pub use target::{Names, Target};
pub use vocabulary::{Family, Fault, FaultKind, KINDS, MessageFilter, Shape};
