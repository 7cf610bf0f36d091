"""When samples that are handed to a device will be heard, and devices that have a rate of their own."""

from collections import deque

import numpy as np
import soxr

from conversation.audio import SILENCE, Samples, quantile
from devices.audio.sound_device import Pull

_LEARN_S = (0.5, 2.0)


class QueueClock:
    """For a driver that tells no DAC time: counts what it took beyond what can have been played by now.

    ALSA takes three periods at once and then one at a time, so what it is given waits for two; PulseAudio keeps one,
    most of it out of our sight: never less than `least_s`. What the count says between 0.5 and 2 s holds from then
    on: later the two clocks drift apart.
    """

    def __init__(self, rate: int, least_s: float) -> None:
        self._rate, self._least_s = rate, least_s
        self._began: float | None = None
        self._taken = 0
        self._seen: list[float] = []
        self.latency_s: float | None = None
        """Once it is known."""

    def ahead_s(self, count: int, now: float) -> float:
        """`count` samples are wanted at monotonic time `now`: seconds until the first of them is heard."""
        if self.latency_s is not None:
            return self.latency_s
        if self._began is None:
            self._began = now
        waiting = self._taken / self._rate - (now - self._began)
        if waiting < 0:  # it began late, or ran dry: it can have played no more than it took
            self._began, waiting = now - self._taken / self._rate, 0.0
        self._taken += count
        age = self._taken / self._rate
        if age >= _LEARN_S[0]:
            self._seen.append(waiting)
        if age >= _LEARN_S[1]:
            self.latency_s = max(self._least_s, quantile(self._seen, 0.5))
        return max(self._least_s, waiting)


class RateChanger:
    """Stands between our queue and a device that will not take its rate."""

    def __init__(self, source: Pull, rate: int, device_rate: int) -> None:
        self._source, self._rate, self._device_rate = source, rate, device_rate
        self._stream = soxr.ResampleStream(rate, device_rate, 1, dtype="int16", quality="HQ")
        self._ready: deque[Samples] = deque()
        self._count = self._taken = self._made = 0

    def pull(self, count: int, at: float) -> Samples:
        """Fits Pull, at the device's rate."""
        while self._count < count:
            wanted = max(1, round((count - self._count) * self._rate / self._device_rate))
            inside = self._taken / self._rate - self._made / self._device_rate  # the filter's delay
            block = self._source(wanted, at + self._count / self._device_rate + inside)
            made = np.asarray(self._stream.resample_chunk(block), np.int16)
            self._taken += len(block)
            self._made += len(made)
            self._count += len(made)
            self._ready.append(made)
        whole = np.concatenate([SILENCE, *self._ready])
        self._ready.clear()
        self._ready.append(whole[count:])
        self._count -= count
        return whole[:count]
