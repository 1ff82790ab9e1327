"""raftlab: break Raft on purpose.

Build a cluster, cut its network, lose its disks, let a node lie, and see terms, logs and messages.

>>> import raftlab as rl
>>> c = rl.Cluster(5, seed=7)
>>> _ = c.run_until(rl.leader_elected)
>>> write = c.propose("x=1")
>>> _ = c.run("1s")
>>> write.ok, c.violations
(True, [])
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from . import _boundary, _core, _faults, presets, steps
from ._conditions import (
    Condition,
    all_of,
    answered,
    any_of,
    behind,
    candidates,
    caught_up,
    committed,
    down,
    in_joint,
    leader_elected,
    leaders,
    leads,
    member,
    no_leader,
    term_reached,
    violated,
)
from ._event import Event
from ._faults import *  # noqa: F403  # every class of a fault
from ._interceptors import Hook
from ._membership import Membership
from ._outgoing import MessageEntry, MessageMembership, MessageSnapshot, Outgoing, SentMessage
from ._run import Run
from ._suggest import unknown_attribute
from ._violations import Violation, Violations
from .cluster import Cluster
from .commands import Command, append, cas, get, put
from .discovery import (
    Catalogue,
    column_values,
    conditions,
    election_rules,
    faults,
    lies,
    metrics,
    not_simulated,
    properties,
    rules,
    show_versions,
    targets,
)
from .distributions import (
    Distribution,
    constant,
    empirical,
    exponential,
    lognormal,
    normal,
    pareto,
    uniform,
)
from .errors import (
    BusyError,
    CallError,
    FaultWarning,
    IncompleteWarning,
    InterceptorError,
    InvalidError,
    MetricWarning,
    NotReached,
    OutOfRangeError,
    RaftlabError,
    ReadOnlyError,
    ReplayError,
    SettingWarning,
    UnknownNameError,
    ViolationError,
)
from .scenario import Scenario
from .settings import AdaptiveTimeout, ClosedLoop, Disk, Initial, Network, OpenLoop, Processing
from .steps import campaign, heal, propose, read, run, run_until
from .tables import Table, Trace, schema
from .views import Entry, FaultHandle, InFlight, Log, Message, Nodes, NodeView, Operation

if TYPE_CHECKING:
    from . import experiments, plot, published
    from ._bugs import Bug, Demo, bugs
    from .advice import Advice, advise, network_from_csv
    from .statistics import upper_bound
    from .sweeps import Comparison, RareEvent, Sweep, compare, rare_event, required_seeds, sweep

__version__ = _core.VERSION

# Modules that a cluster in a notebook does not need are imported when they are first used: these, ...
_LAZY_MODULES = ("experiments", "plot", "published")
# ... and these names of others.
_LAZY_NAMES = {
    **dict.fromkeys(("Bug", "Demo", "bugs"), "_bugs"),
    **dict.fromkeys(("Advice", "advise", "network_from_csv"), "advice"),
    **dict.fromkeys(("upper_bound",), "statistics"),
    **dict.fromkeys(
        ("Comparison", "RareEvent", "Sweep", "compare", "rare_event", "required_seeds", "sweep"), "sweeps"
    ),
}


if not TYPE_CHECKING:  # or any name would be right for type checkers

    def __getattr__(name: str) -> Any:
        if name in _LAZY_MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        if name not in _LAZY_NAMES:
            raise unknown_attribute(sys.modules[__name__], name)
        found = getattr(importlib.import_module(f"{__name__}.{_LAZY_NAMES[name]}"), name)
        globals()[name] = found
        return found


__all__ = [
    "AdaptiveTimeout",
    "Advice",
    "Bug",
    "BusyError",
    "CallError",
    "Catalogue",
    "ClosedLoop",
    "Cluster",
    "Command",
    "Comparison",
    "Condition",
    "Demo",
    "Disk",
    "Distribution",
    "Entry",
    "Event",
    "FaultHandle",
    "FaultWarning",
    "Hook",
    "IncompleteWarning",
    "InFlight",
    "Initial",
    "InterceptorError",
    "InvalidError",
    "Log",
    "Membership",
    "Message",
    "MessageEntry",
    "MessageMembership",
    "MessageSnapshot",
    "MetricWarning",
    "Network",
    "NodeView",
    "NotReached",
    "OpenLoop",
    "Operation",
    "OutOfRangeError",
    "Outgoing",
    "Processing",
    "RaftlabError",
    "RareEvent",
    "ReadOnlyError",
    "ReplayError",
    "Run",
    "Scenario",
    "SentMessage",
    "SettingWarning",
    "Sweep",
    "Table",
    "Trace",
    "UnknownNameError",
    "Violation",
    "ViolationError",
    "Violations",
    "__version__",
    "advise",
    "all_of",
    "answered",
    "any_of",
    "append",
    "behind",
    "bugs",
    "campaign",
    "candidates",
    "cas",
    "caught_up",
    "committed",
    "column_values",
    "compare",
    "conditions",
    "constant",
    "down",
    "election_rules",
    "empirical",
    "experiments",
    "exponential",
    "faults",
    "get",
    "heal",
    "in_joint",
    "leader_elected",
    "leaders",
    "leads",
    "lies",
    "lognormal",
    "member",
    "metrics",
    "network_from_csv",
    "no_leader",
    "normal",
    "not_simulated",
    "pareto",
    "plot",
    "presets",
    "properties",
    "propose",
    "published",
    "put",
    "rare_event",
    "read",
    "required_seeds",
    "rules",
    "run",
    "run_until",
    "schema",
    "show_versions",
    "steps",
    "sweep",
    "targets",
    "term_reached",
    "uniform",
    "upper_bound",
    "violated",
]
__all__ += _faults.__all__

_boundary.guard(__name__, Nodes)
