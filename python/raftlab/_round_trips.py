"""Measured round trips from a CSV file."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ._arguments import is_number
from ._files import read_text
from ._machines import Machines, machines_of
from .distributions import Distribution, empirical, uniform
from .errors import InvalidError, shown
from .settings import Network

__all__ = ["network_from_csv"]


def network_from_csv(path: str | Path, *, nodes: Machines = None) -> Network:
    r"""Reads a network from measured round-trip times in ms, as a matrix or as a sample.

    Parameters
    ----------
    path : path
        A CSV file, with commas, semicolons or tabs between its cells. Numbers have a decimal point; between
        semicolons or tabs a decimal comma is accepted. With names in the first row and column it is a matrix
        of the round trips from one node to another, with the same names in the same order both ways; cells
        from a node to itself may be empty. Otherwise it is a sample of round trips with any number of
        columns, with or without a header, in which no row has more cells than the first. One-way latencies
        are half of them, for a matrix uniform within 10 %.
    nodes : int, or dict of str to int, optional
        The number of machines in each region of a matrix: `{"fra": 2, "lon": 2, "nyc": 1}`. The file may also
        contain it in a last column called `nodes`; by default each region has one. A plain number must agree
        with that. The round trip between two machines of a region is the cell from the region to itself, or 1
        ms if it is empty.

    Returns
    -------
    Network
        With a matrix its `regions` has the region of each node, in the order of the file. The loss is 0,
        since a file of round trips does not contain it.

    Raises
    ------
    InvalidError
        If the file cannot be read or is invalid (the message has the line, the column and the value), or
        `nodes` contradicts it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "regions.csv")
    ...     _ = path.write_text(",fra,lon,nyc\nfra,,12,80\nlon,12,,75\nnyc,80,75,\n")
    ...     network_from_csv(path).latency[0][2]
    uniform(low=36, high=44)
    """
    sheet = Sheet.of(path)
    if sheet.has_names():
        return sheet.matrix(nodes)
    if nodes is not None:
        raise InvalidError(f"nodes: {path} holds a sample of round trips; only a matrix says where nodes are")
    return sheet.sample()


SEPARATORS = ";\t,"
"""What may stand between cells: the first of these that the file's first line has."""
FEWEST_NODES = 2
MACHINES = "nodes"
"""The column of a matrix that says how many machines each region has."""
WITHIN_MS = 1.0
"""The round trip between two machines of one region, if the file does not say."""


DECIMALS = "; numbers take a decimal point, or semicolons between them"


@dataclass(frozen=True)
class Line:
    """A line of the file that is not empty: its number, as editors count, its cells and its text."""

    number: int
    cells: list[str]
    text: str = ""


