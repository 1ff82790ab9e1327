"""Pictures of sweeps: what is drawn is what the runs say, and one can read it."""

import functools

import numpy as np
import pytest
import raftlab as rl
from failovers import failover
from raftlab.sweeps.observed import sample_of

# Runs with many losses end before their leader is there to crash: pictures draw them as censored.
pytestmark = pytest.mark.filterwarnings("ignore:.*'not_armed'")


# ---- Pictures ----------------------------------------------------------------------------------------


@pytest.fixture
def close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def drawn(ax, gid):
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


@pytest.mark.usefixtures("close")
def test_curves_are_the_distributions(swept):
    ax = rl.plot.ecdf(swept, "time_to_leader_ms", by="timeout")
    curves = drawn(ax, "curve")
    assert [curve.get_label() for curve in curves] == ["timeout = 50", "timeout = 150"]
    values = np.sort(swept.where(timeout=50)["time_to_leader_ms"])
    x, y = curves[0].get_data()
    for share_of, at in ((0.25, 399), (0.9, 1439)):
        assert y[np.searchsorted(x, values[at], side="right") - 1] == pytest.approx(share_of, abs=0.002)
    assert ax.get_xlabel() == "time to leader (ms)"


@pytest.mark.usefixtures("close")
def test_censored_curves_stop_below_one():
    cut = rl.sweep(failover(150, 0.2).replace(horizon="1.3s"), seeds=300)
    ax = rl.plot.ecdf(cut, "downtime_ms")
    assert drawn(ax, "curve")[0].get_ydata().max() < 0.95
    ax = rl.plot.survival(cut, "downtime_ms")
    assert len(drawn(ax, "censored")[0].get_xdata()) > 10


@pytest.mark.usefixtures("close")
def test_each_nine_takes_the_same_room(swept):
    ax = rl.plot.ecdf(swept, "time_to_leader_ms", by="timeout", nines=True)
    heights = ax.transData.transform([(0, y) for y in (0, 0.9, 0.99, 0.999)])[:, 1]
    assert np.diff(heights) == pytest.approx(np.diff(heights)[0], rel=1e-6)
    assert "0.999" in [text.get_text() for text in ax.get_yticklabels()]


@pytest.mark.usefixtures("close")
def test_cells_say_their_numbers(swept):
    ax = rl.plot.heatmap(swept, "timeout", "loss", "time_to_leader_ms", statistic="mean")
    texts = [text.get_text() for text in ax.texts]
    mean = swept.where(timeout=150, loss=0.0)["time_to_leader_ms"].mean()
    assert f"{mean:,.0f}" in texts
    ax = rl.plot.heatmap(swept, "timeout", "loss", "violation")
    assert [text.get_text() for text in ax.texts].count("none of 800 runs") == 4
    assert not any(text.get_text().startswith("0") for text in ax.texts)


@pytest.mark.usefixtures("close")
def test_bands_hold_the_runs(swept):
    ax = rl.plot.bands(swept.where(loss=0.0), "timeout", "time_to_leader_ms", inside=[0.8])
    path = drawn(ax, "band")[0].get_paths()[0].vertices
    values = swept.where(timeout=150, loss=0.0)["time_to_leader_ms"]
    at = path[path[:, 0] == 150][:, 1]
    assert at.min() == pytest.approx(np.quantile(values, 0.1, method="inverted_cdf"))
    assert at.max() == pytest.approx(np.quantile(values, 0.9, method="inverted_cdf"))
    timed = rl.sweep(failover, {"timeout": [50, 150]}, seeds=40, series="100ms")
    ax = rl.plot.bands(timed, "time_ms", "available", by="timeout")
    assert ax.get_ylabel() == "available (share of the time)"
    with pytest.raises(rl.InvalidError, match="series"):
        rl.plot.bands(swept, "time_ms", "available")


