"""The generated pages say what the tables in the core say now."""

import importlib.util
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
