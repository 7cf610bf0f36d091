"""Opens the devices of a rig: microphone, speaker, jaw. Each says what it is; one that fails gets its stand-in."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from console.events import DeviceChanged, DeviceRole, DeviceState
from console.talk_keys import TalkKeys
from conversation.speech_player import SpeechPlayer
from devices import audio_devices
from devices.errors import DeviceError
from devices.estop import EmergencyStop
from devices.jaw_board import JawBoard
from devices.jaw_player import JawPlayer
from devices.limits import LimitedJaw
from profiles.schema import Rig

D = TypeVar("D", audio_devices.AnySpeaker, audio_devices.AnyMicrophone)
Emit = Callable[[DeviceChanged], None]


class Booth(Struct, frozen=True):
    """What is open while the show lasts."""

    microphone: audio_devices.AnyMicrophone
    speaker: audio_devices.AnySpeaker
    jaw: JawPlayer
    board: JawBoard
    emergency: EmergencyStop
    keys: TalkKeys
    player: SpeechPlayer

    @property
    def limited(self) -> LimitedJaw:
        return self.jaw.jaw


def open_booth(rig: Rig, stop_socket: Path, stack: ExitStack, emit: Emit) -> Booth:
    """`stack` closes all of it, in reverse. Needs a running event loop, on which `emit` is called."""
    speaker = _open(stack, emit, "speaker", audio_devices.speaker, rig.audio.speaker, "null")
    microphone = _open(stack, emit, "microphone", audio_devices.microphone, rig.audio.microphone, "recorded")
    keys, limited = TalkKeys(), LimitedJaw(rig.jaw)
    player = JawPlayer(limited, speaker)
    changed = _on_loop(lambda: emit(_jaw_now(board)))
    board = JawBoard(limited, lambda: player.playing, _button(rig, keys), changed)
    stack.enter_context(board)
    stack.enter_context(player)
    emergency = stack.enter_context(EmergencyStop(stop_socket, (limited.stop,), changed))
    return Booth(microphone, speaker, player, board, emergency, keys, SpeechPlayer(speaker, player))


def _button(rig: Rig, keys: TalkKeys) -> Callable[[bool], None]:
    return keys.key("the board's button") if rig.talk.board_button else lambda down: None


def _on_loop(call: Callable[[], None]) -> Callable[[], None]:
    """For threads; one that is late finds a closed loop, and nobody who would want to know."""
    loop = asyncio.get_running_loop()

    def soon() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(call)

    return soon


def _jaw_now(board: JawBoard) -> DeviceChanged:
    jaw = board.jaw
    problem = "stopped by hand; acknowledge it on the rig page" if jaw.stopped else jaw.fault or jaw.missing
    state: DeviceState = "fault" if problem else "simulated" if board.simulated else "ready"
    limp = "" if problem or jaw.armed else "limp until it is armed on the rig page"
    return DeviceChanged(name=board.name, role="jaw", state=state, detail=problem or limp)


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
