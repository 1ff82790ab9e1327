"""What people guess wrongly: each error names what was meant, and its traceback ends at the user's line."""

import contextlib
import gc
import inspect
import pickle
import subprocess
import sys
import traceback
import weakref

import matplotlib as mpl
import numpy as np
import pytest
import raftlab as rl
from raftlab import _core
from raftlab.errors import shown

mpl.use("Agg")


def cluster():
    return rl.Cluster(3, seed=1)


def run():
    return rl.Scenario(3, horizon="100ms").run()


def swept():
    return rl.sweep(rl.Scenario(3, stop=rl.leader_elected), seeds=3, progress=False)


def two_points():
    def crash(pre_vote):
        return rl.Scenario(3, pre_vote=pre_vote, horizon="1s", faults=[rl.Crash("leader", at="500ms")])

    return rl.sweep(crash, {"pre_vote": [False, True]}, seeds=3, progress=False)


TWO_POINTS = "raftlab.compare(result.where(pre_vote=False), result.where(pre_vote=True), 'unavailable_ms')"

MATRIX = [[0, 9], [9, 0]]

ATTRIBUTES = {
    # of the package
    "a fault as a verb": (lambda: rl.crash, ["'Crash'", "Cluster.crash"]),
    "a fault misspelt": (lambda: rl.Isolat, ["'Isolate'"]),
    "a picture": (lambda: rl.timeline, ["raftlab.plot.timeline"]),
    "a preset": (lambda: rl.etcd, ["raftlab.presets.etcd"]),
    "an experiment": (lambda: rl.split_brain, ["raftlab.experiments.split_brain"]),
    "a method": (lambda: rl.propse, ["'propose'"]),
    "a condition": (lambda: rl.leader_electd, ["'leader_elected'"]),
    "camel case": (lambda: rl.leaderElected, ["'leader_elected'"]),
    "small letters": (lambda: rl.scenario_, ["'Scenario'"]),
    "another spelling": (lambda: rl.log_normal, ["'lognormal'"]),
    "a plural": (lambda: rl.sweeps_, ["'sweep'"]),
    "nothing like it": (lambda: rl.frobnicate, ["no attribute 'frobnicate'", "dir()"]),
    # of clusters
    "the leader": (lambda: cluster().lead, ["'leader'"]),
    "the time": (lambda: cluster().now, ["'now_ms'"]),
    "propose": (lambda: cluster().proposal, ["'propose'"]),
    "an invented method": (lambda: cluster().isolat("A"), ["'isolate'"]),
    "a picture of it": (lambda: cluster().timeline, ["raftlab.plot.timeline"]),
    "a sweep of it": (lambda: cluster().sweep, ["raftlab.sweep"]),
    "the ending": (lambda: cluster().ending, ["Run.ending"]),
    "crash of a run": (lambda: run().crash("A"), ["Cluster.crash"]),
    "node's term": (lambda: cluster()["A"].current_term, ["no attribute 'current_term'"]),
    "node's commitIndex": (lambda: cluster()["A"].commitIndex, ["'commit_index'"]),
    "node's votedFor": (lambda: cluster()["A"].votedFor, ["'voted_for'"]),
    "node's state": (lambda: cluster()["A"].is_up, ["no attribute 'is_up'"]),
    "a table": (lambda: cluster().trace.event, ["'events'"]),
    "messages": (lambda: cluster().messages, ["Trace.messages"]),
    "a node by its name": (lambda: cluster().nodes.A, ["cluster[...]"]),
    "a frame": (lambda: cluster().trace.events.df, ["to_pandas()"]),
    "its head": (lambda: cluster().trace.events.head(), ["to_pandas()"]),
    "its rows": (lambda: cluster().trace.events.filter(1), ["to_pandas()"]),
    "a frame of all": (lambda: cluster().trace.to_pandas(), ["trace.messages.to_pandas()"]),
    # of scenarios, sweeps, pictures, presets
    "a scenario's seed": (lambda: rl.Scenario(3).sweep, ["raftlab.sweep"]),
    "a scenario's setting": (lambda: rl.Scenario(3).prevote, ["'pre_vote'"]),
    "to run it": (lambda: rl.Scenario(3).play, ["no attribute 'play'"]),
    "a scenario's nodes": (lambda: rl.Scenario(3).node, ["'nodes'"]),
    "a sweep's metric": (lambda: swept().summarise, ["'summary'"]),
    "a sweep's table": (lambda: swept().to_panda, ["'to_pandas'"]),
    "a picture of a sweep": (lambda: swept().ecdf, ["raftlab.plot.ecdf"]),
    "a picture misspelt": (lambda: rl.plot.time_line, ["'timeline'"]),
    "a picture of another name": (lambda: rl.plot.log, ["'logs'"]),
    "a preset misspelt": (lambda: rl.presets.etcdd, ["'etcd'"]),
    "a preset that is none": (lambda: rl.presets.zookeeper, ["no attribute 'zookeeper'"]),
    "an experiment misspelt": (lambda: rl.experiments.splitbrain, ["'split_brain'"]),
    "a published one": (lambda: rl.published.figure16, ["'figure_16'"]),
    "a fault's part": (lambda: rl.Crash("A").unsync, ["'unsynced'"]),
    # of classes themselves
    "to load a cluster": (lambda: rl.Cluster.load("x.json"), ["did you mean Scenario.load or Sweep.load?"]),
    "a method of a class": (lambda: rl.Scenario.lod, ["Scenario has no attribute 'lod'", "'load'"]),
    "JSON of a sweep": (lambda: rl.Sweep.from_json("{}"), ["Scenario.from_json"]),
    "a method of a value's class": (lambda: rl.Crash.from_json, ["Scenario.from_json"]),
    "what instances have": (lambda: rl.Entry.index, ["Entry has no attribute 'index': its instances"]),
    "a method of a class that is not there": (lambda: rl.Cluster.paxos, ["not simulated yet"]),
    "a table by the class": (lambda: rl.Trace.head, ["its tables are messages"]),
    # of membership, as other systems call it
    "to add a node": (lambda: cluster().add_node("D"), ["did you mean 'add'?"]),
    "to add a server": (lambda: cluster().addServer("D"), ["did you mean 'add'?"]),
    "to add a voter": (lambda: rl.Cluster.add_voter, ["did you mean 'add'?"]),
    "to add a learner": (lambda: rl.steps.add_learner("D"), ["did you mean 'add'?"]),
    "to add, of the package": (lambda: rl.add("D"), ["raftlab.steps.add or Cluster.add?"]),
    "to remove a node": (lambda: cluster().remove_node("D"), ["did you mean 'remove'?"]),
    "to make a voter": (lambda: cluster().promote_learner("D"), ["did you mean 'promote'?"]),
    "to reconfigure": (lambda: cluster().reconfigure("AB"), ["did you mean 'change'?"]),
    "joint": (lambda: cluster().joint("AB"), ["did you mean 'change'?"]),
    "a change": (lambda: rl.MembershipChange, ["raftlab.steps.change or Cluster.change?"]),
    "to transfer leadership": (lambda: cluster().transfer_leadership("B"), ["did you mean 'transfer'?"]),
    "to transfer a leader": (lambda: cluster().transfer_leader("B"), ["did you mean 'transfer'?"]),
    "a leader's transfer": (lambda: rl.leader_transfer, ["raftlab.steps.transfer or Cluster.transfer?"]),
    "to resign": (lambda: cluster().resign(), ["did you mean 'step_down'?"]),
    "the voters": (lambda: cluster().voters, ["did you mean 'membership'?"]),
    "a node's configuration": (lambda: cluster()["A"].configuration, ["did you mean 'membership'?"]),
    "membership": (lambda: rl.membership, ["'Membership', Cluster.membership"]),
    "an operation's part": (lambda: cluster().propose("x=1").result_, ["no attribute 'result_'"]),
}

