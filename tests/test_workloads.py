"""The workloads of the benches do the work that they say: their check values, through the public Scenario."""

import importlib.util
import statistics
from pathlib import Path

import pytest
import raftlab as rl

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workloads():
    path = Path(__file__).parent.parent / "benches" / "workloads.py"
    spec = importlib.util.spec_from_file_location("workloads", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def quantile(values, share):
    return sorted(values)[int(share * len(values))]


def test_w1_takes_as_long_as_theory_says(workloads):
    """150 + 150 / 5 + 15 ms, and a split vote in 1.4 % of the elections that costs about 185 ms more."""
    times = rl.sweep(workloads.w1(rl), seeds=40_000, checks=False).runs.to_list("end_ms")
    assert statistics.fmean(times) == pytest.approx(197.6, abs=1.0)
    assert quantile(times, 0.5) == pytest.approx(189.2, abs=1.0)
    assert quantile(times, 0.9) == pytest.approx(233, abs=1.5)
    assert quantile(times, 0.99) == pytest.approx(368.5, abs=8)


def test_w1full_re_arms_timers_to_earlier_deadlines_too(workloads):
    """A timer that is only ever put off would give a mean of 183.9 ms."""
    times = rl.sweep(workloads.w1full(rl), seeds=40_000, checks=False).runs.to_list("downtime_ms")
    assert statistics.fmean(times) == pytest.approx(180.05, abs=1.0)
    assert quantile(times, 0.5) == pytest.approx(174.0, abs=1.2)
    assert quantile(times, 0.9) == pytest.approx(219, abs=1.5)
    assert quantile(times, 0.99) == pytest.approx(350, abs=8)


@pytest.mark.parametrize("options", [{"trace": "off", "checks": False}, {"trace": "full"}])
def test_w2_delivers_exactly_what_arithmetic_says(workloads, options):
    """99,990 proposals in [10 ms, 100 s), 2,000 heartbeats, each to four followers and answered in 2 ms."""
    run = workloads.w2(rl, 100).run(seed=1, **options)
    assert run.counters["delivered"] == 815_908
    assert run["A"].commit_index == 99_988
    assert run.ending == "horizon"
