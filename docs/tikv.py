"""The comparison with TiKV's Raft in docs/tikv.md: the same scenarios and seeds under both protocols."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import raftlab as rl
from raftlab import steps

SEEDS, SOME = 1000, 300

FAULTS = [
    rl.Crash(
        "a node",
        at=rl.uniform(500, 1500),
        duration=rl.uniform(100, 800),
        every=rl.uniform(1500, 3000),
        times=6,
        unsynced="tear",
    ),
    rl.Partition(
        shape="random",
        at=rl.uniform(1000, 2000),
        duration=rl.uniform(200, 900),
        every=rl.uniform(2000, 4000),
        times=4,
    ),
    rl.Pause(
        "a node",
        at=rl.uniform(800, 2500),
        duration=rl.uniform(50, 500),
        every=rl.uniform(2500, 4000),
        times=3,
    ),
]
LOAD = [
    rl.OpenLoop(rl.exponential(60), keys=3, reads=0.2, via="read_index"),
    rl.ClosedLoop(1, think=rl.uniform(40, 100), timeout="200ms", retry=True, session=True),
]
NETWORK = rl.Network(latency=rl.lognormal(5, 0.6), loss=0.05, duplicate=0.02)
DISK = rl.Disk(fsync=rl.uniform(0, 6))
CHAOS: dict[str, Any] = {
    "nodes": 5,
    "faults": FAULTS,
    "workload": LOAD,
    "network": NETWORK,
    "disk": DISK,
    "horizon": "8s",
}
QUIET = {"pre_vote": True, "check_quorum": True, "sticky_votes": True}
SETTINGS: dict[str, dict[str, Any]] = {
    "default settings": {},
    "PreVote, CheckQuorum and sticky votes": QUIET,
    "snapshots every 20 entries": {"snapshot_every": 20},
}
Pair = tuple[rl.Sweep, rl.Sweep]
METRICS = (
    "downtime_ms",
    "unavailable_ms",
    "elections",
    "terms_unwon",
    "sent",
    "acknowledged",
    "served",
    "commit_index",
    "commit_latency_mean_ms",
    "truncations",
)


def both(seeds: int, **settings: Any) -> Pair:
    """A scenario under raftlab's Raft and under TiKV's, with the same seeds."""
    scenarios = (rl.Scenario(protocol=protocol, **settings) for protocol in ("raft", "tikv"))
    ours, theirs = (rl.sweep(scenario, seeds=seeds, metrics="all") for scenario in scenarios)
    if any(sweep.runs.to_pandas().error.notna().any() for sweep in (ours, theirs)):
        raise RuntimeError(f"runs failed with {settings}")
    return ours, theirs


def compared(pair: Pair, metric: str) -> tuple[str, str, str]:
    """The mean of each, and the mean difference with its interval."""
    ours, theirs = (sweep.runs.to_pandas().set_index("seed")[metric] for sweep in pair)
    known = ours.notna() & theirs.notna()
    found = rl.compare(*pair, metric)
    same = found.low != found.low  # all pairs differ by the same amount
    interval = "in every run" if same else f"{shown(found.low, True)} to {shown(found.high, True)}"
    return (
        shown(ours[known].mean()),
        shown(theirs[known].mean()),
        f"{shown(found.difference, True)} ({interval})",
    )


def shown(value: float, signed: bool = False) -> str:
    """Three digits or more, with the sign of a difference."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    rounded = round(value, digits) + 0.0
    return f"{rounded:+,.{digits}f}".replace("-", "−") if signed and rounded else f"{rounded:,.{digits}f}"


def chaos(table: Callable[..., str]) -> str:
    """The tables of chaos runs."""
    parts = []
    for name, settings in SETTINGS.items():
        pair = both(SEEDS, **CHAOS | settings)
        violating = tuple(f"{len(sweep.violating_seeds):,} of {SEEDS:,}" for sweep in pair)
        rows = [("runs that violate a property", *violating, "")]
        rows += [(f"`{metric}`", *compared(pair, metric)) for metric in METRICS]
        parts.append(f"\n**{name[0].upper()}{name[1:]}**\n\n" + table(HEADER, rows))
    return "".join(parts)


HEADER = ("mean of a run", "raftlab", "TiKV", "difference (95 %)")


