"""The frame of pictures over time: their end, their axis, their strip of faults, their files."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import raftlab as rl
from raftlab.plot import _palette

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def artists(ax, gid):
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def words(ax, gid):
    return [text.get_text() for text in ax.texts if text.get_gid() == gid]


# ---- The end of a run -----------------------------------------------------------------------------------


def failover():
    """Stops when the next leader is elected: it leads for no time at all."""
    return rl.Scenario(5, faults=[rl.Crash("leader", at=1000)], stop=rl.leader_elected).run(seed=3)


@pytest.mark.parametrize("plot", ["timeline", "roles"])
def test_the_winner_of_the_last_election_is_seen(plot):
    run = failover()
    ax = getattr(rl.plot, plot)(run)
    bars = [path for each in artists(ax, "role-leader") for path in each.get_paths()]
    ends = sorted((bar.get_extents() for bar in bars), key=lambda box: box.x0)
    assert len(ends) == 2
    assert ends[-1].x0 == pytest.approx(run.now_ms)
    assert (ends[-1].width) / np.ptp(ax.get_xlim()) > 0.03, "wide enough to be seen"
    assert ends[-1].x1 <= ax.get_xlim()[1]
    assert "2" in words(ax, "term"), "and its term"


def test_both_leaders_of_one_term_are_seen_one_above_the_other():
    c = rl.Cluster(3, seed=1)
    c.lie("B", "double_vote")
    c.campaign("A")
    c.campaign("C")
    c.run_until(rl.leaders(2), limit="5s")
    assert [v.property for v in c.violations] == ["election_safety"]
    ax = rl.plot.timeline(c)
    assert sorted(words(ax, "leader")) == ["A", "C"]
    (bars,) = artists(ax, "leaders")
    one, other = sorted((path.get_extents() for path in bars.get_paths()), key=lambda box: box.y0)
    assert one.y1 <= other.y0, "two leaders from the same instant do not cover each other"


def test_leaders_never_cover_each_other():
    from raftlab.plot._timeline import _rows

    stays = [
        (0.0, 9.0, 1, "A"),
        (0.0, 9.0, 1, "B"),
        (2.0, 4.0, 2, "C"),
        (6.0, 9.0, 3, "D"),
        (9.0, 9.5, 4, "E"),
    ]
    assert _rows(stays) == [1, 2, 0, 0, 0], "the highest term below, other leaders above"


def test_tables_end_where_the_run_does():
    run = failover()
    assert max(rl.plot.roles_table(run)["end_ms"]) == run.now_ms
    assert max(rl.plot.faults_table(run)["end_ms"]) == run.now_ms


def test_a_window_within_the_run_has_nothing_beyond_its_end():
    ax = rl.plot.timeline(failover(), start="200ms", end="900ms")
    assert ax.get_xlim() == (200, 900)
    assert not artists(ax, "end")


@pytest.mark.parametrize("plot", ["timeline", "roles", "terms", "log_timeline", "messages"])
def test_a_window_after_the_run_is_an_error(plot):
    c = rl.Cluster(3, seed=1).run("1s")
    with pytest.raises(rl.InvalidError, match=r"start \(2 s\) must be before the end of the run \(1 s\)"):
        getattr(rl.plot, plot)(c, start="2s")
    with pytest.raises(rl.InvalidError, match="at must not be later than now"):
        rl.plot.logs(c, at="2s")


# ---- Order ----------------------------------------------------------------------------------------------


def by_hand():
    """An old leader and a new one, message by message, at 100 ms."""
    c = rl.Cluster(["S0", "S1", "S2"], seed=3, initial=rl.Initial(term=1, leader="S2", log=[1, 1]))
    c.run("100ms")
    c.hold()
    c.propose("x=1", node="S2")
    c.campaign("S1")
    c.deliver(from_="S1", to="S0", types="RequestVote")
    c.deliver(from_="S0", to="S1", types="RequestVoteReply")
    c.deliver(from_="S2", to="S0")
    c.deliver(from_="S0", to="S2")
    return c


@pytest.mark.parametrize("plot", ["timeline", "roles", "terms", "log_timeline", "messages"])
def test_what_was_moved_by_hand_at_one_moment_has_an_axis_of_order(plot):
    c = by_hand()
    ax = getattr(rl.plot, plot)(c)
    assert ax.get_xlabel() == "event"
    assert words(ax, "note") == ["events 10 to 16 are all at 100 ms"]
    assert getattr(rl.plot, plot)(c, axis="time").get_xlabel() == "time (ms)"
    with pytest.raises(rl.InvalidError, match="axis must be 'auto', 'time' or 'order', not 'events'"):
        getattr(rl.plot, plot)(c, axis="events")


def test_on_an_axis_of_order_each_stands_where_it_happened():
    ax = rl.plot.messages(by_hand())
    (votes,) = artists(ax, "messages-RequestVote")
    delivered = [tuple(line.ravel()) for line in votes.get_segments() if line[1][1] == 0.0]
    assert delivered == [(12, 1, 13, 0)], "sent by the campaign, delivered by the next action"
    lanes = rl.plot.timeline(by_hand())
    bars = [path for each in artists(lanes, "role-leader") for path in each.get_paths()]
    assert sorted(bar.get_extents().x0 for bar in bars) == [0, 14]
    assert sorted(words(lanes, "leader")) == ["S1", "S2"]


def test_an_axis_of_order_can_be_asked_for_and_has_a_window():
    c = rl.Cluster(3, seed=1).run("400ms")
    assert rl.plot.messages(c).get_xlabel() == "time (ms)"
    ax = rl.plot.messages(c, axis="order", start="200ms")
    events = len([t for t in c.trace.events.to_dict()["time_ms"] if t > 200])
    assert 0 < ax.get_xlim()[1] - ax.get_xlim()[0] <= events + 2
    with pytest.raises(rl.InvalidError, match="axis='order' shows at most 2,000 events"):
        rl.plot.messages(rl.Cluster(5, seed=1).run("20s"), axis="order")


@pytest.mark.parametrize(
    ("event", "indices", "said"),
    [
        (0, [2, 2, 2], "seed 3, after event 0, at 0 ms"),
        (11, [2, 2, 3], "seed 3, after event 11, at 100 ms"),
        (14, [2, 3, 3], "seed 3, after event 14, at 100 ms"),
    ],
)
def test_logs_moved_by_hand_at_one_moment_can_be_seen_one_event_after_the_other(event, indices, said):
    c = by_hand()
    ax = rl.plot.logs(c, event=event)
    assert ax.get_title(loc="right") == said
    table = rl.plot.logs_table(c, event=event)
    last = [
        max(i for n, i in zip(table["node"], table["index"], strict=True) if n == name)
        for name in ("S0", "S1", "S2")
    ]
    assert last == indices


def test_an_event_of_the_logs_must_be_one_of_the_run():
    c = by_hand()
    with pytest.raises(
        rl.InvalidError, match="event must be from 0 to 16, the last event of this run, not 17"
    ):
        rl.plot.logs(c, event=17)
    with pytest.raises(rl.InvalidError, match="give at or event, not both"):
        rl.plot.logs(c, event=3, at=0)
    with pytest.raises(rl.InvalidError, match=r"event must be an integer from 0 to 2\^64 - 1, not 1\.5"):
        rl.plot.logs(c, event=1.5)
    with pytest.raises(rl.InvalidError, match="of at most 2,000 events"):
        rl.plot.logs(rl.Cluster(5, seed=1).run("20s"), event=3)


# ---- The strip ------------------------------------------------------------------------------------------


def test_a_fault_that_ended_at_the_start_is_not_shown():
    c = rl.Cluster(3, seed=1).run("100ms")
    c.isolate("A", duration="200ms")
    c.run("500ms")
    assert words(rl.plot.messages(c, start="300ms"), "fault-label") == []
    assert words(rl.plot.messages(c, start="299ms"), "fault-label") == ["isolate A"]


def test_to_hold_messages_is_no_fault():
    c = rl.Cluster(3, seed=1).run("100ms")
    c.hold()
    c.run("100ms")
    ax = rl.plot.messages(c)
    assert words(ax, "fault-label") == ["hold"]
    bands = artists(ax, "faults")
    assert not any(len(band.get_paths()) for band in bands), "nothing is shaded"


def test_overlapping_faults_stay_readable():
    c = rl.Cluster(9, seed=1).run("100ms")
    for node in "ABCDEFGH":
        c.clock_rate(node, 1.1)
        c.run("20ms")
    c.run("400ms")
    ax = rl.plot.roles(c)
    assert words(ax, "fault-label") == [f"clock ×1.1 {node}" for node in "ABCDEFGH"]
    (bands,) = artists(ax, "faults")
    assert 1 - (1 - bands.get_alpha()) ** 8 < 0.3, "all eight together are no darker than three"
    _, small = plt.subplots(figsize=(3.4, 2.6))
    ax = rl.plot.roles(c, ax=small)
    assert words(ax, "fault-label") == ["clock rate × 8, up to 8 at once"]
    (steps,) = artists(ax, "fault-bar")
    heights = {round(y, 9) for y in steps.get_paths()[0].vertices[:, 1]}
    assert len(heights) == 9, "how many act at a time, in steps"


def test_a_label_stands_in_its_bar_or_beside_it():
    c = rl.Cluster(5, seed=1).run("400ms")
    c.cut(from_="A", to="B", duration="20ms")
    c.run("300ms")
    c.isolate("C")
    c.run("300ms")
    ax = rl.plot.roles(c)
    ax.figure.canvas.draw()
    short, long = (text for text in ax.texts if text.get_gid() == "fault-label")
    ends = [ax.transData.transform((time, 0))[0] for time in (400, 420, 700, 1040)]
    assert short.get_window_extent().x0 > ends[1], "too long for the bar: after it, not across its end"
    assert ends[2] < long.get_window_extent().x0
    assert long.get_window_extent().x1 < ends[3]


def test_labels_of_the_strip_fit_the_axes():
    c = rl.Cluster(5, seed=1).run("900ms")
    c.cut(from_="A", to="BC", types=["AppendEntries", "RequestVote", "InstallSnapshot"])
    c.run("100ms")
    _, ax = plt.subplots(figsize=(3.4, 2.6))
    rl.plot.timeline(c, ax=ax)
    ax.figure.canvas.draw()
    (label,) = [text for text in ax.texts if text.get_gid() == "fault-label"]
    box, inside = label.get_window_extent(), ax.get_window_extent()
    assert inside.x0 - 1 <= box.x0
    assert box.x1 <= inside.x1 + 1
    assert label.get_text().startswith("cut A→BC")


def test_the_replay_of_a_point_says_its_point():
    swept = rl.sweep(
        lambda loss: rl.Scenario(3, network=rl.Network(loss=loss), horizon="1s"), {"loss": [0, 0.1]}, seeds=2
    )
    run = swept.replay(3)
    assert run.point == {"loss": 0.1}
    assert rl.plot.timeline(run).get_title(loc="right") == "loss = 0.1, seed 1"
    assert rl.plot.logs(run).get_title(loc="right").startswith("loss = 0.1, seed 1, at 1 s")
    assert rl.Scenario(3).run().point == {}


# ---- Messages -------------------------------------------------------------------------------------------


def test_messages_say_terms_and_what_was_refused():
    ax = rl.plot.messages(by_hand())
    assert words(ax, "reason") == ["stale term"]
    (rings,) = artists(ax, "refused")
    assert rings.get_offsets().tolist() == [[15, 0]]
    assert words(ax, "term") == ["1", "2", "1", "2", "1", "2"]
    assert set(words(ax, "message-term")) == {"1", "2"}


# ---- Styles ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "style", ["default", "dark_background", "ggplot", "Solarize_Light2", "seaborn-v0_8-dark"]
)
def test_themes_follow_the_style(style):
    with plt.style.context(style):
        _, ax = plt.subplots()
    theme = _palette.Theme.of(ax)
    assert theme.background == mpl.colors.to_hex(ax.get_facecolor())
    for colour in (theme.ink, theme.muted):
        assert _palette.contrast(colour, theme.background) >= 4.5
    for colour in theme.nodes:
        assert _palette.contrast(colour, theme.background) >= 1.7


def test_transparent_axes_take_the_side_of_the_ink():
    with plt.style.context("dark_background"):
        _, ax = plt.subplots(facecolor="none")
        ax.patch.set_visible(False)
    assert _palette.Theme.of(ax).background == "#000000"


# ---- Shared axes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["timeline", "fate"])
def test_a_fate_below_a_timeline_counts_in_its_unit(first):
    run = rl.Scenario(3, bugs=["quorum_off_by_one"], faults=[rl.Crash("leader", at="1s")], horizon="4s").run(
        seed=1
    )
    futures = run.futures(5, at=[0, 500, 1500], progress=False)
    _, (above, below) = plt.subplots(2, 1, sharex=True)
    draw = [lambda: rl.plot.timeline(run, ax=above), lambda: rl.plot.fate(futures, ax=below)]
    for each in draw if first == "timeline" else reversed(draw):
        each()
    below.figure.canvas.draw()
    assert below.get_xlabel() == "time from which the futures differ (s)"
    assert above.get_xlabel() == "", "its ticks are hidden"
    assert [text.get_text() for text in below.get_xticklabels()][:2] == ["0", "1"]
    alone = rl.plot.fate(futures, ax=plt.subplots()[1])
    assert alone.get_xlabel() == "time from which the futures differ (ms)"


# ---- Files ----------------------------------------------------------------------------------------------


def test_saved_pictures_hold_text_as_text(tmp_path):
    before = dict(mpl.rcParams)
    ax = rl.plot.timeline(rl.Cluster(3, seed=1).run("1s"), title="a title")
    pdf = rl.plot.save(ax, tmp_path / "picture.pdf").read_bytes()
    assert b"/Type3" not in pdf
    assert b"/CIDFontType2" in pdf
    svg = rl.plot.save(ax.figure, tmp_path / "picture.svg").read_text()
    assert ">a title</text>" in svg
    assert "raftlab.Scenario.from_json" in svg
    assert dict(mpl.rcParams) == before
