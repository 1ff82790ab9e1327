"""What an error suggests works: code that it says to write is valid, and names that it gives exist."""

import inspect
import math
import re
from datetime import timedelta

import numpy as np
import pytest
import raftlab as rl

WRITE = re.compile(r"\bwrite (?:raftlab\.)?([a-z_A-Z]+[.(\[].*?)(?: for a range)?$")
MEANT = re.compile(r"did you mean (.*?)\?")


def said_by(call):
    with pytest.raises(rl.RaftlabError) as caught:
        call()
    return str(caught.value)


def suggested(said):
    """The code that an error says to write; None if it does not say so."""
    found = WRITE.search(said)
    return found and found[1]


# ---- Code -----------------------------------------------------------------------------------------------

INTERVALS = [50, 0.5, np.float64(2.5), np.int64(7), "5ms", timedelta(seconds=1)]
NO_INTERVALS = [0, -5, math.nan, math.inf, 1e300, True, "abc", "", "-5ms", "5 parsecs", "1e400s", "'", '"']


def test_a_load_that_is_suggested_is_one():
    for value in INTERVALS:
        load = eval(suggested(said_by(lambda value=value: rl.Scenario(3, workload=value))), vars(rl))
        assert rl.Scenario(3, workload=load, horizon="1s").run().ending == "horizon"
    for value in NO_INTERVALS:
        assert suggested(said_by(lambda value=value: rl.Scenario(3, workload=value))) is None


RANGES = [(1, 5), [0, 9.5], ("1ms", "1s"), (np.float64(1.5), np.float64(2.5)), "1-5ms", "1ms to 2s"]
NO_RANGES = [
    *((5, 1), (-1, 5), (math.nan, 5), (1, math.inf), ("abc", "def"), (True, 5)),
    *("5-1ms", "1.2.3-5ms", "1-5parsecs"),
]
TIMES = [rl.Network, rl.Disk, lambda time: rl.Delay(time), lambda time: rl.Crash("A", at=time)]


@pytest.mark.parametrize("make", TIMES)
def test_a_range_that_is_suggested_is_one(make):
    for given in RANGES:
        code = suggested(said_by(lambda given=given: make(given)))
        assert "uniform(" in repr(make(eval(code, vars(rl))))
    for given in NO_RANGES:
        assert suggested(said_by(lambda given=given: make(given))) is None


SETTINGS = {
    "network": [{"latency": 5}, {"latency": "abc"}, {"loss": 2}, {"latency": (5, 1)}, {"loss": 0.1}],
    "disk": [{"fsync": 5}, {"fsync": -5}],
    "initial": [{"term": 1}, {"term": -1}],
}
FIT = [{"latency": 5}, {"loss": 0.1}, {"fsync": 5}, {"term": 1}]


@pytest.mark.parametrize(("name", "given"), [(name, one) for name, all_ in SETTINGS.items() for one in all_])
def test_a_setting_that_is_suggested_is_one(name, given):
    said = said_by(lambda: rl.Scenario(3, **{name: given}))
    code = suggested(said)
    assert (code is not None) == (given in FIT), said
    if code is not None:
        assert rl.Scenario(3, **{name: eval(code, vars(rl))}) != rl.Scenario(3)


def idle(**options):
    def build(pre_vote, rule):
        return rl.Scenario(3, pre_vote=pre_vote, sticky_votes=rule == "sticky", horizon="1s")

    grid = {"rule": ["plain", "sticky"], "pre_vote": [False, True]}
    return rl.sweep(build, grid, seeds=3, progress=False, **options)


@pytest.mark.parametrize("options", [{}, {"metrics": "elections"}, {"metrics": [len]}], ids=str)
def test_comparisons_and_shares_that_are_suggested_can_be_made(options):
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.use("Agg")
    result = idle(**options)
    for call in (
        lambda: rl.compare(result, "pre_vote", "unavailable_ms"),
        lambda: rl.compare(result, metric="unavailable_ms"),
        lambda: rl.compare(result, "unavailable_ms"),
        lambda: rl.compare(result, "frob"),
        lambda: rl.compare(result, result, "elections"),
    ):
        code = suggested(said_by(call))
        assert isinstance(eval(code, vars(rl) | {"result": result}), rl.Comparison)
    code = suggested(said_by(lambda: rl.plot.share(result, "ending=horizon")))
    eval(code, vars(rl) | {"result": result})
    pyplot.close("all")


