"""Raft and an event loop around ``heapq``: what one writes by hand in pure Python.

    python python_loop.py w1 TRIALS [SEED]        the bare election
    python python_loop.py w1full TRIALS [SEED]    crash of a leader and re-election
    python python_loop.py w2 SECONDS              steady replication

One JSON line on standard output. The workloads are those of ``benches/README.md``. Times are whole
microseconds, since sums of fractions of a second would blur which event is the last one in time.
"""

from __future__ import annotations

import heapq
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

SERVERS = 5
OTHERS = [[other for other in range(SERVERS) if other != server] for server in range(SERVERS)]
QUORUM = 3
TIMEOUT_US = 150_000
HEARTBEAT_US = 50_000
PROPOSAL_GAP_US = 1_000

FOLLOWER, CANDIDATE, LEADER = range(3)
NOBODY = -1

# An event is a time, a sequence number that breaks ties, a method and its arguments.
Event = tuple[int, int, Callable[..., None], tuple[Any, ...]]


class Sim:
    """The clock, the queue of events and the servers."""

    def __init__(self, latency_us: int, seed: int) -> None:
        """Five followers of term 0 with empty logs and no timers."""
        self.random = random.Random(seed).random
        self.latency_us = latency_us
        self.now = 0
        self.scheduled = 0
        self.queue: list[Event] = []
        self.delivered = 0
        self.leader = NOBODY
        self.servers = [Server(self, i) for i in range(SERVERS)]

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

    def __init__(self, sim: Sim, name: int) -> None:
        """A follower of term 0 with an empty log and no timer."""
        self.sim = sim
        self.name = name
        self.others = OTHERS[name]
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
            if self.votes >= QUORUM:
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
        self.next_index = [len(self.log) + 1] * SERVERS
        self.match_index = [0] * SERVERS
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
            agreed = sorted(self.match_index)[SERVERS - QUORUM]
            if agreed > self.commit and self.log[agreed - 1][0] == self.term:
                self.commit = agreed


def bare_election(seed: int) -> tuple[float, int]:
    """W1: the time at which a server has three votes in ms, and the messages delivered."""
    sim = Sim(7_500, seed)
    for server in sim.servers:
        server.term = 1
        server.log = [(1, b"8 bytes.")]
        server.arm()
    sim.servers[0].alive = False
    return sim.run_to_leader() / 1e3, sim.delivered


def crash_and_reelection(seed: int) -> tuple[float, int]:
    """W1full: the time from a leader's crash to the next leader in ms, and the messages."""
    sim = Sim(7_500, seed)
    for server in sim.servers:
        server.arm()
    crash = sim.run_to_leader() + 500_000 + int(sim.random() * HEARTBEAT_US)
    sim.run_before(crash)
    sim.servers[sim.leader].alive = False
    sim.leader = NOBODY
    return (sim.run_to_leader() - crash) / 1e3, sim.delivered


def measure_trials(what: str, trials: int, seed: int) -> dict[str, object]:
    """Run trials of W1 or W1full with seeds that count up."""
    trial = {"w1": bare_election, "w1full": crash_and_reelection}[what]
    start = time.perf_counter()
    results_ms = []
    messages = 0
    for i in range(trials):
        result_ms, delivered = trial(seed + i)
        results_ms.append(result_ms)
        messages += delivered
    wall = time.perf_counter() - start
    results_ms.sort()
    return {
        "impl": "python-loop",
        "what": what,
        "trials": trials,
        "wall_s": round(wall, 6),
        "trials_per_s": round(trials / wall, 1),
        "messages": messages,
        "mean_ms": round(sum(results_ms) / trials, 3),
        "p50_ms": results_ms[50 * trials // 100],
        "p90_ms": results_ms[90 * trials // 100],
        "p99_ms": results_ms[99 * trials // 100],
    }


def measure_replication(seconds: int) -> dict[str, object]:
    """Run W2."""
    start = time.perf_counter()
    sim = Sim(1_000, seed=1)
    for server in sim.servers:
        server.term = 1
        if server.name != 0:
            server.arm()
    leader = sim.servers[0]
    leader.lead()
    sim.after(10_000, leader.on_proposal)
    sim.run_before(seconds * 1_000_000)
    wall = time.perf_counter() - start
    return {
        "impl": "python-loop",
        "what": "w2",
        "sim_s": seconds,
        "wall_s": round(wall, 6),
        "messages_per_s": round(sim.delivered / wall, 1),
        "messages": sim.delivered,
        "commit": leader.commit,
    }


def main(args: list[str]) -> None:
    """Run one workload and print its JSON line."""
    numbers = [int(arg) for arg in args[1:] if arg.isdecimal() and arg.isascii()]
    limit = {"w1": 2, "w1full": 2, "w2": 1}.get(args[0] if args else "", 0)
    if len(numbers) != len(args) - 1 or not 1 <= len(numbers) <= limit or numbers[0] < 1:
        sys.exit("usage: python_loop.py w1|w1full TRIALS [SEED]  or  python_loop.py w2 SECONDS")
    if args[0] == "w2":
        result = measure_replication(numbers[0])
    else:
        result = measure_trials(args[0], numbers[0], numbers[1] if len(numbers) > 1 else 0)
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
