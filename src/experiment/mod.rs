//! Experiments: scenarios ([`Scenario`]), clusters that play them ([`Cluster`]), and sweeps over
//! many seeds.

pub mod bugs;
pub mod ceilings;
pub mod cluster;
mod crew;
pub mod director;
pub mod edits;
pub mod futures;
pub mod initial;
pub mod metrics;
pub mod pace;
pub mod playable;
pub mod presets;
mod reachable;
pub mod scenario;
pub mod session;
pub mod splitting;
pub mod step;
pub mod sweep;
pub mod symbols;
pub mod watch;
pub mod watched;

pub use crate::fault::Condition;
pub use cluster::{Cluster, Ending, Progress};
pub use playable::{Playable, Watched};
pub use scenario::{OnViolation, Scenario, ScenarioError};
pub use session::{Drive, Session};
pub use step::{Action, CommandSpec, Step};
pub use symbols::Symbols;
pub use watch::{Watcher, Watches};
pub use watched::Watching;
