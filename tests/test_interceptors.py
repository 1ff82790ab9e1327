"""Functions on messages: what they see, what they may do, and what a replay has of it."""

import copy
import json
import pickle
import random

import pytest
import raftlab as rl
from replaying import edits, replays


def cluster(**settings):
    """Three nodes that A leads in term 1, with nothing in flight."""
    c = rl.Cluster(3, seed=1, initial=rl.Initial(term=1, leader="A"), **settings)
    return c.run("100ms")


def two_leaders(c):
    """With the quorum off by one: two of five commit on one side of a partition, and others on the other."""
    c.run_until(rl.leader_elected)
    old = c.leader.name
    rest = [node.name for node in c if node.name != old]
    c.partition([old, rest[0]], rest[1:])
    c.propose("x=1", node=old)
    c.run("1s")
    c.propose("x=2")
    c.run("500ms")
    c.heal()
    return c.run("1s")


# ---- Who lies, and since when -----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["watch", "intercept"])
def test_who_only_looks_makes_nobody_a_liar(how):
    plain = two_leaders(rl.Cluster(5, seed=1, bugs=["quorum_off_by_one"]))
    assert "state_machine_safety" in plain.violations.properties
    c = rl.Cluster(5, seed=1, bugs=["quorum_off_by_one"])
    seen = []
    getattr(c, how)(lambda message: seen.append((message["type"], message.sender.term)) and None)
    two_leaders(c)
    assert len(seen) == c.counters["sent"]
    assert c.digest == plain.digest
    assert str(c.violations) == str(plain.violations)
    assert c.liar_violations == ()
    assert c.scenario.to_json() == plain.scenario.to_json()
    getattr(c, how)(None)
    replays(c)


def test_to_drop_delay_and_duplicate_is_what_a_network_does():
    def nuisance(message):
        if message["ordinal"] % 7 == 3:
            message.drop()
        elif message["ordinal"] % 7 == 4:
            message.delay("3ms")
        elif message["ordinal"] % 7 == 5:
            message.duplicate("2ms")

    c = rl.Cluster(5, seed=1, bugs=["quorum_off_by_one"])
    c.intercept(nuisance)
    two_leaders(c)
    c.intercept(None)
    assert "state_machine_safety" in c.violations.properties, "it is a violation of honest nodes"
    replays(c)


def test_a_node_lies_from_its_first_changed_message_on():
    """B votes for A, and by a changed message for C as well."""
    c = rl.Cluster(3, seed=1)
    c.hold(from_="A", to="C")
    c.hold(from_="C", to="A")
    c.intercept(lambda _: {"granted": True}, nodes="B", types="RequestVoteReply")
    c.campaign("A")
    c.campaign("C")
    c.run("20ms")
    assert c.violations.properties == ("election_safety",), "two honest leaders of one term"
    assert c.liar_violations.properties == ("vote_once",)
    c.intercept(None)
    assert replays(c).liar_violations.properties == ("vote_once",)


def test_what_a_node_did_before_it_lied_was_done_by_an_honest_node():
    c = two_leaders(rl.Cluster(5, seed=1, bugs=["quorum_off_by_one"]))
    broken = str(c.violations)
    assert broken != "[]"
    c.intercept(lambda m: {"commit": m["commit"] + 1}, types="AppendEntries")
    c.run("200ms")
    c.intercept(None)
    assert str(c.violations).startswith(broken[:-1])
    run = replays(c)
    assert run.violations.properties == c.violations.properties


# ---- What it sees -----------------------------------------------------------------------------------


