"""The bug library: each recipe breaks the property that the table names, and its control breaks nothing."""

import copy
import itertools
import pickle

import matplotlib
import pytest
import raftlab as rl

matplotlib.use("Agg")

SEEN_BEFORE = {
    "vote_not_persisted": "durable_promise",
    "term_not_persisted": "term_monotonic",
}
"""The restart alone shows that a promise is no longer on the disk: a check that no real cluster has."""

WITHOUT_RECIPE = {"compact_before_snapshot_durable", "snap_install_stale"}
"""Rules whose recipes are still to be written. May only get fewer."""

MOST_STEPS = 28


@pytest.mark.parametrize("name", rl.bugs)
def test_a_recipe_shows_its_bug(name):
    bug = rl.bugs[name]
    for seed in (0, 7):
        violations = bug.recipe.run(seed).violations
        first = SEEN_BEFORE.get(name, bug.property)
        assert violations.properties[:1] == (first,)
        assert bug.property in violations.properties


@pytest.mark.parametrize("name", rl.bugs)
def test_its_control_is_clean_and_does_something(name):
    run = rl.bugs[name].control.run(3)
    assert run.violations == []
    assert run.ending == "steps"
    assert any(node.term > 0 for node in run.nodes)
    assert any(node.commit_index > 0 or run.operations == () for node in run.nodes)


def like(step):
    """Proposals in a row are one line, and so are equal steps."""
    return rl.propose if isinstance(step, rl.propose) else step


@pytest.mark.parametrize("name", rl.bugs)
def test_a_recipe_is_short(name):
    """As users write it; no step counts events or names the number of a message."""
    recipe = rl.bugs[name].recipe
    steps = [kind for kind, _ in itertools.groupby(recipe.steps, like)]
    assert len(steps) + len(recipe.faults) <= MOST_STEPS
    assert not [step for step in recipe.steps if isinstance(step, (rl.steps.events, rl.steps.message))]
    assert recipe.replace(bugs=()) == rl.bugs[name].control


def test_every_rule_has_a_recipe():
    assert set(rl.rules.names) - set(rl.bugs) == WITHOUT_RECIPE
    for row in rl.rules:
        if row["bug"] in rl.bugs:
            bug = rl.bugs[row["bug"]]
            assert [bug.name, bug.rule, bug.source, bug.property, bug.needs] == list(row.values())
            assert bug.happened


def test_the_library_is_a_mapping_that_can_only_be_read():
    assert list(rl.bugs) == [name for name in rl.rules.names if name in rl.bugs]
    with pytest.raises(TypeError):
        rl.bugs["mine"] = rl.bugs["no_dedup"]
    with pytest.raises(rl.UnknownNameError, match="did you mean 'no_dedup'"):
        rl.bugs["nodedup"]
    with pytest.raises(rl.UnknownNameError, match="the bugs are"):
        rl.bugs[5]
    assert "no_dedup" in repr(rl.bugs)
    assert "<table>" in rl.bugs._repr_html_()


def test_bugs_are_values():
    bug = rl.bugs["no_dedup"]
    assert pickle.loads(pickle.dumps(bug)) == bug
    assert copy.copy(bug) == bug
    assert bug != rl.bugs["skip_prev_check"]
    with pytest.raises(AttributeError):
        bug.name = "other"
    assert "session_once" in repr(bug)
    assert "session_once" in bug._repr_html_()


def test_a_demo_has_both_runs_and_draws_the_moment():
    demo = rl.bugs["skip_up_to_date"].demo(seed=2)
    assert demo.run.ending == "violation"
    assert demo.violation == demo.run.violations[0]
    assert demo.control.violations == []
    assert "leader_completeness" in repr(demo)
    assert "leader_completeness" in demo._repr_html_()
    ax = demo.plot()
    assert len(ax.figure.axes) >= 2
    assert (
        demo.plot(ax=matplotlib.pyplot.figure().subplots()).get_title(loc="left")
        == ax.get_title(loc="left")
        != ""
    )
    matplotlib.pyplot.close("all")
    with pytest.raises(rl.InvalidError, match="seed"):
        rl.bugs["no_dedup"].demo(seed=-1)


# ---- Bugs of some nodes ---------------------------------------------------------------------------------


def test_bugs_of_some_nodes_round_trip():
    scenario = rl.Scenario(3, bugs={"B": ["no_dedup", "skip_prev_check"], "A": "no_dedup", "C": []})
    assert scenario.bugs == {"A": ("no_dedup",), "B": ("no_dedup", "skip_prev_check")}
    names = {"Scenario": rl.Scenario}
    assert eval(repr(scenario), names) == scenario
    assert rl.Scenario.from_json(scenario.to_json()) == scenario
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    assert "no_dedup" in scenario._repr_html_()
    assert scenario.replace(bugs=()).bugs == ()
    assert rl.Scenario(3, bugs={"A": []}) == rl.Scenario(3)


