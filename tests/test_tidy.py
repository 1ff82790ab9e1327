"""The habits of the house, where a linter does not know them. Each rule is shown something that breaks it."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KEPT = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")


def files(*patterns, but=()):
    """The files of the repository that match, without those that are data, or written by somebody else."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    left = {path.relative_to(ROOT).as_posix(): path for path in found}
    left = {name: path for name, path in left.items() if name in KEPT or not any(KEPT)}
    return {name: left[name].read_text(encoding="utf-8") for name in sorted(left) if name not in but}


RUST = files("src/**/*.rs", "tests/**/*.rs", "benches/**/*.rs")
PYTHON = files(
    "python/**/*.py", "tests/**/*.py", "docs/**/*.py", "benches/**/*.py", but=["tests/test_tidy.py"]
)
PAGES = files("*.md", "docs/**/*.md", "benches/*.md", but=["CHANGELOG.md"])
SOURCES = {name: text for name, text in {**RUST, **PYTHON}.items() if not name.startswith("tests/")}


def lines(texts):
    """Every line, with where it is."""
    for name, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{name}:{number}", line


def found(pattern, texts):
    """Where a pattern occurs, and in what."""
    return [f"{where}: {line.strip()}" for where, line in lines(texts) if re.search(pattern, line)]


# ---- Size -----------------------------------------------------------------------------------------------

WIDTH, LENGTH = 100, 700
LONGER_LINES = 134
"""Lines in Rust that are wider than 100: texts, which rustfmt does not wrap. May only get fewer."""
LONGER_FILES = {
    "src/python/engine.rs": 710,
    "tests/test_bad_input.py": 1400,
    "tests/test_digest.py": 850,
    "tests/test_interceptors.py": 850,
    "tests/test_summary.py": 1100,
}
"""Files that are longer than 700 lines, and how long they may be. May only get shorter, and fewer."""


def test_lines_fit():
    """Python's are the linter's business."""
    assert len(too_wide(RUST)) <= LONGER_LINES
    assert too_wide({"a.rs": "x" * 100}) == []
    assert too_wide({"a.rs": "\n" + "x" * 101}) == ["a.rs:2"]


def too_wide(texts):
    return [where for where, line in lines(texts) if len(line) > WIDTH]


def test_files_fit():
    assert too_long({**RUST, **PYTHON}) == []
    assert too_long({"a.py": "\n" * 701}) == ["a.py has 701 lines"]
    shorter = [name for name in LONGER_FILES if len({**RUST, **PYTHON}.get(name, "").splitlines()) <= LENGTH]
    assert shorter == [], "take them off the list"


def too_long(texts):
    sizes = {name: len(text.splitlines()) for name, text in texts.items()}
    return [f"{name} has {n} lines" for name, n in sizes.items() if n > LONGER_FILES.get(name, LENGTH)]


# ---- Words ----------------------------------------------------------------------------------------------


def banned():
    """The words that the table in CONTRIBUTING.md has in its last column."""
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## Words\n")[1].split("\n## ")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| ")][1:]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row[-2])]


def test_words_are_those_of_the_table():
    assert len(banned()) > 3
    spoken = {name: text for name, text in {**SOURCES, **PAGES}.items() if name != "CONTRIBUTING.md"}
    assert [one for word in banned() for one in found(spelled(word), spoken)] == []
    assert found(spelled("behind the index"), {"a.md": "\nall entries behind the index"}) == [
        "a.md:2: all entries behind the index"
    ]


def spelled(word):
    """A word as it is looked for: whole, in small or capital letters."""
    return rf"(?i)(?<!\w){re.escape(word)}(?!\w)"


SECTION = r"(?i)\b(section|dissertation|diss\.|thesis|paper(?:'s)?),? \d"
"""A section by its number alone. `§5.4.2` is the paper's, `diss. §6.4` the dissertation's."""


def test_sections_are_cited_in_one_way():
    assert found(SECTION, {**RUST, **PYTHON, **PAGES}) == []
    wrong = {
        "a.md": "section 5.4.2\nthe paper's 5.4\ndissertation, 6.4\ndiss. 6.4\n§5.4.2\ndiss. §6.4\npaper §8"
    }
    assert len(found(SECTION, wrong)) == 4


# ---- Determinism ----------------------------------------------------------------------------------------

