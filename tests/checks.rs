//! The checks are checked: an honest cluster under faults has no violation and leaves no property
//! unchecked; a cluster without one of Raft's rules has the violation that the rule is there to
//! prevent.
#![allow(missing_docs)]

#[path = "checks/damage.rs"]
mod damage;
#[path = "checks/disks.rs"]
mod disks;
#[path = "checks/durability.rs"]
mod durability;
#[path = "checks/elections.rs"]
mod elections;
#[path = "checks/forged.rs"]
mod forged;
#[path = "checks/honest.rs"]
mod honest;
#[path = "checks/lab.rs"]
mod lab;
#[path = "checks/liars.rs"]
mod liars;
#[path = "checks/membership.rs"]
mod membership;
#[path = "checks/planted.rs"]
mod planted;
#[path = "checks/snapshots.rs"]
mod snapshots;
#[path = "checks/stories.rs"]
mod stories;
