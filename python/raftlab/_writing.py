"""The arguments of a scenario as its JSON has them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from numbers import Real
from typing import Any, TypeAlias, TypeVar

from . import _core
from ._arguments import U32, choice, dumps, flag, instance, integer, items, number
from ._arguments import node as name_of
from ._conditions import Condition
from ._fault import Fault
from ._suggest import possible, unknown_in
from ._time import to_ms
from ._typing import Protocol, words
from ._values import code
from .discovery import SWITCHES, election_rules, rules
from .distributions import Distribution
from .errors import InvalidError, shown
from .settings import AdaptiveTimeout, Disk, Initial, Network, OpenLoop, Processing, _Load
from .steps import Step, step_to_dict

__all__ = [
    "WRITERS",
    "are_letters",
    "argument",
    "names_of",
    "normal",
    "rule_in",
    "without_rule",
    "written_down",
]

T = TypeVar("T", Network, Disk, Processing)


Writer: TypeAlias = Callable[[Any, str, Sequence[str]], Any]
"""Takes a value, the name of its argument and the names of the nodes; returns it as the JSON has it."""

WRITERS: dict[str, Writer] = {}
"""The arguments of `Scenario` in the order of its attributes, and their writers."""

Attribute = TypeVar("Attribute", bound=Callable[..., Any])


def argument(writer: Writer) -> Callable[[Attribute], Attribute]:
    """Declares an argument of `Scenario` at the attribute of its name."""

    def declared(attribute: Attribute) -> Attribute:
        WRITERS[attribute.__name__] = writer
        return attribute

    return declared


def written_down(given: Mapping[str, Any], nodes: Sequence[str]) -> dict[str, Any]:
    """Arguments of the constructor as the scenario's JSON has them, without those that are None."""
    parts = {
        name: WRITERS[name](value, name, nodes)
        for name, value in given.items()
        if value is not None and name != "election_rule"
    }
    rule = given.get("election_rule")
    if rule is not None:
        parts = _with_rule(rule, parts)
    return {name: written for name, written in parts.items() if written is not None}


