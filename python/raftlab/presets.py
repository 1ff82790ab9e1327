"""Settings of well-known systems, with their sources.

>>> import raftlab as rl
>>> rl.Cluster(5, preset=rl.presets.etcd).scenario.election_timeout
(1000.0, 2000.0)
>>> rl.presets.etcd.not_modelled[:39]
"in etcd heartbeats wait for the leader'"
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from . import _core
from ._boundary import guard
from ._read_only import set_once
from ._suggest import unknown_in
from .errors import UnknownNameError, shown

__all__ = ["Preset", "consul", "etcd", "paper"]


class Preset(Mapping[str, Any]):
    """Settings for `Scenario` and `Cluster`, as a read-only mapping.

    Attributes
    ----------
    name, meaning, source : str
        Its name, its description, and the source of its values.
    not_modelled : str
        Behaviour of the system in elections that raftlab does not model; empty if none is known.
    """

    name: str
    meaning: str
    source: str
    not_modelled: str

    def __init__(
        self, name: str, settings: Mapping[str, Any], meaning: str, source: str, not_modelled: str = ""
    ) -> None:
        set_once(self, name=name, meaning=meaning, source=source, not_modelled=not_modelled)
        self._settings = dict(settings)

    def __getitem__(self, key: str) -> Any:
        if key not in self._settings:
            known = unknown_in(key, self) or f"; it has {', '.join(self)}"
            raise UnknownNameError(f"the preset {self.name} has no setting {shown(key)}{known}")
        return copy.deepcopy(self._settings[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        limits = f"; not modelled: {self.not_modelled}" if self.not_modelled else ""
        return f"<preset {self.name}: {self.meaning}{limits}>"


_ALL = {
    name: Preset(name, json.loads(settings), meaning, " ".join(source.split()), " ".join(limits.split()))
    for name, settings, meaning, source, limits in _core.presets()
}

paper = _ALL["paper"]
etcd = _ALL["etcd"]
consul = _ALL["consul"]

guard(__name__)
