"""The default or a named output device through miniaudio, which needs no system package."""

from collections.abc import Generator
from time import monotonic
from typing import Any

import miniaudio

from devices.audio.device_clock import QueueClock, RateChanger
from devices.audio.miniaudio_streams import BUFFER_MS, PlaybackStream, Streaming
from devices.audio.sound_device import OutputDevice

_RATE = 48_000


class MiniaudioSpeaker(Streaming, OutputDevice):
    """Open at 48 kHz, which the device converts if it must; another `rate` is brought there by soxr."""

    def __init__(self, name: str, backend: str, key: Any, rate: int) -> None:
        super().__init__(name, backend)
        self._key, self._rate = key, rate
        self._clock = QueueClock(_RATE, BUFFER_MS / 1000)

    @property
    def latency_s(self) -> float | None:  # type: ignore[override]
        return self._clock.latency_s

    def open(self) -> None:
        format_ = miniaudio.SampleFormat.SIGNED16
        self._start("speaker", PlaybackStream, self._stream(), output_format=format_, sample_rate=_RATE)

    def _stream(self) -> Generator[bytes, int, None]:
        pull = self.pull if self._rate == _RATE else RateChanger(self.pull, self._rate, _RATE).pull
        wanted = yield b""
        while True:
            now = monotonic()
            wanted = yield pull(wanted, now + self._clock.ahead_s(wanted, now)).tobytes()
