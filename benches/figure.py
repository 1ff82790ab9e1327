"""The picture of the benches: the table's ratios as bars, and a panel for each curve.

    python benches/figure.py [out/bench.json [out/bench.png]]

draws again what ``bench.py`` has measured.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from itertools import combinations
from math import log10
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from table import short

WIDTH, ROW_HEIGHT, HEAD, BAR_HEIGHT = 9.6, 2.75, 0.75, 0.27  # inches


def draw_results(results: dict[str, Any], path: Path) -> None:
    """Draw what ``bench.py`` keeps as JSON."""
    rows = [row for row in results["table"] if row["who"] == "raftlab"]
    curves = {curve["key"]: curve for curve in results["curves"]}
    lines = arrange(bool(rows), [key for key in ORDER if key in curves])
    if not lines:
        return
    heights = [ROW_HEIGHT] * len(lines)
    heights[0] = max(ROW_HEIGHT, 0.8 + BAR_HEIGHT * len(rows))
    height = sum(heights) + HEAD
    layout = ConstrainedLayoutEngine(rect=(0.006, 0.0, 0.988, 1.0 - HEAD / height))
    figure = Figure(figsize=(WIDTH, height), facecolor="white", layout=layout)
    canvas = FigureCanvasAgg(figure)
    head(figure, results["setting"], height)
    # Each row has a layout of its own: the long names of the first one indent no other.
    panels: dict[str, Axes] = {}
    parts = figure.subfigures(len(lines), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, line in zip(parts, lines, strict=True):
        panels |= part.subplot_mosaic([line])
    for key, ax in panels.items():
        bare(ax)
        if key == RATIOS:
            draw_ratios(ax, rows)
        else:
            draw_curve(ax, curves[key])
    # Names of lines are measured on panels that stay where they are.
    layout.execute(figure)
    figure.set_layout_engine("none")
    for key, ax in panels.items():
        if key != RATIOS:
            label_lines(canvas, ax, curves[key])
    figure.savefig(path, dpi=200)


def arrange(with_ratios: bool, keys: list[str]) -> list[list[str]]:
    """Which panel is where: three in a row, and the ratios as wide as two."""
    if with_ratios:
        return [[RATIOS, RATIOS, *keys[:1]], *arrange(False, keys[1:])]
    lines = [keys[at : at + 3] for at in range(0, len(keys), 3)]
    return [line + ["."] * (3 - len(line)) for line in lines]


def head(figure: Figure, setting: dict[str, Any], height: float) -> None:
    """What this is, and where it was measured."""
    who = f"raftlab {setting['raftlab']} beside its peers" if setting["raftlab"] else "raftlab's peers"
    where = [
        f"Python {setting['python']}",
        f"rustc {setting['rustc']}",
        setting["system"],
        f"{setting['processor']} ({setting['cores']} cores"
        + (")" if setting["core"] is None else f", measured on core {setting['core']})"),
        f"medians of {setting['runs']}, of curves {setting['curve_runs']}" + ", quick" * setting["quick"],
    ]
    figure.text(0.012, 1 - 0.10 / height, who, size=14, weight="bold", color=INK, va="top")
    figure.text(0.012, 1 - 0.42 / height, "  ·  ".join(where), size=8.5, color=MUTED, va="top")


def titled(ax: Axes, title: str, what: str) -> None:
    """A title, and below it what goes upwards: no text that stands on its head."""
    ax.set_title(f"{title}\n", loc="left", y=1.0, size=9.5, weight="bold", color=INK, linespacing=1.45)
    ax.annotate(
        what, (0, 1), (0, 5.5), "axes fraction", "offset points", size=8.5, color=MUTED, annotation_clip=False
    )


def bare(ax: Axes) -> None:
    """Take away the lines that carry nothing."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GRID)
    ax.tick_params(labelsize=SMALL, color=GRID, labelcolor=INK, which="both")
    ax.set_axisbelow(True)


# ---- Ratios -------------------------------------------------------------------------------------------


