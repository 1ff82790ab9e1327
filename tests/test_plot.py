"""Pictures are judged by what is on them: the artists, their data, and whether one can read the words."""

import itertools
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import raftlab as rl
from raftlab.plot import _palette

mpl.use("Agg")

PLOTS = ("timeline", "roles", "terms", "logs", "log_timeline", "messages")
OVER_TIME = tuple(name for name in PLOTS if name != "logs")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def story(nodes=5):
    """A leader in a minority, a pause, a crash: all in three seconds."""
    c = rl.Cluster(nodes, seed=7)
    c.run_until(rl.leader_elected)
    old = c.leader.name
    c.propose("x=1")
    c.run("100ms")
    minority = [old, next(n.name for n in c.nodes if n.name != old)][: (nodes - 1) // 2]
    c.partition(minority)
    c.propose("x=2", node=old)
    c.propose("y=3", node=old)
    c.run("1100ms")
    c.propose("z=7")
    c.pause(next(n.name for n in c.nodes if n.name not in minority and n is not c.leader), duration="500ms")
    c.run("400ms")
    c.heal()
    c.run("400ms")
    c.crash(c.leader.name, duration="400ms")
    c.run("900ms")
    return c


def short(nodes=5):
    """200 ms with losses."""
    c = rl.Cluster(nodes, seed=3, election_timeout=(20, 40), network=2)
    c.run("60ms")
    c.propose("a=1")
    c.run("50ms")
    c.loss(0.4)
    c.run("90ms")
    assert c.now_ms == 200
    return c


def overlapping(nodes=5):
    """Three faults at once."""
    faults = [
        rl.Partition(["A", "B"], at="1s", duration="1.5s"),
        rl.Loss(0.2, at="1.2s", duration="1s"),
        rl.Crash("C", at="1.3s", duration="600ms"),
        rl.ClockJump("A", "50ms", at="3s"),
    ]
    return rl.Scenario(nodes, workload=rl.OpenLoop(every="40ms"), horizon="4s", faults=faults).run(seed=5)


def long(nodes=5):
    """Five minutes, 5,000 entries, 100,000 messages."""
    faults = [
        rl.Crash("leader", every=rl.uniform("8s", "15s"), duration="1s"),
        rl.Partition(shape="halves", at="60s", every="70s", duration="15s"),
    ]
    load = rl.OpenLoop(every="58ms", keys=3)
    return rl.Scenario(nodes, workload=load, horizon="5min", faults=faults).run(seed=2)


def restless(nodes=5):
    """Five minutes, more than 400 terms."""
    faults = [rl.Crash("leader", at="1s", every="600ms", duration="300ms")]
    return rl.Scenario(nodes, workload=rl.OpenLoop(every="60ms"), horizon="5min", faults=faults).run(seed=2)


def broken(nodes=5):
    """A rule is missing, and it shows."""
    faults = [
        rl.Partition(shape="random", at="500ms", every="700ms", duration="400ms"),
        rl.Crash("a follower", at="600ms", every="400ms", duration="200ms"),
    ]
    load = rl.OpenLoop(every="50ms")
    bugs = ["quorum_off_by_one"]
    return rl.Scenario(nodes, bugs=bugs, workload=load, horizon="4s", faults=faults).run(seed=0)


STORIES = {f.__name__: f for f in (story, short, overlapping, long, restless, broken)}


@pytest.fixture(scope="module")
def worlds():
    made = {}

    def make(name, nodes=5):
        if (name, nodes) not in made:
            made[name, nodes] = STORIES[name](nodes)
        return made[name, nodes]

    return make


def artists(ax, gid):
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def paths(ax, gid):
    return sum(len(artist.get_paths()) for artist in artists(ax, gid))


def words(ax, gid):
    return [text.get_text() for text in ax.texts if text.get_gid() == gid]


def note(ax):
    """What a picture says below its axis, in one line."""
    return " ".join(words(ax, "note")).replace("\n", " ")


def rows(table):
    columns = table.to_dict()
    for name in (name for name in columns if name.endswith("_ms")):
        columns[name] = [float("nan") if cell is None else cell for cell in columns[name]]
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def assert_readable(ax):
    """No two texts in the picture meet, and neither do its labels and ticks."""
    ax.figure.canvas.draw()
    inside = [text for text in ax.texts if text.get_text() and text.get_visible()]
    ticks = [text for text in (*ax.get_yticklabels(), *ax.get_xticklabels()) if text.get_text()]
    about = [t for t in (ax.xaxis.label, ax.yaxis.label, ax.title, ax._right_title) if t.get_text().strip()]
    key = ax.get_legend().get_texts()
    boxes = [(text.get_text(), text.get_window_extent()) for text in (*inside, *ticks, *about, *key)]
    for (a, one), (b, other) in itertools.combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        down = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert across < 1.5 or down < 2.5, f"{a!r} and {b!r} overlap by {across:.1f} x {down:.1f} pixels"


# ---- What all have in common ----------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [3, 9])
@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("plot", PLOTS)
def test_every_picture_of_every_run_can_be_read(worlds, plot, name, nodes):
    ax = getattr(rl.plot, plot)(worlds(name, nodes))
    assert_readable(ax)
    assert len(ax.get_children()) < 1500, "an artist a row would take minutes"


@pytest.mark.parametrize("plot", PLOTS)
def test_axes_in_axes_out_and_nothing_global(worlds, plot):
    before, figure = dict(mpl.rcParams), plt.figure()
    ax, other = figure.subplots(1, 2)
    plt.sca(other)
    assert getattr(rl.plot, plot)(worlds("story"), ax=ax, title="T") is ax
    assert ax.get_title(loc="left") == "T"
    assert "seed 7" in ax.get_title(loc="right")
    assert plt.gca() is other
    assert plt.get_fignums() == [figure.number]
    assert dict(mpl.rcParams) == before
    assert not other.has_data()


@pytest.mark.parametrize("plot", PLOTS)
def test_without_ax_no_picture_lands_on_another(worlds, plot):
    draw = getattr(rl.plot, plot)
    figure = plt.figure(figsize=(4, 3))
    first, second = draw(worlds("story")), draw(worlds("story"))
    assert first.figure is figure, "an empty figure that is there is used"
    assert second.figure is not figure
    empty = plt.figure().subplots()
    assert draw(worlds("story")) is empty


@pytest.mark.parametrize("plot", OVER_TIME)
def test_time_axes_have_units_and_windows(worlds, plot):
    draw = getattr(rl.plot, plot)
    assert draw(worlds("short")).get_xlabel().startswith("time (ms)")
    whole = draw(worlds("story"))
    assert whole.get_xlabel().startswith("time (s)")
    now = worlds("story").now_ms
    assert whole.get_xlim() == (0, pytest.approx(1.04 * now))
    assert whole.spines["bottom"].get_bounds() == (0, now), "the line ends where the run does"
    assert max(whole.get_xticks()) <= now
    assert [t.get_text() for t in whole.get_xticklabels()][:3] == ["0", "0.5", "1"]
    assert draw(worlds("story"), start="0.5s", end=1500).get_xlim() == (500, 1500)
    assert draw(worlds("long")).get_xlabel().startswith("time (s)")


@pytest.mark.parametrize("plot", OVER_TIME)
def test_faults_are_bands_and_have_names(worlds, plot):
    ax = getattr(rl.plot, plot)(worlds("overlapping"))
    labels = {"partition AB | CDE", "loss 20 %", "crash C", "clock +50 ms A"}
    assert set(words(ax, "fault-label")) == labels
    (bands,) = artists(ax, "faults")
    ends = [path.get_extents().intervalx.tolist() for path in bands.get_paths()]
    assert ends == [[1000, 2500], [1200, 2200], [1300, 1900]]


@pytest.mark.parametrize("plot", OVER_TIME)
def test_many_faults_have_a_row_a_kind(worlds, plot):
    world = worlds("restless")
    struck = len([f for f in rows(world.trace.faults) if f["outcome"] == "struck"])
    assert words(getattr(rl.plot, plot)(world), "fault-label") == [f"crash × {struck}"]


@pytest.mark.parametrize("plot", OVER_TIME)
def test_what_broke_is_marked(worlds, plot):
    world = worlds("broken")
    ax = getattr(rl.plot, plot)(world)
    (ticks,) = artists(ax, "violation")
    assert len(ticks.get_paths()) == len(world.violations.properties)
    assert words(ax, "violation-label")[0].startswith("✗ leader completeness")


def test_nodes_are_chosen_and_kept_in_order(worlds):
    for plot in ("roles", "logs", "messages"):
        ax = getattr(rl.plot, plot)(worlds("story"), nodes="CA")
        assert [t.get_text() for t in ax.get_yticklabels()] == ["C", "A"]
    assert rl.plot.timeline(worlds("story"), nodes=["E"]).get_yticklabels()[0].get_text() == "E"


@pytest.mark.parametrize("plot", PLOTS)
def test_bad_arguments_are_named(worlds, plot):
    draw, world = getattr(rl.plot, plot), worlds("story")
    with pytest.raises(rl.InvalidError, match=r"unknown node 'AF'; this cluster has A, B, C, D, E"):
        draw(world, nodes="AF")
    with pytest.raises(rl.InvalidError, match="ax must be matplotlib Axes, not int"):
        draw(world, ax=3)
    with pytest.raises(TypeError):
        draw(world, 3)
    if plot != "logs":
        with pytest.raises(rl.InvalidError, match=r"start \(2 s\) must be before end \(1 s\)"):
            draw(world, start="2s", end="1s")


def test_bad_arguments_of_one_plot_are_named(worlds):
    world = worlds("story")
    with pytest.raises(rl.InvalidError, match="types: unknown message type 'Vote'; accepted are RequestVote"):
        rl.plot.messages(world, types="Vote")
    with pytest.raises(rl.InvalidError, match="limit must be an integer"):
        rl.plot.messages(world, limit=-1)
    with pytest.raises(rl.InvalidError, match="first must be an integer of at least 1, not 0"):
        rl.plot.logs(world, first=0)
    with pytest.raises(rl.InvalidError, match=r"first \(5\) must not be above last \(3\)"):
        rl.plot.logs(world, first=5, last=3)


@pytest.mark.parametrize("plot", OVER_TIME)
def test_without_a_trace_the_error_says_how_to_get_one(plot):
    world = rl.Cluster(3, trace="off").run("300ms")
    with pytest.raises(rl.InvalidError, match=r"Run it again with trace='full'"):
        getattr(rl.plot, plot)(world)


def test_states_are_enough_for_all_but_messages():
    world = rl.Cluster(3, trace="states").run("300ms")
    for plot in PLOTS[:-1]:
        getattr(rl.plot, plot)(world)
    with pytest.raises(rl.InvalidError, match="trace='states'"):
        rl.plot.messages(world)


@pytest.mark.parametrize("plot", PLOTS)
def test_the_smallest_worlds_and_odd_names(plot):
    draw = getattr(rl.plot, plot)
    for world in (rl.Cluster(5), rl.Cluster(1).run("1s"), rl.Cluster(3, checks=False).run("1s")):
        draw(world).figure.canvas.draw()
    ax = draw(rl.Cluster(["a$b$c", "Zürich", "_y"], seed=3).run("1s"))
    ax.figure.canvas.draw()
    key = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "a$b$c" in [*key, *(t.get_text() for t in ax.get_yticklabels())]


def test_matplotlib_is_asked_for_by_name():
    code = "import sys; sys.modules['matplotlib'] = None; import raftlab; raftlab.plot"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'pip install "raftlab[plot]"' in run.stderr
    quiet = "import sys, raftlab; assert 'matplotlib' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", quiet], check=True)


