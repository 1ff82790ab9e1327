"""What the checks say, from Python: who broke what, and what was lost."""

import pytest
import raftlab as rl


def two_usurpers():
    """A and B lead one term by their own word, and two honest followers believe one of them each."""
    c = rl.Cluster(5, seed=2, network=rl.constant(5))
    c.campaign("E")
    c.run("100ms")
    c.partition("AC", "BD", "E")
    c.usurp("A")
    c.usurp("B")
    c.propose("x=a", node="A")
    c.propose("x=b", node="B")
    c.run("100ms")
    return c


def test_honest_holders_are_compared_whoever_had_the_entry_first():
    c = two_usurpers()
    assert [c[name].log[2].value for name in "CD"] == ["x=a", "x=b"]
    assert c.violations.properties == ("log_matching",)
    assert set(c.violations[0].nodes) == {"C", "D"}


def test_what_honest_nodes_commit_is_theirs():
    c = rl.Cluster(5, seed=1, network=rl.constant(5), bugs=["skip_up_to_date"])
    c.campaign("A")
    c.run("100ms")
    c.isolate("E")
    c.lie("A", "double_vote")
    c.propose("x=1", node="A")
    c.run("11ms")  # A, a liar, has committed x=1, and nobody else knows
    c.crash("A")
    c.campaign("B")
    c.run("80ms")  # B commits it together with its own no-op
    c.heal()
    c.crash("B")
    for _ in range(3):
        c.campaign("E")
    c.run("100ms")
    assert {"leader_completeness", "state_machine_safety"} <= set(c.violations.properties)
    assert c.violations[0].index == 2


@pytest.mark.parametrize("how", ["stop", "record"])
def test_lost_writes_are_counted_each(how):
    c = rl.Cluster(["A", "B", "C"], seed=1, bugs=["skip_up_to_date"], initial=rl.Initial(term=1, leader="A"))
    c.isolate("C")
    for i in range(10):
        c.propose(f"x{i}=1", node="A")
    c.run("200ms")
    c.heal()
    c.isolate("A")
    c.campaign("C")
    c.run("100ms")
    c.heal()
    c.run("500ms")
    row = rl.sweep(c.scenario, seeds=range(1, 2), metrics=["acknowledged", "lost_writes"], on_violation=how)
    assert row.to_pandas()[["acknowledged", "lost_writes"]].to_numpy().tolist() == [[10, 10]]


def test_a_write_that_every_log_holds_is_not_lost():
    logs = {"S1": [1, (1, "a=1")], "S2": [1, (2, "b=1")], "S3": [1, (2, "b=1")]}
    initial = rl.Initial(term=2, log=logs)
    c = rl.Cluster(["S1", "S2", "S3"], seed=1, bugs=["skip_prev_check"], network=2, initial=initial)
    c.campaign("S2")
    c.run("100ms")
    c.propose("x=1")
    c.run("200ms")
    c.crash("S2")
    c.campaign("S1")
    c.run("1s")
    assert [c[name].log[3].value for name in ("S1", "S2", "S3")] == ["x=1"] * 3
    assert "leader_completeness" in c.violations.properties
    assert "acknowledged_write_lost" not in c.violations.properties


def test_a_commit_index_beyond_the_log_is_a_violation():
    logs = {"S1": [1] * 100, "S2": [1] * 50 + [2], "S3": [1] * 50}
    c = rl.Cluster(
        ["S1", "S2", "S3"],
        seed=1,
        bugs=["commit_prior_term"],
        noop=False,
        initial=rl.Initial(term=2, log=logs),
    )
    c.isolate("S2")
    c.campaign("S1")
    c.run("100ms")
    c.heal()
    c.isolate("S1")
    c.run("400ms")
    c.campaign("S2")
    c.run("200ms")
    c.heal()
    c.run("1s")
    assert c["S1"].commit_index > c["S1"].last_index
    assert "commit_monotonic" in c.violations.properties


UNREACHABLE = {
    "two histories of one term": ({"log": {"A": [1, (1, "x=1")], "B": [1, (1, "x=2")]}}, "Log Matching"),
    "committed on a minority": ({"log": {"A": [1, 1]}, "commit": {"A": 2}}, "only 1 of 3 nodes"),
    "two committed": (
        {"term": 2, "log": {"A": [1], "B": [2], "C": [2]}, "commit": {"A": 1, "B": 1}},
        "committed different entries at index 1",
    ),
    "nobody can have been elected": (
        {"term": {"A": 4, "B": 1, "C": 1}, "log": {"A": [4]}},
        "only 1 of 3 nodes",
    ),
    "a vote for nobody's candidate": (
        {"term": {"A": 2, "B": 1}, "voted_for": {"A": "B"}},
        "cannot have been a candidate",
    ),
    "a candidate for another": ({"term": 2, "voted_for": {"A": "B", "B": "C", "C": "C"}}, "not for itself"),
    "a leader without votes": ({"term": {"A": 2, "B": 1, "C": 1}, "leader": "A"}, "at most 1 of 3"),
    "a leader without its entries": ({"term": 1, "leader": "A", "log": {"B": [1]}}, "A does not have"),
    "a leader without a committed entry": (
        {"term": 2, "leader": "A", "log": {"B": [1], "C": [1]}, "commit": {"B": 1}},
        "Leader Completeness",
    ),
}


@pytest.mark.parametrize("case", UNREACHABLE)
def test_beginnings_that_no_run_comes_to_are_refused(case):
    given, why = UNREACHABLE[case]
    with pytest.raises(rl.InvalidError, match=why):
        rl.Cluster(3, initial=rl.Initial(**given))
    rl.Cluster(3, initial=rl.Initial(**given, unreachable=True)).run("10ms")


def test_figure_7_is_a_beginning():
    logs = {
        "L": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
        "a": [1, 1, 1, 4, 4, 5, 5, 6, 6],
        "b": [1, 1, 1, 4],
        "c": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        "d": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        "e": [1, 1, 1, 4, 4, 4, 4],
        "f": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    }
    c = rl.Cluster(list(logs), initial=rl.Initial(term=8, log=logs, leader="L"))
    assert {node.name: [entry.term for entry in node.log] for node in c.nodes} == logs
    assert c.leader.name == "L"
    c.run("1s")
    assert not c.violations
