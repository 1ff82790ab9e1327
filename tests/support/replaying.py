"""Runs that are played again from their scripts."""

import json
import pickle

import raftlab as rl


def edits(c):
    """What interceptors did, as the script has it."""
    return json.loads(c.scenario.to_json()).get("edits", {"edits": []})["edits"]


def replays(c):
    """The same seed plays the script to the same digest, with the same verdicts, without any function."""
    for scenario in (c.scenario, rl.Scenario.from_json(json.dumps(json.loads(c.scenario.to_json())))):
        run = scenario.run(seed=c.seed)
        assert run.digest == c.digest
        assert run.now_ms == c.now_ms
        assert str(run.violations) == str(c.violations)
        assert str(run.liar_violations) == str(c.liar_violations)
        assert edits(run.fork()) == edits(c)
    again = pickle.loads(pickle.dumps(c))
    assert again.digest == c.digest
    assert str(again.violations) == str(c.violations)
    return run
