"""What type checkers know of raftlab's signatures. A comment names the error of mypy in its line."""

import raftlab as rl

c = rl.Cluster(3, 1, trace="off", pre_vote=True, network=rl.Network(latency=5))
rl.Cluster(3, trace="ful")  # E: arg-type
rl.Cluster(3, prevote=True)  # E: call-arg
rl.Cluster(3, on_violation="throw")  # E: arg-type
rl.Cluster(3, pre_vote="yes")  # E: arg-type
rl.Cluster(3, bugs=["commit_prior_term"], election_rule="hesitant")
rl.Scenario(3, prevote=True)  # E: call-arg
rl.Scenario(3).replace(pre_vote=True, nodes=5)
rl.Scenario(3).replace(prevote=True)  # E: call-arg
rl.Scenario(3).cluster(seed=1, trace="states")
rl.Scenario(3).cluster(seed=1, trce="states")  # E: call-arg

handle: rl.FaultHandle = c.crash("leader", unsynced="tear", at="1s", times=1)
c.crash()  # E: call-arg
c.crash("A", unsynced="loose")  # E: arg-type
c.crash("A", unsync="lose")  # E: call-arg
c.crash("A", times="3")  # E: arg-type
c.restart()
c.resume("A", after="1s")
c.partition("AB", "CDE", duration="1s")
c.partition(shape="bridge", bridge="C")
c.partition(shape="half")  # E: arg-type
c.partition("AB", durations="1s")  # E: call-arg
c.delay("10ms", from_="A", types=["AppendEntries"])
c.delay("10ms", source="A")  # E: call-arg
c.cut(from_="A", types="AppendEntry")  # E: arg-type
c.lie("A", "doublevote")  # E: arg-type
c.loss(0.1, to="leader")
c.read("x", via="readindex")  # E: arg-type

rl.Partition("AB", at="1s", patience="5s")
rl.Partition("AB", ats="1s")  # E: call-arg
rl.Crash("A", "B")  # E: call-arg
rl.Lie("A", "forged_ack")
rl.OpenLoop(via="lease")
rl.OpenLoop(via="leased")  # E: arg-type
rl.leader_elected()  # E: operator
rl.prevote()  # E: attr-defined
c.transfer_leadership("B")  # E: attr-defined
