"""Reading and writing of files, with errors that name the argument and the file."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

from .errors import InvalidError, shown

__all__ = ["UNFINISHED", "path_of", "put_in_place", "read_text", "write_text", "write_whole"]


def path_of(given: Any, what: str) -> Path:
    """A path; `what` names the argument in errors."""
    try:
        path = Path(given)
        named = b"\0" not in os.fsencode(path)
    except (TypeError, UnicodeEncodeError):  # a lone surrogate cannot be in a name
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


def write_text(given: str | os.PathLike[str], what: str, text: str) -> None:
    """Writes a file in UTF-8, replacing an existing one; `what` names the argument in errors."""
    path = path_of(given, what)
    try:
        write_whole(path, text.encode())
    except (OSError, ValueError) as error:  # a folder such as "." or "/" is not a file
        raise InvalidError(f"{what}: {shown(str(path))} cannot be written: {error}") from None


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file atomically: it is complete or absent after a crash."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}{UNFINISHED}")
    try:
        unfinished.write_bytes(content)
        put_in_place(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)


def put_in_place(unfinished: Path, file: Path) -> None:
    """Renames a written file to its final name, after it is durable."""
    with unfinished.open("rb+") as written:
        os.fsync(written.fileno())
    unfinished.replace(file)


UNFINISHED = ".unfinished"


def endless(path: Path) -> bool:
    """True for a device such as /dev/zero, which may be endless. Terminals and pipes end."""
    mode = path.stat().st_mode
    if not (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
        return False
    with path.open("rb") as device:
        return not device.isatty()
