"""Raft and an event loop around ``heapq``: what one writes by hand in pure Python.

    python python_loop.py w1 TRIALS         the bare election
    python python_loop.py w1full TRIALS     crash of a leader and re-election
    python python_loop.py w2 SECONDS        steady replication
    python python_loop.py idle SECONDS      a leader and its heartbeats

``--nodes N`` asks for another number of servers than five, ``--seed SEED`` for other trials. One JSON
line on standard output. The workloads are those of ``benches/README.md``. Times are whole microseconds,
since sums of fractions of a second would blur which event is the last one in time.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

TIMEOUT_US = 150_000
HEARTBEAT_US = 50_000
PROPOSAL_GAP_US = 1_000

FOLLOWER, CANDIDATE, LEADER = range(3)
NOBODY = -1

# An event is a time, a sequence number that breaks ties, a method and its arguments.
Event = tuple[int, int, Callable[..., None], tuple[Any, ...]]


class Sim:
    """The clock, the queue of events and the servers."""

    def __init__(self, latency_us: int, seed: int, nodes: int) -> None:
        """Followers of term 0 with empty logs and no timers."""
        self.random = random.Random(seed).random
        self.latency_us = latency_us
        self.now = 0
        self.scheduled = 0
        self.queue: list[Event] = []
        self.delivered = 0
        self.leader = NOBODY
        self.servers = [Server(self, i, others) for i, others in enumerate(everyone_else(nodes))]

    def after(self, delay_us: int, method: Callable[..., None], *args: object) -> None:
        """Schedule a call."""
        self.scheduled += 1
        heapq.heappush(self.queue, (self.now + delay_us, self.scheduled, method, args))

    def send(self, target: int, method: str, *args: object) -> None:
        """Schedule a message, which is lost if its target has crashed by then."""
        self.after(self.latency_us, self.deliver, self.servers[target], method, args)

    def deliver(self, server: Server, method: str, args: tuple[Any, ...]) -> None:
        """Hand a message to a server."""
        if server.alive:
            self.delivered += 1
            getattr(server, method)(*args)

    def run_to_leader(self) -> int:
        """Run until a server wins an election, and return when it did."""
        while self.leader == NOBODY:
            self.now, _, method, args = heapq.heappop(self.queue)
            method(*args)
        return self.now

    def run_before(self, end_us: int) -> None:
        """Run what is due before a time."""
        while self.queue[0][0] < end_us:
            self.now, _, method, args = heapq.heappop(self.queue)
            method(*args)


class Server:
    """One server's Raft, by figure 2 of the paper. Log indices begin at 1."""

    def __init__(self, sim: Sim, name: int, others: list[int]) -> None:
        """A follower of term 0 with an empty log and no timer."""
        self.sim = sim
        self.name = name
        self.others = others
        self.quorum = (len(others) + 1) // 2 + 1
        self.alive = True
        self.role = FOLLOWER
        self.term = 0
        self.voted_for = NOBODY
        self.votes = 0
        self.log: list[tuple[int, bytes]] = []
        self.commit = 0
        # By server, from the moment that this one leads.
        self.next_index: list[int] = []
        self.match_index: list[int] = []
        # Arming a timer anew leaves the old event in the queue. This number outdates it.
        self.timer = 0

    def arm(self) -> None:
        """Draw a new election timeout."""
        self.timer += 1
        timeout_us = TIMEOUT_US + int(self.sim.random() * TIMEOUT_US)
        self.sim.after(timeout_us, self.on_timeout, self.timer)

    def on_timeout(self, timer: int) -> None:
        """Stand for election, unless the timer has been armed again or isn't needed."""
        if timer != self.timer or not self.alive or self.role == LEADER:
            return
        self.role = CANDIDATE
        self.term += 1
        self.voted_for = self.name
        self.votes = 1
        self.arm()
        last_index = len(self.log)
        last_term = self.log[-1][0] if self.log else 0
        for other in self.others:
            self.sim.send(other, "on_request", self.term, self.name, last_term, last_index)

    def on_request(self, term: int, source: int, last_term: int, last_index: int) -> None:
        """Answer a RequestVote."""
        if term > self.term:
            self.follow(term)
        mine = (self.log[-1][0] if self.log else 0, len(self.log))
        granted = term == self.term and self.voted_for in (NOBODY, source) and (last_term, last_index) >= mine
        if granted:
            self.voted_for = source
            self.arm()
        self.sim.send(source, "on_vote", self.term, granted)

    def on_vote(self, term: int, granted: bool) -> None:
        """Count a vote."""
        if term > self.term:
            self.follow(term)
        elif granted and term == self.term and self.role == CANDIDATE:
            self.votes += 1
            if self.votes >= self.quorum:
                self.lead()

    def follow(self, term: int) -> None:
        """Become a follower of a later term. Only a leader has no timer and needs one."""
        self.term = term
        self.voted_for = NOBODY
        if self.role == LEADER:
            self.arm()
        self.role = FOLLOWER

    def lead(self) -> None:
        """Become leader and say so at once."""
        self.role = LEADER
        nodes = len(self.others) + 1
        self.next_index = [len(self.log) + 1] * nodes
        self.match_index = [0] * nodes
        self.sim.leader = self.name
        self.on_heartbeat(self.term)

    def on_heartbeat(self, term: int) -> None:
        """Send a heartbeat to everyone and schedule the next."""
        if self.alive and self.role == LEADER and term == self.term:
            for other in self.others:
                self.append_to(other, [])
            self.sim.after(HEARTBEAT_US, self.on_heartbeat, term)

    def on_proposal(self) -> None:
        """Append a client's eight bytes and send them without waiting for earlier answers."""
        if self.alive and self.role == LEADER:
            entry = (self.term, b"8 bytes.")
            self.log.append(entry)
            for other in self.others:
                self.append_to(other, [entry])
                self.next_index[other] += 1
        self.sim.after(PROPOSAL_GAP_US, self.on_proposal)

    def append_to(self, other: int, entries: list[tuple[int, bytes]]) -> None:
        """Send an AppendEntries, which carries the commit index too."""
        previous = self.next_index[other] - 1
        previous_term = self.log[previous - 1][0] if previous else 0
        self.sim.send(other, "on_append", self.term, self.name, previous, previous_term, entries, self.commit)

    def on_append(
        self,
        term: int,
        source: int,
        previous: int,
        previous_term: int,
        entries: list[tuple[int, bytes]],
        commit: int,
    ) -> None:
        """Take a leader's entries, if they connect to the log."""
        if term > self.term:
            self.follow(term)
        elif term < self.term:
            self.sim.send(source, "on_appended", self.term, self.name, False, 0)
            return
        self.role = FOLLOWER
        self.arm()
        log = self.log
        if previous > len(log) or (previous and log[previous - 1][0] != previous_term):
            self.sim.send(source, "on_appended", self.term, self.name, False, previous - 1)
            return
        index = previous
        for entry in entries:
            if index < len(log) and log[index][0] != entry[0]:
                del log[index:]
            if index == len(log):
                log.append(entry)
            index += 1
        self.commit = max(self.commit, min(commit, index))
        self.sim.send(source, "on_appended", self.term, self.name, True, index)

    def on_appended(self, term: int, source: int, success: bool, index: int) -> None:
        """Advance the commit index to what a quorum has, or go back to where logs agree."""
        if term > self.term:
            self.follow(term)
        if term != self.term or self.role != LEADER:
            return
        if not success:
            self.next_index[source] = max(1, min(self.next_index[source] - 1, index + 1))
            start = self.next_index[source] - 1
            self.append_to(source, self.log[start : start + 1])
        elif index > self.match_index[source]:
            self.match_index[source] = index
            self.match_index[self.name] = len(self.log)
            agreed = sorted(self.match_index)[-self.quorum]
            if agreed > self.commit and self.log[agreed - 1][0] == self.term:
                self.commit = agreed