HIDDEN = (
    r"\bHashMap\b|\bHashSet\b|\bInstant\b|\bSystemTime\b|\bthread_rng\b|\brand::rng\(|\bOsRng\b|\bSysRng\b"
)
"""What depends on something else than the scenario and the seed."""


def test_the_core_has_no_clock_no_randomness_and_no_order_of_its_own():
    core = files("src/raft/**/*.rs", "src/sim/**/*.rs", "src/fault/**/*.rs", "src/protocol*", "src/replica*")
    core |= files("src/protocol/**/*.rs")
    assert len(core) > 30
    assert found(HIDDEN, core) == []
    assert len(found(HIDDEN, {"a.rs": "let seen: HashMap<u8, u8>;\nInstant::now()\ninstant"})) == 2


# ---- Enums instead of text ------------------------------------------------------------------------------

COMPARED = r'\.\w+(\(\))?\.?(as_str\(\))? [!=]= "'
"""A field, or what a method gives, is compared with a text, so that prose steers. An enum should."""


def test_texts_do_not_steer():
    core = {name: text for name, text in RUST.items() if name.startswith("src/") and "/python/" not in name}
    checked = {name: re.split(r"#\[cfg\(test\)\]", text)[0] for name, text in core.items()}
    assert found(COMPARED, {n: t for n, t in checked.items() if not n.endswith("tests.rs")}) == []
    assert len(found(COMPARED, {"a.rs": 'if fault.family() == "network"\nif kind.end != "nothing"'})) == 2


# ---- Invariants -----------------------------------------------------------------------------------------


def test_every_invariant_is_asserted():
    assert unasserted({name: text for name, text in RUST.items() if name.startswith("src/")}) == []
    assert unasserted({"a.rs": "/// Invariant: `a < b`.\n"}) == ["a.rs: 1 invariants, 0 debug_assert!"]


def unasserted(texts):
    """Files whose comments promise more than their code looks at."""
    counts = {name: (text.count("Invariant"), text.count("debug_assert")) for name, text in texts.items()}
    counts.pop("src/check/mod.rs", None)  # what is checked is called so
    return [f"{name}: {a} invariants, {b} debug_assert!" for name, (a, b) in counts.items() if a > b]


def test_roles_change_in_one_place():
    changes = found(r"self\.role = ", files("src/raft/**/*.rs"))
    assert len(changes) == 1, changes
    assert changes[0].startswith("src/raft/node.rs")


# ---- Imports --------------------------------------------------------------------------------------------


def test_no_module_imports_itself_by_way_of_others():
    package = {
        name.removeprefix("python/"): text
        for name, text in files("python/**/*.py", "python/**/*.pyi").items()
    }
    assert len(package) > 100
    assert circles(imports(package)) == []
    round_trip = {"p/__init__.py": "", "p/a.py": "from . import b", "p/b.py": "from .a import x"}
    assert circles(imports(round_trip)) == [["p.a", "p.b"]]
    late = {"p/__init__.py": "", "p/a.py": "from . import b", "p/b.py": "def f():\n    from .a import x"}
    assert circles(imports(late)) == []


def imports(package):
    """Which modules each one imports when it is imported itself: not for types alone, nor when called."""
    named = {name.partition(".py")[0].removesuffix("/__init__").replace("/", "."): name for name in package}
    found = {}
    for module, name in named.items():
        home = module if name.endswith("__init__.py") else module.rpartition(".")[0]
        found[module] = set()
        for node in at_import(ast.parse(package[name]).body):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            else:
                up = home.split(".")[: len(home.split(".")) - node.level + 1] if node.level else []
                base = ".".join([*up, *([node.module] if node.module else [])])
                wanted = [base if f"{base}.{a.name}" not in named else f"{base}.{a.name}" for a in node.names]
            found[module] |= {other for other in wanted if other in named and other != module}
    return found


