"""Picks the microphone and the speaker of a rig: PortAudio, else miniaudio, else the stand-ins, and says which."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import miniaudio
from msgspec import Struct

from devices.errors import DeviceError
from devices.microphone_clip import RecordedVisitor, recorded_visitors
from devices.microphone_miniaudio import MiniaudioMicrophone
from devices.microphone_sounddevice import SounddeviceMicrophone
from devices.speaker_miniaudio import MiniaudioSpeaker
from devices.speaker_null import NullSpeaker
from devices.speaker_sounddevice import SounddeviceSpeaker

NULL_RATE = 22_050
"""The rehearsal voice's own rate, so that nothing is resampled for nobody."""

AnySpeaker = NullSpeaker | MiniaudioSpeaker | SounddeviceSpeaker
AnyMicrophone = RecordedVisitor | MiniaudioMicrophone | SounddeviceMicrophone


class Found(Struct, frozen=True):
    """A device of the operating system, and how to open it."""

    name: str
    driver: str
    key: Any
    rate: int


def find(kind: str, wanted: str) -> Found | None:
    """The default ("auto") or the named `kind` ("input" or "output") device; None if there is none."""
    with _quiet_libraries():
        return _portaudio(kind, wanted) or _miniaudio(kind, wanted)


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


def speaker(wanted: str) -> AnySpeaker:
    """Not yet open. Raises DeviceError when a device asked for by name is not there."""
    if wanted == "null":
        return NullSpeaker(NULL_RATE)
    found = find("output", wanted)
    if found is None and wanted != "auto":
        raise DeviceError(wanted, "there is no such speaker", 'plug it in, or set speaker = "auto"')
    if found is None:
        return NullSpeaker(NULL_RATE)
    if found.driver == "PortAudio":
        return SounddeviceSpeaker(found.name, found.key, found.rate)
    return MiniaudioSpeaker(found.name, found.key)


def microphone(wanted: str) -> AnyMicrophone:
    """Not yet open. Raises DeviceError when a device asked for by name is not there."""
    if wanted == "recorded":
        return RecordedVisitor(recorded_visitors())
    found = find("input", wanted)
    if found is None and wanted != "auto":
        raise DeviceError(wanted, "there is no such microphone", 'plug it in, or set microphone = "auto"')
    if found is None:
        return RecordedVisitor(recorded_visitors())
    if found.driver == "PortAudio":
        return SounddeviceMicrophone(found.name, found.key, found.rate)
    return MiniaudioMicrophone(found.name, found.key)


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
    """On a machine without sound ALSA still offers its own null device; ours keeps a better clock."""
    try:
        devices = miniaudio.Devices()
        rows = devices.get_captures() if kind == "input" else devices.get_playbacks()
    except miniaudio.MiniaudioError:
        return None
    real = [row for row in rows if not row["name"].startswith("Discard all samples")]
    if wanted == "auto":  # no id means the default device, which need not be the first of the list
        role = "microphone" if kind == "input" else "speaker"
        return Found(f"default {role} ({devices.backend})", "miniaudio", None, 48_000) if real else None
    named = (row for row in real if wanted.lower() in row["name"].lower())
    return next((Found(row["name"], "miniaudio", row["id"], 48_000) for row in named), None)
