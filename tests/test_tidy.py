"""The project's conventions that no linter knows. Each rule is shown samples that break it."""

import ast
import re

import pytest
from sources import KEPT, NOTEBOOKS, PAGES, PYTHON, ROOT, RUST, SOURCES, files, found, lines

# ---- Size -----------------------------------------------------------------------------------------------

WIDTH, LENGTH, STEP = 100, 700, 10
WIDER_LINES = 114
"""Lines in Rust that are wider than 100: texts, which rustfmt does not wrap. May only get fewer."""
LONGER_FILES = {
    "tests/test_bad_input.py": 1280,
    "tests/test_digest.py": 800,
    "tests/test_interceptors.py": 790,
    "tests/test_summary.py": 814,
}
"""Files that are longer than 700 lines, and their length, rounded up to ten. May only get shorter."""


def test_lines_fit():
    """Those of Python are checked by the linter."""
    assert len(too_wide(RUST)) == WIDER_LINES, "if they are fewer, lower the limit"
    assert too_wide({"a.rs": "x" * 100}) == []
    assert too_wide({"a.rs": "\n" + "x" * 101}) == ["a.rs:2"]


def too_wide(texts):
    return [where for where, line in lines(texts) if len(line) > WIDTH]


def test_files_fit():
    assert too_long({**RUST, **PYTHON}, LONGER_FILES) == []


def test_limits_of_files_are_exact():
    assert too_long({"a.py": "\n" * 700}, {}) == []
    assert too_long({"a.py": "\n" * 701}, {}) == ["a.py: 701 lines, at most 700"]
    assert too_long({"a.py": "\n" * 721}, {"a.py": 720}) == ["a.py: 721 lines, at most 720"]
    assert too_long({"a.py": "\n" * 715}, {"a.py": 720}) == []
    assert too_long({"a.py": "\n" * 710}, {"a.py": 720}) == ["a.py: 710 lines: lower its limit of 720"]
    assert too_long({"a.py": "\n" * 700}, {"a.py": 710}) == ["a.py: 700 lines: lower its limit of 710"]
    assert too_long({}, {"a.py": 720}) == ["a.py: 0 lines: lower its limit of 720"]


def too_long(texts, limits):
    """Files above their limit, and limits that are higher than they need to be."""
    sizes = dict.fromkeys(limits, 0) | {name: len(text.splitlines()) for name, text in texts.items()}
    above = {name: n for name, n in sizes.items() if n > limits.get(name, LENGTH)}
    loose = {name: sizes[name] for name, limit in limits.items() if sizes[name] <= max(LENGTH, limit - STEP)}
    return [f"{name}: {n} lines, at most {limits.get(name, LENGTH)}" for name, n in above.items()] + [
        f"{name}: {n} lines: lower its limit of {limits[name]}" for name, n in loose.items()
    ]


# ---- Words ----------------------------------------------------------------------------------------------


def banned():
    """The words that the table in CONTRIBUTING.md has in its last column."""
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## Words\n")[1].split("\n## ")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| ")][1:]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row[-2])]


BREAK = r"(?:[ \t]+|[ \t]*\n[ \t]*(?:(?://[/!]?|#|>)[ \t]+)?)"
"""Between two words: they may be in two lines, and the second line in a comment."""


def test_words_are_those_of_the_table():
    assert len(banned()) > 3
    spoken = {**RUST, **PYTHON, **PAGES, **NOTEBOOKS}
    spoken |= files(".github/**/*.yml", "*.toml", "Makefile", "mkdocs.yml", "CITATION.cff", "python/**/*.pyi")
    del spoken["CONTRIBUTING.md"]
    assert [one for word in banned() for one in found(spelled(word), spoken)] == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\nall entries behind the index", 2),
        ("Behind The Index", 1),
        ("entries behind\nthe index", 1),
        ("\n/// entries behind\n    /// the index", 2),
        ("# entries behind the\n# index", 1),
        ("- entries behind\n  the index.", 1),
    ],
)
def test_banned_words_are_found(text, line):
    hits = found(spelled("behind the index"), {"a.md": text})
    assert [hit.split(": ")[0] for hit in hits] == [f"a.md:{line}"]


