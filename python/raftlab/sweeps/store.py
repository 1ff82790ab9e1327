"""A sweep on disk: Parquet files and a manifest, from which a killed sweep can continue."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .. import _core
from .._core import Table as Cells
from .._files import UNFINISHED, path_of, put_in_place, write_whole
from ..errors import InvalidError, RaftlabError, shown, warn
from ..tables import Table, _need
from .checksums import Checksums
from .chunks import Chunk, gaps
from .fingerprint import fingerprint
from .lock import LOCK, Lock
from .plan import Part, Plan, joined

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Store", "StoredTable"]

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK = re.compile(r"(\d{15,})-(\d{15,})\.parquet")


class Store:
    """A folder with a manifest and a Parquet file per chunk: `runs/` and, with a time series, `series/`.

    Files are written atomically, and their names contain the range of runs, so the missing runs are known
    for any chunks. Nothing is written before the first rows. One thread of one process at a time fills a
    store; on file systems without locks the user must ensure that. Files have checksums, which are verified
    on reading.
    """

    def __init__(self, path: str | os.PathLike[str], plan: Plan) -> None:
        _need("pyarrow", "store")
        self.path = path_of(path, "store")
        self._plan, self._manifest = plan, manifest_of(plan)
        self._lock: Lock | None = None
        try:
            self._open()
            self._sums = Checksums(self.path)
            self._chunks, unreadable = self._there()
        except OSError as error:
            raise InvalidError(f"store: {self.path} cannot be used: {error}") from error
        for why in unreadable:
            warn(UserWarning(f"{why}; its runs are played again"))

    def _open(self) -> None:
        """Checks that the folder holds this sweep or nothing, and creates it."""
        file = self.path / MANIFEST
        if file.exists():
            self._compare(read_manifest(file))
            return
        self.path.mkdir(parents=True, exist_ok=True)
        # A process killed before it wrote the manifest has left nothing else.
        if any(known.name != LOCK and not is_unfinished(known, MANIFEST) for known in self.path.iterdir()):
            raise InvalidError(
                f"store: {self.path} is not empty and has no {MANIFEST}: it is not a sweep of raftlab"
            )

    def _compare(self, found: dict[str, Any]) -> None:
        wanted = self._manifest
        changed = [key for key in wanted if found.get(key) != wanted[key]]
        if changed:
            raise InvalidError(
                f"store: {self.path} holds another sweep; it differs in: "
                + "; ".join(difference(key, found.get(key), wanted[key]) for key in changed)
                + ". Give another folder, or remove this one"
            )

    def _there(self) -> tuple[list[Chunk], list[str]]:
        """The chunks on disk, in order and without overlaps; and the reasons for unreadable ones."""
        found = [chunk_of(file) for file in (self.path / "runs").glob("*.parquet")]
        chunks: list[Chunk] = []
        unreadable: list[str] = []
        for first, last in sorted(chunk for chunk in found if chunk is not None):
            files = [self._file(folder, (first, last)) for folder in self._folders()]
            if (chunks and first < chunks[-1][1]) or not all(file.exists() for file in files):
                continue
            rotten = [why for file in files if (why := is_rotten(file, self._sums)) is not None]
            if rotten:
                unreadable += rotten
            else:
                chunks.append((first, last))
        return chunks, unreadable

    def _sweep_up(self) -> None:
        """Removes unfinished files of killed processes, and unreadable files."""
        known = {self._file(folder, chunk) for folder in self._folders() for chunk in self._chunks}
        for folder in (self.path, *(self.path / name for name in self._folders())):
            for file in folder.glob("*"):
                if is_unfinished(file) or (chunk_of(file) is not None and file not in known):
                    file.unlink(missing_ok=True)

    def _folders(self) -> list[str]:
        return ["runs"] + (["series"] if self._plan.bins_ms is not None else [])

    def _file(self, folder: str, chunk: Chunk) -> Path:
        return self.path / folder / f"{chunk[0]:015d}-{chunk[1]:015d}.parquet"

    def missing(self) -> list[Chunk]:
        """The runs that are still missing."""
        return gaps(self._plan.runs, self._chunks)

    def keep(self, chunk: Chunk, part: Part) -> None:
        """Writes a chunk, or the finished part of it."""
        try:
            for known, finished in [(chunk, part)] if part.interrupted is None else self._plan.finished(part):
                self._write(known, finished)
        except OSError as error:
            raise RaftlabError(f"store: {self.path} cannot be written: {error}") from error

    def _write(self, chunk: Chunk, part: Part) -> None:
        """Writes the tables of a chunk. Those of runs come last, and complete the chunk."""
        import pyarrow.parquet as parquet

        if not (self.path / MANIFEST).exists():
            write_whole(self.path / MANIFEST, json.dumps(self._manifest, indent=1).encode())
        for folder in self._folders():
            (self.path / folder).mkdir(exist_ok=True)
        tables = {"runs": part.runs} | ({"series": part.series} if part.series is not None else {})
        for folder, table in reversed(tables.items()):
            file = self._file(folder, chunk)
            unfinished = file.with_suffix(f".{os.getpid()}{UNFINISHED}")
            parquet.write_table(
                Table(table).to_arrow(), unfinished, compression="zstd", write_page_checksum=True
            )
            self._sums.note(unfinished, file)
            put_in_place(unfinished, file)
        self._chunks.append(chunk)

    def tables(self) -> tuple[Table, Table | None]:
        """All rows so far: of runs, and of the time series."""
        chunks = sorted(self._chunks)
        runs, *series = (
            StoredTable(folder, [self._file(folder, chunk) for chunk in chunks], self._plan, self._sums)
            for folder in self._folders()
        )
        return runs, series[0] if series else None

    def __enter__(self) -> Self:
        if not self.missing():
            return self  # the sweep is complete and will only be read
        try:
            self._lock = Lock(self.path)
            self._sums = Checksums(self.path)
            self._chunks, _ = self._there()  # the previous holder of the lock may have written more
            self._sweep_up()
        except OSError as error:
            self._release()
            raise InvalidError(f"store: {self.path} cannot be used: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


class StoredTable(Table):
    """A table of a sweep on disk, read on demand; its length is known before."""

    def __init__(self, name: str, files: Sequence[Path], plan: Plan, sums: Checksums) -> None:
        self._name, self._files, self._plan, self._sums = name, files, plan, sums
        self._read: Cells | None = None

    @property
    def _core(self) -> Cells:  # type: ignore[override]
        if self._read is None:
            self._read = self._load()
        return self._read

    def _load(self) -> Cells:
        import pyarrow as pa

        if not self._files:
            table = getattr(self._plan.no_rows(), self._name)
            assert table is not None, "a plan with a time series gives one"
            return table  # type: ignore[no-any-return]
        parts = []
        for batch in self._batches():
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as stream:
                stream.write_table(batch)
            parts.append(Cells.from_ipc(self._name, sink.getvalue().to_pybytes()))
        return joined(parts)

    def _batches(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        for file in self._files:
            try:
                yield self._sums.read(file, columns)
            except Exception as error:
                raise unreadable(file, error) from error

    def _cells(self, column: str) -> Iterator[Any]:
        if self._is_read:
            yield from super()._cells(column)
            return
        for batch in self._batches([column]):
            yield from batch[column].to_pylist()

    @property
    def _is_read(self) -> bool:
        return self._read is not None

    def __len__(self) -> int:
        import pyarrow.parquet as parquet

        if self._read is not None:
            return len(self._read)
        if self._name == "runs":
            return sum(last - first for first, last in filter(None, map(chunk_of, self._files)))
        rows = 0
        for file in self._files:
            try:
                rows += parquet.read_metadata(file).num_rows
            except Exception as error:
                raise unreadable(file, error) from error
        return rows


def unreadable(file: Path, error: Exception) -> RaftlabError:
    """The error for a file that became unreadable after the sweep was opened."""
    return RaftlabError(
        f"store: {file} cannot be read ({error}); play the sweep again with the same store to have its "
        "runs again"
    )


def chunk_of(file: Path) -> Chunk | None:
    """The runs of a file, by its name; None if it is not one of raftlab's."""
    match = CHUNK.fullmatch(file.name)
    return (int(match[1]), int(match[2])) if match else None


