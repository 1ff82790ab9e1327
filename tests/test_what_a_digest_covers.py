"""What is done to a cluster from outside is in its digest at once: before anything comes of it, and whole."""

import pytest
import raftlab as rl


def cluster(**settings):
    """A leader, and messages in flight; A, B and C are up."""
    c = rl.Cluster(3, seed=2, initial=rl.Initial(term=1, leader="A"), **settings)
    c.run(52)
    assert c.in_flight
    return c


def held_down(c):
    c.crash("B", duration="1s")


def lossy(c):
    c.loss(0.5, from_="A")


def paused(c):
    c.pause("B")


def first(c):
    return c.in_flight[0]


def intercepted(edit):
    def act(c):
        hook = c.intercept(edit)
        c.campaign("B")
        hook.remove()

    return act


def dropped(message):
    message.drop()


def late(message):
    message.delay("1ms")


def later(message):
    message.delay("2ms")


def at_odd_nanoseconds(act):
    """At a time whose lowest bits are set, in which those of a number could be lost."""

    def later(c):
        c.run(127e-6)
        return act(c)

    return later


def two_pending(c):
    """Operations 1 and 2, which a paused node has not seen."""
    paused(c)
    return c.propose("x=1", node="B"), c.propose("x=2", node="B")


def down_and_paused(c):
    c.crash("B")
    c.pause("B")


def cut_off(c):
    """An operation that is pending at B, and a client beside C that cannot reach B."""
    paused(c)
    write = c.propose("x=1", node="B")
    c.cut(from_="C", to="B", both_ways=True)
    return write


DIFFERENT = {
    "a cut, or none": (None, lambda c: c.cut(from_="A", to="B")),
    "a cut one way or the other": (lambda c: c.cut(from_="A", to="B"), lambda c: c.cut(from_="B", to="A")),
    "cuts of some types": (
        lambda c: c.cut(from_="A", to="B", types="RequestVote"),
        lambda c: c.cut(from_="A", to="B", types="AppendEntriesReply"),
    ),
    "partitions": (lambda c: c.partition("A", "BC"), lambda c: c.partition("AB", "C")),
    "how much is lost": (lambda c: c.loss(0.1), lambda c: c.loss(0.2)),
    "loss or duplicates": (lambda c: c.loss(0.1), lambda c: c.duplicate(0.1)),
    "how long a delay is": (lambda c: c.delay(5), lambda c: c.delay(6)),
    "how a delay is distributed": (lambda c: c.delay(rl.uniform(1, 5)), lambda c: c.delay(rl.normal(1, 5))),
    "a sample of delays": (
        lambda c: c.delay(rl.empirical([1, 2, 3])),
        lambda c: c.delay(rl.empirical([1, 2, 4])),
    ),
    "what is held": (lambda c: c.hold(from_="A"), lambda c: c.hold(from_="B")),
    "a lie": (None, lambda c: c.lie("B", "double_vote")),
    "lies": (
        lambda c: c.lie("B", "claimed_log", index=3),
        lambda c: c.lie("B", "claimed_log", index=4),
    ),
    "a second crash of who is down": (held_down, lambda c: (held_down(c), c.crash("B"))),
    "a second pause": (paused, lambda c: (paused(c), c.pause("B"))),
    "two faults where one ended": (
        lambda c: (lossy(c), lossy(c)),
        lambda c: (lossy(c), lossy(c), c.heal(c.faults[0])),
    ),
    "what was asked of who is paused": (
        lambda c: (paused(c), c.propose("x=1", node="B")),
        lambda c: (paused(c), c.propose("x=2", node="B")),
    ),
    "how a node that is paused is to read": (
        lambda c: (paused(c), c.read("x", node="B", via="local")),
        lambda c: (paused(c), c.read("x", node="B", via="read_index")),
    ),
    "who refused": (lambda c: c.propose("x=1", node="B"), lambda c: c.propose("x=1", node="C")),
    "why a client was refused": (
        lambda c: (c.cut(from_="B", to="C"), c.propose("x=1", node="B")),
        lambda c: (c.cut(from_="B", to="C"), c.propose("x=1", node="B", home="C")),
    ),
    "which operation is given up": (
        at_odd_nanoseconds(lambda c: c.give_up(two_pending(c)[0])),
        at_odd_nanoseconds(lambda c: c.give_up(two_pending(c)[1])),
    ),
    "whose clock is set": (
        at_odd_nanoseconds(lambda c: c.clock_jump("A", 5)),
        at_odd_nanoseconds(lambda c: c.clock_jump("B", 5)),
    ),
    "the rate of whose clock": (
        at_odd_nanoseconds(lambda c: c.clock_rate("A", 1.5)),
        at_odd_nanoseconds(lambda c: c.clock_rate("B", 1.5)),
    ),
    "a pause that ends while its node is down": (
        down_and_paused,
        lambda c: (down_and_paused(c), c.resume("B")),
    ),
    "from where a client tries again": (
        lambda c: c.retry(cut_off(c), node="B"),
        lambda c: c.retry(cut_off(c), node="B", home="C"),
    ),
    "a message dropped by hand": (None, lambda c: first(c).drop()),
    "when it is to arrive": (
        lambda c: (first(c).hold(), first(c).release(5)),
        lambda c: (first(c).hold(), first(c).release(6)),
    ),
    "a message that an interceptor drops": (
        intercepted(lambda _: None),
        intercepted(dropped),
    ),
    "how long an interceptor delays": (intercepted(late), intercepted(later)),
    "other luck from here on": (None, lambda c: c.fork(seed=5)),
    "which seed it draws from": (lambda c: c.fork(seed=4), lambda c: c.fork(seed=5)),
}
"""Two things to do. Whatever comes of them comes later, if ever; the digests differ at once."""


