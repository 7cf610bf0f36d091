"""The default or a named output device through miniaudio, which needs no system package."""

from collections.abc import Generator
from time import monotonic
from types import TracebackType
from typing import Any, Self

import miniaudio

from devices.errors import DeviceError
from devices.output_queue import OutputQueue

_BUFFER_MS = 40


class MiniaudioSpeaker(OutputQueue):
    """One stream for the whole show. miniaudio tells no DAC time: what we hand over is heard after the periods
    that are already queued, so `latency_s` is the buffer it was asked for.
    """

    simulated = False
    latency_s = _BUFFER_MS / 1000

    def __init__(self, name: str, device_id: Any, rate: int = 48_000) -> None:
        super().__init__(rate)
        self.name = name
        self._id = device_id
        self._device: Any = None

    def __enter__(self) -> Self:
        try:
            self._device = miniaudio.PlaybackDevice(
                output_format=miniaudio.SampleFormat.SIGNED16,
                nchannels=1,
                sample_rate=self.rate,
                buffersize_msec=_BUFFER_MS,
                device_id=self._id,
                app_name="Galactus",
            )
            stream = self._stream()
            next(stream)
            self._device.start(stream)
        except miniaudio.MiniaudioError as error:
            raise DeviceError(self.name, f"the speaker does not open ({error})", 'set speaker = "null"') from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._device is not None:
            self._device.close()

    def _stream(self) -> Generator[bytes, int, None]:
        wanted = yield b""
        while True:
            wanted = yield self.pull(wanted, monotonic() + self.latency_s).tobytes()
