"""Rules of election: each does what it says, and the paper's rule does not."""

import itertools

import pytest
import raftlab as rl

ALL = rl.election_rules.names


def terms(scenario, node, seed=1):
    """The terms in which a node stood, in order, and when."""
    rows = scenario.run(seed).trace.nodes.to_pandas()
    rows = rows[(rows.node == node) & (rows.role == "candidate")].drop_duplicates("term")
    return list(zip(rows.term.tolist(), rows.time_ms.tolist(), strict=True))


def highest(scenario, node, seed=1):
    return scenario.run(seed)[node].term


def stale_candidate(rule, **settings):
    """A alone stands, with an empty log that nobody votes for."""
    slow = rl.ClockRate(list("BCDE"), 1e-3, at=0)
    logs = {"A": [], "B": [1], "C": [1], "D": [1], "E": [1]}
    return rl.Scenario(
        5,
        election_rule=rule,
        network=5,
        initial=rl.Initial(term=1, log=logs),
        faults=[slow],
        horizon="3s",
        **settings,
    )


def alone(rule):
    """A stands with nobody to hear it."""
    return rl.Scenario(
        5, election_rule=rule, network=5, faults=[rl.Partition("A", "BCDE", at=0)], horizon="5s"
    )


@pytest.mark.parametrize("rule", ALL)
def test_with_every_rule_there_is_a_leader_and_all_is_safe(rule):
    scenario = rl.Scenario(
        5,
        election_rule=rule,
        network=rl.Network(latency=rl.uniform(1, 20), loss=0.05),
        workload=rl.OpenLoop("30ms"),
        faults=[
            rl.Crash("leader", at=1000, every=1500, times=3, duration=700),
            rl.Partition("a minority", at=1500, every=2000, times=2, duration=600),
        ],
        horizon="12s",
    )
    result = rl.sweep(scenario, seeds=60, metrics=["availability", "commit_index"], on_violation="record")
    assert result.violations_by_property == {}
    rows = result.to_pandas()
    busy, served = (rows.commit_index > 100).mean(), rows.downtime_so_far_ms.isna().mean()
    if rule == "no_grant_no_bump":  # a vote for a candidate that lost is lost to all others
        assert 0.1 < busy < 0.9
        assert 0.1 < served < 0.9
    else:
        assert busy > 0.9
        assert served > 0.9


@pytest.mark.parametrize("rule", ALL)
def test_a_rule_goes_through_json_and_replace(rule):
    scenario = rl.Scenario(5, election_rule=rule, stop=rl.leader_elected)
    assert rl.Scenario.from_json(scenario.to_json()) == scenario
    assert rl.Scenario(5, stop=rl.leader_elected).replace(election_rule=rule) == scenario
    assert (scenario == rl.Scenario(5, stop=rl.leader_elected)) == (rule == "paper")


def test_all_of_them_in_one_grid():
    def cluster(rule):
        return rl.Scenario(5, election_rule=rule, network=rl.uniform(5, 40), stop=rl.leader_elected)

    result = rl.sweep(cluster, {"rule": ALL}, seeds=40)
    assert set(result.runs.to_list("ending")) == {"stop"}


def test_a_stale_candidate_raises_nobodys_term():
    assert highest(stale_candidate("paper"), "B") > 5
    assert highest(stale_candidate("stale_log_no_bump"), "B") == 1
    assert highest(stale_candidate("no_grant_no_bump"), "B") == 1


def test_who_has_voted_keeps_its_term_unless_it_votes():
    """In term 1 all but A have voted for E; A's log is as good as theirs."""
    votes = dict.fromkeys("BCDE", "E")
    slow = rl.ClockRate(list("BCDE"), 1e-3, at=0)

    def story(rule):
        return rl.Scenario(
            5,
            election_rule=rule,
            network=5,
            initial=rl.Initial(term=1, voted_for=votes),
            faults=[slow],
            horizon="2s",
        )

    assert story("paper").run(1)["A"].role == "leader"
    kept = story("no_grant_no_bump").run(1)
    assert kept["B"].term == 1
    assert kept["A"].role != "leader"
    assert story("stale_log_no_bump").run(1)["A"].role == "leader"


