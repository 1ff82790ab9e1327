"""The generated pages say what the tables in the core say now, and the code that pages show runs."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["faults.md", "columns.md", "rules.md", "metrics.md"])
def test_generated_pages_are_current(name):
    assert (ROOT / "docs" / name).read_text() == generator().pages()[name], "run: python docs/generate.py"


@pytest.mark.parametrize("page", ["README.md", "docs/commands.md", "docs/liars.md"])
def test_code_that_is_shown_runs(page, tmp_path, monkeypatch):
    """All of it, one piece after the other, with what the comments promise."""
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    monkeypatch.chdir(tmp_path)
    pieces = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    known = {}
    for piece in pieces:
        exec(compile(piece, page, "exec"), known)
    pyplot.close("all")
    assert pieces
    if page == "README.md":
        assert known["lost"].status == "unknown"
        assert not known["c"].violations
        assert len(known["result"]) == 9 * 10_000
    elif page == "docs/commands.md":
        assert (tmp_path / "scenario.json").exists()
