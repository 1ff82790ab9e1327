"""Rare events by multilevel splitting, and the random draws of futures."""

import math

import numpy as np
import pytest
import raftlab as rl


def crashes(nodes, mean_s, duration="500ms", horizon="20s"):
    """Nodes that fail for a while, each at its own moments."""
    gap = rl.exponential(f"{mean_s}s")
    names = "ABCDE"[:nodes]
    return rl.Scenario(
        nodes,
        network=5,
        faults=[rl.Crash(n, at=gap, every=gap, duration=duration) for n in names],
        horizon=horizon,
    )


def wiped_votes(mean_s):
    """Disks are emptied for an instant: a node may vote twice."""
    gap = rl.exponential(f"{mean_s}s")
    faults = [rl.Wipe(n, at=gap, every=gap, duration="1ms") for n in "ABC"]
    return rl.Scenario(3, network=rl.uniform(1, 20), faults=faults, horizon="5s")


def all_down(nodes):
    return [rl.down(count) for count in range(1, nodes + 1)]


@pytest.mark.parametrize(("nodes", "mean_s", "effort"), [(2, 20, 200), (3, 30, 300), (5, 30, 500)])
def test_the_probability_that_all_are_down_at_once(nodes, mean_s, effort):
    """Each is down for the share q of the time; the last one to fall finds the others down.

    The expected number of such falls in T is n T q^(n-1) / mean, and for rare ones it is the probability.
    """
    rare = rl.rare_event(crashes(nodes, mean_s), all_down(nodes), effort=effort, repeats=20, checks=False)
    q = 0.5 / mean_s
    expected = nodes * 20 / mean_s * q ** (nodes - 1)
    low, high = rare.interval
    assert low / 1.25 < expected < high * 1.25
    assert abs(math.log(rare.probability / expected)) < 4 * rare.relative_error + 0.05
    assert rare.relative_error < 0.25


def test_it_agrees_with_brute_force_on_two_leaders_under_a_wiped_vote():
    scenario = wiped_votes(20)
    brute = rl.sweep(scenario, seeds=40_000, metrics="elections")
    found = len(brute.violating_seeds) / len(brute)
    rare = rl.rare_event(scenario, [rl.candidates(1), rl.candidates(2), rl.violated], effort=500, repeats=20)
    error = math.hypot(rare.relative_error, 1 / math.sqrt(len(brute.violating_seeds)))
    assert abs(rare.probability / found - 1) < 3.5 * error
    rarer = rl.rare_event(wiped_votes(2000), [rl.candidates(2), rl.violated], effort=2000, repeats=10)
    assert rarer.interval[0] < found / 100 < rarer.interval[1] * 1.5 or rarer.probability == 0


def test_threads_change_nothing():
    one, many = (
        rl.rare_event(crashes(3, 10), all_down(3), effort=60, repeats=7, seed=5, threads=n) for n in (1, 4)
    )
    assert one == many
    other = rl.rare_event(crashes(3, 10), all_down(3), effort=60, repeats=7, seed=6)
    assert other.reached != one.reached


def test_an_example_meets_the_event_and_replays():
    rare = rl.rare_event(wiped_votes(10), [rl.candidates(2), rl.violated], effort=400, repeats=4)
    run = rare.example()
    assert run.violations
    assert run.scenario.run(run.seed).digest == run.digest
    assert '"reseed"' in run.scenario.to_json()


def test_a_level_that_is_skipped_was_passed():
    straight = rl.rare_event(crashes(3, 10), [rl.down(3)], effort=2000, repeats=5, checks=False)
    odd = rl.rare_event(
        crashes(3, 10), [rl.down(1), rl.term_reached(50), rl.down(3)], effort=1000, repeats=10, checks=False
    )
    error = math.hypot(straight.relative_error, odd.relative_error)
    assert abs(odd.probability / straight.probability - 1) < 4 * error


def test_what_was_not_met_is_a_bound():
    rare = rl.rare_event(crashes(3, 1000), [rl.down(1), rl.down(2), rl.violated], effort=50, repeats=4)
    assert rare.probability == 0
    assert rare.relative_error == math.inf
    low, high = rare.interval
    assert low == 0
    assert 0 < high < 0.05, "few states were reached from which it could have gone on"
    assert "was not met, below" in repr(rare)
    with pytest.raises(rl.InvalidError, match="no example"):
        rare.example()