def test_who_hears_nothing_hesitates():
    assert len(terms(alone("paper"), "A")) > 10
    for rule in ("hesitant", "hesitant_quorum"):
        assert len(terms(alone(rule), "A")) == 1, rule
    for rule in ("pre_vote", "zookeeper", "zookeeper_max_term"):
        assert terms(alone(rule), "A") == [], rule


def test_a_refusal_for_another_reason_than_the_log_is_reason_to_stand_again():
    """B has voted for E in every term that A may stand in next; it hears A, and nobody else does."""
    initial = rl.Initial(term={"A": 1, "B": 2, "C": 2, "D": 2, "E": 2}, voted_for=dict.fromkeys("BCDE", "E"))
    slow = rl.ClockRate(list("BCDE"), 1e-3, at=0)
    cut = rl.Partition("AB", "CDE", at=0)

    def story(rule):
        return rl.Scenario(
            5, election_rule=rule, network=5, initial=initial, faults=[slow, cut], horizon="3s"
        )

    assert len(terms(story("hesitant"), "A")) == 2, (
        "refused by B in term 2, then granted by B and by nobody else"
    )
    assert len(terms(story("hesitant_quorum"), "A")) == 1, "one answer is no quorum"


def test_a_vote_is_no_reason_to_stand_again():
    """B votes for A, C refuses because it has voted for E, and nobody else hears A: two of five."""
    initial = rl.Initial(term={"A": 1, "B": 1, "C": 2, "D": 1, "E": 2}, voted_for={"C": "E"})
    slow = rl.ClockRate(list("BCDE"), 1e-3, at=0)
    cut = rl.Partition("ABC", "DE", at=0)

    def stood(rule):
        story = rl.Scenario(
            5, election_rule=rule, network=5, initial=initial, faults=[slow, cut], horizon="3s"
        )
        return len(terms(story, "A"))

    assert stood("hesitant") > 1
    assert stood("hesitant_quorum") == 1


def test_who_was_found_stale_by_all_does_not_stand_again():
    assert len(terms(stale_candidate("paper"), "A")) > 5
    assert len(terms(stale_candidate("hesitant_memory"), "A")) == 1
    assert len(terms(stale_candidate("hesitant"), "A")) == 1


def test_who_hears_a_leader_forgets_who_found_its_log_stale():
    """The others are slow, but one of them leads in the end; its heartbeats are too slow for A."""
    slow = rl.ClockRate(list("BCDE"), 0.2, at=0)
    story = stale_candidate("hesitant_memory").replace(faults=[slow], horizon="6s")
    stood = [terms(story, "A", seed) for seed in range(5)]
    assert all(len(found) > 1 for found in stood)
    elected = [
        story.run(seed).trace.nodes.to_pandas().query("role == 'leader'").time_ms.min() for seed in range(5)
    ]
    assert all(found[1][1] > first for found, first in zip(stood, elected, strict=True))


def test_zookeeper_asks_about_the_log_and_about_nothing_else():
    """A does not hear the leader B, but all hear A."""
    initial = rl.Initial(term=1, leader="B")
    deaf = rl.Cut(from_="B", to="A", at="500ms")

    def elections(rule):
        story = rl.Scenario(5, election_rule=rule, network=5, initial=initial, faults=[deaf], horizon="5s")
        return rl.sweep(story, seeds=10, metrics="elections")["elections"].sum()

    assert elections("pre_vote") == 0
    assert elections("zookeeper") > 0


def test_the_highest_term_heard_of_while_asking():
    initial = rl.Initial(term={"A": 1, "B": 7, "C": 7, "D": 7, "E": 7})
    slow = rl.ClockRate(list("BCDE"), 1e-3, at=0)

    def first(rule):
        story = rl.Scenario(5, election_rule=rule, network=5, initial=initial, faults=[slow], horizon="3s")
        return terms(story, "A")[0][0]

    assert first("zookeeper_max_term") == 8
    assert first("zookeeper") == 2


