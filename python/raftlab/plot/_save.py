"""Pictures that remember which run they show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from raftlab import _core
from raftlab.errors import InvalidError

from ._axes import root

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["save"]

FIELDS = {
    "png": ("Software", "Description"),
    "svg": ("Creator", "Description"),
    "pdf": ("Creator", "Subject"),
}
"""Where each format keeps what made the picture, and what it shows."""


def save(ax: Axes, path: str | PathLike[str], *, dpi: float = 200, **options: Any) -> Path:
    """Saves the figure of some axes, with the line that brings the run back in its metadata.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        What a plot of this module has returned. If several are on the figure, all of them are told of.
    path : str or path
        Where to. PNG, SVG and PDF keep metadata; other formats are saved without.
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
    if not isinstance(ax, Axes):
        raise InvalidError(f"ax must be matplotlib Axes, not {type(ax).__name__}")
    figure, target = root(ax), Path(path)
    lines = dict.fromkeys(
        vars(each)["raftlab_replay"] for each in figure.axes if "raftlab_replay" in vars(each)
    )
    kind = str(options.get("format") or target.suffix.lstrip(".") or "png").lower()
    if kind in FIELDS:
        maker, content = FIELDS[kind]
        about = {maker: f"raftlab {_core.VERSION}", content: "\n".join(lines)}
        options["metadata"] = about | dict(options.get("metadata") or {})
    figure.savefig(target, dpi=dpi, **options)
    return target
