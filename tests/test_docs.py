"""The generated pages say what the tables in the core say now, and the code that pages show runs."""

import importlib
import inspect
import os
import re
import sys
from pathlib import Path

import griffe
import matplotlib
import pytest
import raftlab as rl
import sources
from raftlab.experiments.two_leaders import article_logs
from tikv_worlds import needs_tikv

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
MARKS = {"README.md": pytest.mark.slow, "advise.md": pytest.mark.slow, "tikv.md": needs_tikv}
DEFINES = {
    "README.md": lambda known: (
        known["lost"].status == "unknown" and not known["c"].violations and len(known["result"]) == 9 * 10_000
    ),
    "commands.md": lambda known: (known["folder"] / "scenario.json").exists(),
}
"""What holds after the code of a page."""


@pytest.mark.parametrize("page", [pytest.param(page, marks=MARKS.get(page, ())) for page in PAGES])
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


def test_what_lies_break_is_in_the_table_of_lies():
    """All properties that the experiment's liars violate, in the rows of the lies."""
    page = (ROOT / "docs" / "liars.md").read_text(encoding="utf-8")
    for lie, call in {rl.Lie("E", "claimed_log", index=9999): "`Lie(node, \"claimed_log\", index=9999)`",
                      rl.Usurp("E"): "`Usurp(node)`"}.items():  # fmt: skip
        c = article_logs(seed=1)
        c.inject(lie)
        if isinstance(lie, rl.Lie):
            c.campaign("E")
        c.run(4)
        c.propose("x=666", node="E")
        c.run(40)
        row = next(line for line in page.splitlines() if f"| {call} |" in line)
        named = row.split("|")[3].strip().split(", ")
        assert named == list(c.violations.properties), call


def test_what_is_not_simulated_has_one_source():
    """The table in `limits.md` is what `rl.not_simulated` prints; other pages refer to it."""
    others = {"README.md": ROOT / "README.md", "ARCHITECTURE.md": ROOT / "ARCHITECTURE.md", **build.pages()}
    texts = {name: path.read_text(encoding="utf-8") for name, path in others.items() if name.endswith(".md")}
    assert "```text\n" + "\n".join(map(str.rstrip, repr(rl.not_simulated).splitlines())) in texts.pop(
        "limits.md"
    )
    assert listing(texts) == []
    again = {"a.md": "Membership changes, leadership transfer and bandwidth are not simulated."}
    assert listing(again) == ["a.md"]


def listing(texts):
    """Pages with a list of their own: of three things or more in one paragraph."""
    things = (
        r"(?i)leadership transfer|membership change|bandwidth|learners|slow processors|fsyncs? that lies?"
    )
    paragraphs = [(name, part) for name, text in texts.items() for part in text.split("\n\n")]
    return [name for name, part in paragraphs if len(set(map(str.lower, re.findall(things, part)))) > 2]


# ---- To add something -----------------------------------------------------------------------------------


def in_both_spellings(names):
    """`leader_elected` is LeaderElected in Rust."""
    return [rf"\b({name}|{''.join(map(str.title, name.split('_')))})\b" for name in names]


ADDED = {
    "a fault": [rf"\b{row['fault']}\b" for row in rl.faults],
    "a condition": in_both_spellings(rl.conditions.names),
    "a rule that can be taken away": in_both_spellings(rl.rules.names),
    "a property": in_both_spellings(rl.properties.names),
}
"""What can be added, and how to find those that there are."""
HELD = sources.files("src/**/*.rs", "python/**/*.py", "docs/reference/*.md")


@pytest.mark.parametrize("thing", ADDED)
def test_the_architecture_names_all_files_that_hold_every_one_of_a_kind(thing):
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    entry = page.split(f"\n- **{thing}**: ")[1].split("\n- **")[0]
    assert holding(ADDED[thing], HELD) - set(re.findall(r"`([^`]+)`", entry)) == set()


def test_files_that_hold_every_one_of_a_kind_are_found():
    texts = {"a.rs": "Crash Pause", "b.py": "class Crash: ...\nclass Pause: ...", "c.md": "Crash, Pauses"}
    assert holding([r"\bCrash\b", r"\bPause\b"], texts) == {"a.rs", "b.py"}


def holding(patterns, texts):
    """The files in which all of these occur."""
    return {name for name, text in texts.items() if all(re.search(pattern, text) for pattern in patterns)}


# ---- Pages ----------------------------------------------------------------------------------------------


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
    assert page.count("\n## ") >= len(rl.experiments.ALL) > 5
    for experiment in rl.experiments.ALL.values():
        assert f"## {experiment.id} · {experiment.title}\n" in page
        for variant in experiment.variants(10_000):
            row = f"| {variant.id} | {variant.title} | {variant.question} **"
            assert row in page, "run: make demo, and python docs/generate.py --verdicts"


def test_the_reference_shows_the_arguments_that_are_passed_on():
    package = griffe.load(
        "raftlab",
        search_paths=[ROOT / "python"],
        extensions=griffe.load_extensions(ROOT / "docs" / "docstrings.py"),
    )
    for name, calls in {
        "Cluster": ("crash", "partition", "clock_jump", "__init__"),
        "Scenario": ("replace", "cluster"),
        "Partition": ("__init__",),
    }.items():
        for call in calls:
            function = package[name].all_members[call]
            shown = [parameter.name for parameter in function.parameters]
            assert shown == list(inspect.signature(getattr(getattr(rl, name), call)).parameters), call
    assert package["Cluster"].all_members["crash"].returns == "FaultHandle"
