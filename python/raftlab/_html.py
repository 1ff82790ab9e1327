"""Tables for notebooks: escaped, self-contained, and without colours, so that they read in light and dark."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

__all__ = ["code", "note", "pairs", "table"]

LEFT = ' style="text-align:left"'
CAPTION = ' style="text-align:left;font-weight:bold;color:inherit"'


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    caption: str = "",
    texts: Collection[str] = (),
    strong: Collection[int] = (),
    titles: Mapping[str, str] | None = None,
) -> str:
    """A table. The columns `texts` are aligned to the left, and the rows `strong` are in bold.

    `titles` are the texts to show when the pointer is over the name of a column.
    """
    sides = [LEFT if column in texts else "" for column in columns]
    hints = [f' title="{escaped(titles[column])}"' if titles else "" for column in columns]
    heads = zip(columns, sides, hints, strict=True)
    head = "".join(f"<th{side}{hint}>{escaped(column)}</th>" for column, side, hint in heads)
    body = []
    for number, row in enumerate(rows):
        cells = "".join(f"<td{side}>{escaped(cell)}</td>" for cell, side in zip(row, sides, strict=True))
        bold = ' style="font-weight:bold"' if number in strong else ""
        body.append(f"<tr{bold}>{cells}</tr>")
    return f"<table>{_caption(caption)}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def pairs(rows: Iterable[tuple[str, Any]], *, caption: str = "") -> str:
    """A table of names and values."""
    body = "".join(
        f"<tr><th{LEFT}>{escaped(name)}</th><td{LEFT}>{cell(value)}</td></tr>" for name, value in rows
    )
    return f"<table>{_caption(caption)}<tbody>{body}</tbody></table>"


def cell(value: Any) -> str:
    """A value in a cell: a list has a line for each item, as code."""
    if not isinstance(value, list):
        return escaped(value)
    return "<br>".join(f"<code>{escaped(item)}</code>" for item in value)


def note(text: str) -> str:
    """A line below a table."""
    return f"<p>{escaped(text)}</p>"


def code(text: str) -> str:
    """Code to copy."""
    return f'<pre style="white-space:pre-wrap;overflow-wrap:anywhere">{escaped(text)}</pre>'


def escaped(value: Any) -> str:
    """A value as text of HTML; nothing for `None`."""
    return "" if value is None else html.escape(str(value))


def _caption(text: str) -> str:
    return f"<caption{CAPTION}>{escaped(text)}</caption>" if text else ""
