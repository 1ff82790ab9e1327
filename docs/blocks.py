"""The code of the documentation's pages: read, run, and held against the output that the pages show.

In a page, Python in a fence runs from top to bottom in one namespace. A `text` fence right after it is its
output, as a notebook would show it: what is printed, and the value of the last line. Two comments are not
shown: `<!-- hidden` begins code that the examples need and readers do not, and `<!-- picture: ... -->` marks
the place where the site shows the figure that the code before it drew.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import raftlab

BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n?^```text\n(?P<output>.*?)^```\n)?"
    r"|^<!-- hidden\n(?P<hidden>.*?)^-->\n"
    r"|^<!-- picture: (?P<picture>[^\n]*) -->\n",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A piece of a page: code that runs, or the place of a picture."""

    start: int
    end: int
    line: int
    code: str | None
    output: str | None
    picture: str | None


def blocks(text: str) -> list[Block]:
    """The pieces of a page, from top to bottom."""
    return list(_blocks(text))


def _blocks(text: str) -> Iterator[Block]:
    for found in BLOCK.finditer(text):
        shown, hidden = found["code"], found["hidden"]
        begins = found.start("code") if shown is not None else found.start("hidden")
        line = text.count("\n", 0, max(begins, found.start())) + 1
        code = hidden if shown is None else shown
        yield Block(found.start(), found.end(), line, code, found["output"], found["picture"])


def play(
    page: str, text: str, draw: Callable[[Block], None] | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """Runs a page, and gives what its code defined. `draw` is called where a picture is wanted.

    The code runs in the folder, or in one that is removed afterwards.
    """
    known: dict[str, Any] = {"__name__": "__page__"}
    for block, said in played(page, text, known, draw, folder):
        if block.output is not None and said != block.output:
            where = f"{page}, line {block.line}"
            raise AssertionError(f"{where}: the page shows\n{block.output}but the code gives\n{said}")
    return known


def with_outputs(page: str, text: str) -> str:
    """The page with the output that its code gives now."""
    new, last = "", 0
    for block, said in played(page, text, {"__name__": "__page__"}):
        if block.output is not None:
            shown = text[block.start : block.end]
            new += text[last : block.start] + shown[: shown.rindex("```text\n") + 8] + said + "```\n"
            last = block.end
    return new + text[last:]


def played(
    page: str,
    text: str,
    known: dict[str, Any],
    draw: Callable[[Block], None] | None = None,
    folder: Path | None = None,
) -> Iterator[tuple[Block, str]]:
    """Runs a page piece by piece: each piece with its output."""
    from matplotlib import pyplot as plt

    with as_it_was(raftlab), tempfile.TemporaryDirectory() as removed:
        for block in blocks(text):
            if block.picture is not None:
                if draw is not None:
                    draw(block)
                continue
            plt.close("all")
            assert block.code is not None
            with contextlib.chdir(folder or removed):
                said = said_by(block.code, page, block.line, known)
            yield block, said
    plt.close("all")


@contextlib.contextmanager
def as_it_was(module: ModuleType) -> Iterator[None]:
    """Puts back what hidden code replaced, such as a sweep by one that plays less than the page asks for."""
    before = dict(vars(module))
    try:
        yield
    finally:
        for name in vars(module).keys() - before.keys():
            delattr(module, name)
        vars(module).update(before)


def said_by(code: str, page: str, line: int, known: dict[str, Any]) -> str:
    """Runs code as a cell of a notebook: what it prints, and the value of its last line."""
    tree = ast.parse("\n" * (line - 1) + code, page)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, page, "exec"), known)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), page, "eval"), known)
            if value is not None:
                print(repr(value))
    return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())