@pytest.mark.usefixtures("close")
def test_pairs_are_of_one_seed(swept):
    a, b = swept.where(timeout=50, loss=0.0), swept.where(timeout=150, loss=0.0)
    x, y = drawn(rl.plot.pairs(a, b, "time_to_leader_ms"), "pair")[0].get_data()
    assert x.tolist() == a["time_to_leader_ms"].tolist()
    assert y.tolist() == b["time_to_leader_ms"].tolist()


@pytest.mark.usefixtures("close")
def test_a_fate_rises_to_one_when_it_is_decided():
    scenario = rl.Scenario(
        5,
        bugs=["quorum_off_by_one"],
        network=rl.Network(latency=rl.uniform(1, 5), loss=0.3),
        horizon="3s",
        workload=rl.OpenLoop("50ms"),
        faults=[rl.Partition("AB", "CDE", at="1s", duration="1s")],
    )
    seed = rl.sweep(scenario, seeds=50).violating_seeds[0]
    run = scenario.run(seed)
    broke = run.violations[0].time_ms
    futures = run.futures(60, at=[0, broke / 2, broke + 1, 2900])
    ax = rl.plot.fate(futures)
    time, value = drawn(ax, "fate")[0].get_data()
    assert time.tolist() == pytest.approx([0, broke / 2, broke + 1, 2900])
    assert value[0] < 1
    assert value[2:].tolist() == [1, 1]
    (note,), strikes = drawn(ax, "decided"), drawn(ax, "strike")
    assert strikes
    assert note.get_bbox_patch().get_alpha() is None, "no line of a fault shows through the text"
    assert all(line.get_zorder() < note.get_zorder() for line in strikes)
    with pytest.raises(rl.InvalidError, match="several moments"):
        rl.plot.fate(run.futures(5, at=100))


# ---- What the pictures of sweeps have in common ------------------------------------------------------


@pytest.fixture(scope="module")
def cut():
    """Many are not over when their runs end."""

    def cluster(timeout):
        return failover(timeout, 0.3).replace(horizon="1.6s", stop=rl.leader_elected)

    return rl.sweep(cluster, {"timeout": [50, 150, 300]}, seeds=300)


@pytest.fixture(scope="module")
def timed():
    return rl.sweep(failover, {"timeout": [50, 150]}, seeds=30, series="100ms")


@functools.cache
def busy():
    """Latencies of commits on links of two kinds."""

    def cluster(slowest):
        return rl.Scenario(3, network=rl.uniform(1, slowest), workload=rl.OpenLoop("20ms"), horizon="1s")

    return rl.sweep(cluster, {"slowest": [5, 20]}, seeds=20, metrics="commit_latency_histogram")


@pytest.mark.usefixtures("close")
def test_shares_along_a_parameter_are_those_of_the_table(cut):
    ax = rl.plot.share(cut, "timeout", "ending=horizon")
    table = cut.share("ending=horizon")
    x, y = drawn(ax, "share")[0].get_data()
    assert x.tolist() == table.timeout.tolist()
    assert y.tolist() == table.share.tolist()
    with pytest.raises(rl.InvalidError, match="'downtime_ms' is not a yes/no metric"):
        rl.plot.share(cut, "timeout", "downtime_ms")
    with pytest.raises(rl.InvalidError, match="parameter"):
        rl.plot.share(cut, "loss", "ending=horizon")


@pytest.mark.usefixtures("close")
def test_a_share_that_nobody_or_everybody_has_is_an_open_dot(swept):
    ax = rl.plot.share(swept, "timeout", "violation", by="loss")
    assert len(drawn(ax, "share")) == 2
    assert sum(len(dots.get_xdata()) for dots in drawn(ax, "open")) == 4
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss = 0", "loss = 0.2"]
    certain = rl.plot.share(busy(), "slowest", "violation")
    assert drawn(certain, "band")[0].get_paths()[0].vertices[:, 1].max() > 0.05, "20 runs leave room for some"


