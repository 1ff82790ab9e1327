"""Runs: scenarios that were played to their end."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ._read_only import set_once
from ._time import format_ms
from .cluster import Cluster, Forkable
from .errors import FaultWarning, NotReached, ViolationError, warn
from .scenario import Scenario

__all__ = ["Run"]


class Run(Forkable):
    """A scenario that was played to its end. It has the attributes of a `Cluster`.

    `fork()` returns a cluster that continues from here.

    Examples
    --------
    >>> import raftlab as rl
    >>> run = rl.Scenario(3, stop=rl.leader_elected).run(seed=1)
    >>> run.ending, run.leader.name
    ('stop', 'B')
    >>> run.fork().run("1s").leader.term
    1

    Attributes
    ----------
    ending : str
        `"stop"` (the condition held), `"horizon"` (time ran out), `"steps"` (all steps were taken),
        `"violation"`, `"not_reached"` (a step's condition did not hold in time: `Sweep.replay` returns such
        runs, and `NotReached.run` has them), or `"not_armed"` (time ran out before `stop` was armed: the
        faults that it waits for did not strike).
    point : mapping
        The parameters of the point of a grid that `Sweep.replay` played; empty for other runs.
    """

    ending: str
    point: Mapping[str, Any] = MappingProxyType({})
    _scenario: Scenario

    @property
    def scenario(self) -> Scenario:
        """The scenario that was played."""
        return self._scenario

    def _script(self) -> str:
        return self._scenario.to_json()

    def _how(self) -> str:
        return f", ended: {self.ending}"

    @classmethod
    def _play(
        cls,
        scenario: Scenario,
        seed: int,
        trace: str,
        checks: bool,
        on_violation: str,
        trace_rows: int | None,
    ) -> Run:
        cluster = Cluster.__new__(Cluster)
        cluster._open(scenario, seed, trace, checks, on_violation, trace_rows)
        return cls._ended(cluster, cluster._engine.play(), scenario)

    @classmethod
    def _ended(cls, cluster: Cluster, ending: str, scenario: Scenario | None = None) -> Run:
        """The run of a cluster that was played to an end."""
        if ending == "violation" and cluster._on_violation == "raise":
            raise ViolationError(cluster.violations[-1])
        run = cls.__new__(cls)
        run._engine, run._on_violation = cluster._engine, cluster._on_violation
        set_once(run, ending=ending)
        run._family, run._trace_rows = cluster._family, cluster._trace_rows
        run._scenario = scenario or Scenario.from_json(cluster._engine.script())
        return run

    def _warn_if_not_armed(self) -> None:
        """Warns if `stop` was never armed. Runs of a sweep do not: it warns once of all of them."""
        if self.ending == "not_armed":
            said = (
                "the run ended 'not_armed': its faults did not strike before the end, at "
                f"{format_ms(self.now_ms)}, or one still waited for its target"
            )
            warn(FaultWarning(said))
        elif self.ending in ("horizon", "steps"):
            unmet = self._engine.unmet_faults()
            if unmet:
                these = ", ".join(unmet)
                warn(FaultWarning(f"faults did not strike, because their conditions never held: {these}"))

    def _raise_if_not_reached(self) -> None:
        """Raises `NotReached` if the condition of a step was not reached."""
        if self.ending == "not_reached":
            state = self._state_line()
            error = NotReached(
                f"the condition of a step was not reached by {format_ms(self.now_ms)} of seed {self.seed}; "
                f"the nodes: {state}",
                "a step",
                state,
            )
            error.run = self
            raise error

    @classmethod
    def _future(
        cls,
        scenario: Scenario,
        moment: tuple[int, float | None, float | None],
        luck: int,
        *,
        trace: str = "full",
        checks: bool = True,
        on_violation: str = "record",
        trace_rows: int | None = None,
    ) -> Run:
        """A run that has another seed from a given time on."""
        seed, at_ms, duration_ms = moment
        cluster = Cluster.__new__(Cluster)
        cluster._open(scenario, seed, trace, checks, on_violation, trace_rows)
        return cls._ended(cluster, cluster._engine.play_future(at_ms, duration_ms, luck))

    def __copy__(self) -> Run:
        run = type(self).__new__(type(self))
        vars(run).update(vars(self))  # its engine does not change any more
        return run

    def __deepcopy__(self, memo: object) -> Run:
        return copy.copy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        level, checks = self._engine.watching
        options = (level, checks, self._on_violation, self._trace_rows)
        return Run._play, (self.scenario, self.seed, *options), {"point": dict(self.point)}
