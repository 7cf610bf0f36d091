"""Ears and voice: how loud it is, which devices they are, and two tests that end in words."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from console.api.body_status import SoundDevice
from console.api.telemetry_types import Levels
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.clickable import Piece, TouchPanel, button
from console.tui.drawing.styled_text import Line, Span, cut, meter, spread, wrap
from console.tui.pages.rig.view_model import RigViewModel, possible

_QUIETEST = 70.0
_ROOMY = 24


class SoundPanel(TouchPanel):
    def __init__(self, desk: RigViewModel) -> None:
        super().__init__(id="sound", classes="box")
        self._desk = desk

    def title(self, picture: ScreenState) -> str:
        return f"{'› ' if self._desk.part == 'sound' else ''}sound"

    def pieces(self, picture: ScreenState, width: int, height: int) -> list[Sequence[Piece]]:
        desk, view = self._desk, self._desk.view
        roomy = height >= _ROOMY
        gap: list[Sequence[Piece]] = [()] if roomy else []
        rows: list[Sequence[Piece]] = []
        if view is not None:
            rows += _device("microphone", "I other", "rig_microphone", view.microphones, width)
        rows += [*levels(picture.levels, width), *gap, *gap]
        if view is not None:
            rows += _device("speaker", "O other", "rig_speaker", view.speakers, width)
            delay = view.output_latency_ms
            heard = f"heard {delay:.0f} ms after it is sent" if delay is not None else "its delay is not known"
            rows += [((f"  {heard}", "dim"),), *gap, *gap]
        doing = "speak now, 3 s; then listen …" if desk.testing == "hear" else ""
        rows += _test("H hear yourself", "rig_hear", doing, desk.heard, picture, desk, width, 3 if roomy else 2)
        rows += gap
        doing = "listening for its own beep …" if desk.testing == "beep" else ""
        rows += _test("B beep", "rig_beep", doing, desk.beeped, picture, desk, width, 3 if roomy else 2)
        return rows


def _device(role: str, label: str, action: str, devices: Iterable[SoundDevice], cells: int) -> list[Sequence[Piece]]:
    chosen = next((device for device in devices if device.chosen), None)
    other = button(label, action)
    head: list[Piece] = [*spread(((role, "dim"),), ((" " * len(other[0]), ""),), cells)[:-1], other]
    if chosen is None:
        return [head, (("✖ ", "bad"), (f"there is no {role}", "bad"))]
    mark: Span = ("◌ ", "dim") if chosen.simulated else ("● ", "good")
    soft = " (software)" if chosen.simulated else f" ({chosen.driver})" if chosen.driver else ""
    if 2 + cell_len(chosen.name) + len(soft) > cells and not chosen.simulated:
        soft = ""
    return [head, (mark, (cut(chosen.name, cells - 2 - len(soft)), "bold"), (soft, "dim"))]


def levels(now: Levels, cells: int) -> list[Line]:
    """Four lines, always: the bar, its scale with the floor of the room, figures, and what is wrong with it."""
    if now.mic_db is None:
        return [meter(0.0, cells, "info"), (), (("shut: no question is being asked", "dim"),), ()]
    ink = "bad" if now.clipped else "good"
    scale = [" "] * cells
    if now.floor_db is not None:
        scale[max(0, min(cells - 1, int((1 + now.floor_db / _QUIETEST) * cells)))] = "▲"
    scale[-1] = "┤"
    figures = f"{now.mic_db:4.0f} dB"
    if now.floor_db is not None:
        figures += f"  ▲ room {now.floor_db:.0f}  {max(0.0, now.mic_db - now.floor_db):.0f} above"
    wrong: Line = ()
    if now.clipped:
        wrong = ((" ▲ CLIPPED ", "alarm"), (" turn it down", "bold"))
    return [meter(1 + now.mic_db / _QUIETEST, cells, ink), (("".join(scale), "dim"),), ((figures, ""),), wrong]


def _test(
    label: str, action: str, doing: str, result: Span, picture: ScreenState, desk: RigViewModel, cells: int, most: int
) -> list[Sequence[Piece]]:
    """The button, and what came of it in so many lines, always."""
    said: Span = (doing, "info bold") if doing else result
    rows = [*wrap(said[0], cells - 2), "", "", ""][:most]
    return [(button(label, action, possible(action, desk, picture)),), *([("  " + row, said[1])] for row in rows)]
