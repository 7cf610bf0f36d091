"""The default or a named microphone through PortAudio."""

from types import TracebackType
from typing import Any, Self

import numpy as np
import soxr

from conversation.audio import HEARING_RATE
from devices.errors import DeviceError
from devices.input_ring import InputRing


class SounddeviceMicrophone(InputRing):
    """Opened at the device's own rate, which always works, and brought to 16 kHz here."""

    simulated = False

    def __init__(self, name: str, index: int, rate: int) -> None:
        super().__init__()
        self.name = name
        self._index, self._rate = index, rate
        self._stream: Any = None
        self._resampler = soxr.ResampleStream(rate, HEARING_RATE, 1, dtype="int16", quality="MQ")

    def __enter__(self) -> Self:
        import sounddevice  # fails at import without PortAudio, so only where it is chosen

        try:
            self._stream = sounddevice.InputStream(
                samplerate=self._rate, channels=1, dtype="int16", device=self._index, callback=self._take, latency="low"
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            hint = 'set microphone = "recorded"'
            raise DeviceError(self.name, f"the microphone does not open ({error})", hint) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._stream is not None:
            self._stream.close(ignore_errors=True)

    def _take(self, data: Any, frames: int, times: Any, status: Any) -> None:
        self.push(np.asarray(self._resampler.resample_chunk(data[:, 0].copy()), np.int16))