def test_colours_differ_in_grey():
    for theme, sign in ((_palette.LIGHT, 1), (_palette.DARK, -1)):
        roles = [sign * _palette.luminance(role.colour) for role in theme.roles.values()]
        assert all(a - b > 0.08 for a, b in itertools.pairwise(roles)), "from the background's end away"
        assert len({role.height for role in theme.roles.values()}) == len(roles)
    terms = [_palette.luminance(_palette.term_colour(term)) for term in range(1, 20)]
    assert all(abs(a - b) > 0.12 for a, b in itertools.pairwise(terms))
    for colour in _palette.TERM_CYCLE:
        assert _palette.contrast(_palette.LIGHT.ink_on(colour), colour) > 4.5


# ---- One by one -----------------------------------------------------------------------------------------


def test_roles_are_those_of_the_trace(worlds):
    world = worlds("story")
    table, ax = rl.plot.roles_table(world), rl.plot.roles(world)
    for role in set(table["role"]):
        there = [r == role and up for r, up in zip(table["role"], table["up"], strict=True)]
        assert paths(ax, f"role-{role}") == sum(there)
    assert paths(ax, "down") == sum(not up for up in table["up"]) == 1
    assert paths(ax, "paused") == sum(table["paused"]) == 1
    led = [t for r, t in zip(table["role"], table["term"], strict=True) if r == "leader"]
    written = [text for text in words(ax, "term") if "leader" in text or "term" in text]
    assert sorted(int(text.split()[-1]) for text in written) == sorted(led)
    covered = np.array(table["end_ms"]) - np.array(table["start_ms"])
    assert covered.sum() == pytest.approx(len(world) * world.now_ms)


