"""The bug library: for each rule of Raft that can be taken away, a recipe that shows what happens then.

The recipes are in a module for each subject. They are scenarios as users write them: steps, faults, messages
that are held and delivered later. With the bug a recipe breaks the property that the table of rules names,
and without it nothing.

>>> import raftlab as rl
>>> rl.bugs["commit_prior_term"].demo().violation.property
'leader_completeness'
"""

from __future__ import annotations

from .._boundary import guard
from . import _durability, _elections, _membership, _reads, _replication, _snapshots
from ._bug import Bug, Demo, Library

__all__ = ["Bug", "Demo", "bugs"]

bugs = Library(
    {
        **_elections.RECIPES,
        **_replication.RECIPES,
        **_durability.RECIPES,
        **_snapshots.RECIPES,
        **_membership.RECIPES,
        **_reads.RECIPES,
    }
)
"""The bugs by name, each with a recipe that shows it: `rl.bugs["vote_not_persisted"].demo()`."""

guard(__name__, Library)