def test_a_message_says_everything():
    c = cluster()
    seen = []
    c.watch(seen.append)
    write = c.propose(rl.append("k", "a value"), client="me")
    c.run("2s")
    assert write.ok
    appends = [m for m in seen if m["type"] == "AppendEntries" and m["entries"]]
    entry = appends[0]["entries"][0]
    assert entry == rl.MessageEntry(1, rl.append("k", "a value"), (1, 1, 0))
    fields = {m["type"]: set(m) - {"from", "to", "ordinal", "type"} for m in seen}
    assert fields["AppendEntries"] == {"term", "prev_index", "prev_term", "commit", "round", "entries"}
    assert fields["AppendEntriesReply"] == {
        "term",
        "success",
        "index",
        "hint_index",
        "hint_term",
        "interval_ns",
        "round",
        "carried",
    }
    times = [m.time_ms for m in seen]
    assert times == sorted(times)
    sent = c.trace.messages.to_dict()["sent_ms"]
    assert times == sent[len(sent) - len(times) :]


def test_a_function_knows_the_sender_as_it_is_after_the_event():
    c = rl.Cluster(3, seed=1)
    known = []

    def look(message):
        node = message.sender
        assert node.name == message["from"]
        known.append((message["type"], node.role, node.term == message["term"], node.voted_for))
        if message["type"] == "AppendEntries":
            assert node.log[-1].index == node.last_index
            assert set(node.next_index) == {"A", "B", "C"} - {node.name}

    c.watch(look)
    c.run_until(rl.leader_elected)
    c.run("100ms")
    assert ("RequestVote", "candidate", True, c.leader.name) in known
    assert ("RequestVoteReply", "follower", True, c.leader.name) in known
    appends = [what for what in known if what[0] == "AppendEntries"]
    assert appends
    assert all(role == "leader" for _, role, _, _ in appends), "also the first one, that makes it known"


def test_the_sender_can_be_looked_at_only_now():
    c = cluster()
    seen = []
    c.watch(seen.append)
    c.run("200ms")
    with pytest.raises(rl.InvalidError, match="only while the function that received the message runs"):
        _ = seen[0].sender.term
    assert pickle.loads(pickle.dumps(seen[0])) == copy.copy(dict(seen[0]))


def test_a_watcher_sees_what_is_sent():
    """After lies and interceptors; what is dropped is not sent, what is forged is."""
    c = cluster()
    seen = []
    c.watch(lambda m: seen.append((m["from"], m["to"], m["type"], m["term"])))

    def lie(message):
        message.send("RequestVoteReply", "C", from_="B", term=77)
        message["term"] = 5
        return False if message["to"] == "B" else None

    with c.intercept(lie, nodes="A", types="AppendEntries"):
        c.run("60ms")
    assert ("A", "C", "AppendEntries", 5) in seen
    assert not any(to == "B" for _, to, _, _ in seen if _ == "A")
    assert ("B", "C", "RequestVoteReply", 77) in seen


# ---- Whose messages ---------------------------------------------------------------------------------


def senders(c, **filters):
    seen = set()
    with c.watch(lambda m: seen.add((m["from"], m["type"])), **filters):
        c.run("200ms")
    return seen


def test_filters():
    c = cluster()
    assert {sender for sender, _ in senders(c)} == {"A", "B", "C"}
    assert {sender for sender, _ in senders(c, nodes="BC")} == {"B", "C"}
    assert {sender for sender, _ in senders(c, nodes=c.leader)} == {"A"}
    assert senders(c, nodes=["A", "B"], types="AppendEntries") == {("A", "AppendEntries")}
    assert senders(c, types=["AppendEntriesReply"]) == {
        ("B", "AppendEntriesReply"),
        ("C", "AppendEntriesReply"),
    }
    assert {sender for sender, _ in senders(c, nodes="leader")} == {"A"}
    assert {sender for sender, _ in senders(c, nodes="followers")} == {"B", "C"}
    assert len({sender for sender, _ in senders(c, nodes="a follower")}) == 1
    assert {sender for sender, _ in senders(c, nodes="all")} == {"A", "B", "C"}


