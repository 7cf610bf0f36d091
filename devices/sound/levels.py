"""How loud it is, and how loud the room is when nobody speaks."""

from collections import deque

import numpy as np

from conversation.audio import Samples, quantile

SILENT_DB = -90.0
_FULL_SCALE = 32_767
_CLIPPED_SAMPLES = 3
"""One or two may be a true peak; so many in a block of 20 ms were cut off."""
_FRAME_S = 0.020
_QUIET_SHARE, _LOUD_SHARE = 0.1, 0.95
_FLOOR_SHARE = 0.1
_FLOOR_WINDOW = 200
"""Readings; at 5 a second the floor follows the room within 40 s, and one sentence does not lift it."""


def level_db(pcm: Samples) -> float:
    """RMS of s16 samples in dB below full scale; -90 for digital silence and for nothing."""
    if not len(pcm):
        return SILENT_DB
    power = float(np.mean(np.square(pcm.astype(np.float32) / 32768.0)))
    return 10.0 * float(np.log10(power + 1e-9))


def peak_db(pcm: Samples) -> float:
    """The loudest of s16 samples in dB of full scale; -90 for digital silence and for nothing."""
    peak = int(np.max(np.abs(pcm.astype(np.int32)))) if len(pcm) else 0
    return max(SILENT_DB, 20.0 * float(np.log10(peak / 32768.0))) if peak else SILENT_DB


def clipped(pcm: Samples) -> bool:
    """Whether the sound was too loud for its converter. Called for every block: what is not loud costs 10 us."""
    if not len(pcm) or (pcm.max() < _FULL_SCALE and pcm.min() > -_FULL_SCALE):
        return False
    return int(np.count_nonzero((pcm >= _FULL_SCALE) | (pcm <= -_FULL_SCALE))) >= _CLIPPED_SAMPLES


def quiet_and_loud(pcm: Samples, rate: int) -> tuple[float, float]:
    """The room's level and the voice's, dB: the 10th and the 95th percentile of 20 ms frames, so that pauses in a
    sentence and a single knock do not count.
    """
    frame = round(rate * _FRAME_S)
    levels = [level_db(pcm[i : i + frame]) for i in range(0, len(pcm) - frame + 1, frame)]
    if not levels:
        return SILENT_DB, SILENT_DB
    return quantile(levels, _QUIET_SHARE), quantile(levels, _LOUD_SHARE)


class NoiseFloor:
    """The tenth percentile of the last readings."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=_FLOOR_WINDOW)

    def note(self, level: float) -> float:
        """Takes a level in dB and returns the floor so far."""
        self._seen.append(level)
        return sorted(self._seen)[int(len(self._seen) * _FLOOR_SHARE)]