@pytest.mark.parametrize("text", ["behind the indexes", "behind, the index", "behind\n\n# The index of"])
def test_other_words_are_not_found(text):
    assert found(spelled("behind the index"), {"a.md": text}) == []


def test_the_texts_of_notebooks_are_read():
    assert len(NOTEBOOKS) == 7
    assert all(len(text) > 500 for text in NOTEBOOKS.values())


def spelled(word):
    """A word as it is looked for: whole, in small or capital letters."""
    return rf"(?i)(?<!\w){BREAK.join(map(re.escape, word.split()))}(?!\w)"


SECTION = r"(?i)\b(section|dissertation|diss\.|thesis|paper(?:'s)?),? \d"
"""A section by its number alone. `§5.4.2` is the paper's, `diss. §6.4` the dissertation's."""

BARE = r"\([5-9]\.\d+(\.\d+)?\)"
"""The number of a section without its sign."""


def test_sections_are_cited_in_one_way():
    assert found(SECTION, {**RUST, **PYTHON, **PAGES, **NOTEBOOKS}) == []
    assert found(BARE, {**PAGES, **NOTEBOOKS}) == []
    assert (
        len(found(BARE, {"a.md": "the commit rule (5.4.2)\nCheckQuorum (6.2)\n(§5.4.2)\n(0.5)\n(95 %)"})) == 2
    )
    wrong = {
        "a.md": "section 5.4.2\nthe paper's 5.4\ndissertation, 6.4\ndiss. 6.4\n§5.4.2\ndiss. §6.4\npaper §8"
    }
    assert len(found(SECTION, wrong)) == 4


# ---- Determinism ----------------------------------------------------------------------------------------

HIDDEN = "|".join(
    [
        r"\b(Hash(Map|Set)|hash_map|hash_set|RandomState|DefaultHasher)\b",  # an order of its own
        r"\b(Instant|SystemTime|UNIX_EPOCH|chrono)\b|\bstd::time\b",
        r"\b(thread_rng|ThreadRng|OsRng|SysRng|getrandom|fastrand)\b|\brand::(rng|random)\w*\b",
        r"\bfrom_(os_rng|entropy)\b",
        r"\bstd::(env|process|thread|net|fs)\b|\bavailable_parallelism\b",
        r":p\}|\bas \*(const|mut)\b|\.as_ptr\(",  # addresses
        # What platforms compute differently:
        r"\.(ln|ln_1p|log2|log10|exp|exp2|exp_m1|powf|powi|sin|cos|tan|sin_cos|tanh|sinh|cosh)\(",
        r"\.(asin|acos|atan|atan2|asinh|acosh|atanh|cbrt|hypot)\(|\.log\([^)]",
    ]
)
"""What depends on something else than the scenario and the seed."""
HIDES = [
    "let seen: HashMap<u8, u8>;",
    "use std::collections::{BTreeMap, HashSet};",
    "use std::collections::HashMap as Map;",
    "let order = RandomState::new();",
    "Instant::now()",
    "use std::time::Duration;",
    "SystemTime::now()",
    "let mut draws = rand::rng();",
    "rand::random::<u64>()",
    "SmallRng::from_os_rng()",
    "OsRng.next_u64()",
    "std::env::var(name)",
    "std::process::id()",
    "std::thread::current().id()",
    'format!("{:p}", node)',
    "node as *const Node as usize",
    "x.ln()",
    "(1.0 - draw).powf(shape)",
    "mean.exp()",
]


def deterministic():
    """What a run consists of: no observer, and nothing that plays many runs."""
    layers = ("raft", "sim", "fault", "protocol", "check")
    core = files(*[f"src/{layer}/**/*.rs" for layer in layers], "src/protocol.rs", "src/clone.rs")
    return without_tests(core | files("src/experiment/cluster/**/*.rs"))


def test_a_run_has_no_clock_no_randomness_and_no_order_of_its_own():
    assert len(deterministic()) > 60
    assert found(HIDDEN, deterministic()) == []


@pytest.mark.parametrize("line", HIDES)
def test_what_is_hidden_is_found(line):
    assert len(found(HIDDEN, {"a.rs": f"\n    {line}\n"})) == 1


