"""Intervals hold the truth as often as they say: a slice of `benches/coverage.py`, which measures all."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from raftlab.statistics import Estimate, Sample
from scipy import stats

BENCHES = Path(__file__).parent.parent / "benches"


def loaded(name):
    """A script of the benches as a module; `coverage` is also the name of a package."""
    others = sys.modules.get(name)
    spec = importlib.util.spec_from_file_location(name, BENCHES / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if others is not None:
        sys.modules[name] = others
    return module


cases = loaded("coverage_cases")
coverage = loaded("coverage")

SAMPLES = 400
LEAST, MOST = (float(stats.binom.ppf(p, SAMPLES, c)) for p, c in ((1e-5, 0.935), (1 - 1e-5, 0.965)))
"""An interval of 93.5 to 96.5 % holds the truth in fewer samples, or in more, once in 100,000 times."""


def case(interval, data, n):
    return next(one for one in cases.CASES if (one.interval, one.data, one.n) == (interval, data, n))


CONTINUOUS = [
    ("mean", "exponential", 100),
    ("mean", "80 % zeros, else exponential", 100),
    ("mean", "constant + exponential", 30),
    ("quantile p50", "exponential", 100),
    ("mean, censored", "exponential, a third cut", 100),
    ("quantile p50, censored", "exponential, a third cut", 100),
    ("band of survival and ecdf", "exponential, a third cut, after 50 %", 100),
    ("mean, by seed", "4 points that share seeds", 100),
    ("p50, by seed", "4 points that share seeds", 100),
    ("share, by seed", "4 points that share seeds", 100),
    ("compare, paired", "exponential, correlation 0.7", 100),
    ("compare, paired, censored", "exponential, correlation 0.7", 100),
    ("compare, unpaired", "exponential, independent", 100),
    ("compare, shares, paired", "p = 0.2 and 0.4", 100),
    ("compare, shares, unpaired", "p = 0.2 and 0.4", 100),
    ("share", "p = 0.1", 1000),
    ("commit_latency p99", "200 entries a run", 30),
    ("commit_latency_ecdf", "200 entries a run, at 99 %", 100),
]
NEVER_TOO_SHORT = [
    ("quantile p99", "exponential", 100),
    ("share", "p = 0.01", 30),
    ("upper_bound", "p = 0.01", 100),
    ("band of survival and ecdf", "exponential, a third cut, after 10 %", 30),
    ("rare_event", "3 levels of 0.1, states alike", 20),
]


@pytest.mark.parametrize("name", CONTINUOUS, ids=str)
def test_intervals_hold_the_truth_neither_more_nor_less_often(name):
    found = coverage.measure(case(*name), SAMPLES, seed=2)
    assert LEAST <= found.held <= MOST, found


@pytest.mark.parametrize("name", NEVER_TOO_SHORT, ids=str)
def test_intervals_of_few_possible_counts_are_not_too_short(name):
    found = coverage.measure(case(*name), SAMPLES, seed=2)
    assert found.held >= LEAST, found


def test_the_bounds_tell_a_broken_interval():
    """Student's of runs that mostly have nothing; and one that forgets that points share their seeds."""

    def student(luck, n):
        values = cases.mostly_zero(luck, n)
        reach = stats.t.ppf(0.975, n - 1) * stats.sem(values)
        return values.mean() - reach, values.mean() + reach, 2.0

    def naive(luck, n):
        values, _ = cases.together(luck, n)
        return cases.sides(Sample("x", values, np.array([])).mean(), 11.0)

    for draw, n in ((student, 30), (naive, 100)):
        assert coverage.measure(cases.Case("broken", "any", n, draw), SAMPLES, seed=2).held < LEAST


def test_a_side_that_is_not_given_excludes_nothing():
    nan = float("nan")
    assert coverage.fate((nan, nan, 5.0)) == "without"
    assert coverage.fate((6.0, nan, 5.0)) == "above"
    assert coverage.fate((nan, 4.0, 5.0)) == "below"
    assert coverage.fate((nan, 5.0, 5.0)) == "held"
    assert cases.sides(Estimate(1.0, 0.5, 2.0), 3.0) == (0.5, 2.0, 3.0)


def test_a_row_is_written_at_its_place_and_the_others_stay(tmp_path, monkeypatch):
    docs = tmp_path / "statistics.md"
    first, second = (
        "| mean | normal | 10 | 94.6 | 2 / 3 |  |",
        "| share | p = 0.1 | 1,000 | 95.7 | 2 / 2 |  |",
    )
    gone = "| mean | of what is no longer measured | 10 | 94.6 | 2 / 3 |  |"
    table = "\n".join([*coverage.HEADER, gone, second])
    docs.write_text(f"Before.\n\n{coverage.BEGIN}\n\n{table}\n\n{coverage.END}\n\nAfter.\n", encoding="utf-8")
    monkeypatch.setattr(coverage, "DOCS", docs)
    coverage.write(first)
    table = "\n".join([*coverage.HEADER, first, second])
    expected = f"Before.\n\n{coverage.BEGIN}\n\n{table}\n\n{coverage.END}\n\nAfter.\n"
    assert docs.read_text(encoding="utf-8") == expected


def test_a_row_is_judged_by_what_it_promises():
    of_ninety = cases.Case("required_seeds, mean", "any", 30, None, "too small", target=90)
    for percent, said in ((90, "90.0 |"), (88, "88.0 |"), (84, "*84.0* |"), (97, "*97.0* |")):
        line = coverage.row(of_ninety, coverage.Coverage(1000, 10 * percent, 0, 1000 - 10 * percent, 0))
        assert said in line
        assert line.endswith("| too small |") == ("*" in said)


def test_the_table_has_a_row_for_each_case_in_their_order():
    assert coverage.written() == [coverage.key_of_case(one) for one in cases.CASES]


def test_only_missing_rows_are_measured(tmp_path, monkeypatch, capsys):
    docs = tmp_path / "statistics.md"
    docs.write_text(coverage.DOCS.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(coverage, "DOCS", docs)
    asked = []
    monkeypatch.setattr(coverage, "measured", lambda chosen, _: asked.append([*chosen]) or [])
    monkeypatch.setattr(sys, "argv", ["coverage.py", "--missing"])
    assert coverage.main() == 0
    gone = coverage.key_of_case(cases.CASES[5])
    lines = docs.read_text(encoding="utf-8").splitlines()
    docs.write_text("\n".join(line for line in lines if coverage.key_of(line) != gone), encoding="utf-8")
    assert coverage.main() == 0
    assert asked == [[], [cases.CASES[5]]]
    assert capsys.readouterr().out
