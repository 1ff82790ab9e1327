"""Whatever it is called with, raftlab answers or says what is wrong. Scenarios play the same everywhere.

Three of them: calls of the API with values of all kinds, scenarios whose JSON was mutated, and random stories
driven by hand. `make test` plays a slice of each, `make soak` twenty times as much; each prints its figures.
"""

import copy
import inspect
import json
import pickle
import random
import warnings
from collections import Counter
from functools import partial

import pytest
import raftlab as rl
from bounds import bounded
from fuzz import GARBAGE, SELF, figures, outcome
from raftlab._conditions import Condition
from raftlab._faults import fault_from_dict
from raftlab.distributions import Distribution
from raftlab.errors import shown
from soak import runs
from tikv_worlds import PROTOCOLS

pytestmark = pytest.mark.soak

# ---- Calls ------------------------------------------------------------------------------------------

TIMES = ["10ms", 5, 0.5, rl.uniform(1, 2), rl.exponential(3)]
NODES = ["A", "B", "AB", ["A", "C"], "leader", "a follower", "a minority", "all"]
CONDITIONS = [rl.leader_elected, rl.leaders(2), rl.no_leader & rl.down(1), rl.leads("A")]

MAKERS = {
    rl.constant: [TIMES],
    rl.uniform: [TIMES, TIMES],
    rl.normal: [TIMES, TIMES],
    rl.lognormal: [TIMES, [0.5]],
    rl.exponential: [TIMES],
    rl.pareto: [TIMES, [2.5]],
    rl.empirical: [[[1, 2], {1: 2}]],
    rl.put: [["x"], [1]],
    rl.get: [["x"]],
    rl.cas: [["x"], [1], [2]],
    rl.append: [["x"], [1]],
    rl.run: [TIMES],
    rl.run_until: [CONDITIONS],
    rl.propose: [["x=1"]],
    rl.read: [["x"]],
    rl.campaign: [NODES],
    rl.heal: [[None, 1]],
    rl.leaders: [[1, 2]],
    rl.leads: [["A"]],
    rl.committed: [[1], [None, 2]],
    rl.down: [[1]],
    rl.candidates: [[1]],
    rl.behind: [[1]],
    rl.term_reached: [[3]],
    rl.answered: [[1]],
    rl.any_of: [CONDITIONS, CONDITIONS],
    rl.all_of: [CONDITIONS, CONDITIONS],
    rl.Crash: [NODES],
    rl.Pause: [NODES],
    rl.Restart: [NODES],
    rl.Resume: [NODES],
    rl.Wipe: [NODES],
    rl.Isolate: [NODES],
    rl.Partition: [NODES, NODES],
    rl.Delay: [TIMES],
    rl.Loss: [[0.5]],
    rl.Duplicate: [[0.5]],
    rl.ClockRate: [NODES, [1.1]],
    rl.ClockJump: [NODES, TIMES],
    rl.Lie: [NODES, list(rl.lies.names)],
    rl.ForgetVote: [NODES],
    rl.Usurp: [NODES],
    rl.network_from_csv: [["nowhere.csv"]],
    rl.Scenario.from_json: [[rl.Scenario(3).to_json()]],
    Distribution.from_dict: [[5, {"distribution": "uniform", "low": 1, "high": 2}]],
    Condition.from_dict: [[{"condition": "leaders", "count": 2}]],
    fault_from_dict: [[{"fault": {"fault": "crash", "node": "A"}}]],
}
"""What makes a value, and arguments that make sense; keywords are those of `KEYWORDS`."""

KEYWORDS = {
    "at": TIMES,
    "after": TIMES,
    "duration": TIMES,
    "every": TIMES,
    "times": [1, 3],
    "from_": NODES,
    "to": NODES,
    "types": ["AppendEntries"],
    "shape": ["halves"],
    "patience": TIMES,
    "home": ["A"],
    "client": ["c"],
    "via": ["log"],
    "limit": TIMES,
}

SETTINGS = {
    "election_timeout": [(150, 300), "1s"],
    "heartbeat": TIMES[:3],
    "election_rule": list(rl.election_rules.names),
    "candidate_timeout": [(10, 20)],
    "candidate_backoff": [2.0],
    "timeout_step": [5],
    "adaptive_timeout": [True],
    "pre_vote": [True],
    "sticky_votes": [True],
    "check_quorum": [True],
    "noop": [False],
    "snapshot_every": [3],
    "max_entries_per_append": [1],
    "max_inflight": [1],
    "lease_drift": [0.01],
    "commit_guard": [True],
    "protocol": PROTOCOLS,
    "bugs": [[name] for name in rl.rules.names],
    "network": [rl.Network(loss=0.1), 5, rl.uniform(1, 2)],
    "disk": [rl.Disk(fsync=1), 2],
    "workload": [rl.OpenLoop("5ms"), [rl.ClosedLoop(2)], rl.OpenLoop(5, keys=3)],
    "initial": [rl.Initial(term=1, leader="A"), rl.Initial(log={"A": [1, 1]})],
    "stop": CONDITIONS,
    "faults": [[rl.Crash("leader", at=50)], [rl.Loss(0.5, at=5, duration=50)]],
    "horizon": ["100ms", "300ms"],
    "steps": [[rl.run("50ms"), "x=1"], [rl.propose("x=1")], [rl.Crash("A")]],
}

