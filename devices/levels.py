"""How loud it is, and how loud the room is when nobody speaks."""

from collections import deque

import numpy as np

from conversation.audio import Samples

SILENT_DB = -90.0
_FLOOR_SHARE = 0.1
_FLOOR_WINDOW = 200
"""Readings; at 5 a second the floor follows the room within 40 s, and one sentence does not lift it."""


def level_db(pcm: Samples) -> float:
    """RMS of s16 samples in dB below full scale; -90 for digital silence and for nothing."""
    if not len(pcm):
        return SILENT_DB
    power = float(np.mean(np.square(pcm.astype(np.float32) / 32768.0)))
    return 10.0 * float(np.log10(power + 1e-9))


class NoiseFloor:
    """The tenth percentile of the last readings."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=_FLOOR_WINDOW)

    def note(self, level: float) -> float:
        """Takes a level in dB and returns the floor so far."""
        self._seen.append(level)
        return sorted(self._seen)[int(len(self._seen) * _FLOOR_SHARE)]