@pytest.mark.usefixtures("close")
def test_commit_latencies_are_those_of_the_table():
    ax = rl.plot.commit_latency(busy())
    table = busy().commit_latency_ecdf()
    for curve, (_, rows) in zip(drawn(ax, "curve"), table.groupby("slowest"), strict=True):
        x, y = curve.get_data()
        assert x[1:].tolist() == rows.latency_ms.tolist()
        assert y[1:].tolist() == rows.share.tolist()
    assert f"{table.entries.sum():,} entries" in ax.get_title(loc="right")
    assert rl.plot.commit_latency(busy(), by="slowest", nines=True).get_yscale() == "function"
    with pytest.raises(rl.InvalidError, match="no histograms of commit latencies"):
        rl.plot.commit_latency(rl.sweep(failover(), seeds=3))


PICTURES = {
    "ecdf": lambda r, _, **more: rl.plot.ecdf(r, "downtime_ms", **more),
    "ecdf of nines": lambda r, _, **more: rl.plot.ecdf(r, "downtime_ms", nines=True, **more),
    "survival": lambda r, _, **more: rl.plot.survival(r, "downtime_ms", at_risk=True, **more),
    "heatmap": lambda _, __, **more: rl.plot.heatmap(
        rl.sweep(failover, {"timeout": [50, 300], "loss": [0.0, 0.3]}, seeds=60),
        "timeout", "loss", "downtime_ms", **more,
    ),
    "bands": lambda r, _, **more: rl.plot.bands(r, "timeout", "downtime_ms", **more),
    "bands along time": lambda _, t, **more: rl.plot.bands(t, "time_ms", "available", by="timeout", **more),
    "pairs": lambda r, _, **more: rl.plot.pairs(
        r.where(timeout=50), r.where(timeout=300), "downtime_ms", **more
    ),
    "share": lambda r, _, **more: rl.plot.share(r, "timeout", "ending=stop", **more),
    "commit latency": lambda _, __, **more: rl.plot.commit_latency(busy(), **more),
}  # fmt: skip


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_axes_in_axes_out_and_nothing_global(cut, timed, picture):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before, figure = dict(mpl.rcParams), plt.figure()
    ax, other = figure.subplots(1, 2)
    plt.sca(other)
    assert picture(cut, timed, ax=ax, title="T") is ax
    assert ax.get_title(loc="left") == "T"
    assert plt.gca() is other
    assert plt.get_fignums() == [figure.number]
    assert dict(mpl.rcParams) == before
    assert not other.has_data()
    with pytest.raises(rl.InvalidError, match="ax must be matplotlib Axes, not int"):
        picture(cut, timed, ax=3)
    with pytest.raises(rl.InvalidError, match="confidence must be a confidence above 0 and below 1"):
        picture(cut, timed, confidence=95)


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_pictures_of_sweeps_can_be_read(cut, timed, picture):
    """No two texts meet, in the size of a notebook."""
    import itertools

    ax = picture(cut, timed, title="A title")
    ax.figure.canvas.draw()
    about = [ax.xaxis.label, ax.yaxis.label, ax.title, ax._left_title, ax._right_title]
    key = ax.get_legend().get_texts() if ax.get_legend() else []
    ticks = [
        tick.label1
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis.get_major_ticks()
        if axis.get_view_interval()[0] <= tick.get_loc() <= axis.get_view_interval()[1]
    ]
    every = [*ax.texts, *ticks, *about, *key]
    boxes = [(text.get_text(), text.get_window_extent()) for text in every if text.get_text().strip()]
    assert len(boxes) > 8
    for (a, one), (b, two) in itertools.combinations(boxes, 2):
        across, down = min(one.x1, two.x1) - max(one.x0, two.x0), min(one.y1, two.y1) - max(one.y0, two.y0)
        assert across < 1.5 or down < 2.5, f"{a!r} and {b!r} overlap"
    frame = ax.figure.bbox
    for text, box in boxes:
        assert frame.x0 - 1 <= box.x0, f"{text!r} is cut off"
        assert box.x1 <= frame.x1 + 1, f"{text!r} is cut off"
        assert frame.y0 - 1 <= box.y0, f"{text!r} is cut off"
        assert box.y1 <= frame.y1 + 1, f"{text!r} is cut off"


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_pictures_of_sweeps_bring_their_runs_back(cut, timed, picture):
    ax = picture(cut, timed)
    line = vars(ax)["raftlab_replay"].splitlines()[0]
    again = eval(line.replace("seeds=range(0, ", "seeds=min(5, ").replace("))", "))", 1), {"raftlab": rl})
    assert len(again) == 5
    assert again.runs.to_list("digest")[3] == again.replay(3).digest


