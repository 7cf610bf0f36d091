"""The default or a named microphone through miniaudio, which also brings it to 16 kHz mono."""

from collections.abc import Generator
from types import TracebackType
from typing import Any, Self

import miniaudio
import numpy as np

from conversation.audio import HEARING_RATE
from devices.errors import DeviceError
from devices.input_ring import InputRing


class MiniaudioMicrophone(InputRing):
    """Open for the whole show, so that the first syllable is already in the ring when the button goes down."""

    simulated = False

    def __init__(self, name: str, device_id: Any) -> None:
        super().__init__()
        self.name = name
        self._id = device_id
        self._device: Any = None

    def __enter__(self) -> Self:
        try:
            self._device = miniaudio.CaptureDevice(
                input_format=miniaudio.SampleFormat.SIGNED16,
                nchannels=1,
                sample_rate=HEARING_RATE,
                buffersize_msec=20,
                device_id=self._id,
                app_name="Galactus",
            )
            sink = self._sink()
            next(sink)
            self._device.start(sink)
        except miniaudio.MiniaudioError as error:
            hint = 'set microphone = "recorded"'
            raise DeviceError(self.name, f"the microphone does not open ({error})", hint) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._device is not None:
            self._device.close()

    def _sink(self) -> Generator[None, bytes, None]:
        while True:
            data = yield
            self.push(np.frombuffer(bytes(data), dtype=np.int16))
