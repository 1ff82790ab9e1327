//! Faults: their families, their targets, when they strike, and how they end.
//!
//! A fault is a value ([`Fault`]) with a schedule ([`Scheduled`]). When it strikes, the
//! [`Injector`] finds what its [`Aim`] hits, applies its [`Effect`], and keeps the strike while it
//! lasts.
//!
//! To add a fault, declare it in the file of its family with the macro `faults!`
//! ([`vocabulary`]), and give it its [`Effect`] there.

pub mod clock;
pub mod condition;
pub mod disk;
pub mod draws;
pub mod effect;
pub mod injector;
pub mod lies;
pub mod links;
pub mod nemesis;
pub mod network;
pub mod node;
pub mod partition;
pub mod place;
pub mod schedule;
pub mod target;
pub mod vocabulary;

pub use condition::{Armed, Condition};
pub use effect::{Effect, Grip, Site};
pub use injector::{Active, Injector, Struck};
pub use links::MessageFilter;
pub use partition::Shape;
pub use place::{Aim, Place};
pub use schedule::{Scheduled, When};
pub use target::{Names, Target, membership};
pub use vocabulary::{Family, Fault, FaultKind, Kind, kinds};
