"""Ctrl-C, callbacks, threads: what comes from outside while a cluster runs leaves it in order."""

import contextlib
import gc
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import pytest
import raftlab as rl
from interrupts import AT_MOST, busy, ctrl_c, in_order, prompt, strike
from raftlab.errors import IncompleteWarning

LONG = "2000h"
"""Longer than anybody waits: a minute and more of computing."""

# ---- Ctrl-C -----------------------------------------------------------------------------------------

DRIVES = {
    "run": lambda c: c.run(LONG),
    "run_until": lambda c: c.run_until(rl.leaders(5), limit=LONG),
    "run_until a Python condition": lambda c: c.run_until(lambda _: False, limit=LONG),
    "step": lambda c: c.step(10**12),
}


@pytest.mark.parametrize("drive", DRIVES.values(), ids=DRIVES)
@pytest.mark.parametrize("options", [{}, {"checks": False}, {"trace": "full"}], ids=str)
def test_ctrl_c_stops_a_cluster(drive, options):
    c = busy(**options)
    with ctrl_c():
        drive(c)
    assert c.counters["events"] > 100, "it had not begun"
    in_order(c)


def test_ctrl_c_again_and_again():
    c = busy()
    for _ in range(3):
        with ctrl_c(0.05):
            c.run(LONG)
        with ctrl_c(0.05):
            c.run_until(rl.leaders(5), limit=LONG)
    in_order(c)


def test_ctrl_c_stops_a_cluster_that_goes_on_after_faults():
    c = busy(faults=[rl.Crash("leader", at=300, every="300ms", duration=100)])
    with ctrl_c():
        c.run(LONG)
    in_order(c)


@pytest.mark.parametrize("drive", DRIVES.values(), ids=DRIVES)
def test_ctrl_c_stops_a_cluster_in_which_only_faults_strike(drive):
    c = rl.Cluster(5, trace="off")
    c.crash("all")
    c.loss(0.1, every=5)
    with ctrl_c():
        drive(c)
    assert c.now_ms > 1000, "it had not begun"
    again = c.scenario.run(seed=c.seed, trace="off")
    assert again.now_ms == c.now_ms
    c.restart()
    in_order(c)


def test_steps_in_a_cluster_in_which_nothing_happens():
    """No event comes, but faults strike: what they did plays again."""
    c = rl.Cluster(3, trace="off")
    c.crash("all")
    c.loss(0.1, every=5, times=5)
    assert c.step() is None
    again = c.scenario.run(seed=c.seed, trace="off")
    assert again.now_ms == c.now_ms == pytest.approx(20)
    c.restart()
    in_order(c)


def test_ctrl_c_stops_a_cluster_of_255_nodes():
    c = rl.Cluster(255, seed=1, trace="off", network=rl.Network(latency=1), workload=rl.OpenLoop("1ms"))
    with ctrl_c(0.5):
        c.run(LONG)
    assert c.counters["events"] > 0


@pytest.mark.parametrize("checks", [True, False])
def test_ctrl_c_stops_a_scenario(checks):
    scenario = rl.Scenario(5, horizon=LONG, workload=rl.OpenLoop("5ms"))
    with ctrl_c():
        scenario.run(seed=1, trace="off", checks=checks)
    with ctrl_c():
        scenario.replace(stop=rl.leaders(5)).run(seed=1, trace="off", checks=checks)
    with ctrl_c():
        scenario.replace(steps=[rl.run(LONG)]).cluster(seed=1, trace="off", checks=checks)


def test_ctrl_c_stops_the_beginning_of_a_cluster():
    with ctrl_c():
        rl.Cluster(5, steps=[rl.run(LONG)], trace="off")


def test_ctrl_c_stops_a_look_into_the_past():
    c = busy(checks=False)
    c.run("20min")
    with ctrl_c(0.02):
        for _ in range(1000):
            c.state(at="19min")
    in_order(c)