def _with_rule(rule: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an election rule and those that are given; these may adjust it, but not undo it."""
    settings = rule_settings(rule)
    for name in settings.keys() & parts.keys():
        if parts[name] == OFF.get(name):
            stands = ", ".join(f"{part}={value!r}" for part, value in SWITCHES[rule][0].items())
            raise InvalidError(
                f"election_rule={rule!r} is short for {stands}, but {name} is given as {_off(name)}"
            )
    if not settings:
        on = next((name for name, off in OFF.items() if parts.get(name, off) != off), None)
        if on is not None:
            raise InvalidError(
                f"election_rule={rule!r} is the rule without {on}; leave election_rule out to add {on}"
            )
    return {**settings, **parts}


def _off(name: str) -> object:
    return False if OFF[name] is None else OFF[name]


OFF = {
    "pre_vote": False,
    "sticky_votes": False,
    "candidate_backoff": 1.0,
    "timeout_step": 0.0,
    "adaptive_timeout": None,
}
"""The settings for which election rules are short, and the values of them that turn a rule off."""


def without_rule(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a scenario without its election rule, and the settings for which one is short."""
    return {name: part for name, part in parts.items() if name != "election_rule" and name not in OFF}


def rule_in(parts: Mapping[str, Any]) -> str | None:
    """The election rule in the parts of a scenario; None if they combine several."""
    if "election_rule" in parts:
        return str(parts["election_rule"])
    on = {name for name, off in OFF.items() if parts.get(name, off) != off}
    return next((rule for rule, (settings, _, _) in SWITCHES.items() if settings.keys() == on), None)


def as_time(value: Any, what: str, _: Sequence[str]) -> float:
    return to_ms(value, what)


def as_flag(value: Any, what: str, _: Sequence[str]) -> bool:
    return flag(value, what)


def as_count(value: Any, what: str, _: Sequence[str]) -> int:
    return integer(value, what, 1, U32)


def as_timeout(value: Any, what: str, _: Sequence[str]) -> list[float]:
    return _timeout(value, what)


def as_rule(value: Any, what: str, _: Sequence[str]) -> str:
    return choice(value, what, election_rules.names)


def as_protocol(value: Any, what: str, _: Sequence[str]) -> str:
    return choice(value, what, words(Protocol))


def as_backoff(value: Any, what: str, _: Sequence[str]) -> float:
    return number(value, what, "a factor of at least 1", 1, 1e6)


def as_drift(value: Any, what: str, _: Sequence[str]) -> float:
    return number(value, what, "a number from 0 to 1", 0, 1)


def as_adaptive(value: Any, what: str, _: Sequence[str]) -> dict[str, Any] | None:
    if value is False:
        return None
    if value is True:
        value = AdaptiveTimeout()
    if not isinstance(value, AdaptiveTimeout):
        raise InvalidError(f"{what} must be True, False or an AdaptiveTimeout, not {shown(value)}")
    return value.to_dict()


def as_bugs(value: Any, what: str, _: Sequence[str]) -> list[str] | dict[str, list[str]]:
    if not isinstance(value, Mapping):
        return _bugs(value, what)
    return {name_of(name, f"{what}: a node"): _bugs(of, f"{what}[{name!r}]") for name, of in value.items()}


def _bugs(value: Any, what: str) -> list[str]:
    accepted = "a list of bugs, or a mapping of nodes"
    several = [value] if isinstance(value, str) else items(value, what, accepted)
    for bug in several:
        if not isinstance(bug, str) or bug not in rules.names:
            known = "; raftlab.rules.names lists the accepted ones"
            hint = unknown_in(bug, rules.names) if isinstance(bug, str) else ""
            raise InvalidError(f"{what}: unknown bug {shown(bug)}{hint or known}")
    return several


def as_network(value: Any, what: str, _: Sequence[str]) -> dict[str, Any]:
    return _setting(value, what, Network).to_dict()


def as_disk(value: Any, what: str, _: Sequence[str]) -> dict[str, Any]:
    return _setting(value, what, Disk).to_dict()


def as_processing(value: Any, what: str, _: Sequence[str]) -> dict[str, Any]:
    return _setting(value, what, Processing).to_dict()


def _setting(value: Any, what: str, kind: type[T]) -> T:
    """A network or disk, which may also be given by its first argument."""
    if isinstance(value, Mapping):
        return instance(value, kind, what)  # raises an error with the call that makes one
    return value if isinstance(value, kind) else kind(value)


def as_workload(value: Any, what: str, nodes: Sequence[str]) -> list[dict[str, Any]]:
    if isinstance(value, (str, Real, timedelta)):
        hint = possible(
            lambda: OpenLoop(value),  # type: ignore[arg-type]
            f"; write raftlab.OpenLoop({code(value)})",
        )
        raise InvalidError(
            f"{what} must be an OpenLoop, a ClosedLoop or a list of them, not {shown(value)}{hint}"
        )
    loads = [value] if isinstance(value, _Load) else items(value, what)
    return [instance(load, _Load, what).to_dict(nodes) for load in loads]


def as_initial(value: Any, what: str, _: Sequence[str]) -> dict[str, Any]:
    return instance(value, Initial, what).to_dict()


def as_faults(value: Any, what: str, _: Sequence[str]) -> list[dict[str, Any]]:
    faults = [value] if isinstance(value, Fault) else items(value, what)
    return [instance(fault, Fault, f"{what}[{at}]").to_dict() for at, fault in enumerate(faults)]


def as_steps(value: Any, what: str, _: Sequence[str]) -> list[dict[str, Any]]:
    return [
        step_to_dict(step) for step in ([value] if isinstance(value, (Fault, Step)) else items(value, what))
    ]


def as_stop(value: Any, what: str, _: Sequence[str]) -> dict[str, Any]:
    return instance(value, Condition, what).to_dict()


def normal(parts: Mapping[str, Any]) -> str:
    """The normal form of a generated scenario, for which errors have no line numbers."""
    try:
        return _core.scenario_normal(dumps(parts))
    except InvalidError as error:
        message = re.sub(r" at line \d+ column \d+$", "", str(error)).removeprefix("not a scenario: ")
        raise InvalidError(message) from None


def names_of(nodes: int | Sequence[str]) -> list[str]:
    if not isinstance(nodes, (list, tuple)):
        try:
            nodes = operator.index(None if isinstance(nodes, bool) else nodes)  # type: ignore[arg-type]
        except TypeError:
            raise InvalidError(f"nodes must be a number or a list of names, not {shown(nodes)}") from None
    if isinstance(nodes, int):
        if not 1 <= nodes <= MAX_NODES:
            raise InvalidError(f"nodes must be between 1 and {MAX_NODES}, not {shown(nodes)}")
        if nodes <= 26:
            return [chr(ord("A") + i) for i in range(nodes)]
        return [f"n{i + 1}" for i in range(nodes)]
    if not all(isinstance(name, str) for name in nodes):
        raise InvalidError(f"the names of nodes must be texts, not {shown(nodes)}")
    return list(nodes)


MAX_NODES = 255


def are_letters(names: Sequence[str]) -> bool:
    return list(names) == names_of(len(names))


def rule_settings(name: str) -> dict[str, Any]:
    """The settings for which an election rule is short, as the scenario's JSON has them."""
    choice(name, "election_rule", election_rules.names)
    given = SWITCHES[name][0] if name in SWITCHES else None
    if given is None:
        return {"election_rule": name}
    return written_down(given, ())


def _timeout(value: Any, what: str) -> list[float]:
    if isinstance(value, Distribution) and value.kind == "uniform":
        parameters = dict(value.parameters)
        return [parameters["low"], parameters["high"]]
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise InvalidError(f"{what} must be one time or two, not {shown(value)}")
        low, high = value
    else:
        low = high = value
    if isinstance(low, Distribution) or isinstance(high, Distribution):
        raise InvalidError(f"{what} must be two times, or uniform(low, high)")
    return [to_ms(low, what), to_ms(high, what)]
