"""Which devices of a rig are plugged in, as `check` sees it without opening any: no light goes on, nothing moves."""

from collections.abc import Callable, Sequence

from msgspec import structs

from console.api.body_status import PreflightRow
from devices.audio import audio_devices
from devices.boards import board
from devices.camera import names
from devices.errors import DeviceError
from devices.jaw.jaw_board import SOFTWARE
from devices.pan_tilt import head
from devices.serial_port import find, look
from profiles.schema import Rig


def connected(rig: Rig) -> list[PreflightRow]:
    """A line for each device that the rig wants."""
    rows = [
        _sound("microphone", "input", rig.audio.microphone),
        _sound("speaker", "output", rig.audio.speaker),
        _row("jaw", lambda: _jaw(rig)),
    ]
    if rig.camera.device != "none":
        rows.append(_row("camera", lambda: _camera(rig.camera.device)))
    if rig.pan_tilt.driver != "none":
        rows.append(_row("head", lambda: _head(rig)))
    return rows


def _row(what: str, look: Callable[[], str]) -> PreflightRow:
    try:
        return PreflightRow(what=what, state="ok", detail=look())
    except DeviceError as error:
        return PreflightRow(what=what, state="fault", detail=f"{error.device}: {error.message}", mend=error.hint)


def _sound(what: str, kind: str, wanted: str) -> PreflightRow:
    """Where "auto" finds no device a stand-in serves, which is no fault and yet no ear."""
    make = audio_devices.microphone if kind == "input" else audio_devices.speaker
    row = _row(what, lambda: make(wanted).name)
    if row.state != "ok" or wanted in ("recorded", "null"):
        return row
    if wanted == "auto" and audio_devices.find(kind, wanted) is None:
        mend = "plug one in; it is taken up by itself"
        return structs.replace(row, state="todo", detail=f"there is no {what}: {row.detail}", mend=mend)
    twins = [f"{one.name} = {one.id}" for one in audio_devices.devices(kind) if one.id]
    if any(twin.startswith(f"{row.detail} = ") for twin in twins):
        return structs.replace(row, detail=f"{row.detail} (there are {', '.join(twins)})")
    return row


def _jaw(rig: Rig) -> str:
    settings, made = rig.jaw, board.module(rig.jaw.board)
    return settings.board if settings.board in SOFTWARE else _wired(settings.board, settings.port, made.USB_IDS)


def _head(rig: Rig) -> str:
    settings = rig.pan_tilt
    if settings.driver == "simulated":
        return "simulated"
    return _wired(settings.driver, settings.port, head.module(settings.driver).USB_IDS)


def _wired(kind: str, port: str, usb_ids: Sequence[tuple[int, int]]) -> str:
    return f"{kind}, emulated" if port == "emulated" else f"{kind} on {look(find(port, usb_ids))}"


def _camera(wanted: str) -> str:
    return wanted if wanted.partition(":")[0] == "simulated" else names.find(wanted, names.cameras())[0].name