@pytest.mark.parametrize("checks", [True, False])
def test_ctrl_c_stops_a_sweep_and_keeps_what_is_finished(checks):
    few_long = rl.Scenario(5, horizon=LONG, workload=rl.OpenLoop("5ms"))
    many_short = rl.Scenario(5, horizon="1s")
    rl.sweep(many_short, seeds=10, checks=checks)  # what it imports is there
    with ctrl_c(kept=True):
        none = rl.sweep(few_long, seeds=10, checks=checks)
    assert (len(none), none.complete) == (0, False)
    assert "interrupted" in repr(none)
    for threads in (None, 1):
        with ctrl_c(kept=True):
            some = rl.sweep(many_short, seeds=10**8, checks=checks, threads=threads)
        assert 0 < len(some) < 10**8
        assert not some.complete
        last = len(some) - 1
        assert some.replay(last).digest == some.runs.to_list("digest")[last]
    assert len(rl.sweep(many_short, seeds=10, checks=checks)) == 10


@pytest.mark.parametrize(
    "long", [{"seeds": 10**6}, {"seeds": 2, "steady_days": 1000}], ids=["crashes", "a healthy cluster"]
)
def test_ctrl_c_stops_advice_as_half_of_the_runs_are_none(long):
    rl.advise(rl.uniform(2, 8), timeouts=[100], seeds=2, steady_days=1e-6)  # what it imports is there
    with ctrl_c():
        rl.advise(rl.uniform(2, 8), timeouts=[100, 200], **long)


@pytest.mark.parametrize("name", rl.experiments.ALL)
def test_ctrl_c_in_an_experiment_leaves_no_verdict(name):
    """It ended one sweep, and of what was finished the experiment said that it holds."""
    experiment = rl.experiments.ALL[name]
    experiment(seeds=10)  # what it imports is there
    with ctrl_c(0.4):
        experiment(seeds=10**7)


HEAVY = {
    "a snapshot an entry": {"snapshot_every": 1, "workload": rl.OpenLoop("20us", keys=10**5)},
    "many keys": {"workload": rl.OpenLoop("20us", keys=10**6)},
    "a long log": {
        "initial": rl.Initial(term=1, leader="A", log=[1] * 400_000),
        "workload": rl.OpenLoop("1ms"),
    },
    "many clients": {"workload": rl.ClosedLoop(100_000)},
}


@pytest.mark.parametrize("settings", HEAVY.values(), ids=HEAVY)
@pytest.mark.parametrize("after", [0.05, 0.4, 2.0])
def test_ctrl_c_where_single_events_are_slow(settings, after):
    """Slices are cut by time: 10,000 such events took 0.7 to 2.2 s, what is built at the beginning 0.8 s."""
    scenario = rl.Scenario(5, horizon=LONG, **settings)
    with ctrl_c(after):
        scenario.run(seed=1, trace="off")


def test_ctrl_c_while_a_table_becomes_lists():
    messages = busy(trace="full").run("3min").trace.messages
    with ctrl_c(0.02):
        for _ in range(1000):
            messages.to_dict()


def test_ctrl_c_while_a_long_script_is_read():
    c = rl.Cluster(3, seed=1, trace="off", checks=False)
    for _ in range(30_000):
        c.step()
        c.run(0.01)
    assert len(c.scenario.steps) > 30_000
    with ctrl_c(0.02):
        for _ in range(1000):
            c.scenario  # noqa: B018


def test_ctrl_c_in_a_rare_event_of_many_states():
    scenario = rl.Scenario(5, faults=[rl.Crash("a node", at=rl.uniform(1, 999))], horizon="1s")
    rl.rare_event(scenario, [rl.down(1)], effort=10, repeats=2)
    with ctrl_c(0.5):
        rl.rare_event(scenario, [rl.down(1), rl.down(2)], effort=10**5, repeats=50)


def test_ctrl_c_in_a_metric_of_ones_own_keeps_what_is_finished():
    def slow(run):
        time.sleep(0.02)
        return run.now_ms

    with ctrl_c(0.5, kept=True):
        some = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=1000, metrics=["sent", slow])
    assert some.runs.to_list("slow") == [1000.0] * len(some)
    assert 0 < len(some) < 1000


def test_ctrl_c_in_an_interceptor():
    c = busy()
    seen = []
    c.intercept(lambda message: seen.append(message["type"]))
    with ctrl_c():
        c.run(LONG)
    assert seen
    c.intercept(None)
    in_order(c)


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send Ctrl-C to another one")
def test_ctrl_c_at_the_command_line():
    """Without pytest around it: a plain process dies of it, in time and without a word from Rust."""
    story = """
        import raftlab as rl
        print("ready", flush=True)
        rl.Cluster(5, trace="off").run("2000h")
        """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(story)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        assert strike(process, 10) < AT_MOST + 0.4, "and the interpreter's own end"
        _, error = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in error
    assert "panicked" not in error