@pytest.mark.parametrize("how", ["watch", "intercept"])
def test_the_leader_is_whoever_leads_when_the_message_leaves(how):
    c = rl.Cluster(5, seed=3)
    seen = []
    getattr(c, how)(lambda m: seen.append((m["from"], m["type"])) and None, nodes="leader")
    c.run_until(rl.leader_elected)
    first = c.leader.name
    c.run("100ms")
    c.crash("leader")
    c.run_until(rl.leader_elected)
    second = c.leader.name
    c.run("100ms")
    assert {sender for sender, _ in seen} == {first, second}
    assert {kind for _, kind in seen} == {"AppendEntries"}
    assert c.digest == c.scenario.run(seed=3).digest


def test_a_stale_leader_is_not_the_leader():
    c = rl.Cluster(5, seed=3)
    c.run_until(rl.leader_elected)
    old = c.leader.name
    c.isolate(old)
    c.run("2s")
    assert old in {node.name for node in c.leaders}
    seen = set()
    c.watch(lambda m: seen.add(m["from"]), nodes="leader")
    c.run("500ms")
    assert seen == {c.leader.name} != {old}


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda c: c.intercept(print, nodes="F"), ["nodes", "'F'", "A, B, C", "'leader'"]),
        (lambda c: c.watch(print, nodes=[]), ["nodes", "[]"]),
        (lambda c: c.watch(print, nodes="the crashed"), ["nodes", "no node", "'the crashed'"]),
        (lambda c: c.watch(print, types="Frob"), ["'Frob'", "AppendEntries"]),
        (lambda c: c.watch(print, types=5), ["types", "5"]),
        (lambda c: c.watch(5), ["function", "5"]),
        (lambda c: c.intercept("x"), ["function", "'x'"]),
    ],
)
def test_bad_filters(call, parts):
    c = cluster()
    with pytest.raises(rl.InvalidError) as error:
        call(c)
    assert all(part in str(error.value) for part in parts), error.value


# ---- What it may do ---------------------------------------------------------------------------------


def test_different_values_for_different_followers():
    def equivocate(message):
        if message["to"] == "B":
            message["entries"] = [(entry.term, rl.put("x", "poison")) for entry in message["entries"]]

    c = cluster()
    with c.intercept(equivocate, nodes="leader", types="AppendEntries"):
        write = c.propose("x=1")
        c.run("200ms")
    assert write.ok
    assert [c[name].store for name in "ABC"] == [{"x": "1"}, {"x": "poison"}, {"x": "1"}]
    assert "log_matching" in c.liar_violations.properties + c.violations.properties
    assert c.violations.of("state_machine_safety"), "B and C are honest, and applied two values"
    run = replays(c)
    assert run.fork()["B"].store == {"x": "poison"}
    # What comes later numbers its texts as before.
    c.propose("y=later")
    c.run("100ms")
    replays(c)


def test_texts_of_interceptors_come_between_those_of_clients():
    """Keys and values are numbers inside; a replay must count them alike, also if a strike of the script
    brings a new one in the middle of a run."""

    def rename(message):
        message["entries"] = [
            entry if entry.command is None else (entry.term, f"{entry.command.key}_=new{message['ordinal']}")
            for entry in message["entries"]
        ]

    c = cluster()
    c.intercept(rename, nodes="A", types="AppendEntries")
    c.at(c.now_ms + 20, "late=first")
    c.propose("x=hello")
    c.run("50ms")
    c.propose("z=bye")
    c.run("150ms")
    assert set(c["B"].store) == {"x_", "late_", "z_"}
    c.intercept(None)
    run = replays(c)
    assert run["B"].store == c["B"].store
    assert run["A"].store == c["A"].store == {"x": "hello", "late": "first", "z": "bye"}