def test_a_replay_line_gives_the_same_rows(cut):
    from raftlab.plot._sweeps import replay_lines

    lines = replay_lines(cut)
    assert len(lines) == 3
    again = eval(lines[2], {"raftlab": rl})
    assert again.runs.to_list("digest") == cut.where(timeout=300).runs.to_list("digest")
    many = rl.sweep(lambda n: rl.Scenario(3, horizon=n), {"n": list(range(1, 61))}, seeds=1)
    assert replay_lines(many)[-1] == "# and 10 more points"


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("name", ["ecdf", "ecdf of nines", "survival", "bands", "pairs"])
def test_sweeps_that_were_interrupted_or_failed_in_part_are_drawn(timed, name, monkeypatch):
    monkeypatch.setattr("raftlab.sweeps.chunks.MOST_ROWS", 64)

    def picky(run):
        if run.seed % 3 == 0:
            raise ValueError("no")
        return 1.0

    def cluster(timeout):
        return failover(timeout, 0.3).replace(stop=rl.leader_elected)

    def stop(done):
        if done >= 150:
            raise KeyboardInterrupt

    metrics = ["downtime_ms", picky]
    with pytest.warns(UserWarning, match="interrupted"):
        part = rl.sweep(cluster, {"timeout": [50, 300]}, seeds=100, metrics=metrics, progress=stop, threads=1)
    assert not part.complete
    assert part.errors
    ax = PICTURES[name](part, timed)
    ax.figure.canvas.draw()
    if name != "pairs":
        assert ax.get_title(loc="right").startswith(f"{len(part)} runs, interrupted")
        assert "failed" not in ax.get_title(loc="right"), "what is drawn did not"
    assert part.summary(metrics="picky").failed.sum() == len(part.errors)
    table = part.summary(metrics="downtime_ms")
    assert table.failed.sum() == 0
    assert (table.n + table.absent + table.failed).sum() == len(part)


@pytest.mark.usefixtures("close")
def test_bands_of_curves_are_those_of_the_table(cut):
    table = cut.survival("downtime_ms")
    table = table[table.timeout == 150]
    survival, ecdf = rl.plot.survival(cut, "downtime_ms"), rl.plot.ecdf(cut, "downtime_ms")
    x, y = drawn(survival, "curve")[1].get_data()
    assert (x[0], y[0]) == (0, 1)
    assert x[1:] == pytest.approx(table.downtime_ms)
    assert y[1:] == pytest.approx(table.survival)
    x, y = drawn(ecdf, "curve")[1].get_data()
    assert y[1:] == pytest.approx(1 - table.survival)
    corners = drawn(ecdf, "band")[1].get_paths()[0].vertices
    assert corners[:, 1].max() == pytest.approx(1 - table.low.min())
    colour = drawn(survival, "curve")[1].get_color()
    (ticks,) = (line.get_xdata() for line in drawn(survival, "censored") if line.get_color() == colour)
    assert ticks == pytest.approx(table.downtime_ms[table.censored > 0])
    whole = [len(sample_of(cut.where(timeout=t), "downtime_ms").censored) == 0 for t in (50, 150, 300)]
    assert len(drawn(ecdf, "mean")) == sum(whole) < 3, "nobody knows the mean of what is not over"


