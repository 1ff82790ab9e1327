"""The seven experiments."""
