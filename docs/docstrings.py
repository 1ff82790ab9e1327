"""Completes what mkdocstrings reads of raftlab without importing it.

Parts that docstrings of plots share are put in place, and so are the arguments that a function passes on, as
decorators do when raftlab is imported. Examples outside of a section are marked as code.
"""

from __future__ import annotations

import importlib
import inspect
import re
from functools import reduce
from typing import Any

from griffe import Extension, Function, Object, Parameter, ParameterKind, Parameters
from raftlab._signatures import UNCHANGED
from raftlab.plot._docstrings import filled

SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
DOCTEST = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.DOTALL | re.MULTILINE)


class Docstrings(Extension):
    """Reads them as Python has them."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            text = filled(obj.docstring.value)
            first = SECTION.search(text)
            begins = first.start() if first else len(text)
            obj.docstring.value = DOCTEST.sub(r"```pycon\n\g<0>\n```", text[:begins]) + text[begins:]

    def on_function(self, *, func: Function, **_: Any) -> None:
        """Called for each function and method."""
        if any(str(decorator.value).startswith(DECORATOR) for decorator in func.decorators):
            module = func.module.path
            steps = func.path.removeprefix(f"{module}.").split(".")
            made = reduce(getattr, steps, importlib.import_module(module))
            signature = inspect.signature(made)
            func.parameters = Parameters(*map(parameter, signature.parameters.values()))
            func.returns = str(signature.return_annotation)


DECORATOR = "passes_on("
"""The decorator that puts other parameters into a signature."""


def parameter(given: inspect.Parameter) -> Parameter:
    """A parameter of a real signature as mkdocstrings shows it."""
    default = "..." if given.default is UNCHANGED else repr(given.default)
    return Parameter(
        given.name,
        annotation=None if given.annotation is given.empty else str(given.annotation),
        kind=ParameterKind.positional_or_keyword if given.name == "self" else KINDS[given.kind],
        default=DEFAULTS.get(given.kind) if given.default is given.empty else default,
    )


KINDS = {kind: ParameterKind(kind.description) for kind in type(inspect.Parameter.KEYWORD_ONLY)}
DEFAULTS = {inspect.Parameter.VAR_POSITIONAL: "()", inspect.Parameter.VAR_KEYWORD: "{}"}
