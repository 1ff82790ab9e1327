"""The table of claims: verdicts that a faithful Raft must give, and judges that can change their minds."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from raftlab import Cluster, InvalidError, Network, experiments
from raftlab.experiments import _base
from raftlab.experiments.split_brain import judges

pytestmark = pytest.mark.slow

SEEDS = 10_000
PUBLISHED = (Path(__file__).parent.parent / "docs" / "verdicts.md").read_text(encoding="utf-8")

# What a faithful Raft does, row by row. The experiments compute it; nothing here is read by them.
TRUTH = {
    "E1": {
        "E1.1": "holds",
        "E1.2": "holds",
        "E1.3": "is false",
        "E1.4": "no",
        "E1.5a": "no",
        "E1.5b": "no",
        "E1.6": "is false",
        "E1.7": "is false",
        "E1.8": "is false",
        "E1.9": "no",
        "E1.10": "holds",
        "E1.11": "yes",
    },
    "E2": {
        "E2.1": "holds",
        "E2.2a": "is false",
        "E2.2b": "holds",
        "E2.3a": "yes",
        "E2.3b": "no",
        "E2.3c": "yes",
        "E2.4": "is false",
        "E2.5": "holds",
        "E2.6a": "no",
        "E2.6b": "yes",
        "E2.7": "yes",
        "E2.8": "no",
        "E2.9": "no",
        "E2.9a": "yes",
        "E2.9b": "yes",
        "E2.9c": "yes",
        "E2.9d": "yes",
        "E2.10": "holds",
        "E2.11": "yes",
        "E2.12": "yes",
    },
    "E3": {
        "E3.1": "holds",
        "E3.2": "holds",
        "E3.3": "holds",
        "E3.4": "holds",
        "E3.5": "is false",
        "E3.6": "yes",
        "E3.7": "no",
    },
    "Q1": {
        "Q1.1": "holds",
        "Q1.2": "is false",
        "Q1.3": "holds",
        "Q1.4a": "is false",
        "Q1.4b": "is false",
        "Q1.4c": "holds",
        "Q1.5": "yes",
        "Q1.6a": "no",
        "Q1.6b": "yes",
        "Q1.6c": "yes",
        "Q1.6d": "yes",
        "Q1.7": "holds",
        "Q1.8": "holds",
        "Q1.9": "holds",
        "Q1.10": "holds",
    },
    "Q2": {
        "Q2.1": "holds",
        "Q2.2": "no",
        "Q2.3": "no",
        "Q2.4": "holds",
        "Q2.5a": "no",
        "Q2.5b": "yes",
        "Q2.6": "yes",
        "Q2.7": "yes",
        "Q2.8": "is false",
        "Q2.9": "no",
        "Q2.10": "no",
        "Q2.11": "is false",
    },
    "Q3": {
        "Q3.1": "yes",
        "Q3.2": "yes",
        "Q3.3": "yes",
        "Q3.4": "yes",
        "Q3.5": "yes",
        "Q3.6": "no",
        "Q3.7": "no",
        "Q3.8": "yes",
        "Q3.9": "yes",
        "Q3.10": "no",
        "Q3.11": "yes",
    },
    "Q4": {
        "Q4.1": "holds",
        "Q4.2": "yes",
        "Q4.3": "yes",
        "Q4.4": "yes",
        "Q4.5": "yes",
    },
}


@pytest.fixture(scope="module", params=list(experiments.ALL))
def result(request):
    return experiments.ALL[request.param](seeds=SEEDS)


def test_verdicts_are_those_of_a_faithful_raft(result):
    assert {f.variant.id: f.verdict for f in result} == TRUTH[result.id]


def test_published_verdicts_are_those_that_are_found(result):
    found = {finding.variant.id: (finding.reply.rstrip("."), finding.verdict) for finding in result}
    assert published(PUBLISHED, result.id) == found


def test_a_published_verdict_that_is_another_is_found():
    row = "| E1.1 | what is done | Is C elected? **Yes.** | “C | D” **is false** | it **holds** |\n"
    assert published(row, "E1") == {"E1.1": ("Yes", "is false")}
    assert published(row.replace("Yes", "No"), "E1") == {"E1.1": ("No", "is false")}
    assert published(row.replace("“C | D” **is false**", "–"), "E1") == {"E1.1": ("Yes", "yes")}
    assert published(row, "E2") == {}


def published(page, experiment):
    """The answer and the verdict of each row of an experiment. Without a claim the verdict is the answer."""
    rows = re.findall(
        rf"(?m)^\| ({experiment}\.\w+) \| .*?\? \*\*(.+?)\.\*\* \| (–|“.*?” \*\*.+?\*\*) \|", page
    )
    return {
        name: (answer, answer.lower() if claimed == "–" else claimed.rpartition("” **")[2].rstrip("*"))
        for name, answer, claimed in rows
    }


def test_every_judge_says_the_opposite_of_its_control(result):
    assert len(result)
    for finding in result:
        assert finding.opposite.yes != finding.answer.yes, (finding.variant.id, finding.opposite.happened)
        assert finding.variant.changed, finding.variant.id


def test_every_finding_tells_figures_and_prints(result):
    assert result.id in repr(result)
    assert result._repr_html_().count("<tr>") == len(result) + 1
    for finding in result:
        assert finding.happened


def test_the_lie_of_e1_overwrites_acknowledged_entries_and_the_checks_name_them():
    finding = experiments.two_leaders(only=["E1.3"])["E1.3"]
    rules = finding.violations.properties
    assert rules[0] == "leader_completeness"
    assert {"committed_prefix", "state_machine_safety", "acknowledged_write_lost"} <= set(rules)
    deleted = finding.violations.of("committed_prefix")
    assert {violation.index for violation in deleted} >= {6}
    named = " ".join(violation.message for violation in finding.violations)
    assert "x = 6" in named
    assert "x=8 (entry 8)" in finding.happened


def decided(answer, opposite):
    """A finding whose judge gives these answers."""
    parts = dict.fromkeys(("play", "judge", "control"), str)
    variant = _base.Variant("X.1", "a story", "Is a write lost?", **parts, changed="nothing")
    answers = [_base.Answer(yes, "…") for yes in (answer, opposite)]
    return _base.Finding(variant, *answers, evidence="what was played", control="what else was")


@pytest.mark.parametrize(
    ("finding", "reply"),
    [
        (decided(True, False), "Yes"),
        (decided(False, True), "No"),
        (decided(True, True), "Not decided"),
    ],
)
def test_the_title_of_a_picture_is_the_answer_that_was_found(finding, reply):
    def draw(*given):
        return given

    result = _base.Result("X", "A story", (finding,), "X.1", draw)
    assert result.plot() == ("what was played", f"Is a write lost? {reply}", None)


@pytest.mark.parametrize("name", experiments.ALL)
def test_pictures_have_the_answer_as_their_title(name):
    experiment = experiments.ALL[name]
    result = experiment(seeds=1, only=experiment.pictured)
    ax = result.plot()
    title = ax.get_title(loc="left").replace("\n", " ")
    answered = f"{result[0].variant.question} {result[0].reply}"
    assert title == ("Who makes progress" if name == "Q2" else answered)
    plt.close(ax.figure)


def test_a_result_without_the_variant_of_its_picture_names_it():
    result = experiments.two_leaders(only=["E1.1", "E1.2"])
    with pytest.raises(
        InvalidError, match=r"only must include E1\.3, which the picture is of, not E1\.1, E1\.2"
    ):
        result.plot()


def test_e16_counts_what_was_accepted_and_deleted_and_names_the_violations():
    finding = experiments.two_leaders(only="E1.6")["E1.6"]
    assert "the others accepted none of its entries and deleted none of theirs" in finding.happened
    assert "acknowledged_write_lost" in finding.happened
    assert "accepted 8 of its entries and deleted 17 of theirs" in finding.opposite.happened


def test_a_leader_is_not_said_to_step_down_because_of_a_term_that_it_did_not_adopt():
    def story(term):
        c = Cluster(5, seed=1, network=Network(latency=1))
        c.campaign("A")
        c.run(60)
        c.partition("ABC", "DE", duration=100)
        c.run(110)
        for _ in range(term - 1):
            c.campaign("B")
        return c.run(60)

    told = judges.is_deposed(story(2)).happened
    assert "A led term 1" in told
    assert "stepped down, into term 2; the minority had reached term 1;" in told
