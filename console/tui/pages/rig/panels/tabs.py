"""Which part of the body, where only one of them has room."""

from collections.abc import Sequence

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.clickable import Piece, TouchPanel
from console.tui.pages.rig.view_model import PARTS, RigViewModel
from console.tui.pages.rig.wording import jaw_state


class RigTabs(TouchPanel):
    def __init__(self, desk: RigViewModel) -> None:
        super().__init__(id="rig-tabs")
        self._desk = desk

    def pieces(self, picture: ScreenState, width: int, height: int) -> list[Sequence[Piece]]:
        """On the other parts the jaw's word stands here: whether it may move is never a secret."""
        desk = self._desk
        row: list[Piece] = [
            (f" {part} ", "active" if part == desk.part else "", f"rig_part_to({number})")
            for number, part in enumerate(PARTS)
        ]
        if desk.part != "jaw":
            row += [("  jaw ", "dim"), jaw_state(picture, desk.view)[0]]
        return [row]
