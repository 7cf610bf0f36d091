"""Lines with places in them that the mouse can press."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.events import Click
from textual.geometry import Offset
from textual.message import Message

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line

Piece = tuple[str, str] | tuple[str, str, str]
"""A span of text with its ink; and the action of the page that a click on it does."""


class TouchPanel(Panel):
    class Pressed(Message):
        """For the page, whose action it is."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._touched: list[Sequence[Piece]] = []

    def pieces(self, picture: ScreenState, width: int, height: int) -> list[Sequence[Piece]]:
        """What `draw` is of other panels."""
        raise NotImplementedError

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        self._touched = self.pieces(picture, width, height)
        return [tuple((piece[0], piece[1]) for piece in row) for row in self._touched]

    def on_click(self, event: Click) -> None:
        action = touched(self._touched, event.get_content_offset(self))
        if action.startswith("rig_"):
            self.post_message(self.Pressed(action))


def touched(rows: Sequence[Sequence[Piece]], at: Offset | None) -> str:
    """The action there, "" where there is none."""
    if at is None or not 0 <= at.y < len(rows):
        return ""
    left = 0
    for piece in rows[at.y]:
        left += cell_len(piece[0])
        if at.x < left:
            return piece[2] if len(piece) == 3 else ""
    return ""


def button(label: str, action: str, now: bool = True) -> Piece:
    """With its brackets it is one also where there are no colours."""
    return (f"[{label}]", "key", action) if now else (f"[{label}]", "faint")
