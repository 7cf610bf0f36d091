"""miniaudio's devices, less their leak: each opens a connection to the sound server that nobody closes."""

from collections.abc import Generator
from pathlib import Path
from time import monotonic
from typing import Any

import miniaudio

from devices.audio.device_names import DeviceEntry
from devices.audio.sound_device import SoundDevice
from devices.errors import DeviceError

BUFFER_MS = 40
"""An open microphone costs 0.7 % of a core all evening; with 20 ms it would be twice that."""
USUAL, MOST = 2, 32
"""Channels of a microphone."""
_NULL_DEVICE = "Discard all samples"
"""On a machine without sound ALSA still offers its own null device; ours keeps a better clock."""


def rows(kind: str) -> list[DeviceEntry]:
    """All "input" or "output" devices, looked up again. Asks none of them for its formats: a busy one fails then."""
    ffi, lib = miniaudio.ffi, miniaudio.lib
    try:
        context = miniaudio.Devices()
    except miniaudio.MiniaudioError:
        return []
    if context.backend == "ALSA" and not cards():
        return []  # what it lists then are its plugins, and none of them can be opened
    infos, count = ffi.new("ma_device_info**"), ffi.new("ma_uint32*")
    none = (ffi.NULL, ffi.NULL)
    wanted = (*none, infos, count) if kind == "input" else (infos, count, *none)
    if lib.ma_context_get_devices(context._context, *wanted) != lib.MA_SUCCESS:
        return []
    found = []
    for info in (infos[0][i] for i in range(count[0])):
        name = ffi.string(info.name).decode(errors="replace")
        if not name.startswith(_NULL_DEVICE):
            key = ffi.new("ma_device_id *", info.id)
            found.append(DeviceEntry(name, context.backend, key, bool(info.isDefault), _words(context.backend, key)))
    return found


def channels(backend: str, key: Any) -> int:
    """How many an open microphone has; asking fails for one that is busy, and 2 is what most will do."""
    ffi, lib = miniaudio.ffi, miniaudio.lib
    try:
        context = miniaudio.Devices(backends(backend))
    except miniaudio.MiniaudioError:
        return USUAL
    info = ffi.new("ma_device_info *")
    wanted = ffi.NULL if key is None else key
    if lib.ma_context_get_device_info(context._context, lib.ma_device_type_capture, wanted, info) != lib.MA_SUCCESS:
        return USUAL
    counts = [info.nativeDataFormats[i].channels for i in range(min(64, info.nativeDataFormatCount))]
    return min(MOST, max(counts, default=0)) or USUAL


def _words(backend: str, key: Any) -> str:
    """The id as the backend writes it, where that is text."""
    if backend not in ("PulseAudio", "ALSA", "Core Audio"):
        return ""
    return bytes(miniaudio.ffi.buffer(key)).partition(b"\0")[0].decode(errors="replace")


def cards(listed: Path = Path("/proc/asound/cards")) -> bool:
    """Whether the kernel knows a sound card."""
    return any(line.strip()[:1].isdigit() for line in cards_text(listed).splitlines())


def cards_text(listed: Path = Path("/proc/asound/cards")) -> str:
    """What the kernel says of its sound cards; "" where it knows none, or is no Linux."""
    try:
        return listed.read_text(errors="replace")
    except OSError:
        return ""


def backends(name: str) -> list[Any]:
    """The one of that name, so that an id is never shown to another; all when it has no name."""
    word = "".join(filter(str.isalnum, name)).upper()
    return [backend for backend in miniaudio.Backend if backend.name == word]


class _Closing:
    """Remembers its context, also while its constructor fails."""

    context: Any = None

    def _make_context(self, *wanted: Any) -> Any:
        self.context = super()._make_context(*wanted)  # type: ignore[misc]
        return self.context

    def close(self) -> None:
        self.stop_callback = None
        super().close()  # type: ignore[misc]
        context, self.context = self.context, None
        if context is not None:
            miniaudio.lib.ma_context_uninit(context)


class PlaybackStream(_Closing, miniaudio.PlaybackDevice):  # type: ignore[misc]
    """As miniaudio's."""


class CaptureStream(_Closing, miniaudio.CaptureDevice):  # type: ignore[misc]
    """As miniaudio's."""


class ArrayCapture(CaptureStream):
    """As PulseAudio has an array: its channels are numbered, and have no place in a room. Both its library and
    miniaudio must be told, for each passes no sound between places that differ.
    """

    _PULSE_MAP = 2
    _PLACES: tuple[int, ...] = ()
    """MA_CHANNEL_FRONT_LEFT is 2, MA_CHANNEL_AUX_0 is 20."""

    def _make_context(self, *wanted: Any) -> Any:
        places = [*self._PLACES, *range(20, 20 + MOST)][: self.nchannels]
        self._places = miniaudio.ffi.new("unsigned char[]", places)
        self._devconfig.capture.pChannelMap = self._places
        self._devconfig.pulse.channelMap = self._PULSE_MAP
        return super()._make_context(*wanted)


class SurroundCapture(ArrayCapture):
    """With a place in the room for each channel, in ALSA's order."""

    _PULSE_MAP = 1
    _PLACES = (2, 3, 6, 7, 4, 5, 11, 12)


class Streaming(SoundDevice):
    """What a microphone and a speaker have in common."""

    _key: Any
    _device: Any = None

    def _start(
        self,
        role: str,
        kind: type[CaptureStream] | type[PlaybackStream],
        stream: Generator[Any, Any, None],
        nchannels: int = 1,
        **of: Any,
    ) -> None:
        """Opens it and lets `stream` run in its thread. Raises DeviceError."""
        try:
            self._device = kind(
                nchannels=nchannels,
                buffersize_msec=BUFFER_MS,
                device_id=self._key,
                backends=backends(self.driver),
                app_name="Galactus",
                **of,
            )
            next(stream)
            self._device.stop_callback = self._stopped
            self.moved_at = monotonic()
            self._device.start(stream)
        except miniaudio.MiniaudioError as error:
            self.close()
            hint = "look whether another program holds it, or choose another"
            raise DeviceError(self.name, f"the {role} does not open ({plain(error)})", hint) from None

    def close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _stopped(self) -> None:
        self.gone = True


def plain(error: Exception) -> str:
    """What a MiniaudioError says, in a few words."""
    return str(error.args[0]) if error.args else type(error).__name__
