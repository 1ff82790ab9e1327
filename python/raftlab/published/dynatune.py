"""Dynatune: timeouts that follow the network."""

from __future__ import annotations

from typing import Any

from .. import presets
from .._conditions import Condition, candidates, leader_elected
from .._faults import Crash
from ..distributions import normal, uniform
from ..scenario import Scenario
from ..settings import Network
from .result import Result, Row, played

__all__ = ["adaptive_timeouts"]


def adaptive_timeouts(seeds: int = 2000) -> Result:
    """Time saved in detecting and replacing a dead leader if timeouts follow the network (Dynatune).

    Returns
    -------
    Result
        The relative reductions of two means from etcd's defaults, paired by seed. The tolerance is 10 %,
        because the abstract gives round numbers and does not state its network.
    """

    def took(stop: Condition, **settings: Any) -> Any:
        scenario = long_round_trips(stop, **settings)
        found = played(scenario, seeds=seeds, metrics="since_last_fault_ms")
        return found["since_last_fault_ms"]

    before = {stop: took(stop) for stop in (candidates(1), leader_elected)}

    def saves(stop: Condition, **settings: Any) -> tuple[float, float, float]:
        return saved(before[stop], took(stop, adaptive_timeout=True, **settings))

    elected = saves(leader_elected)
    alone = saves(leader_elected, candidate_timeout=(200, 400))
    split = (
        "votes split, since round trips are as long as the range of the adapted timeouts, and the next "
        f"attempt uses the configured timeout: with candidate_timeout=(200, 400) it is {100 * alone[0]:.0f} %"
    )
    rows = (
        Row("until a node stands", "time saved", "%", 0.8, *saves(candidates(1)), tolerance=0.1),
        Row(
            "until a leader", "time saved", "%", 0.45, *elected, tolerance=0.1,
            why=split if alone[1] > elected[2] else "",
        ),
    )  # fmt: skip
    setup = (
        "5 servers with etcd's defaults: timeouts U(1000, 2000) ms, heartbeats every 100 ms, PreVote, "
        "CheckQuorum. Messages take N(50, 2) ms. The leader crashes after 20 s; the time counts from there. "
        "Dynatune's leader has a heartbeat timer for each follower. Here it has one for all, so the "
        "followers' election timers start together, which makes split votes likelier: the time until a "
        "leader is an upper bound for Dynatune's."
    )
    source = "Shiozaki and Nakamura (Dynatune), arXiv 2507.15154, abstract"
    return Result("adaptive_timeouts", "Adaptive timeouts", source, setup, rows)


def long_round_trips(stop: Condition, **settings: Any) -> Scenario:
    """A cluster with etcd's defaults whose leader dies once all round trips are known."""
    return Scenario(
        5,
        preset=presets.etcd,
        network=Network(latency=normal(50, 2)),
        faults=[Crash("leader", at=uniform(20_000, 20_100))],
        stop=stop,
        **settings,
    )


def saved(before: Any, after: Any) -> tuple[float, float, float]:
    """The relative reduction of a mean and its 95 % interval, from pairs (delta method)."""
    import numpy as np
    from scipy.stats import norm

    ratio = after.mean() / before.mean()
    residuals = (after - ratio * before) / before.mean()
    error = float(norm.ppf(0.975) * residuals.std(ddof=1) / np.sqrt(len(before)))
    return float(1 - ratio), float(1 - ratio - error), float(1 - ratio + error)
