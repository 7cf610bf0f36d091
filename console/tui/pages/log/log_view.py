"""The lines of the logs: draws what the reader has laid out, and tells where the mouse was."""

from typing import cast

from rich.segment import Segment
from rich.style import Style
from textual.events import Click, MouseDown, MouseMove
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from console.logbook.line import Level
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel, StyledApp
from console.tui.drawing.styled_text import Line
from console.tui.pages.log.reader import VisibleLog

_KEPT = 150
_SINGLY = 4
"""Lines that are painted each by itself."""
_LEVELS = {Level.ALL: "", Level.WARNING: "errors and warnings", Level.ERROR: "errors"}


class LogView(Panel):
    class Pointed(Message):
        """At a row of the log."""

        def __init__(self, row: int, select: bool) -> None:
            super().__init__()
            self.row, self.select = row, select

    class Jumped(Message):
        """So far into the whole, 0..1."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def __init__(self) -> None:
        super().__init__(id="lines-of-log", classes="box")
        self.shown = VisibleLog()
        self.name_of_log = "all"
        self._strips: dict[tuple[Line, int], Strip] = {}
        self._plain: Style | None = None
        """How the widget is styled; to compute it for each line took a third of a frame."""

    def title(self, picture: ScreenState) -> str:
        shown = self.shown
        news = f" · {shown.new_lines:,} new" if shown.new_lines else ""
        place = "following" if shown.following else f"paused{news}"
        return " · ".join(part for part in (self.name_of_log, place, _LEVELS[shown.level]) if part)

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        shown = self.shown
        if not shown.lines:
            return [((f" {_nothing(shown)}", "dim"),)]
        begin, end = shown.part
        first = min(height - 1, round(begin * height))
        thumb = range(first, max(first + 1, round(end * height)))
        return [self._row(y, width, y in thumb) for y in range(height)]

    def _row(self, y: int, cells: int, thumb: bool) -> Line:
        edge: Line = (("┃", "dim") if thumb else ("│", "faint"),)
        if y >= len(self.shown.lines):
            return ((" " * (cells - 1), ""), *edge)
        number, spans = self.shown.lines[y]
        here, chosen = number == self.shown.cursor, number in self.shown.selected
        line: Line = (("›" if here else "▌" if chosen else " ", "key"), *spans)
        if here or chosen:
            line = tuple((text, f"cursor {names}") for text, names in line)
        return (*line, *edge)

    def show(self, picture: ScreenState) -> None:
        """As a panel does it, but lines come measured, and where most of them are others they are one region: in a
        flood each of both would be a third of a frame.
        """
        before = self._lines
        self._picture = picture
        width, height = self.content_size
        if not self.display or not self.is_attached or width <= 0 or height <= 0:
            return
        if (title := self.title(picture)) != (self.border_title or ""):
            self.border_title = title
        self._lines = self.draw(picture, width, height)
        rows = max(len(before), len(self._lines))
        changed = [y for y in range(rows) if before[y : y + 1] != self._lines[y : y + 1]]
        if len(changed) > _SINGLY:
            self.refresh(Region(0, 0, width, height))
        elif changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """A line that moves up is the same strip one row higher, and costs nothing."""
        width = self.content_size.width
        line = self._lines[y] if y < len(self._lines) else ()
        if (known := self._strips.get((line, width))) is None:
            if len(self._strips) >= _KEPT:
                self._strips.clear()
            plain = self._plain = self._plain or self.rich_style
            inks = cast(StyledApp, self.app).inks
            segments = [Segment(text, sum((inks[name] for name in names.split()), plain)) for text, names in line]
            known = self._strips[(line, width)] = Strip(segments).adjust_cell_length(width, plain)
        return known

    def notify_style_update(self) -> None:
        self._strips.clear()
        self._plain = None
        super().notify_style_update()

    def on_mouse_down(self, event: MouseDown) -> None:
        self._point(event, select=event.shift)

    def on_mouse_move(self, event: MouseMove) -> None:
        if event.button:
            self._point(event, select=True)

    def _point(self, event: MouseDown | MouseMove | Click, *, select: bool) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        if at.x == self.content_size.width - 1:
            self.post_message(self.Jumped(at.y / max(1, self.content_size.height - 1)))
        elif at.y < len(self.shown.lines):
            self.post_message(self.Pointed(self.shown.lines[at.y][0], select))


def _nothing(shown: VisibleLog) -> str:
    if shown.looking is not None:
        return f"Looking … {shown.looking:.0%}"
    if not shown.written or shown.level is Level.ALL:
        return "Nothing has been written yet."
    return f"There are no {_LEVELS[shown.level].replace(' and ', ' or ')} in it; E shows everything."
