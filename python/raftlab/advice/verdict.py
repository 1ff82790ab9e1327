"""The verdict from all runs: the cost of each timeout, the recommendation, and its certainty."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .._time import format_ms
from ..statistics import NOTHING, Estimate
from .costs import Costs, estimate
from .rates import Quiet
from .result import Advice, Choice, best_of
from .search import COARSE, Closely, Search, crashes_of, nobody_elected, rung, rung_of
from .setup import Setup

__all__ = ["Question", "advice_of"]

CHEAPER = 0.98
"""A timeout that was not given is mentioned if its cost is below this share of that of the best given one."""
COUNTED = "losses as counted, not as calculated"
PAUSES = (
    "not modelled: nodes that pause; keep the timeout above the longest pause of a process that you know of "
    "(garbage collection, scheduling, migration)"
)
PROMPT = (
    "not modelled: messages that are late or lost: none is lost in this network, and none takes more than "
    "twice as long as another on its link, so the timeout only has to suffice for an election; give a sample "
    "of round trips, or the loss"
)
TWO_MACHINES = (
    "two machines cannot tolerate a failure: while one is down there is no leader with any timeout; "
    "the cost counts from its return"
)


@dataclass(frozen=True)
class Question:
    """The arguments of `advise`."""

    setup: Setup
    failures: float
    confidence: float
    given: list[float] | None


def advice_of(asked: Question, searches: Mapping[float, Search], closely: Closely) -> Advice:
    """The advice; the first loss is the network's own."""
    loss, here = next(iter(searches.items()))
    costs = here.costs()
    choices = looked_at(asked, loss, closely, costs)
    found = best_of(choices)
    if costs is None or found is None:
        raise nobody_elected(closely.timeouts)
    best = as_chosen(found, costs.only(closely.timeouts), asked.confidence)
    choices[choices.index(found)] = best
    place = costs.places([best.timeout_ms])[0]
    candidates = costs if asked.given is None else costs.only(closely.timeouts)
    regret = candidates.regret(candidates.places([best.timeout_ms])[0])
    return Advice(
        choices=tuple(choices),
        best=best,
        own=next((choice for choice in choices if choice.whose), None),
        timeout_ms=recommended(asked, best, candidates, costs),
        regret_s_a_year=estimate(regret, asked.confidence),
        neighbour_better=costs.neighbour_better(place),
        failures_a_year=asked.failures,
        confidence=asked.confidence,
        under_loss=tuple(elsewhere(asked, searches, closely, choices)),
        failovers=closely.failovers,
        steady=closely.steady,
        beginnings=closely.beginnings,
        deposed=closely.deposed,
        costs=costs,
        runs=sum(search.runs for search in searches.values()),
        simulated_ms=sum(search.simulated_ms for search in searches.values()),
        not_modelled=tuple(not_modelled(asked.setup)),
    )


def as_chosen(best: Choice, among: Costs, confidence: float) -> Choice:
    """The best choice, with an upper limit of its cost that allows for its selection."""
    cost = best.downtime_s_a_year
    limit = among.limit_if_chosen(among.places([best.timeout_ms])[0], confidence)
    return replace(best, downtime_s_a_year=replace(cost, high=max(cost.high, limit)))


def recommended(asked: Question, best: Choice, candidates: Costs, costs: Costs) -> Estimate:
    """The best timeout with its interval, and a note if timeouts that were not given cost less."""
    import numpy as np

    tail = (1 - asked.confidence) / 2
    low, high = np.quantile(candidates.best_ms(), [tail, 1 - tail], method="inverted_cdf")
    note = ""
    if asked.given is not None:
        note = "of those given"
        if costs.expected.min() < CHEAPER * best.downtime_s_a_year.value:
            note += f"; {format_ms(float(costs.timeouts[costs.best]))} would cost less"
    at = best.timeout_ms
    return Estimate(at, min(float(low), at), max(float(high), at), note)


