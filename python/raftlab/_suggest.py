"""Suggestions for unknown names and invalid values: "did you mean …?"."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ._not_simulated import not_simulated
from ._values import call as written_call
from .errors import InvalidError, UnknownNameError, shown

__all__ = [
    "close",
    "meant",
    "meant_for",
    "named",
    "needed",
    "of_kind",
    "possible",
    "refuse_makers",
    "takes",
    "unknown_argument",
    "unknown_attribute",
    "unknown_in",
]

NEAR = 0.6
"""The least ratio of difflib at which two names are similar."""

BEGINS = 0.8
"""The least similarity of a name and one that begins with it."""


def close(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that are most similar to an unknown one, the most similar first.

    >>> close("prevote", ["pre_vote", "heartbeat"])
    ['pre_vote']
    """
    asked = _letters(name)
    words = list(dict.fromkeys(known))
    same = [word for word in words if _letters(word) == asked]
    if same:
        return same
    ratios = {word: _likeness(asked, _letters(word)) for word in words}
    near = [word for word in words if ratios[word] >= NEAR]
    return sorted(near, key=lambda word: -ratios[word])[:most]


def _likeness(asked: str, known: str) -> float:
    ratio = difflib.SequenceMatcher(None, known, asked).ratio()
    return max(ratio, BEGINS) if len(asked) > 2 and known.startswith(asked) else ratio


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def meant(words: Iterable[str]) -> str:
    """The suggestion of some words, to be appended to an error; empty if there are none.

    >>> meant(["a", "b"])
    '; did you mean a or b?'
    """
    listed = list(words)
    return f"; did you mean {_joined(listed, 'or')}?" if listed else ""


def possible(make: Callable[[], object], hint: str) -> str:
    """A hint that suggests a call, if this call can be made; otherwise it is empty.

    >>> possible(lambda: int("7"), "; write 7"), possible(lambda: int("x"), "; write x")
    ('; write 7', '')
    """
    try:
        make()
    except (ValueError, TypeError):  # as all errors of arguments are
        return ""
    return hint


def _joined(words: list[str], last: str) -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


# ---- Attributes -----------------------------------------------------------------------------------------


def unknown_attribute(owner: object, name: str) -> AttributeError:
    """The error of an attribute that a module, a class, or an instance of one, does not have."""
    if name.startswith("_"):  # asked for by libraries, not by people
        return AttributeError(f"{_named(owner)} has no attribute {name!r}", name=name, obj=owner)
    error = UnknownNameError(_Unknown(owner, name))
    error.name, error.obj = name, None  # or Python makes suggestions of its own after ours
    return error


def _named(owner: object) -> str:
    if isinstance(owner, ModuleType):
        return f"module '{owner.__name__}'"
    return owner.__name__ if isinstance(owner, type) else type(owner).__name__


class _Unknown:
    """The message of an unknown attribute, made when it is read: `hasattr` and libraries never read it."""

    __slots__ = ("home", "name", "own")

    def __init__(self, owner: object, name: str) -> None:
        itself = isinstance(owner, (ModuleType, type))
        self.home: Any = owner if itself else type(owner)
        self.name, self.own = name, () if itself else tuple(getattr(owner, "__dict__", ()))

    def __str__(self) -> str:
        return _words_for_attribute(self.home, self.name, tuple(sorted({*dir(self.home), *self.own})))

    def __repr__(self) -> str:
        return repr(str(self))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def _words_for_attribute(home: Any, name: str, known: tuple[str, ...]) -> str:
    missing = not_simulated(name) if _drives(home) else None
    if missing:
        return f"{_named(home)} has no attribute {name!r}: not simulated yet: {missing}"
    if any(name in inspect.get_annotations(base) for base in getattr(home, "__mro__", ())):
        return f"{_named(home)} has no attribute {name!r}: its instances have it"
    name_here = CALLED.get(_letters(name), name)
    own = close(name_here, (word for word in known if not word.startswith("_")))
    elsewhere = _elsewhere(name_here, home) if name_here == name or name_here not in own else []
    if elsewhere:  # where the name is just this one
        own = [word for word in own if _likeness(_letters(name_here), _letters(word)) >= BEGINS]
    found = [*map(repr, own), *elsewhere]
    instead = getattr(home, "_instead", None)
    if instead and not own:
        return f"{_named(home)} has no attribute {name!r}: {instead(name)}"
    hint = meant(found) or "; dir() lists what it has"
    return f"{_named(home)} has no attribute {name!r}{hint}"