def test_raft_refloated_wastes_the_message_that_makes_a_candidate_step_down():
    def story(rule):
        """A and B stand in turn; B is a candidate of term 2 when A's request of term 3 comes."""
        return rl.Scenario(
            3,
            election_rule=rule,
            network=5,
            initial=rl.Initial(term={"A": 2, "B": 1, "C": 1}),
            faults=[rl.Crash("C", at=0), rl.Hold(from_="B", at=0), rl.ClockRate("B", 2.0, at=0)],
            horizon="700ms",
        )

    def refusals(rule):
        found = 0
        for seed in range(20):
            events = story(rule).run(seed).trace.events.to_pandas()
            found += (events.detail.astype(str) == "stepped_down").sum()
        return found

    assert refusals("paper") == 0
    assert refusals("refloated") > 0


def test_a_refused_candidate_waits_twice_as_long():
    gaps = {}
    for rule in ("paper", "exponential_backoff"):
        story = stale_candidate(rule, election_timeout=(100, 101), candidate_timeout=(100, 101))
        times = [time for _, time in terms(story, "A")]
        gaps[rule] = [b - a for a, b in itertools.pairwise(times)]
    assert all(99 < gap < 102 for gap in gaps["paper"])
    doubled = gaps["exponential_backoff"][:4]
    assert doubled == pytest.approx([100, 200, 400, 800], rel=0.02)


def test_raft_refloated_backs_off_once_half_of_the_others_refused():
    def gaps(**settings):
        story = stale_candidate(
            "refloated", election_timeout=(100, 101), candidate_timeout=(100, 101), **settings
        )
        half = story.replace(faults=[*story.faults, rl.Crash(["D", "E"], at=0)])
        run = half.run(1)
        assert run["A"].role == "candidate", "a refused candidate stays one"
        times = [time for _, time in terms(half, "A")]
        return [b - a for a, b in itertools.pairwise(times)][:4]

    assert gaps(candidate_backoff=2) == pytest.approx([100, 200, 400, 800], rel=0.02)
    assert gaps() == pytest.approx([100] * 4, rel=0.02)
    named = stale_candidate("exponential_backoff", election_timeout=(100, 101), candidate_timeout=(100, 101))
    half = named.replace(faults=[*named.faults, rl.Crash(["D", "E"], at=0)])
    times = [time for _, time in terms(half, "A")]
    assert [b - a for a, b in itertools.pairwise(times)][:4] == pytest.approx([100] * 4, rel=0.02)


def test_raft_refloated_begins_anew_when_an_answer_has_a_higher_term():
    def second(rule):
        """When A stands again after an answer of term 10 that came 60 ms after its request."""
        story = rl.Scenario(
            3,
            election_rule=rule,
            network=30,
            election_timeout=(100, 101),
            initial=rl.Initial(term={"A": 1, "B": 10, "C": 1}, log={"A": [], "B": [1], "C": [1]}),
            faults=[rl.ClockRate(["B", "C"], 1e-3, at=0)],
            horizon="1s",
        )
        (_, first), (_, again), *_ = terms(story, "A")
        return again - first

    assert second("paper") == pytest.approx(100, abs=2)
    assert second("refloated") == pytest.approx(160, abs=2)


def test_candidates_have_timeouts_of_their_own():
    story = stale_candidate("paper", election_timeout=(150, 300), candidate_timeout=(20, 40))
    times = [time for _, time in terms(story, "A")]
    assert times[0] >= 150
    assert all(20 <= b - a <= 41 for a, b in itertools.pairwise(times))


