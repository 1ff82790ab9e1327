"""Advice on the election timeout of a cluster, and on its cost.

Read in this order: `result` (the advice), `play` (the entry point), `search` (which timeouts are tried),
`setup` (the scenarios), `rates` (measurements with one timeout), `curves` and `costs` (estimates for all
timeouts), `verdict` (the recommendation).
"""

from .._boundary import guard
from .._round_trips import network_from_csv
from .play import advise
from .result import Advice, Choice

__all__ = ["Advice", "Choice", "advise", "network_from_csv"]

guard(__name__)
