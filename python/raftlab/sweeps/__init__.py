"""Sweeps: scenarios over a grid of parameters and many seeds, a row a run.

Read in this order: `plan` (what is played), `play` (how it is asked for), `result` (what came of it).
"""

from .play import sweep
from .result import Sweep

__all__ = ["Sweep", "sweep"]