def test_what_is_not_hidden_is_not_found():
    fine = "libm::log(x)\nx.sqrt()\nBTreeMap\ninstant\nrand::seq::IndexedRandom\nnode.log()\nnode.exp"
    assert found(HIDDEN, {"a.rs": fine}) == []


TEST_MODULE = r"(?ms)^#\[cfg\(test\)\]\nmod \w+ \{.*?^\}\n"


def without_tests(texts):
    """Rust without its modules of tests, and all else that may come after them."""
    return {
        name: re.sub(TEST_MODULE, lambda tests: "\n" * tests[0].count("\n"), text)
        for name, text in texts.items()
        if not name.endswith("tests.rs")
    }


def test_code_around_tests_is_read():
    text = "#[cfg(test)]\nuse a;\nx\n#[cfg(test)]\nmod tests {\n    y\n}\nz\n"
    assert without_tests({"a.rs": text, "a/tests.rs": "y"}) == {
        "a.rs": "#[cfg(test)]\nuse a;\nx\n\n\n\n\nz\n"
    }


# ---- Enums instead of text ------------------------------------------------------------------------------

COMPARED = r"(?m)" + "|".join(
    [
        r"[!=]=\s*(?:Some\()?[&*]?b?r?#*\"",
        r"\"#*\)?\s*[!=]=(?!=)",
        r"matches!\([^;{}]*?\"",
        r"\.(?:eq|ne|starts_with|ends_with|contains)\(&?\"",
        r"^\s*(?:\| )?(?:Some\()?\"[^\"]*\"\)?(?: \| (?:Some\()?\"[^\"]*\"\)?)*(?: if [^\n]*)? =>",
    ]
)
"""A text is compared, so that prose steers. An enum should."""
INPUT = {
    "src/experiment/metrics/mod.rs": "names of metrics",
    "src/experiment/scenario.rs": "the message of serde_json",
    "src/fault/target.rs": "targets that scenarios name",
}
"""Where texts come in and become enums."""
COMPARISONS = [
    'if fault.family() == "network" {',
    'if kind.end != "nothing" {',
    'if name == "network" {',
    'if "network" == fault.family() {',
    'if names[0] == "network" {',
    'if end.get(0) == Some("network") {',
    'if *name == "network" {',
    'if fault.family()\n        == "network"',
    'if fault.family().as_str() ==\n        "network"',
    'match fault.family() {\n    "network" => 1,',
    'match fault.family() {\n    "network" | "disk" => 1,',
    'match fault.family() {\n    Some("network") if far => 1,',
    'matches!(fault.family(), "network" | "disk")',
    'fault.family().eq("network")',
    'fault.family().starts_with("net")',
]


def test_texts_do_not_steer():
    core = {name: text for name, text in RUST.items() if name.startswith("src/") and "/python/" not in name}
    hits = {name: found(COMPARED, {name: text}) for name, text in without_tests(core).items()}
    assert [one for name, found_there in hits.items() if name not in INPUT for one in found_there] == []
    assert [name for name in INPUT if not hits[name]] == [], "take them off the list"


@pytest.mark.parametrize("text", COMPARISONS)
def test_a_text_that_steers_is_found(text):
    assert len(found(COMPARED, {"a.rs": f"\n    {text}\n"})) == 1


def test_what_does_not_steer_is_not_found():
    fine = 'a == b\nlet a = "b";\nassert!(x, "a == c")\nKind::Network => "network",\nf("a", b == c)'
    assert found(COMPARED, {"a.rs": fine}) == []


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


# ---- The layout -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["python", "tests", "docs", "benches"])
def test_the_rules_see_the_files(name):
    assert any(path.startswith(f"{name}/") for path in PYTHON)


def test_the_architecture_is_described():
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


TOP = {
    ".gitattributes",
    ".gitignore",
    "Makefile",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "CITATION.cff",
    "mkdocs.yml",
}


def test_nothing_is_left_lying_about():
    """The first folder holds pages and settings. A file that an example wrote does not belong there."""
    assert stray(KEPT) == []
    assert stray(["round_trips.csv", "README.md", "Cargo.toml", "docs/a.csv", "a.png"]) == [
        "round_trips.csv",
        "a.png",
    ]


def stray(names):
    top = [name for name in names if name and "/" not in name and name not in TOP]
    return [name for name in top if not name.endswith((".md", ".toml", ".lock"))]
