"""What a practitioner wants to know: which election timeout for this cluster, and what it costs.

Read in this order: `result` (what is said), `play` (how it is asked for), `setup` (what is played), `rates`
(what the runs say).
"""

from .._round_trips import network_from_csv
from .play import advise
from .result import Advice, Choice

__all__ = ["Advice", "Choice", "advise", "network_from_csv"]