def looked_at(asked: Question, loss: float, closely: Closely, costs: Costs | None) -> list[Choice]:
    """The timeouts that were examined closely, with the measurements of their own runs."""
    able = {cells["timeout_ms"] for cells in closely.steady.points}
    found = []
    for timeout in closely.timeouts:
        crashes = crashes_of(closely.failovers, closely.beginnings, asked.setup, timeout)
        failover = crashes.mean(asked.confidence)
        quiet = closely.quiet(timeout) if timeout in able else None
        found.append(choice_of(asked, timeout, loss, costs, failover, quiet))
    return found


def elsewhere(
    asked: Question, searches: Mapping[float, Search], closely: Closely, choices: Sequence[Choice]
) -> list[Choice]:
    """The costs of timeouts with each loss: those given, or a range around the best ones of all losses.

    Where a timeout was examined closely the cost is that of its choice. The interval of the best one of each
    loss allows for its selection.
    """
    known = {loss: search.costs() for loss, search in searches.items()}
    here = {(choice.loss, choice.timeout_ms): choice for choice in choices}
    rows = closely.timeouts
    if asked.given is None:
        bests = [float(costs.timeouts[costs.best]) for costs in known.values() if costs is not None]
        steps = range(rung_of(min(bests)) - COARSE, rung_of(max(bests)) + COARSE + 1, COARSE)
        own = [choice.timeout_ms for choice in choices if choice.whose]
        rows = sorted({*map(rung, steps), *bests, *own})
    found = []
    for loss, costs in sorted(known.items()):
        column = [
            here.get((loss, timeout)) or choice_of(asked, timeout, loss, costs, None, None)
            for timeout in rows
        ]
        best = best_of(column)
        if best is not None and costs is not None and best not in choices:
            able = costs.at([choice.timeout_ms for choice in column if choice.elects])
            column[column.index(best)] = as_chosen(best, able, asked.confidence)
        found += column
    return found


def choice_of(
    asked: Question,
    timeout: float,
    loss: float,
    costs: Costs | None,
    failover: Estimate | None,
    quiet: Quiet | None,
) -> Choice:
    """The cost of a timeout by the curves, and its own failovers if it was examined closely."""
    setup, confidence = asked.setup, asked.confidence
    works = costs is not None and timeout >= costs.timeouts[0]
    if costs is not None and failover is not None:
        works = bool(costs.places([timeout]))
    note = "no lasting leader was elected" if failover is None else failover.note
    downtime = Estimate(math.inf, math.nan, math.inf, note)
    losses_a_day, seen = NOTHING, 0
    if works and costs is not None:
        there = costs.at([timeout])
        seen = quiet.losses if quiet is not None else 0
        never = costs.losses_seen == 0
        downtime = estimate(there.seconds[:, 0], confidence, unseen=never and asked.failures == 0)
        counted = COUNTED if timeout in costs.counted else ""
        losses_a_day = estimate(there.losses_a_day[:, 0], confidence, counted, unseen=never)
        if failover is None:
            failover = estimate(there.failover_ms[:, 0], confidence)
        elif math.isinf(failover.high):
            downtime = Estimate(downtime.value, downtime.low, math.inf, failover.note)
    return Choice(
        timeout_ms=timeout,
        longest_ms=setup.spread * timeout,
        heartbeat_ms=timeout / setup.beats,
        loss=loss,
        failover_ms=Estimate(math.inf, math.nan, math.inf, note) if failover is None else failover,
        false_a_day=NOTHING if quiet is None else quiet.a_day("false_elections", confidence),
        losses_a_day=losses_a_day,
        losses_seen=seen,
        downtime_s_a_year=downtime,
        whose=setup.whose if timeout == setup.own_ms else "",
    )


def not_modelled(setup: Setup) -> list[str]:
    """The omissions of the simulation that matter."""
    of_preset = getattr(setup.preset, "not_modelled", "")
    parts = {
        f"not modelled: {of_preset}": bool(of_preset),
        TWO_MACHINES: setup.nodes == 2,
        PROMPT: setup.prompt,
        PAUSES: True,
    }
    return [part for part, matters in parts.items() if matters]
