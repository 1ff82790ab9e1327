"""The fields that interceptors set, as scenarios record them."""

import pytest
import raftlab as rl
from replaying import replays


@pytest.mark.parametrize("settings", [{}, {"election_rule": "adaptive"}, {"snapshot_every": 5}], ids=str)
def test_every_field_that_can_be_set_is_recorded_and_read_again(settings):
    """The interval of an adaptive leader's message could be set, but the scenario could not be read."""
    c = rl.Cluster(3, seed=7, workload=rl.OpenLoop("5ms"), **settings)
    set_fields = set()

    def each_field_once(message):
        changed = {}
        for name in message.keys() - {"from", "to", "ordinal", "type"}:
            if (message["type"], name) not in set_fields and isinstance(message[name], int):
                set_fields.add((message["type"], name))
                changed[name] = not message[name] if isinstance(message[name], bool) else message[name] + 1
        return changed or None

    c.crash("A", at=500, duration=1000)
    c.intercept(each_field_once)
    c.run(4000)
    c.intercept(None)
    assert ("AppendEntriesReply", "success") in set_fields
    assert bool(settings.get("election_rule")) == (("AppendEntries", "round_trip_ns") in set_fields)
    replays(c)