@pytest.mark.usefixtures("close")
def test_means_are_marked_unless_not_wanted(swept):
    one = swept.where(timeout=50, loss=0.0)
    (dot,) = drawn(rl.plot.ecdf(one, "time_to_leader_ms"), "mean")
    assert dot.get_xdata()[0] == pytest.approx(one["time_to_leader_ms"].mean())
    assert not drawn(rl.plot.ecdf(one, "time_to_leader_ms", mean=False), "mean")


@pytest.mark.usefixtures("close")
def test_numbers_at_risk_are_those_of_the_runs(cut):
    ax = rl.plot.survival(cut, "downtime_ms", at_risk=True)
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    counts = [int(text.get_text().replace(",", "")) for text in ax.texts if text.get_gid() == "at-risk"]
    expected = []
    for timeout in (50, 150, 300):
        of = sample_of(cut.where(timeout=timeout), "downtime_ms")
        both = np.concatenate([of.values, of.censored])
        expected += [int((both >= tick).sum()) for tick in ticks]
    assert counts == expected
    assert [t.get_text() for t in ax.texts if t.get_gid() == "at-risk-name"] == [
        "timeout",
        "50",
        "150",
        "300",
    ]


@pytest.mark.usefixtures("close")
def test_cells_that_never_met_the_event_have_no_colour_and_do_not_bend_the_scale():
    from matplotlib.colors import LogNorm

    def cluster(rate, kind):
        return rl.Scenario(3, horizon=1 + rate if kind else 1)

    def long(run):
        return run.now_ms > 2 and run.seed < run.now_ms

    result = rl.sweep(cluster, {"rate": [4, 300], "kind": [False, True]}, seeds=400, metrics=[long])
    ax = rl.plot.heatmap(result, "rate", "kind", "long")
    (image,) = ax.images
    cells = image.get_array()
    assert cells.mask.sum() == 2
    assert isinstance(image.norm, LogNorm)
    assert image.norm.vmin == pytest.approx(5 / 400)
    texts = [text.get_text() for text in ax.texts]
    assert texts.count(f"< {rl.upper_bound(0, 400):.3g}") == 2
    assert texts.count("none of 400 runs") == 2
    assert "colours by logarithm" in ax.get_title(loc="right")


@pytest.mark.usefixtures("close")
def test_failed_runs_are_in_no_cell():
    def picky(run):
        if run.seed % 2:
            raise ValueError("no")
        return 1.0

    result = rl.sweep(failover, {"timeout": [50, 150], "loss": [0.0, 0.1]}, seeds=40, metrics=[picky])
    ax = rl.plot.heatmap(result, "timeout", "loss", "violation")
    assert [text.get_text() for text in ax.texts].count("none of 40 runs") == 4
    ax = rl.plot.heatmap(result, "timeout", "loss", "picky")
    assert "40 runs a point, 80 failed" in ax.get_title(loc="right")


@pytest.mark.usefixtures("close")
def test_a_heatmap_without_room_for_intervals_leaves_them_out(swept):
    import matplotlib.pyplot as plt

    roomy = rl.plot.heatmap(swept, "timeout", "loss", "downtime_ms")
    assert len(drawn(roomy, "interval")) == 4
    _, ax = plt.subplots(figsize=(1.6, 1.2), layout="constrained")
    rl.plot.heatmap(swept, "timeout", "loss", "downtime_ms", ax=ax)
    assert len(drawn(ax, "value")) == 4
    assert not drawn(ax, "interval")


@pytest.mark.usefixtures("close")
def test_bands_that_are_not_known_are_open_and_say_so(cut):
    ax = rl.plot.bands(cut, "timeout", "downtime_ms")
    assert "open where runs were censored" in ax.get_title(loc="right")
    values = drawn(ax, "band")[1].get_paths()[0].vertices[:, 1]
    assert not np.isnan(values).any()


