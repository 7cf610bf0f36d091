"""The default or a named output device through PortAudio, which tells when each sample reaches the DAC."""

from time import monotonic
from typing import Any

from devices.audio.device_clock import RateChanger
from devices.audio.sound_device import OutputDevice, Pull
from devices.errors import DeviceError


class SounddeviceSpeaker(OutputDevice):
    """Open at our rate if the device takes it, else at its own; needs the PortAudio library of the system."""

    def __init__(self, name: str, index: int, device_rate: int, rate: int) -> None:
        super().__init__(name, "PortAudio")
        self._index, self._device_rate, self._rate = index, device_rate, rate
        self._pull: Pull = self.pull
        self._stream: Any = None
        self._closing = False

    def open(self) -> None:
        import sounddevice  # fails at import without PortAudio, so only where it is chosen

        try:
            stream_rate = self._accepted(sounddevice)
            self._pull = self.pull
            if stream_rate != self._rate:
                self._pull = RateChanger(self.pull, self._rate, stream_rate).pull
            self._stream = sounddevice.OutputStream(
                samplerate=stream_rate,
                channels=1,
                dtype="int16",
                device=self._index,
                latency=0.04,
                callback=self._fill_from,
                finished_callback=self._finished,
            )
            self.moved_at = monotonic()
            self._stream.start()
        except sounddevice.PortAudioError as error:
            self.close()
            hint = "look whether another program holds it, or choose another"
            raise DeviceError(self.name, f"the speaker does not open ({error})", hint) from None

    def close(self) -> None:
        self._closing = True
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)

    def _accepted(self, sounddevice: Any) -> int:
        try:
            sounddevice.check_output_settings(self._index, channels=1, dtype="int16", samplerate=self._rate)
        except sounddevice.PortAudioError:
            return self._device_rate
        return self._rate

    def _finished(self) -> None:
        self.gone = not self._closing

    def _fill_from(self, out: Any, frames: int, times: Any, status: Any) -> None:
        ahead = max(0.0, times.outputBufferDacTime - times.currentTime)
        if self.latency_s is None:
            self.latency_s = ahead
        self.latency_s += (ahead - self.latency_s) / 50
        out[:, 0] = self._pull(frames, monotonic() + ahead)
