"""Sweeps: scenarios over a grid of parameters and many seeds, a row a run.

Read in this order: `plan` (what is played), `play` (how it is asked for), `result` (what came of it),
`futures` (the same from a moment on), `rare` (what seeds alone do not meet).
"""

from .play import sweep
from .rare import RareEvent, rare_event
from .result import Sweep
from .summary import Comparison, compare, required_seeds

__all__ = ["Comparison", "RareEvent", "Sweep", "compare", "rare_event", "required_seeds", "sweep"]
