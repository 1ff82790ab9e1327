"""Plots."""

try:
    import matplotlib as _
except ImportError as error:  # pragma: no cover
    raise ImportError('raftlab.plot needs matplotlib: pip install "raftlab[plot]"') from error

from ._faults import faults_table
from ._log_timeline import log_timeline
from ._logs import logs, logs_table
from ._roles import roles, roles_table
from ._terms import terms

__all__ = ["roles", "roles_table", "faults_table"]
