"""The default or a named output device through miniaudio, which needs no system package."""

from collections.abc import Generator
from time import monotonic
from typing import Any

import miniaudio

from devices.device_clock import QueueClock, RateChanger
from devices.miniaudio_streams import Playback, backends, unopened
from devices.sound_device import Outlet

_BUFFER_MS = 40
_RATE = 48_000


class MiniaudioSpeaker(Outlet):
    """Open at 48 kHz, which the device converts if it must; another `rate` is brought there by soxr."""

    def __init__(self, name: str, backend: str, key: Any, rate: int) -> None:
        super().__init__(name, backend)
        self._key, self._rate = key, rate
        self._clock = QueueClock(_RATE, _BUFFER_MS / 1000)
        self._device: Any = None

    @property
    def latency_s(self) -> float | None:  # type: ignore[override]
        return self._clock.latency_s

    def open(self) -> None:
        try:
            self._device = Playback(
                output_format=miniaudio.SampleFormat.SIGNED16,
                nchannels=1,
                sample_rate=_RATE,
                buffersize_msec=_BUFFER_MS,
                device_id=self._key,
                backends=backends(self.driver),
                app_name="Galactus",
            )
            stream = self._stream()
            next(stream)
            self._device.stop_callback = self._stopped
            self.moved_at = monotonic()
            self._device.start(stream)
        except miniaudio.MiniaudioError as error:
            self.close()
            raise unopened("speaker", self.name, error) from None

    def close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _stopped(self) -> None:
        self.gone = True

    def _stream(self) -> Generator[bytes, int, None]:
        pull = self.pull if self._rate == _RATE else RateChanger(self.pull, self._rate, _RATE).pull
        wanted = yield b""
        while True:
            now = monotonic()
            wanted = yield pull(wanted, now + self._clock.ahead_s(wanted, now)).tobytes()