def test_the_first_rank_stands_first():
    ranked = rl.Scenario(
        5, election_rule="ranked", election_timeout=(150, 160), network=5, stop=rl.leader_elected
    )
    leaders = [ranked.run(seed).leader.name for seed in range(30)]
    assert set(leaders) == {"A"}
    wide = ranked.replace(timeout_step=0)
    assert len({wide.run(seed).leader.name for seed in range(30)}) > 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"election_rule": "bully"}, ["election_rule", "'bully'", "'paper'"]),
        ({"election_rule": "zookeeper", "pre_vote": True}, ["election_rule", "pre_vote"]),
        ({"candidate_backoff": 0.5}, ["candidate_backoff", "0.5"]),
        ({"candidate_backoff": float("nan")}, ["candidate_backoff", "nan"]),
        ({"candidate_timeout": (30, 20)}, ["candidate_timeout", "30"]),
        ({"candidate_timeout": 0}, ["candidate_timeout", "0"]),
        ({"timeout_step": -1}, ["timeout_step", "-1"]),
    ],
)
def test_what_makes_no_sense(settings, words):
    with pytest.raises(rl.InvalidError) as error:
        rl.Scenario(5, **settings)
    assert all(word in str(error.value) for word in words), str(error.value)


def beats_per_s(loss, **settings):
    """How often the leader beats once it knows its network: round trips of 100 ms."""
    c = rl.Cluster(
        3,
        seed=1,
        preset=rl.presets.etcd,
        network=rl.Network(latency=50, loss=loss),
        initial=rl.Initial(term=1, leader="A"),
        **settings,
    )
    c.run("20s")
    messages = c.trace.messages.to_pandas()
    late = (messages["type"] == "AppendEntries") & (messages["sent_ms"] > 15_000)
    return late.sum() / 2 / 5


def test_adaptive_heartbeats_follow_the_loss():
    """Dynatune: K = ceil(log_p 0.001) in a timeout of 100 ms; 1 without loss, 3 if a tenth is lost."""
    assert beats_per_s(0.0) == pytest.approx(10, rel=0.1)
    assert beats_per_s(0.0, adaptive_timeout=True) == pytest.approx(10, rel=0.1)
    assert beats_per_s(0.1) == pytest.approx(10, rel=0.1)
    assert beats_per_s(0.1, adaptive_timeout=True) == pytest.approx(30, rel=0.3)


def test_adaptive_timeouts_find_a_dead_leader_sooner():
    def cluster(adaptive):
        return rl.Scenario(
            5,
            preset=rl.presets.etcd,
            network=rl.normal(20, 2),
            adaptive_timeout=adaptive,
            faults=[rl.Crash("leader", at=rl.uniform(20_000, 20_100))],
            stop=rl.candidates(1),
        )

    found = rl.sweep(cluster, {"adaptive": [False, True]}, seeds=200, metrics="since_last_fault_ms")
    fixed, adaptive = (found.where(adaptive=a)["since_last_fault_ms"].mean() for a in (False, True))
    assert 1100 < fixed < 1500
    assert adaptive < 0.2 * fixed


def test_adaptive_timeouts_outlive_a_fork_and_a_crash():
    c = rl.Cluster(3, seed=2, preset=rl.presets.etcd, adaptive_timeout=True, network=20)
    c.run("10s")
    other = c.fork()
    for cluster in (c, other):
        cluster.crash("leader")
        cluster.run("5s")
    assert c.digest == other.digest
    assert c.leader is not None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"safety": -1}, ["adaptive_timeout: safety", "-1"]),
        ({"min_samples": 11, "window": 10}, ["min_samples", "window of 10", "11"]),
        ({"window": 10**6}, ["window", "100000", "1000000"]),
        ({"reachability": 1}, ["reachability", "below 1"]),
        ({"min_heartbeats": 101}, ["min_heartbeats", "101"]),
    ],
)
def test_bad_adaptive_timeouts(given, words):
    with pytest.raises(rl.InvalidError) as caught:
        rl.Scenario(3, adaptive_timeout=rl.AdaptiveTimeout(**given))
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"adaptive_timeout": 2}, ["adaptive_timeout", "AdaptiveTimeout", "2"]),
        ({"adaptive_timeout": True, "lease_drift": 0.01}, ["adaptive_timeout", "lease_drift"]),
        ({"adaptive_timeout": True, "timeout_step": 10}, ["adaptive_timeout", "timeout_step"]),
        ({"timeout_step": 10, "lease_drift": 0.01}, ["timeout_step", "lease_drift"]),
    ],
)
def test_what_cannot_go_together(given, words):
    with pytest.raises(rl.InvalidError) as caught:
        rl.Scenario(3, **given)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("rule", ["hesitant", "hesitant_quorum"])
