"""The default or a named output device through PortAudio, which tells when each sample reaches the DAC."""

from time import monotonic
from types import TracebackType
from typing import Any, Self

from devices.errors import DeviceError
from devices.output_queue import OutputQueue


class SounddeviceSpeaker(OutputQueue):
    """One stream for the whole show; needs the PortAudio library of the operating system."""

    simulated = False

    def __init__(self, name: str, index: int, rate: int = 48_000) -> None:
        super().__init__(rate)
        self.name = name
        self._index = index
        self._stream: Any = None

    def __enter__(self) -> Self:
        import sounddevice  # fails at import without PortAudio, so only where it is chosen

        try:
            self._stream = sounddevice.OutputStream(
                samplerate=self.rate,
                channels=1,
                dtype="int16",
                device=self._index,
                latency=0.04,
                callback=self._fill_from,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise DeviceError(self.name, f"the speaker does not open ({error})", 'set speaker = "null"') from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._stream is not None:
            self._stream.close(ignore_errors=True)

    def _fill_from(self, out: Any, frames: int, times: Any, status: Any) -> None:
        ahead = max(0.0, times.outputBufferDacTime - times.currentTime)
        out[:, 0] = self.pull(frames, monotonic() + ahead)
