"""Draws the pictures of the README."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import raftlab as rl
from matplotlib import pyplot as plt

HERE = Path(__file__).parent


def story() -> rl.Cluster:
    """The first notebook of the README, with a crash at its end."""
    c = rl.Cluster(5, seed=7)
    c.run_until(rl.leader_elected)
    c.propose("x=1")
    c.run("200ms")
    old = c.leader.name
    rest = [node.name for node in c if node.name != old]
    c.partition([old, rest[0]], rest[1:])
    c.run("100ms")
    c.propose("x=2", node=old)
    c.run("700ms")
    c.propose("x=3")
    c.run("200ms")
    c.heal()
    c.run("300ms")
    c.propose("x=4")
    c.run("200ms")
    c.crash("leader", duration="400ms")
    c.run("700ms")
    return c


if __name__ == "__main__":
    figure, ax = plt.subplots(figsize=(10, 6))
    rl.plot.timeline(story(), ax=ax)
    figure.savefig(HERE / "timeline.png", dpi=150, bbox_inches="tight")