def draw_ratios(ax: Axes, rows: list[dict[str, Any]]) -> None:
    """How many times each peer's rate raftlab's is."""
    titled(
        ax, "How many times as fast as a peer", "raftlab's rate divided by the peer's; at the right its own"
    )
    for at, row in enumerate(rows):
        bars = [(STYLES[peer], row[key]) for peer, key in PEERS.items() if row[key] is not None]
        for lane, (style, times) in enumerate(bars):
            height = 0.8 / len(bars)
            middle = at + (lane - (len(bars) - 1) / 2) * height
            ax.barh(middle, times - 1, 0.9 * height, left=1, color=style.colour)
            name = f"  {style.label}" if at == 0 else ""
            beyond(ax, f"{times:,.3g}×{name}", max(times, 1), middle, style.colour)
        if not bars:
            beyond(ax, "no peer does this", 1, at, MUTED)
        rate = f"{short(row['median'])} {row['unit']}"
        right = ax.get_yaxis_transform()
        ax.text(1, at, rate, transform=right, size=SMALL, color=MUTED, ha="right", va="center_baseline")
    ratios = [row[key] for row in rows for key in PEERS.values() if row[key] is not None]
    ax.set_xscale("log")
    ax.set_xlim(min([1.0, *ratios]), 12 * max([1.0, *ratios]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}×"))
    ax.set_ylim(len(rows) - 0.45, -0.6)
    names = [f"{row['what']} {row['name'].removeprefix('raftlab').strip()}" for row in rows]
    ax.set_yticks(range(len(rows)), names)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(FixedLocator([1, 10, 100]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(axis="x", color=GRID, linewidth=0.6)


def beyond(ax: Axes, text: str, x: float, y: float, colour: str) -> None:
    """A text right of a bar's end."""
    ax.annotate(text, (x, y), (4, 0), textcoords="offset points", size=8, color=colour, va="center_baseline")


# ---- Curves -------------------------------------------------------------------------------------------


def draw_curve(ax: Axes, curve: dict[str, Any]) -> None:
    """The lines of a curve, without their names."""
    titled(ax, curve["title"], curve["y"])
    ax.set_xscale("log")
    ax.set_yscale("log")
    xs = sorted({x for line in curve["lines"] for x in line["x"]})
    if curve["key"] == "threads":
        ax.plot(xs, xs, color=GRID, linewidth=4, solid_capstyle="round")
    for line in curve["lines"]:
        style, dashes = style_of(line["name"]), dashes_of(line["name"])
        ax.plot(
            line["x"],
            line["y"],
            color=style.colour,
            linestyle=dashes,
            marker=style.marker,
            markersize=4.5,
            linewidth=1.6,
        )
    ax.set_xlabel(curve["x"], size=8.5, color=MUTED)
    ax.xaxis.set_major_locator(FixedLocator(xs if len(xs) <= 5 else xs[::2]))
    ax.xaxis.set_minor_locator(FixedLocator(xs))
    ax.xaxis.set_minor_formatter(NullFormatter())
    names = TIMES if curve["x"] == "simulated time" else {}
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: names.get(x, short(x).replace(" ", ""))))
    ys = [y for line in curve["lines"] for y in line["y"]] + (xs if curve["key"] == "threads" else [])
    few = max(ys) < 60 * min(ys)
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: short(y).replace(" ", "")))
    ax.set_ylim(min(ys) / 1.4, max(ys) * 1.4)
    ax.grid(axis="y", color=GRID, linewidth=0.6)


def label_lines(canvas: FigureCanvasAgg, ax: Axes, curve: dict[str, Any]) -> None:
    """Each line's name beside it, and the room for that."""
    points = 72 * ax.get_window_extent().width / canvas.figure.dpi
    labels = [Label.of(curve["key"], line, points) for line in curve["lines"]]
    make_room(ax, labels)
    texts = []
    for label in labels:
        right, up, side = PLACES[label.place]
        at = 0 if label.place == "before" else -1
        text = ax.annotate(
            label.text,
            (label.x[at], label.y[at]),
            (right, up),
            textcoords="offset points",
            size=SMALL,
            color=label.colour,
            ha=side,
            va="center",
        )
        texts.append(text)
    spread(canvas, texts)


@dataclass(frozen=True)
class Label:
    """The name of a line, and where it goes."""

    text: str
    colour: str
    place: str
    x: list[float]
    y: list[float]
    # With a gap, as a share of the axes.
    width: float

    @classmethod
    def of(cls, key: str, line: dict[str, Any], points: float) -> Label:
        """The label of a line of a curve, on axes of some width in points."""
        style = style_of(line["name"])
        text = line["name"] if style is STYLES["raftlab"] else style.label
        place = NOT_AFTER.get((key, line["name"]), "after")
        width = (TextPath((0, 0), text, size=SMALL).get_extents().width + 10) / points
        return cls(text, style.colour, place, line["x"], line["y"], width)


