"""A lock that lets one thread of one process at a time fill a store."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import IO

from ..errors import InvalidError

__all__ = ["Lock"]

LOCK = "lock"
"""The file that is locked; its content does not matter."""

_held: set[tuple[int, int, int]] = set()
"""The folders locked by threads of this process, with its id, since a forked process holds none of them."""
_guard = threading.Lock()


class Lock:
    """Locks a folder until it is closed or the process ends.

    Raises
    ------
    InvalidError
        If another thread or process holds the lock.
    """

    def __init__(self, folder: Path) -> None:
        at = folder.stat()
        self._key = (os.getpid(), at.st_dev, at.st_ino)
        # Before the file is touched: closing it would release the lock of whichever thread holds it.
        with _guard:
            if self._key in _held:
                raise InvalidError(
                    f"store: {folder} is being filled by another thread; wait for it, or end it"
                )
            _held.add(self._key)
        self._file: IO[str] | None = None
        try:
            self._file = locked(folder / LOCK)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Releases the lock."""
        if self._file is not None:
            self._file.close()
        with _guard:
            _held.discard(self._key)


def locked(file: Path) -> IO[str] | None:
    """Opens and locks a file; None where the system has no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    lock = file.open("a")
    try:
        # This locks for the process, not for the open file: forked processes do not inherit it.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise InvalidError(
                f"store: {file.parent} is being filled by another process; wait for it, or end it"
            ) from None
        return None
    return lock