@pytest.mark.usefixtures("close")
def test_lines_along_a_parameter_are_told_apart_and_have_intervals(swept):
    ax = rl.plot.bands(swept, "timeout", "time_to_leader_ms", by="loss")
    lines = [box.lines for box in ax.containers]
    assert (
        len({line[0].get_marker() for line in lines}) == len({line[0].get_linestyle() for line in lines}) == 2
    )
    table = swept.summary(metrics="time_to_leader_ms")
    for loss, line in zip((0.0, 0.2), lines, strict=True):
        rows = table.xs(loss, level="loss")
        assert line[0].get_ydata() == pytest.approx(rows.p50.to_numpy())
        ends = np.array([segment[:, 1] for segment in line[2][0].get_segments()])
        assert ends == pytest.approx(rows[["p50_low", "p50_high"]].to_numpy())


@pytest.mark.usefixtures("close")
def test_availability_along_time_is_the_mean_of_the_bins(timed):
    ax = rl.plot.bands(timed, "time_ms", "available", by="timeout")
    table = timed.series.to_pandas()
    mean = table[table.timeout == 150].groupby("time_ms").available.mean()
    line = next(line for line in ax.lines if line.get_label() == "timeout = 150")
    assert line.get_xdata() == pytest.approx(mean.index.to_numpy())
    assert line.get_ydata() == pytest.approx(mean.to_numpy())
    assert "while they last" not in ax.get_title(loc="right")
    ending = rl.sweep(failover().replace(stop=rl.leader_elected), seeds=30, series="50ms")
    assert "while they last" in rl.plot.bands(ending, "time_ms", "available").get_title(loc="right")


@pytest.mark.usefixtures("close")
def test_pairs_that_are_not_over_look_so(cut):
    a, b = cut.where(timeout=150), cut.where(timeout=300)
    ax = rl.plot.pairs(a, b, "downtime_ms")
    found = rl.compare(a, b, "downtime_ms")
    assert len(drawn(ax, "censored")[0].get_xdata()) == found.censored > 50
    assert len(drawn(ax, "pair")[0].get_xdata()) == found.pairs - found.censored
    (text,) = drawn(ax, "text")
    for part in (f"{found.difference:.3g}", f"{found.correlation:.2f}", f"{100 * found.b_is_greater:.0f} %"):
        assert part in text.get_text()
    assert len(drawn(ax, "marginal")) == 2
    assert ax.get_xlim() == ax.get_ylim()


# ---- Pictures at their limits ------------------------------------------------------------------------


def keyed(election_timeout_ms, network_latency_ms, pre_vote):
    return rl.Scenario(
        5,
        election_timeout=(election_timeout_ms, 2 * election_timeout_ms),
        network=rl.Network(latency=network_latency_ms),
        pre_vote=pre_vote,
        stop=rl.leader_elected,
    )


LONG = {"election_timeout_ms": [150, 300], "network_latency_ms": [5.0], "pre_vote": [False, True]}


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", [rl.plot.ecdf, rl.plot.survival])
def test_long_keys_leave_room_for_the_picture(picture):
    result = rl.sweep(keyed, LONG, seeds=20)
    ax = picture(result, "time_to_leader_ms")
    ax.figure.canvas.draw()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == "election_timeout_ms = 150,\npre_vote = False", "what does not vary tells nothing"
    frame, key = ax.figure.bbox, ax.get_legend().get_window_extent()
    assert key.x1 <= frame.x1
    assert key.y0 >= frame.y0
    assert ax.get_window_extent().width > 0.5 * frame.width
    label = ax.xaxis.label.get_window_extent()
    assert frame.x0 <= label.x0 < label.x1 <= frame.x1


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", [rl.plot.ecdf, rl.plot.survival])
def test_curves_that_are_equal_show_each_other(picture):
    result = rl.sweep(keyed, LONG, seeds=20, metrics=["elections", "time_to_leader_ms"])
    lines = drawn(picture(result, "elections"), "curve")
    assert len({line._dash_pattern[0] for line in lines}) == 4, "dashes that begin one after the other"
    assert all(line.is_dashed() for line in lines)
    ax = picture(result, "time_to_leader_ms")
    assert not any(line.is_dashed() for line in drawn(ax, "curve"))
    key = picture(result, "elections").get_legend().legend_handles
    assert not any(line.is_dashed() for line in key)


