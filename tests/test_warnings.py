"""Warnings: when there are some, and the line that they name."""

import warnings

import pytest
import raftlab as rl

LATE = {"faults": [rl.Crash("A", at="9s")], "stop": rl.leader_elected, "horizon": "5s"}
SLOW = {"heartbeat": 200}


def base():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rl.Scenario(3, **LATE)


WARN = {
    "a scenario with a late fault": (rl.FaultWarning, lambda: rl.Scenario(3, **LATE)),
    "a cluster with one": (rl.FaultWarning, lambda: rl.Cluster(3, **LATE)),
    "a replaced part": (rl.FaultWarning, lambda: rl.Scenario(3).replace(**LATE)),
    "a run": (rl.FaultWarning, lambda: base().run()),
    "a cluster of a run": (rl.FaultWarning, lambda: base().cluster()),
    "a scenario with slow heartbeats": (rl.SettingWarning, lambda: rl.Scenario(3, **SLOW)),
    "a cluster with some": (rl.SettingWarning, lambda: rl.Cluster(3, **SLOW)),
    "a replaced heartbeat": (rl.SettingWarning, lambda: rl.Scenario(3).replace(**SLOW)),
    "a trace with too many rows": (UserWarning, lambda: rl.Cluster(3, trace_rows=5).run("1s").trace.messages),
}


def fails(_):
    raise ValueError("a mistake in a metric")


SWEEPS = {
    "a sweep": lambda: rl.sweep(rl.Scenario(3), seeds=2, metrics=[fails], progress=False),
    "futures": lambda: rl.Cluster(3).futures(2, duration="1s", metrics=[fails], progress=False),
}
WARN |= {name: (rl.MetricWarning, call) for name, call in SWEEPS.items()}


@pytest.mark.parametrize("name", WARN)
def test_a_warning_names_the_line_of_the_user(name):
    kind, call = WARN[name]
    with pytest.warns(kind) as seen:
        call()
    assert {warning.filename for warning in seen} == {__file__}
    lines = {warning.lineno for warning in seen}
    assert lines == {call.__code__.co_firstlineno}


def test_each_line_warns_once():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            rl.Scenario(3, **SLOW)
        rl.Scenario(3, **SLOW)
    assert len(seen) == 2


def test_heartbeats_that_are_fast_enough_or_adapt_give_no_warning():
    rl.Scenario(3, heartbeat=149)
    rl.Scenario(3, heartbeat=200, adaptive_timeout=True)
    rl.Scenario(1, heartbeat=200)
    with pytest.warns(rl.SettingWarning, match=r"heartbeat \(150 ms\) is not shorter .* \(150 ms\)"):
        rl.Scenario(3, heartbeat=150)
