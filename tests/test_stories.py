"""The stories of violations say what led to them."""

import matplotlib as mpl
import raftlab as rl
from matplotlib import pyplot as plt

mpl.use("Agg")


def voted_twice():
    """B grants both candidates its vote, on the wire only: its own state has one vote."""
    c = rl.Cluster(3, seed=1)
    c.lie("B", "double_vote")
    c.campaign("A")
    c.campaign("C")
    return c.run_until(rl.leaders(2), limit="5s")


def test_the_vote_of_a_liar_is_part_of_the_story():
    c = voted_twice()
    story = c.violations[0].explain()
    for told in ("B began to lie", "B voted for A in term 1", "B voted for C in term 1"):
        assert told in story
        assert told in c.liar_violations[0].explain()


def test_a_picture_shows_no_refusal_that_nobody_received():
    def reasons(c):
        ax = rl.plot.messages(c)
        found = [text.get_text() for text in ax.texts if text.get_gid() == "reason"]
        plt.close("all")
        return found

    assert reasons(voted_twice()) == ["already voted"] * 2, "A and C refuse each other"
    honest = rl.Cluster(3, seed=1)
    honest.campaign("A")
    honest.campaign("C")
    honest.run("20ms")
    assert reasons(honest) == ["already voted"] * 3


def test_what_a_node_is_ordered_to_do_is_called_that_and_documented():
    c = rl.Cluster(3, seed=1)
    c.campaign("A")
    c.run("10ms")
    c.forget_vote("B")
    c.usurp("C")
    events = c.trace.events.to_pandas()
    deeds = events[events.kind == "lies"].detail.tolist()
    assert deeds == ["forgot its vote", "took the lead without an election"]
    documented = [row["value"] for row in rl.column_values.where(column="events.detail")]
    assert set(deeds) <= set(documented)
