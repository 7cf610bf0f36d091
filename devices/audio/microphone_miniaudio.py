"""The default or a named microphone through miniaudio, which also brings it to 16 kHz."""

import threading
from collections.abc import Generator
from typing import Any

import miniaudio
import numpy as np

from conversation.audio import HEARING_RATE
from devices.audio.miniaudio_streams import USUAL, ArrayCapture, CaptureStream, Streaming, SurroundCapture, channels
from devices.audio.sound_device import InputDevice
from devices.errors import DeviceError
from devices.sound.channels import ChannelPicker

_SOUND_S = 0.4
"""After which a device that sends zeros alone is thought to be misunderstood; no converter is so quiet."""


class MiniaudioMicrophone(Streaming, InputDevice):
    """Open for the whole show, so that the first syllable is already in the ring when the button goes down."""

    def __init__(self, name: str, backend: str, key: Any) -> None:
        super().__init__(name, backend)
        self._key = key
        self._sounds = threading.Event()
        """Something else than zeros was heard."""

    def open(self) -> None:
        """With all its channels, of which the best is heard; else with one, in which its system mixes them."""
        count = channels(self.driver, self._key)
        for kind in self._kinds(count):
            try:
                self._open(kind, count)
            except DeviceError:
                continue
            if count <= USUAL or self._sounds.wait(_SOUND_S):
                return
            self.close()
        self._open(CaptureStream, 1)

    def _kinds(self, count: int) -> tuple[type[CaptureStream], ...]:
        """A server passes no sound between channels that it takes to be elsewhere, and tells nobody where they are."""
        if count == 1:
            return ()
        return (ArrayCapture, SurroundCapture) if count > USUAL and self.driver == "PulseAudio" else (CaptureStream,)

    def _open(self, kind: type[CaptureStream], count: int) -> None:
        format_ = miniaudio.SampleFormat.SIGNED16
        of = {"input_format": format_, "sample_rate": HEARING_RATE}
        self._start("microphone", kind, self._sink(ChannelPicker(count)), nchannels=count, **of)

    def _sink(self, picker: ChannelPicker) -> Generator[None, bytearray, None]:
        while True:
            data = yield
            if not self._sounds.is_set() and any(data):
                self._sounds.set()
            self.push(picker.feed(np.frombuffer(data, np.int16).reshape(-1, picker.count)))
