"""A part of the screen that is drawn as lines and repaints only those that changed: quiet over ssh, cheap when idle."""

from typing import Protocol, cast

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.styled_text import Line, clean, fit


class StyledApp(Protocol):
    """What a panel needs of its App."""

    inks: dict[str, Style]


class Panel(Widget):
    """Subclasses say what to draw; how it looks is in app.tcss and inks.py."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._picture = ScreenState()
        self._lines: list[Line] = []

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        """The content, from the top; pure, and cut to the size by the caller."""
        raise NotImplementedError

    def title(self, picture: ScreenState) -> str:
        """For panels with a border."""
        return ""

    def show(self, picture: ScreenState) -> None:
        """Draw it, if we can be seen."""
        self._picture = picture
        if not self.display or not self.is_attached:
            return
        if (title := clean(self.title(picture))) != (self.border_title or ""):
            self.border_title = title
        width, height = self.content_size
        if width <= 0 or height <= 0:
            return
        lines = [fit(line, width) for line in self.draw(picture, width, height)[:height]]
        before, self._lines = self._lines, lines
        rows = max(len(before), len(lines))
        changed = [y for y in range(rows) if before[y : y + 1] != lines[y : y + 1]]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        plain, inks = self.rich_style, cast(StyledApp, self.app).inks
        line = self._lines[y] if y < len(self._lines) else ()
        segments = [Segment(text, sum((inks[name] for name in names.split()), plain)) for text, names in line]
        return Strip(segments).adjust_cell_length(width, plain)

    def on_resize(self) -> None:
        self._lines = []
        self.show(self._picture)
        self.refresh()  # what was drawn for the old size has no line of ours any more

    def on_show(self) -> None:
        self.show(self._picture)
