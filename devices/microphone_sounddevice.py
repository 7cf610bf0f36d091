"""The default or a named microphone through PortAudio."""

from time import monotonic
from typing import Any

import numpy as np
import soxr

from conversation.audio import HEARING_RATE
from devices.errors import DeviceError
from devices.sound_device import Inlet


class SounddeviceMicrophone(Inlet):
    """Opened at the device's own rate, which always works, and brought to 16 kHz here."""

    def __init__(self, name: str, index: int, rate: int) -> None:
        super().__init__(name, "PortAudio")
        self._index, self._rate = index, rate
        self._stream: Any = None
        self._closing = False
        self._resampler = soxr.ResampleStream(rate, HEARING_RATE, 1, dtype="int16", quality="MQ")

    def open(self) -> None:
        import sounddevice  # fails at import without PortAudio, so only where it is chosen

        try:
            self._stream = sounddevice.InputStream(
                samplerate=self._rate,
                channels=1,
                dtype="int16",
                device=self._index,
                latency="low",
                callback=self._take,
                finished_callback=self._finished,
            )
            self.moved_at = monotonic()
            self._stream.start()
        except sounddevice.PortAudioError as error:
            self.close()
            hint = "look whether another program holds it, or choose another"
            raise DeviceError(self.name, f"the microphone does not open ({error})", hint) from None

    def close(self) -> None:
        self._closing = True
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)

    def _finished(self) -> None:
        self.gone = not self._closing

    def _take(self, data: Any, frames: int, times: Any, status: Any) -> None:
        self.push(np.asarray(self._resampler.resample_chunk(data[:, 0].copy()), np.int16))
