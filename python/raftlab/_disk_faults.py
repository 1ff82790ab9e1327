"""Faults of disks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ._arguments import choice, integer, number
from ._fault import OnNode
from ._typing import Detected, DiskPart, OnError, WhenFull, words
from .distributions import Time, time_to_dict
from .errors import InvalidError, shown

__all__ = ["Corrupt", "FailingDisk", "FullDisk", "LyingDisk", "SlowDisk", "StalledDisk", "Wipe"]


@dataclass(frozen=True, eq=False, repr=False)
class Wipe(OnNode):
    """Nodes crash, lose their disks, and come back empty under their old names.

    They are down for `duration`, or come back at once.

    >>> import raftlab as rl
    >>> rl.Cluster(3, initial=rl.Initial(log=[1, 1]), steps=[Wipe("A")])["A"].log
    <empty log>
    """

    name: ClassVar[str] = "wipe"


@dataclass(frozen=True, eq=False, repr=False)
class SlowDisk(OnNode):
    """Disks take longer: the fsyncs that begin during the fault, with their writes.

    The factors of several faults multiply, and their times add up. A factor has no effect on disks that
    take no time, which is an error; `by` makes such disks slow, too.

    Parameters
    ----------
    node : target
        Which nodes: names or a role.
    factor : float, default 1
        The factor of the time of writes and fsyncs, from 1 to 1000000.
    by : time or distribution, optional
        What an fsync takes beyond that; from a distribution, drawn for each.

    Raises
    ------
    InvalidError
        If neither `factor` nor `by` slows these disks down.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, disk=rl.Disk(fsync="2ms"), initial=rl.Initial(term=1, leader="A"))
    >>> _ = c.slow_disk("BC", factor=100)
    >>> write = c.propose("x=1")
    >>> [(c.run("150ms"), write.status)[1] for _ in range(2)]
    ['pending', 'ok']
    >>> SlowDisk("A", by=rl.exponential("20ms"))
    SlowDisk('A', by=exponential(mean=20))
    """

    name: ClassVar[str] = "slow_disk"
    _label: ClassVar[str] = "slow disk{slower} {hit}"
    factor: float = field(default=1, kw_only=True)
    by: Time | None = field(default=None, kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        factor = number(self.factor, "SlowDisk: factor", "a number from 1 to 1000000", 1, 1e6)
        written = {**super()._parameters(), "factor": factor}
        if self.by is not None:
            written["by"] = time_to_dict(self.by, "SlowDisk: by")
        return written


@dataclass(frozen=True, eq=False, repr=False)
class StalledDisk(OnNode):
    """No fsync finishes until the fault ends; those that have waited finish then.

    The node goes on: a leader sends heartbeats and entries. What must be durable first waits: votes,
    acknowledgements, and a leader's own copy of an entry.

    >>> import raftlab as rl
    >>> c = rl.Cluster(3, initial=rl.Initial(term=1, leader="A"), steps=[StalledDisk("BC", duration="1s")])
    >>> _ = c.propose("x=1")
    >>> [c.run("500ms")["A"].commit_index for _ in range(3)]
    [0, 0, 1]
    """

    name: ClassVar[str] = "stalled_disk"


@dataclass(frozen=True, eq=False, repr=False)
class FullDisk(OnNode):
    """Disks have no room for further writes until the fault ends. What they hold can be read.

    Parameters
    ----------
    node : target
        Which nodes: names or a role.
    then : {"wait", "halt"}, default "wait"
        What a node does: it tries again until there is room, and acknowledges nothing that it could not
        write; or it halts at the first such write, as a process that aborts, and after a restart again. A
        crash loses what found no room, whatever its `unsynced`.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, initial=rl.Initial(term=1, leader="A"), steps=[FullDisk("B", then="halt")])
    >>> _ = c.propose("x=1")
    >>> c.run("100ms")["B"].up
    False
    """

    name: ClassVar[str] = "full_disk"
    then: WhenFull = field(default="wait", kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        return {**super()._parameters(), "then": choice(self.then, "FullDisk: then", words(WhenFull))}


@dataclass(frozen=True, eq=False, repr=False)
class FailingDisk(OnNode):
    """Every fsync fails with an error, and what it should have made durable is lost.

    Both reactions exist in the wild. PostgreSQL and others went on until 2018 ("fsyncgate", Rebello et al.,
    "Can Applications Recover from fsync Failures?", ATC 2020); etcd aborts.

    Parameters
    ----------
    node : target
        Which nodes: names or a role.
    then : {"halt", "ignore"}, default "halt"
        What a node does: it halts, and loses what was not durable; or it goes on as if the fsync had been
        done. The error then leaves a hole in what it wrote: after its next crash, whenever that is, it can
        read nothing from there on.

    Examples
    --------
    >>> import raftlab as rl
    >>> initial = rl.Initial(term=1, leader="A")
    >>> c = rl.Cluster(3, initial=initial, steps=[FailingDisk("B", then="ignore", duration="100ms")])
    >>> _ = c.propose("x=1")
    >>> _ = c.run("1s")
    >>> _ = c.crash("B")
    >>> c["B"].log
    <empty log>
    """

    name: ClassVar[str] = "failing_disk"
    then: OnError = field(default="halt", kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        return {**super()._parameters(), "then": choice(self.then, "FailingDisk: then", words(OnError))}


@dataclass(frozen=True, eq=False, repr=False)
class LyingDisk(OnNode):
    """Fsyncs are reported as done, but the data stays in a cache that a crash loses.

    The first fsync after the fault makes everything durable. A crash of the process alone
    (`Crash(unsynced="keep")`) loses nothing. The checks do not blame a node for what its disk lost
    (`durable_promise`), but report what follows from it, such as a lost write.

    >>> import raftlab as rl
    >>> c = rl.Cluster(3, initial=rl.Initial(term=1, leader="A"), steps=[LyingDisk("B")])
    >>> _ = c.propose("x=1")
    >>> _ = c.run("100ms")
    >>> _ = c.crash("B")
    >>> c["B"].log
    <empty log>
    """

    name: ClassVar[str] = "lying_disk"


@dataclass(frozen=True, eq=False, repr=False)
class Corrupt(OnNode):
    """An entry, the vote or the snapshot on a disk is damaged. The node finds it when it restarts.

    Only what is durable can be damaged; without such a part the fault has no effect. What the node writes
    over it before it restarts is no longer damaged. A node that is down shows the damage at once.

    Parameters
    ----------
    node : target
        Which nodes: names or a role.
    what : {"entry", "vote", "snapshot"}, default "entry"
        The damaged part.
    index : int, optional
        The index of the entry; by default a random one of those that the disk holds.
    detected : bool or "truncate", default True
        How the node reads it.

        True: it knows that it has lost something. Without an entry, its log ends before it, and the node
        neither votes nor stands for election until its log reaches as far as before, or holds everything
        that a leader of a later term has committed ("Protocol-Aware Recovery", Alagappan et al., FAST
        2018). Without its vote, it does not vote in that term. Without its snapshot, it has no log either,
        unless that begins at index 1.

        "truncate": it takes the damage for a write that a crash has torn. It loses the same, and goes on
        as if it had never had it: committed entries can be lost.

        False: it reads something else: another value, a vote for the next node, a snapshot in which the first
        key has another value. An entry without a value, such as a no-op, stays as it is.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, initial=rl.Initial(term=1, log=[1, 1, 1]))
    >>> _ = c.corrupt("B", index=3, detected="truncate")
    >>> _ = c.crash("B", duration="10ms")
    >>> len(c["B"].log)
    2
    """

    name: ClassVar[str] = "corrupt"
    _label: ClassVar[str] = "corrupt {what} {hit}"
    what: DiskPart = field(default="entry", kw_only=True)
    index: int | None = field(default=None, kw_only=True)
    detected: Detected = field(default=True, kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        what = choice(self.what, "Corrupt: what", words(DiskPart))
        written = {**super()._parameters(), "what": what, "detected": self.detected}
        if not (isinstance(self.detected, bool) or self.detected == "truncate"):
            raise InvalidError(
                f"Corrupt: detected must be True, False or 'truncate', not {shown(self.detected)}"
            )
        if self.index is not None:
            written["index"] = integer(self.index, "Corrupt: index", 1)
        return written