def test_dense_roles_are_shares_of_time(worlds):
    world = worlds("restless")
    ax = rl.plot.roles(world)
    assert "a column is 1.5 s: each role's share of it" in note(ax)
    table = rl.plot.roles_table(world)
    led = sum(
        end - start
        for start, end, role, up in zip(
            *(table[c] for c in ("start_ms", "end_ms", "role", "up")), strict=True
        )
        if role == "leader" and up
    )
    height = (0.34 + 0.40) * 1.0
    drawn = sum(_area(path.vertices) for area in artists(ax, "role-leader") for path in area.get_paths())
    assert drawn / height == pytest.approx(led, rel=0.01)


def _area(corners):
    x, y = corners.T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def test_terms_are_those_of_the_trace(worlds):
    world = worlds("story")
    ax = rl.plot.terms(world)
    for node, line in zip(world.nodes, artists(ax, "term"), strict=True):
        drawn = line.get_ydata()
        assert drawn[~np.isnan(drawn)][-1] == node.term
        assert np.nanmax(drawn) <= max(n.term for n in world.nodes)
    led = rl.plot.roles_table(world)["role"].count("leader")
    assert paths(ax, "leads") == led
    assert len(words(ax, "leader-name")) == led


def test_the_log_timeline_ends_where_the_logs_do(worlds):
    world = worlds("story")
    ax = rl.plot.log_timeline(world)
    lines = zip(world.nodes, artists(ax, "last"), artists(ax, "commit"), strict=True)
    for node, last, commit in lines:
        assert last.get_ydata()[-1] == node.last_index
        assert commit.get_ydata()[-1] == node.commit_index
    lost = {(e["node"], e["truncated_ms"]) for e in rows(world.trace.entries) if e["truncated_ms"] > 0}
    assert sum(len(mark.get_xdata()) for mark in artists(ax, "truncation")) == len(lost) > 0


