//! Futures: the same world from a given time on, with the random draws of other seeds.

use super::cluster::{Cluster, Ending, Position, Progress};
use super::playable::Playable;
use super::watch::Watcher;
use crate::protocol::Span;
use crate::sim::Time;

/// Where the futures of a run branch, and how long they last.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The seed of the run up to there.
    pub seed: u64,
    /// The branching time; the end of the run if not given.
    pub at: Option<Time>,
    /// Their duration; to the end of the scenario if not given.
    pub duration: Option<Span>,
}

/// The progress of a cluster up to a branching time and beyond.
#[derive(Clone, Debug, Default)]
pub struct Way {
    position: Position,
    /// The end of the futures, if not that of the scenario.
    end: Option<Time>,
}

impl Way {
    /// Runs up to the branching time, for at most `events` events; false if it is not reached yet.
    pub fn reach<P: Playable, O: Watcher<P>>(
        &mut self,
        cluster: &mut Cluster<P, O>,
        moment: &Moment,
        events: u64,
    ) -> bool {
        let until = moment.at.unwrap_or(Time::NEVER);
        if cluster.play(&mut self.position, events, until).is_none() {
            return false;
        }
        // The rest of the time passes without a step of the scenario.
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

    /// Continues with the random draws of another seed.
    pub fn part<P: Playable, O: Watcher<P>>(&mut self, cluster: &mut Cluster<P, O>, seed: u64) {
        cluster.part(&mut self.position, seed);
    }

    /// Runs to the end, for at most `events` events; `None` if it is not reached yet.
    pub fn go_on<P: Playable, O: Watcher<P>>(
        &mut self,
        cluster: &mut Cluster<P, O>,
        events: u64,
    ) -> Option<Ending> {
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
