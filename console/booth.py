"""Opens the devices of a rig: microphone, speaker and jaw. Each says what it is; one that fails gets its stand-in."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from msgspec import Struct

from console.events import DeviceChanged, DeviceRole, DeviceState
from conversation.speech_player import SpeechPlayer
from devices import audio_devices
from devices.errors import DeviceError
from devices.jaw_player import JawPlayer
from devices.jaw_simulated import SimulatedBoard
from devices.limits import LimitedJaw
from profiles.schema import Rig

D = TypeVar("D", audio_devices.AnySpeaker, audio_devices.AnyMicrophone)
Emit = Callable[[DeviceChanged], None]


class Booth(Struct, frozen=True):
    """What is open while the show lasts."""

    microphone: audio_devices.AnyMicrophone
    speaker: audio_devices.AnySpeaker
    jaw: JawPlayer
    player: SpeechPlayer


def open_booth(rig: Rig, stack: ExitStack, emit: Emit) -> Booth:
    """`stack` closes all of it, in reverse."""
    speaker = _open(stack, emit, "speaker", audio_devices.speaker, rig.audio.speaker, "null")
    microphone = _open(stack, emit, "microphone", audio_devices.microphone, rig.audio.microphone, "recorded")
    board = LimitedJaw(SimulatedBoard(), rig.jaw)
    jaw = stack.enter_context(JawPlayer(board, speaker, rig.jaw.look_ahead_ms / 1000, rig.jaw.idle_detach_s))
    emit(DeviceChanged(name=board.board.name, role="jaw", state="simulated"))
    return Booth(microphone, speaker, jaw, SpeechPlayer(speaker, jaw))


def _open(stack: ExitStack, emit: Emit, role: DeviceRole, make: Callable[[str], D], wanted: str, stand_in: str) -> D:
    detail = ""
    try:
        device = make(wanted)
        stack.enter_context(device)
    except DeviceError as error:
        detail, device = str(error), make(stand_in)
        stack.enter_context(device)
    state: DeviceState = "fault" if detail else "simulated" if device.simulated else "ready"
    emit(DeviceChanged(name=device.name, role=role, state=state, detail=detail))
    return device