CALLED = {
    **dict.fromkeys(("addlearner", "addmember", "addnode", "addserver", "addvoter", "join"), "add"),
    **dict.fromkeys(("removemember", "removenode", "removeserver", "removevoter"), "remove"),
    **dict.fromkeys(("promotelearner", "makevoter"), "promote"),
    **dict.fromkeys(("demotevoter", "makelearner"), "demote"),
    **dict.fromkeys(
        ("changemembership", "confchange", "enterjoint", "joint", "jointconsensus", "membershipchange"),
        "change",
    ),
    **dict.fromkeys(("changemembers", "reconfigure"), "change"),
    **dict.fromkeys(("leave",), "leave_joint"),
    **dict.fromkeys(
        ("handover", "leadertransfer", "leadershiptransfer", "moveleader", "timeoutnow"), "transfer"
    ),
    **dict.fromkeys(("transferleader", "transferleadership"), "transfer"),
    **dict.fromkeys(("abdicate", "resign"), "step_down"),
    **dict.fromkeys(("configuration", "learners", "members", "voters"), "membership"),
}
"""What other systems, and people, call something that has another name here; without underscores."""


def _drives(home: Any) -> bool:
    """Whether people look here for what a cluster can do."""
    return any(base.__name__ in LOOKED_IN for base in getattr(home, "__mro__", (home,)))


LOOKED_IN = (
    *("Cluster", "NodeView", "Run", "Scenario", "Trace"),
    *(__package__, f"{__package__}.plot", f"{__package__}.steps"),
)
"""The modules and classes where people look for what raftlab does not simulate."""


def _elsewhere(name: str, home: object) -> list[str]:
    """The other places in raftlab that have this name."""
    asked = _letters(name)
    return [
        f"{place}.{word}"
        for place, at, words in _places()
        if at is not home and not (isinstance(at, type) and isinstance(home, type) and issubclass(home, at))
        for word in words
        if _letters(word) == asked
    ][:2]


def _places() -> Iterator[tuple[str, object, list[str]]]:
    """The places to search for a name: the package, its modules, and the classes that users work with."""
    package = importlib.import_module(__package__)
    yield __package__, package, list(package.__all__)
    yield f"{__package__}.plot", f"{__package__}.plot", _listed_in("plot")
    steps = importlib.import_module(f"{__package__}.steps")
    yield steps.__name__, steps, list(steps.__all__)
    for name in ("presets", "experiments", "published"):
        yield f"{__package__}.{name}", name, _listed_in(name)
    for name in ("Cluster", "Run", "Scenario", "Sweep", "Trace", "NodeView", "Operation", "InFlight"):
        kind = getattr(package, name)
        yield name, kind, [word for word in (*dir(kind), *inspect.get_annotations(kind)) if word[0] != "_"]


def _listed_in(name: str) -> list[str]:
    """`__all__` of a module, read from its text: the import may be slow or need a missing package."""
    folder = Path(__file__).parent
    file = folder / name / "__init__.py" if (folder / name).is_dir() else folder / f"{name}.py"
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return [str(word) for word in ast.literal_eval(statement.value)]
    return []


# ---- Arguments ------------------------------------------------------------------------------------------


def unknown_argument(call: str, name: str, accepted: list[str]) -> UnknownNameError:
    """The error of an argument that a function does not take."""
    missing = not_simulated(name)
    if missing:
        return UnknownNameError(f"{call} has no argument '{name}': not simulated yet: {missing}")
    if name in MEMBERS:
        steps = f"{__package__}.steps"
        return UnknownNameError(
            f"{call} has no argument '{name}'{meant([f'{steps}.add', f'{steps}.change'])}"
        )
    near = [f"'{word}'" for word in close(name, accepted)]
    others = [f"'{word}'" for word in SYNONYMS.get(name, ()) if word in accepted]
    if others and name not in accepted:
        return UnknownNameError(f"{call} has no argument '{name}'{meant(others)}")
    if max((_likeness(_letters(name), _letters(word)) for word in accepted), default=0) < BEGINS:
        takers = [taker for taker in _takers(name) if not taker.startswith(call.removesuffix(")"))]
        near = takers[:2] or _methods_for(call, name) or near
    hint = meant(near)
    if not hint.startswith("; did you mean '"):
        hint += f"; it takes {', '.join(accepted)}" if accepted else "; it takes nothing by name"
    return UnknownNameError(f"{call} has no argument '{name}'{hint.replace('?; it', '? It')}")


MEMBERS = ("learners", "members", "voters")
"""Arguments for which people look, and that are steps: a cluster begins with voters alone."""

SYNONYMS = {
    "duration": ("horizon", "limit"),
    "end": ("horizon",),
    "limit": ("horizon",),
    "max_time": ("horizon", "limit"),
    "timeout": ("limit",),
    "until": ("horizon",),
}
"""Other words for arguments. One counts where the function takes its argument."""


def _takers(name: str) -> list[str]:
    """The classes and functions of raftlab that have an argument of this name."""
    package = importlib.import_module(__package__)
    makers = ("Network", "Disk", "OpenLoop", "ClosedLoop", "Initial", "AdaptiveTimeout", "Scenario", "sweep")
    found = [maker for maker in makers if name in inspect.signature(getattr(package, maker)).parameters]
    found += ["Scenario.run"] if name in inspect.signature(package.Scenario.run).parameters else []
    return [f"{maker}({name}=…)" for maker in found]