@dataclass(frozen=True)
class Sheet:
    """What a file holds."""

    path: str | Path
    lines: list[Line]

    @classmethod
    def of(cls, path: str | Path) -> Sheet:
        """Reads a file."""
        text = read_text(path, "path")
        first = next((line for line in text.splitlines() if line.strip()), "")
        separator = next((sign for sign in SEPARATORS if sign in first), ",")
        lines = text.splitlines()
        reader = csv.reader(lines, delimiter=separator)
        try:
            rows = [
                Line(
                    reader.line_num,
                    [pointed(cell.strip(), separator) for cell in row],
                    lines[reader.line_num - 1].strip(),
                )
                for row in reader
            ]
        except csv.Error as error:
            raise InvalidError(f"path: {path} cannot be read: {error}") from None
        filled = [row for row in rows if any(row.cells)]
        if not filled:
            raise InvalidError(f"path: {path} is empty; it must hold round trips in milliseconds")
        return cls(path, filled)

    def has_names(self) -> bool:
        """Whether rows and columns have names: then it is a matrix."""
        head, *rows = self.lines
        if len(head.cells) < 2 or is_number(head.cells[0]):
            return False
        return not head.cells[0] or (bool(rows) and not any(is_number(row.cells[0]) for row in rows))

    def sample(self) -> Network:
        """All numbers of the file, under a header if there is one."""
        head = self.lines[0]
        for line in self.lines:
            if len(line.cells) > len(head.cells):
                self.refuse(
                    line,
                    len(head.cells),
                    f"the row has {len(line.cells)} cells and the first one {len(head.cells)}{DECIMALS}",
                )
        self._refuse_pairs()
        has_header = any(map(str.isalpha, "".join(head.cells))) and not any(map(is_number, head.cells))
        if has_header and len(self.lines) == 1:
            raise InvalidError(
                f"path: {self.path} holds no round trips, only {shown(', '.join(head.cells))} in line "
                f"{head.number}; it must hold numbers of milliseconds"
            )
        values = [
            self.round_trip(line, at, 0.0)
            for line in self.lines[has_header:]
            for at, cell in enumerate(line.cells)
            if cell
        ]
        return Network(latency=empirical([value / 2 for value in values]))

    def _refuse_pairs(self) -> None:
        """Pairs of whole numbers with commas and no header may be numbers with a decimal comma."""
        if all(re.fullmatch("[0-9]+,[0-9]+", line.text) for line in self.lines):
            self.refuse(
                self.lines[0],
                0,
                f"{shown(self.lines[0].text)} may be two round trips or one{DECIMALS}; a header tells how "
                "many columns there are",
            )

    def matrix(self, nodes: Machines) -> Network:
        """A number for each pair of names."""
        sheet, counts = self.without_machines()
        head, *rows = sheet.lines
        names = head.cells[1:]
        sheet._check_names(head, names, rows)
        links = [
            [sheet.latency(row, at, to, names) for to in range(len(names))] for at, row in enumerate(rows)
        ]
        machines = machines_of(names, counts, nodes)
        return Network(latency=links, regions=[at for at, count in enumerate(machines) for _ in range(count)])

    def without_machines(self) -> tuple[Sheet, list[int] | None]:
        """The round trips alone; and how many machines each region has, if the file says it."""
        head, *rows = self.lines
        if head.cells[-1].casefold() != MACHINES:
            return self, None
        counts = [self.machines(row, len(head.cells)) for row in rows]
        return Sheet(self.path, [Line(line.number, line.cells[:-1]) for line in self.lines]), counts

    def machines(self, row: Line, columns: int) -> int:
        """How many machines the region of a row has."""
        cell = row.cells[-1] if len(row.cells) == columns else ""
        if cell.isascii() and cell.isdigit():
            return int(cell)
        return self.refuse(
            row, columns - 1, f"{MACHINES} must be a number of machines, 0 or more, not {shown(cell)}"
        )

    def _check_names(self, head: Line, names: list[str], rows: list[Line]) -> None:
        """The same names in the same order both ways, none empty and none twice."""
        for at, name in enumerate(names):
            if not name or name in names[:at]:
                why = f"the name {shown(name)} is there twice" if name else "a name is missing"
                self.refuse(head, at + 1, f"{why}; a matrix has a column for each of its nodes")
        if len(names) < FEWEST_NODES:
            self.refuse(head, 1, "a matrix must have at least two nodes")
        listed = ", ".join(names)
        for row, name in zip(rows, names, strict=False):
            if row.cells[0] != name:
                self.refuse(
                    row,
                    0,
                    f"the row must be that of {shown(name)}, not {shown(row.cells[0])}: "
                    "rows and columns of a matrix have the same names in the same order",
                )
            if len(row.cells) != len(names) + 1:
                hint = DECIMALS if len(row.cells) > len(names) + 1 else ""
                self.refuse(
                    row,
                    len(row.cells) - 1,
                    f"the row of {shown(name)} must have {len(names)} cells after its name, one for each of "
                    f"{listed}, not {len(row.cells) - 1}{hint}",
                )
        if len(rows) != len(names):
            self.refuse(
                self.lines[-1],
                0,
                f"a matrix must have a row and a column for each of {listed}, not {len(rows)} rows",
            )

    def latency(self, row: Line, sender: int, receiver: int, names: list[str]) -> Distribution:
        """The latency of a link. That within a region may be left out."""
        at = receiver + 1
        if sender == receiver:
            return around((self.round_trip(row, at, 0.0) if row.cells[at] else WITHIN_MS) / 2)
        between = f" from {names[sender]} to {names[receiver]}"
        return around(self.round_trip(row, at, math.ulp(0.0), between) / 2)

    def round_trip(self, line: Line, at: int, least: float, between: str = "") -> float:
        """A cell as milliseconds."""
        cell = line.cells[at]
        if is_number(cell) and least <= float(cell) < math.inf:
            return float(cell)
        accepted = "above 0" if least else "of at least 0"
        what = shown(cell) if cell else "an empty cell"
        return self.refuse(
            line, at, f"a round trip{between} must be a number of milliseconds {accepted}, not {what}"
        )

    def refuse(self, line: Line, at: int, why: str) -> NoReturn:
        """Says where and why."""
        raise InvalidError(f"path: {self.path}, line {line.number}, column {at + 1}: {why}")


def pointed(cell: str, separator: str) -> str:
    """A number with a decimal comma, with a point instead; where commas separate cells there are none."""
    if separator != "," and re.fullmatch("[0-9]*,[0-9]+", cell):
        return cell.replace(",", ".")
    return cell


def around(ms: float) -> Distribution:
    """A latency that varies by a tenth."""
    return uniform(0.9 * ms, 1.1 * ms)
