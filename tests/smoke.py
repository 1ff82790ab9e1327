"""What a user meets first, from an installed wheel: `make wheel`.

python tests/smoke.py --wheels DIST   checks the size of the wheels in DIST, installs the one that fits this
                                      Python into an empty environment, and runs this file there
python tests/smoke.py                 runs a cluster, a sweep and the command line, with what is installed
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

LARGEST = 5_000_000
"""How many bytes a wheel may have."""


def install_and_run(dist):
    """An empty environment, elsewhere: nothing of this tree can help."""
    sizes = {wheel.name: wheel.stat().st_size for wheel in Path(dist).glob("*.whl")}
    for name, size in sizes.items():
        print(f"{name}: {size / 1e6:.2f} MB")
    too_large = [name for name, size in sizes.items() if size >= LARGEST]
    if not sizes or too_large:
        sys.exit(f"no wheel in {dist}" if not sizes else f"{', '.join(too_large)}: above {LARGEST / 1e6} MB")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
        subprocess.run([*pip, "--find-links", Path(dist).resolve(), "raftlab"], check=True, cwd=folder)
        copy = Path(folder) / "smoke.py"
        copy.write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
        subprocess.run([python, "-I", copy], check=True, cwd=folder)


def run():
    """A cluster, a sweep, a scenario's way through JSON, and the command line."""
    import raftlab as rl

    assert Path(sys.prefix).resolve() in Path(rl.__file__).resolve().parents, rl.__file__
    assert (Path(rl.__file__).parent / "py.typed").exists()
    c = rl.Cluster(5, seed=7)
    c.run_until(rl.leader_elected)
    write = c.propose("x=1")
    c.run("100ms")
    c.crash("leader")
    c.run("2s")
    assert write.ok
    assert c.violations == ()
    assert rl.Scenario.from_json(c.scenario.to_json()).run(seed=7).digest == c.digest
    swept = rl.sweep(rl.Scenario(3, stop=rl.leader_elected), seeds=100, progress=False)
    assert len(swept) == 100
    assert not {"numpy", "pandas", "matplotlib"} & set(sys.modules)
    said = subprocess.run(
        [sys.executable, "-I", "-m", "raftlab", "--version"], capture_output=True, text=True, check=True
    )
    assert rl.__version__ in said.stdout, said
    print(
        f"raftlab {rl.__version__} works on Python {sys.version.split()[0]}, from {Path(rl.__file__).parent}"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--wheels"]:
        install_and_run(sys.argv[2])
    else:
        run()