NOT_SIMULATED = {
    "a witness": (lambda: cluster().witness("A"), ["not simulated yet: witnesses"]),
    "witnesses": (lambda: rl.Scenario(3, witnesses=["D"]), ["not simulated yet: witnesses"]),
    "paxos": (lambda: rl.Cluster(3, protocol="paxos"), ["protocol must be 'raft' or 'tikv'"]),
    "a class": (lambda: rl.Paxos, ["not simulated yet: protocols other than Raft"]),
    "a history": (lambda: rl.check_linearizability, ["not simulated yet: checking the histories"]),
    "a player": (lambda: rl.player, ["a player to click through a run (step()", "at="]),
    "an animation": (lambda: rl.plot.animate, ["a player to click through a run"]),
    "a check": (lambda: run().is_linearizable, ["not simulated yet: checking the histories"]),
    "another check": (lambda: rl.linearizability_check, ["not simulated yet: checking the histories"]),
    "Jepsen": (lambda: rl.jepsen, ["not simulated yet: checking the histories"]),
    "corruption": (lambda: rl.Disk(corruption=0.1), ["not simulated yet: corrupt"]),
}

ARGUMENTS = {
    "learners": (lambda: rl.Scenario(3, learners=["D"]), ["raftlab.steps.add or raftlab.steps.change?"]),
    "prevote": (lambda: rl.Cluster(3, prevote=True), ["Cluster() has no argument 'prevote'", "'pre_vote'"]),
    "of a scenario": (lambda: rl.Scenario(3, preVote=True), ["Scenario() has no argument", "'pre_vote'"]),
    "of replace": (lambda: rl.Scenario(3).replace(prevote=True), ["no argument 'prevote'", "'pre_vote'"]),
    "of a run": (lambda: rl.Scenario(3).run(sed=1), ["Scenario.run()", "'seed'"]),
    "of a cluster of a scenario": (lambda: rl.Scenario(3).cluster(0, trce="off"), ["'trace'"]),
    "a timeout in ms": (lambda: rl.Cluster(3, election_timeout_ms=5), ["'election_timeout'"]),
    "of the network": (lambda: rl.Cluster(3, loss=0.1), ["Network(loss=…)"]),
    "of the network, in a scenario": (lambda: rl.Scenario(3, latency=5), ["Network(latency=…)"]),
    "of the disk": (lambda: rl.Scenario(3, fsync=5), ["Disk(fsync=…)"]),
    "of a sweep": (lambda: rl.Scenario(3, seeds=5), ["sweep(seeds=…)"]),
    "of a sweep, misspelt": (lambda: rl.sweep(rl.Scenario(3), seed=5), ["sweep()", "'seeds'"]),
    "seed of a scenario": (lambda: rl.Scenario(3, seed=5), ["Scenario() has no argument 'seed'"]),
    "of the network, misspelt": (lambda: rl.Network(latenzy=5), ["Network()", "'latency'"]),
    "of a fault": (lambda: rl.Crash("A", unsync="tear"), ["Crash()", "'unsynced'"]),
    "of a fault by hand": (lambda: cluster().crash("A", unsync="tear"), ["Cluster.crash()", "'unsynced'"]),
    "of a fault's first argument": (lambda: cluster().crash(nod="A"), ["did you mean 'node'"]),
    "of a change of a clock": (lambda: cluster().clock_jump("A", bye=5), ["did you mean 'by'"]),
    "of a schedule": (lambda: cluster().crash("A", times_=3), ["Cluster.crash()", "'times'"]),
    "of a partition": (lambda: rl.Partition("AB", durations="1s"), ["Partition()", "'duration'"]),
    "of a partition by hand": (lambda: cluster().partition("AB", durations="1s"), ["'duration'"]),
    "of a delay": (lambda: cluster().delay("1s", source="A"), ["Cluster.delay()", "from_"]),
    "Python's own word": (lambda: rl.Cut(**{"from": "A"}), ["Cut()", "'from_'"]),
    "type of a cut": (lambda: cluster().cut(type="PreVote"), ["Cluster.cut()", "'types'"]),
    "of a picture": (lambda: rl.plot.timeline(cluster(), begin=5), ["timeline()", "it takes"]),
    "of a load": (lambda: rl.OpenLoop("1ms", key=5), ["OpenLoop()", "'keys'"]),
    "of a condition": (lambda: rl.committed(5, node=2), ["committed()", "'nodes'"]),
    "of run_until": (
        lambda: cluster().run_until(rl.leader_elected, timeout=5),
        ["Cluster.run_until()"],
    ),
    "the end of steps": (
        lambda: cluster().step(until="1s"),
        ["Cluster.step() has no argument 'until'", "did you mean Cluster.run_until(condition)?"],
    ),
    "the end of a run": (lambda: cluster().run(until=5), ["did you mean Cluster.run_until(condition)?"]),
    "many steps by place": (lambda: cluster().step(1, 2), ["Cluster.step() takes only count by place"]),
    "of the beginning": (lambda: rl.Initial(votedFor={"A": "B"}), ["Initial()", "'voted_for'"]),
    "a limit": (lambda: rl.Scenario(3, limit="1s"), ["did you mean 'horizon'"]),
    "a duration": (lambda: rl.Scenario(3, duration="1s"), ["did you mean 'horizon'"]),
    "nothing": (lambda: rl.Crash(), ["Crash() needs 'node'"]),
    "no node": (lambda: cluster().crash(), ["Cluster.crash() needs 'node'"]),
    "no duration": (lambda: cluster().run(), ["Cluster.run() needs 'duration'"]),
    "no command": (lambda: cluster().propose(), ["Cluster.propose() needs 'command'"]),
    "no parameter": (lambda: rl.leaders(), ["leaders() needs 'count'"]),
    "by place": (lambda: rl.Crash("A", "1s"), ["Crash() takes only node by place", "at"]),
    "many by place": (lambda: rl.Scenario(3, True), ["Scenario() takes only nodes by place", "pre_vote"]),
    "twice": (lambda: rl.Crash("A", node="B"), ["Crash() got 'node' twice"]),
    "many nodes": (lambda: cluster().crash("A", "B"), ["Cluster.crash() takes only node by place"]),
    "two durations": (lambda: cluster().run("1s", "2s"), ["Cluster.run() takes only duration by place"]),
}

