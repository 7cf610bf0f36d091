"""The microphones and speakers of this machine: lists them, and opens those of a rig. PortAudio, else miniaudio."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from devices import miniaudio_streams
from devices.errors import DeviceError
from devices.microphone_clip import RecordedVisitor, recorded_visitors
from devices.microphone_miniaudio import MiniaudioMicrophone
from devices.microphone_sounddevice import SounddeviceMicrophone
from devices.noise import noise_filter
from devices.sound_device import Inlet, OnChange, Outlet, SoundDevice
from devices.speaker_miniaudio import MiniaudioSpeaker
from devices.speaker_sounddevice import SounddeviceSpeaker
from devices.switching import AnyInlet, NullOutlet, RecordedInlet, SwitchingMicrophone, SwitchingSpeaker
from profiles.schema import Audio

NULL_RATE = 22_050
"""The rehearsal voice's own rate, so that nothing is resampled for nobody."""
LIVE_RATE = 48_000
_STDERR = threading.Lock()
_ANSWER_S = 2.0
"""A sound server that hangs must hold up neither the show nor its error output."""
_LOOK_UP = "sound-look-up"
T = TypeVar("T")

AnySpeaker = SwitchingSpeaker
AnyMicrophone = SwitchingMicrophone


class Found(Struct, frozen=True):
    """A device of the operating system, and how to open it."""

    name: str
    driver: str
    """PortAudio, or the system of sound behind miniaudio: PulseAudio, ALSA, Core Audio, ..."""
    key: Any
    rate: int


class Listed(Struct, frozen=True):
    """A device that may be chosen by its name."""

    name: str
    driver: str
    default: bool = False
    simulated: bool = False


def devices(kind: str) -> list[Listed]:
    """All `kind` ("input" or "output") devices that are there now, the default first; last the stand-in, which always
    is. Takes 5 to 20 ms. PortAudio's own list is as old as the program and is not asked.
    """
    rows = _answer(lambda: miniaudio_streams.rows(kind))
    listed = [Listed(row.name, row.backend, row.default) for row in rows]
    listed.sort(key=lambda row: not row.default)
    stand_in = (
        Listed("recorded", "recorded", simulated=True) if kind == "input" else Listed("null", "null", False, True)
    )
    return [*listed, stand_in]


def find(kind: str, wanted: str) -> Found | None:
    """The default ("auto") or the named `kind` ("input" or "output") device; None if there is none."""
    return next(iter(find_all(kind, wanted)), None)


def find_all(kind: str, wanted: str) -> list[Found]:
    """Every way to reach that device, the best first; one that was plugged in again may open by the second alone. A
    part of a name will do where no device has all of it.
    """
    ways = _answer(lambda: [way for way in (_portaudio(kind, wanted), _miniaudio(kind, wanted)) if way is not None])
    return [found for found in ways if found.name.lower() == wanted.lower()] or ways


def speaker(wanted: str, on_change: OnChange | None = None, wait: bool = False) -> SwitchingSpeaker:
    """Not yet open. Raises DeviceError when a device asked for by name is not there, unless it is to `wait` for it:
    then nothing is heard until it comes.
    """
    rate = NULL_RATE if wanted == "null" or (wanted == "auto" and find("output", wanted) is None) else LIVE_RATE
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


def outlets(wanted: str, rate: int) -> list[Outlet]:
    """Those that play `rate` and answer to `wanted`, none of them open."""
    if wanted == "null":
        return [NullOutlet()]
    return [_outlet(found, rate) for found in find_all("output", wanted)]


def inlets(wanted: str) -> list[AnyInlet]:
    """Those that answer to `wanted`, none of them open."""
    if wanted == "recorded":
        return [_visitor()]
    return [_inlet(found) for found in find_all("input", wanted)]


def _outlet(found: Found, rate: int) -> Outlet:
    if found.driver == "PortAudio":
        return SounddeviceSpeaker(found.name, found.key, found.rate, rate)
    return MiniaudioSpeaker(found.name, found.driver, found.key, rate)


def _inlet(found: Found) -> Inlet:
    if found.driver == "PortAudio":
        return SounddeviceMicrophone(found.name, found.key, found.rate)
    return MiniaudioMicrophone(found.name, found.driver, found.key)


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


def _portaudio(kind: str, wanted: str) -> Found | None:
    try:
        import sounddevice  # fails without the system's PortAudio
    except OSError:
        return None
    try:
        info = sounddevice.query_devices(None if wanted == "auto" else wanted, kind)
    except (ValueError, sounddevice.PortAudioError):
        return None
    return Found(info["name"], "PortAudio", info["index"], int(info["default_samplerate"]))


def _miniaudio(kind: str, wanted: str) -> Found | None:
    """The whole name counts before a part of it."""
    rows = miniaudio_streams.rows(kind)
    if wanted == "auto":  # no id means the default device, which need not be the first of the list
        if not rows:
            return None
        role, backend = "microphone" if kind == "input" else "speaker", rows[0].backend
        return Found(f"default {role} ({backend})", backend, None, LIVE_RATE)
    wanted = wanted.lower()
    named = [row for row in rows if row.name.lower() == wanted] or [row for row in rows if wanted in row.name.lower()]
    return Found(named[0].name, named[0].backend, named[0].key, LIVE_RATE) if named else None
