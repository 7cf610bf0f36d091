"""Sound as this program passes it around: mono int16 samples, and a rate in Hz beside them."""

from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.int16]
"""Shape (n,), mono, full scale +-32767."""

HEARING_RATE = 16_000
"""Hz; what whisper and the speech check want."""

SILENCE: Samples = np.zeros(0, np.int16)
SILENCE.setflags(write=False)


def seconds(samples: Samples, rate: int) -> float:
    return len(samples) / rate


def from_bytes(data: bytes) -> Samples:
    """Little-endian s16 bytes as samples; an odd last byte is left off."""
    return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16, copy=False)


def quantile(values: Collection[float] | NDArray[Any], share: float) -> float:
    """The value below which this share (0 to 1) of them lies, read off between its neighbours; there must be one.

    numpy's own percentile and median bring numpy.ma into memory, 4 MB that a show needs for nothing else.
    """
    ordered = np.sort(np.fromiter(values, np.float64, len(values)))
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))