VALUES = {
    "a condition called": (
        lambda: cluster().run_until(rl.leader_elected()),
        ["is a condition"],
    ),
    "a condition called with a node": (lambda: rl.caught_up("A"), ["caught_up is a condition"]),
    "a condition not called": (lambda: cluster().run_until(rl.term_reached), ["call it: term_reached(term)"]),
    "one with two parameters": (lambda: cluster().run_until(rl.committed), ["call it: committed(index)"]),
    "stop not called": (lambda: rl.Scenario(3, stop=rl.leaders), ["call it: leaders(count)"]),
    "a condition's name": (lambda: cluster().run_until("leader"), ["raftlab.leader_elected"]),
    "stop by name": (lambda: rl.Scenario(3, stop="leader_elected"), ["raftlab.leader_elected"]),
    "a time as condition": (lambda: cluster().run_until("1s"), ["a condition must be", "'1s'"]),
    "conditions by and": (lambda: rl.all_of(rl.no_leader, rl.down), ["call it: down(count)"]),
    "a preset's name": (lambda: rl.Cluster(3, preset="etcd"), ["raftlab.presets.etcd", "'etcd'"]),
    "a fault's class": (lambda: rl.Scenario(3, faults=[rl.Crash]), ["call it: Crash(node)"]),
    "a fault's class by hand": (lambda: cluster().inject(rl.Partition), ["call it: Partition(*groups)"]),
    "a fault's name": (lambda: rl.Scenario(3, faults=["crash"]), ["raftlab.Crash"]),
    "a fault's method": (lambda: cluster().inject(cluster().crash), ["fault must be a fault"]),
    "a fault's name among faults": (
        lambda: rl.Scenario(3, faults=[rl.Crash("A"), "crash"]),
        ["faults[1]", "did you mean raftlab.Crash(node)?"],
    ),
    "a distribution of many": (
        lambda: rl.plot.ecdf(swept(), "commit_latency"),
        ["raftlab.plot.commit_latency draws them"],
    ),
    "a setting for the seed": (lambda: rl.Cluster(5, rl.Network()), ["seed", "settings go by name"]),
    "a setting without its group": (
        lambda: rl.sweep(rl.Scenario(3), {"loss": [0.1]}, seeds=2),
        ["unknown field `loss`", "did you mean 'network.loss'?"],
    ),
    "a matrix without regions": (lambda: rl.Network(MATRIX), ["regions=[0, 1]", "network_from_csv"]),
    "a network that is a matrix": (lambda: rl.Cluster(2, network=MATRIX), ["regions=", "network_from_csv"]),
    "a range": (lambda: rl.Network(latency=(1, 5)), ["write raftlab.uniform(1, 5)"]),
    "a range as a text": (lambda: rl.Network("1-5ms"), ["write raftlab.uniform('1ms', '5ms')"]),
    "a range of an fsync": (lambda: rl.Disk(fsync=[1, 5]), ["write raftlab.uniform(1, 5)"]),
    "a network as a dict": (
        lambda: rl.Cluster(3, network={"latency": 5}),
        ["network must be of type Network", "write raftlab.Network(latency=5)"],
    ),
    "a disk as a dict": (lambda: rl.Cluster(3, disk={"fsync": 5}), ["write raftlab.Disk(fsync=5)"]),
    "a shape as a group": (lambda: cluster().partition("bridge"), ["write shape='bridge'"]),
    "a rate as load": (lambda: rl.Cluster(3, workload=50), ["write raftlab.OpenLoop(50)"]),
    "percent": (lambda: cluster().loss("30%"), ["write 0.3"]),
    "percent of a network": (lambda: rl.Network(loss="2.5 %"), ["write 0.025"]),
    "a dict for a name": (
        lambda: rl.leads({"A": [1, 1]}),
        ["node must be the name of a node", "{'A': [1, 1]}"],
    ),
    "a number of numpy": (lambda: rl.Scenario(3, bugs=[np.float64(0.5)]), ["0.5"]),
    "a question as a parameter": (
        lambda: rl.plot.share(two_points(), "ending=horizon"),
        ["x must be a parameter", "raftlab.plot.share(result, 'pre_vote', 'ending=horizon')"],
    ),
    "a condition as a parameter": (
        lambda: rl.plot.share(two_points(), rl.no_leader),
        ["the condition no_leader", "'ending=horizon'"],
    ),
    "a condition as a question": (
        lambda: two_points().share(rl.no_leader),
        ["question must be a text", "the condition no_leader", "'ending=stop'"],
    ),
    "no such question": (lambda: two_points().share("horizon"), ["'ending=horizon'"]),
    "a condition without the cluster": (
        lambda: cluster().run_until(lambda: True),
        ["lambda cluster: ...", "<lambda> does not take one argument"],
    ),
    "another preset in brackets": (lambda: rl.steps["etcd"], ["is a module; dir()"]),
    "a setting of a preset": (lambda: rl.presets.etcd["hartbeat"], ["etcd", "did you mean 'heartbeat'?"]),
    "a preset in brackets": (lambda: rl.presets["etcd"], ["did you mean raftlab.presets.etcd?"]),
    "a setting that is read": (lambda: setattr(cluster(), "seed", 3), ["fork(seed=...)"]),
    "a state that is read": (lambda: setattr(cluster()["A"], "term", 3), ["term", "only be read"]),
    "a row of a table": (lambda: cluster().trace.messages[0], ["to_pandas().iloc[...]"]),
    "a column of a table": (lambda: cluster().trace.events["kind"], ["to_pandas()['kind']"]),
    "no column of a table": (lambda: cluster().trace.events["knd"], ["unknown column 'knd'"]),
    "a table of a trace": (lambda: cluster().trace["events"], ["write trace.events"]),
    "a node in brackets": (lambda: cluster().nodes["A"], ["write cluster['A']"]),
    "the width of a file": (
        lambda: rl.plot.save(rl.plot.roles(run()), "x.pdf", width="column"),
        ["save() has no argument 'width'", "set_size_inches"],
    ),
    "no folder": (
        lambda: rl.plot.save(rl.plot.roles(run()), "/nowhere/x.svg"),
        ["path: '/nowhere/x.svg' cannot be written"],
    ),
    "a load's class": (lambda: rl.Scenario(3, workload=[rl.OpenLoop]), ["call it: OpenLoop()"]),
    "the beginning as a dict": (
        lambda: rl.Scenario(3, initial={"term": 1}),
        ["of type Initial", "write raftlab.Initial(term=1)"],
    ),
    "a trace level": (lambda: rl.Cluster(3, trace="ful"), ["'full'", "did you mean 'full'"]),
    "a way to read": (lambda: cluster().read("x", via="readindex"), ["did you mean 'read_index'"]),
    "what a violation does": (lambda: rl.Cluster(3, on_violation="throw"), ["'record', 'stop' or 'raise'"]),
    "a shape": (lambda: rl.Partition(shape="half"), ["did you mean 'halves'"]),
    "a lie": (lambda: rl.Lie("A", "doublevote"), ["did you mean 'double_vote'"]),
    "unsynced": (lambda: rl.Crash("A", unsynced="loose"), ["did you mean 'lose'"]),
    "an election rule": (lambda: rl.Scenario(3, election_rule="prevote"), ["did you mean 'pre_vote'"]),
    "a metric": (lambda: rl.sweep(rl.Scenario(3), metrics="time_to_leader"), ["time_to_leader_ms"]),
    "a sweep's timeline": (lambda: rl.plot.timeline(swept()), ["many runs", "result.replay(row)"]),
    "a sweep's logs": (lambda: rl.plot.logs(swept()), ["many runs", "result.replay(row)"]),
    "a sweep's roles": (lambda: rl.plot.roles_table(swept()), ["many runs", "result.replay(row)"]),
    "a scenario's timeline": (lambda: rl.plot.timeline(rl.Scenario(3)), ["scenario.run(seed=...)"]),
    "a node's timeline": (lambda: rl.plot.timeline(cluster()["A"]), ["Cluster or Run", "one of its nodes"]),
    "the timeline of a text": (lambda: rl.plot.messages("A"), ["Cluster or Run", "'A'"]),
    "a cluster's ecdf": (lambda: rl.plot.ecdf(cluster(), "end_ms"), ["a single run", "raftlab.sweep"]),
    "a run's heatmap": (lambda: rl.plot.heatmap(run(), "a", "b", "end_ms"), ["a single run"]),
    "a run's fate": (lambda: rl.plot.fate(run()), ["a single run"]),
    "a cluster's share": (lambda: rl.plot.share(cluster(), "loss", "violation"), ["a single run"]),
    "runs compared": (lambda: rl.compare(run(), run(), "end_ms"), ["a must be of type Sweep"]),
    "a grid's parameter compared": (
        lambda: rl.compare(two_points(), "pre_vote", "unavailable_ms"),
        ["b must be of type Sweep, not 'pre_vote'", TWO_POINTS],
    ),
    "one sweep compared": (
        lambda: rl.compare(two_points(), metric="unavailable_ms"),
        ["needs 'b'", TWO_POINTS],
    ),
    "one sweep and a metric": (lambda: rl.compare(two_points(), "unavailable_ms"), [TWO_POINTS]),
    "all points compared": (
        lambda: rl.compare(two_points(), two_points(), "unavailable_ms"),
        ["one point, not of 2", TWO_POINTS],
    ),
    "a handle for a fault": (lambda: cluster().inject(cluster().crash("A")), ["handle of a fault"]),
    "a condition as a step": (lambda: rl.Scenario(3, steps=[rl.leader_elected]), ["run_until"]),
    "a list that asks for a name": (lambda: rl.rules["commit_prior"], ["commit_prior_term"]),
}