DRIVES = {
    "run": [["5ms", "100ms", 50]],
    "run_until": [[*CONDITIONS, lambda c: c.leader]],
    "step": [[1, 10]],
    "propose": [["x=1", rl.put("y", 2), rl.cas("x", 1, 2)]],
    "read": [["x"]],
    "retry": [[1]],
    "give_up": [[1]],
    "inject": [[rl.Crash("A"), rl.Isolate("leader")]],
    "at": [TIMES[:3], ["x=1", rl.Crash("A"), rl.campaign("B")]],
    "heal": [[None, 1]],
    "partition": [NODES, NODES],
    "isolate": [NODES],
    "crash": [NODES],
    "restart": [NODES],
    "pause": [NODES],
    "loss": [[0.3]],
    "delay": [TIMES],
    "campaign": [["A", "B"]],
    "deliver": [],
    "drop": [],
    "hold": [],
    "cut": [],
    "state": [],
    "fork": [],
    "futures": [[2]],
    "operation": [[1]],
    "__getitem__": [["A"]],
}


def drawn(rng, good, odds=0.3):
    """A value that makes sense, or perhaps none."""
    return rng.choice(GARBAGE) if rng.random() < odds or not good else rng.choice(good)


def some_of(rng, known, most=3, odds=0.3):
    return {
        name: drawn(rng, known[name], odds)
        for name in rng.sample(sorted(known), rng.randrange(min(most, len(known) + 1)))
    }


def keywords_of(maker):
    """Those of the keywords that a call takes."""
    return {name: KEYWORDS[name] for name in inspect.signature(maker).parameters if name in KEYWORDS}


def told(name, *arguments, **keywords):
    """A call, as a failure shows it."""
    named = [f"{key}={shown(value)}" for key, value in keywords.items()]
    return f"{name}({', '.join([*map(shown, arguments), *named])})"


def test_no_call_raises_what_is_not_raftlabs_own():
    kinds = Counter()
    with bounded(7000), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(runs(4000)):
            rng = random.Random(number)
            maker = rng.choice(list(MAKERS))
            arguments = [drawn(rng, good) for good in MAKERS[maker]]
            keywords = some_of(rng, keywords_of(maker) or KEYWORDS)
            kinds[
                tried(partial(maker, *arguments, **keywords), told(maker.__name__, *arguments, **keywords))
            ] += 1
        for number in range(runs(1000)):
            rng = random.Random(number)
            nodes, settings = drawn(rng, [1, 3, 5], 0.1), some_of(rng, SETTINGS, 5, 0.2)
            kinds[tried(partial(rl.Scenario, nodes, **settings), told("Scenario", nodes, **settings))] += 1
    figures("calls that make values", kinds)
    assert kinds["ok"] > kinds.total() / 10
    assert kinds["InvalidError"] > kinds.total() / 10


def tried(call, words, **options):
    """How a call ended; a failure says which it was."""
    try:
        return outcome(call, **options)
    except Exception as error:
        error.add_note(words)
        raise


def test_no_call_breaks_a_cluster():
    """What was refused left no mark, and what was done plays again: the digests are equal."""
    kinds, compared, events = Counter(), 0, 0
    with bounded(7000), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(runs(100)):
            rng = random.Random(number)
            c = rl.Cluster(rng.choice([1, 3, 5]), seed=number, trace=rng.choice(["off", "states", "full"]))
            calls = []
            for _ in range(12):
                name = rng.choice(list(DRIVES))
                arguments = [drawn(rng, good) for good in DRIVES[name]]
                keywords = some_of(rng, KEYWORDS, 2, 0.5) if rng.random() < 0.2 else {}
                calls.append(told(name, *arguments, **keywords))
                kinds[
                    tried(
                        partial(getattr(c, name), *arguments, **keywords),
                        f"seed {number}: {'; '.join(calls)}",
                        seconds=0.2,
                    )
                ] += 1
            again = outcome(partial(played_again, c), seconds=20)
            assert again in ("ok", "long"), f"seed {number}: {'; '.join(calls)}"
            compared += 3 * (again == "ok")
            events += c.counters["events"]
    figures("calls that drive a cluster", kinds)
    print(f"{compared:,} digests compared, {events:,} events")
    assert kinds["ok"] > kinds.total() / 3
    assert compared > runs(100)


