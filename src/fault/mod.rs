//! Faults: the vocabulary, whom they hit, when they strike, and how they end.
//!
//! A fault is a value ([`Fault`]) with a schedule ([`Scheduled`]). When it strikes, the [`Injector`] finds whom
//! ([`place`]), acts, and keeps the strike while it lasts. To add a fault: a variant in [`vocabulary`], its row
//! in [`vocabulary::KINDS`], and what it does in [`injector`].

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
