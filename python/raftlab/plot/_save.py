"""Pictures that remember which run they show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from raftlab import _core
from raftlab._arguments import choice
from raftlab._files import path_of
from raftlab.errors import InvalidError, UnknownNameError, shown

from ._axes import root

if TYPE_CHECKING:
    from os import PathLike

    from matplotlib.figure import Figure

__all__ = ["save"]

FIELDS = {
    "png": ("Software", "Description"),
    "svg": ("Creator", "Description"),
    "pdf": ("Creator", "Subject"),
}
"""Where each format keeps what made the picture, and what it shows."""

TEXT_AS_TEXT: dict[Any, Any] = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none"}


def save(ax: Axes | Figure, path: str | PathLike[str], *, dpi: float = 200, **options: Any) -> Path:
    """Saves a figure, with its text as text, and with the line that brings the run back in its metadata.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or matplotlib.figure.Figure
        What a plot of this module has returned, or a figure with such axes. The metadata name all of them.
    path : str or path
        Where to. PNG, SVG and PDF keep metadata; other formats are saved without. PDF embeds fonts as
        TrueType and SVG keeps text as text, so that both can be searched, edited, and handed in where Type 3
        fonts are refused. The settings of matplotlib stay as they are.
    dpi : float, default 200
        Dots per inch.
    **options
        Everything else that `Figure.savefig` takes. Given `metadata` win.

    Returns
    -------
    pathlib.Path
        Where it was saved.

    Examples
    --------
    >>> import raftlab as rl, tempfile, pathlib
    >>> c = rl.Cluster(3, seed=1)
    >>> _ = c.run("300ms")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = rl.plot.save(rl.plot.roles(c), pathlib.Path(folder) / "roles.png", dpi=50)
    ...     b"raftlab.Scenario.from_json" in path.read_bytes()
    True
    """
    if not isinstance(ax, (Axes, FigureBase)):
        raise InvalidError(f"ax must be matplotlib Axes or a Figure, not {type(ax).__name__}")
    figure, target = root(ax), path_of(path, "path")
    lines = dict.fromkeys(
        vars(each)["raftlab_replay"] for each in figure.axes if "raftlab_replay" in vars(each)
    )
    kind = str(options.get("format") or target.suffix.lstrip(".") or "png").lower()
    if kind in FIELDS:
        maker, content = FIELDS[kind]
        about = {maker: f"raftlab {_core.VERSION}", content: "\n".join(lines)}
        options["metadata"] = about | dict(options.get("metadata") or {})
    choice(kind, "path: the ending", sorted(figure.canvas.get_supported_filetypes()))
    with mpl.rc_context(TEXT_AS_TEXT):
        try:
            figure.savefig(target, dpi=dpi, **options)
        except OSError as error:
            raise InvalidError(f"path: {shown(str(target))} cannot be written: {error}") from None
        except TypeError as error:
            name = str(error).rpartition("unexpected keyword argument ")[2].strip("'")
            if name not in options:
                raise
            raise UnknownNameError(f"save() has no argument '{name}'{_INSTEAD.get(name, TAKES)}") from None
    return target


TAKES = "; it takes ax, path, dpi, and what matplotlib's Figure.savefig takes"
_INSTEAD = dict.fromkeys(
    ("figsize", "height", "size", "width"),
    "; a figure has its size before: ax.figure.set_size_inches(width, height), or ax= of such a figure",
)
