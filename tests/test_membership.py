"""Membership: views, pictures, refusals."""

import matplotlib as mpl
import pytest

mpl.use("Agg")
import raftlab as rl
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from raftlab import steps


def led(nodes=3, **settings):
    """A cluster whose leader A has committed an entry of its term."""
    c = rl.Cluster(nodes, seed=1, initial=rl.Initial(term=1, log=[1], commit=1, leader="A"), **settings)
    c.run("100ms")
    return c


@pytest.fixture
def grown():
    """D joins and votes, A leads no more; then E replaces C, which becomes a learner."""
    c = led()
    c.add("D")
    c.run("100ms")
    c.promote("D")
    c.run_until(rl.member("D")).run("50ms")
    c.remove("A")
    c.run("400ms")
    c.change("BDE", learners="C", stay=True)
    c.run("100ms")
    return c


# ---- Views ----------------------------------------------------------------------------------------------


def test_a_membership_says_who_votes_who_learns_and_what_was_before(grown):
    now = grown.membership
    assert (now.voters, now.outgoing, now.learners) == (("B", "D", "E"), ("B", "C", "D"), ("C",))
    assert (now.joint, now.stays, str(now), len(now)) == (True, True, "BCD → BDE + C", 4)
    assert "A" not in now
    assert grown["C"] in now
    grown.leave_joint()
    grown.run("100ms")
    assert (str(grown.membership), grown.membership.joint) == ("BDE + C", False)


def test_a_node_has_the_configuration_in_its_log_committed_or_not():
    c = led()
    c.partition("A")
    c.add("D")
    assert (str(c["A"].membership), str(c["B"].membership), str(c.membership)) == ("ABC + D", "ABC", "ABC")
    c.run("2s")
    c.heal()
    c.run("1s")
    assert str(c["A"].membership) == "ABC"  # the entry was truncated


def test_a_machine_is_not_seen_before_it_starts():
    c = led()
    c.at("1s", steps.add("D"))
    c.run("500ms")
    assert (len(c), "D" in c, [node.name for node in c]) == (3, False, ["A", "B", "C"])
    assert "D" not in {*c.trace.nodes.to_dict()["node"], *c.trace.members.to_dict()["node"]}
    with pytest.raises(rl.InvalidError, match="unknown node 'D'; this cluster has A, B, C"):
        c["D"]
    c.run("1s")
    assert (len(c), "D" in c, c["D"].membership.learners) == (4, True, ("D",))


def test_a_partition_of_all_that_have_started_cuts_nothing():
    c = led()
    c.at("1s", steps.add("D"))
    c.partition("ABC")
    c.run("1500ms")
    c.partition("ABC")
    assert c.trace.faults.to_dict()["nodes"] == ["", "A,B,C | D"]


def test_an_entry_says_whether_it_is_a_configuration(grown):
    log = grown["D"].log
    assert [entry.value for entry in log if entry.is_configuration] == [
        "ABC + D", "ABCD", "BCD", "BCD → BDE + C",
    ]  # fmt: skip
    assert not log[0].is_configuration


# ---- What is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "ask", "reason"),
    [
        (1, lambda c: c.remove("A"), "no voter would remain"),
        (3, lambda c: c.change([]), "no voter would remain"),
        (3, lambda c: c.add("B"), "the node is a member already"),
        (3, lambda c: c.promote("B"), "the node is not a learner"),
        (3, lambda c: c.leave_joint(), "the configuration is not joint"),
        (3, lambda c: c.add("D", node="B"), "not the leader"),
        (3, lambda c: [c.add("D"), c.add("E")][1], "another change is under way"),
        (3, lambda c: [c.add("D"), c.run("50ms"), c.transfer("D")][2], "the node is not a voter"),
        (3, lambda c: [c.partition("B"), c.transfer("B"), c.transfer("C")][2], "the leader is handing over"),
        (3, lambda c: [c.add("D"), c.run("50ms"), c.remove("D"), c.run("50ms"), c.promote("D")][4],
         "the node is not a learner"),
    ],
    ids=["last_voter", "nobody", "again", "voter", "not_joint", "follower", "two", "learner", "transfers",
         "removed"],
)  # fmt: skip
def test_a_leader_refuses(nodes, ask, reason):
    c = led(nodes)
    asked = ask(c)
    c.run("50ms")
    assert (asked.status, asked.reason) == ("failed", reason)
    assert not c.violations


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda c: c.promote("D"), "unknown node 'D'; this cluster has A, B, C"),
        (lambda c: c.remove("Z"), "unknown node 'Z'; this cluster has A, B, C"),
        (lambda c: c.transfer("Z"), "unknown node 'Z'; this cluster has A, B, C"),
        (lambda c: c.add(""), "must not be empty"),
        (lambda c: c.add(3), "machine must be the name of a node, not 3"),
        (lambda c: c.add("D", voter=1), "voter must be True or False, not 1"),
        (lambda c: c.change("ABB"), "'B' is named twice"),
        (lambda c: c.change("ABC", learners="C"), "C cannot be both voter and learner"),
    ],
    ids=["promote", "remove", "transfer", "empty", "number", "voter", "twice", "both"],
)
def test_what_cannot_be_meant_is_an_error(ask, said):
    with pytest.raises(rl.InvalidError, match=said):
        ask(led())


