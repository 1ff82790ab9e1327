"""What `raftlab.advise` costs more than the best timeout, and whether its intervals hold the truth.

python benches/advise_regret.py                    all seven settings, 20 seeds each
python benches/advise_regret.py LAN etcd --seeds 5 some of them, quicker
python benches/advise_regret.py WAN --resampled 100 how often the cost's interval holds, without new runs

The truth of a setting is long runs with timeouts around the best one, of which the costs are estimated as
`advise` does it. Then advice is asked for with one seed after the other. The table is that of docs/advise.md.
`--resampled` draws fewer runs, with replacement, from the long ones: that takes no simulation, and the
samples of them show how often intervals hold.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import raftlab as rl
from raftlab._time import format_ms
from raftlab.advice.costs import Costs, Seen, estimate
from raftlab.advice.result import seconds
from raftlab.advice.search import Budget, Search, rung, rung_of
from raftlab.advice.setup import Setup

FAILURES = 12
TRUTH_SEED = 2**30
CRASHES = 2000


@dataclass(frozen=True)
class Setting:
    """A cluster, and around which timeouts the best one is looked for."""

    network: rl.Network
    shortest_ms: float
    longest_ms: float
    preset: Any = None
    disk: rl.Disk | None = None


SETTINGS = {
    "LAN": Setting(rl.Network(rl.lognormal(0.2, 0.3)), 0.5, 2.2),
    "WAN": Setting(rl.Network(rl.lognormal(40, 0.2)), 85, 330),
    "lossy": Setting(rl.Network(rl.lognormal(2, 0.7), loss=0.01), 85, 330),
    "jittery": Setting(rl.Network(rl.lognormal(20, 1.0)), 330, 1200),
    "etcd": Setting(rl.Network(rl.lognormal(5, 0.8), loss=0.01), 8.5, 33, preset=rl.presets.etcd),
    "Consul": Setting(rl.Network(rl.lognormal(1, 0.5), loss=0.001), 1.8, 7, preset=rl.presets.consul),
    "disk with a tail": Setting(
        rl.Network(rl.lognormal(1, 0.3)), 18, 85, disk=rl.Disk(fsync=rl.lognormal(5, 1.5))
    ),
}


def long_runs(setting: Setting, runs: int) -> Search:
    """Long runs with the timeouts around the best one."""
    setup = Setup.of(5, setting.network, setting.preset, setting.disk)
    search = Search(setup, setting.network.loss, FAILURES, TRUTH_SEED, Budget(runs=1))
    first, last = rung_of(setting.shortest_ms), rung_of(setting.longest_ms)
    search.from_afar(bounded=False)
    search.play([rung(step) for step in range(first, last + 1)], CRASHES, runs)
    return search


def resampled(seen: dict[float, Seen], false: Callable[[float], float | None], times: int) -> tuple[int, int]:
    """How often the cost's interval holds the truth, and how often it would without allowing for the choice.

    As many runs as usual advice has with a timeout are drawn from those that were played with it.
    """
    true = Costs.of(seen, FAILURES, false, np.random.default_rng(0))
    near = [timeout for timeout, one in seen.items() if len(one.crashes.over) >= CRASHES]
    held = plain = 0
    for seed in range(times):
        luck = np.random.default_rng(seed)
        drawn = {at: fewer(one, luck) if at in near else one for at, one in seen.items()}
        tried = Costs.of(drawn, FAILURES, false, luck).only(sorted(near))
        cost = estimate(tried.seconds[:, tried.best], 0.95)
        truth = float(true.at([tried.timeouts[tried.best]]).expected[0])
        plain += cost.low <= truth <= cost.high
        held += cost.low <= truth <= max(cost.high, tried.limit_if_chosen(tried.best, 0.95))
    return held, plain


def fewer(seen: Seen, luck: np.random.Generator) -> Seen:
    """60 crashes, 45 healthy runs and 45 deposed leaders of all that were seen."""

    def some(record: Any, count: int) -> Any:
        runs = luck.integers(0, len(next(iter(vars(record).values()))), count)
        return replace(record, **{name: cells[runs] for name, cells in vars(record).items()})

    deposed = None if seen.deposed is None else some(seen.deposed, 45)
    return Seen(some(seen.crashes, 60), some(seen.quiet, 45), deposed)


def row(name: str, setting: Setting, true: Costs, seeds: int, budget: int) -> list[str]:
    """How advice fares in a setting."""
    best, least = float(true.timeouts[true.best]), float(true.expected.min())
    regrets, claimed, covered, found = [], [], [], []
    for seed in range(seeds):
        advice = rl.advise(
            setting.network, preset=setting.preset, disk=setting.disk, failures_a_year=FAILURES, losses=[],
            seed=seed, budget=budget, progress=False,
        )  # fmt: skip
        cost = float(true.at([advice.best.timeout_ms]).expected[0])
        said = advice.best.downtime_s_a_year
        regrets.append(cost - least)
        claimed.append(advice.regret_s_a_year.value)
        covered.append(
            (said.low <= cost <= said.high, advice.timeout_ms.low <= best <= advice.timeout_ms.high)
        )
        found.append(advice.best.timeout_ms)
    of_cost, of_timeout = np.mean(covered, axis=0)
    return [
        name,
        f"{format_ms(best)}, {seconds(least)}",
        f"{format_ms(min(found))} to {format_ms(max(found))}",
        f"{seconds(float(np.mean(regrets)))} ({100 * np.mean(regrets) / least:.0f} %)",
        f"{seconds(float(np.max(regrets)))} ({100 * np.max(regrets) / least:.0f} %)",
        f"{seconds(float(np.mean(claimed)))}",
        f"{100 * of_cost:.0f} %",
        f"{100 * of_timeout:.0f} %",
    ]


HEADER = (
    "setting",
    "best timeout, its cost a year",
    "recommended",
    "regret a year, mean",
    "worst",
    "stated regret, mean",
    "cost's interval covers",
    "timeout's interval covers",
)


def main() -> None:
    """Prints the table, row by row."""
    parser = argparse.ArgumentParser(description="The regret of advise, in seven settings.")
    parser.add_argument("settings", nargs="*", default=[], help=", ".join(SETTINGS))
    parser.add_argument("--seeds", type=int, default=20, help="how often advice is asked for")
    parser.add_argument("--budget", type=int, default=4000, help="the runs of each advice")
    parser.add_argument("--truth", type=int, default=1000, help="runs of 500 timeouts, with each timeout")
    parser.add_argument("--resampled", type=int, default=0, help="instead, advice from N drawn samples")
    options = parser.parse_args()
    if options.resampled:
        for name in options.settings or SETTINGS:
            search = long_runs(SETTINGS[name], options.truth)
            held, plain = resampled(search.seen, search._false, options.resampled)
            print(
                f"{name}: held in {held} of {options.resampled}, not allowing for the choice in {plain}",
                flush=True,
            )
        return
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}", flush=True)
    began = time.monotonic()
    for name in options.settings or SETTINGS:
        setting = SETTINGS[name]
        true = long_runs(setting, options.truth).costs()
        assert true is not None
        cells = row(name, setting, true, options.seeds, options.budget)
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\n{options.seeds} seeds, budget={options.budget}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