def test_logs_show_entries_commits_and_what_was_truncated(worlds):
    world = worlds("story")
    ax = rl.plot.logs(world)
    assert paths(ax, "entries") == sum(len(node.log) for node in world.nodes)
    lost = [e for e in rows(world.trace.entries) if e["truncated_ms"] > 0]
    assert paths(ax, "truncated") == len(lost) > 0
    edges = [edge.get_segments()[0][0][0] for edge in artists(ax, "commit")]
    assert edges == [node.commit_index + 0.5 for node in world.nodes]
    values = [entry.value for node in world.nodes for entry in node.log]
    assert [w for w in words(ax, "entry") if not w.isdigit()] == values
    assert [t.get_text() for t in ax.texts if t.get_gid() == "condition"].count("leader, term 3") == 1


def test_logs_of_the_past_are_those_of_the_past_state(worlds):
    world = worlds("story")
    before = rl.plot.logs_table(world, at="1s")
    then = world.state(at="1s")
    assert [i for i, t in zip(before["index"], before["truncated_ms"], strict=True) if t != t] == [
        entry.index for node in then.nodes for entry in node.log
    ]
    assert all(t != t for t in before["truncated_ms"]), "nothing was truncated yet"
    assert "at 1 s" in rl.plot.logs(world, at="1s").get_title(loc="right")
    now = rl.plot.logs_table(world)
    gone = {(n, v) for n, v, t in zip(now["node"], now["value"], now["truncated_ms"], strict=True) if t == t}
    assert {value for _, value in gone} == {"x=2", "y=3"}
    assert all(node in world.trace.entries.to_dict()["node"] for node, _ in gone)


