"""What a practitioner wants to know: which election timeout for this cluster, and what it costs.

Read in this order: `result` (what is said), `play` (how it is asked for), `search` (which timeouts are
tried), `setup` (what is played), `rates` (what runs say of one timeout), `curves` and `costs` (what they say
of all of them), `verdict` (what follows).
"""

from .._boundary import guard
from .._round_trips import network_from_csv
from .play import advise
from .result import Advice, Choice

__all__ = ["Advice", "Choice", "advise", "network_from_csv"]

guard(__name__)