def _methods_for(call: str, name: str) -> list[str]:
    """The methods of the same class that have an argument's name in their own: run_until for `until`."""
    owner = getattr(importlib.import_module(__package__), call.partition(".")[0], None)
    if not isinstance(owner, type):
        return []
    methods = (word for word in dir(owner) if name in word.split("_") and word[0] != "_")
    return [f"{owner.__name__}.{word}({needed(getattr(owner, word))})" for word in methods]


def needed(function: Callable[..., Any]) -> str:
    """The arguments that a call needs, separated by commas."""
    return ", ".join(
        f"*{name}" if parameter.kind is parameter.VAR_POSITIONAL else name
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
        and (
            parameter.kind is parameter.VAR_POSITIONAL
            or (parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD)
        )
    )


# ---- Values ---------------------------------------------------------------------------------------------


def unknown_in(value: object, known: Iterable[str]) -> str:
    """The suggestion to append to an error about a text that is not one of some words."""
    return meant(map(repr, close(value, known))) if isinstance(value, str) else ""


def meant_for(value: object, kind: type) -> str:
    """The suggestion to append to an error about a value that is not of a class of raftlab.

    The value may be a class or function that makes one when it is called, or the text of its name.
    """
    call = _call(value, kind)
    if call:
        return f"; call it: {call}"
    if isinstance(value, Mapping) and value and value.keys() <= _parameters_of(kind):
        written = written_call(kind.__name__, (), value)
        return possible(lambda: kind(**value), f"; write {__package__}.{written}")
    for base in type(value).__mro__:
        if (base.__name__, kind.__name__) in INSTEAD:
            return f": {INSTEAD[base.__name__, kind.__name__]}"
    if isinstance(value, str):
        known = of_kind(kind)
        return meant(f"{__package__}.{_call(known[word], kind) or word}" for word in close(value, known))
    return ""


def _parameters_of(kind: type) -> set[str]:
    """The arguments that make a value of a public class of raftlab; none for other classes."""
    public = getattr(importlib.import_module(__package__), kind.__name__, None) is kind
    return set(inspect.signature(kind).parameters) if public else set()


INSTEAD = {
    ("Sweep", "World"): (
        "a sweep has many runs. Take one of them, result.replay(row), or draw all of them with "
        "raftlab.plot.bands, ecdf, heatmap or share"
    ),
    ("Scenario", "World"): "a scenario has not been played yet. Take scenario.run(seed=...)",
    ("NodeView", "World"): "this is one of its nodes",
    ("Trace", "World"): "this is its trace",
    ("World", "Sweep"): "this is a single run. Sweeps are made by raftlab.sweep(scenario, seeds=...)",
    ("Scenario", "Sweep"): "take raftlab.sweep(scenario, seeds=...)",
    ("World", "Scenario"): "take its attribute `scenario`",
    ("FaultHandle", "Fault"): "this is the handle of a fault. Its attribute `fault` is the fault",
}
"""The advice for a value of one class where another class is expected."""

NAMES = {"World": "Cluster or Run", "Forkable": "Cluster or Run", "_Load": "OpenLoop or ClosedLoop"}


def named(kind: type) -> str:
    """The name of a class in errors: the public subclasses for a base."""
    return NAMES.get(kind.__name__, kind.__name__)


def of_kind(kind: type) -> Mapping[str, Any]:
    """The public names that are values of a class, or make them."""
    package = importlib.import_module(__package__)
    named = {name: vars(package)[name] for name in package.__all__ if name in vars(package)}
    return {
        name: value
        for name, value in named.items()
        if isinstance(value, kind) or (_call(value, kind) is not None and value is not kind)
    }


def _call(value: Any, kind: type) -> str | None:
    """The call that makes a value of a class with a class or function of raftlab; None for other values."""
    if isinstance(value, type):
        makes = issubclass(value, kind)
    else:
        ours = inspect.isroutine(value) and str(getattr(value, "__module__", "")).startswith(__package__)
        makes = ours and inspect.signature(value).return_annotation in (kind, kind.__name__)
    if not makes:
        return None
    return f"{value.__name__}({needed(value)})"


def takes(function: Callable[..., object], count: int) -> bool:
    """Whether a function can be called with a number of arguments by place; true if it has no signature."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # one that is written in C
        return True
    return True


def refuse_makers(value: object, kind: type, what: str) -> None:
    """Refuses a callable that makes values of a class, where such a value or a callback is expected."""
    if _call(value, kind) is not None:
        hint = meant_for(value, kind)
        raise InvalidError(f"{what} must be of type {named(kind)}, not {shown(value)}{hint}")
