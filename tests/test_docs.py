"""The generated pages say what the tables in the core say now, and the code that pages show runs."""

import importlib
import inspect
import os
import re
import sys
from pathlib import Path

import matplotlib
import pytest
import raftlab as rl

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import blocks  # noqa: E402
import build  # noqa: E402
import generate  # noqa: E402

GENERATED = ["faults.md", "columns.md", "rules.md", "metrics.md"]


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_current(name):
    assert (ROOT / "docs" / name).read_text() == generate.pages()[name], "run: python docs/generate.py"


def with_code():
    """Every page that shows Python."""
    found = {"README.md": ROOT / "README.md", **build.pages()}
    texts = {name: path for name, path in found.items() if path.suffix == ".md" and path.exists()}
    return {name: path for name, path in texts.items() if "```python" in path.read_text()}


PAGES = with_code()
SLOW = {"README.md", "advise.md"}
DEFINES = {
    "README.md": lambda known: (
        known["lost"].status == "unknown" and not known["c"].violations and len(known["result"]) == 9 * 10_000
    ),
    "commands.md": lambda known: (known["folder"] / "scenario.json").exists(),
}
"""What holds after the code of a page."""


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.slow) if page in SLOW else page for page in PAGES]
)
def test_code_that_is_shown_runs(page, tmp_path):
    """All of it, one piece after the other, with the output that the page shows."""
    matplotlib.use("Agg")
    known = blocks.play(page, PAGES[page].read_text(), folder=tmp_path)
    assert known["rl"] is rl
    assert page not in DEFINES or DEFINES[page](known | {"folder": tmp_path})


def test_code_that_is_shown_fits_the_page():
    wide = []
    for page, path in PAGES.items():
        text = path.read_text()
        shown = [block for block in blocks.blocks(text) if text.startswith("```", block.start)]
        lines = [line for block in shown for line in block.code.splitlines() if page != "README.md"]
        wide += [f"{page}: {line}" for line in lines if len(line) > 92]
    assert wide == []


def test_output_that_is_not_what_the_code_says_is_found():
    shown = "# Page\n\n```python\nx = 1\nx + 1\n```\n\n```text\n3\n```\n"
    with pytest.raises(AssertionError, match="page, line 4: the page shows\n3\nbut the code gives\n2"):
        blocks.play("page", shown)
    mended = blocks.with_outputs("page", shown)
    assert mended == shown.replace("3", "2")
    assert blocks.play("page", mended)["x"] == 1


def test_the_reference_has_every_public_name_once():
    assert sorted(build.documented()) == sorted(build.public_names())


def test_every_public_name_is_documented():
    """With a docstring, and so has every public method and property."""
    bare = []
    for name in build.public_names():
        *path, last = name.split(".")
        thing = getattr(importlib.import_module(".".join(["raftlab", *path])), last)
        if inspect.isclass(thing):
            members = {f"{name}.{key}": value for key, value in inspect.getmembers(thing) if key[0] != "_"}
            own = {key: value for key, value in members.items() if is_ours(value)}
            bare += [key for key, value in {name: thing, **own}.items() if not inspect.getdoc(value)]
        elif inspect.isroutine(thing) and not inspect.getdoc(thing):
            bare.append(name)
    assert bare == []


def is_ours(member):
    member = member.fget if isinstance(member, property) else member
    return inspect.isroutine(member) and (getattr(member, "__module__", "") or "").startswith("raftlab")


def test_every_page_is_in_the_navigation():
    listed = re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text())
    assert sorted(listed) == sorted(build.pages())


def test_links_lead_to_what_exists():
    """In the repository, where pages are read as files."""
    dead = []
    for name, path in {"README.md": ROOT / "README.md", **build.pages()}.items():
        if path.suffix != ".md":
            continue
        for _, target, _ in build.LINK.findall(build.FENCE.sub("", path.read_text())):
            if not os.path.exists(path.parent / target):
                dead.append(f"{name}: {target}")
    assert dead == []


def test_the_verdicts_answer_the_questions_of_the_experiments():
    page = (ROOT / "docs" / "verdicts.md").read_text()
    for experiment in rl.experiments.ALL.values():
        assert f"## {experiment.id} · {experiment.title}\n" in page
        for variant in experiment.variants(10_000):
            row = f"| {variant.id} | {variant.title} | {variant.question} **"
            assert row in page, "run: make demo, and python docs/generate.py --verdicts"