def done(act, **settings):
    """A cluster to which something was done a moment ago; the one it was made into, if any."""
    c = cluster(**settings)
    made = act(c) if act else None
    return made if isinstance(made, rl.Cluster) else c


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_has_another_digest_at_once(one, other):
    assert done(one).now_ms == done(other).now_ms
    assert done(one).digest != done(other).digest
    assert done(one).digest == done(one, trace="off", checks=False).digest
    assert done(other).digest == done(other).digest


@pytest.mark.parametrize("act", [act for pair in DIFFERENT.values() for act in pair if act])
def test_what_was_done_replays_with_its_digest(act):
    c = done(act)
    assert c.scenario.run(seed=c.seed, trace="off", checks=False).digest == c.digest
    c.run(20)
    assert c.scenario.run(seed=c.seed, trace="off", checks=False).digest == c.digest


NOTHING = {
    "a look": lambda c: (c.in_flight, c.leader, c["A"].log, c.trace.messages, c.scenario),
    "healing where nothing is broken": lambda c: c.heal(),
    "a restart of who is up": lambda c: c.restart("A"),
    "a plan for later": lambda c: c.at("1h", rl.Crash("A")),
    "a fault planned for later": lambda c: c.loss(0.5, at="1h"),
    "who watches": lambda c: c.watch(lambda _: None),
    "an interceptor that has seen nothing": lambda c: c.intercept(dropped),
}


@pytest.mark.parametrize("act", NOTHING.values(), ids=NOTHING)
def test_what_changes_nothing_yet_leaves_the_digest(act):
    assert done(act).digest == cluster().digest


def test_an_interceptor_that_changes_nothing_leaves_the_digest():
    c, undisturbed = cluster(), cluster()
    seen = []
    c.intercept(seen.append)
    assert c.run("1s").digest == undisturbed.run("1s").digest
    assert seen


def test_names_are_not_in_a_digest():
    def play(nodes, value):
        c = rl.Cluster(nodes, seed=2, initial=rl.Initial(term=1, leader=nodes[0]))
        c.run(50)
        c.isolate(nodes[1])
        c.propose(value)
        return c.run(50).digest

    assert play(["A", "B", "C"], "x=one") == play(["longer", "names", "here"], "another=two")
    assert play(["A", "B", "C"], "x=1") != play(["A", "B", "C"], "x=2")


def test_what_a_seed_decides_shows_when_it_happens():
    """Two seeds begin alike; a latency shows as the message arrives."""
    slow = {"network": rl.uniform(40, 90), "initial": rl.Initial(term=1, leader="A"), "heartbeat": "1h",
            "election_timeout": "10h"}  # fmt: skip
    one, other = rl.Cluster(3, seed=1, **slow), rl.Cluster(3, seed=2, **slow)
    assert [m.due_ms for m in one.in_flight] != [m.due_ms for m in other.in_flight]
    assert one.run(40).digest == other.run(40).digest
    assert one.run(60).digest != other.run(60).digest
