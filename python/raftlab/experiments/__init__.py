"""The seven experiments."""

from .two_leaders import two_leaders

__all__ = ["two_leaders"]
