"""Features that raftlab does not simulate, and the names under which people look for them."""

from __future__ import annotations

__all__ = ["NOT_SIMULATED", "not_simulated"]

NOT_SIMULATED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "witnesses",
        "learners are: members that do not vote",
        ("witness", "witnesses"),
    ),
    (
        "protocols other than Raft",
        "the Rust crate has a trait for them",
        ("epaxos", "multi_paxos", "paxos", "viewstamped_replication", "zab"),
    ),
    (
        "checking the histories of real systems",
        "use Knossos, Porcupine or Elle",
        (
            "check_history",
            "check_linearizability",
            "elle",
            "histories",
            "history",
            "is_linearizable",
            "jepsen",
            "knossos",
            "linearizability",
            "linearizability_check",
            "linearizable",
            "porcupine",
        ),
    ),
    (
        "corrupt messages and misdirected writes",
        "interceptors change messages as a liar would; Corrupt damages what a disk holds",
        ("bit_flip", "corrupt_message", "corruption", "flip_bits", "misdirected_write"),
    ),
    (
        "a player to click through a run",
        "step() goes on by one event, and pictures show any moment with at=",
        ("animate", "animation", "play_back", "player", "replayer", "step_through"),
    ),
)
"""The missing feature, a source or a remark, and names for it."""


def not_simulated(name: str) -> str | None:
    """The missing feature for which a name asks, or None.

    >>> not_simulated("isLinearizable")
    'checking the histories of real systems (use Knossos, Porcupine or Elle)'
    >>> not_simulated("crash")
    """
    asked = name.replace("_", "").lower()
    for what, remark, names in NOT_SIMULATED:
        if any(asked == known.replace("_", "") for known in names):
            return f"{what} ({remark})"
    return None
