//! `TiKV`'s Raft, the crate `raft`, as a second protocol in the same world.
//!
//! The crate is unchanged. It is an object that must be driven: it counts ticks, draws its election
//! timeouts from the thread's generator, and cannot be copied. [`node`] is the adapter, which makes
//! a pure state machine of it:
//!
//! - `clock` puts the world's timers in the place of ticks and of the crate's own draws;
//! - `ready` moves what the crate asks for to the disk and the network, and applies what is
//!   committed;
//! - `roles` notes what a call changed, and `refusals` what the crate refuses;
//! - `reads` serves reads;
//! - `copy` copies the object, and `panics` makes a halt of a panic.
//!
//! [`store`] is what it keeps on disk, [`messages`] what it sends, [`settings`] what it can be set
//! to, and [`codec`] writes our commands as the bytes of its entries.

mod clock;
pub mod codec;
mod copy;
pub mod messages;
pub mod node;
mod panics;
mod reads;
mod ready;
mod refusals;
mod roles;
pub mod settings;
pub mod store;

pub use messages::TikvMessage;
pub use node::Node;
pub use store::{Batch, Kept, Write};
