//! Faults: the vocabulary, whom they hit, when they strike, and how they end.
//!
//! A fault is a value ([`Fault`]) with a schedule ([`Scheduled`]). The [`Injector`] strikes with it, keeps
//! a handle while it lasts, and ends it. To add a fault: a variant in [`vocabulary`], its row in
//! [`vocabulary::KINDS`], and what it does in [`injector`].

pub mod injector;
pub mod nemesis;
pub mod target;
pub mod vocabulary;

pub use injector::{Active, Injector, Struck};
pub use target::{Names, Target};
pub use vocabulary::{Fault, FaultKind, KINDS, MessageFilter, Scheduled, Shape};