# ---- Callbacks that call the cluster ----------------------------------------------------------------


def caught(drive):
    with pytest.raises(rl.BusyError) as error:
        drive()
    return str(error.value)


FROM_INSIDE = {
    "run": lambda c: c.run(10),
    "step": lambda c: c.step(),
    "run_until": lambda c: c.run_until(rl.leader_elected, limit=10),
    "run_until a Python condition": lambda c: c.run_until(lambda _: True, limit=10),
    "propose": lambda c: c.propose("x=1"),
    "read": lambda c: c.read("x"),
    "crash": lambda c: c.crash("A"),
    "heal": lambda c: c.heal(),
    "campaign": lambda c: c.campaign("A"),
    "at": lambda c: c.at("1h", "x=1"),
    "deliver": lambda c: c.in_flight.deliver(),
    "hold a message": lambda c: c.in_flight[0].hold(),
    "intercept": lambda c: c.intercept(None),
    "watch": lambda c: c.watch(None),
}


@pytest.mark.parametrize("call", FROM_INSIDE.values(), ids=FROM_INSIDE)
def test_a_condition_may_not_drive_the_cluster(call):
    c, undisturbed = rl.Cluster(3, seed=1), rl.Cluster(3, seed=1)
    told = []

    def condition(world):
        if world.in_flight and not told:
            told.append(caught(lambda: call(c)))
        return bool(told)

    c.run_until(condition)
    undisturbed.run_until(lambda world: bool(world.in_flight))
    assert "running" in told[0]
    assert c.digest == undisturbed.digest
    in_order(c)


def test_a_condition_is_still_inside_after_a_call_was_refused():
    c = rl.Cluster(3, seed=1)

    def condition(world):
        with contextlib.suppress(rl.BusyError):
            world.run_until(lambda _: True)
        caught(lambda: c.run(10))
        return True

    c.run_until(condition)
    assert c.now_ms == 0
    c.run(1)
    in_order(c)


def test_a_condition_may_look_and_fork():
    c = rl.Cluster(3, seed=1)
    looked = []

    def condition(world):
        assert world is c
        looked.append((world.now_ms, world.leaders, repr(world), world["A"].log, world.violations))
        return bool(world.leaders) and world.fork().run("1s").leader is not None

    c.run_until(condition)
    assert len(looked) == c.counters["events"] + 1
    in_order(c)


def test_a_condition_that_raises():
    c = rl.Cluster(3, seed=1)

    def condition(world):
        if world.leader:
            raise ZeroDivisionError("of my own")
        return False

    with pytest.raises(ZeroDivisionError, match="of my own"):
        c.run_until(condition)
    assert c.leader
    in_order(c)


@pytest.mark.parametrize(
    "call", [*FROM_INSIDE.values(), lambda c: c.now_ms, repr], ids=[*FROM_INSIDE, "now_ms", "repr"]
)
def test_an_interceptor_may_not_use_the_cluster(call):
    c, undisturbed = rl.Cluster(3, seed=1), rl.Cluster(3, seed=1)
    told = []

    def function(_):
        if not told:
            told.append(caught(lambda: call(c)))

    c.intercept(function)
    c.run("500ms")
    assert "running" in told[0]
    assert c.digest == undisturbed.run("500ms").digest
    c.intercept(None)
    in_order(c)


def test_what_an_interceptor_does_not_catch_comes_out():
    c = rl.Cluster(3, seed=1)
    c.intercept(lambda _: c.run(10))
    with pytest.raises(rl.BusyError, match="running"):
        c.run("1s")
    c.intercept(None)
    in_order(c)


# ---- Interceptors that fail -------------------------------------------------------------------------


class Mine(Exception):
    pass


def fails_at(number):
    seen = []

    def function(message):
        seen.append(message)
        if len(seen) == number:
            raise Mine(f"at message {number}")

    return function, seen


