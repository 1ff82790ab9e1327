"""Files as people name them: read whole, or an error that names the argument and the file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from .errors import InvalidError, shown

__all__ = ["path_of", "read_text"]


def path_of(given: Any, what: str) -> Path:
    """A path; `what` names the argument in errors."""
    try:
        path = Path(given)
        named = b"\0" not in os.fsencode(path)
    except (TypeError, UnicodeEncodeError):  # half a character of UTF-16 names no file
        named = False
    if not named:
        raise InvalidError(f"{what} must be a path, a text without NUL, not {shown(given)}")
    return path


def read_text(given: str | os.PathLike[str], what: str) -> str:
    """The text of a file in UTF-8, without the byte order mark that spreadsheets put before it."""
    path = path_of(given, what)
    try:
        if endless(path):
            raise InvalidError(f"{what}: {shown(str(path))} is a device; it must be a file")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{what}: {shown(str(path))} cannot be read: {error}") from None


def endless(path: Path) -> bool:
    """Whether it is a device, such as /dev/zero, which need not end. A terminal or a pipe does."""
    mode = path.stat().st_mode
    if not (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
        return False
    with path.open("rb") as device:
        return not device.isatty()