def test_hesitant_candidates_that_nobody_answered_wait_for_ever(rule):
    """AvailSim loses no message; docs/rules.md says what comes of it where some are lost."""

    def cut_at_first(rule):
        cut = rl.Partition("A", "B", "C", at=0, duration="2s")
        return rl.Scenario(3, election_rule=rule, faults=[cut], horizon="20s")

    found = rl.sweep(cut_at_first, {"rule": ["paper", rule]}, seeds=20, metrics="elections", checks=False)
    assert (found["elections"][found["rule"] == "paper"] > 0).all()
    assert (found["elections"][found["rule"] == rule] == 0).all()


# ---- One rule instead of another --------------------------------------------------------------------

SETTINGS = [
    name for name, row in zip(ALL, rl.election_rules, strict=True) if "election_rule" not in row["settings"]
]


@pytest.mark.parametrize("rule", ALL)
def test_a_rule_replaces_the_one_before(rule):
    scenario = rl.Scenario(5, election_rule=rule, check_quorum=True)
    assert scenario.election_rule == rule
    for other in ALL:
        expected = rl.Scenario(5, election_rule=other, check_quorum=True)
        assert scenario.replace(election_rule=other) == expected, other
    assert rl.Scenario(5, preset={"pre_vote": True}, election_rule=rule) == rl.Scenario(5, election_rule=rule)


def test_a_rule_may_be_adjusted_and_combined():
    adjusted = rl.Scenario(5, election_rule="ranked", timeout_step=100)
    assert adjusted.timeout_step == 100
    assert adjusted.election_rule == "ranked"
    assert adjusted.replace(election_rule="ranked") == adjusted
    both = adjusted.replace(pre_vote=True)
    assert both.election_rule is None
    assert both.replace(election_rule=None) == both
    assert both.replace(election_rule="paper") == rl.Scenario(5)
    assert both.replace(election_rule="ranked", pre_vote=True).timeout_step == 50


OFF = {
    "pre_vote": ("pre_vote", False),
    "sticky_votes": ("sticky_votes", False),
    "exponential_backoff": ("candidate_backoff", 1),
    "ranked": ("timeout_step", 0),
    "adaptive": ("adaptive_timeout", False),
}


@pytest.mark.parametrize("rule", [rule for rule in SETTINGS if rule != "paper"])
def test_a_rule_and_its_opposite_are_refused(rule):
    name, off = OFF[rule]
    same = rl.Scenario(5, election_rule=rule)
    for make in (lambda **given: rl.Scenario(5, **given), rl.Scenario(5).replace, same.replace):
        with pytest.raises(
            rl.InvalidError, match=f"election_rule='{rule}' is short for {name}=.* but {name}"
        ):
            make(election_rule=rule, **{name: off})


@pytest.mark.parametrize("rule", [rule for rule in SETTINGS if rule != "paper"])
def test_the_papers_rule_has_no_other(rule):
    """Otherwise it would read back as the other one."""
    name, _ = OFF[rule]
    on = getattr(rl.Scenario(5, election_rule=rule), name)
    for make in (lambda **given: rl.Scenario(5, **given), rl.Scenario(5).replace):
        with pytest.raises(rl.InvalidError, match=f"election_rule='paper' is the rule without {name}; leave"):
            make(election_rule="paper", **{name: on})


def test_a_rule_that_is_given_again_keeps_its_own_settings_only():
    adjusted = rl.Scenario(5, election_rule="ranked", timeout_step=100)
    assert adjusted.replace(election_rule="ranked", timeout_step=None).timeout_step == 50
    assert adjusted.replace(election_rule="ranked", timeout_step=20).timeout_step == 20
    both = adjusted.replace(election_rule="ranked", pre_vote=True)
    assert (both.timeout_step, both.pre_vote) == (100, True)
