"""Sweeps: scenarios over a grid of parameters and many seeds, a row a run.

Read in this order: `grid` and `plan` (what is played), `play` (how it is asked for), `result` (what came of
it), `observed` (what its rows say of a metric), `summary` (in tables), `comparison` and `pairs` (of two
points), `required` (how many seeds it takes), `futures` (the same from a moment on), `rare` (what seeds alone
do not meet).
"""

from .._boundary import guard
from .comparison import Comparison, compare
from .play import sweep
from .rare import RareEvent, rare_event
from .required import required_seeds
from .result import Sweep

__all__ = ["Comparison", "RareEvent", "Sweep", "compare", "rare_event", "required_seeds", "sweep"]

guard(__name__)
