"""Opens the devices of a rig: microphone, speaker, jaw, head, keys. Each says what it is; what fails costs itself."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from msgspec import Struct

from console.api.events import DeviceChanged, DeviceRole, DeviceState
from console.body.talk_keys import TalkKeys
from console.host.stop_marks import StopMarks
from conversation.speech.speech_player import SpeechPlayer
from devices.audio import audio_devices
from devices.errors import DeviceError
from devices.estop import EmergencyStop
from devices.hot_key import HotKey
from devices.jaw.jaw_board import JawBoard
from devices.jaw.jaw_player import JawPlayer
from devices.limits import BACK, BACK_ARMED, LimitedHead, LimitedJaw
from devices.pan_tilt.opener import HeadOpener
from profiles.schema import Rig

Emit = Callable[[DeviceChanged], None]


class Booth(Struct, frozen=True):
    """What is open while the show lasts."""

    microphone: audio_devices.AnyMicrophone
    speaker: audio_devices.AnySpeaker
    jaw: JawPlayer
    board: JawBoard
    head: LimitedHead | None
    emergency: EmergencyStop
    keys: TalkKeys
    player: SpeechPlayer
    marks: StopMarks

    @property
    def limited(self) -> LimitedJaw:
        return self.jaw.jaw


def open_booth(rig: Rig, stop_socket: Callable[[], Path], stack: ExitStack, emit: Emit, marks: StopMarks) -> Booth:
    """`stack` closes all of it, in reverse. Needs a running event loop, on which `emit` is called."""
    soon = partial(_soon, asyncio.get_running_loop(), emit)
    speaker = audio_devices.speaker(rig.audio.speaker, _on_change("speaker", soon), wait=True)
    microphone = audio_devices.microphone(rig.audio.microphone, rig.audio, _on_change("microphone", soon), wait=True)
    stack.enter_context(speaker)
    stack.enter_context(microphone)
    emit(_sound("speaker", speaker))
    emit(_sound("microphone", microphone))
    keys, limited = TalkKeys(), LimitedJaw(rig.jaw)
    jaw = JawPlayer(limited, speaker)
    limited.halted = marks.halted  # before there is a board that a rig might arm at its start
    if marks.stopped:
        limited.stop()

    def changed() -> None:
        soon(_jaw_now(board))

    board = JawBoard(limited, lambda: jaw.playing, _button(rig, keys), changed)
    stack.enter_context(board)
    stack.enter_context(jaw)
    head = _head(rig, stack)
    if marks.stopped and head is not None:
        head.estop()
    stops: list[Callable[[], object]] = [limited.stop] if head is None else [head.stop, limited.stop, head.estop]

    def heard() -> None:
        marks.motors(stopped=True)
        changed()

    emergency = stack.enter_context(EmergencyStop(stop_socket(), stops, heard, stop_socket))
    _hot_key(rig, keys, stack, emit)
    player = SpeechPlayer(speaker, jaw, rig.audio.peak_db)
    return Booth(microphone, speaker, jaw, board, head, emergency, keys, player, marks)


def _soon(loop: asyncio.AbstractEventLoop, emit: Emit, device: DeviceChanged) -> None:
    """From threads; one that is late finds a closed loop, and nobody who would want to know."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(emit, device)


def _on_change(role: DeviceRole, soon: Emit) -> Callable[[str, DeviceState, str], None]:
    return lambda name, state, detail: soon(DeviceChanged(name=name, role=role, state=state, detail=detail))


def _sound(role: DeviceRole, device: audio_devices.AnySpeaker | audio_devices.AnyMicrophone) -> DeviceChanged:
    state: DeviceState = "fault" if device.fault else "simulated" if device.simulated else "ready"
    return DeviceChanged(name=device.name, role=role, state=state, detail=device.fault or device.note)


def _button(rig: Rig, keys: TalkKeys) -> Callable[[bool], None]:
    return keys.key("the board's button") if rig.talk.board_button else lambda down: None


def _hot_key(rig: Rig, keys: TalkKeys, stack: ExitStack, emit: Emit) -> None:
    if not rig.talk.hot_key:
        return
    name = f"hot key {rig.talk.hot_key}"
    try:
        key = stack.enter_context(HotKey(rig.talk.hot_key, keys.key(name), rig.talk.hot_key_device))
        fault = key.fault
    except DeviceError as error:
        fault = str(error)
    emit(DeviceChanged(name=name, role="button", state="fault" if fault else "ready", detail=fault))


def _head(rig: Rig, stack: ExitStack) -> LimitedHead | None:
    if rig.pan_tilt.driver == "none":
        return None
    opener = stack.enter_context(HeadOpener(rig.pan_tilt))
    head = LimitedHead(opener, rig.pan_tilt)
    head.open(wait_s=0.0)  # one that is slow to answer must not keep the show
    stack.callback(head.close)
    return head


def _jaw_now(board: JawBoard) -> DeviceChanged:
    jaw = board.jaw
    fault = jaw.fault
    if fault and jaw.board is not None:  # what mended itself still has to be seen
        fault = fault if fault in (BACK, BACK_ARMED) else f"{fault}; it answers again: 3, then K"
    problem = "stopped by hand; acknowledge it on the rig page" if jaw.stopped else fault or jaw.missing
    state: DeviceState = "fault" if problem else "simulated" if board.simulated else "ready"
    limp = "" if problem or jaw.armed else "limp until it is armed on the rig page"
    return DeviceChanged(name=board.name, role="jaw", state=state, detail=problem or limp)