STOP = {"stop": rl.leader_elected}
LED = {"initial": rl.Initial(term=1, leader="A"), "horizon": "4s"}
CUT_OFF = LED | {"faults": rl.Isolate("E", at=rl.uniform(1000, 1050), duration="1s")}
DEAF = LED | {"faults": rl.Cut(from_="A", to="E", at=rl.uniform(1000, 1050), duration="1s")}
STANDS: dict[str, Any] = {
    "nodes": 3,
    "initial": rl.Initial(log={"A": [1], "B": [1], "C": []}),
    "steps": [steps.run("100ms"), steps.campaign("C"), steps.run_until(rl.leader_elected)],
    "horizon": "10s",
}
FIRST: dict[str, Any] = STOP | {
    "nodes": ["C", "A", "B"],
    "election_timeout": ("150ms", "151ms"),
    "timeout_step": "2s",
}
CALM = LED | {"workload": LOAD, "horizon": "8s"}
CAUSES: dict[str, tuple[str, dict[str, Any]]] = {
    "1. C, whose log is shorter, stands after 100 ms": ("unavailable_ms", STANDS),
    "1, control: its log is not": ("unavailable_ms", STANDS | {"initial": rl.Initial(log=[1])}),
    "1, control: with PreVote": ("unavailable_ms", STANDS | {"pre_vote": True}),
    "2. E is cut off for 1 s while nothing is written": ("unavailable_ms", CUT_OFF),
    "2 and 1. The same, with a write every 10 ms": (
        "unavailable_ms",
        CUT_OFF | {"workload": rl.OpenLoop("10ms")},
    ),
    "2, control: with PreVote, CheckQuorum and sticky votes": ("unavailable_ms", CUT_OFF | QUIET),
    "3. C stands first, in term 2; the others are in term 5": (
        "unavailable_ms",
        FIRST | {"initial": rl.Initial(term={"A": 5, "B": 5, "C": 1})},
    ),
    "3, control: all are in term 5": ("unavailable_ms", FIRST | {"initial": rl.Initial(term=5)}),
    "4. E does not hear the leader for 1 s, with PreVote alone": ("elections", DEAF | {"pre_vote": True}),
    "4, control: with CheckQuorum and sticky votes, too": ("elections", DEAF | QUIET),
    "5. Clients write and read, no faults, latency of 5 ms": ("sent", CALM | {"network": "5ms"}),
    "5, control: no clients": ("sent", LED | {"network": "5ms", "horizon": "8s"}),
    "6. As 5, on the network and disks of the chaos runs": (
        "sent",
        CALM | {"network": NETWORK, "disk": DISK},
    ),
    "7. As 5, with latencies that reorder messages": (
        "commit_latency_mean_ms",
        CALM | {"network": rl.lognormal(5, 0.6)},
    ),
    "7, control: as 5": ("commit_latency_mean_ms", CALM | {"network": "5ms"}),
    "Only crashes, no clients, latency of 5 ms": (
        "unavailable_ms",
        {"faults": FAULTS[0], "network": "5ms", "horizon": "8s"},
    ),
    "Only loss, no clients, latency of 5 ms": (
        "unavailable_ms",
        {"network": rl.Network(latency=5, loss=0.05), "horizon": "8s"},
    ),
    "The chaos runs without clients": ("unavailable_ms", CHAOS | {"workload": []}),
}
"""What is done, and what is compared."""


def causes(table: Callable[..., str]) -> str:
    """The table of experiments in which one thing happens."""
    rows = []
    for name, (metric, settings) in CAUSES.items():
        rows.append((name, f"`{metric}`", *compared(both(SOME, **settings), metric)))
    return "\n" + table((f"{SOME} runs each", "mean of", *HEADER[1:]), rows)


def unanswered(settings: dict[str, Any], seed: int) -> rl.Scenario:
    """A scenario of raftlab's Raft in which, as in TiKV's, messages of lower terms are not answered."""
    begin = {name: value for name, value in settings.items() if name != "horizon"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rl.FaultWarning)  # of faults after this first millisecond
        cluster = rl.Scenario(**begin, steps=steps.run("1ms")).cluster(seed=seed)
    terms: dict[str, int] = {}

    def drop(message: rl.Outgoing) -> None:
        terms[message["from"]] = message.sender.term
        refuses = not (message.get("success", True) and message.get("granted", True))
        if refuses and message["term"] > terms.get(message["to"], 0):
            message.drop()

    cluster.intercept(drop)
    cluster.run("7999ms")
    return cluster.scenario


def silence(table: Callable[..., str]) -> str:
    """The table of chaos runs with and without these answers."""
    rows = []
    for name, settings in {"without clients": CHAOS | {"workload": []}, "with clients": CHAOS}.items():
        answering, theirs = both(SOME, **settings)
        silent = rl.sweep(partial(unanswered, settings), seeds=SOME, metrics="all")
        for what, ours in {"answers": answering, "does not answer": silent}.items():
            compared_to = compared((ours, theirs), "unavailable_ms")
            rows.append((f"{name}; raftlab {what} messages of lower terms", *compared_to))
    return "\n" + table((f"`unavailable_ms` of chaos runs, {SOME} each", *HEADER[1:]), rows)


def reasons(table: Callable[..., str]) -> str:
    """What made leaders send AppendEntries."""
    counts = [sent_for(protocol) for protocol in ("raft", "tikv")]
    rows = [
        (reason, *(f"{count[reason]:,.1f}" for count in counts)) for reason in sorted(set().union(*counts))
    ]
    return "\n" + table(("AppendEntries sent in a run (mean of 20)", "raftlab", "TiKV"), rows)


def sent_for(protocol: str, runs: int = 20) -> dict[str, float]:
    """The AppendEntries of a run without faults, on the network of the chaos runs, by reason."""
    counts: dict[str, float] = defaultdict(float)
    scenario = rl.Scenario(protocol=protocol, **CHAOS | {"faults": []})
    for seed in range(runs):
        messages = scenario.run(seed=seed, trace="full").trace.messages.to_pandas().to_dict("records")
        arrived = {(row["to"], row["ended_ms"]): row for row in messages if row["fate"] == "delivered"}
        for row in messages:
            if row["type"] == "AppendEntries" and not row["copy"]:
                answer = arrived.get((row["from"], row["sent_ms"]))
                counts[reason(row["entries"], answer)] += 1 / runs
    return counts


def reason(entries: int, answer: Mapping[Any, Any] | None) -> str:
    """What a leader sends, and the answer that made it send, if any."""
    what = "entries" if entries else "empty"
    if answer is None or answer["type"] != "AppendEntriesReply":
        return f"{what}, on its own"
    if not answer["ok"]:
        return f"{what}, on a refusal"
    return f"{what}, on {'an acknowledgement' if answer['index'] else 'an answer to a heartbeat'}"


def written(page: str, table: Callable[..., str]) -> str:
    """The page with its tables, each between two marks."""
    for part in (chaos, causes, silence, reasons):
        begin, end = f"<!-- {part.__name__} -->\n", f"<!-- end of {part.__name__} -->\n"
        before, rest = page.split(begin)
        page = before + begin + part(table) + "\n" + end + rest.split(end)[1]
    return page
