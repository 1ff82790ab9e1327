"""Files: they are written whole, or not at all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import raftlab as rl


def test_two_threads_write_two_files(tmp_path, monkeypatch):
    """To one path, at once: each under a name of its own until it is whole."""
    begun, names = threading.Barrier(2), set()
    write = Path.write_bytes

    def slowly(path, content):
        names.add(path.name)
        begun.wait(timeout=30)
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", slowly)
    scenario = rl.Scenario(3)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(scenario.save, [tmp_path / "s.json"] * 2))
    assert len(names) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["s.json"]
    assert rl.Scenario.load(tmp_path / "s.json") == scenario