@pytest.fixture(scope="module", autouse=True)
def _plots_are_closed():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.mark.parametrize("table", [ATTRIBUTES, NOT_SIMULATED, ARGUMENTS, VALUES])
def test_the_error_names_what_was_meant(table):
    wrong = []
    for name, (call, parts) in table.items():
        try:
            call()
        except rl.RaftlabError as error:
            said = str(error)
            missing = [part for part in parts if part not in said]
            if missing or len(said) > 700:
                wrong.append(f"{name}: {missing} not in: {said}")
            if inner := frames_of_raftlab(error):
                wrong.append(f"{name}: its traceback goes on in {inner}")
        except Exception as error:  # a raw error of Python's
            wrong.append(f"{name}: {type(error).__name__}: {error}")
        else:
            wrong.append(f"{name}: it is accepted")
    assert wrong == [], "\n".join(wrong)


def frames_of_raftlab(error):
    """The frames that the user has no use for; that of a sequence's `[...]` is the only one."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.name}, line {frame.lineno}" for frame in frames if "/raftlab/" in frame.filename]


def test_places_that_a_list_lacks_are_index_errors():
    """So that loops over places end, and with what there is instead."""
    c = rl.Cluster(3, initial=rl.Initial(term=1, leader="A", log=[1, 1]))
    idle = cluster()
    for read, said in {
        (lambda: run().violations[0]): "no violations",
        (lambda: idle.in_flight[0]): "nothing in flight",
        (lambda: idle.operations[-1]): "no operations",
        (lambda: idle.faults[0]): "no faults that act now",
        (lambda: idle.leaders[-1]): "no leaders",
        (lambda: c.leaders[1]): "no leader at place 1: there is one, at 0",
        (lambda: c.leader.log[99]): "no entry at place 99: there are 2, 0 to 1",
        (lambda: c.nodes[3]): "no node at place 3: there are 3, 0 to 2",
        (lambda: rl.rules[99]): f"the rules have places 0 to {len(rl.rules) - 1}, not 99",
    }.items():
        with pytest.raises(IndexError) as caught:
            read()
        assert type(caught.value) is rl.OutOfRangeError
        assert str(caught.value) == said
        assert frames_of_raftlab(caught.value) == []
    assert c.nodes[-1] == c["C"]
    assert c.nodes[:2] == (c["A"], c["B"])
    assert iter(c.nodes).__next__() == c["A"]


def test_one_fault_and_one_step_are_accepted_as_lists_of_one():
    crash = rl.Crash("A", at="1s")
    assert rl.Scenario(3, faults=crash) == rl.Scenario(3, faults=[crash])
    assert rl.Scenario(3, steps=crash) == rl.Scenario(3, steps=[crash])
    assert rl.Scenario(3, steps=rl.run("1s")) == rl.Scenario(3, steps=[rl.run("1s")])
    named = rl.Cluster(["bridge", "B", "C"])
    assert named.partition(["bridge"]).nodes == ("bridge", "B", "C")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.float64(0.3), "0.3"),
        (np.int64(3), "3"),
        (np.True_, "True"),
        (0.1 + 0.2, "0.3"),
        (1.0000000000000002, "1.0000000000000002"),
        (1234567890123.5, "1234567890123.5"),
        (1.5000000000021, "1.5000000000021"),
        ([np.float64(0.1 + 0.2), (1,)], "[0.3, (1,)]"),
        ({"a": np.int64(1)}, "{'a': 1}"),
        (1e-300, "1e-300"),
        (1.0, "1.0"),
        ("0.30000000000000004", "'0.30000000000000004'"),
    ],
)
def test_errors_show_plain_numbers(value, said):
    assert shown(value) == said


def test_there_are_enough_guesses():
    assert sum(map(len, (ATTRIBUTES, NOT_SIMULATED, ARGUMENTS, VALUES))) >= 120


EXPECTED = [AttributeError, TypeError, ValueError]


@pytest.mark.parametrize("kind", EXPECTED)
def test_an_unknown_name_is_caught_as_what_python_raises(kind):
    with pytest.raises(kind):
        rl.Cluster(3, prevote=True)
    with pytest.raises(kind):
        _ = cluster().paxos


def test_a_plain_traceback_ends_at_the_users_line():
    script = "import raftlab as rl\n\ndef mine():\n    rl.Scenario(3, network=rl.Network(loss=2))\n\nmine()\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert [line for line in done.stderr.splitlines() if "File" in line] == [
        '  File "<string>", line 6, in <module>',
        '  File "<string>", line 4, in mine',
    ]


def test_all_frames_are_there_for_who_asks(monkeypatch):
    monkeypatch.setenv("RAFTLAB_TRACEBACKS", "full")
    with pytest.raises(rl.InvalidError) as caught:
        rl.Network(loss=2).to_dict()
    assert frames_of_raftlab(caught.value) != []


def test_frames_of_callbacks_stay():
    def looks(world):
        return world["Z"]

    with pytest.raises(rl.InvalidError) as caught:
        cluster().run_until(looks)
    assert frames_of_raftlab(caught.value) == []
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][-1] == "looks"


def test_errors_that_are_not_raftlabs_keep_all_frames():
    def fails(_):
        return 1 // 0

    with pytest.raises(ZeroDivisionError) as caught:
        cluster().run_until(fails)
    assert len(frames_of_raftlab(caught.value)) > 0


def test_an_error_inside_an_attribute_is_not_taken_for_its_absence(monkeypatch):
    def broken(_):
        raise AttributeError("inside")

    monkeypatch.setattr(rl.Cluster, "leader", property(broken))
    with pytest.raises(AttributeError, match=r"^inside$"):
        _ = cluster().leader


def test_an_attribute_that_raises_is_read_once(monkeypatch):
    reads = []

    def role(self, what):
        reads.append(what)
        return self.nothing_of_this_name

    monkeypatch.setattr(rl.NodeView, "_get", role)
    for read in (lambda node: node.role, lambda node: hasattr(node, "role"), lambda node: node.term):
        reads.clear()
        with contextlib.suppress(AttributeError):
            read(cluster()["A"])
        assert len(reads) == 1
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = cluster()["A"].role


UNKNOWN = """
import sys, raftlab as rl
for value in (rl.uniform(1, 2), rl.Crash("A"), rl.Cluster(3), rl.Scenario(3), rl.rules, rl.leader_elected):
    assert not hasattr(value, "dtype") and getattr(value, "frob", 5) == 5