def test_brackets_that_are_suggested_find_something():
    c = rl.Cluster(3, seed=1, initial=rl.Initial(term=1, leader="A"))
    c.run("100ms")
    names = vars(rl) | {"cluster": c, "trace": c.trace}
    for key in ("A", "C"):
        for many in (c.nodes, c.leaders, c.nodes[1:]):
            assert eval(suggested(said_by(lambda many=many, key=key: many[key])), names) == c[key]
    assert suggested(said_by(lambda: c.nodes["Z"])) is None
    assert len(eval(suggested(said_by(lambda: c.trace["event"])), names)) > 0
    table = c.trace.messages
    for key in (0, -1, len(table) - 1):
        code = suggested(said_by(lambda key=key: table[key]))
        assert eval(f"table.{code}", {"table": table})["from"] == table.to_list("from")[key]
    for key in (len(table), 1.5, slice(3)):
        assert "write to_pandas().iloc[...]" in said_by(lambda key=key: table[key])
    for code in (
        said_by(lambda: table["kind" if "kind" in table.to_dict() else "type"])
        .split("write ")[1]
        .split(" or ")
    ):
        assert len(eval(f"table.{code}", {"table": table})) == len(table)
    assert "trace.messages.to_list(column)" in said_by(lambda: c.trace.to_list)


# ---- Names ----------------------------------------------------------------------------------------------


def misspelt(name):
    """What people write instead of a name: a letter too few, a plural, or camel case."""
    first, *rest = name.split("_")
    return {name[:-1], name + "s", first + "".join(map(str.title, rest))} - {name}


def exists(word, owner):
    """Whether a suggested name, with quotes if it is of the same owner, is that of something."""
    if word.startswith("'"):
        return has(owner, word.strip("'"))
    *way, name = word.partition("(")[0].removeprefix("raftlab.").split(".")
    home = rl
    for step in way:
        home = getattr(home, step)
    return has(home, name)


def has(owner, name):
    kinds = owner.__mro__ if isinstance(owner, type) else type(owner).__mro__
    return hasattr(owner, name) or any(name in inspect.get_annotations(kind) for kind in kinds)


OTHERS = {
    "crash",
    "load",
    "from_json",
    "timeline",
    "etcd",
    "messages",
    "propose",
    "summary",
    "fork",
    "leader",
}
OWNERS = {
    "the package": lambda: rl,
    "presets": lambda: rl.presets,
    "steps": lambda: rl.steps,
    "a cluster": lambda: rl.Cluster(3),
    "a node": lambda: rl.Cluster(3)["A"],
    "a trace": lambda: rl.Cluster(3).trace,
    "a run": lambda: rl.Scenario(3, horizon="1s").run(),
    "a scenario": lambda: rl.Scenario(3),
    "the class of clusters": lambda: rl.Cluster,
    "the class of scenarios": lambda: rl.Scenario,
    "a fault": lambda: rl.Crash("A"),
}


@pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)
def test_names_that_are_suggested_exist(owner):
    owner = owner()
    names = {*dir(owner), *OTHERS}
    wrong, right = [], 0
    for name in sorted(name for name in names if name[0] != "_"):
        for word in sorted(misspelt(name)):
            if word[:1] == "_" or not word or has(owner, word):
                continue
            said = said_by(lambda word=word: getattr(owner, word))
            meant = MEANT.search(said)
            words = re.split(r", | or ", meant[1]) if meant else []
            right += len(words)
            wrong += [f"{word}: {one} in {said}" for one in words if not exists(one, owner)]
    assert wrong == []
    assert right > 10


def test_arguments_that_are_suggested_are_taken():
    calls = {
        rl.Scenario: (3,),
        rl.Network: (),
        rl.Crash: ("A",),
        rl.Cluster(3).step: (),
        rl.Cluster(3).cut: (),
    }
    wrong, right = [], 0
    for call, placed in calls.items():
        known = set(inspect.signature(call).parameters)
        for word in sorted(
            {typo for name in known | {"until", "loss", "seeds"} for typo in misspelt(name)} - known
        ):
            if not word.isidentifier():
                continue
            said = said_by(lambda call=call, placed=placed, word=word: call(*placed, **{word: None}))
            meant = MEANT.search(said)
            for one in re.split(r", | or ", meant[1]) if meant else []:
                taker, _, argument = one.rstrip("=…)").partition("(")
                right += 1
                if one.startswith("'"):
                    ok = one.strip("'") in known
                elif one.endswith("=…)"):
                    ok = argument in inspect.signature(eval(taker, vars(rl))).parameters
                else:
                    ok = exists(one, rl)
                wrong += [] if ok else [f"{word}: {one} in {said}"]
    assert wrong == []
    assert right > 100
