"""The default or a named microphone through miniaudio, which also brings it to 16 kHz mono."""

from collections.abc import Generator
from time import monotonic
from typing import Any

import miniaudio
import numpy as np

from conversation.audio import HEARING_RATE
from devices.miniaudio_streams import Capture, backends, unopened
from devices.sound_device import Inlet

_BUFFER_MS = 40
"""An open microphone costs 0.7 % of a core all evening; with 20 ms it would be twice that."""


class MiniaudioMicrophone(Inlet):
    """Open for the whole show, so that the first syllable is already in the ring when the button goes down."""

    def __init__(self, name: str, backend: str, key: Any) -> None:
        super().__init__(name, backend)
        self._key = key
        self._device: Any = None

    def open(self) -> None:
        try:
            self._device = Capture(
                input_format=miniaudio.SampleFormat.SIGNED16,
                nchannels=1,
                sample_rate=HEARING_RATE,
                buffersize_msec=_BUFFER_MS,
                device_id=self._key,
                backends=backends(self.driver),
                app_name="Galactus",
            )
            sink = self._sink()
            next(sink)
            self._device.stop_callback = self._stopped
            self.moved_at = monotonic()
            self._device.start(sink)
        except miniaudio.MiniaudioError as error:
            self.close()
            raise unopened("microphone", self.name, error) from None

    def close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _stopped(self) -> None:
        self.gone = True

    def _sink(self) -> Generator[None, bytearray, None]:
        while True:
            data = yield
            self.push(np.frombuffer(data, np.int16))  # a copy of its own already