def test_a_transfer_to_the_leader_itself_is_done_at_once():
    c = led()
    asked = c.transfer("A")
    assert (c.run("10ms").leader.name, asked.status) == ("A", "ok")


def test_a_transfer_to_a_node_that_is_down_is_aborted_and_the_leader_goes_on():
    c = led()
    c.crash("B")
    asked, write = c.transfer("B"), c.propose("x=1")
    c.run("1s")
    assert (asked.status, asked.reason) == ("unknown", "the transfer took too long")
    assert (write.ok, c.propose("x=2").status, c.leader.name) == (False, "pending", "A")


def test_a_cluster_that_was_changed_replays(grown):
    grown.transfer("D")
    grown.run("300ms")
    again = grown.scenario.run(seed=1)
    assert (again.digest, str(again.membership)) == (grown.digest, str(grown.membership))


# ---- Messages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [False, True], ids=["now", "later"])
def test_watchers_and_interceptors_see_machines_that_are_added(later):
    c, seen = led(), []
    c.watch(lambda message: seen.append((message["from"], message["to"], message.sender.name)))
    c.intercept(lambda message: seen.append((message["from"], message["to"], message.sender.name)))
    if later:
        c.at("150ms", steps.add("D"))
    else:
        c.add("D")
    c.run("200ms")
    assert {("A", "D", "A"), ("D", "A", "D")} <= set(seen)
    assert len(seen) % 2 == 0


def test_a_refused_change_introduces_no_machine():
    c = led()
    c.intercept(lambda message: message.send("TimeoutNow", "D", term=1), nodes="A", types="AppendEntries")
    with pytest.raises(rl.InvalidError, match="unknown node 'Z'"):
        c.change("ABD", node="Z")
    with pytest.raises(rl.InterceptorError, match="unknown node 'D'"):
        c.run("200ms")


def test_a_message_shows_configurations():
    c, entries, snapshots = led(snapshot_every=1), [], []
    c.watch(lambda message: entries.extend(message.get("entries", [])))
    c.watch(lambda message: snapshots.append(message["snapshot"]), types="InstallSnapshot")
    c.add("D")
    c.run("100ms")
    c.add("E")
    c.run("100ms")
    found = [entry.command for entry in entries if isinstance(entry.command, rl.MessageMembership)]
    assert found[0] == rl.MessageMembership(voters=(0, 1, 2), learners=(3,))
    assert snapshots[0].membership in (None, found[0])
    assert snapshots[-1].membership.voters == (0, 1, 2)


@pytest.mark.parametrize("where", ["entry", "snapshot"])
@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"voters": (7,)}, "a configuration names node 7 of 3 nodes, which count from 0"),
        ({"voters": ()}, "a configuration needs at least one voter"),
        ({"voters": (0,), "learners": (0,)}, "a configuration names node 0 both as voter and as learner"),
    ],
    ids=["unknown", "nobody", "both"],
)
def test_a_forged_configuration_must_be_one(where, members, said):
    c, forged = led(), rl.MessageMembership(**members)

    def forge(message):
        if where == "entry":
            message["entries"] = [(1, forged)]
        else:
            snapshot = rl.MessageSnapshot(last_index=5, last_term=1, store={}, membership=forged)
            message.send("InstallSnapshot", message["to"], snapshot=snapshot)

    c.intercept(forge, nodes="A", types="AppendEntries")
    with pytest.raises(rl.InterceptorError, match=said):
        c.run("100ms")


def test_a_liar_with_forged_configurations_replays_without_its_function():
    c = led()
    alone = rl.MessageMembership(voters=(1,))
    with c.intercept(lambda m: {"entries": [(1, alone)]} if m["to"] == "B" else None, nodes="A",
                     types="AppendEntries"):  # fmt: skip
        c.run("60ms")
    c.partition("B")
    c.run("1s")
    assert "B" in [node.name for node in c.leaders]
    assert c.scenario.run(seed=1).digest == c.digest


# ---- Metrics --------------------------------------------------------------------------------------------


def measured(*script, until="1s", **settings):
    """One run, with all metrics of membership and some others."""
    initial = rl.Initial(term=1, log=[1], commit=1, leader="A")
    scenario = rl.Scenario(3, initial=initial, network=5, steps=script, horizon=until, **settings)
    swept = rl.sweep(scenario, seeds=[1], metrics=["membership", "acknowledged"], progress=False)
    return swept.runs.to_pandas().iloc[0]