@pytest.mark.usefixtures("close")
def test_what_was_never_over_is_a_flat_curve():
    def cluster(timeout):
        return rl.Scenario(
            5, election_timeout=(timeout, 2 * timeout), stop=rl.leader_elected, horizon="140ms"
        )

    result = rl.sweep(cluster, {"timeout": [100, 150]}, seeds=50)
    ax = rl.plot.ecdf(result, "time_to_leader_ms")
    x, y = drawn(ax, "curve")[1].get_data()
    assert (x[-1], set(y)) == (140, {0.0})
    assert x[0] == drawn(ax, "curve")[0].get_xdata()[0]
    band = drawn(ax, "band")[1].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(1 - 0.025 ** (1 / 50))  # Clopper and Pearson
    assert len(ax.get_legend().get_texts()) == 2


@pytest.mark.usefixtures("close")
def test_what_is_no_duration_is_not_over_or_not(swept):
    assert rl.plot.survival(swept, "sent", by="loss").get_ylabel() == "share of runs with more"
    assert rl.plot.survival(swept, "downtime_ms", by="loss").get_ylabel() == "share of runs not over yet"


@pytest.mark.usefixtures("close")
def test_pairs_of_counts_are_as_large_as_they_are_many():
    def cluster(loss):
        return rl.Scenario(
            5, network=rl.Network(latency=5, loss=loss), election_timeout=(20, 30), horizon=900
        )

    result = rl.sweep(cluster, {"loss": [0.0, 0.1]}, seeds=80, metrics=["elections", "lost_writes"])
    a, b = result.where(loss=0.0), result.where(loss=0.1)
    ax = rl.plot.pairs(a, b, "elections")
    (dots,) = drawn(ax, "pair")
    both = list(zip(a["elections"].tolist(), b["elections"].tolist(), strict=True))
    most = max(set(both), key=both.count)
    assert tuple(dots.get_offsets()[dots.get_sizes().argmax()]) == most
    assert f"the largest dot is {both.count(most)} pairs" in drawn(ax, "text")[0].get_text()
    text = drawn(rl.plot.pairs(a, a, "lost_writes"), "text")[0].get_text()
    assert "no interval" in text
    assert "no correlation" in text


def test_a_correlation_of_zero_has_no_sign():
    from raftlab.plot._pairs import correlation_text

    assert correlation_text(-0.001) == "correlation 0.00"


def test_text_on_any_cell_can_be_read():
    from matplotlib import colormaps, colors
    from raftlab.plot._palette import LIGHT

    def light(colour):
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colors.to_rgb(colour)]
        return float(np.dot(parts, [0.2126, 0.7152, 0.0722])) + 0.05

    for fill in [*colormaps["cividis"](np.linspace(0, 1, 64)), colors.to_rgba("#eef0f2")]:
        pair = sorted([light(fill[:3]), light(LIGHT.ink_on(colors.to_hex(fill)))])
        assert pair[1] / pair[0] >= 4.5


@pytest.mark.usefixtures("close")
def test_cells_of_counts_that_were_never_seen_say_the_bound():
    result = rl.sweep(failover, {"timeout": [50, 150], "loss": [0.0, 0.1]}, seeds=40, metrics="lost_writes")
    for statistic, value, told in (("mean", "none", "any in < 7.2 %"), ("p50", "0", "other in < 7.2 %")):
        ax = rl.plot.heatmap(result, "timeout", "loss", "lost_writes", statistic=statistic)
        texts = [text.get_text() for text in ax.texts]
        assert texts.count(value) == texts.count(told) == 4


