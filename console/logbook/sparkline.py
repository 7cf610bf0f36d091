"""A row of figures as a little drawing."""

from collections.abc import Iterable

_LEVELS = "▁▂▃▄▅▆▇█"


def spark(values: Iterable[float]) -> str:
    """One character per value 0..1."""
    return "".join(_LEVELS[round(max(0.0, min(1.0, value)) * 7)] for value in values)