def test_a_forged_sender():
    """One node makes up a majority: A stands in term 2 and gets the votes of all from B alone."""
    c = rl.Cluster(5, seed=1)
    c.hold(from_="CDE", to="A")

    def forge(message):
        for name in "CDE":
            message.send(
                "RequestVoteReply", "A", from_=name, term=message["term"], granted=True, asked=message["term"]
            )

    c.intercept(forge, nodes="B", types="RequestVoteReply")
    c.campaign("A")
    c.run("40ms")
    assert c["A"].role == "leader"
    assert [c[name].term for name in "CDE"] == [1, 1, 1]
    sent = c.trace.messages.to_pandas()
    arrived = sent[(sent.type == "RequestVoteReply") & (sent.fate == "delivered")]
    assert list(arrived["from"]) == ["B"] * 4, "the trace says who sent it, not who it claims to be from"
    c.intercept(None)
    replays(c)


def test_a_message_claims_another_sender():
    c = rl.Cluster(3, seed=1)
    c.campaign("A")
    c.run("50ms")
    c.crash("C")
    c.intercept(lambda _: {"from": "C"}, nodes="B", types="AppendEntriesReply")
    write = c.propose("x=1")
    c.run("100ms")
    assert write.ok
    assert c["A"].match_index["C"] == write.index > c["A"].match_index["B"]
    c.intercept(None)
    replays(c)


def test_delay_and_duplicate():
    c = cluster(network=1)
    with c.intercept(lambda m: m.delay("5ms"), nodes="A", types="AppendEntries"):
        c.propose("x=1")
        late = [(m.to, m.due_ms - m.sent_ms) for m in c.in_flight]
    assert late == [("B", 6.0), ("C", 6.0)]
    c.run("20ms")

    def triple(message):
        message.duplicate()
        message.duplicate("4ms")

    with c.intercept(triple, nodes="A", types="AppendEntries"):
        c.propose("x=2")
        copies = sorted((m.to, m.copy, m.due_ms - m.sent_ms) for m in c.in_flight)
    assert copies == [(to, copy, due) for to in "BC" for copy, due in ((0, 1.0), (1, 1.0), (2, 5.0))]
    c.run("50ms")
    assert c.violations == ()
    replays(c)


def test_more_messages():
    """A forged snapshot replaces a store in one message."""
    c = cluster()
    c.propose("x=1")
    c.run("50ms")

    def forge(message):
        message.send(
            "InstallSnapshot",
            "B",
            term=message["term"],
            snapshot=rl.MessageSnapshot(5, 1, {"x": ["666"], "list": ["a", "b"]}, {}),
        )

    c.intercept(forge, nodes="C", types="AppendEntriesReply")
    c.step(5)
    c.run("5ms")
    c.intercept(None)
    assert c["B"].store == {"x": "666", "list": "a,b"}
    assert c["B"].snapshot_index == 5
    assert "snapshot_consistency" in c.violations.properties
    replays(c)


def test_a_snapshot_is_seen_and_set():
    c = rl.Cluster(3, seed=1, snapshot_every=5)
    c.run_until(rl.leader_elected)
    lagging = next(node.name for node in c if node.role != "leader")
    c.isolate(lagging)
    for value in range(20):
        c.propose(f"k{value % 3}={value}", client="me")
    c.run("100ms")
    seen = []

    def poison(message):
        snapshot = message["snapshot"]
        seen.append(snapshot)
        message["snapshot"] = snapshot._replace(store={**snapshot.store, "k0": ["0"]})

    c.intercept(poison, types="InstallSnapshot")
    c.heal()
    c.run("300ms")
    assert seen[0].store["k1"] == [c.leader.store["k1"]]
    low, applied = seen[0].sessions[1]
    assert low == 0
    assert list(applied) == list(range(1, len(applied) + 1))
    assert c[lagging].store["k0"] == "0" != c.leader.store["k0"]
    assert c[lagging].store["k1"] == c.leader.store["k1"]
    c.intercept(None)
    replays(c)


