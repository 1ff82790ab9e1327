"""A crash of the leader, and a sweep over it, as several files look at them."""

import raftlab as rl


def failover(timeout=150, loss=0.0):
    return rl.Scenario(
        5,
        election_timeout=(timeout, 2 * timeout),
        network=rl.Network(latency=rl.uniform(1, 5), loss=loss),
        faults=[rl.Crash("leader", at=rl.uniform(1000, 1150))],
        horizon="1.6s",
    )
