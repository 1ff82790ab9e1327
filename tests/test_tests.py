"""No test passes silently. Each rule is shown samples that break it, and some that do not."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from claims import dotted, each_test, functions, own, silent
from sources import ROOT, RUST, files, found

TESTS = files("tests/**/*.py", "notebooks/*.py")
HERE = {"tests/test_tests.py": Path(__file__).read_text(encoding="utf-8")}
CHECKED = {name: ast.parse(text) for name, text in {**TESTS, **HERE}.items()}
RUST_TESTS = {name: text for name, text in RUST.items() if name.startswith(("src/", "tests/"))}


# ---- Every test asserts something -----------------------------------------------------------------------

SILENT = {
    "calls nothing that asserts": "def test_a():\n    f()\ndef f():\n    pass",
    "a constant": "def test_a():\n    assert True",
    "a text": "def test_a():\n    assert 'it works'",
    "a tuple": "def test_a():\n    assert (f(), 'why')",
    "numbers": "def test_a():\n    assert 1 < 2",
    "itself": "def test_a():\n    x = f()\n    assert x == x",
    "or true": "def test_a():\n    assert f() or True",
    "a length is at least 0": "def test_a():\n    assert len(f()) >= 0",
    "in a function that is not called": "def test_a():\n    def g():\n        assert f()",
    "in a lambda's place": "def test_a():\n    g = lambda: pytest.fail()",
    "only if": "def test_a():\n    if f():\n        assert g()",
    "only if it fails": "def test_a():\n    try:\n        f()\n    except ValueError:\n        assert g()",
    "in a loop over nothing": "def test_a():\n    for x in []:\n        assert f(x)",
    "a process may fail": "def test_a():\n    subprocess.run(['a'], check=False)",
    "asynchronous": "async def test_a():\n    f()",
    "nobody awaits it": "async def test_a():\n    assert f()",
    "yields": "def test_a():\n    yield\n    assert f()",
    "calls what yields": "def test_a():\n    f()\ndef f():\n    yield\n    assert g()",
    "a lambda": "def test_a():\n    assert lambda: f()",
    "a generator": "def test_a():\n    assert (f(x) for x in (1, 2))",
    "a list": "def test_a():\n    assert [f()]",
    "a dict": "def test_a():\n    assert {'a': f()}",
    "a text with a value": "def test_a():\n    assert f'a {f()}'",
    "a function": "def test_a():\n    assert f\ndef f():\n    return g()",
    "approximately": "def test_a():\n    assert pytest.approx(f())",
    "a comparison is something": "def test_a():\n    assert (f() == 1) is not None",
    "both are true": "def test_a():\n    assert len(f()) >= 0 and 'it works'",
    "0 is at most a length": "def test_a():\n    assert 0 <= len(f())",
    "a length is above -1": "def test_a():\n    assert len(f()) > -1",
    "at most itself": "def test_a():\n    x = f()\n    assert x <= x",
    "for each of what is found": "def test_a():\n    for x in f():\n        assert x",
    "for each that is left": "def test_a():\n    for x in [x for x in (1, 2) if f(x)]:\n        assert x",
    "for each of a range": "def test_a():\n    for x in range(0):\n        assert f(x)",
    "for each of an empty constant": "NONE = ()\ndef test_a():\n    for x in NONE:\n        assert f(x)",
    "for each of a constant's namesake": "X = [1]\ndef test_a(X):\n    for x in X:\n        assert f(x)",
    "a helper with a loop": "def test_a():\n    f([])\ndef f(y):\n    for x in y:\n        assert g(x)",
    "all of what is found": "def test_a():\n    assert all(x > 1 for x in f())",
    "all that are left": "def test_a():\n    assert all(x > 1 for x in (1, 2) if f(x))",
    "none of what is found": "def test_a():\n    assert not any(x > 1 for x in f())",
    "nothing of what is found": "def test_a():\n    assert [x for x in f() if x > 1] == []",
    "not one of what is found": "def test_a():\n    assert not [x for x in f() if x > 1]",
    "a list of calls": "def test_a():\n    [g(x) for x in f()]\ndef g(x):\n    assert x",
    "while": "def test_a():\n    while f():\n        assert g()",
    "and": "def test_a():\n    f() and g()\ndef g():\n    assert h()",
    "one way or another": "def test_a():\n    g() if f() else None\ndef g():\n    assert h()",
    "one of several cases": "def test_a():\n    match f():\n        case 1:\n            assert g()",
    "caught": "def test_a():\n    try:\n        assert f()\n    except AssertionError:\n        pass",
    "caught as any": "def test_a():\n    try:\n        assert f()\n    except Exception:\n        pass",
    "all is caught": "def test_a():\n    try:\n        assert f()\n    except:\n        pass",
    "suppressed": "def test_a():\n    with contextlib.suppress(AssertionError):\n        assert f()",
    "raises without with": "def test_a():\n    pytest.raises(ValueError)\n    f()",
    "raises what it raises": "def test_a():\n    with pytest.raises(ValueError):\n        raise ValueError",
    "something else is checked": "def test_a():\n    f(check=True)",
    "a method": "class A:\n    def test_a(self):\n        f()",
    "another function has its name": (
        "class A:\n    def test_a(self):\n        assert f()\nclass B:\n    def test_a(self):\n        f()"
    ),
    "one of two helpers asserts": (
        "def test_a():\n    f()\nclass A:\n    def f():\n        assert g()\ndef f():\n    pass"
    ),
}
LOUD = {
    "asserts": "def test_a():\n    assert f()",
    "calls what asserts": "def test_a():\n    f()\ndef f():\n    assert g()",
    "calls its own function": "def test_a():\n    def g():\n        assert f()\n    g()",
    "passes on what asserts": "def test_a():\n    def g():\n        assert f()\n    run(each=g)",
    "raises": "def test_a():\n    with pytest.raises(ValueError):\n        f()",
    "in both cases": "def test_a():\n    if f():\n        assert g()\n    else:\n        assert h()",
    "a process must succeed": "def test_a():\n    subprocess.run(['a'], check=True)",
    "a call with itself": "def test_a():\n    assert f() == f()",
    "for each of some": "def test_a():\n    for x in (1, 2):\n        assert f(x)",
    "for each of a range": "def test_a():\n    for x in range(2):\n        assert f(x)",
    "for each of a constant": "Y = {'a': 1}\ndef test_a():\n    for x in list(Y.items()):\n        assert x",
    "for each of its own list": "def test_a():\n    y = ['a', *f()]\n    for x in y:\n        assert g(x)",
    "for each and in number": "def test_a():\n    assert len(f()) == 2\n    for x in f():\n        assert x",
    "all of some": "def test_a():\n    assert all(f(x) for x in (1, 2))",
    "none of some": "def test_a():\n    assert [x for x in (1, 2) if f(x)] == []",
    "while it is true": "def test_a():\n    while True:\n        assert f()",
    "not what is caught": "def test_a():\n    try:\n        assert f()\n    except ValueError:\n        pass",
    "caught and raised": "def test_a():\n    try:\n        assert f()\n    except Exception:\n        raise",
    "caught and asserted": (
        "def test_a():\n    try:\n        assert f()\n    except Exception:\n        assert g()"
    ),
    "not equal to itself": "def test_a():\n    x = f()\n    assert x != x",
    "in a context of its own": (
        "def test_a():\n    with f():\n        pass\n@contextmanager\ndef f():\n    yield\n    assert g()"
    ),
    "raises by call": "def test_a():\n    pytest.raises(ValueError, f)",
}


def test_every_test_can_fail():
    modules = {Path(name).stem: tree for name, tree in CHECKED.items() if "/support/" in name}
    assert len(modules) > 5
    assert [f"{name}: {one}" for name, tree in CHECKED.items() for one in silent(tree, modules)] == []


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT)
def test_what_cannot_fail_is_found(text):
    assert silent(ast.parse(text)) == ["test_a"]


@pytest.mark.parametrize("text", LOUD.values(), ids=LOUD)
def test_what_can_fail_is_not_found(text):
    assert silent(ast.parse(text)) == []


def test_helpers_of_other_files_count_if_they_assert():
    silent_one, loud_one = ast.parse("def f(): 1"), ast.parse("def f(): assert g()")
    helped = ast.parse("from s import f\ndef test_a():\n    f()")
    assert silent(helped, {"s": silent_one}) == ["test_a"]
    assert silent(helped, {"s": loud_one}) == []
    renamed = ast.parse("from s import f as h\ndef test_a():\n    f()\ndef f(): 1")
    assert silent(renamed, {"s": loud_one}) == ["test_a"]


RUST_CLAIM = (
    r"assert|panic!|unreachable!|\.unwrap\(|\.unwrap_err\(|\.expect\(|\.expect_err\(|\?;|should_panic"
)
RUST_FUNCTION = r"(?ms)^(?P<indent> *)(?:pub(?:\(\w+\))? )?fn (?P<name>\w+).*?^(?P=indent)\}"
RUST_TEST = r"(?m)^ *#\[test\]\n(?: *#\[.*\]\n)* *fn (\w+)"


def test_every_test_in_rust_can_fail():
    assert silent_rust(RUST_TESTS) == []
    assert silent_rust({"a.rs": "#[test]\nfn a() {\n    f();\n}\nfn f() {\n}\n"}) == ["a.rs: a"]
    assert silent_rust({"a.rs": "#[test]\nfn a() {\n    f();\n}\nfn f() {\n    assert!(g());\n}\n"}) == []


def silent_rust(texts):
    """Tests in which nothing can panic, and that call nothing in which something can."""
    bodies = {}
    for text in texts.values():
        for function in re.finditer(RUST_FUNCTION, text):
            bodies.setdefault(function["name"], []).append(function[0])
    known = {name for name, found in bodies.items() if all(re.search(RUST_CLAIM, body) for body in found)}
    while more := {
        name
        for name, found in bodies.items()
        if name not in known and all(known & set(re.findall(r"\b(\w+)\(", body)) - {name} for body in found)
    }:
        known |= more
    tests = [(where, name) for where, text in texts.items() for name in re.findall(RUST_TEST, text)]
    assert tests
    return [f"{where}: {name}" for where, name in tests if name not in known]


# ---- Every test runs ------------------------------------------------------------------------------------

SKIPS = {
    "importorskip",
    "skip",
    "xfail",
    "skipTest",
    "skipIf",
    "skipUnless",
    "SkipTest",
    "Skipped",
    "__test__",
}
"""A test that is skipped passes. All that tests need is installed; only platforms differ."""
SKIPPED = {
    "importorskip": "pytest.importorskip('numpy')",
    "skip": "def test_a():\n    pytest.skip('no')",
    "imported": "from pytest import skip\nskip('no')",
    "renamed": "from pytest import skip as away",
    "marked": "@pytest.mark.skip\ndef test_a(): ...",
    "expected to fail": "@pytest.mark.xfail\ndef test_a(): ...",
    "unittest": "raise unittest.SkipTest('no')",
    "without a reason": "@pytest.mark.skipif(sys.platform == 'linux')\ndef test_a(): ...",
    "an empty reason": "skipif(sys.platform == 'linux', reason='')",
    "by something else": "skipif(shutil.which('make') is None, reason='no make')",
    "by something else as well": "skipif(sys.platform == 'linux' or CI, reason='as Linux does')",
    "not collected": "__test__ = False",
    "a file is not collected": "collect_ignore = ['test_a.py']",
    "files are not collected": "collect_ignore_glob = ['*.py']",
    "files are added": "collect_ignore += ['test_a.py']",
    "returns": "def test_a(x):\n    if x:\n        return\n    assert f(x)",
}
RUNS = {
    "by platform": "skipif(sys.platform != 'linux', reason='as Linux does')",
    "a helper returns": "def f(x):\n    if x:\n        return\n    assert f(x)",
    "a callback returns": "def test_a():\n    def g():\n        return\n    assert f(g)",
    "what is not a test": "collect_ignore = ['typing/calls.py']",
}
RUST_SKIPS = r"#\[ignore|cfg_attr\([^\]]*\bignore\b|^\s*//[/!] ```(?:rust,)?(?:ignore|no_run)"
DOCTEST_SKIPS = r"doctest:\s*\+SKIP"
LEFT_OUT = r"--deselect|--ignore|norecursedirs"


def test_every_test_runs():
    assert [f"{name}: {one}" for name, tree in CHECKED.items() for one in skipped(tree)] == []
    assert found(DOCTEST_SKIPS, files("python/**/*.py", "docs/**/*.md", "src/**/*.rs")) == []
    assert found(LEFT_OUT, files("pyproject.toml", "Makefile", ".github/**/*.yml")) == []
    assert found(f"(?m){RUST_SKIPS}", RUST_TESTS) == []


@pytest.mark.parametrize("text", SKIPPED.values(), ids=SKIPPED)
def test_what_does_not_run_is_found(text):
    assert len(skipped(ast.parse(text))) == 1


@pytest.mark.parametrize("text", RUNS.values(), ids=RUNS)
def test_what_runs_is_not_found(text):
    assert skipped(ast.parse(text)) == []


def test_what_does_not_run_is_found_in_texts():
    wrong = "#[ignore]\n#[cfg_attr(miri, ignore)]\n/// ```ignore\n/// ```no_run\n/// ```\n// I ignore it"
    assert len(found(f"(?m){RUST_SKIPS}", {"a.rs": wrong})) == 4
    assert (
        len(found(DOCTEST_SKIPS, {"a.py": ">>> f()  # doctest: +SKIP\n>>> f()  # doctest: +ELLIPSIS"})) == 1
    )
    assert len(found(LEFT_OUT, {"a.toml": 'addopts = ["--deselect", "x"]\naddopts = ["--ignore=x"]'})) == 2


UNSEEN = {
    "in a function": "def f():\n    def test_a():\n        assert g()",
    "in a class of another name": "class A:\n    def test_a(self):\n        assert f()",
    "of another name": "@pytest.mark.parametrize('x', [1])\ndef check(x):\n    assert x",
    "of the same name": "def test_a():\n    assert f()\ndef test_a():\n    assert g()",
}
SEEN = {
    "a function": "def test_a():\n    assert f()",
    "on one platform": "if sys.platform == 'linux':\n    def test_a():\n        assert f()",
    "in a class": "class TestA:\n    def test_a(self):\n        assert f()",
    "of the same name in another class": (
        "class TestA:\n    def test_a(self): ...\nclass TestB:\n    def test_a(self): ..."
    ),
    "a fixture": "@pytest.fixture(params=[1])\ndef x(request):\n    return request.param",
}


def test_every_test_is_collected():
    assert [f"{name}: {one}" for name, tree in CHECKED.items() for one in unseen(tree, name)] == []
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    assert settings["ini_options"]["empty_parameter_set_mark"] == "fail_at_collect"


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN)
def test_what_is_not_collected_is_found(text):
    assert len(unseen(ast.parse(text), "tests/test_a.py")) == 1


@pytest.mark.parametrize("text", SEEN.values(), ids=SEEN)
def test_what_is_collected_is_not_found(text):
    assert unseen(ast.parse(text), "tests/test_a.py") == []


def test_a_test_in_a_helpers_file_is_found():
    assert unseen(ast.parse("def test_a():\n    assert f()"), "tests/support/a.py") == ["test_a"]


def unseen(tree, file):
    """The tests of a file that pytest does not collect."""
    classes = [node for node in own(tree) if isinstance(node, ast.ClassDef) and node.name.startswith("Test")]
    collected = {}
    for scope in [tree, *classes] if Path(file).name.startswith("test_") else []:
        collected |= {
            (id(scope), node.name): node for node in own(scope) if isinstance(node, ast.FunctionDef)
        }
    meant = [*each_test(tree), *[one for one in functions(tree) if "parametrize" in decorators(one)]]
    return sorted({test.name for test in meant if test not in collected.values() or test.name[:4] != "test"})


def decorators(function):
    return " ".join(map(ast.unparse, function.decorator_list))


def skipped(tree):
    """What of a file is not run, or only sometimes."""
    named = [node for node in ast.walk(tree) if last_name(node) in SKIPS]
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and last_name(node.func) == "skipif"
    ]
    named += [call for call in calls if not by_platform(call)]
    named += [
        node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AugAssign) and leaves_out(node)
    ]
    named += [node for test in each_test(tree) for node in own(test) if isinstance(node, ast.Return)]
    return [
        f"line {node.lineno}: {ast.unparse(node)}" for node in named if not isinstance(node, ast.alias)
    ] + [
        f"line {node.lineno}: {node.name} is imported"
        for node in named
        if isinstance(node, ast.alias) and node.asname
    ]


def last_name(node):
    """`skip` of `pytest.mark.skip`."""
    return (
        getattr(node, "attr", None)
        or getattr(node, "id", None)
        or (node.name if isinstance(node, ast.alias) else None)
    )


def by_platform(call):
    """`skipif(sys.platform != "linux", reason="...")`, and nothing else."""
    condition = ast.unparse(call.args[0]) if len(call.args) == 1 else ""
    reasons = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
    given = len(reasons) == len(call.keywords) == 1 and ast.unparse(reasons[0]) not in ("''", '""')
    return given and re.fullmatch(r"sys\.platform [=!]= '\w+'", condition) is not None


def leaves_out(assignment):
    """Whether pytest is told to leave out files, and not only such as are no tests."""
    targets = assignment.targets if isinstance(assignment, ast.Assign) else [assignment.target]
    if not any(last_name(target) in ("collect_ignore", "collect_ignore_glob") for target in targets):
        return False
    names = ast.literal_eval(assignment.value)
    return any(Path(name).name.startswith("test_") or "*" in name for name in names)


# ---- No test measures time by the clock -----------------------------------------------------------------

CLOCKS = re.compile(r"(perf_counter|monotonic|\btime)(_ns)?$|\bdatetime\.now$|\bdatetime\.utcnow$")
RUST_CLOCKS = r"\bInstant\b|\bSystemTime\b|\.elapsed\("
TIMED = {
    "a difference": "assert time.perf_counter() - start < 2",
    "the other way round": "assert 5 > time.monotonic() - start",
    "not below": "assert not time.time() - start >= 5",
    "in a variable": "def test_a():\n    t = time.time()\n    took = time.time() - t\n    assert took < 2",
    "in two variables": "t, u = time.time(), 3\nassert t < u",
    "in an attribute": "class A:\n    def f(self):\n        self.t = time.time()\n        assert self.t < 3",
    "from a function": "def now():\n    return time.perf_counter()\ndef test_a():\n    assert now() < 2",
    "imported": "from time import perf_counter\nassert perf_counter() - start < 2",
    "in nanoseconds": "assert time.perf_counter_ns() - start < 2",
    "of the day": "assert datetime.datetime.now() - start < limit",
    "in a container": "times.append(time.perf_counter())\nassert times[-1] - times[0] < 2",
    "as the smallest": "assert min(time.perf_counter() - start, 9) < 2",
    "about": "assert time.time() - start == pytest.approx(2)",
    "kept": "took = {}\ntook['a'] = time.time()\nassert took['a'] < took['b']",
}
UNTIMED = {
    "computing": "assert time.process_time() - start < 2\nassert time.thread_time() < 3",
    "simulated": "assert run.now_ms - start < 2",
    "printed": "def test_a():\n    t = time.time()\n    print(t)\ndef test_b():\n    assert t() < 2",
    "kept in what has no name": "f().append(time.time())\nassert len(g()) < 2",
}


def test_no_test_asserts_a_speed():
    """Others use the cores, too. `benches/` measures speed; `waiting.Watch` bounds what must end."""
    assert [f"{name}: {one}" for name, tree in CHECKED.items() for one in timed(tree)] == []
    assert found(RUST_CLOCKS, {name: text for name, text in RUST.items() if name.startswith("tests/")}) == []
    wrong = "let start = Instant::now();\nassert!(start.elapsed() < x);\nSystemTime::now()\ninstant"
    assert len(found(RUST_CLOCKS, {"a.rs": wrong})) == 3


@pytest.mark.parametrize("text", TIMED.values(), ids=TIMED)
def test_an_asserted_speed_is_found(text):
    assert len(timed(ast.parse(text))) == 1


@pytest.mark.parametrize("text", UNTIMED.values(), ids=UNTIMED)
def test_what_is_no_speed_is_not_found(text):
    assert timed(ast.parse(text)) == []


def timed(tree):
    """Comparisons with what the clock shows, directly or by way of variables and functions."""
    if not any(
        isinstance(node, ast.Call) and CLOCKS.search(dotted(node.func) or "") for node in ast.walk(tree)
    ):
        return []
    plain = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    top, clocks = ast.Module(plain, []), set()
    parts = [top, *[node for node in tree.body if node not in plain]]
    while True:
        hits, more, shared = [], set(), names_of_times(top, clocks)
        for part in parts:
            names = shared | names_of_times(part, clocks)
            hits += [
                node
                for node in ast.walk(part)
                if isinstance(node, ast.Compare) and shows(node, clocks, names)
            ]
            for function in functions(part):
                values = [node.value for node in own(function) if isinstance(node, ast.Return) and node.value]
                more |= {function.name for value in values if shows(value, clocks, names)}
        if more <= clocks:
            return [f"line {node.lineno}: {ast.unparse(node)}" for node in hits]
        clocks |= more


def names_of_times(part, clocks):
    """The variables of a function or class in which times by the clock are kept."""
    names = set()
    while more := {
        name
        for node in ast.walk(part)
        for name, value in kept(node)
        if name not in names and shows(value, clocks, names)
    }:
        names |= more
    return names


def kept(node):
    """What a statement keeps, and where: `x = 1`, `x[0] = 1`, `x.append(1)`."""
    targets, value = [], getattr(node, "value", None)
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
        targets = [node.target]
    elif isinstance(node, ast.For | ast.comprehension):
        targets, value = [node.target], node.iter
    elif isinstance(node, ast.Call) and last_name(node.func) == "append" and node.args:
        targets, value = [node.func.value], node.args[0]
    if isinstance(value, ast.Tuple) and len(targets) == 1 and isinstance(targets[0], ast.Tuple):
        pairs = list(zip(targets[0].elts, value.elts, strict=False))
    else:
        flat = [one for target in targets for one in getattr(target, "elts", [target])]
        pairs = [(one, value) for one in flat]
    for target, given in pairs:
        while isinstance(target, ast.Subscript | ast.Starred):
            target = target.value
        if given is not None and dotted(target) is not None:
            yield dotted(target), given


def shows(value, clocks, names):
    """Whether a value depends on the clock."""
    return any(
        (
            isinstance(node, ast.Call)
            and (CLOCKS.search(dotted(node.func) or "") or last_name(node.func) in clocks)
        )
        or (dotted(node) in names)
        for node in ast.walk(value)
    )
