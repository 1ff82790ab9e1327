"""Draws every picture in light and dark, wide and at the width of a column, and says what is wrong with each.

`python docs/gallery.py out/gallery` draws all of them there; `tests/test_gallery.py` judges them.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import raftlab as rl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from raftlab import experiments, published
from raftlab.plot._palette import contrast

STYLES = {"light": "default", "dark": "dark_background"}
SIZES: dict[str, tuple[float, float] | None] = {"wide": None, "column": (3.4, 2.6)}
"""A size in inches; none leaves it to the plot."""
TALL = {"experiment_Q2": 4.6, "published_election_times": 4.6, "published_partial_partitions": 3.6}
"""Tables need more height in a column."""

# ---- What is drawn --------------------------------------------------------------------------------------


@cache
def story() -> rl.Cluster:
    """Two leaders across a partition, a pause, a crash."""
    c = rl.Cluster(5, seed=7)
    c.run_until(rl.leader_elected)
    old = c.leader.name
    c.propose("x=1")
    c.run("100ms")
    other = next(node.name for node in c if node.name != old)
    c.partition([old, other])
    c.propose("x=2", node=old)
    c.run("900ms")
    c.propose("z=7")
    c.pause(next(node.name for node in c if node.name not in (old, other, c.leader.name)), duration="300ms")
    c.run("400ms")
    c.heal()
    c.run("300ms")
    c.crash("leader", duration="300ms")
    c.run("500ms")
    return c


@cache
def members() -> rl.Cluster:
    """A learner, a voter, a removed leader, a joint configuration, a lost one, a transfer."""
    c = rl.Cluster(3, seed=4)
    c.run_until(rl.leader_elected).run("150ms")
    c.add("D")
    c.run("150ms")
    c.promote("D")
    c.run_until(rl.member("D")).run("60ms")
    c.remove("A")
    c.run("300ms")
    c.change("BDE", learners="C", stay=True)
    c.run("150ms")
    c.leave_joint()
    c.run("150ms")
    c.transfer("B")
    c.run("150ms")
    c.partition("B")
    c.remove("E", node="B")
    c.run("500ms")
    c.heal()
    c.run("200ms")
    return c


@cache
def by_hand() -> rl.Cluster:
    """An old leader and a new one, message by message, at one moment."""
    c = rl.Cluster(["S0", "S1", "S2"], seed=3, initial=rl.Initial(term=1, leader="S2", log=[1, 1]))
    c.run("100ms")
    c.hold()
    c.propose("x=1", node="S2")
    c.campaign("S1")
    c.deliver(from_="S1", to="S0", types="RequestVote")
    c.deliver(from_="S0", to="S1", types="RequestVoteReply")
    for where in ({"from_": "S2", "to": "S0"}, {"from_": "S0", "to": "S2"}, {"to": "S2"}, {"to": "S0"}):
        c.deliver(**where)
    return c


@cache
def stopped() -> rl.Run:
    """Two leaders of one term, at the last moment."""
    c = rl.Cluster(3, seed=1, checks=True)
    c.lie("B", "double_vote")
    c.campaign("A")
    c.campaign("C")
    c.run_until(rl.leaders(2), limit="5s")
    return c


@cache
def overlapping() -> rl.Run:
    """Eight faults that overlap, with long names."""
    faults: list[Any] = [
        rl.Partition("ABC", "EFG", at="500ms", duration="1.4s"),
        rl.Partition(shape="bridge", at="700ms", duration="800ms"),
        rl.Loss(0.2, at="800ms", duration="900ms"),
        rl.Delay(rl.uniform(1, 20), from_="leader", at="900ms", duration="500ms"),
        rl.Crash("D", at="1s", duration="600ms"),
        rl.ClockJump("A", "50ms", at="1.2s"),
        rl.Pause("B", at="1.1s", duration="400ms"),
        rl.Cut(from_="A", to="BC", types=["AppendEntries", "RequestVote"], at="1.2s"),
    ]
    return rl.Scenario(7, workload=rl.OpenLoop(every="100ms"), horizon="2s", faults=faults).run(seed=5)


@cache
def long() -> rl.Run:
    """Two minutes: too much to draw each."""
    faults = [rl.Crash("leader", at="1s", every=rl.uniform("2s", "6s"), duration="700ms")]
    return rl.Scenario(5, workload=rl.OpenLoop(every="100ms"), horizon="2min", faults=faults).run(seed=2)


def timeouts(timeout: float, loss: float) -> rl.Scenario:
    """Failovers, some of which are not over in time."""
    return rl.Scenario(
        5,
        election_timeout=(timeout, 2 * timeout),
        network=rl.Network(latency=rl.uniform(1, 5), loss=loss),
        workload=rl.OpenLoop("20ms"),
        faults=[rl.Crash("leader", at=rl.uniform(1000, 1150))],
        horizon="1.6s",
    )


@cache
def swept() -> rl.Sweep:
    """A grid of them."""
    grid = {"timeout": [50, 150, 300], "loss": [0.0, 0.3]}
    metrics = ["downtime_ms", "time_to_leader_ms", "commit_latency_histogram"]
    options: dict[str, Any] = {"metrics": metrics, "series": "100ms", "common_random_numbers": False}
    return rl.sweep(timeouts, grid, seeds=60, progress=False, **options)


@cache
def elected() -> rl.Sweep:
    """Who has a leader in time, with ever more loss."""

    def cluster(timeout: float, loss: float) -> rl.Scenario:
        network = rl.Network(latency=5, loss=loss)
        stop = rl.leader_elected
        return rl.Scenario(
            5, election_timeout=(timeout, 2 * timeout), network=network, stop=stop, horizon="300ms"
        )

    grid = {"timeout": [100, 150], "loss": [0.0, 0.1, 0.2, 0.4]}
    return rl.sweep(cluster, grid, seeds=100, progress=False)


@cache
def paired() -> tuple[rl.Sweep, rl.Sweep]:
    """Two points, with the same seeds."""
    both = rl.sweep(timeouts, {"timeout": [50, 300], "loss": [0.0]}, seeds=100, progress=False)
    return both.where(timeout=50), both.where(timeout=300)


@cache
def advice() -> rl.Advice:
    """A network that loses messages, whose best timeout is between those of two bad kinds."""
    network = rl.Network(latency=rl.lognormal(10, 0.8), loss=0.02)
    return rl.advise(
        network, timeouts=[60, 150, 400], preset=rl.presets.etcd, losses=[0.05], budget=400, progress=False
    )


@cache
def found(experiment: str, *only: str) -> Any:
    """What an experiment comes to with few seeds."""
    return experiments.ALL[experiment](seeds=1, only=only)


@cache
def played(experiment: str, seeds: int) -> published.Result:
    """A published experiment, with few seeds."""
    return published.ALL[experiment](seeds)


@cache
def futures() -> rl.Sweep:
    """What may become of a run that breaks."""
    crash = rl.Crash("leader", at="1s")
    scenario = rl.Scenario(3, bugs=["quorum_off_by_one"], faults=[crash], horizon="3s")
    run = scenario.run(seed=4)
    return run.futures(40, at=[0, 500, 1000, 1100, 1200, 1500, 2500], progress=False)


RUNS = {
    "story": story, "members": members, "by_hand": by_hand, "stopped": stopped, "overlapping": overlapping,
    "long": long,
}  # fmt: skip
OVER_TIME = ("timeline", "roles", "terms", "log_timeline", "messages", "logs")

PUBLISHED = {
    "figure_16": 60, "wan_elections": 200, "split_votes": 400, "election_times": 200,
    "lost_heartbeats": 200, "partial_partitions": 8, "refloated": 40,
}  # fmt: skip
"""One sweep of each kind, with some seeds."""

Draw = Callable[..., Axes]
PICTURES: dict[str, Draw] = {
    f"{name}_{run}": lambda make=make, name=name, **more: getattr(rl.plot, name)(make(), **more)
    for run, make in RUNS.items()
    for name in OVER_TIME
} | {
    "ecdf": lambda **more: rl.plot.ecdf(swept(), "downtime_ms", by="timeout", **more),
    "survival": lambda **more: rl.plot.survival(swept().where(loss=0.3), "downtime_ms", **more),
    "heatmap": lambda **more: rl.plot.heatmap(swept(), "timeout", "loss", "downtime_ms", **more),
    "bands": lambda **more: rl.plot.bands(swept(), "timeout", "downtime_ms", by="loss", **more),
    "bands_along_time": lambda **more: rl.plot.bands(swept(), "time_ms", "available", by="loss", **more),
    "pairs": lambda **more: rl.plot.pairs(*paired(), "time_to_leader_ms", **more),
    "share": lambda **more: rl.plot.share(elected(), "loss", "ending=stop", by="timeout", **more),
    "share_of_all": lambda **more: rl.plot.share(swept(), "timeout", "ending=horizon", by="loss", **more),
    "logs_after_an_event": lambda **more: rl.plot.logs(by_hand(), event=14, **more),
    "logs_before_members_start": lambda **more: rl.plot.logs(members(), at="550ms", **more),
    "commit_latency": lambda **more: rl.plot.commit_latency(swept(), by="timeout", **more),
    "fate": lambda **more: rl.plot.fate(futures(), **more),
    "advice": lambda **more: advice().plot(**more),
    "advice_heatmap": lambda **more: advice().heatmap(**more),
} | {
    f"experiment_{name}": lambda name=name, only=experiment.pictured, **more: found(name, only).plot(**more)
    for name, experiment in rl.experiments.ALL.items()
} | {
    f"published_{name}": lambda name=name, seeds=seeds, **more: played(name, seeds).plot(**more)
    for name, seeds in PUBLISHED.items()
}  # fmt: skip


def drawn(picture: str, style: str, size: str) -> Figure:
    """One of them. The caller closes it."""
    with plt.style.context(STYLES[style]):
        inches = SIZES[size] and (SIZES[size][0], TALL.get(picture, SIZES[size][1]))
        ax = PICTURES[picture](**({} if inches is None else {"ax": plt.subplots(figsize=inches)[1]}))
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


# ---- How it is judged -----------------------------------------------------------------------------------

LEAST_CONTRAST, FAINTEST = 4.0, 1.25
"""Of text against what is behind it, and of shapes against the background of their axes."""


def defects(figure: Figure) -> list[str]:
    """What a reader would stumble over: texts cut off, or that meet, or cannot be seen; lost shapes."""
    figure.canvas.draw()
    texts = list(texts_of(figure))
    return [
        *unnamed(texts),
        *cut_off(figure, texts),
        *meeting(texts),
        *too_faint(figure, texts),
        *lost_shapes(figure),
    ]


def texts_of(figure: Figure) -> Iterator[Text]:
    """All texts that show."""
    for ax in figure.axes:
        written = (text for text in ax.texts if text.get_text().strip() and text.get_visible())
        yield from (text for text in written if shows(ax, text))
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if low - 1e-9 <= tick.get_loc() <= high + 1e-9 and tick.label1.get_visible():
                    yield from [tick.label1] if tick.label1.get_text() else []
        titles = (ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label)
        yield from (text for text in titles if text.get_text().strip())
        yield from ax.get_legend().get_texts() if ax.get_legend() else []


def shows(ax: Axes, text: Text) -> bool:
    """Whether a text that is clipped lies within its axes."""
    box, inside = text.get_window_extent(), ax.get_window_extent()
    return not text.get_clip_on() or (box.x1 > inside.x0 and box.x0 < inside.x1)


def unnamed(texts: list[Text]) -> Iterator[str]:
    """Lines of a key without a name: matplotlib's own names begin with an underscore."""
    yield from (f"{text.get_text()!r} is no name" for text in texts if text.get_text().startswith("_"))


