//! Membership by hand (§6, diss. ch. 4) and leadership transfer (diss. §3.10): a node's inputs, and
//! its resulting configuration, messages and replies. Each step of the mechanism has a test here
//! that fails without it.
#![allow(missing_docs)]

#[path = "support"] // for rustfmt, which would look in the folder of membership
#[allow(dead_code)] // used by other tests
mod support {
    pub mod cluster;
    pub mod messages;
    pub mod recorder;
}

#[path = "membership/catch_up.rs"]
mod catch_up;
#[path = "membership/followers.rs"]
mod followers;
#[path = "membership/leaders.rs"]
mod leaders;
#[path = "membership/transfer.rs"]
mod transfer;
#[path = "membership/words.rs"]
mod words;
