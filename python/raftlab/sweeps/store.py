"""A sweep on disk: Parquet files beside a manifest, so that it outlives the process that plays it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from .._core import Table as Cells
from ..errors import InvalidError, RaftlabError
from ..tables import Table, _need
from .chunks import Chunk, chunks_of
from .plan import Part, Plan

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Store", "StoredTable"]

FORMAT = 1
MANIFEST = "manifest.json"


class Store:
    """A folder with a manifest and a Parquet file a chunk: `runs/` and, with a time series, `series/`.

    A file stands there whole or not at all. Which chunks are done is told by which files there are.
    """

    def __init__(self, path: str | os.PathLike[str], plan: Plan, chunk: int) -> None:
        _need("pyarrow", "store")
        self.path, self._plan = Path(path), plan
        wanted = manifest_of(plan, chunk)
        try:
            found = self._open(wanted)
        except OSError as error:
            raise InvalidError(f"store: {self.path} cannot be used: {error}") from error
        self.chunk: int = found["chunk"]

    def _open(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """The manifest that is there, if it is of the same sweep; else the wanted one is written."""
        file = self.path / MANIFEST
        if not file.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            # Who was killed before the manifest stood there has left nothing else.
            if any(not is_unfinished(known, MANIFEST) for known in self.path.iterdir()):
                raise InvalidError(
                    f"store: {self.path} is not empty and has no {MANIFEST}: it is no sweep of raftlab"
                )
            write_whole(file, json.dumps(wanted, indent=1).encode())
        try:
            found: dict[str, Any] = json.loads(file.read_text())
        except (ValueError, UnicodeDecodeError) as error:
            raise InvalidError(f"store: {file} cannot be read: {error}") from error
        changed = [
            key for key in wanted if key not in ("chunk", "created_by") and found.get(key) != wanted[key]
        ]
        if changed:
            raise InvalidError(
                f"store: {self.path} holds another sweep; what differs: "
                + "; ".join(difference(key, found.get(key), wanted[key]) for key in changed)
                + ". Give another folder, or remove this one"
            )
        for folder in self._folders():
            folder.mkdir(exist_ok=True)
        for folder in (self.path, *self._folders()):
            for left in folder.iterdir():
                if is_unfinished(left):
                    left.unlink(missing_ok=True)
        return found

    def _folders(self) -> list[Path]:
        return [self.path / "runs"] + ([self.path / "series"] if self._plan.bins_ms is not None else [])

    def _file(self, folder: str, chunk: Chunk) -> Path:
        return self.path / folder / f"{chunk[0]:015d}-{chunk[1]:015d}.parquet"

    def missing(self) -> list[Chunk]:
        """The chunks that are not there yet."""
        return [c for c in chunks_of(self._plan.runs, self.chunk) if not self._file("runs", c).exists()]

    def write(self, chunk: Chunk, part: Part) -> None:
        """Keeps a chunk. The rows of runs come last: with them the chunk is there."""
        import pyarrow.parquet as parquet

        tables = {"runs": part.runs} | ({"series": part.series} if part.series is not None else {})
        for folder, table in reversed(tables.items()):
            file = self._file(folder, chunk)
            unfinished = file.with_suffix(f".{os.getpid()}{UNFINISHED}")
            parquet.write_table(Table(table).to_arrow(), unfinished, compression="zstd")
            put_in_place(unfinished, file)

    def table(self, folder: str) -> StoredTable:
        """All rows that are there."""
        return StoredTable(folder, sorted((self.path / folder).glob("*.parquet")), self._plan)


UNFINISHED = ".unfinished"


class StoredTable(Table):
    """A table of a sweep on disk. It is read when it is asked for; how long it is, is known before."""

    def __init__(self, name: str, files: list[Path], plan: Plan) -> None:
        self._name, self.files, self._plan = name, files, plan
        self._read: Cells | None = None

    @property
    def _core(self) -> Cells:  # type: ignore[override]
        if self._read is None:
            self._read = self._load()
        return self._read

    def _load(self) -> Cells:
        import pyarrow as pa

        if not self.files:
            empty, first, _ = self._plan.part(0, 1)
            part = empty.play(first, 1, 1)
            table = part.runs if self._name == "runs" else part.series
            assert table is not None, "a plan with a time series gives one"
            return table.slice(0, 0)
        parts = []
        for batch in self._batches():
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as stream:
                stream.write_table(batch)
            parts.append(Cells.from_ipc(self._name, sink.getvalue().to_pybytes()))
        return Cells.concat(parts)

    def _batches(self) -> Iterator[pa.Table]:
        import pyarrow.parquet as parquet

        for file in self.files:
            try:
                yield parquet.read_table(file)
            except Exception as error:
                raise RaftlabError(
                    f"store: {file} cannot be read ({error}); remove it, and play the sweep again to "
                    "have its runs again"
                ) from error

    def __len__(self) -> int:
        import pyarrow.parquet as parquet

        if self._read is not None:
            return len(self._read)
        return sum(parquet.read_metadata(file).num_rows for file in self.files)


def manifest_of(plan: Plan, chunk: int) -> dict[str, Any]:
    """What a sweep is, for whoever finds it on disk, and for comparing it with another."""
    points = [list(map(str, cells)) for cells in plan.cells]
    return {
        "raftlab sweep": FORMAT,
        "version": _core.VERSION,
        "scenarios": digest_of(*plan.scenarios),
        "grid": {
            "parameters": list(plan.parameters),
            "points": len(points),
            "digest": digest_of(*map(str, points)),
        },
        "seeds": [plan.seeds, digest_of(*map(str, plan.first_seeds))],
        "moments": None if plan.moments is None else digest_of(*map(str, plan.moments)),
        "metrics": [*plan.metrics, *(name for name, _ in plan.own_metrics)],
        "series_ms": plan.bins_ms,
        "checks": plan.checks,
        "on_violation": plan.on_violation,
        "chunk": chunk,
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
    if key == "seeds":
        there, here = found[0] if isinstance(found, list) and found else None, wanted[0]
        return "which seeds" if there == here else f"how many seeds ({there} there, {here} here)"
    if key == "grid":
        there = found.get("parameters") if isinstance(found, dict) else None
        here = wanted["parameters"]
        return "the values of the grid" if there == here else f"the grid ({there} there, {here} here)"
    return f"{key} ({found} there, {wanted} here)"


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file that stands there whole or not at all, whatever happens meanwhile."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}{UNFINISHED}")
    unfinished.write_bytes(content)
    put_in_place(unfinished, file)


def is_unfinished(file: Path, of: str = "") -> bool:
    """Whether somebody was killed while they wrote this, to become a file whose name begins so."""
    return file.name.startswith(of) and file.suffix == UNFINISHED


def put_in_place(unfinished: Path, file: Path) -> None:
    """Gives a file that is written its name, once it is on the disk."""
    with unfinished.open("rb+") as written:
        os.fsync(written.fileno())
    unfinished.replace(file)
