"""Output to terminals, without control characters and unprintable ones; and exit codes."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TextIO

from .errors import IncompleteWarning, escaped_lines

__all__ = [
    "FAILED",
    "FOUND",
    "INTERRUPTED",
    "INVALID",
    "OK",
    "complain",
    "ending_of",
    "printable",
    "say",
]

OK, FOUND, INVALID, FAILED, INTERRUPTED = 0, 1, 2, 3, 130

PLAIN = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "→": "->",
        "…": "...",
        "·": "-",
        "µ": "u",
        "×": "x",
        "≤": "<=",
        "≥": ">=",
        "§": "section ",
    }
)
"""What raftlab prints, in ASCII."""


def plain(error: UnicodeError) -> tuple[str, int]:
    """Replaces characters that an encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end].translate(PLAIN)
    return signs.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error("raftlab.plain", plain)


@contextlib.contextmanager
def printable() -> Iterator[None]:
    """A context in which characters that the terminal's encoding does not have are printed as ASCII."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, TextIOWrapper)]
    before = [(stream, stream.errors) for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="raftlab.plain")
    try:
        yield
    finally:
        for stream, errors in before:
            with contextlib.suppress(OSError, ValueError):  # it may be closed already
                stream.reconfigure(errors=errors)


def say(text: object) -> None:
    """Prints, with control characters of names and values as escapes."""
    put(text, sys.stdout)


def complain(text: object) -> None:
    """Prints to standard error, with control characters of names and values as escapes."""
    put(text, sys.stderr)


def put(text: object, stream: TextIO) -> None:
    """Prints a text, and ignores a closed pipe, as in `raftlab run s.json | head -1`."""
    try:
        print(escaped_lines(str(text)), file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def ending_of(early: KeyboardInterrupt | IncompleteWarning) -> int:
    """The exit code of a sweep that ended early: by Ctrl-C, or by a failure."""
    cause = early.cause if isinstance(early, IncompleteWarning) else early
    return INTERRUPTED if isinstance(cause, KeyboardInterrupt) else INVALID