def played_again(c):
    """The script, the script as JSON, and a fork play the same history."""
    scenario = c.scenario
    for trace in ("off", "full"):
        run = rl.Scenario.from_json(scenario.to_json())._play(c.seed, trace=trace)
        assert run.digest == c.digest
    assert c.fork().digest == c.digest


# ---- Mutated scenarios ------------------------------------------------------------------------------

SEEDLINGS = [
    rl.Scenario(3, horizon="300ms", workload=rl.OpenLoop("5ms")),
    rl.Scenario(
        5, stop=rl.leader_elected | rl.leaders(2), faults=[rl.Crash("leader", at=rl.uniform(50, 90))]
    ),
    rl.Scenario(
        3, steps=[rl.run("200ms"), "x=1", rl.Partition("A", "BC"), rl.heal(), rl.run_until(rl.leaders(1))]
    ),
    rl.Scenario(
        3,
        horizon="200ms",
        initial=rl.Initial(term=2, log={"A": [1, (2, "x=1")]}, leader="A"),
        snapshot_every=3,
    ),
    rl.Scenario(
        5, horizon="200ms", network=rl.Network(latency=[[1, 2], [2, 1]], regions=[0, 0, 1, 1, 1], loss=0.1)
    ),
    rl.Scenario(
        3, horizon="200ms", workload=[rl.ClosedLoop(3, reads=0.5, session=True)], disk=rl.exponential(1)
    ),
    rl.Scenario(3, horizon="200ms", faults=[rl.Usurp("A", at=20), rl.Loss(0.5, at=5, every=50)]),
    rl.Scenario(
        3,
        horizon="200ms",
        bugs=["commit_prior_term"],
        adaptive_timeout=True,
        network=rl.empirical({1: 2, 9: 1}),
    ),
]


def places(value, path=()):
    """All places in a tree."""
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


PLAIN = [value for value in GARBAGE if value is None or type(value) in (bool, int, float, str, list, dict)]
PLAIN = [value for value in PLAIN if value is not SELF and value != {1: 2}]


def mutate(rng, parts):
    """One place of a scenario becomes something else, goes, or comes twice."""
    path = rng.choice([path for path in places(parts) if path])
    *way, last = path
    place = parts
    for step in way:
        place = place[step]
    match rng.randrange(6):
        case 0:
            del place[last]
        case 1 if isinstance(place, list):
            place.append(copy.deepcopy(place[last]))
        case 1 | 2 if isinstance(place[last], (int, float)) and abs(place[last]) < 1e300:  # as a float can be
            place[last] = place[last] * rng.choice([0, -1, 2, 1000, 1e-9]) + rng.choice([0, 1, 0.5])
        case 3 if isinstance(place, dict):
            place[rng.choice(["x", "", "nodes", "at", "of"])] = rng.choice(PLAIN)
        case 4:
            other = parts
            for step in rng.choice(list(places(parts))):
                other = other[step]
            place[last] = copy.deepcopy(other)
        case _:
            place[last] = rng.choice(PLAIN)


def test_mutated_scenarios_are_refused_or_play_the_same_everywhere():
    """Over trace levels, JSON, pickle and threads."""
    kinds, compared, events = Counter(), 0, 0
    with bounded(7000), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(runs(1500)):
            rng = random.Random(number)
            parts = json.loads(rng.choice(SEEDLINGS).to_json())
            for _ in range(rng.randrange(1, 4)):
                mutate(rng, parts)
            text = as_text(parts)
            if text is None:
                continue
            found = {}
            kinds[tried(partial(plays_alike, text, number, found), f"{number}: {text}", seconds=0.5)] += 1
            compared += found.get("compared", 0)
            events += found.get("events", 0)
    figures("mutated scenarios", kinds)
    print(f"{compared:,} digests compared, {events:,} events")
    assert kinds["ok"] > kinds.total() / 20
    assert kinds["InvalidError"] > kinds.total() / 3
    assert compared > runs(100)


def as_text(parts):
    """As JSON, with what only Python's has: NaN, infinity, half characters."""
    try:
        return json.dumps(parts)
    except ValueError:  # an integer of ten thousand digits
        return None


def plays_alike(text, seed, found):
    scenario = rl.Scenario.from_json(text)
    run = scenario._play(seed, trace="off")
    found["events"] = run.counters["events"]
    others = [
        rl.Scenario.from_json(scenario.to_json())._play(seed, trace="full").digest,
        pickle.loads(pickle.dumps(scenario))._play(seed, trace="states", checks=True).digest,
    ]
    if scenario.to_json().count("violated") == 0:
        others.append(scenario._play(seed, trace="off", checks=False).digest)
    others += rl.sweep(scenario, seeds=range(seed, seed + 2), on_violation="record", threads=2).runs.to_list(
        "digest"
    )[:1]
    assert others == [run.digest] * len(others), "the digests differ"
    found["compared"] = len(others)
