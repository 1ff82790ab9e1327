"""A sweep in a process of its own, which somebody may kill: `python failover.py STORE [dask]`."""

import os
import signal
import sys
import threading
import time

import raftlab as rl
from raftlab.sweeps import chunks


def failover(timeout, rule):
    return rl.Scenario(
        5,
        election_timeout=(timeout, 2 * timeout),
        pre_vote=rule == "pre_vote",
        network=rl.Network(latency=rl.uniform(1, 5), loss=0.01),
        workload=rl.OpenLoop("20ms"),
        faults=[rl.Crash("leader", at=rl.uniform(1000, 1150), duration="300ms")],
        horizon="2.5s",
    )


GRID = {"timeout": [50, 150], "rule": ["paper", "pre_vote"]}
OPTIONS = {"seeds": 600, "metrics": "all", "series": "500ms", "progress": False}


KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
"""What a process cannot catch: on Windows that is how `os.kill` ends one."""


def kill_half_way(store, pid):
    """Kills a process when some chunks are done."""
    runs = f"{store}/runs"
    while not os.path.isdir(runs) or len(os.listdir(runs)) < 20:
        time.sleep(0.01)
    os.kill(pid, KILL)
    print("killed after", len(os.listdir(runs)), flush=True)


def with_dask(store):
    from distributed import Client, LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        victim = next(iter(client.run(os.getpid).values()))
        threading.Thread(target=kill_half_way, args=(store, victim), daemon=True).start()
        return rl.sweep(failover, GRID, **OPTIONS, executor=client, store=store)


if __name__ == "__main__":
    chunks.ABOUT_S = 0.02  # many chunks, so that there is something to lose
    print("on", flush=True)
    result = (
        with_dask(sys.argv[1])
        if sys.argv[2:] == ["dask"]
        else rl.sweep(failover, GRID, **OPTIONS, store=sys.argv[1])
    )
    print(len(result), result.complete, flush=True)