@pytest.mark.parametrize("number", [1, 2, 7, 30])
def test_a_message_leaves_unaltered_if_the_interceptor_raises(number):
    c, undisturbed = rl.Cluster(3, seed=1), rl.Cluster(3, seed=1)
    function, seen = fails_at(number)
    c.intercept(function)
    with pytest.raises(Mine, match=f"at message {number}"):
        c.run("1s")
    # It stopped after that event, and what was sent is under way.
    assert number <= len(seen) <= number + 2
    undisturbed.step(c.counters["events"])
    assert c.digest == undisturbed.digest
    assert str(c.in_flight) == str(undisturbed.in_flight)
    assert c.now_ms == undisturbed.now_ms < 1000
    # It goes on, also with the same interceptor.
    c.run("1s")
    assert len(seen) > number + 10
    c.intercept(None)
    assert c.digest == undisturbed.run("1s").digest
    in_order(c)


@pytest.mark.parametrize(
    "drive",
    [
        lambda c: c.run_until(rl.leader_elected),
        lambda c: c.run_until(lambda world: world.leader is not None),
        lambda c: c.step(10_000),
        lambda c: c.campaign("A"),
    ],
    ids=["run_until", "a Python condition", "step", "campaign"],
)
def test_an_interceptor_that_raises_stops_every_drive(drive):
    c = rl.Cluster(3, seed=1)
    function, _ = fails_at(1)
    c.intercept(function)
    with pytest.raises(Mine):
        drive(c)
    c.intercept(None)
    in_order(c)


def test_a_request_of_which_an_interceptor_raises_was_made():
    c = rl.Cluster(3, seed=1)
    c.campaign("A")
    c.run(50)
    function, _ = fails_at(1)
    c.intercept(function)
    with pytest.raises(Mine):
        c.propose("x=1", node="A")
    c.run(100)
    c.intercept(None)
    assert [str(operation.status) for operation in c.operations] == ["ok"]
    in_order(c)


def test_an_interceptor_that_raises_in_a_fork():
    c = rl.Cluster(3, seed=1)
    function, _ = fails_at(3)
    c.intercept(function)
    fork = c.fork()
    with pytest.raises(Mine):
        fork.run("1s")
    assert c.now_ms == 0
    fork.intercept(None)
    in_order(fork)


# ---- Threads ----------------------------------------------------------------------------------------


def test_a_second_thread_is_told_that_the_cluster_is_busy():
    c, undisturbed = busy(), busy()
    duration = "3min"
    runner = threading.Thread(target=c.run, args=(duration,))
    told, looked = [], []
    runner.start()
    while runner.is_alive():
        for use, noted in (
            (lambda: c.run(1), told),
            (lambda: c.propose("x=1"), told),
            (lambda: c.now_ms, looked),
        ):
            try:
                use()
                if runner.is_alive() and noted is told:
                    noted.append("it drove")
            except rl.BusyError as error:
                noted.append(str(error))
        time.sleep(0.001)
        if told and "it drove" in told:
            break
    runner.join()
    assert told, "the first thread was too quick to be disturbed"
    assert looked
    assert all("running" in message for message in looked)
    refused = [message for message in told if message != "it drove"]
    assert all("another thread" in message for message in refused)
    # What was done by the second thread, if anything, was done after the first had come back.
    again = c.scenario.run(seed=c.seed, trace="off")
    assert again.digest == c.digest
    undisturbed.run(duration)
    assert c.state(at=duration).digest == undisturbed.digest


def test_a_second_thread_cannot_slip_in_between_two_steps():
    """A condition in Python leaves the core between any two events; the cluster is running all the same.

    Wherever the interpreter may switch from the thread that runs to another, another tries to drive.
    """
    c, undisturbed = rl.Cluster(3, seed=3), rl.Cluster(3, seed=3)
    refused, drove = [], []

    def drive():
        try:
            c.propose("x=666")
            drove.append(c.now_ms)
        except rl.BusyError:
            refused.append(c)

    def switch(*_):
        if begun:
            second = threading.Thread(target=drive)
            second.start()
            second.join()

    begun = []

    def condition(world):
        done = world.counters["events"] >= 5
        begun[:] = [] if done else [world]
        return done

    sys.setprofile(switch)
    try:
        c.run_until(condition)
    finally:
        sys.setprofile(None)
    undisturbed.step(5)
    assert refused
    assert drove == [], "another thread drove the cluster in mid-run"
    assert c.digest == undisturbed.digest


