"""One at a time fills a store: among processes, and among the threads of this one."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import IO

from ..errors import InvalidError

__all__ = ["Lock"]

LOCK = "lock"
"""The file that is locked; what is in it does not matter."""

_held: set[tuple[int, int, int]] = set()
"""Which folders threads of this process hold: the process, for a forked one holds none, and the folder."""
_guard = threading.Lock()


class Lock:
    """Holds a folder as long as it is open, or this process lives.

    Raises
    ------
    InvalidError
        If another thread or process holds it.
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
        """Lets it go."""
        if self._file is not None:
            self._file.close()
        with _guard:
            _held.discard(self._key)


def locked(file: Path) -> IO[str] | None:
    """A file that no other process has locked; nothing where there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    lock = file.open("a")
    try:
        # A lock of the process, not of the open file: processes that it forks do not inherit it.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise InvalidError(
                f"store: {file.parent} is being filled by another process; wait for it, or end it"
            ) from None
        return None
    return lock
