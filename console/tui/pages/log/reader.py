"""Reads for the log page, in a thread of its own: takes wishes, gives lines that are ready to be painted."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from msgspec import Struct

from console.logbook import report
from console.logbook.book import Book
from console.logbook.line import Level
from console.logbook.repeats import RepeatedLines
from console.logbook.runs import paths
from console.logbook.scan import ScanBudget, Unfinished
from console.logbook.view import LogWindow
from console.tui.drawing.styled_text import Line
from console.tui.pages.log.row_drawing import RowLayout, lines_of
from supervisors.crash.crash_report import CrashReport, folder

_SLICE_S = 0.02
"""How long one step looks for something; then others come first."""
_REPORTS_S = 1.0
_CACHED = 200


class LogRequest(Struct, frozen=True):
    """What somebody wants of the view; `then` gets the answer, on the screen's side."""

    do: Callable[[LogWindow, ScanBudget], Any]
    then: Callable[[Any], None] | None = None


class VisibleLog(Struct, frozen=True, kw_only=True):
    """What there is to see, for drawing."""

    lines: tuple[tuple[int, Line], ...] = ()
    """Each with the number of its row."""
    cursor: int = -1
    selected: frozenset[int] = frozenset()
    following: bool = True
    new_lines: int = 0
    level: Level = Level.ALL
    pattern: str = ""
    hits: int | None = None
    looking: float | None = None
    """How much has been looked at, 0..1, while something is looked for."""
    part: tuple[float, float] = (0.0, 1.0)
    """Of the whole, what is seen."""
    written: bool = False
    """Whether there is any log at all."""


class LogReader:
    """`step` belongs to one thread at a time."""

    def __init__(self) -> None:
        self._key: tuple[Path, tuple[str, ...]] | None = None
        self._view: LogWindow | None = None
        self._cache: dict[tuple[Any, ...], list[Line]] = {}
        self._look = RowLayout()
        self.only = ""
        """The one log that is chosen, also in a book that is opened again; "" = all."""
        self._stale = True
        self._reports_at = self._crashes_at = 0.0
        self.shown = VisibleLog()
        self.reports: list[CrashReport] = []

    def step(
        self, logs: Path, names: tuple[str, ...], look: RowLayout, room: int, wish: LogRequest | None
    ) -> tuple[bool, Any]:
        """Whether the wish is done, and its answer; `shown` is another object only if there is something new."""
        view = self._opened(logs, names)
        changed = view.book.refresh()
        self._read_reports(logs)
        done, answer = True, None
        if wish is not None:
            try:
                answer = wish.do(view, ScanBudget(_SLICE_S))
            except Unfinished:
                done = False
        look = self._with_names(look, view)
        if changed or wish is not None or self._stale or (look, room) != (self._look, view.room):
            self._look, view.room = look, room
            view.height = self._height
            self.shown = self._draw(view, done)
        return done, answer

    def close(self) -> None:
        if self._view is not None:
            self._view.book.close()
        self._view = None

    def _opened(self, logs: Path, names: tuple[str, ...]) -> LogWindow:
        """Another run, or another engine in it, is another book."""
        if self._view is None or self._key != (logs, names):
            self.close()
            self._key, self._stale, self._reports_at, self._crashes_at = (logs, names), True, 0.0, 0.0
            self._cache.clear()
            self.reports = []
            book = Book(paths(logs, names))
            if self.only in names:
                book.choose([names.index(self.only)])
            self._view = LogWindow(book)
        return self._view

    def _with_names(self, look: RowLayout, view: LogWindow) -> RowLayout:
        several = len(view.book.chosen) > 1
        names = tuple(view.book.names) if several else ()
        return RowLayout(width=look.width, names=names, wrap=look.wrap, pattern=view.pattern)

    def _draw(self, view: LogWindow, done: bool) -> VisibleLog:
        self._stale, whole = not done, True
        try:
            view.refill(ScanBudget(_SLICE_S))
            view.count(ScanBudget(_SLICE_S))
        except Unfinished:
            self._stale, whole = True, False
        book, window = view.book, view.window
        lines = [(number, line) for number, row in enumerate(window.rows) for line in self._lines(row)]
        at = view.index() if view.cursor is not None else -1
        return VisibleLog(
            lines=tuple(_visible(lines, view.room, at)),
            cursor=at,
            selected=view.selected(),
            following=view.following,
            new_lines=0 if view.following else view.new_lines(),
            level=view.level,
            pattern=view.pattern.text if view.pattern else "",
            hits=view.hits,
            looking=None if whole and done else view.searched(),
            part=(book.share(window.top), book.share(window.bottom)) if len(lines) >= view.room else (0.0, 1.0),
            written=any(book.end[number] > book.start[number] for number in book.chosen),
        )

    def _height(self, row: RepeatedLines) -> int:
        return len(self._lines(row)) if self._look.wrap else 1

    def _lines(self, row: RepeatedLines) -> list[Line]:
        """A row that was drawn before looks the same now; a half-written one may not."""
        key = (*row.key, row.last.end, row.count, row.more, self._look)
        if (known := self._cache.get(key)) is None:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            known = self._cache[key] = lines_of(row, self._look)
        return known

    def _read_reports(self, logs: Path) -> None:
        if monotonic() < self._reports_at:
            return
        self._reports_at = monotonic() + _REPORTS_S
        try:
            changed_at = folder(logs).stat().st_mtime
        except OSError:
            return
        if changed_at != self._crashes_at:
            self._crashes_at, self.reports = changed_at, report.newest_first(logs)


def _visible(lines: list[tuple[int, Line]], room: int, cursor: int) -> list[tuple[int, Line]]:
    """The end of it; from the top where the cursor would be cut off."""
    over = max(0, len(lines) - room)
    first = next((n for n, (row, _) in enumerate(lines) if row == cursor), over)
    over = min(over, first)
    return lines[over : over + room]
