"""Signatures: what Python shows, what type checkers know, and what the core accepts are the same."""

import inspect
import re
from pathlib import Path

import pytest
import raftlab as rl
from mypy import api
from raftlab import _core, _scenario_arguments, _typing
from raftlab._writing import WRITERS

CALLS = Path(__file__).parent / "typing" / "calls.py"


def test_type_checkers_find_the_wrong_calls_and_no_others():
    """With the cache of mypy, which `make lint` has filled: without it this takes half a minute of CPU."""
    options = ["--strict", "--no-error-summary", "--show-error-codes"]
    out, err, _ = api.run([*options, str(CALLS)])
    assert err == ""
    found = {(int(line), code) for line, code in re.findall(r"calls\.py:(\d+): error: .*\[([\w-]+)\]", out)}
    lines = enumerate(CALLS.read_text().splitlines(), 1)
    meant = {(at, line.split("# E: ")[1]) for at, line in lines if "# E: " in line}
    assert found == meant


NAMES = {
    "MessageType": _core.message_types(),
    "Bug": [name for name, *_ in _core.rules()],
    "LieName": [name for name, _ in _core.lies()],
    "Role": [name for name, _ in _core.targets()],
    "ElectionRule": list(rl.election_rules.names),
}


@pytest.mark.parametrize("name", NAMES)
def test_words_are_those_of_the_core(name):
    assert list(_typing.words(getattr(_typing, name))) == NAMES[name]


def mistaken(**part):
    """What the core says of a scenario with a word that it does not know."""
    written = '{"raftlab": %d, "nodes": ["A", "B", "C", "D", "E"], %s}'
    (name, value), *_ = part.items()
    with pytest.raises(rl.InvalidError) as caught:
        _core.scenario_normal(written % (_core.SCHEMA_VERSION, f'"{name}": {value}'))
    return str(caught.value)


def test_words_without_a_table_are_those_of_the_core():
    partition = '[{"fault": {"fault": "partition", "groups": [], "shape": "frob"}}]'
    crash = '[{"fault": {"fault": "crash", "node": "A", "unsynced": "frob"}}]'
    load = '[{"start": 0, "pacing": {"pacing": "open", "every": 5}, "mix": {"keys": 1, "via": "frob"}}]'
    said = {
        "Shape": mistaken(faults=partition),
        "Unsynced": mistaken(faults=crash),
        "Via": mistaken(workload=load),
    }
    for name, message in said.items():
        words = {word for pair in re.findall(r"`(\w+)`|'(\w+)'", message) for word in pair if word}
        assert words - {"frob"} == set(_typing.words(getattr(_typing, name))), message


def test_settings_are_what_a_scenario_takes():
    parameters = inspect.signature(rl.Scenario).parameters
    settings, changes = _scenario_arguments.Settings, _scenario_arguments.Changes
    hints = {name: hint.__forward_arg__ for name, hint in settings.__annotations__.items()}
    assert hints == {name: p.annotation for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert set(changes.__annotations__) == set(parameters)
    assert {"nodes", "preset", *WRITERS} == set(parameters)
    assert all(isinstance(getattr(rl.Scenario, name), property) for name in WRITERS)


def test_schedules_and_options_are_what_is_taken():
    schedule = inspect.signature(rl.Fault).parameters
    assert {n: h.__forward_arg__ for n, h in _typing.Schedule.__annotations__.items()} == {
        name: p.annotation for name, p in schedule.items()
    }
    options = inspect.signature(rl.Scenario.run).parameters
    assert {n: h.__forward_arg__ for n, h in _typing.RunOptions.__annotations__.items()} == {
        name: p.annotation for name, p in options.items() if p.kind is p.KEYWORD_ONLY
    }


def test_signatures_show_what_is_passed_on():
    cluster = inspect.signature(rl.Cluster).parameters
    assert list(cluster)[:2] == ["nodes", "seed"]
    assert set(cluster) >= {*inspect.signature(rl.Scenario).parameters, "trace"}
    assert cluster["pre_vote"].default is None
    replace = inspect.signature(rl.Scenario.replace).parameters
    assert set(replace) == {"self", *inspect.signature(rl.Scenario).parameters}
    for name, parameter in inspect.signature(rl.Cluster(3).partition).parameters.items():
        assert parameter.kind is (parameter.VAR_POSITIONAL if name == "groups" else parameter.KEYWORD_ONLY)


@pytest.mark.parametrize("name", rl.faults.names)
def test_a_method_takes_what_its_fault_takes(name):
    method = getattr(rl.Cluster, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    own = inspect.signature(getattr(rl, name)).parameters
    taken = dict(inspect.signature(method).parameters)
    taken.pop("self")
    assert taken == dict(own)
    assert not any(p.kind is p.VAR_KEYWORD for p in own.values())


def test_no_public_signature_hides_its_arguments():
    """`**options` would show nothing; those that are left are columns, parameters and fields."""
    hidden = []
    for name in rl.__all__:
        value = getattr(rl, name)
        members = {name: value} if inspect.isroutine(value) else {}
        if inspect.isclass(value) and value.__module__.startswith("raftlab"):
            members = {f"{name}.{m}": getattr(value, m) for m in dir(value) if m[0] != "_"} | {name: value}
        for called, member in members.items():
            if (inspect.isroutine(member) or inspect.isclass(member)) and not isinstance(member, type(len)):
                try:
                    parameters = inspect.signature(member).parameters.values()
                except (ValueError, TypeError):
                    continue
                hidden += [called for p in parameters if p.kind is p.VAR_KEYWORD]
    assert sorted(set(hidden)) == ["Catalogue.where", "Outgoing.send", "Sweep.where"]