def test_interceptors_add_up_in_order():
    c = cluster()
    second = []
    c.intercept(lambda _: {"commit": 7}, nodes="A", types="AppendEntries")

    def later(message):
        second.append(message["commit"])
        message["round"] = 99
        message["commit"] += 1

    hook = c.intercept(later, nodes="A")
    third = c.intercept(lambda _: False, nodes="A")
    last = []
    c.intercept(last.append, nodes="A")
    seen = []
    c.watch(seen.append, nodes="A")
    c.run("60ms")
    assert set(second) == {7}
    assert last == seen == [], "who comes after one that drops it sees nothing of it"
    assert hook.active
    third.remove()
    assert not third.active
    c.run("60ms")
    assert {(m["commit"], m["round"]) for m in seen} == {(8, 99)}
    hook.remove()
    seen.clear()
    c.run("60ms")
    assert {m["commit"] for m in seen} == {7}
    c.intercept(None)
    seen.clear()
    c.run("60ms")
    assert {m["commit"] for m in seen} == {c["A"].commit_index}
    replays(c)


def test_hooks_are_handles():
    c = cluster()
    hooks = [c.watch(print), c.intercept(lambda _: None)]
    assert hooks[0] != hooks[1]
    assert "active" in repr(hooks[0])
    c.watch(None)
    assert [hook.active for hook in hooks] == [False, True]
    assert "active" not in repr(hooks[0])
    hooks[1].remove()
    hooks[1].remove()
    assert not hooks[1].active
    with pytest.raises(TypeError):
        pickle.dumps(hooks[0])


# ---- Replays ----------------------------------------------------------------------------------------


def test_the_fork_of_an_intercepted_cluster_is_refused_as_the_original_is():
    c = cluster()
    hook = c.intercept(lambda _: {"term": 9}, types="RequestVote")
    for intercepted in (c, c.fork(), c.fork().fork(), copy.copy(c)):
        with pytest.raises(rl.ReplayError, match=r"intercept\(None\)"):
            pickle.dumps(intercepted)
        with pytest.raises(rl.ReplayError, match="interceptor"):
            intercepted.futures(5, duration="1s", progress=False)
    fork = c.fork()
    hook.remove()
    assert pickle.loads(pickle.dumps(c)).digest == c.digest
    with pytest.raises(rl.ReplayError):
        pickle.dumps(fork)
    fork.intercept(None)
    assert pickle.loads(pickle.dumps(fork)).digest == fork.digest


def test_watchers_stay_where_they_are():
    c = cluster()
    seen = []
    c.watch(seen.append)
    fork = c.fork()
    fork.run("1s")
    assert seen == []
    again = pickle.loads(pickle.dumps(c))
    assert again.run("100ms").digest == c.run("100ms").digest
    assert seen


def test_a_replay_keeps_its_liars_through_a_script_that_goes_on():
    c = cluster()
    c.intercept(lambda m: {"success": True, "index": m["index"] + 1}, nodes="B", types="AppendEntriesReply")
    c.propose("x=1")
    c.run("60ms")
    c.intercept(None)
    c.fork()
    c.crash("A")
    c.run("2s")
    c.propose("x=2")
    c.run("1s")
    replays(c)
    fork = c.fork(seed=5)
    fork.run("1s")
    replays(fork)