@cache
def everyone_else(nodes: int) -> list[list[int]]:
    """For each server the others."""
    return [[other for other in range(nodes) if other != server] for server in range(nodes)]


def bare_election(seed: int, nodes: int) -> tuple[float, int]:
    """W1: the time at which a server has a quorum's votes in ms, and the messages delivered."""
    sim = Sim(7_500, seed, nodes)
    for server in sim.servers:
        server.term = 1
        server.log = [(1, b"8 bytes.")]
        server.arm()
    sim.servers[0].alive = False
    return sim.run_to_leader() / 1e3, sim.delivered


def crash_and_reelection(seed: int, nodes: int) -> tuple[float, int]:
    """W1full: the time from a leader's crash to the next leader in ms, and the messages."""
    sim = Sim(7_500, seed, nodes)
    for server in sim.servers:
        server.arm()
    crash = sim.run_to_leader() + 500_000 + int(sim.random() * HEARTBEAT_US)
    sim.run_before(crash)
    sim.servers[sim.leader].alive = False
    sim.leader = NOBODY
    return (sim.run_to_leader() - crash) / 1e3, sim.delivered


def measure_trials(what: str, trials: int, nodes: int, seed: int) -> dict[str, object]:
    """Run trials of W1 or W1full with seeds that count up."""
    trial = {"w1": bare_election, "w1full": crash_and_reelection}[what]
    for i in range(WARM_UP):
        trial(seed + i, nodes)
    start = time.perf_counter()
    results_ms = []
    messages = 0
    for i in range(trials):
        result_ms, delivered = trial(seed + i, nodes)
        results_ms.append(result_ms)
        messages += delivered
    wall = time.perf_counter() - start
    results_ms.sort()
    return {
        "impl": "python-loop",
        "what": what,
        "nodes": nodes,
        "trials": trials,
        "wall_s": round(wall, 9),
        "trials_per_s": round(trials / wall, 1),
        "messages": messages,
        "mean_ms": round(sum(results_ms) / trials, 3),
        "p50_ms": results_ms[50 * trials // 100],
        "p90_ms": results_ms[90 * trials // 100],
        "p99_ms": results_ms[99 * trials // 100],
    }


def measure_replication(what: str, seconds: int, nodes: int) -> dict[str, object]:
    """Run W2, or the same without proposals."""
    start = time.perf_counter()
    sim = Sim(1_000, seed=1, nodes=nodes)
    for server in sim.servers:
        server.term = 1
        if server.name != 0:
            server.arm()
    leader = sim.servers[0]
    leader.lead()
    if what == "w2":
        sim.after(10_000, leader.on_proposal)
    sim.run_before(seconds * 1_000_000)
    wall = time.perf_counter() - start
    return {
        "impl": "python-loop",
        "what": what,
        "nodes": nodes,
        "sim_s": seconds,
        "wall_s": round(wall, 9),
        "messages_per_s": round(sim.delivered / wall, 1),
        "messages": sim.delivered,
        "commit": leader.commit,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float | None:
    """The most memory that this process has had, in MiB; only Linux tells."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def whole(text: str) -> int:
    """Read a whole number above 0."""
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number above 0")
    return int(text)


def main() -> None:
    """Run one workload and print its JSON line."""
    parser = argparse.ArgumentParser(description="Raft and an event loop around heapq.")
    parser.add_argument("what", choices=("w1", "w1full", "w2", "idle"))
    parser.add_argument("size", type=whole, help="trials of w1 and w1full, else simulated seconds")
    parser.add_argument("--nodes", type=whole, default=5)
    parser.add_argument("--seed", type=whole, default=0, help="of the first trial")
    asked = parser.parse_args()
    if asked.what in ("w2", "idle"):
        result = measure_replication(asked.what, asked.size, asked.nodes)
    else:
        result = measure_trials(asked.what, asked.size, asked.nodes, asked.seed)
    print(json.dumps(result))


# Trials before the first that counts: what is slow only once is no part of a rate.
WARM_UP = 10

if __name__ == "__main__":
    main()