def test_several_truncations_of_an_index_stand_side_by_side():
    c = rl.Cluster(3, seed=5)
    c.run_until(rl.leader_elected)
    c.run("100ms")
    for k in range(3):
        alone = c.leader.name
        cut = c.isolate(alone)
        c.propose(f"lost={k}", node=alone)
        c.run("800ms")
        c.heal(cut)
        c.run("300ms")
    entries = rows(c.trace.entries)
    lost = [(e["node"], e["index"]) for e in entries if e["truncated_ms"] > 0]
    ax = rl.plot.logs(c)
    assert paths(ax, "truncated") == len(lost) == 3
    slices = [p.get_extents() for a in artists(ax, "truncated") for p in a.get_paths()]
    for one, other in itertools.combinations(slices, 2):
        if one.y0 == other.y0:
            assert min(one.x1, other.x1) - max(one.x0, other.x0) < 1e-9


def test_five_thousand_entries_are_bars_that_say_so(worlds):
    world = worlds("long")
    assert world["A"].last_index > 4000
    ax = rl.plot.logs(world)
    assert "a bar is all entries of one term in a row" in note(ax)
    runs = sum(1 + np.count_nonzero(np.diff([e.term for e in node.log])) for node in world.nodes)
    assert paths(ax, "entries") == runs
    assert "from term 1 (light) to" in note(rl.plot.logs(worlds("restless")))
    zoomed = rl.plot.logs(world, first=100, last=120)
    assert paths(zoomed, "entries") == 21 * 5
    assert zoomed.get_xlim() == (99.5, 120.5)


def test_logs_without_a_trace_say_what_is_missing():
    world = rl.Cluster(3, trace="off").run("1s")
    assert "truncated entries are not known: trace='off'" in note(rl.plot.logs(world))


@pytest.mark.parametrize("name", ["story", "short"])
def test_every_lost_message_has_its_cross(worlds, name):
    world = worlds(name)
    ax = rl.plot.messages(world)
    sent = rows(world.trace.messages)
    for fate in ("lost", "cut", "receiver_down"):
        lost = [m for m in sent if m["fate"] == fate]
        crosses = [point for a in artists(ax, f"lost-{fate}") for point in a.get_offsets().tolist()]
        assert sorted(x for x, _ in crosses) == sorted(m["ended_ms"] for m in lost)
    lines = [a for a in ax.collections if (a.get_gid() or "").startswith("messages-")]
    assert sum(len(a.get_segments()) for a in lines) == len(sent)