def test_edits_are_checked_when_a_scenario_is_read():
    c = cluster()
    with c.intercept(lambda _: {"commit": 3}, types="AppendEntries"):
        c.run("60ms")
    written = json.loads(c.scenario.to_json())

    def edit(**changes):
        name = dict(written["edits"]["edits"][0][0])
        return {**written, "edits": {"seed": 1, "edits": [[name, changes]]}}

    for wrong, parts in [
        (edit(set={"frob": 1}), ["frob"]),
        (edit(set={"term": -1}), ["edits"]),
        (edit(set={"term": "x"}), ["edits"]),
        (edit(set={"term": [{"term": 1}]}), ["term", "integer"]),
        (edit(set={"entries": 5}), ["entries", "list"]),
        (edit(set={"entries": [{"term": 1, "session": [0, 1, 1]}]}), ["client", "0"]),
        (edit(set={"entries": [{"term": 1, "session": [2**31, 1, 1]}]}), ["client"]),
        (edit(set={"snapshot": {"index": 2**63, "term": 1}}), ["snapshot", "1000000"]),
        (edit(**{"from": "F"}), ["'F'"]),
        (edit(delay=-5), ["edits"]),
        (edit(copies=[1] * 101), ["100", "101"]),
        (edit(sends=[{"type": "Frob", "to": "A"}]), ["'Frob'", "AppendEntries"]),
        (
            edit(sends=[{"type": "RequestVote", "to": "A", "fields": {"granted": True}}]),
            ["granted", "last_index"],
        ),
        (edit(sends=[{"type": "RequestVote", "to": "A", "from": "A"}]), ["receiver"]),
        (edit(frob=1), ["frob"]),
    ]:
        with pytest.raises(rl.InvalidError) as error:
            rl.Scenario.from_json(json.dumps(wrong))
        assert all(part in str(error.value) for part in parts), error.value


# ---- What is invalid --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        (lambda _: {"to": "B"}, ["'to'", "can set from, term"]),
        (lambda _: {"from": "F"}, ["'F'", "A, B, C"]),
        (lambda _: {"from": 5}, ["from", "5"]),
        (lambda m: {"from": m["to"]}, ["receiver"]),
        (lambda _: {"entries": 5}, ["entries", "5"]),
        (lambda _: {"entries": ["x=1"]}, ["entries", "'x=1'"]),
        (lambda _: {"entries": [(1, "frob")]}, ["'frob'"]),
        (lambda _: {"entries": [(-1, "x=1")]}, ["term", "-1"]),
        (lambda _: {"entries": [(1, "x=1", (0, 1))]}, ["client", "0"]),
        (lambda _: {"entries": [(1, "x=1", 5)]}, ["session", "5"]),
        (lambda _: {"entries": [(1, "x=1", (1,))]}, ["session", "(1,)"]),
        (lambda _: {"entries": [()]}, ["entries", "()"]),
        (lambda _: {"entries": [(1, "x=1", None, 4)]}, ["entries", "4"]),
        (lambda _: {"entries": [(1, "x=1", (1, 2**32))]}, ["session"]),
        (lambda m: m.delay(-1), ["by", "-1"]),
        (lambda m: m.delay("soon"), ["by", "soon"]),
        (lambda m: [m.duplicate() for _ in range(101)] and None, ["100", "101"]),
        (lambda m: m.send("Frob", "B"), ["'Frob'"]),
        (lambda m: m.send("RequestVote", "F"), ["'F'"]),
        (lambda m: m.send("RequestVote", "A"), ["A", "itself"]),
        (lambda m: m.send("RequestVote", "B", frob=1), ["'frob'", "last_index"]),
        (lambda m: m.send("InstallSnapshot", "B", snapshot=(0, 1, {})), ["snapshot", "0"]),
        (lambda m: m.send("InstallSnapshot", "B", snapshot=(2**40, 1, {})), ["snapshot", "1000000"]),
        (lambda m: m.send("InstallSnapshot", "B", snapshot=5), ["snapshot", "5"]),
        (lambda m: m.send("InstallSnapshot", "B", snapshot=(1, 1, {"x": [1]}, {0: (0, [1])})), ["client"]),
    ],
)
def test_what_makes_no_sense_leaves_the_message_as_it_was(function, parts):
    c, undisturbed = cluster(), cluster()
    c.intercept(function, nodes="A", types="AppendEntries")
    with pytest.raises(rl.InvalidError) as error:
        c.run("1s")
    assert all(part in str(error.value) for part in parts), error.value
    c.intercept(None)
    undisturbed.step(c.counters["events"] - undisturbed.counters["events"])
    assert c.digest == undisturbed.digest
    c.propose("z=text")
    undisturbed.propose("z=text")
    assert c.run("1s").digest == undisturbed.run("1s").digest
    assert edits(c) == []
    replays(c)


