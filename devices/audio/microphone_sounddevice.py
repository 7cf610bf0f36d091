"""The default or a named microphone through PortAudio."""

from time import monotonic
from typing import Any

import numpy as np
import soxr

from conversation.audio import HEARING_RATE
from devices.audio.sound_device import InputDevice
from devices.errors import DeviceError
from devices.sound.channels import ChannelPicker


class SounddeviceMicrophone(InputDevice):
    """Opened at the device's own rate, which always works, and brought to 16 kHz here."""

    def __init__(self, name: str, index: int, rate: int, channels: int = 1) -> None:
        super().__init__(name, "PortAudio")
        self._index, self._rate = index, rate
        self._picker = ChannelPicker(channels)
        self._stream: Any = None
        self._resampler: Any = None
        self._closing = False

    def open(self) -> None:
        """With all its channels, of which the best is heard; one that refuses so many with one."""
        import sounddevice  # fails at import without PortAudio, so only where it is chosen

        try:
            sounddevice.check_input_settings(self._index, self._picker.count, "int16", samplerate=self._rate)
        except sounddevice.PortAudioError:
            self._picker = ChannelPicker(1)
        count = self._picker.count
        self._resampler = soxr.ResampleStream(self._rate, HEARING_RATE, count, dtype="int16", quality="MQ")
        try:
            self._stream = sounddevice.InputStream(
                samplerate=self._rate,
                channels=count,
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
        heard = np.asarray(self._resampler.resample_chunk(data.copy()), np.int16)
        self.push(self._picker.feed(heard.reshape(-1, self._picker.count)))
