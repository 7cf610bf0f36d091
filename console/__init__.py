"""The operator's side: put a show together, ask it things, watch it."""

__version__ = "0.1.0"