@pytest.mark.parametrize("how", ["watch", "intercept"])
def test_what_one_raises_the_others_still_see(how):
    c = cluster()
    seen = []
    getattr(c, how)(lambda _: 1 / 0)
    getattr(c, how)(seen.append if how == "watch" else lambda m: seen.append(m))
    with pytest.raises(ZeroDivisionError):
        c.run("1s")
    assert seen
    assert {m.time_ms for m in seen} == {c.now_ms}
    getattr(c, how)(None)
    replays(c)


def test_two_clusters_do_not_mix_up_their_errors():
    a, b = cluster(), cluster()
    a.intercept(lambda _: 1 / 0)
    b.intercept(lambda _: {}["missing"])
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            a.run("1s")
        with pytest.raises(KeyError):
            b.run("1s")


def test_a_function_may_not_drive_or_change_the_cluster():
    c, hooks = cluster(), []
    for call in (
        lambda: c.watch(print),
        lambda: c.watch(None),
        lambda: c.intercept(None),
        lambda: hooks[-1].remove(),
        lambda: c.run(1),
    ):
        hooks.append(c.watch(lambda _, call=call: call()))
        with pytest.raises(rl.BusyError):
            c.run("1s")
        hooks[-1].remove()


# ---- Anything that a liar may say -------------------------------------------------------------------

NUMBERS = [0, 1, 2, 3, 5, 8, 13, 20] * 4 + [1000, 2**31, 2**63, 2**64 - 1]


@pytest.mark.parametrize("seed", range(12))
def test_liars_do_no_harm_to_the_simulator(seed):
    """Whatever one node says, forged entries and snapshots included: no panic, and the same again."""
    luck = random.Random(seed)

    def entries():
        return [
            (luck.choice(NUMBERS), luck.choice([None, "x=1", rl.append("k", "z"), rl.cas("x", "1", "q")]))
            for _ in range(luck.randrange(4))
        ]

    def value(name, old):
        if name == "entries":
            return entries()
        if name == "snapshot":
            sessions = {luck.choice([1, 7]): (luck.randrange(3), [1, 2])} if luck.random() < 0.5 else {}
            return (luck.choice([1, 3, 50, 1_000_000]), luck.choice(NUMBERS), {"x": ["f"]}, sessions)
        return luck.random() < 0.5 if isinstance(old, bool) else luck.choice(NUMBERS)

    def lie(message):
        fields = {k: v for k, v in message.items() if k not in ("from", "to", "ordinal", "type")}
        for name, old in fields.items():
            if luck.random() < 0.3:
                message[name] = value(name, old)
        if luck.random() < 0.1:
            message["from"] = luck.choice([name for name in "ABCDE" if name != message["to"]])
        if luck.random() < 0.1:
            message.delay(luck.random() * 20)
        if luck.random() < 0.1:
            message.duplicate(luck.random() * 20)
        if luck.random() < 0.1:
            to = luck.choice([name for name in "ABCDE" if name != "A"])
            snapshot = value("snapshot", None)
            message.send("InstallSnapshot", to, term=luck.choice(NUMBERS), snapshot=snapshot)
        if luck.random() < 0.1:
            to = luck.choice(list("BCDE"))
            message.send(
                "AppendEntries",
                to,
                prev_index=luck.randrange(6),
                entries=entries(),
                commit=luck.choice(NUMBERS),
            )

    guard = {"commit_guard": True} if seed % 2 else {}
    c = rl.Cluster(
        5, seed=seed, workload=rl.OpenLoop("10ms"), snapshot_every=10, network=rl.uniform(1, 5), **guard
    )
    c.run("400ms")
    c.intercept(lie, nodes="A")
    c.run("1s")
    c.crash("a follower")
    c.run("300ms")
    c.restart()
    c.run("500ms")
    c.intercept(None)
    c.run("300ms")
    assert len(edits(c)) > 5
    assert c.trace.messages.to_dict()
    assert c.trace.events.to_dict()
    replays(c)


