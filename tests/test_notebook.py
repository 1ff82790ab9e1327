"""What things look like in a notebook and in a terminal: escaped, and readable in light and dark."""

import re
from html.parser import HTMLParser

import pytest
import raftlab as rl

NODES = ["A", "<b>B</b>", "C"]


def story():
    c = rl.Cluster(NODES, seed=3, initial=rl.Initial(term=1, leader="A"))
    c.propose("x=<i>")
    c.run("1s")
    c.crash("A")
    c.usurp("C")
    c.propose("y=1")
    c.run("20ms")
    return c


@pytest.fixture(scope="module")
def broken():
    split = rl.Partition(NODES[:2], NODES[2:], at="1s")
    scenario = rl.Scenario(
        NODES, bugs=["quorum_off_by_one"], faults=[split], horizon="3s", workload=rl.OpenLoop()
    )
    return next(run for seed in range(200) if (run := scenario.run(seed=seed)).violations)


class Balanced(HTMLParser):
    """Reads HTML whose tags are all closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, _):
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def shown(broken):
    c = story()
    return {
        "cluster": c,
        "fork": c.fork(),
        "run": broken,
        "node": c["C"],
        "node that is down": c["A"],
        "log": c["C"].log,
        "no log": rl.Cluster(3)["A"].log,
        "operation": c.operations[0],
        "operation under way": c.operations[1],
        "in flight": c.in_flight,
        "nothing in flight": rl.Cluster(3).in_flight,
        "trace": c.trace,
        "no trace": rl.Cluster(3, trace="off").trace,
        "scenario": c.scenario,
        "scenario with faults": broken.scenario,
        "violations": broken.violations,
        "no violations": c.violations,
        "violation": broken.violations[0],
    }


def test_it_is_html_without_colours_or_markup_of_its_own(broken):
    things = shown(broken)
    assert len(things) > 15
    for what, thing in things.items():
        text = thing._repr_html_()
        assert set(Balanced(text).seen) <= {
            *("table", "thead", "tbody", "tr", "th", "td"),
            *("caption", "p"),
            *("pre", "code", "br"),
        }, what
        assert not re.search(
            r"(?<!&)#|rgb|background|<script|black|white(?!-space)|grey|gray", text.replace("&#x27;", "'")
        ), what
        assert len(text) < 30_000, what


def test_a_node_says_what_figure_2_says_of_it():
    c = story()
    leader = c["C"]._repr_html_()
    for words in (
        "currentTerm",
        "votedFor",
        "commitIndex",
        "lastApplied",
        "nextIndex",
        "matchIndex",
        "no-op",
    ):
        assert words in leader
    assert "nextIndex" not in c["A"]._repr_html_()


def test_a_log_prints_a_line_for_each_entry():
    c = rl.Cluster(3, initial=rl.Initial(log=[1, (2, "x=1")], commit=1))
    log = c["A"].log
    assert log == (rl.Entry(1, 1, "no-op", True), rl.Entry(2, 2, "x=1", False))
    assert str(log).splitlines()[1:] == ["    1     1  no-op  yes", "    2     2  x=1    no"]
    long = rl.Cluster(3, initial=rl.Initial(log=[1] * 100, leader="A", term=1))["A"].log
    assert str(long).startswith("the last 30 of 100 entries\n")
    assert len(str(long).splitlines()) == 32
    assert repr(rl.Cluster(3)["A"].log) == "<empty log>"


def test_a_violation_tells_what_led_there_and_how_to_see_it_again(broken):
    violation = broken.violations[0]
    for text in (repr(violation), violation._repr_html_().replace("&#x27;", "'").replace("&quot;", '"')):
        assert violation.property in text
        assert "became leader" in text
        assert f".run(seed={broken.seed})" in text
    assert rl.properties[violation.property]["meaning"] in violation._repr_html_()


def test_a_run_says_how_it_ended_and_what_was_violated(broken):
    text = broken._repr_html_()
    assert "ended: horizon" in text
    assert broken.violations[0].property in text


def test_a_scenario_shows_what_differs_from_the_defaults(broken):
    text = broken.scenario._repr_html_()
    assert "quorum_off_by_one" in text
    assert "Partition(" in text
    assert "max_inflight" not in text
