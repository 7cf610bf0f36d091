"""Which log; the left and right keys, or a click, choose another."""

from textual.events import Click
from textual.message import Message

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line


class LogTabs(Panel):
    class Chosen(Message):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self.chosen = 0
        """0 = all of them."""
        self.crashed: dict[str, int] = {}
        """How often, by service."""

    def names(self) -> list[str]:
        return ["all", *self._picture.state.services, "show"]

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        spans = [(text, "active" if n == self.chosen else "") for n, text in enumerate(self._labels())]
        return [tuple(spans)]

    def on_click(self, event: Click) -> None:
        at, left = event.get_content_offset(self), 0
        for number, label in enumerate(self._labels()):
            if at is not None and left <= at.x < left + len(label):
                self.post_message(self.Chosen(number))
            left += len(label)

    def _labels(self) -> list[str]:
        crashes = ((name, self.crashed.get(name, 0)) for name in self.names())
        return [f" {name} ✖{count} " if count else f" {name} " for name, count in crashes]