def test_only_the_nodes_that_have_a_bug_obey_no_rule():
    """B, which votes for the candidate that lags, is the one that counts."""
    recipe = rl.bugs["skip_up_to_date"].recipe
    for nodes, broken in (("B", True), ("A", False), ("C", False)):
        run = recipe.replace(bugs={nodes: ["skip_up_to_date"]}).run()
        assert (run.violations.properties[:1] == ("leader_completeness",)) is broken, nodes


def test_a_machine_that_is_added_can_have_a_bug():
    steps = [rl.run_until(rl.leader_elected), rl.steps.add("D"), rl.run("1s")]
    scenario = rl.Scenario(3, bugs={"D": ["no_dedup"]}, steps=steps)
    assert scenario.run().violations == []


@pytest.mark.parametrize(
    ("bugs", "told"),
    [
        ({"Z": ["no_dedup"]}, ["bugs", "unknown node 'Z'", "A, B, C"]),
        ({"A": ["no_dedupe"]}, ["bugs['A']", "'no_dedupe'", "did you mean 'no_dedup'"]),
        ({"A": 5}, ["bugs['A']", "5"]),
        ({5: ["no_dedup"]}, ["bugs", "5"]),
        (["no_dedupe"], ["bugs", "did you mean 'no_dedup'"]),
        ({"A": ["lease_from_ack"]}, ["lease_from_ack", "lease_drift"]),
    ],
    ids=["node", "bug", "type", "key", "list", "leases"],
)
def test_invalid_bugs_are_refused(bugs, told):
    with pytest.raises(rl.InvalidError) as error:
        rl.Scenario(3, bugs=bugs)
    assert [text for text in told if text not in str(error.value)] == []


def test_json_names_a_node_once():
    text = rl.Scenario(3, bugs={"A": ["no_dedup"]}).to_json()
    with pytest.raises(rl.InvalidError, match="named twice"):
        rl.Scenario.from_json(text.replace('{"A":["no_dedup"]}', '{"A":["no_dedup"],"A":["no_dedup"]}'))
    with pytest.raises(rl.InvalidError, match="a list of bugs"):
        rl.Scenario.from_json(text.replace('{"A":["no_dedup"]}', "5"))


# ---- Messages that are delivered by hand ----------------------------------------------------------------


def test_held_messages_are_delivered_in_order():
    propose = rl.propose("x=1", node="A")
    held = [rl.Hold(from_="A", to="B"), rl.campaign("A"), rl.run("5ms"), propose, rl.run("5ms")]
    for which in ("first", "last", "all"):
        before = rl.Cluster(3, network=1, steps=held)
        ordinals = [message.ordinal for message in before.in_flight.select(from_="A", to="B")]
        c = rl.Cluster(3, network=1, steps=[*held, rl.steps.deliver("A", "B", which=which)])
        after = [message.ordinal for message in c.in_flight.select(from_="A", to="B")]
        kept = {"first": ordinals[1:], "last": ordinals[:-1], "all": []}[which]
        assert after == kept
    kinds = rl.steps.deliver("A", "B", which="all", types="RequestVote")
    c = rl.Cluster(3, network=1, steps=[*held, kinds])
    assert {message.type for message in c.in_flight.select(from_="A", to="B")} == {"AppendEntries"}
    c = rl.Cluster(3, network=1, steps=[rl.steps.deliver("A", "B")])
    assert c.in_flight == ()


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (lambda: rl.steps.deliver("A", "B", which="some"), "which must be"),
        (lambda: rl.steps.deliver(5, "B"), "from_"),
        (lambda: rl.Scenario(3, steps=[rl.steps.deliver("A", "Z")]), "unknown node 'Z'"),
        (lambda: rl.Scenario(3, steps=[rl.steps.deliver("A", "A")]), "no link from A to A"),
        (lambda: rl.Scenario(3, steps=[rl.steps.deliver("A", "B", types="Vote")]), "unknown message type"),
    ],
    ids=["which", "node", "unknown", "itself", "type"],
)
def test_invalid_deliveries_are_refused(step, told):
    with pytest.raises(rl.InvalidError, match=told):
        step()


def test_a_delivery_round_trips():
    scenario = rl.Scenario(3, steps=[rl.steps.deliver("A", "B", which="all", types=["AppendEntries"])])
    assert rl.Scenario.from_json(scenario.to_json()) == scenario
    assert eval(repr(scenario), {"Scenario": rl.Scenario, "steps": rl.steps}) == scenario