BAD_PICTURES = {
    "too many curves": (
        lambda _: rl.plot.ecdf(rl.sweep(failover, {"timeout": [*range(50, 63)]}, seeds=1), "sent"),
        ["by", "13 curves", "12", "where()"],
    ),
    "nothing to draw": (
        lambda _: rl.plot.ecdf(rl.sweep(rl.Scenario(3, horizon="1s"), seeds=1), "downtime_ms"),
        ["'downtime_ms'", "1 run"],
    ),
    "nothing that was checked": (
        lambda _: rl.plot.survival(
            rl.sweep(rl.Scenario(3, horizon=9), seeds=2, metrics="lost_writes", checks=False), "lost_writes"
        ),
        ["'lost_writes'", "not checked"],
    ),
    "a curve of flags": (lambda r: rl.plot.ecdf(r, "violation"), ["'violation'", "yes/no"]),
    "survival of flags": (lambda r: rl.plot.survival(r, "ending=stop"), ["'ending=stop'", "yes/no"]),
    "bands of flags": (lambda r: rl.plot.bands(r, "timeout", "violation"), ["'violation'", "yes/no"]),
    "pairs of flags": (
        lambda r: rl.plot.pairs(r.where(timeout=50, loss=0.0), r.where(timeout=150, loss=0.0), "violation"),
        ["'violation'", "yes/no"],
    ),
    "no sweep": (lambda _: rl.plot.ecdf(5, "downtime_ms"), ["result", "Sweep", "5"]),
    "no sweep in a heatmap": (lambda _: rl.plot.heatmap(5, "a", "b", "sent"), ["result", "Sweep", "5"]),
    "nines": (lambda r: rl.plot.ecdf(r, "sent", nines=3), ["nines", "True or False", "3"]),
    "at_risk": (lambda r: rl.plot.survival(r, "sent", at_risk="yes"), ["at_risk", "'yes'"]),
    "an unknown metric": (lambda r: rl.plot.heatmap(r, "timeout", "loss", "down"), ["'down'", "downtime_ms"]),
    "an unknown parameter": (
        lambda r: rl.plot.heatmap(r, "size", "loss", "sent"),
        ["'size'", "timeout, loss"],
    ),
    "the same parameter": (lambda r: rl.plot.heatmap(r, "loss", "loss", "sent"), ["x and y", "'loss'"]),
    "a statistic": (
        lambda r: rl.plot.heatmap(r, "timeout", "loss", "sent", statistic="max"),
        ["statistic", "'max'"],
    ),
    "inside": (lambda r: rl.plot.bands(r, "timeout", "sent", inside=[90]), ["inside", "90"]),
    "along nothing": (lambda r: rl.plot.bands(r, "size", "sent"), ["'size'", "timeout, loss"]),
}


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("name", BAD_PICTURES)
def test_errors_of_pictures_name_what_is_wrong(swept, name):
    import matplotlib.pyplot as plt

    call, words = BAD_PICTURES[name]
    with pytest.raises(rl.InvalidError) as error:
        call(swept)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert not plt.get_fignums(), "what is refused leaves no empty picture"


def test_a_title_and_what_stands_beside_it_do_not_overlap():
    result = rl.sweep(
        lambda n, loss: rl.Scenario(n, network=rl.Network(latency=5, loss=loss), horizon="300ms"),
        {"n": [3, 5], "loss": [0, 0.1]},
        seeds=20,
        progress=False,
    )
    ax = rl.plot.heatmap(result, "loss", "n", "violation")
    ax.figure.canvas.draw()
    titles = [text for text in (ax.title, ax._left_title, ax._right_title) if text.get_text().strip()]
    boxes = [text.get_window_extent() for text in titles]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])
    assert boxes[0].y1 <= ax.figure.bbox.y1 + 1


def test_wide_pictures_have_both_in_one_line():
    result = rl.sweep(
        lambda timeout: rl.Scenario(3, election_timeout=(timeout, 2 * timeout), stop=rl.leader_elected),
        {"timeout": [50, 100]},
        seeds=20,
        progress=False,
    )
    ax = rl.plot.bands(result, "timeout", "time_to_leader_ms", title="short")
    ax.figure.canvas.draw()
    left, right = ax._left_title.get_window_extent(), ax._right_title.get_window_extent()
    assert left.y0 < right.y1
