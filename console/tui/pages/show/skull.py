"""The skull: its jaw follows the jaw, its eyes say what it is doing."""

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line
from conversation.stages import Stage

_LARGE = (
    "       ▄▄▄███████▄▄▄       ",
    "    ▄█████████████████▄    ",
    "   █████████████████████   ",
    "  ▐█████████████████████▌  ",
    "  ▐███▀    ▀███▀    ▀███▌  ",
    "  ▐██   {}   █   {}   ██▌  ",
    "  ▐██▄      ▄█▄      ▄██▌  ",
    "   ▀███████▀ ▄ ▀███████▀   ",
    "     ▀██████▄█▄██████▀     ",
    "       █ █ █ █ █ █ █       ",
    "      ▌             ▐      ",
    "       █ █ █ █ █ █ █       ",
    "      ▐█▄█▄█▄█▄█▄█▄█▌      ",
    "       ▀███████████▀       ",
)
_SMALL = (
    "    ▄▄█████▄▄    ",
    "  ▄███████████▄  ",
    " ▐█████████████▌ ",
    " ▐██ {} █ {} ██▌ ",
    " ▐██▄  ▄█▄  ▄██▌ ",
    "  ▀████▀▄▀████▀  ",
    "    █ █ █ █ █    ",
    "   ▌         ▐   ",
    "    █ █ █ █ █    ",
    "    ▀███████▀    ",
)
_HINGE = {_LARGE: 10, _SMALL: 7}
_STEPS = 3
"""Rows that the jaw can drop."""


class SkullPanel(Panel):
    """Large where there is room."""

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        bones = _LARGE if width >= len(_LARGE[0]) and height >= len(_LARGE) + _STEPS - 1 else _SMALL
        hinge, pad = _HINGE[bones], " " * max(0, (width - len(bones[0])) // 2)
        gap = round(picture.levels.jaw * _STEPS) if picture.link == "live" else 0
        look = eyes(picture)
        rows = [_bones(pad + row, look) for row in bones[:hinge]]
        rows += [((pad + bones[hinge], "hollow"),)] * gap
        return rows + [_bones(pad + row, look) for row in bones[hinge + 1 :]]


def _bones(row: str, look: tuple[str, str]) -> Line:
    first, *others = row.split("{}")
    return ((first, "bone"), *(span for other in others for span in (look, (other, "bone"))))


def eyes(picture: ScreenState) -> tuple[str, str]:
    """Two cells for each socket."""
    if picture.link in ("lost", "failed", "reviving") or picture.state.halted:
        return "××", "bad"
    if not picture.state.ready or picture.link != "live":
        return "──", "hollow"
    return {
        Stage.LISTENING: ("◉◉", "key"),
        Stage.TRANSCRIBING: ("◔◔", "info"),
        Stage.THINKING: ("◕◕", "info"),
        Stage.SPEAKING: ("●●", "warn"),
    }.get(picture.state.stage, ("▪▪", "dim"))
