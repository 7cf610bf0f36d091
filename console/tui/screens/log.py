"""The end of each engine's log, as it is written."""

import re
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.events import Click

from console.tui.ink import Line, cut
from console.tui.panel import Panel
from console.tui.picture import Picture

_TAIL = 256 << 10
"""Bytes read from the end of the file."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BAD = re.compile(r"\b(error|traceback|fatal|failed|exception)\b", re.IGNORECASE)


class LogTabs(Panel):
    """Which log; the left and right keys, or a click, choose another."""

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self.chosen = 0

    def names(self) -> list[str]:
        return [*self._picture.state.services, "show"]

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        chosen = self.chosen % len(self.names())
        tabs = [(f" {name} ", "active" if n == chosen else "") for n, name in enumerate(self.names())]
        return [(*tabs, ("   ←→ another log   PgUp back   END follow", "dim"))]

    def on_click(self, event: Click) -> None:
        at, left = event.get_content_offset(self), 0
        for number, name in enumerate(self.names()):
            if at is not None and left <= at.x < left + len(name) + 2:
                self.screen.query_one(LogPage).choose(number)
            left += len(name) + 2


class LogTail(Panel):
    """Reads the file itself: what is on the disk is the truth, also after a crash."""

    def __init__(self) -> None:
        super().__init__(id="tail", classes="box")
        self.file: Path | None = None
        self.back = 0
        """Lines between the end and the last one shown; 0 = follow."""
        self._seen: tuple[Path | None, int] = (None, -1)
        self._text: list[str] = []

    def title(self, picture: Picture) -> str:
        place = f" · {self.back} lines back" if self.back else " · following"
        return f"{self.file.name}{place}" if self.file else "log"

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        self._read()
        if not self._text:
            return [(("Nothing has been written yet.", "dim"),)]
        self.back = min(self.back, max(0, len(self._text) - height))
        end = len(self._text) - self.back
        rows = self._text[max(0, end - height) : end]
        return [((cut(row, width), "bad" if _BAD.search(row) else ""),) for row in rows]

    def _read(self) -> None:
        try:
            size = self.file.stat().st_size if self.file else 0
            if self.file is None or (self.file, size) == self._seen:
                return
            with self.file.open("rb") as file:
                file.seek(max(0, size - _TAIL))
                data = file.read(_TAIL)
        except OSError:
            self._text = []
            return
        grown = self._seen[0] == self.file and self.back
        rows = [_CONTROL.sub("", row.rsplit("\r", 1)[-1]) for row in data.decode("utf-8", "replace").split("\n")]
        rows = [row.expandtabs(4) for row in (rows if rows[-1] else rows[:-1])]
        if grown:  # whoever looks back keeps the lines that are being read
            self.back += max(0, len(rows) - len(self._text))
        self._seen, self._text = (self.file, size), rows


class LogPage(Container):
    can_focus = True
    BINDINGS = [
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
        Binding("pageup", "page(1)", show=False),
        Binding("pagedown", "page(-1)", show=False),
        Binding("up", "move(1)", show=False),
        Binding("down", "move(-1)", show=False),
        Binding("end", "follow", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield LogTabs()
        yield LogTail()

    def show(self, picture: Picture) -> None:
        tabs, tail = self.query_one(LogTabs), self.query_one(LogTail)
        tabs.show(picture)
        name = tabs.names()[tabs.chosen % len(tabs.names())]
        tail.file = Path(picture.state.logs) / f"{name}.log" if picture.state.logs else None
        tail.show(picture)

    def choose(self, number: int) -> None:
        self.query_one(LogTabs).chosen = number
        self.action_follow()

    def action_step(self, by: int) -> None:
        self.choose(self.query_one(LogTabs).chosen + by)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.query_one(LogTail).content_size.height - 1))

    def action_move(self, lines: int) -> None:
        tail = self.query_one(LogTail)
        tail.back = max(0, tail.back + lines)
        self.show(tail._picture)

    def action_follow(self) -> None:
        tail = self.query_one(LogTail)
        tail.back = 0
        self.show(tail._picture)

    def on_mouse_scroll_up(self) -> None:
        self.action_move(3)

    def on_mouse_scroll_down(self) -> None:
        self.action_move(-3)
