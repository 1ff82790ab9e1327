//! The world around a protocol: virtual time, an event queue with a total order, counter-based
//! randomness, network, disks, clocks and clients. It is generic over the protocol and the
//! observer.
//!
//! The path of a message: a node's effect ([`world`]) → [`network`] (whether the link is up, and
//! the latency) → [`queue`] → the receiver's handler. Time advances only in this module.

pub mod client;
pub mod clock;
pub mod digest;
pub mod disk;
pub mod disk_faults;
pub mod distribution;
pub mod edit;
pub mod flight;
pub mod luck;
pub mod network;
pub mod observer;
pub mod queue;
pub mod strike;
pub mod time;
mod timers;
mod weighted;
pub mod work;
pub mod world;

pub use client::{Load, OpState, OpStatus, Pacing};
pub use clock::Clock;
pub use digest::Digest;
pub use disk::{DiskSpec, Unsynced};
pub use disk_faults::DiskFault;
pub use distribution::Distribution;
pub use edit::{Edit, Forged};
pub use flight::{Flight, MessageId};
pub use luck::{Luck, Purpose, Stream};
pub use network::{Latency, Links, Matching, NetworkSpec, Overlay};
pub use observer::{ClockEvent, DiskEvent, Fate, HostEvent, Observer, OpEvent};
pub use strike::Strike;
pub use time::Time;
pub use work::{Meter, Processing, Slowness};
pub use world::{Dispatched, Happening, Outgoing, Stop, World, WorldSpec};
