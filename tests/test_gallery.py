"""Every picture in light and dark, wide and at the width of a column: all of it can be read."""

import importlib.util
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")
import raftlab as rl
from matplotlib import pyplot as plt

pytestmark = pytest.mark.slow


def gallery():
    path = Path(__file__).parent.parent / "docs" / "gallery.py"
    spec = importlib.util.spec_from_file_location("gallery", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GALLERY = gallery()


@pytest.mark.parametrize("size", GALLERY.SIZES)
@pytest.mark.parametrize("style", GALLERY.STYLES)
@pytest.mark.parametrize("picture", GALLERY.PICTURES)
def test_pictures_have_no_defects(picture, style, size):
    figure = GALLERY.drawn(picture, style, size)
    try:
        assert GALLERY.defects(figure) == []
    finally:
        plt.close(figure)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda ax: ax.text(0.5, 0.5, "one"), "'two' and 'one' overlap"),
        (
            lambda ax: ax.text(0.9, 0.9, "far too long to fit").set_in_layout(False),
            "'far too long to fit' is cut off",
        ),
        (lambda ax: ax.legend([plt.Line2D([], [])], ["_child0"], loc="upper left"), "'_child0' is no name"),
        (lambda ax: ax.text(0.5, 0.9, "pale", color="#dddddd"), "'pale' has a contrast of 1.4"),
        (lambda ax: ax.plot([0, 1], [0, 1], color="white", gid="line"), "line has a contrast of 1.00"),
    ],
)
def test_the_judge_sees_what_is_wrong(spoil, said):
    figure, ax = plt.subplots(figsize=(3, 2), layout="constrained")
    ax.text(0.5, 0.5, "two")
    assert GALLERY.defects(figure) == []
    spoil(ax)
    found = GALLERY.defects(figure)
    assert len(found) == 1
    assert found[0].startswith(said)
    plt.close(figure)


def test_every_plot_of_runs_and_sweeps_is_in_the_gallery():
    drawn = {name for name in rl.plot.__all__ if not name.endswith("_table") and name != "save"}
    shown = {name for name in drawn for picture in GALLERY.PICTURES if picture.startswith(name)}
    assert shown == drawn
