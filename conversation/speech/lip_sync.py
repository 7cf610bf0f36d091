"""Sound to jaw openings: 50 Hz, in decibels between a noise gate and the voice's own loud frames."""

from collections import deque

import numpy as np

from conversation.audio import SILENCE, Samples, quantile

HOP_S = 0.020
"""One RC servo frame."""
WINDOW_S = 0.030
BAND_HZ = (300.0, 2500.0)
"""Where speech opens the mouth: below is hum, above is hiss."""


class VoiceLevel:
    """How loud this voice speaks, learned over its last 20 s; it outlives turns.

    The gate is 25 dB under the p95 of voiced frames: lower is breath and room.
    """

    def __init__(self) -> None:
        self._voiced: deque[float] = deque(maxlen=1000)
        self._loud = -18.0

    @property
    def loud_db(self) -> float:
        return self._loud

    @property
    def gate_db(self) -> float:
        return self._loud - 25.0

    def learn(self, levels: list[float]) -> None:
        self._voiced.extend(db for db in levels if db > -50)
        if len(self._voiced) >= 50:
            self._loud = quantile(self._voiced, 0.95)


class LipSync:
    """The jaw track of one utterance, computed as its samples arrive (well before they are heard).

    attack_ms / release_ms: one-pole smoothing up and down; 20 / 80 follows syllables without flutter. `band_pass`:
    only the band of speech counts; 15 us more for each 20 ms.
    """

    def __init__(
        self, rate: int, level: VoiceLevel, attack_ms: int, release_ms: int, gain: float, band_pass: bool = False
    ) -> None:
        self._band = _band(rate) if band_pass else None
        self._hop, self._window = round(rate * HOP_S), round(rate * WINDOW_S)
        self._level, self._gain = level, gain
        self._rise = _step(attack_ms)
        self._fall = _step(release_ms)
        self._rest: Samples = SILENCE
        self._opening = 0.0

    def feed(self, pcm: Samples, last: bool = False) -> list[float]:
        """Openings 0..1 for every whole hop now known; with `last` the remainder too, ending closed."""
        buffer = np.concatenate((self._rest, pcm))
        count = max(0, (len(buffer) - self._window) // self._hop + 1)
        if last:
            buffer = np.concatenate((buffer, np.zeros(self._window, np.int16)))
            count = max(0, (len(buffer) - self._window) // self._hop + 1)
        levels = [self._db(buffer[i * self._hop : i * self._hop + self._window]) for i in range(count)]
        self._rest = SILENCE if last else buffer[count * self._hop :]
        self._level.learn(levels)
        track = [self._follow(db) for db in levels]
        return [*track, 0.0] if last else track

    def _db(self, window: Samples) -> float:
        wave = window.astype(np.float32) / 32768.0
        if self._band is None:
            power = float(np.mean(np.square(wave)))
        else:  # Parseval: the mean square of what lies in the band
            spectrum = np.fft.rfft(
                wave * np.hanning(len(wave))
            )  # the window takes 3/8 of the power, and the hum with it
            power = 16.0 / 3.0 * float(np.sum(np.abs(spectrum[self._band]) ** 2)) / len(wave) ** 2
        return 10.0 * float(np.log10(power + 1e-10))

    def _follow(self, db: float) -> float:
        span = self._level.loud_db - self._level.gate_db
        target = min(1.0, max(0.0, (db - self._level.gate_db) / span * self._gain))
        step = self._rise if target > self._opening else self._fall
        self._opening += (target - self._opening) * step
        return self._opening


def _band(rate: int) -> slice:
    """Of the bins of a window's spectrum."""
    width = rate / round(rate * WINDOW_S)
    return slice(round(BAND_HZ[0] / width), round(BAND_HZ[1] / width) + 1)


def _step(time_constant_ms: int) -> float:
    return 1.0 if time_constant_ms <= 0 else 1.0 - float(np.exp(-HOP_S * 1000 / time_constant_ms))
