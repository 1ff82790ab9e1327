"""The workflows name what there is, and can run where they run."""

import ast
import re
import sys
import tomllib

import pytest
import yaml
from sources import KEPT, ROOT, files

WORKFLOWS = {name: yaml.safe_load(text) for name, text in files(".github/workflows/*.yml").items()}
TESTS = {name: ast.parse(text) for name, text in files("tests/**/*.py").items()}
SUPPORT = {name.removeprefix("tests/support/").removesuffix(".py") for name in TESTS if "/support/" in name}


def commands(workflow):
    """What the jobs of a workflow run."""
    return {
        job: [step["run"] for step in told["steps"] if "run" in step]
        for job, told in workflow["jobs"].items()
    }


def test_commands_name_what_there_is():
    targets = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert len(WORKFLOWS) == 3
    assert [one for workflow in WORKFLOWS.values() for one in unknown(workflow, targets, KEPT)] == []
    wrong = {"jobs": {"a": {"steps": [{"run": "make nothing && make lint"}, {"run": "python tests/no.py"}]}}}
    assert unknown(wrong, ["lint"], ["tests/test_tidy.py"]) == ["make nothing", "tests/no.py"]


def unknown(workflow, targets, names):
    """Targets of make and files that do not exist."""
    run = "\n".join(line for lines in commands(workflow).values() for line in lines)
    made = [f"make {target}" for target in re.findall(r"\bmake ([\w-]+)", run) if target not in targets]
    return made + [
        name for name in re.findall(r"\b(?:tests|docs|benches)/[\w/]+\.py", run) if name not in names
    ]


def test_versions_are_those_that_the_package_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    crate = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]
    jobs = WORKFLOWS[".github/workflows/tests.yml"]["jobs"]
    assert f">={jobs['python']['strategy']['matrix']['python'][0]}" == project["requires-python"]
    assert crate["rust-version"] in jobs["rust"]["strategy"]["matrix"]["toolchain"]


# ---- Without the lock of the interpreter ----------------------------------------------------------------


def test_the_free_threaded_job_installs_what_its_tests_import():
    (install, run) = commands(WORKFLOWS[".github/workflows/tests.yml"])["free-threaded"]
    named = re.findall(r"tests/\w+\.py", run)
    assert len(named) > 2
    assert missing(install, {name: TESTS[name] for name in [*named, "tests/conftest.py"]}) == []
    wrong = {"a.py": ast.parse("import pytest, polars\ndef f():\n    from scipy import stats")}
    assert missing("pip install pytest", wrong) == ["a.py: polars", "a.py: scipy"]


def missing(install, trees):
    """The packages that files import, though they are not installed."""
    there = {*install.split(), *SUPPORT, *sys.stdlib_module_names, "raftlab"}
    return [f"{name}: {root}" for name, tree in trees.items() for root in sorted(imported(tree) - there)]


def imported(tree):
    """The first parts of the names of modules."""
    whole = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            whole |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            whole.add(node.module)
    return {name.partition(".")[0] for name in whole}


# ---- Windows and macOS ----------------------------------------------------------------------------------

POSIX = (
    r"\b(resource|fcntl|termios|pty|pwd|grp)\b|\bos\.(kill|fork|killpg|mkfifo|getuid|geteuid|getloadavg)\b"
)
POSIX += r"|\bos\.(waitid|sched_\w+)\b|\bsignal\.(SIGKILL|SIGXCPU|SIGALRM|SIGUSR\d|SIGHUP)\b|/dev/|/proc/"
POSIX += r"|shell=True"
ASKS = r"sys\.platform|POSIX|LINUX"


def test_what_only_posix_has_is_used_only_there():
    others = {name: tree for name, tree in TESTS.items() if name != "tests/test_workflows.py"}
    assert len(others) > 50
    assert [f"{name}: {one}" for name, tree in others.items() for one in only_posix(tree)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import resource",
        "def test_a():\n    os.kill(pid, signal.SIGKILL)",
        "def test_a():\n    rl.network_from_csv('/dev/zero')",
        "def test_a():\n    subprocess.run(command, shell=True)",
        "@pytest.mark.slow\ndef test_a():\n    run('import resource')",
        "@pytest.mark.parametrize('path', ['/dev/null'])\ndef test_a(path):\n    pass",
    ],
)
def test_what_windows_lacks_is_found(text):
    assert len(only_posix(ast.parse(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "if sys.platform == 'linux':\n    import resource",
        "@POSIX\ndef test_a():\n    os.kill(pid, signal.SIGKILL)",
        "@pytest.mark.skipif(sys.platform == 'win32', reason='it has none')\ndef test_a():\n    os.fork()",
        "def press():\n    signal.raise_signal(2) if sys.platform == 'win32' else os.kill(pid, 2)",
    ],
)
def test_what_asks_for_the_platform_is_not_found(text):
    assert only_posix(ast.parse(text)) == []


def only_posix(tree):
    """Tests and imports that need POSIX, and do not ask for the platform. Helpers leave that to tests."""
    parts = [
        part for whole in tree.body for part in (whole.body if isinstance(whole, ast.ClassDef) else [whole])
    ]
    tests = [part for part in parts if getattr(part, "name", "test_").startswith("test_")]
    texts = [(part.lineno, ast.unparse(part)) for part in tests if not is_text(part)]
    return [f"line {line}" for line, text in texts if re.search(POSIX, text) and not re.search(ASKS, text)]


def is_text(node):
    """A docstring, or a constant that helpers use."""
    value = getattr(node, "value", None)
    return isinstance(node, ast.Expr | ast.Assign) and isinstance(value, ast.Constant)
