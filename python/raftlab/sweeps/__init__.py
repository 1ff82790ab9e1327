"""Sweeps: scenarios over a grid of parameters and many seeds, with a row per run.

Read in this order: `grid` and `plan` (what is played), `play` (the entry point), `result` (the rows),
`observed` (the values of a metric), `summary` (tables), `comparison` and `pairs` (two points), `required`
(how many seeds are needed), `futures` (sweeps from a moment of a run), `rare` (rare events).
"""

from .._boundary import guard
from .comparison import Comparison, compare
from .play import sweep
from .rare import RareEvent, rare_event
from .required import required_seeds
from .result import Sweep

__all__ = ["Comparison", "RareEvent", "Sweep", "compare", "rare_event", "required_seeds", "sweep"]

guard(__name__)
