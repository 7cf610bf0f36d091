"""Ears, mouth and jaw: levels, and which devices are in use."""

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, column, meter, wrap
from conversation.stages import Stage

_QUIETEST = 70.0
_DEVICES = {"ready": ("●", "good"), "simulated": ("◌", "dim"), "fault": ("✖", "bad")}


class BodyPanel(Panel):
    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        if height == 1:
            return [(*microphone(picture, 10), ("   ", ""), *jaw(picture, 10))]
        rows: list[Line] = [microphone(picture, max(4, width - 29)), jaw(picture, max(4, width - 29)), ()]
        for role in ("microphone", "speaker", "jaw"):
            if (device := picture.state.devices.get(role)) is not None:
                mark, style = _DEVICES[device.state]
                words = wrap(device.detail or device.name, width - 13)
                rows.append(((f"{mark} ", style), (column(role, 11), "dim"), (words[0], style)))
                rows += [((" " * 13 + row, style),) for row in words[1:]]
        return rows


def microphone(picture: ScreenState, cells: int) -> Line:
    """The level while it is open, and the floor of the room under it."""
    level, floor = picture.levels.mic_db, picture.levels.floor_db
    if level is None:
        return ("mic  ", "dim"), *meter(0.0, cells, "info"), ("  shut   ", "dim")
    style = "alarm" if level > -3 else "good" if picture.state.stage is Stage.LISTENING else "info"
    heard = f" {level:4.0f} dB"
    noise = f"  floor {floor:4.0f}" if floor is not None else ""
    return ("mic  ", "dim"), *meter(1 + level / _QUIETEST, cells, style), (heard, ""), (noise, "dim")


def jaw(picture: ScreenState, cells: int) -> Line:
    opening = picture.levels.jaw
    sync = ""
    for past in reversed(picture.state.history):
        if past.ended and past.ended.jaw.sync_p95_ms is not None:
            sync = f"  sync {past.ended.jaw.sync_p95_ms:4.1f} ms"
            break
    return ("jaw  ", "dim"), *meter(opening, cells, "bone"), (f" {opening:4.0%}   ", ""), (sync, "dim")