assert "raftlab.sweeps" not in sys.modules and "raftlab.plot" not in sys.modules
"""


def test_a_question_whether_there_is_an_attribute_makes_no_words():
    subprocess.run([sys.executable, "-c", UNKNOWN], check=True, timeout=60)


@pytest.mark.parametrize("value", [rl.uniform(1, 2), rl.Crash("A"), rl.put("x", 1), rl.leader_elected])
def test_what_is_not_simulated_is_named_where_people_look(value):
    with pytest.raises(rl.UnknownNameError) as caught:
        _ = value.paxos
    assert "not simulated" not in str(caught.value)
    assert repr(caught.value) == f"UnknownNameError({str(caught.value)!r})"
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


def test_hasattr_and_getattr_work_as_ever():
    assert not hasattr(cluster(), "paxos")
    assert getattr(rl, "frob", 5) == 5
    with pytest.raises(ImportError, match="frob"):
        exec("from raftlab import frob")


@pytest.mark.parametrize("module", [rl, rl.plot, rl.presets, rl.experiments, rl.published])
def test_dir_has_what_is_meant_and_nothing_else(module):
    assert dir(module) == sorted(module.__all__)
    for name in dir(module):
        assert getattr(module, name) is not None
        assert name == "__version__" or not name.startswith("_")


def test_what_is_guarded_still_looks_like_a_function():
    for call in (
        rl.sweep,
        rl.put,
        rl.Cluster.crash,
        cluster().crash,
        rl.plot.timeline,
        rl.Scenario.from_json,
    ):
        assert inspect.isroutine(call)
        assert call.__doc__
        assert call.__name__ in str(call)
        assert inspect.signature(call).parameters
    assert rl.Scenario.from_json(rl.Scenario(3).to_json()) == rl.Scenario(3)


def test_modules_are_not_callable():
    """Though they have errors of their own for brackets."""
    for module in (rl, rl.presets, rl.steps, rl.scenario, rl.cluster, rl.experiments, rl.plot):
        assert not callable(module)
        with pytest.raises(TypeError, match="'Module' object is not callable"):
            module()
        with pytest.raises(TypeError, match="is not iterable"):
            iter(module)


def fails_inside(cluster):
    """An attribute of a node that raises what Python takes for its absence."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rl.NodeView, "_get", raises)
        _ = cluster["A"].role


