//! Futures: the same world from a moment on, with the luck of other seeds.

use super::cluster::{Cluster, Ending, Position, Progress};
use super::watch::Watcher;
use crate::protocol::Span;
use crate::sim::Time;

/// Where the futures of a run part, and how long they last.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The luck of the run up to there.
    pub seed: u64,
    /// When; where the run ends if not given.
    pub at: Option<Time>,
    /// How long they last; to the end of the scenario if not given.
    pub duration: Option<Span>,
}

/// A cluster on its way to a moment and beyond it.
#[derive(Clone, Debug, Default)]
pub struct Way {
    position: Position,
    /// When the futures end, if not with the scenario.
    end: Option<Time>,
}

impl Way {
    /// Goes towards the moment, so many events at most; false if there is more to go.
    pub fn reach<O: Watcher>(
        &mut self,
        cluster: &mut Cluster<O>,
        moment: &Moment,
        events: u64,
    ) -> bool {
        let until = moment.at.unwrap_or(Time::NEVER);
        if cluster.play(&mut self.position, events, until).is_none() {
            return false;
        }
        // What is left of the time passes without a step of the scenario.
        while let Some(at) = moment.at
            && cluster.world().now() < at
        {
            if cluster.run(at, events, None) == Progress::Events {
                return false;
            }
        }
        self.end = moment.duration.map(|duration| cluster.world().now() + duration);
        true
    }

    /// From here on the luck is another seed's.
    pub fn part<O: Watcher>(&mut self, cluster: &mut Cluster<O>, seed: u64) {
        cluster.part(&mut self.position, seed);
    }

    /// Goes on to the end, so many events at most; nothing if there is more to go.
    pub fn go_on<O: Watcher>(&mut self, cluster: &mut Cluster<O>, events: u64) -> Option<Ending> {
        let end = self.end.unwrap_or(Time::NEVER);
        let ending = cluster.play(&mut self.position, events, end)?;
        if ending != Ending::Steps || self.end.is_none_or(|end| cluster.world().now() >= end) {
            return Some(ending);
        }
        match cluster.go_on(end, events, None) {
            Progress::Events => None,
            Progress::Violation => Some(Ending::Violation),
            Progress::Interceptor => Some(Ending::Interceptor),
            Progress::Time | Progress::Condition => Some(Ending::Horizon),
        }
    }
}