def make_room(ax: Axes, labels: list[Label]) -> None:
    """Widen the x axis so far that the names fit beside their lines."""
    low, high = min(min(label.x) for label in labels), max(max(label.x) for label in labels)
    decades = max(log10(high / low), 0.1)
    left = max([0.04, *(label.width for label in labels if label.place == "before")])
    right = 0.04
    for label in labels:
        # The line ends at left + end * (1 - left - right), and there its name begins.
        end = log10(label.x[-1] / low) / decades
        if label.place == "after" and end > 0:
            right = max(right, 1 - left - (1 - label.width - left) / end)
    unit = decades / (1 - left - right)
    ax.set_xlim(low / 10 ** (left * unit), low * 10 ** ((1 - left) * unit))


def spread(canvas: FigureCanvasAgg, texts: list[Annotation]) -> None:
    """Move names up and down until none lies on another."""
    for _ in range(50):
        boxes = [text.get_window_extent() for text in texts]
        moved = False
        for one, other in combinations(range(len(texts)), 2):
            a, b = boxes[one], boxes[other]
            overlap = min(a.y1, b.y1) - max(a.y0, b.y0)
            if overlap <= 0.5 or a.x1 < b.x0 or b.x1 < a.x0:
                continue
            moved = True
            way = 1 if a.y0 + a.y1 > b.y0 + b.y1 else -1
            step = 36 * overlap / canvas.figure.dpi
            for text, direction in ((texts[one], way), (texts[other], -way)):
                x, y = text.xyann
                text.xyann = (x, y + direction * step)
        if not moved:
            return


# ---- How things look ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Style:
    """How an implementation looks."""

    colour: str
    marker: str
    label: str


def style_of(name: str) -> Style:
    """The style of a line, by whose it is."""
    return next(style for who, style in STYLES.items() if name.startswith(who))


def dashes_of(name: str) -> str:
    """The line style of a variant."""
    return DASHES.get(name.rpartition(" ")[2], "solid")


# Apart from each other to colour-blind eyes, and dark enough for text.
STYLES = {
    "raftlab": Style("#0072b2", "o", "raftlab"),
    "TiKV raft 0.7": Style("#c2500c", "s", "TiKV"),
    "Python loop": Style("#5b6470", "^", "Python loop"),
}
PEERS = {"TiKV raft 0.7": "per_tikv", "Python loop": "per_python"}
DASHES = {
    "checks": "dashed",
    "snapshots": "dashdot",
    "dataframe": "dashed",
    "full": "dotted",
    "w2short": "dashed",
    "idle": "dashed",
}
INK, MUTED, GRID = "#22272e", "#6b7480", "#d9dde2"
SMALL = 8

RATIOS = "ratios"
ORDER = ("threads", "nodes_w1", "nodes_w2", "runs", "time_w2", "time_idle", "memory")
# Where a name goes: points to the right of its line's last (or first) point, up, and how it is aligned.
PLACES = {
    "after": (6, 0, "left"),
    "before": (-6, 0, "right"),
    "above": (3, 8, "right"),
    "below": (34, -9, "right"),
}
# raftlab's memory grows past where the others' lines end.
NOT_AFTER = {
    ("memory", "raftlab full"): "before",
    ("memory", "TiKV raft 0.7"): "before",
    ("memory", "Python loop"): "before",
    ("memory", "raftlab idle"): "above",
    ("memory", "raftlab snapshots"): "below",
}
TIMES = {1: "1 s", 10: "10 s", 100: "100 s", 3600: "1 h", 86400: "24 h"}


def main(args: list[str]) -> None:
    """Draw a JSON file."""
    source, target, *rest = [*args, *("out/bench.json", "out/bench.png")[len(args) :]]
    if rest:
        sys.exit("usage: figure.py [out/bench.json [out/bench.png]]")
    draw_results(json.loads(Path(source).read_text()), Path(target))


if __name__ == "__main__":
    main(sys.argv[1:])
