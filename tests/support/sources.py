"""The repository's own texts, as the tests of its habits read them."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
KEPT = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")


def files(*patterns, but=()):
    """The files of the repository that match, without data and without files that are not under git."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    left = {path.relative_to(ROOT).as_posix(): path for path in found}
    left = {name: path for name, path in left.items() if name in KEPT or not any(KEPT)}
    return {name: left[name].read_text(encoding="utf-8") for name in sorted(left) if name not in but}


def markdown(notebook):
    """The text of a notebook, without its code and its outputs."""
    cells = json.loads(notebook)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


RUST = files("src/**/*.rs", "tests/**/*.rs", "benches/**/*.rs")
HABITS = ("tests/test_tidy.py", "tests/test_tests.py")
"""They hold samples of what they forbid."""
PYTHON = files("python/**/*.py", "tests/**/*.py", "docs/**/*.py", "benches/**/*.py", but=HABITS)
PAGES = files("*.md", "docs/**/*.md", "benches/*.md", but=["CHANGELOG.md"])
NOTEBOOKS = {name: markdown(text) for name, text in files("notebooks/*.ipynb").items()}
SOURCES = {name: text for name, text in {**RUST, **PYTHON}.items() if not name.startswith("tests/")}


def lines(texts):
    """Every line, with where it is."""
    for name, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{name}:{number}", line


def found(pattern, texts):
    """Where a pattern occurs, and the line in which it begins. It may go on in the next line."""
    hits = []
    for name, text in texts.items():
        split = text.splitlines()
        rows = sorted({text.count("\n", 0, hit.start()) for hit in re.finditer(pattern, text)})
        hits += [f"{name}:{row + 1}: {split[row].strip()}" for row in rows]
    return hits
