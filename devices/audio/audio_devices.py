"""The microphones and speakers of this machine: lists them, and opens those of a rig. PortAudio, else miniaudio."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from msgspec import Struct, structs

from devices.audio import device_names, miniaudio_streams
from devices.audio.device_names import DeviceEntry, Match
from devices.audio.microphone_clip import RecordedVisitor, recorded_visitors
from devices.audio.microphone_miniaudio import MiniaudioMicrophone
from devices.audio.microphone_sounddevice import SounddeviceMicrophone
from devices.audio.sound_device import InputDevice, OnChange, OutputDevice, SoundDevice
from devices.audio.speaker_miniaudio import MiniaudioSpeaker
from devices.audio.speaker_sounddevice import SounddeviceSpeaker
from devices.audio.switching import AnyInlet, NullOutlet, RecordedInlet, SwitchingMicrophone, SwitchingSpeaker
from devices.errors import DeviceError
from devices.sound.noise import noise_filter
from profiles.schema import Audio

NULL_RATE = 22_050
"""The rehearsal voice's own rate, so that nothing is resampled for nobody."""
LIVE_RATE = 48_000
_SERVERS = ("default", "pulse", "pipewire", "jack", "sysdefault")
"""Names of PortAudio's that lead to a sound server, or to ALSA's own choice, whatever cards there are."""
_STDERR = threading.Lock()
_ANSWER_S = 2.0
"""A sound server that hangs must hold up neither the show nor its error output."""
_LOOK_UP = "sound-look-up"
T = TypeVar("T")

AnySpeaker = SwitchingSpeaker
AnyMicrophone = SwitchingMicrophone


class AudioDevice(Struct, frozen=True):
    """A device of the operating system, and how to open it."""

    name: str
    driver: str
    """PortAudio, or the system of sound behind miniaudio: PulseAudio, ALSA, Core Audio, ..."""
    key: Any
    rate: int
    identity: str = ""
    """What tells it from others of its name, and the default of now from that of later."""
    channels: int = 1


class NamedDevice(Struct, frozen=True):
    """A device that may be chosen by its name."""

    name: str
    driver: str
    default: bool = False
    simulated: bool = False
    id: str = ""
    """Another name that may be given, where two have the same."""
    monitor: bool = False
    """It hears a speaker, and is used by its full name alone."""


def devices(kind: str) -> list[NamedDevice]:
    """All `kind` ("input" or "output") devices that are there now, the default first, monitors late; last the
    stand-in, which always is. Takes 5 to 20 ms. PortAudio's own list is as old as the program and is not asked.
    """
    rows = _answer(lambda: miniaudio_streams.rows(kind))
    chosen = device_names.default(kind, rows)
    listed = [
        NamedDevice(
            label,
            row.backend,
            row is chosen,
            id=row.id if label != row.name else "",
            monitor=device_names.hears_us(kind, row),
        )
        for row, label in zip(rows, device_names.labels(rows), strict=True)
    ]
    listed.sort(key=lambda row: (row.monitor, not row.default))
    stand_in = (
        NamedDevice("recorded", "recorded", simulated=True)
        if kind == "input"
        else NamedDevice("null", "null", False, True)
    )
    return [*listed, stand_in]


def find(kind: str, wanted: str) -> AudioDevice | None:
    """The default ("auto") or the named `kind` ("input" or "output") device; None if there is none."""
    return next(iter(find_all(kind, wanted)), None)


def find_all(kind: str, wanted: str) -> list[AudioDevice]:
    """Every way to reach that device, the best first; one that was plugged in again may open by the second alone. A
    part of a name will do where no device has all of it (see device_names).
    """
    return _answer(lambda: _default(kind) if wanted == "auto" else _named(kind, wanted))


def speaker(wanted: str, on_change: OnChange | None = None, wait: bool = False) -> SwitchingSpeaker:
    """Not yet open. Raises DeviceError when a device asked for by name is not there, unless it is to `wait` for it:
    then nothing is heard until it comes.
    """
    rate = NULL_RATE if wanted == "null" else LIVE_RATE
    speaker = SwitchingSpeaker(rate, wanted, lambda name: outlets(name, rate), on_change)
    speaker.keeper.label = _label("speaker", wanted, outlets(wanted, rate), NullOutlet(), wait)
    return speaker


def microphone(
    wanted: str, audio: Audio | None = None, on_change: OnChange | None = None, wait: bool = False
) -> SwitchingMicrophone:
    """Not yet open. `audio` says what is done against noise. Raises DeviceError as `speaker` does."""
    noise = noise_filter(audio) if audio is not None else None
    microphone = SwitchingMicrophone(wanted, inlets, _visitor, on_change, noise)
    microphone.keeper.label = _label("microphone", wanted, inlets(wanted), _visitor(), wait)
    return microphone


def _label(role: str, wanted: str, found: Sequence[SoundDevice], stand_in: SoundDevice, wait: bool) -> str:
    """What it is most likely to be called once it is open."""
    if not found and wanted != "auto" and not wait:
        raise DeviceError(wanted, f"there is no such {role}", f'plug it in, or set {role} = "auto"')
    return found[0].name if found else stand_in.name if wanted == "auto" else wanted


def outlets(wanted: str, rate: int) -> list[OutputDevice]:
    """Those that play `rate` and answer to `wanted`, none of them open."""
    if wanted == "null":
        return [NullOutlet()]
    return [_outlet(found, rate) for found in find_all("output", wanted)]


