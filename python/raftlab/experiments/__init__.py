"""The seven experiments: common claims about Raft, and what happens in a run.

Calling one returns a `Result` with a finding per variant: the claim, the verdict that was computed from the
run, and the evidence. `result.plot()` draws its picture.

>>> from raftlab import experiments
>>> result = experiments.two_leaders(only=["E1.3"])
>>> result["E1.3"].verdict
'is false'
"""

from __future__ import annotations

from .._boundary import guard
from ._base import Answer, Experiment, Finding, Result, Variant
from .delayed_messages import delayed_messages
from .livelock import livelock
from .log_conflicts import log_conflicts
from .lost_disk import lost_disk
from .minority_commit import minority_commit
from .split_brain import split_brain
from .two_leaders import two_leaders

__all__ = [
    "ALL",
    "Answer",
    "Experiment",
    "Finding",
    "Result",
    "Variant",
    "delayed_messages",
    "livelock",
    "log_conflicts",
    "lost_disk",
    "minority_commit",
    "split_brain",
    "two_leaders",
]

ALL: dict[str, Experiment] = {
    experiment.id: experiment
    for experiment in (
        two_leaders,
        split_brain,
        log_conflicts,
        delayed_messages,
        livelock,
        lost_disk,
        minority_commit,
    )
}
"""All experiments by id: E1 to E3, Q1 to Q4."""

guard(__name__)
