"""How long the tests run that find more the longer they run.

`make test` plays a slice of each; `make soak` multiplies every slice by `RAFTLAB_SOAK` and runs these tests
alone: those that are marked `@pytest.mark.soak`.
"""

import os


def runs(slice):
    """The number of runs to play: `slice` in `make test`, `slice * RAFTLAB_SOAK` in `make soak`."""
    given = os.environ.get("RAFTLAB_SOAK", "1")
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"RAFTLAB_SOAK is {given!r}: it takes a positive integer")
    return slice * int(given)