def test_many_threads_with_a_cluster_each():
    expected = rl.Cluster(5, seed=9).run("20s").digest
    digests = []
    threads = [
        threading.Thread(target=lambda: digests.append(rl.Cluster(5, seed=9).run("20s").digest))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [expected] * 8


def test_other_threads_run_while_a_cluster_runs():
    ticks = []
    over = threading.Event()

    def tick():
        while not over.is_set():
            ticks.append(1)
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        start, computed = len(ticks), time.thread_time()
        busy().run("5min")
        during, computed = len(ticks) - start, time.thread_time() - computed
    finally:
        over.set()
        ticker.join()
    # A tick takes a millisecond; on a machine that is busy both wait for their turns.
    assert during > computed / 0.001 / 20, "the interpreter was held"


def test_a_sweep_tells_its_progress_and_stops_if_that_raises():
    scenario = rl.Scenario(3, horizon="1s")
    seen = []
    rl.sweep(scenario, seeds=20_000, progress=seen.append)
    assert seen == sorted(seen)
    assert all(0 <= done <= 20_000 for done in seen)

    raised = []

    def progress(done):
        if done:
            raised.append(done)
            raise Mine(f"after {done}")

    with (
        prompt(2),
        pytest.warns(IncompleteWarning, match=r"progress raised Mine: after \d+: .* are finished and kept"),
    ):
        part = rl.sweep(scenario, seeds=10**8, progress=progress)
    assert len(raised) == 1, "it went on"
    assert 0 < len(part) < 10**8


# ---- What is kept alive -----------------------------------------------------------------------------


def gone(reference):
    for _ in range(3):
        gc.collect()
    return reference() is None


def closing_over(c):
    """An interceptor that holds its cluster alive, and does nothing with it."""

    def function(_):
        return (c, None)[1]

    return function


def test_an_interceptor_that_closes_over_the_cluster_does_not_leak():
    def story():
        c = rl.Cluster(3, seed=1)
        c.intercept(closing_over(c))
        c.run("500ms")
        return weakref.ref(c)

    assert gone(story())


def test_a_fork_with_an_interceptor_does_not_leak():
    def story():
        c = rl.Cluster(3, seed=1)
        c.intercept(closing_over(c))
        fork = c.fork()
        fork.run("100ms")
        return weakref.ref(c), fork

    original, fork = story()
    copy = weakref.ref(fork)
    assert not gone(original), "the fork's interceptor uses it"
    del fork
    assert gone(original)
    assert gone(copy)


def test_an_interceptor_that_was_ended_is_let_go():
    class Function:
        def __call__(self, _):
            return None

    c = rl.Cluster(3, seed=1)
    first, second = Function(), Function()
    references = weakref.ref(first), weakref.ref(second)
    hook = c.intercept(first)
    c.run("300ms")
    c.intercept(second)
    hook.remove()
    del first, second
    assert gone(references[0])
    c.run("300ms")
    assert not gone(references[1])
    c.intercept(None)
    assert gone(references[1])


def test_a_condition_that_closes_over_the_cluster_does_not_leak():
    def story():
        c = rl.Cluster(3, seed=1)
        c.run_until(lambda _: c.leader)
        return weakref.ref(c)

    assert gone(story())


def test_an_error_of_an_interceptor_does_not_keep_the_cluster():
    def story():
        c = rl.Cluster(3, seed=1)

        def function(_):
            raise Mine(type(c).__name__)

        c.intercept(function)
        drives = (
            lambda: c.run("1s"),
            lambda: c.campaign("A"),
            lambda: c.step(1000),
            lambda: c.run_until(lambda _: False),
        )
        for drive in drives:
            with pytest.raises(Mine):
                drive()
        c.intercept(None)
        return weakref.ref(c)

    assert gone(story())


def test_handles_keep_their_cluster_and_no_longer():
    def story():
        c = rl.Cluster(3, seed=1)
        c.campaign("A")
        c.run(50)
        return weakref.ref(c), [c["A"], c.propose("x=1"), c.crash("B"), c.in_flight, c.trace]

    reference, handles = story()
    assert not gone(reference)
    assert handles[0].role == "leader"
    handles.clear()
    assert gone(reference)
