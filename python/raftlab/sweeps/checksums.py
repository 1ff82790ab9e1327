"""Checksums of the files of a store, which detect changes on disk.

Parquet has checksums of pages, but none of its metadata. `SHA256SUMS` has one per file, in the format of
`sha256sum --check`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Checksums"]

SUMS = "SHA256SUMS"


class Checksums:
    """The checksums of the files in a folder, by their paths in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, set[str]] = {}
        try:
            lines = (folder / SUMS).read_text(encoding="ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            checksum, _, name = line.partition("  ")
            self._known.setdefault(name, set()).add(checksum)

    def note(self, written: Path, name: Path) -> None:
        """Records the checksum of a file that is about to be renamed."""
        place, checksum = self._place(name), checksum_of(written.read_bytes())
        with (self._folder / SUMS).open("a", encoding="ascii") as file:
            file.write(f"{checksum}  {place}\n")
            file.flush()
            os.fsync(file.fileno())
        self._known.setdefault(place, set()).add(checksum)

    def read(self, file: Path, columns: list[str] | None = None) -> pa.Table:
        """The rows of a Parquet file, once its checksum was verified. Old files have none."""
        import pyarrow as pa
        import pyarrow.parquet as parquet

        content = file.read_bytes()
        known = self._known.get(self._place(file))
        if known is not None and checksum_of(content) not in known:
            raise ValueError("its bytes are not those that were written: the checksum differs")
        return parquet.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read(columns)

    def _place(self, file: Path) -> str:
        return file.relative_to(self._folder).as_posix()


def checksum_of(content: bytes) -> str:
    """The checksum of a file's bytes."""
    return hashlib.sha256(content).hexdigest()