def test_arrivals_end_on_the_lane_of_the_receiver(worlds):
    world = worlds("short")
    lanes = {node.name: i for i, node in enumerate(world.nodes)}
    ax = rl.plot.messages(world, types="RequestVote")
    (lines,) = artists(ax, "messages-RequestVote")
    drawn = {tuple(np.round(segment.ravel(), 6)) for segment in lines.get_segments()}
    asked = [m for m in rows(world.trace.messages) if m["type"] == "RequestVote"]
    arrived = [m for m in asked if m["fate"] == "delivered"]
    assert arrived
    for m in arrived:
        line = (m["sent_ms"], lanes[m["from"]], m["ended_ms"], lanes[m["to"]])
        assert tuple(np.round(line, 6)) in drawn


def test_heartbeats_and_types_can_be_left_out(worlds):
    world = worlds("story")
    kinds = {a.get_gid() for a in rl.plot.messages(world, heartbeats=False).collections}
    assert "messages-heartbeat" not in kinds
    assert {"messages-AppendEntries", "messages-AppendEntriesReply"} <= kinds
    (lines,) = artists(rl.plot.messages(world, heartbeats=False), "messages-AppendEntries")
    full = [m for m in rows(world.trace.messages) if m["type"] == "AppendEntries" and m["entries"]]
    assert len(lines.get_segments()) == len(full)
    only = {a.get_gid() for a in rl.plot.messages(world, types="RequestVote").collections}
    assert {gid for gid in only if gid and gid.startswith("messages-")} == {"messages-RequestVote"}


def test_held_messages_wait_where_they_were_sent():
    c = rl.Cluster(3, seed=1)
    c.hold()
    c.run("500ms")
    (marks,) = artists(rl.plot.messages(c), "held")
    assert len(marks.get_offsets()) == len(c.in_flight) > 0


def test_too_many_messages_are_counted_and_the_picture_says_so(worlds):
    world = worlds("long", 9)
    count = len(world.trace.messages)
    assert count > 100_000
    ax = rl.plot.messages(world)
    assert f"0 of {count:,} messages are drawn" in note(ax)
    lost = sum(m not in ("delivered", "in_flight") for m in world.trace.messages.to_dict()["fate"])
    assert f"lost × {lost:,}" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_the_timeline_has_leaders_commits_and_clients(worlds):
    world = worlds("story")
    ax = rl.plot.timeline(world)
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names == ["A", "B", "C", "D", "E", "leader", "commits", "clients"]
    table = rl.plot.roles_table(world)
    assert paths(ax, "leaders") == table["role"].count("leader")
    committed = {e["index"] for e in rows(world.trace.entries) if e["committed_ms"] == e["committed_ms"]}
    (ticks,) = artists(ax, "commit")
    assert len(ticks.get_segments()) == len(committed)
    statuses = world.trace.ops.to_dict()["status"]
    for status in set(statuses):
        assert paths(ax, f"op-{status}") == statuses.count(status)
    assert sorted(words(ax, "op-label")) == ["x=1", "x=2", "y=3", "z=7"]


def test_the_old_and_the_new_leader_stand_one_above_the_other(worlds):
    ax = rl.plot.timeline(worlds("story"))
    (bars,) = artists(ax, "leaders")
    boxes = sorted((path.get_extents() for path in bars.get_paths()), key=lambda box: box.x0)
    old, new = boxes[:2]
    assert old.x1 > new.x0
    assert old.y1 <= new.y0


def test_a_dense_timeline_counts_and_says_so(worlds):
    ax = rl.plot.timeline(worlds("long"))
    said = note(ax)
    for part in ("each role's share of it", "commits (at most", "operations asked for (at most"):
        assert part in said
    terms = [int(text) for text in words(ax, "term-at")]
    assert terms == sorted(terms)
    assert terms[-1] == max(node.term for node in worlds("long").nodes)


