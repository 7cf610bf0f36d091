"""The default or a named microphone through miniaudio, which also brings it to 16 kHz mono."""

from collections.abc import Generator
from typing import Any

import miniaudio
import numpy as np

from conversation.audio import HEARING_RATE
from devices.miniaudio_streams import Capture, Streaming
from devices.sound_device import Inlet


class MiniaudioMicrophone(Streaming, Inlet):
    """Open for the whole show, so that the first syllable is already in the ring when the button goes down."""

    def __init__(self, name: str, backend: str, key: Any) -> None:
        super().__init__(name, backend)
        self._key = key

    def open(self) -> None:
        format_ = miniaudio.SampleFormat.SIGNED16
        self._start("microphone", Capture, self._sink(), input_format=format_, sample_rate=HEARING_RATE)

    def _sink(self) -> Generator[None, bytearray, None]:
        while True:
            data = yield
            self.push(np.frombuffer(data, np.int16))  # a copy of its own already