def test_what_is_changed_in_place_is_changed():
    def poison(message):
        if "snapshot" in message:
            message["snapshot"].store["k0"] = ["0"]
        elif message["entries"]:
            message["entries"][0] = (message["entries"][0].term, "k1=1")

    c = rl.Cluster(3, seed=1, snapshot_every=5, initial=rl.Initial(term=1, leader="A"))
    c.isolate("C")
    for value in range(20):
        c.propose(f"k0={value}")
    c.run("100ms")
    c.intercept(poison, nodes="A", types=["AppendEntries", "InstallSnapshot"])
    c.heal()
    c.run("300ms")
    c.propose("k2=2")
    c.run("100ms")
    assert c["C"].store["k0"] == "0"
    assert c["C"].store["k1"] == "1"
    c.intercept(None)
    replays(c)


RICH = {
    "disk": rl.Disk(fsync=rl.uniform(1, 5)),
    "network": rl.Network(latency=rl.uniform(1, 9), loss=0.05, duplicate=0.05),
    "workload": [rl.OpenLoop("7ms"), rl.ClosedLoop(2, think=3)],
    "snapshot_every": 20,
    "pre_vote": True,
    "check_quorum": True,
    "commit_guard": True,
    "faults": [
        rl.Crash("leader", every="400ms", duration="150ms", unsynced="tear"),
        rl.Isolate("a follower", at="300ms", every="500ms", duration="200ms"),
        rl.Pause("a node", at="100ms", every="300ms", duration="60ms"),
        rl.Lie("E", "double_vote"),
        rl.Cut(from_="A", to="B", at="1s", duration="200ms"),
    ],
}


@pytest.mark.parametrize("how", ["watch", "intercept"])
@pytest.mark.parametrize(
    "settings", [{}, RICH, {**RICH, "network": 1, "disk": rl.Disk()}], ids=["", "rich", "ties"]
)
def test_who_looks_changes_nothing(how, settings):
    """A world before the eyes of a function is the same world, to the order of what happens at one moment."""
    plain = rl.Cluster(5, seed=4, **settings).run("1s").run("1s")
    c = rl.Cluster(5, seed=4, **settings)
    c.run("1s")
    seen = []
    getattr(c, how)(lambda message: seen.append(message.sender.last_index) and None)
    c.run("1s")
    assert seen
    assert c.digest == plain.digest
    assert str(c.violations) == str(plain.violations)
    assert c.trace.messages.to_pandas().equals(plain.trace.messages.to_pandas())
    assert c.trace.events.to_pandas().equals(plain.trace.events.to_pandas())
    getattr(c, how)(None)
    assert c.run("500ms").digest == plain.run("500ms").digest
    replays(c)


def test_what_comes_of_declared_lies():
    """As the table of docs/liars.md has it; liars.rs has the other rows, and the page's own code the rest."""
    usurped = cluster()
    usurped.isolate("C")
    usurped.propose("x=1")
    usurped.run("100ms")
    usurped.heal()
    usurped.usurp("C")
    usurped.run("300ms")
    usurped.propose("x=2")
    usurped.run("300ms")
    forged = cluster()
    forged.lie("B", "forged_ack")
    forged.hold(from_="A", to="C")
    assert (forged.propose("x=1"), forged.run("100ms"))[0].ok, "on one disk of three"
    forged.crash("A")
    forged.campaign("C")
    forged.run("200ms")
    forged.propose("x=2")
    forged.run("300ms")
    forged.restart()
    forged.run("1s")
    for c in (usurped, forged):
        broken = {"leader_completeness", "acknowledged_write_lost", "state_machine_safety"}
        assert broken <= set(c.violations.properties)
        replays(c)