def test_saved_pictures_bring_their_run_back(worlds, tmp_path):
    from PIL import Image

    world = worlds("story")
    ax = rl.plot.timeline(world)
    path = rl.plot.save(ax, tmp_path / "picture.png", dpi=50)
    about = Image.open(path).text
    assert about["Software"].startswith("raftlab ")
    again = eval(about["Description"], {"raftlab": rl})
    assert again.digest == world.digest
    for kind in ("svg", "pdf", "jpg"):
        assert rl.plot.save(ax, tmp_path / f"picture.{kind}").stat().st_size > 1000
    assert b"raftlab.Scenario.from_json" in (tmp_path / "picture.svg").read_bytes()
    mine = rl.plot.save(ax, tmp_path / "mine.png", metadata={"Description": "mine"})
    assert Image.open(mine).text["Description"] == "mine"
    with pytest.raises(rl.InvalidError, match="ax must be matplotlib Axes"):
        rl.plot.save(3, tmp_path / "x.png")


def test_faults_are_named_in_a_few_letters():
    c = rl.Cluster(5, seed=1)
    c.run("400ms")
    leader = c.leader.name
    c.isolate("leader")
    c.cut(from_="A", to="BC", types="AppendEntries")
    c.delay("20ms", from_="D", both_ways=True)
    c.delay(rl.uniform(1, 2))
    c.duplicate(0.5)
    c.clock_rate("B", 1.5)
    c.clock_jump("B", "-20ms")
    c.lie("E", "double_vote")
    c.partition(shape="majorities_ring")
    c.run("10ms")
    labels = rl.plot.faults_table(c)["label"]
    assert labels[1:] == [
        "cut A→BC AppendEntries",
        "delay 20 ms D↔∗",
        "delay ~ uniform",
        "duplicate 50 %",
        "clock ×1.5 B",
        "clock −20 ms B",
        "E: double vote",
        "partition majorities ring",
    ]
    assert labels[0] == f"isolate {leader}"


@pytest.mark.parametrize(
    ("nodes", "groups", "label"),
    [
        (7, ("ABC", "EFG"), "partition ABC | EFG | D"),
        (5, ("AB",), "partition AB | CDE"),
        (5, ("a minority",), "partition AB | CDE"),
        (["left", "middle", "right"], (["left"],), "partition left | middle, right"),
        (30, (["n1"],), "partition n1 | 29 nodes"),
    ],
)
def test_a_partition_says_who_is_with_whom(nodes, groups, label):
    c = rl.Cluster(nodes, seed=1)
    c.partition(*groups)
    assert rl.plot.faults_table(c)["label"] == [label]


def test_a_bridge_has_a_name():
    c = rl.Cluster(7, seed=1)
    c.partition(shape="bridge")
    (label,) = rl.plot.faults_table(c)["label"]
    what, left, right = label.replace(":", " |").split(" | ")
    bridge = what.removeprefix("partition bridge ")
    assert sorted(bridge + left + right) == list("ABCDEFG")
    assert len(bridge) == 1
    assert {bridge} == set.intersection(
        *(set(part.split(",")) for part in c.trace.faults.to_dict()["nodes"][0].split(" | "))
    )


def test_roles_are_named_by_whom_they_hit():
    c = rl.Cluster(5, seed=1).run("400ms")
    leader = c.leader.name
    c.cut(from_="leader", to="a follower")
    c.crash("a minority")
    hit = c.trace.faults.to_dict()["nodes"][1].replace(",", "")
    cut, crash = rl.plot.faults_table(c)["label"]
    assert cut.startswith(f"cut {leader}→")
    assert cut[-1] in "ABCDE"
    assert crash == f"crash {hit}"
