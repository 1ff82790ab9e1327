"""What the size of a message counts: the bytes of keys and values, too, wherever they come from."""

import pickle

import pytest
import raftlab as rl

# AppendEntries with one entry, but for its texts: a header, the fields, the entry.
APPEND = 24 + 32 + 24
# InstallSnapshot, but for its content.
SNAPSHOT = 24 + 24


def cluster(**settings):
    """Three nodes that A leads in term 1, with nothing in flight."""
    c = rl.Cluster(3, seed=1, initial=rl.Initial(term=1, leader="A"), **settings)
    return c.run("100ms")


def sizes(run, kind="AppendEntries"):
    """The sizes of the messages of a type that carry anything, in the order in which they were sent."""
    messages = run.trace.messages.to_pandas()
    carries = messages["entries"] > 0 if kind == "AppendEntries" else True
    return messages.loc[(messages["type"] == kind) & carries, "size_bytes"].tolist()


def weight(snapshot):
    """What a snapshot weighs whose sessions answered no read."""
    texts = [text for key, items in snapshot.store.items() for text in (key, *items)]
    answers = [seq for _, applied in snapshot.sessions.values() for seq in applied]
    return SNAPSHOT + sum(8 + len(text.encode()) for text in texts) + 24 * len(answers)


@pytest.mark.parametrize(
    ("command", "texts"),
    [
        (rl.put("k", "v"), 2),
        (rl.put("k", ""), 1),
        (rl.put("key", "v" * 1_000_000), 1_000_003),
        (rl.put("k" * 10_000, 7), 10_001),
        (rl.put("k", 12_345), 6),
        (rl.put("k", "007"), 4),
        (rl.put("k0", 2**40), 2 + 13),
        (rl.put("ключ", "日本"), 8 + 6),
        (rl.append("list", "item"), 8),
        (rl.cas("k", "expected", "new"), 1 + 8 + 3),
    ],
)
def test_an_entry_weighs_its_key_and_its_values(command, texts):
    c = cluster()
    c.propose(command)
    c.run("100ms")
    assert sizes(c) == [APPEND + texts] * 2
    assert sizes(c.scenario.run(seed=1)) == sizes(c)
    c.read("k")
    c.run("100ms")
    assert sizes(c)[2:] == [APPEND + 1] * 2


def test_every_entry_of_a_batch_counts():
    c = cluster()
    c.isolate("C")
    for value in ("a", "bb", "ccc"):
        c.propose(rl.put("key", value))
    c.run("100ms")
    c.heal()
    c.run("200ms")
    messages = c.trace.messages.to_pandas()
    batch = messages[(messages["to"] == "C") & (messages["entries"] == 3) & (messages["fate"] == "delivered")]
    assert batch["size_bytes"].tolist() == [APPEND + 2 * 24 + 3 * 3 + 1 + 2 + 3]


@pytest.mark.parametrize("value", ["v", "v" * 5_000])
def test_a_snapshot_weighs_its_content(value):
    c = rl.Cluster(3, seed=1, snapshot_every=5)
    c.run_until(rl.leader_elected)
    c.isolate(next(node.name for node in c if node.role != "leader"))
    for i in range(20):
        c.propose(rl.put(f"key{i % 3}", f"{value}{i}"), client="me")
        c.propose(rl.append("list", i))
    c.run("100ms")
    seen = []
    c.watch(lambda message: seen.append(message["snapshot"]), types="InstallSnapshot")
    c.heal()
    c.run("300ms")
    assert len(seen[0].store["list"]) > 5
    assert sizes(c, "InstallSnapshot") == [weight(snapshot) for snapshot in seen]
    assert seen[0].sessions
    assert (weight(seen[0]) > 15_000) == (len(value) > 1)


def test_what_interceptors_write_counts():
    def writes(key, length):
        def edit(message):
            command = rl.put(key, "w" * length)
            message["entries"] = [entry._replace(command=command) for entry in message["entries"]]

        return edit

    def forge(message):
        message.send("InstallSnapshot", "B", snapshot=rl.MessageSnapshot(1, 1, {"x": ["yy", "zzz"]}, {}))

    c = cluster()
    c.propose(rl.put("k", "v"))
    others = [c.fork() for _ in range(2)]
    c.intercept(writes("longer", 1000), nodes="A", types="AppendEntries")
    c.intercept(forge, nodes="A", types="AppendEntries")
    c.propose("k=2")
    c.run("20ms")
    assert APPEND + 6 + 1000 in sizes(c)
    assert set(sizes(c, "InstallSnapshot")) == {SNAPSHOT + 8 + 1 + 8 + 2 + 8 + 3}
    c.intercept(None)
    assert sizes(c.scenario.run(seed=1)) == sizes(pickle.loads(pickle.dumps(c))) == sizes(c)
    # Forks write texts of their own under the same numbers.
    for length, other in zip((10, 200), others, strict=True):
        other.intercept(writes("x", length), nodes="A", types="AppendEntries")
    for value in range(3):
        for other in others:
            other.propose(rl.put("y", f"{value}"))
            other.run("20ms")
    assert [max(sizes(other)) for other in others] == [APPEND + 1 + 10, APPEND + 1 + 200]


def test_metrics_count_the_same_bytes():
    steps = cluster()
    for length in (1, 10, 100_000):
        steps.propose(rl.put("key", "v" * length))
    scenario = steps.run("100ms").scenario.replace(
        workload=rl.OpenLoop(every="10ms", keys=20),
        horizon="1s",
        snapshot_every=10,
        network=rl.Network(loss=0.2),
    )
    rows = rl.sweep(scenario, seeds=4, metrics=["sent_bytes", "bytes_AppendEntries"], progress=False)
    assert len(rows.to_pandas()) == 4
    for at, row in rows.to_pandas().iterrows():
        messages = rows.replay(at).trace.messages.to_pandas()
        by_type = messages.groupby("type")["size_bytes"].sum()
        assert row.sent_bytes == by_type.sum() > 200_000
        assert row.bytes_AppendEntries == by_type["AppendEntries"]