def cut_off(figure: Figure, texts: list[Text]) -> Iterator[str]:
    """Texts that leave the picture."""
    page = figure.bbox
    for text in texts:
        box = text.get_window_extent()
        if box.x0 < page.x0 - 1 or box.x1 > page.x1 + 1 or box.y0 < page.y0 - 1 or box.y1 > page.y1 + 1:
            yield f"{text.get_text()!r} is cut off"


def meeting(texts: list[Text]) -> Iterator[str]:
    """Texts that overlap."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    for (a, one), (b, other) in itertools.combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        down = min(one.y1, other.y1) - max(one.y0, other.y0)
        if across > 1.5 and down > 2.5:
            yield f"{a!r} and {b!r} overlap by {across:.0f} x {down:.0f} pixels"


def too_faint(figure: Figure, texts: list[Text]) -> Iterator[str]:
    """Texts without contrast to what is behind them, where the layout leaves them."""
    layout = figure.get_layout_engine()
    figure.set_layout_engine("none")
    for text in texts:
        text.set_visible(False)
    figure.canvas.draw()
    page = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3] / 255.0
    figure.set_layout_engine(layout)
    for text in texts:
        text.set_visible(True)
    for text in texts:
        box, patch = text.get_window_extent(), text.get_bbox_patch()
        part = page[max(int(box.y0), 0) : int(box.y1) + 1, max(int(box.x0), 0) : int(box.x1) + 1].reshape(
            -1, 3
        )
        if len(part) == 0:
            continue
        behind = mpl.colors.to_hex(patch.get_facecolor() if patch is not None else np.median(part, axis=0))
        found = contrast(mpl.colors.to_hex(text.get_color()), behind)
        if found < LEAST_CONTRAST:
            yield f"{text.get_text()!r} has a contrast of {found:.1f}"


def lost_shapes(figure: Figure) -> Iterator[str]:
    """Shapes of data in the colour of the background."""
    for ax in figure.axes:
        ground = mpl.colors.to_hex(ax.get_facecolor())
        for artist in ax.get_children():
            gid, alpha = artist.get_gid(), artist.get_alpha()
            empty = hasattr(artist, "get_paths") and not artist.get_paths()
            if gid and not empty and not isinstance(artist, Text) and (alpha is None or alpha > 0.5):
                best = max((contrast(colour, ground) for colour in colours_of(artist)), default=21.0)
                if best < FAINTEST:
                    yield f"{gid} has a contrast of {best:.2f}"


def colours_of(artist: Any) -> Iterator[str]:
    """The colours in which an artist is drawn."""
    for name in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
        if hasattr(artist, f"get_{name}"):
            found = getattr(artist, f"get_{name}")()
            for colour in mpl.colors.to_rgba_array(found) if not isinstance(found, str) else [found]:
                if mpl.colors.to_rgba(colour)[3] > 0.0:
                    yield mpl.colors.to_hex(colour)


def main(folder: Path, chosen: list[str]) -> int:
    """Draws and judges all of them, or those whose names begin so."""
    folder.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for picture, style, size in itertools.product(PICTURES, STYLES, SIZES):
        if chosen and not picture.startswith(tuple(chosen)):
            continue
        figure = drawn(picture, style, size)
        for defect in defects(figure):
            wrong += 1
            print(f"{picture}, {style}, {size}: {defect}")
        figure.savefig(folder / f"{picture}_{style}_{size}.png", dpi=150)
        plt.close(figure)
    print(f"{wrong} defects; the pictures are in {folder}")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery"), sys.argv[2:]))