def inlets(wanted: str) -> list[AnyInlet]:
    """Those that answer to `wanted`, none of them open."""
    if wanted == "recorded":
        return [_visitor()]
    return [_inlet(found) for found in find_all("input", wanted)]


def _outlet(found: AudioDevice, rate: int) -> OutputDevice:
    outlet: OutputDevice = MiniaudioSpeaker(found.name, found.driver, found.key, rate)
    if found.driver == "PortAudio":
        outlet = SounddeviceSpeaker(found.name, found.key, found.rate, rate)
    outlet.identity = found.identity
    return outlet


def _inlet(found: AudioDevice) -> InputDevice:
    inlet: InputDevice = MiniaudioMicrophone(found.name, found.driver, found.key)
    if found.driver == "PortAudio":
        inlet = SounddeviceMicrophone(found.name, found.key, found.rate, _channels(found))
    inlet.identity = found.identity
    return inlet


def _channels(found: AudioDevice) -> int:
    """To open. What leads to a server, which mixes, says that it has as many as anybody may want."""
    most = miniaudio_streams.USUAL if found.name in _SERVERS else miniaudio_streams.MOST
    return max(1, min(found.channels, most))


def _visitor() -> RecordedInlet:
    return RecordedInlet(RecordedVisitor(recorded_visitors()))


def _answer(look: Callable[[], list[T]]) -> list[T]:
    """What the libraries say, or nothing after 2 s; while they hang nobody asks them again."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.extend(look()), name=_LOOK_UP, daemon=True)
    with _STDERR, _quiet_libraries():
        if not any(other.name == _LOOK_UP for other in threading.enumerate()):
            thread.start()
            thread.join(_ANSWER_S)
    return found[:]


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """ALSA complains on stderr, in its own words, about sound cards that are not there; we say it ourselves."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def _default(kind: str) -> list[AudioDevice]:
    """Where the system's default is a monitor, or the place of a card that is missing, the first real one."""
    rows = miniaudio_streams.rows(kind)
    row = device_names.default(kind, rows)
    if row is None:
        return [] if rows else _portaudio(kind)
    identity = row.id or row.name
    if not row.default and any(other.default for other in rows):
        return [AudioDevice(row.name, row.backend, row.key, LIVE_RATE, identity)]
    role = "microphone" if kind == "input" else "speaker"
    # a server moves a stream without a name to another device, the last microphone that is pulled out to a monitor
    key = row.key if kind == "input" and row.default and row.id else None
    ours = AudioDevice(f"default {role} ({row.backend})", row.backend, key, LIVE_RATE, identity)
    return [*(structs.replace(way, identity=identity) for way in _portaudio(kind)), ours]


def _named(kind: str, wanted: str) -> list[AudioDevice]:
    ours = device_names.match(kind, wanted, miniaudio_streams.rows(kind))
    ways = [] if ours is None else [(ours.rank, _found(ours))]
    if ours is None or ours.label == ours.row.name:  # which of two twins one is, PortAudio does not know
        ways = [*((rank, found) for rank, found in _portaudio_named(kind, wanted)), *ways]
    exact = [found for rank, found in ways if rank == 0]
    return exact or [found for _, found in sorted(ways, key=lambda way: way[0])]


def _found(match: Match) -> AudioDevice:
    row = match.row
    return AudioDevice(match.label, row.backend, row.key, LIVE_RATE, row.id or match.label)


def _portaudio(kind: str) -> list[AudioDevice]:
    """Its default device. Raises nothing."""
    rows, rates = _portaudio_rows(kind)
    return [_by_portaudio(row, row.name, rates) for row in rows if row.default and not device_names.hears_us(kind, row)]


def _portaudio_named(kind: str, wanted: str) -> list[tuple[int, AudioDevice]]:
    rows, rates = _portaudio_rows(kind)
    found = device_names.match(kind, wanted, rows)
    return [] if found is None else [(found.rank, _by_portaudio(found.row, found.label, rates))]


def _by_portaudio(row: DeviceEntry, label: str, rates: dict[int, tuple[int, int]]) -> AudioDevice:
    rate, channels = rates[row.key]
    return AudioDevice(label, "PortAudio", row.key, rate, label, channels)


def _portaudio_rows(kind: str) -> tuple[list[DeviceEntry], dict[int, tuple[int, int]]]:
    """Its devices, and the rate and channels of each. Its list is as old as the program: when a card has come or gone
    since, its numbers may mean others, but for those that lead to a sound server.
    """
    try:
        import sounddevice  # fails without the system's PortAudio
    except (OSError, ImportError):
        return [], {}
    then, now = _cards_at_first(), miniaudio_streams.cards_text()
    try:
        infos = list(sounddevice.query_devices())
        default = _index(sounddevice, kind)
    except (ValueError, sounddevice.PortAudioError):
        return [], {}
    ways = [info for info in infos if info[f"max_{kind}_channels"] > 0 and (now == then or info["name"] in _SERVERS)]
    rows = [DeviceEntry(info["name"], "PortAudio", info["index"], info["index"] == default) for info in ways]
    return rows, {i["index"]: (int(i["default_samplerate"]), i[f"max_{kind}_channels"]) for i in ways}


def _index(sounddevice: Any, kind: str) -> int:
    try:
        return int(sounddevice.query_devices(None, kind)["index"])
    except (ValueError, sounddevice.PortAudioError):
        return -1


@cache
def _cards_at_first() -> str:
    """The cards that PortAudio knows: those of its first moment."""
    return miniaudio_streams.cards_text()
