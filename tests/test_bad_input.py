"""No input may panic, hang or corrupt a cluster; errors say what is wrong and what is accepted."""

import contextlib
import datetime as dt
import json
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import raftlab as rl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tikv_worlds import PROTOCOLS, known_to_the_protocol

NAN, INF = float("nan"), float("inf")
HUGE = 10**400
"""Too large for a float; Python's own numbers have no limit."""


def fresh(**settings):
    return rl.Cluster(5, seed=1, **settings)


def led(**settings):
    """A cluster with a leader, at 50 ms, and messages in flight."""
    c = fresh(**settings)
    c.campaign("A")
    c.run(50)
    c.propose("x=1")
    return c


def refused(call, *parts, error=rl.InvalidError):
    """The call raises a clear exception, whose message has these parts."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for part in parts:
        assert part in message, f"{part!r} is not in: {message}"
    assert len(message) < 1000, "an error is read by people"
    assert "\n" not in message
    return message


def problems(table):
    """What is not as it should be among many calls: name to (call, parts of its message)."""
    found = []
    for name, (call, parts) in table.items():
        try:
            refused(call, *parts)
        except pytest.fail.Exception:
            found.append(f"{name}: it is accepted")
        except AssertionError as error:
            found.append(f"{name}: {str(error)[:200]}")
        except Exception as error:  # not one of raftlab's
            found.append(f"{name}: {type(error).__name__}: {str(error)[:100]}")
    return found


def is_refused(table):
    """A test for each row: it raises `InvalidError`, whatever the message."""
    return pytest.mark.parametrize("call", [call for call, _ in table.values()], ids=list(table))


# ---- Nodes and seeds --------------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [0, -1, 256, 10_000, 10**30, HUGE, np.int64(0)], ids=lambda n: str(n)[:12])
@pytest.mark.parametrize("make", [rl.Cluster, rl.Scenario])
def test_too_few_or_too_many_nodes(make, nodes):
    refused(lambda: make(nodes), "nodes", "between 1 and 255", str(nodes)[:20])


@pytest.mark.parametrize("nodes", [2.5, "5", "ABC", None, True, {"A", "B"}, {"A": 1}, np.float64(3), 3 + 0j])
def test_nodes_of_a_wrong_type(nodes):
    refused(lambda: rl.Cluster(nodes), "nodes must be a number or a list of names", str(nodes)[:20])


def test_nodes_with_more_digits_than_python_prints():
    refused(lambda: rl.Cluster(10**5000), "nodes", "between 1 and 255")


NAMES = {
    "none": ([], ["nodes", "between 1 and 255", "0"]),
    "twice": (["A", "A"], ["two nodes are named 'A'"]),
    "empty": (["A", ""], ["name must not be empty"]),
    "a comma": (["A,B"], ["comma", "'A,B'"]),
    "a role": (["leader", "B"], ["'leader' is a role"]),
    "numbers": ([1, 2], ["names of nodes must be texts", "[1, 2]"]),
    "too many": (["n"] * 256, ["nodes", "between 1 and 255", "256"]),
}


@pytest.mark.parametrize(("names", "parts"), NAMES.values(), ids=NAMES)
def test_names_of_nodes(names, parts):
    refused(lambda: rl.Cluster(names), *parts)


def test_errors_of_arguments_tell_no_lines_of_generated_json():
    for call in (
        lambda: rl.Cluster(["A", "A"]),
        lambda: rl.Cluster(3, bugs=["frob"]),
        lambda: rl.Cluster(3, workload=rl.OpenLoop(1, via="x")),
        lambda: rl.Cluster(3, initial=rl.Initial(term=-1)),
    ):
        message = refused(call)
        assert "line 1" not in message
        assert "not a scenario" not in message


@pytest.mark.parametrize("nodes", [1, 255, np.int64(3), ("A", "B"), ["x"]])
def test_nodes_that_are_accepted(nodes):
    assert len(rl.Cluster(nodes).run(10)) >= 1


@pytest.mark.parametrize(
    "seed", [-1, 2**64, HUGE, 1.5, "1", True, NAN, b"1", np.int64(-4)], ids=lambda s: str(s)[:12]
)
def test_bad_seeds(seed):
    parts = ("seed", "an integer from 0 to 2^64 - 1", str(seed)[:20])
    refused(lambda: rl.Cluster(3, seed), *parts)
    refused(lambda: rl.Cluster(3, seed=seed), *parts)
    refused(lambda: rl.Scenario(3).run(seed), *parts)
    refused(lambda: rl.Scenario(3).cluster(seed), *parts)
    refused(lambda: rl.Cluster(3).fork(seed=seed), *parts)


def test_a_seed_with_more_digits_than_python_prints():
    refused(lambda: rl.Cluster(3, 10**5000), "seed", "2^64 - 1")


def test_seeds_that_are_accepted():
    for seed in (0, 2**64 - 1, np.int64(4), np.uint64(2**64 - 1)):
        assert rl.Cluster(3, seed).seed == int(seed)


# ---- Times ------------------------------------------------------------------------------------------

BAD_TIMES = {
    "negative": -1,
    "not a number": NAN,
    "infinite": INF,
    "minus infinite": -INF,
    "text": "2 parsecs",
    "empty text": "",
    "negative text": "-1s",
    "no unit": "12",
    "overflowing text": "1e400s",
    "none": None,
    "a boolean": True,
    "a list": [1],
    "bytes": b"1s",
    "complex": 1j,
    "a negative timedelta": dt.timedelta(-1),
    "numpy's not a number": np.float64("nan"),
}
TOO_LONG = {
    "huge": 1e300,
    "too huge for a float": HUGE,
    "a huge text": "1e30h",
    "101 days": dt.timedelta(days=101),
    "the longest timedelta": dt.timedelta.max,
}

TAKES_TIME = {
    "run": ("duration", lambda t: fresh().run(t)),
    "run_until": ("limit", lambda t: fresh().run_until(rl.leader_elected, limit=t)),
    "run_until in Python": ("limit", lambda t: fresh().run_until(lambda _: False, limit=t)),
    "state": ("at", lambda t: fresh().state(at=t)),
    "at": ("time", lambda t: fresh().at(t, "x=1")),
    "release": ("after", lambda t: led().in_flight[0].release(t)),
    "fault at": ("at", lambda t: fresh().crash("A", at=t)),
    "fault after": ("after", lambda t: fresh().crash("A", after=t)),
    "fault duration": ("duration", lambda t: fresh().crash("A", duration=t)),
    "fault every": ("every", lambda t: fresh().crash("A", every=t)),
    "fault patience": ("patience", lambda t: fresh().crash("A", patience=t)),
    "delay": ("by", lambda t: fresh().delay(t)),
    "heartbeat": ("heartbeat", lambda t: fresh(heartbeat=t)),
    "horizon": ("horizon", lambda t: fresh(horizon=t)),
    "network": ("latency", lambda t: fresh(network=rl.Network(latency=t))),
    "disk": ("fsync", lambda t: fresh(disk=rl.Disk(fsync=t))),
    "open loop": ("every", lambda t: fresh(workload=rl.OpenLoop(t))),
    "open loop's start": ("start", lambda t: fresh(workload=rl.OpenLoop(1, start=t))),
    "closed loop": ("timeout", lambda t: fresh(workload=rl.ClosedLoop(1, timeout=t))),
    "step run": ("duration", lambda t: rl.Scenario(3, steps=[rl.run(t)])),
    "step run_until": ("limit", lambda t: rl.Scenario(3, steps=[rl.run_until(rl.leads("A"), limit=t)])),
}
OPTIONAL = {
    "fault at",
    "fault after",
    "fault duration",
    "fault every",
    "heartbeat",
    "horizon",
    "network",
    "disk",
}


@pytest.mark.parametrize("bad", BAD_TIMES)
def test_times_that_are_none(bad):
    value = BAD_TIMES[bad]
    shown = [] if isinstance(value, dt.timedelta) else [str(value)[:20]]
    assert (
        problems(
            {
                where: (
                    lambda call=call: call(value),
                    [name, *shown, "time" if isinstance(value, float) else ""],
                )
                for where, (name, call) in TAKES_TIME.items()
                if not (value is None and where in OPTIONAL)
            }
        )
        == []
    )


@pytest.mark.parametrize("bad", TOO_LONG)
def test_times_that_are_too_long(bad):
    value = TOO_LONG[bad]
    assert (
        problems(
            {where: (lambda call=call: call(value), ["100 days"]) for where, (_, call) in TAKES_TIME.items()}
        )
        == []
    )


def test_errors_of_times_that_are_too_long_name_the_argument():
    assert (
        problems(
            {where: (lambda call=call: call(1e300), [name]) for where, (name, call) in TAKES_TIME.items()}
        )
        == []
    )


@pytest.mark.parametrize(
    "bad", [-1, NAN, "x", True, (1, -1), (None, 1), (300, 150), 0, (0, 5), 1e300], ids=str
)
def test_election_timeouts(bad):
    refused(lambda: fresh(election_timeout=bad), "election_timeout")


DISTRIBUTIONS = {
    "uniform": (lambda: rl.uniform(5, 1), ["low (5)", "high (1)"]),
    "uniform text": (lambda: rl.uniform("x", 1), ["low", "'x'"]),
    "normal": (lambda: rl.normal(1, -1), ["std", "-1"]),
    "lognormal": (lambda: rl.lognormal(1, -1), ["sigma", "-1"]),
    "lognormal nan": (lambda: rl.lognormal(1, NAN), ["sigma", "nan"]),
    "lognormal huge": (lambda: rl.lognormal(1, HUGE), ["sigma"]),
    "exponential": (lambda: rl.exponential(None), ["mean", "None"]),
    "pareto": (lambda: rl.pareto(1, 0), ["shape", "above 0", "0"]),
    "pareto text": (lambda: rl.pareto(1, "2"), ["shape", "'2'"]),
    "empirical": (lambda: rl.empirical([]), ["values", "at least one"]),
    "empirical text": (lambda: rl.empirical([1, "x"]), ["values", "'x'"]),
    "empirical number": (lambda: rl.empirical(5), ["values", "5"]),
    "unknown": (lambda: fresh(network=rl.Distribution("cauchy", ())), ["network.latency", "a distribution"]),
    "incomplete": (lambda: fresh(disk=rl.Distribution("uniform", (("low", 1),))), ["disk.fsync", "uniform"]),
}


@is_refused(DISTRIBUTIONS)
def test_distributions(call):
    refused(call)


def test_a_schedule_in_the_past():
    for call in (
        lambda c: c.at(1, "x=1"),
        lambda c: c.at("49.9ms", rl.Crash("A")),
        lambda c: c.crash("A", at=1),
        lambda c: c.inject(rl.Partition("AB", at="10ms", duration=5)),
    ):
        refused(lambda call=call: call(led()), "past", "50 ms")


def test_the_future_is_not_to_be_seen():
    c = fresh().run(100)
    refused(lambda: c.state(at=101), "at", "101", "100 ms")


# ---- Whom -------------------------------------------------------------------------------------------

ONE_NODE = {
    "item": lambda n: fresh()[n],
    "campaign": lambda n: fresh().campaign(n),
    "propose at": lambda n: led().propose("x=1", node=n),
    "propose home": lambda n: led().propose("x=1", home=n),
    "read at": lambda n: led().read("x", node=n),
    "retry at": lambda n: (lambda c: c.retry(c.operations[0], node=n))(led()),
    "leads": lambda n: fresh().run_until(rl.leads(n), limit=10),
    "leader at the beginning": lambda n: fresh(initial=rl.Initial(term=1, leader=n)),
    "stop": lambda n: rl.Scenario(5, stop=rl.leads(n)),
    "load": lambda n: fresh(workload=rl.OpenLoop(5, home=n)),
    "step": lambda n: rl.Scenario(5, steps=[rl.campaign(n)]),
}
SOME_NODES = {
    "crash": lambda n: fresh().crash(n),
    "isolate": lambda n: fresh().isolate(n),
    "partition": lambda n: fresh().partition(n, "E"),
    "cut from": lambda n: fresh().cut(from_=n),
    "cut to": lambda n: fresh().cut(to=n),
    "clock_rate": lambda n: fresh().clock_rate(n, 2),
    "lie": lambda n: fresh().lie(n, "double_vote"),
    "at": lambda n: fresh().at(10, rl.Pause(n)),
    "scenario": lambda n: rl.Scenario(5, faults=[rl.Wipe(n, at=10)]),
}
OF_MESSAGES = {
    "intercept": lambda n: fresh().intercept(print, nodes=n),
    "in_flight from": lambda n: led().in_flight.select(from_=n),
    "in_flight to": lambda n: led().in_flight.select(to=n),
    "deliver": lambda n: led().deliver(to=n),
    "drop": lambda n: led().drop(from_=n),
}


def of_names(calls, name, *parts):
    return {where: (lambda call=call: call(name), parts) for where, call in calls.items()}


@pytest.mark.parametrize("calls", [ONE_NODE, SOME_NODES, OF_MESSAGES], ids=["one", "some", "messages"])
def test_unknown_nodes(calls):
    assert problems(of_names(calls, "F", "unknown node 'F'; this cluster has A, B, C, D, E")) == []


@pytest.mark.parametrize("name", ["a", "A ", "ABF"])
@pytest.mark.parametrize("calls", [ONE_NODE, SOME_NODES, OF_MESSAGES], ids=["one", "some", "messages"])
def test_names_that_are_almost_one(calls, name):
    assert problems(of_names(calls, name, "unknown node")) == []


@pytest.mark.parametrize("name", ["", "AB", "leader"])
def test_one_node_and_no_more(name):
    assert problems(of_names(ONE_NODE, name, f"unknown node '{name}'")) == []


@pytest.mark.parametrize(
    "name", [1, 1.5, b"A", object(), "\ud800"], ids=["int", "float", "bytes", "object", "half"]
)
@pytest.mark.parametrize("calls", [ONE_NODE, SOME_NODES, OF_MESSAGES], ids=["one", "some", "messages"])
def test_names_of_a_wrong_type(calls, name):
    assert problems(of_names(calls, name)) == []


@pytest.mark.parametrize("name", ["", [], ["A", 1], "AA"], ids=str)
def test_targets(name):
    part = "'AA' names node 'A' twice" if name == "AA" else ""
    assert problems(of_names(SOME_NODES, name, part)) == []


def test_a_role_is_named_among_what_is_accepted():
    refused(lambda: fresh().crash("F"), "Crash", "'leader'", "'a follower'", "'a minority'", "'the crashed'")


# ---- Faults -----------------------------------------------------------------------------------------


FAULTS = {
    "overlapping groups": (
        lambda: fresh().partition("AB", "BC"),
        ["'AB'", "'BC'", "overlap in node 'B'", "bridge"],
    ),
    "overlapping lists": (lambda: fresh().partition(["A", "B"], ["B"]), ["overlap in node 'B'"]),
    "no groups": (lambda: fresh().partition(), ["Partition", "groups or a shape"]),
    "groups and a shape": (
        lambda: fresh().partition("A", shape="halves"),
        ["groups or a shape, not both"],
    ),
    "a shape": (lambda: fresh().partition(shape="star"), ["shape", "star", "halves", "bridge"]),
    "a shape's type": (lambda: fresh().partition(shape=1), ["shape", "1", "halves"]),
    "at and after": (lambda: fresh().crash("A", at=1, after=1), ["Crash", "at or after, not both"]),
    "times without every": (lambda: fresh().crash("A", times=2), ["Crash", "times", "every"]),
    "times 0": (lambda: fresh().crash("A", every=1, times=0), ["times", "at least 1", "0"]),
    "times huge": (lambda: fresh().crash("A", every=1, times=2**40), ["times"]),
    "times nan": (lambda: fresh().crash("A", every=1, times=NAN), ["times", "nan"]),
    "every 0": (lambda: fresh().crash("A", every=0), ["Crash", "every", "longer than 0"]),
    "every 0, drawn": (lambda: fresh().crash("A", every=rl.uniform(0, 0)), ["every", "longer than 0"]),
    "unsynced": (
        lambda: fresh().crash("A", unsynced="maybe"),
        ["unsynced", "maybe", "lose", "tear", "keep"],
    ),
    "unsynced none": (lambda: fresh().crash("A", unsynced=None), ["unsynced", "lose"]),
    "rate 0": (lambda: fresh().clock_rate("A", 0), ["ClockRate", "rate", "0.000001", "not 0"]),
    "rate nan": (lambda: fresh().clock_rate("A", NAN), ["rate", "nan"]),
    "rate text": (lambda: fresh().clock_rate("A", "2"), ["rate", "'2'"]),
    "rate huge": (lambda: fresh().clock_rate("A", HUGE), ["rate", "0.000001 and 1000"]),
    "rate of 5001 digits": (lambda: fresh().clock_rate("A", 10**5000), ["rate", "0.000001 and 1000", "int"]),
    "jump": (lambda: fresh().clock_jump("A", NAN), ["ClockJump", "by", "nan"]),
    "jump huge": (lambda: fresh().clock_jump("A", "-1e9h"), ["ClockJump", "by", "100 days"]),
    "loss 2": (lambda: fresh().loss(2), ["Loss", "probability", "between 0 and 1", "2"]),
    "loss nan": (lambda: fresh().loss(NAN), ["probability", "nan"]),
    "loss text": (lambda: fresh().loss("0.5"), ["probability", "'0.5'"]),
    "loss huge": (lambda: fresh().loss(HUGE), ["probability", "between 0 and 1"]),
    "duplicate": (lambda: fresh().duplicate(-0.1), ["Duplicate", "probability", "-0.1"]),
    "types": (lambda: fresh().cut(types="Vote"), ["Cut", "'Vote'", "RequestVote", "AppendEntriesReply"]),
    "types' type": (lambda: fresh().cut(types=1), ["types", "1"]),
    "types none": (lambda: fresh().cut(types=None), ["types"]),
    "types inside": (lambda: fresh().cut(types=[1]), ["types", "1"]),
    "both_ways": (lambda: fresh().cut(from_="A", both_ways="no"), ["both_ways", "'no'"]),
    "a lie": (
        lambda: fresh().lie("A", "big"),
        ["Lie", "'claimed_log'", "'double_vote'", "'forged_ack'", "'big'"],
    ),
    "a lie without index": (lambda: fresh().lie("A", "claimed_log"), ["index", "None"]),
    "a negative index": (lambda: fresh().lie("A", "claimed_log", index=-1), ["index", "-1"]),
    "a huge index": (lambda: fresh().lie("A", "claimed_log", index=2**64), ["index"]),
    "a negative term": (lambda: fresh().lie("A", "claimed_log", index=1, term=-1), ["term", "-1"]),
    "a term's type": (lambda: fresh().lie("A", "claimed_log", index=1, term="x"), ["term"]),
    "an index too many": (lambda: fresh().lie("A", "double_vote", index=1), ["index", "'double_vote'"]),
    "no fault": (lambda: fresh().inject("crash"), ["fault", "'crash'", "Crash('A')"]),
    "the base of faults": (lambda: fresh().inject(rl.Fault()), ["Fault"]),
    "another's handle": (lambda: fresh().heal(99), ["handle 99"]),
    "a negative handle": (lambda: fresh().heal(-1), ["handle", "-1"]),
    "a huge handle": (lambda: fresh().heal(2**40), ["handle"]),
    "a handle's type": (lambda: fresh().heal("A"), ["handle", "restart(node) brings a node up"]),
    "a handle that is none": (lambda: fresh().heal(NAN), ["handle"]),
    "a fault for its handle": (lambda: fresh().heal(rl.Crash("A")), ["handle"]),
}


@is_refused(FAULTS)
def test_faults(call):
    refused(call)


@pytest.mark.parametrize(
    "call",
    [
        lambda: fresh().partition("AB", length=1),
        lambda: fresh().crash("A", foo=1),
        lambda: fresh(elction_timeout=1),
        lambda: rl.Scenario(3, elction_timeout=1),
        lambda: fresh().run(),
        lambda: rl.Scenario(3).replace(frob=1),
    ],
)
def test_unknown_and_missing_arguments_are_type_errors(call):
    with pytest.raises(TypeError):
        call()


# ---- Clients and conditions -------------------------------------------------------------------------


CLIENTS = {
    "no command": (lambda: led().propose(""), ["command", "'key=value'", "''"]),
    "no value": (lambda: led().propose("x"), ["command", "'key=value'", "'x'"]),
    "no key": (lambda: led().propose("=1"), ["command", "'=1'"]),
    "a number": (lambda: led().propose(5), ["command", "5"]),
    "none": (lambda: led().propose(None), ["command", "None"]),
    "half a character": (lambda: led().propose("x=\ud800"), ["written down", "ud800"]),
    "an unknown op": (lambda: led().propose(rl.Command("frob", "x")), ["frob", "put", "append"]),
    "a put of nothing": (lambda: led().propose(rl.Command("put", "x")), ["value"]),
    "a key's type": (lambda: led().propose(rl.Command("get", 5)), ["command", "5"]),
    "put": (lambda: rl.put(None, 1), ["key", "None"]),
    "get": (lambda: rl.get(""), ["key", "''"]),
    "client": (lambda: led().propose("x=1", client=5), ["client", "5"]),
    "read nothing": (lambda: led().read(""), ["key", "''"]),
    "read a number": (lambda: led().read(5), ["key", "5"]),
    "via": (lambda: led().read("x", via="fast"), ["via", "fast", "read_index", "local"]),
    "via none": (lambda: led().read("x", via=None), ["via"]),
    "retry": (lambda: led().retry(99), ["operation", "99"]),
    "retry a text": (lambda: led().retry("x"), ["operation"]),
    "retry none": (lambda: led().retry(None), ["operation"]),
    "retry a negative": (lambda: led().retry(-1), ["operation"]),
    "retry a huge one": (lambda: led().retry(2**64), ["operation"]),
    "give up": (lambda: led().give_up(99), ["operation", "99"]),
    "operation": (lambda: led().operation(99), ["operation", "99"]),
    "operation negative": (lambda: led().operation(-1), ["operation"]),
    "operation huge": (lambda: led().operation(2**64), ["operation"]),
    "operation text": (lambda: led().operation("x"), ["operation"]),
    "campaign of one that is down": (
        lambda: (lambda c: (c.crash("B"), c.campaign("B")))(led()),
        ["B cannot campaign", "down or paused"],
    ),
    "schedule a number": (lambda: led().at("1s", 5), ["step", "5"]),
    "schedule a run": (lambda: led().at("1s", rl.run(5)), ["scheduled", "run"]),
    "schedule nonsense": (lambda: led().at("1s", "nonsense"), ["'key=value'", "'nonsense'"]),
    "schedule a dict": (
        lambda: led().at("1s", {"do": {"nonsense": 1}}),
        ["nonsense", "inject", "campaign"],
    ),
    "a condition": (lambda: led().run_until(5), ["condition", "5"]),
    "a text for a condition": (
        lambda: led().run_until("leader_elected"),
        ["condition", "'leader_elected'"],
    ),
    "an unknown condition": (lambda: led().run_until(rl.Condition("frob")), ["frob", "leader_elected"]),
    "leaders 0": (lambda: led().run_until(rl.leaders(0)), ["between 1 and 5", "0"]),
    "leaders 6": (lambda: led().run_until(rl.leaders(6)), ["between 1 and 5", "6"]),
    "leaders -1": (lambda: rl.leaders(-1), ["count", "-1"]),
    "leaders huge": (lambda: led().run_until(rl.leaders(2**40)), ["count"]),
    "committed": (lambda: rl.committed(NAN), ["index", "nan"]),
    "committed nodes": (lambda: led().run_until(rl.committed(1, nodes=9)), ["between 1 and 5", "9"]),
    "committed huge": (lambda: led().run_until(rl.committed(2**64)), ["index"]),
    "term": (lambda: rl.term_reached("x"), ["term", "'x'"]),
    "term huge": (lambda: led().run_until(rl.term_reached(2**64)), ["term"]),
    "answered": (lambda: rl.answered("x"), ["operation"]),
    "answered none": (lambda: rl.answered(None), ["operation"]),
    "steps 0": (lambda: led().step(0), ["count", "at least 1", "0"]),
    "steps -1": (lambda: led().step(-1), ["count", "-1"]),
    "steps 1.5": (lambda: led().step(1.5), ["count", "1.5"]),
    "steps huge": (lambda: led().step(2**64), ["count"]),
    "a message that is gone": (
        lambda: (lambda m: (m.drop(), m.deliver()))(led().in_flight[0]),
        ["not in flight"],
    ),
    "messages of no type": (lambda: led().deliver(types="AppendEntry"), ["AppendEntry", "AppendEntries"]),
    "messages of no type, chosen": (lambda: led().in_flight.select(types="Vote"), ["Vote", "RequestVote"]),
}


@is_refused(CLIENTS)
def test_clients_conditions_and_messages(call):
    refused(call)


# ---- Settings ---------------------------------------------------------------------------------------


SETTINGS_AND_OPTIONS = {
    "timeout 0": (lambda: fresh(election_timeout=0), ["election_timeout", "above 0"]),
    "timeout reversed": (lambda: fresh(election_timeout=(300, 150)), ["election_timeout", "300", "150"]),
    "three timeouts": (lambda: fresh(election_timeout=(1, 2, 3)), ["election_timeout", "(1, 2, 3)"]),
    "timeout drawn": (lambda: fresh(election_timeout=rl.normal(1, 1)), ["election_timeout", "uniform"]),
    "heartbeat 0": (lambda: fresh(heartbeat=0), ["heartbeat", "longer than 0"]),
    "pre_vote": (lambda: fresh(pre_vote="yes"), ["pre_vote", "True or False", "'yes'"]),
    "check_quorum": (lambda: fresh(check_quorum=1), ["check_quorum", "True or False", "1"]),
    "batch 0": (lambda: fresh(max_entries_per_append=0), ["max_entries_per_append", "at least 1", "0"]),
    "batch -1": (lambda: fresh(max_inflight=-1), ["max_inflight", "-1"]),
    "batch 1.5": (lambda: fresh(max_inflight=1.5), ["max_inflight", "1.5"]),
    "batch huge": (lambda: fresh(max_inflight=2**32), ["max_inflight", str(2**32)]),
    "drift 1": (lambda: fresh(lease_drift=1), ["lease_drift", "below 1", "1"]),
    "drift -1": (lambda: fresh(lease_drift=-1), ["lease_drift", "-1"]),
    "drift nan": (lambda: fresh(lease_drift=NAN), ["lease_drift", "nan"]),
    "drift text": (lambda: fresh(lease_drift="1%"), ["lease_drift", "'1%'"]),
    "drift huge": (lambda: fresh(lease_drift=HUGE), ["lease_drift"]),
    "a bug": (lambda: fresh(bugs=["frob"]), ["'frob'", "raftlab.rules.names"]),
    "a bug's type": (lambda: fresh(bugs=[5]), ["bugs", "5"]),
    "bugs": (lambda: fresh(bugs=5), ["bugs", "5"]),
    "a bug of leases": (lambda: fresh(bugs=["lease_from_ack"]), ["'lease_from_ack'", "lease_drift"]),
    "network": (lambda: fresh(network="fast"), ["network", "'fast'"]),
    "loss": (lambda: fresh(network=rl.Network(loss=2)), ["network", "loss", "between 0 and 1", "2"]),
    "too few regions": (
        lambda: fresh(network=rl.Network(latency=[[1]], regions=[0, 0])),
        ["regions", "5", "2"],
    ),
    "an unknown region": (
        lambda: fresh(network=rl.Network(latency=[[1]], regions=[0, 0, 0, 0, 5])),
        ["region 5", "matrix of 1"],
    ),
    "a negative region": (
        lambda: fresh(network=rl.Network(latency=[[1]], regions=[0, 0, 0, 0, -1])),
        ["region", "-1"],
    ),
    "a region's type": (lambda: fresh(network=rl.Network(latency=[[1]], regions="abcde")), ["regions"]),
    "a ragged matrix": (
        lambda: fresh(network=rl.Network(latency=[[1, 2], [1]], regions=[0] * 5)),
        ["matrix", "square"],
    ),
    "no matrix": (lambda: fresh(network=rl.Network(latency=5, regions=[0] * 5)), ["latency", "matrix"]),
    "disk": (lambda: fresh(disk=object()), ["disk"]),
    "workload": (lambda: fresh(workload=5), ["workload", "5"]),
    "load": (lambda: fresh(workload=[5]), ["workload", "5"]),
    "keys 0": (lambda: fresh(workload=rl.OpenLoop(1, keys=0)), ["keys", "between 1 and 1000000", "0"]),
    "keys -1": (lambda: fresh(workload=rl.OpenLoop(1, keys=-1)), ["keys", "-1"]),
    "keys text": (lambda: fresh(workload=rl.OpenLoop(1, keys="x")), ["keys", "x"]),
    "reads": (lambda: fresh(workload=rl.OpenLoop(1, reads=2)), ["reads", "between 0 and 1", "2"]),
    "via": (lambda: fresh(workload=rl.OpenLoop(1, via="x")), ["via", "x", "read_index"]),
    "every 0": (lambda: fresh(workload=rl.OpenLoop(0)), ["every", "longer than 0"]),
    "clients 0": (lambda: fresh(workload=rl.ClosedLoop(0)), ["clients", "between 1 and 100000", "0"]),
    "clients 1e9": (lambda: fresh(workload=rl.ClosedLoop(10**9)), ["clients", "100000", "1000000000"]),
    "clients 1.5": (lambda: fresh(workload=rl.ClosedLoop(1.5)), ["clients", "1.5"]),
    "timeout of clients": (
        lambda: fresh(workload=rl.ClosedLoop(1, timeout=0)),
        ["timeout", "longer than 0"],
    ),
    "initial": (lambda: fresh(initial=5), ["initial", "5"]),
    "initial term": (lambda: fresh(initial=rl.Initial(term=-1)), ["term", "-1"]),
    "initial term text": (lambda: fresh(initial=rl.Initial(term="x")), ["term", "x"]),
    "initial term huge": (lambda: fresh(initial=rl.Initial(term=2**64)), ["term"]),
    "a log that falls": (lambda: fresh(initial=rl.Initial(log=[2, 1])), ["log of A", "1 follows 2"]),
    "a log of term 0": (lambda: fresh(initial=rl.Initial(log=[0])), ["log of A", "start at 1"]),
    "a log that is a text": (lambda: fresh(initial=rl.Initial(log="abc")), ["log", "abc"]),
    "a log of nonsense": (
        lambda: fresh(initial=rl.Initial(log=[(1, "nonsense")])),
        ["'key=value'", "nonsense"],
    ),
    "a log of triples": (lambda: fresh(initial=rl.Initial(log=[(1, "x=1", 3)])), ["log"]),
    "a term behind its log": (
        lambda: fresh(initial=rl.Initial(log=[5], term=2)),
        ["A is in term 2", "term 5"],
    ),
    "a commit beyond the log": (
        lambda: fresh(initial=rl.Initial(log=[1], commit={"A": 5})),
        ["A has committed index 5", "ends at 1"],
    ),
    "a leader of term 0": (lambda: fresh(initial=rl.Initial(leader="A")), ["A cannot lead term 0"]),
    "a vote for nobody": (lambda: fresh(initial=rl.Initial(voted_for={"A": "F"})), ["unknown node 'F'"]),
    "voted_for": (lambda: fresh(initial=rl.Initial(voted_for=["A"])), ["voted_for"]),
    "faults": (lambda: fresh(faults=5), ["faults", "5"]),
    "one fault": (lambda: fresh(faults=rl.run("1s")), ["faults", "run('1s')"]),
    "no fault": (lambda: fresh(faults=["crash"]), ["faults", "'crash'"]),
    "steps": (lambda: fresh(steps=5), ["steps", "5"]),
    "a step": (lambda: fresh(steps=[5]), ["step", "5"]),
    "a step that is a dict": (lambda: fresh(steps=[{"frob": 1}]), ["frob", "run_until"]),
    "an empty step": (lambda: fresh(steps=[{}]), ["step"]),
    "a step of another cluster": (lambda: fresh(steps=[rl.Crash("F")]), ["unknown node 'F'"]),
    "stop": (lambda: fresh(stop=5), ["stop", "5"]),
    "preset": (lambda: fresh(preset="etcd"), ["preset", "'etcd'"]),
    "an unknown setting of a preset": (lambda: fresh(preset={"frob": 1}), ["frob", "heartbeat"]),
    "fewer nodes": (
        lambda: rl.Scenario(5, faults=[rl.Crash("E")]).replace(nodes=3),
        ["unknown node 'E'"],
    ),
    "trace": (lambda: fresh(trace="loud"), ["trace", "'full', 'states' or 'off'", "'loud'"]),
    "trace's type": (lambda: fresh(trace=None), ["trace"]),
    "trace of a run": (lambda: rl.Scenario(3).run(trace=1), ["trace", "1"]),
    "trace_rows -1": (lambda: fresh(trace_rows=-1), ["trace_rows", "-1"]),
    "trace_rows text": (lambda: fresh(trace_rows="x"), ["trace_rows", "'x'"]),
    "trace_rows 1.5": (lambda: fresh(trace_rows=1.5), ["trace_rows", "1.5"]),
    "trace_rows huge": (lambda: fresh(trace_rows=2**70), ["trace_rows"]),
    "on_violation": (lambda: fresh(on_violation="explode"), ["on_violation", "'explode'", "'record'"]),
    "violations without checks": (
        lambda: fresh(on_violation="stop", checks=False),
        ["on_violation", "checks"],
    ),
    "no checks, no violations": (lambda: fresh(checks=False).violations, ["checks=False"]),
    "no trace, no table": (
        lambda: fresh(trace="off").trace.messages,
        ["messages", "trace='off'", "trace='full'"],
    ),
    "states, no messages": (lambda: fresh(trace="states").trace.events, ["events", "trace='states'"]),
    "an unknown table": (lambda: fresh().trace.table("frob"), ["'frob'", "messages", "faults"]),
    "an interceptor": (lambda: fresh().intercept(5), ["function", "5"]),
}


@is_refused(SETTINGS_AND_OPTIONS)
def test_settings_and_options(call):
    refused(call)


QUIET = rl.Scenario(3, horizon=1)


def three(**_):
    return QUIET


SWEEPS = {
    "seeds 0": (lambda: rl.sweep(QUIET, seeds=0), ["seeds", "above 0"]),
    "seeds -1": (lambda: rl.sweep(QUIET, seeds=-1), ["seeds", "-1"]),
    "seeds text": (lambda: rl.sweep(QUIET, seeds="5"), ["seeds", "'5'"]),
    "seeds twice": (lambda: rl.sweep(QUIET, seeds=[1, 1]), ["seeds", "1 is there twice"]),
    "seeds negative": (lambda: rl.sweep(QUIET, seeds=range(-5, 5)), ["seeds", "-5"]),
    "seeds huge": (lambda: rl.sweep(QUIET, seeds=2**70), ["seeds"]),
    "seeds beyond": (lambda: rl.sweep(QUIET, seeds=range(2**64 - 5, 2**64 + 5)), ["seeds", "2^64"]),
    "seeds far beyond": (lambda: rl.sweep(QUIET, seeds=range(2**70, 2**70 + 5)), ["seeds", "2^64"]),
    "threads 0": (lambda: rl.sweep(QUIET, seeds=5, threads=0), ["threads", "between 1 and 1024", "0"]),
    "threads text": (lambda: rl.sweep(QUIET, seeds=5, threads="x"), ["threads"]),
    "threads huge": (lambda: rl.sweep(QUIET, seeds=5, threads=2**70), ["threads"]),
    "checks": (lambda: rl.sweep(QUIET, seeds=5, checks="no"), ["checks"]),
    "on_violation": (
        lambda: rl.sweep(QUIET, seeds=5, on_violation="raise"),
        ["on_violation", "'raise'", "'record'"],
    ),
    "progress": (lambda: rl.sweep(QUIET, seeds=5, progress=5), ["progress", "5"]),
    "no build": (lambda: rl.sweep(None, seeds=5), ["build", "None"]),
    "a build of something else": (lambda: rl.sweep(lambda n: n, {"n": [3]}, seeds=5), ["build(n=3)", "3"]),
    "a scenario and a grid": (
        lambda: rl.sweep(QUIET, {"n": [3]}, seeds=5),
        ["grid: 'n' = 3", "unknown field `n`"],
    ),
    "a grid that is none": (lambda: rl.sweep(three, 5), ["grid", "5"]),
    "a grid without values": (lambda: rl.sweep(three, {"n": []}), ["grid", "'n'", "no values"]),
    "a grid of no list": (lambda: rl.sweep(three, {"n": 3}), ["grid", "'n'", "3"]),
    "a grid of a text": (lambda: rl.sweep(three, {"n": "abc"}), ["grid", "'n'", "'abc'"]),
    "a grid of numbers": (lambda: rl.sweep(three, [1, 2]), ["grid", "[1, 2]"]),
    "a grid without names": (lambda: rl.sweep(three, {3: [1]}), ["grid", "3"]),
    "an empty list of points": (lambda: rl.sweep(three, []), ["grid", "[]"]),
    "points unlike each other": (lambda: rl.sweep(three, [{"n": 1}, {"m": 1}]), ["grid", "'m'"]),
    "a parameter like a column": (lambda: rl.sweep(three, {"seed": [1]}), ["grid", "'seed'"]),
    "a parameter like a metric": (lambda: rl.sweep(three, {"elections": [1]}), ["grid", "'elections'"]),
    "an unknown metric": (lambda: rl.sweep(QUIET, metrics="downtime"), ["'downtime'", "downtime_ms"]),
    "a metric that is a number": (lambda: rl.sweep(QUIET, metrics=[5]), ["metrics", "5"]),
    "a metric without a name": (lambda: rl.sweep(QUIET, metrics=lambda _: 1), ["metrics", "def"]),
    "a metric named like another": (
        lambda: rl.sweep(QUIET, metrics=[named("sent", lambda _: 1)]),
        ["metrics", "'sent'"],
    ),
    "series of nothing": (lambda: rl.sweep(QUIET, series=0), ["series", "0 ms"]),
    "series of a text": (lambda: rl.sweep(QUIET, series="long"), ["series", "'long'"]),
    "series too fine": (lambda: rl.sweep(QUIET.replace(horizon="1h"), series="1us"), ["series", "1000000"]),
    "common_random_numbers": (lambda: rl.sweep(QUIET, common_random_numbers=1), ["common_random_numbers"]),
    "a row that is none": (lambda: rl.sweep(QUIET, seeds=3).replay("first"), ["row", "'first'"]),
    "a row beyond the last": (lambda: rl.sweep(QUIET, seeds=3).replay(3), ["row", "3"]),
    "a row without a seed": (lambda: rl.sweep(QUIET, seeds=3).replay({}), ["row", "seed"]),
    "a row of another sweep": (lambda: rl.sweep(QUIET, seeds=3).replay({"seed": 7}), ["row", "7"]),
    "an unknown column": (lambda: rl.sweep(QUIET, seeds=3)["sed"], ["'sed'", "seed"]),
}


def named(name, function):
    function.__name__ = name
    return function


@is_refused(SWEEPS)
def test_sweeps(call):
    refused(call)


TABLES = {
    "distributions": DISTRIBUTIONS,
    "faults": FAULTS,
    "clients": CLIENTS,
    "settings": SETTINGS_AND_OPTIONS,
    "sweeps": SWEEPS,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_errors_name_the_argument_the_value_and_what_is_accepted(table):
    assert problems(table) == []


def test_the_last_seed_there_is():
    sweep = rl.sweep(rl.Scenario(3, horizon=1), seeds=range(2**64 - 4, 2**64 - 1))
    assert sweep.runs.to_list("seed") == [2**64 - 4, 2**64 - 3, 2**64 - 2]


def test_more_threads_than_there_can_be():
    """A million threads are a clear error, or as many as there is work for; they are no panic."""
    story = "import raftlab as rl; print(len(rl.sweep(rl.Scenario(3, horizon=1), seeds=5, threads=10**6)))"
    done = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, timeout=60)
    assert "panic" not in done.stderr.lower()
    assert done.stdout == "5\n" or "InvalidError: threads" in done.stderr


def test_upper_bounds():
    refused(lambda: rl.upper_bound(5, 3), "events", "5 of 3")
    refused(lambda: rl.upper_bound(0, 0), "runs at least 1")
    refused(lambda: rl.upper_bound(0, 5, 2), "confidence", "2")
    refused(lambda: rl.upper_bound("a", 5), "events", "a")


def test_a_scenario_is_a_value():
    scenario = rl.Scenario(3)
    with pytest.raises(AttributeError, match=r"use replace\(nodes=\.\.\.\)"):
        scenario.nodes = 5
    with pytest.raises(AttributeError, match="no attribute 'frob'"):
        _ = scenario.frob


# ---- Interceptors -----------------------------------------------------------------------------------

ANSWERS = {
    "a number": 5,
    "a text": "drop",
    "a list": [],
    "an unknown field": {"frob": 1},
    "a negative field": {"term": -1},
    "a huge field": {"term": 2**70},
    "a field that is a text": {"term": "x"},
    "a field that is a fraction": {"term": 1.5},
    "a field without a name": {1: 1},
    "a field that cannot change": {"to": "B"},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_interceptor_that_returns_no_edit(answer):
    c, undisturbed = fresh(), fresh()
    c.intercept(lambda _: answer)
    shown = str(next(iter(answer))) if isinstance(answer, dict) else repr(answer)
    refused(lambda: c.campaign("A"), shown, error=rl.InterceptorError)
    c.intercept(None)
    undisturbed.campaign("A")
    assert c.run(100).digest == undisturbed.run(100).digest, "what is no edit changes nothing"
    assert c.scenario.run(seed=1).digest == c.digest


def test_an_interceptor_may_return_the_message_that_it_got():
    """`message["term"] += 1; return message` is what people write."""

    def function(message):
        if message["type"] == "RequestVote":
            message["term"] += 5
        return message

    c = fresh()
    c.intercept(function)
    c.campaign("A")
    c.run(30)
    assert c["B"].term == 6


@pytest.mark.parametrize("value", [0, 1, 2**63, 2**64 - 1])
def test_fields_of_any_value_do_no_harm_to_the_simulator(value):
    def function(message):
        numbers = {k: v for k, v in message.items() if k not in ("from", "to", "type", "ordinal", "entries")}
        return {name: bool(value) if isinstance(old, bool) else value for name, old in numbers.items()}

    c = rl.Cluster(4, seed=2, workload=rl.OpenLoop("10ms"))
    c.intercept(function, nodes="AB")
    c.run("500ms")
    c.intercept(None)
    c.run("500ms")
    assert c.scenario.run(seed=2).digest == c.digest
    assert str(c.violations)
    assert c.trace.messages.to_dict()


# ---- JSON -------------------------------------------------------------------------------------------

RICH = rl.Scenario(
    5,
    network=rl.Network(
        latency=[[1, rl.uniform(1, 2)], [rl.normal(1, 1), 2]], regions=[0, 0, 1, 1, 0], loss=0.1
    ),
    disk=rl.Disk(fsync=rl.empirical([1, 2]), write=rl.pareto(1, 2)),
    workload=[rl.OpenLoop(10, home="A", reads=0.5, end=50), rl.ClosedLoop(2, think=1)],
    initial=rl.Initial(
        log={"A": [1, (1, "x=1")], "B": [1], "C": [1]},
        term=3,
        leader="A",
        voted_for={"B": "A"},
        commit={"A": 1},
    ),
    faults=[
        rl.Crash("leader", at=5, duration=rl.exponential(3)),
        rl.Partition("AB", "CD", after=3, every=10, times=3),
        rl.Partition(shape="bridge"),
        rl.Cut(from_="A", to="leader", types=["PreVote"], both_ways=True),
        rl.Delay(rl.lognormal(1, 1)),
        rl.Lie("E", "claimed_log", index=3),
        rl.ClockRate("A", 2),
        rl.ClockJump("B", "-5ms"),
        rl.Hold(to="C"),
    ],
    steps=[
        rl.run(3),
        rl.run_until(rl.committed(1), limit=20),
        rl.propose(rl.cas("x", 1, 2), node="A", client="me"),
        rl.read("x", via="local"),
        rl.campaign("B"),
        rl.heal(),
        rl.heal(1),
        "x=1",
        rl.run_until(rl.leads("A"), limit=1),
    ],
    stop=rl.answered(1),
    horizon=60,
)


def paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from paths(part, (*path, key))


def changed(path, change):
    copy = json.loads(RICH.to_json())
    at = {"": copy}
    last = ""
    for key in path:
        at, last = at[last], key
    change(at, last)
    return json.dumps(copy if path else at[""])


def survives(text):
    """The text is refused with a clear error, or it is a scenario that plays."""
    try:
        scenario = rl.Scenario.from_json(text)
    except rl.InvalidError:
        return False
    with contextlib.suppress(rl.NotReached):
        scenario.run(seed=1)
    assert rl.Scenario.from_json(scenario.to_json()) == scenario
    assert repr(scenario).startswith("Scenario(")
    _ = [repr(fault) for fault in scenario.faults]
    return True


PATHS = list(paths(json.loads(RICH.to_json())))
REPLACEMENTS = [None, True, -1, 0, 1, 2.5, 2**70, 1e300, "x", "A", "\ud800", [], [1], {}, {"x": 1}, [[]] * 3]


def test_the_rich_scenario_is_one():
    assert len(PATHS) > 150
    assert survives(RICH.to_json())


def test_truncated_json():
    text = RICH.to_json()
    assert len(text) > 2000
    for end in range(len(text)):
        with pytest.raises(rl.InvalidError, match="not a scenario"):
            rl.Scenario.from_json(text[:end])


@pytest.mark.parametrize("replacement", REPLACEMENTS, ids=lambda r: str(ascii(r))[:12])
def test_wrong_types_deep_inside(replacement):
    accepted = sum(
        survives(changed(path, lambda at, key: at.__setitem__(key, replacement))) for path in PATHS
    )
    assert accepted < len(PATHS) // 2, "hardly anything is checked"


def test_missing_parts_deep_inside():
    accepted = sum(survives(changed(path, lambda at, key: at.__delitem__(key))) for path in PATHS[1:])
    assert accepted < len(PATHS) // 2, "hardly anything is needed"


def test_unknown_fields_deep_inside():
    ignored = []
    for path in PATHS:
        value = json.loads(RICH.to_json())
        for key in path:
            value = value[key]
        named_by_people = path and path[-1] in ("terms", "logs", "commits", "voted_for")
        if not isinstance(value, dict) or named_by_people:
            continue

        def add(at, key):
            at[key]["frobnicate"] = 1

        if survives(changed(path, add)):
            ignored.append("/".join(map(str, path)))
    assert ignored == [], "an unknown field was ignored"


@pytest.mark.parametrize("version", [0, 3, 99, -1, 2.5, "2", None, True, [2], 2**70])
def test_other_schema_versions(version):
    text = json.dumps({"raftlab": version, "nodes": ["A"]})
    refused(lambda: rl.Scenario.from_json(text), "schema version", "2")


def test_an_older_schema_version_is_told_what_has_changed():
    text = json.dumps({"raftlab": 1, "nodes": ["A"]})
    changed = ("`at` of `propose`", "`node`", "`voted_for`")
    refused(lambda: rl.Scenario.from_json(text), "schema version is 1", *changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "[]",
        "5",
        '"x"',
        "{}",
        '{"nodes": ["A"]}',
        "nan",
        "{'raftlab': 2}",
        "\x00",
        "[" * 200_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_scenario(text):
    refused(lambda: rl.Scenario.from_json(text), "not a scenario")


@pytest.mark.parametrize("text", [None, 5, b"{}", {}, RICH], ids=lambda text: type(text).__name__)
def test_json_is_text(text):
    refused(lambda: rl.Scenario.from_json(text), "text", type(text).__name__)


def test_half_a_character_is_refused():
    refused(lambda: rl.Scenario.from_json("\ud800"))
    refused(lambda: rl.Scenario(["é\ud800", "B"]), "written down")


# ---- What must not hang -----------------------------------------------------------------------------

COMES_BACK = {
    "faults that strike every 0 ms, drawn": (
        "rl.Cluster(3, faults=[rl.Loss(0.1, every=rl.exponential(0))], trace='off').run(1)"
    ),
    "requests every 0 ms, drawn": "rl.Cluster(3, workload=rl.OpenLoop(rl.empirical([0]))).run(1)",
    "a client that reads locally without a pause": (
        "rl.Cluster(3, workload=rl.ClosedLoop(1, reads=1.0, via='local')).run(1)"
    ),
    "a client of one node without a pause": (
        "c = rl.Cluster(1, workload=rl.ClosedLoop(1), trace='off'); c.campaign('A'); c.run(1)"
    ),
    "a network without latency and a client without a pause": (
        "c = rl.Cluster(3, network=0, workload=rl.ClosedLoop(1), trace='off'); c.campaign('A'); c.run(1)"
    ),
    "clients that nobody answers": (
        "rl.Cluster(3, faults=[rl.Crash('all')], workload=rl.ClosedLoop(9)).run(999)"
    ),
    "clients of a node that is cut off": (
        "rl.Cluster(3, faults=[rl.Isolate('A')], workload=rl.ClosedLoop(9, home='A', retry=True)).run(999)"
    ),
    "every message doubled": "c = rl.Cluster(5); c.duplicate(1); c.duplicate(1); c.run(999)",
    "no latency at all": "rl.Cluster(5, network=0).run(999)",
    "the last term there is": "rl.Cluster(3, initial=rl.Initial(term=2**64 - 1), trace='off').run(999)",
    "clocks set far ahead": (
        "c = rl.Cluster(3, trace='off')\nfor _ in range(2200): c.clock_jump('all', '2400h')\nc.run(1)"
    ),
    "the end of time": (
        "c = rl.Cluster(1, election_timeout='2400h', trace='off')\nfor _ in range(2200): c.run('2400h')"
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="the limit of CPU time is POSIX's")
@pytest.mark.parametrize("story", COMES_BACK.values(), ids=COMES_BACK)
def test_it_comes_back(story):
    """It ends, or is refused; a simulation in which time stands still never ends."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (30, 30))"
    done = subprocess.run(
        [sys.executable, "-c", f"{limit}\nimport raftlab as rl\n{story}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode not in (-signal.SIGXCPU, -signal.SIGKILL), "it computes forever"
    assert done.returncode == 0 or "raftlab.errors.InvalidError" in done.stderr, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is in KiB, as Linux counts it")
def test_a_ceiling_on_rows_is_a_ceiling_on_memory():
    story = (
        "import raftlab as rl, resource\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak()\n"
        "c = rl.Cluster(3, trace_rows=50); c.loss(0.1, every=0.0005); c.run(500)\n"
        "print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 50, "megabytes for 50 rows"


def test_a_run_ends_after_a_hundred_days():
    c = rl.Cluster(1, election_timeout="2400h")
    c.run("2399h")
    refused(lambda: c.run("2h"), "duration", "100 days")
    refused(lambda: c.run_until(rl.no_leader, limit="2h"), "limit", "100 days")
    assert c.scenario.run(seed=0).digest == c.digest


# ---- Everything at random ---------------------------------------------------------------------------

NODE = st.sampled_from([*"ABCDE", "A", "B"])


def forges_entries(message):
    if message["type"] == "RequestVote":  # and not of what comes of it: that would never end
        message.send("AppendEntries", message["to"], entries=[(1, "x=forged")], commit=1)


TARGET = st.one_of(
    NODE,
    st.sampled_from(["AB", "leader", "followers", "a follower", "a node", "a minority", "a majority"]),
    st.sampled_from(["the crashed", "the paused", "all", ["A", "B"], ("B",)]),
)
BAD = st.sampled_from(
    [None, -1, NAN, INF, "x", "", "F", "\ud800", 1e300, HUGE, True, b"A", [], {}, 2**64, object()]
)
MS = st.one_of(
    st.integers(0, 150),
    st.floats(0, 150),
    st.sampled_from(["10ms", "0.1s", dt.timedelta(milliseconds=20)]),
)
TIME = st.one_of(
    MS, st.sampled_from([rl.uniform(1, 20), rl.exponential(5), rl.normal(5, 5), rl.empirical([1, 9])])
)
CONDITION = st.sampled_from(
    [
        rl.leader_elected,
        rl.no_leader,
        rl.caught_up,
        rl.violated,
        rl.leaders(2),
        rl.leads("A"),
        rl.committed(2),
        rl.committed(1, nodes=1),
        rl.term_reached(3),
        rl.answered(1),
    ]
)
COMMAND = st.sampled_from(["x=1", "y=2", rl.put("x", 3), rl.get("x"), rl.cas("x", 1, 2), rl.append("x", 9)])
TYPES = st.sampled_from(["RequestVote", "AppendEntries", ["AppendEntriesReply", "PreVote"]])


def sometimes_bad(strategy):
    """Mostly as it should be."""
    return st.integers(0, 11).flatmap(lambda luck: BAD if luck == 0 else strategy)


def maybe(**strategies):
    """Some of these keyword arguments."""
    return st.fixed_dictionaries({}, optional={k: sometimes_bad(v) for k, v in strategies.items()})


def ending(schedule):
    """The same, but with an end: where nobody is up, `step` waits for an event as long as faults strike."""
    return schedule | {"times": schedule.get("times") or 3} if "every" in schedule else schedule


SCHEDULE = maybe(
    at=TIME, after=TIME, duration=TIME, every=st.integers(5, 50), times=st.integers(1, 5), patience=MS
).map(ending)
WHERE = maybe(from_=TARGET, to=TARGET, both_ways=st.booleans(), types=TYPES, duration=TIME, after=TIME)
CHANCE = st.sampled_from([0, 0.3, 1, 0.5])
INDEX = st.integers(0, 20)


def call(name, *args, **kwargs):
    """The call of a method, with arguments drawn."""
    given_kwargs = kwargs.pop("kwargs", st.just({}))
    return st.tuples(
        st.just(name), st.tuples(*map(sometimes_bad, args)), st.tuples(maybe(**kwargs), given_kwargs)
    ).map(lambda drawn: (drawn[0], drawn[1], {**drawn[2][1], **drawn[2][0]}))


CALLS = st.one_of(
    call("run", MS),
    call("run", MS),
    call("step", st.integers(1, 200)),
    call("run_until", CONDITION, limit=MS),
    call(
        "run_until",
        st.sampled_from([lambda world: world.leader is not None, lambda _: False]),
        limit=st.integers(0, 20),
    ),
    call("propose", COMMAND, node=NODE, home=NODE, client=st.sampled_from(["me", "you"])),
    call("propose", COMMAND),
    call(
        "read",
        st.sampled_from("xy"),
        node=NODE,
        home=NODE,
        via=st.sampled_from(["log", "read_index", "lease", "local"]),
    ),
    call("retry", st.integers(1, 4), node=NODE, home=NODE),
    call("give_up", st.integers(1, 4)),
    call("heal"),
    call("heal", st.integers(1, 6)),
    call(
        "at",
        st.integers(0, 500),
        st.sampled_from(["z=1", rl.Crash("A", duration=9), rl.campaign("B"), rl.heal()]),
    ),
    call("campaign", NODE),
    call("partition", TARGET, kwargs=SCHEDULE),
    call("partition", TARGET, TARGET),
    call(
        "partition", kwargs=SCHEDULE, shape=st.sampled_from(["halves", "random", "bridge", "majorities_ring"])
    ),
    call("isolate", TARGET, kwargs=SCHEDULE),
    call("crash", TARGET, kwargs=SCHEDULE, unsynced=st.sampled_from(["lose", "tear", "keep"])),
    call("restart", TARGET, kwargs=SCHEDULE),
    call("restart"),
    call("pause", TARGET, kwargs=SCHEDULE),
    call("resume", TARGET),
    call("wipe", TARGET, kwargs=SCHEDULE),
    call("clock_rate", TARGET, st.floats(0.1, 10), kwargs=SCHEDULE),
    call("clock_jump", TARGET, st.one_of(MS, st.just("-20ms"))),
    call("lie", TARGET, st.sampled_from(["double_vote", "equivocate", "forged_ack"]), kwargs=SCHEDULE),
    call("lie", TARGET, st.just("claimed_log"), index=INDEX, term=INDEX, append_entries=st.booleans()),
    call("forget_vote", TARGET),
    call("usurp", TARGET),
    call("cut", kwargs=WHERE),
    call("hold", kwargs=WHERE),
    call("delay", TIME, kwargs=WHERE),
    call("loss", CHANCE, kwargs=WHERE),
    call("duplicate", CHANCE, kwargs=WHERE),
    call("deliver", from_=NODE, to=NODE, type=TYPES),
    call("drop", to=NODE),
    call("fork", seed=st.integers(0, 9)),
    call("state", at=st.integers(0, 300)),
    call("operation", st.integers(1, 4)),
    call("__getitem__", NODE),
    call(
        "intercept",
        st.sampled_from(
            [
                None,
                lambda _: None,
                lambda _: False,
                lambda _: {"term": 3},
                lambda message: message.delay("3ms"),
                lambda message: message.duplicate("1ms"),
                forges_entries,
            ]
        ),
        nodes=TARGET,
    ),
    call("watch", st.sampled_from([None, lambda message: message.sender.term]), nodes=TARGET),
    st.tuples(
        st.just("message"), st.sampled_from(["hold", "deliver", "drop", "release", "duplicate"]), INDEX
    ),
    st.tuples(st.just("look"), st.none(), st.none()),
    st.tuples(st.just("pickle"), st.none(), st.none()),
)

SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "disk": st.sampled_from([0, 3, rl.uniform(0, 8)]),
        "network": st.sampled_from([0, 1, rl.exponential(4), rl.Network(loss=0.2, duplicate=0.2, fifo=True)]),
        **dict.fromkeys(["pre_vote", "check_quorum", "sticky_votes", "noop", "commit_guard"], st.booleans()),
        "protocol": st.sampled_from(PROTOCOLS),
        "lease_drift": st.sampled_from([0.0, 0.01]),
        "max_entries_per_append": st.integers(1, 3),
        "bugs": st.lists(
            st.sampled_from([name for name in rl.rules.names if "lease" not in name]), max_size=2
        ),
        "workload": st.sampled_from(
            [(), rl.OpenLoop(9, session=True), rl.ClosedLoop(2, think=3, timeout=40, retry=True)]
        ),
        "initial": st.sampled_from(
            [None, rl.Initial(term=2, leader="A"), rl.Initial(log=[1, (2, "x=1")], commit=1)]
        ),
        "trace": st.sampled_from(["full", "states", "off"]),
    },
).map(known_to_the_protocol)


def make_call(c, name, args, kwargs):
    """One call of the cluster; the cluster that goes on from there."""
    if name == "message":
        flights = c.in_flight
        if flights:
            getattr(flights[kwargs % len(flights)], args)()
    elif name == "look":
        _ = repr(c), c._repr_html_(), str(c.violations), [repr(node) for node in c], repr(c.trace)
        _ = [(node.log, node.store, node.next_index) for node in c], c.faults, c.operations, c.coverage
        if c.trace.level != "off":
            _ = [c.trace.table(t).to_dict() for t in ("nodes", "entries", "ops", "faults")]
    elif name == "pickle":
        return pickle.loads(pickle.dumps(c))
    else:
        if name == "state":
            kwargs.setdefault("at", 0)
        answer = getattr(c, name)(*args, **kwargs)
        if name == "fork":
            return answer
        if name == "state":
            answer.run(5)
    return c


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(
    nodes=st.integers(1, 5),
    seed=st.integers(0, 2**64 - 1),
    options=SETTINGS,
    calls=st.lists(CALLS, max_size=25),
)
def test_any_calls_with_any_arguments(nodes, seed, options, calls):
    """No panic, no hang, only exceptions of raftlab; and what was done plays again to the same digest."""
    start = time.thread_time()
    c = rl.Cluster(nodes, seed, **options)
    for name, args, kwargs in calls:
        with contextlib.suppress(rl.RaftlabError):
            c = make_call(c, name, args, kwargs)
    c.intercept(None)
    c.run(1)  # the script of a cluster that was never driven has no end of its own
    assert c.scenario.run(seed=c.seed).digest == c.digest
    assert rl.Scenario.from_json(c.scenario.to_json()) == c.scenario
    assert time.thread_time() - start < 20