def at_import(body):
    """The imports that run when a module is imported."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            yield from at_import([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from at_import([*node.body, *node.orelse, *node.finalbody])


def circles(graph):
    """The groups of modules each of which leads to all others."""
    leads = {module: reached(graph, module) for module in graph}
    groups = {tuple(sorted(b for b in leads[a] if a in leads[b])) for a in graph}
    return sorted(list(group) for group in groups if group)


def reached(graph, start):
    seen, todo = set(), list(graph[start])
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += graph[module]
    return seen


# ---- Tests that cannot fail -----------------------------------------------------------------------------

CLAIMS = {"pytest.raises", "pytest.warns", "pytest.fail"}
"""What fails, besides `assert`."""
SKIPS = (
    r"importorskip|pytest\.skip\b|mark\.skip\b|xfail|#\[ignore"
    r"|skipif\((?!sys\.platform [=!]= \"\w+\", reason=)"
)
"""A test that is skipped passes. All that tests need is installed; only platforms differ."""


def test_every_test_can_fail():
    support = files("tests/support/*.py")
    texts = files("tests/test_*.py") | {"tests/test_tidy.py": Path(__file__).read_text(encoding="utf-8")}
    assert [f"{name}: {one}" for name, text in texts.items() for one in silent(text, support)] == []
    assert silent("def test_a():\n    f()\ndef f():\n    pass") == ["test_a"]
    assert silent("def test_a():\n    f()\ndef f():\n    assert g()") == []
    helped = "from s import f\ndef test_a():\n    f()"
    assert silent(helped, {"tests/support/s.py": "def f(): 1"}) == ["test_a"]
    assert silent(helped, {"tests/support/s.py": "def f(): assert 1"}) == []


def silent(text, support=None):
    """The tests of a file that neither assert anything nor call what does."""
    tree = ast.parse(text)
    modules = {Path(name).stem: claiming(ast.parse(told)) for name, told in (support or {}).items()}
    known = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            known |= {alias.name for alias in node.names} & modules.get(node.module, set())
    known = claiming(tree, known)
    return [name for name in functions(tree) if name.startswith("test_") and name not in known]


def functions(tree):
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def claiming(tree, known=frozenset()):
    """The names of functions that claim something, or call one that does."""
    known, left = CLAIMS | set(known), functions(tree)
    while more := {name for name, function in left.items() if claims(function, known)}:
        known |= more
        left = {name: function for name, function in left.items() if name not in more}
    return known


def claims(function, known):
    return any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and ast.unparse(node.func) in known)
        for node in ast.walk(function)
    )


def test_every_test_runs():
    rust = {name: text for name, text in RUST.items() if name.startswith(("src/", "tests/"))}
    assert found(SKIPS, files("tests/**/*.py", "python/**/*.py", but=["tests/test_tidy.py"]) | rust) == []
    wrong = 'pytest.importorskip("numpy")\npytest.skip("no")\n@pytest.mark.skipif(sys.platform == "linux")'
    assert len(found(SKIPS, {"a.py": wrong})) == 3
    assert found(SKIPS, {"a.py": 'skipif(sys.platform != "linux", reason="as Linux does")'}) == []


CLOCK = r"(perf_counter|monotonic|time\.time)\(\)"
TIMED = rf"{CLOCK}.*[<>]|[<>].*{CLOCK}|\.elapsed\(\)"


def test_no_test_asserts_a_speed():
    """By the clock: who shares the cores waits. `benches/` measures speed; CPU time bounds what must end."""
    rust = {name: text for name, text in RUST.items() if name.startswith("tests/")}
    assert found(TIMED, files("tests/**/*.py", but=["tests/test_tidy.py"]) | rust) == []
    wrong = "assert time.perf_counter() - start < 2\nassert 5 > time.monotonic() - start\nstart.elapsed() < x"
    assert len(found(TIMED, {"a.py": wrong})) == 3


@pytest.mark.parametrize("name", ["python", "tests", "docs", "benches"])
def test_the_rules_see_the_files(name):
    assert any(path.startswith(f"{name}/") for path in PYTHON)


# ---- The map of the house -------------------------------------------------------------------------------


def test_the_map_of_the_house_is_true():
    """ARCHITECTURE.md names nothing that is not there, and every folder with sources."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|python|tests|benches|docs)/[^` ]*)`", text)
    assert len(named) > 60
    assert [name for name in named if not (ROOT / name).exists()] == []
    folders = {name.rpartition("/")[0] + "/" for name in SOURCES if name.startswith(("src/", "python/"))}
    assert sorted(folders - {name.rpartition("/")[0] + "/" for name in named}) == []


def test_the_version_is_the_same_everywhere():
    version = re.search(r'(?m)^version = "(.*)"$', (ROOT / "Cargo.toml").read_text())[1]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
