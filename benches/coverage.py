"""How often intervals hold the truth: each of raftlab's, by simulation, from known distributions.

    python benches/coverage.py                  # prints the table; a few minutes on two cores
    python benches/coverage.py --write          # and writes it into docs/statistics.md, all or --only some
    python benches/coverage.py --only mean      # the intervals whose names begin like that
    python benches/coverage.py --missing        # those that docs/statistics.md does not have
    python benches/coverage.py --samples 400    # fewer samples, a less precise table

A row is one interval on one kind of data. Of every sample it says whether the nominal 95 % interval holds the
truth. Two standard errors of a coverage of 95 % are one point at 2,000 samples.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from coverage_cases import CASES, Case, Limits

WANTED = 1.5
"""A coverage that far from the nominal one is as good, in percent; two standard errors further is outside."""
DOCS = Path(__file__).parent.parent / "docs" / "statistics.md"
BEGIN, END = "<!-- coverage: benches/coverage.py --write -->", "<!-- end of coverage -->"
HEADER = (
    "| interval | data | n | covers, % | misses above / below, % | reason for the deviation |",
    "|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Coverage:
    """The result of a case.

    Attributes
    ----------
    samples : int
        How many samples gave an interval, or said that they give none.
    held : int
        In how many the truth lay between the limits; a limit that is not given excludes nothing.
    above, below : int
        In how many the interval lay above the truth, and below it.
    without : int
        In how many there was neither limit.
    """

    samples: int
    held: int
    above: int
    below: int
    without: int

    @property
    def percent(self) -> float:
        """The percentage of intervals that contain the true value."""
        return 100 * self.held / max(self.samples, 1)


def measure(case: Case, samples: int, seed: int = 1) -> Coverage:
    """Draws samples and asks each for its interval."""
    luck = np.random.default_rng([seed, *case.name.encode()])
    counts = dict.fromkeys(("held", "above", "below", "without"), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for _ in range(samples):
            counts[fate(case.draw(luck, case.n))] += 1
    without = counts["without"]
    return Coverage(samples, counts["held"] + without, counts["above"], counts["below"], without)


def fate(found: Limits) -> str:
    """What an interval did."""
    low, high, truth = found
    if math.isnan(low) and math.isnan(high):
        return "without"
    return "above" if low > truth else "below" if high < truth else "held"


def measured(cases: Iterable[Case], samples: int) -> Iterator[tuple[Case, Coverage]]:
    """All cases, on all cores, in their order."""
    chosen = list(cases)
    places = [CASES.index(case) for case in chosen]
    sizes = [max(200, int(samples * case.effort)) for case in chosen]
    with ProcessPoolExecutor() as pool:
        yield from zip(chosen, pool.map(measure_at, places, sizes), strict=True)


def measure_at(place: int, samples: int) -> Coverage:
    """Measures a case by its place: functions without names do not travel."""
    return measure(CASES[place], samples)


def row(case: Case, found: Coverage) -> str:
    """A line of the table."""
    nominal = case.target / 100
    error = 2 * math.sqrt(nominal * (1 - nominal) / max(found.samples, 1)) * 100
    inside = abs(found.percent - case.target) <= WANTED + error
    missed = "" if inside else case.why or "**not explained**"
    percent = f"{found.percent:.1f}" if inside else f"*{found.percent:.1f}*"
    share = 100 / max(found.samples, 1)
    sides = f"{share * found.above:.1f} / {share * found.below:.1f}"
    open_ended = f"{share * found.without:.0f} % without" if found.without else ""
    said = "; ".join(part for part in (missed, open_ended) if part)
    return f"| {case.interval} | {case.data} | {case.n:,} | {percent} | {sides} | {said} |"


def write(line: str) -> None:
    """Puts a row into the table, at its place; the others stay as they are."""
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    table, _, after = rest.partition(END)
    there = {key_of(of): of for of in (*rows_of(table), line)}
    rows = [there[key] for key in map(key_of_case, CASES) if key in there]
    DOCS.write_text("\n".join([before + BEGIN, "", *HEADER, *rows, "", END]) + after, encoding="utf-8")


def written() -> list[tuple[str, ...]]:
    """The keys of the rows that the table has."""
    table = DOCS.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return [key_of(line) for line in rows_of(table)]


def rows_of(table: str) -> list[str]:
    """The rows of a table, without its header."""
    return [line for line in table.splitlines() if line.startswith("| ") and line not in HEADER]


def key_of(line: str) -> tuple[str, ...]:
    """The key of a row of the table: its first three cells."""
    return tuple(cell.strip() for cell in line.split("|")[1:4])


def key_of_case(case: Case) -> tuple[str, ...]:
    """The key of the row of a case."""
    return case.interval, case.data, f"{case.n:,}"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="the intervals whose names begin like that")
    parser.add_argument("--missing", action="store_true", help="only rows that the table does not have")
    parser.add_argument("--samples", type=int, default=2000, help="samples a row")
    parser.add_argument("--write", action="store_true", help="write the table into docs/statistics.md")
    given = parser.parse_args()
    print("\n".join(HEADER))
    known = written() if given.missing else []
    chosen = [c for c in CASES if c.interval.startswith(given.only) and key_of_case(c) not in known]
    for case, found in measured(chosen, given.samples):
        print(row(case, found), flush=True)
        if given.write:
            write(row(case, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