def told(reached, effort, confidence=0.95):
    levels = tuple(rl.down(count) for count in range(1, len(reached[0]) + 1))
    return rl.RareEvent(None, levels, tuple(map(tuple, reached)), effort, 1000, 1000, confidence, None)


@pytest.mark.parametrize("effort", [1, 2, 50])
def test_repeats_that_agree_are_no_certainty(effort):
    """Each of these reprs divided by zero, and each interval had no width."""
    rare = rl.rare_event(rl.Scenario(3, horizon="2s"), [rl.leader_elected], effort=effort, repeats=2)
    assert rare.probability == 1
    low, high = rare.interval
    assert (low, high) == (pytest.approx(1 - rl.upper_bound(0, 2 * effort)), 1)
    assert 0 < rare.relative_error < math.inf
    assert rare.brute_force_runs == 2 * effort
    assert f"as precise as {2 * effort} by brute force" in repr(rare)
    half = told([(5, 5), (5, 5), (5, 5)], 10)
    assert half.interval[0] < 0.25 < half.interval[1]
    assert half.relative_error == pytest.approx(math.sqrt(2 * 0.5 / (0.5 * 30)), rel=0.02)
    hardly = told([(5, 5), (5, 5), (5, 6)], 10)
    assert hardly.relative_error == pytest.approx(half.relative_error, rel=0.1), "by luck they agree almost"


def test_bounds_count_the_states_runs_start_from():
    """All 1000 runs from one state say as much as one: it may be a state from which nothing leads on."""
    one = told([(1, 0), (0, 0)], 500)
    first = rl.upper_bound(1, 1000, 0.975)
    assert one.interval == (0, pytest.approx(first * rl.upper_bound(0, 1, 0.975)))
    many = told([(250, 0), (250, 0)], 500)
    drawn = 250 * (1 - (1 - 1 / 250) ** 500)
    assert many.interval[1] == pytest.approx(
        rl.upper_bound(500, 1000, 0.975) * (1 - 0.025 ** (1 / (2 * drawn)))
    )


def ladder(luck, chances, effort, repeats):
    """A splitting whose truth is known: a state leads on with a chance of its own, which it was born with.

    `chances` draws the chances of states for each level but the first, whose chance is a number.
    """
    reached = []
    for _ in range(repeats):
        counts, states = [], np.full(effort, chances[0])
        for level in range(len(chances)):
            if level and not counts[-1]:
                counts.append(0)
                continue
            starts = states[luck.integers(0, len(states), effort)] if level else states
            ups = int((luck.random(effort) < starts).sum())
            counts.append(ups)
            if level + 1 < len(chances):
                states = chances[level + 1](luck, ups)
        reached.append(tuple(counts))
    return told(reached, effort)


def test_bounds_hold_where_few_states_lead_on():
    """One state in five leads on for sure, the others never, and few are reached: one is drawn many times."""

    def sure(luck, count):
        return (luck.random(count) < 0.2).astype(float)

    luck, hits, empty, naive = np.random.default_rng(20), 0, 0, 0
    for _ in range(600):
        rare = ladder(luck, [0.02, sure], 200, 2)
        low, high = rare.interval
        hits += low <= 0.02 * 0.2 <= high
        if rare.probability == 0:
            empty += 1
            reached = sum(count for count, _ in rare.reached)
            tried = 200 * sum(count > 0 for count, _ in rare.reached)
            naive += reached / 400 * rl.upper_bound(0, max(tried, 1)) >= 0.02 * 0.2
    assert hits / 600 >= 0.95
    assert empty > 60
    assert naive / empty < 0.1, "the test of the test: as if runs from one state were independent"


def test_the_table_of_levels():
    rare = rl.rare_event(crashes(3, 10), all_down(3), effort=100, repeats=5)
    table = rare.to_pandas()
    assert table.level.tolist() == ["1 nodes are down", "2 nodes are down", "3 nodes are down"]
    assert table.probability.iloc[-1] == pytest.approx(rare.probability)
    assert (table.least <= table.share).all()
    assert (table.share <= table.greatest).all()
    assert "3 nodes are down" in rare._repr_html_()