def fails_directly(cluster):
    """The same, past the `__getattr__` that would raise it again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rl.NodeView, "_get", raises)
        rl.NodeView.role.fget(cluster["A"])


def raises(_node, _what):
    raise AttributeError("inside")


ERRORS = {
    "an unknown attribute": lambda c: c.frob,
    "an unknown argument": lambda c: c.crash("A", frob=1),
    "a wrong value": lambda c: c.crash("Z"),
    "an unknown node": lambda c: c["Z"],
    "an assignment": lambda c: setattr(c, "now_ms", 3),
    "a place": lambda c: c.violations[3],
    "a limit": lambda c: c.run_until(rl.term_reached(10**6), limit=1),
    "a callback's own": lambda c: c.run_until(lambda _: 1 // 0),
    "a callback's wish": lambda c: c.run_until(lambda world: world.frob),
    "a busy cluster": lambda c: c.run_until(lambda world: world.run(1)),
    "inside of an attribute": fails_inside,
    "inside of an attribute that is called": fails_directly,
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_no_error_outlives_its_cluster(call):
    """A cluster has a trace of up to gigabytes."""
    c = cluster()
    seen = weakref.ref(c)
    gc.collect()
    with pytest.raises(Exception) as raised:  # noqa: PT011
        call(c)
    del c, raised
    gc.collect()
    assert seen() is None


def test_everything_public_is_guarded():
    bare = []
    for name in rl.__all__:
        value = getattr(rl, name)
        if inspect.isfunction(value):
            bare.append(name)
        if inspect.isclass(value) and value.__module__.startswith("raftlab"):
            members = (
                (member, getattr(value, member)) for member in dir(value) if not member.startswith("_")
            )
            bare += [
                f"{name}.{member}"
                for member, found in members
                if inspect.isfunction(found) and (found.__module__ or "").startswith("raftlab")
            ]
    assert bare == []


def test_interrupts_pass():
    def stopped(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cluster().run_until(stopped)
    with contextlib.suppress(rl.InvalidError):
        cluster().run(-1)


def test_a_bug_in_the_words_of_an_error_keeps_the_error():
    """What explains errors may fail itself: the error that it was asked about is the cause of that."""

    def fails():
        raise rl.InvalidError("what the user did")

    def explain(*_):
        raise ZeroDivisionError("a bug of ours")

    with pytest.raises(ZeroDivisionError) as raised:
        _core.Public(fails, explain)()
    assert str(raised.value.__cause__) == "what the user did"