def test_a_change_is_measured_from_its_request_to_its_commit():
    # At 100 ms A appends the entry and sends it; after a round trip of 10 ms a majority has it.
    row = measured(steps.at("100ms", steps.add("D")), steps.at("300ms", steps.add("D")))
    assert (row.membership_changes, row.membership_change_ms, row.membership_changes_open) == (1, 10.0, 0)
    assert (row.unavailable_in_changes_ms, row.transfers, row.acknowledged) == (0.0, 0, 0)


def test_a_joint_change_is_measured_to_the_commit_of_the_configuration_after_it():
    row = measured(steps.at("100ms", steps.change("AB")))
    assert (row.membership_changes, row.membership_change_ms) == (1, 20.0)  # two round trips


def test_a_change_without_a_quorum_stays_open():
    row = measured(
        steps.at("100ms", rl.Crash("B")),
        steps.at("100ms", rl.Crash("C")),
        steps.at("200ms", steps.add("D")),
    )
    assert (row.membership_changes, row.membership_changes_open) == (0, 1)
    assert row.membership_change_ms != row.membership_change_ms


def test_a_leader_that_is_cut_off_during_a_change_is_not_available():
    cut = steps.at("102ms", rl.Partition("A"))
    row = measured(steps.at("100ms", steps.add("D")), cut, until="110ms")
    assert (row.membership_changes_open, row.unavailable_in_changes_ms) == (1, 8.0)


def test_a_transfer_leaves_the_cluster_without_a_leader_for_the_rest_of_the_election():
    # TimeoutNow is sent at 100 ms, B's requests at 105 ms; A steps down at 110 ms, and B leads at 115 ms.
    row = measured(steps.at("100ms", steps.transfer("B")), steps.at("300ms", steps.transfer("B")))
    assert (row.transfers, row.transfer_gap_ms) == (1, 5.0)


# ---- Pictures -------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def found(ax, gid):
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def times(bars):
    """From when to when each bar is, by its lane."""
    boxes = [path.get_extents() for path in bars.get_paths()]
    return {(round((box.y0 + box.y1) / 2), round(box.x0), round(box.x1)) for box in boxes}


def test_lanes_show_learners_and_nodes_that_are_no_members(grown):
    ax = rl.plot.timeline(grown)
    rows = grown.trace.members.to_dict()
    when = {
        (node, index): round(time)
        for node, index, time in zip(rows["node"], rows["index"], rows["time_ms"], strict=True)
    }
    (learner,), (none,) = found(ax, "member-learner"), found(ax, "member-none")
    last = round(ax.get_xlim()[1])
    assert times(learner) == {(3, when["A", 2], when["A", 3])}
    assert times(none) == {(0, when["A", 4], last)}
    assert [text.get_text() for text in found(ax, "members")][-1].endswith("BDE + C")


def test_the_strip_follows_the_leader_of_the_highest_term():
    c = led()
    c.partition("A")
    c.remove("C")
    c.run("1s")
    c.heal()
    c.run("300ms")
    assert c.leader.name != "A"
    texts = [text.get_text() for text in found(rl.plot.timeline(c), "members")]
    assert texts == ["ABC", "AB", "ABC"]


def test_a_removed_node_has_a_pale_line_of_terms(grown):
    (pale,) = found(rl.plot.terms(grown), "no-member")
    assert pale.get_alpha() < 0.5
    assert set(pale.get_ydata()[-4:]) == {grown["A"].term}


def test_nothing_about_members_is_drawn_if_they_never_change():
    c = led()
    for draw in (rl.plot.timeline, rl.plot.roles, rl.plot.terms):
        ax = draw(c)
        assert not any(found(ax, gid) for gid in ("member-learner", "member-none", "members", "no-member"))
        assert "no member" not in [text.get_text() for text in ax.get_legend().get_texts()]


def test_configurations_have_a_frame_in_their_logs(grown):
    ax = rl.plot.logs(grown, nodes="DE")
    frames = found(ax, "configurations")
    assert [len(lane.get_paths()) for lane in frames] == [4, 4]
    assert "configuration" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert to_hex(frames[0].get_edgecolor()[0]) == "#000000"


def test_the_log_of_a_machine_that_has_not_started_is_empty(grown):
    ax = rl.plot.logs(grown, at="100ms")
    assert [text.get_text() for text in found(ax, "condition")][3:] == ["not started", "not started"]
    assert set(rl.plot.logs_table(grown, at="100ms")["node"]) == {"A", "B", "C"}


def test_a_lost_configuration_is_drawn_in_words():
    c = led()
    c.partition("A")
    c.remove("C")
    c.run("1s")
    c.heal()
    c.run("300ms")
    cells = rl.plot.logs_table(c)
    lost = [value for value, time in zip(cells["value"], cells["truncated_ms"], strict=True) if time == time]
    assert lost == ["AB"]