def is_rotten(file: Path, sums: Checksums) -> str | None:
    """The reason for which a Parquet file cannot be read, if it is truncated or changed."""
    try:
        rows = sums.read(file).num_rows
    except Exception as error:
        return f"store: {file} cannot be read ({error})"
    first, last = chunk_of(file) or (0, 0)
    if file.parent.name == "runs" and rows != last - first:
        return f"store: {file} has {rows:,} rows, not {last - first:,}"
    return None


def read_manifest(file: Path) -> dict[str, Any]:
    """The manifest of a folder."""
    try:
        found = json.loads(file.read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidError(f"store: {file} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise InvalidError(
            f"store: {file} is not the manifest of a sweep: it must be an object, not {shown(found)}"
        )
    return found


def manifest_of(plan: Plan) -> dict[str, Any]:
    """A description of a sweep, which identifies it on disk."""
    points = [list(map(str, cells)) for cells in plan.cells]
    own = {name: fingerprint(function) for name, function in plan.own_metrics}
    return {
        "raftlab sweep": FORMAT,
        "version": _core.VERSION,
        "scenarios": digest_of(*(plan.drawn or plan.scenarios)),
        "grid": {
            "parameters": list(plan.parameters),
            "points": len(points),
            "digest": digest_of(*map(str, points)),
        },
        "seeds": [plan.seeds, digest_of(*map(str, plan.listed or plan.first_seeds))],
        "moments": None if plan.moments is None else digest_of(*map(str, plan.moments)),
        "metrics": [*plan.metrics, *own],
        **({"functions": own} if own else {}),
        "series_ms": plan.bins_ms,
        "checks": plan.checks,
        "on_violation": plan.on_violation,
    }


def digest_of(*texts: str) -> str:
    """A hash of texts."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()


def difference(key: str, found: Any, wanted: Any) -> str:
    """How two manifests differ, in words."""
    if key == "version":
        return f"it was made by raftlab {found}, and this is {wanted}"
    if key in ("scenarios", "moments"):
        return f"the {key}"
    if key == "functions":
        known = found if isinstance(found, dict) else {}
        changed = [name for name in wanted if known.get(name) != wanted[name]]
        return f"the metric {' and '.join(changed)}: its code or that of a function that it calls"
    if key == "seeds":
        there, here = found[0] if isinstance(found, list) and found else None, wanted[0]
        return "the seeds" if there == here else f"the number of seeds ({there} there, {here} here)"
    if key == "grid":
        there = found.get("parameters") if isinstance(found, dict) else None
        here = wanted["parameters"]
        return "the values of the grid" if there == here else f"the grid ({there} there, {here} here)"
    return f"{key} ({found} there, {wanted} here)"


def is_unfinished(file: Path, of: str = "") -> bool:
    """True if a killed process left this unfinished file, whose final name begins with `of`."""
    return file.name.startswith(of) and file.suffix == UNFINISHED