# ---- Fresh luck for what is still to come ----------------------------------------------------------------


def strikes(run):
    return run.trace.faults.to_dict()["start_ms"]


def test_a_fault_that_has_not_struck_may_strike_at_any_later_time():
    scenario = rl.Scenario(3, faults=[rl.Crash("A", at=rl.uniform(1000, 5000))], horizon="6s")
    run = next(run for run in map(scenario.run, range(100)) if strikes(run)[0] > 4000)
    times = [strikes(run.fork(seed=s))[0] for s in (1, 2)]
    assert times == [strikes(run)[0]] * 2, "it has struck"
    early = run.state(at="2s")
    later = []
    for seed in range(300):
        fork = early.fork(seed=seed)
        fork.run("4s")
        later.append(fork.last_fault_ms)
    assert 2000 < min(later) < 2100
    assert 4900 < max(later) < 5000
    assert 3300 < sum(later) / len(later) < 3700


@pytest.mark.parametrize("at", [50, 120, 150, 190])
def test_a_timer_that_has_not_run_out_may_run_out_at_any_time_that_is_left(at):
    scenario = rl.Scenario(1, election_timeout=(100, 200), stop=rl.leader_elected, horizon="1s")
    run = next(run for run in map(scenario.run, range(1000)) if run.now_ms > 195)
    futures = run.futures(4000, at=at, metrics="time_to_leader_ms", progress=False)
    times = [at + time for time in futures.runs.to_list("time_to_leader_ms")]
    least = max(at, 100)
    width = 200 - least
    assert least <= min(times) < least + width / 100
    assert 200 - width / 100 < max(times) <= 200
    deviation = width / math.sqrt(12 * len(times))
    assert abs(sum(times) / len(times) - (least + 200) / 2) < 4 * deviation


def test_splitting_agrees_with_brute_force_where_timers_decide():
    scenario = rl.Scenario(
        5,
        election_timeout=(150, 300),
        network=rl.uniform(20, 40),
        faults=[rl.Crash(["D", "E"], at=0)],
        horizon="900ms",
    )
    brute = rl.sweep(scenario, seeds=20_000, metrics="highest_term", checks=False, progress=False)
    found = sum(term >= 4 for term in brute.runs.to_list("highest_term"))
    rare = rl.rare_event(
        scenario, [rl.term_reached(k) for k in (2, 3, 4)], effort=1000, repeats=20, checks=False
    )
    error = math.hypot(rare.relative_error, 1 / math.sqrt(found))
    assert abs(rare.probability / (found / 20_000) - 1) < 3.5 * error
    assert error < 0.1


def test_memoryless_faults_stay_memoryless():
    """From any moment on an exponential gap is exponential again."""
    gap = rl.exponential("3s")
    scenario = rl.Scenario(3, faults=[rl.Crash("A", at=gap)], horizon="40s")
    run = next(run for run in map(scenario.run, range(100)) if strikes(run)[0] > 6000)
    futures = run.futures(2000, at="5s", metrics="since_last_fault_ms")
    waits = sorted(
        40_000 - since - 5000 for since in futures.runs.to_list("since_last_fault_ms") if since < 35_000
    )
    assert len(waits) == 2000
    assert sum(waits) / 2000 == pytest.approx(3000, rel=0.1)
    assert waits[1000] == pytest.approx(3000 * math.log(2), rel=0.1)


def test_a_fault_that_lasts_may_end_at_any_later_time():
    scenario = rl.Scenario(
        3, faults=[rl.Crash("leader", at="1s", duration=rl.uniform("1s", "3s"))], horizon="9s"
    )
    end = lambda run: run.trace.faults.to_dict()["end_ms"][0]  # noqa: E731
    run = next(run for run in map(scenario.run, range(100)) if end(run) > 3500)
    rows = run.futures(300, at="2500ms", metrics="events")
    ends = [end(rows.replay(k, trace="states")) for k in range(0, 300, 6)]
    assert 2500 < min(ends) < 2700
    assert 3800 < max(ends) < 4000
