"""What an operator can do with the logs: each key is a wish to the view, done in the thread that reads."""

import asyncio
from collections import deque
from functools import partial
from pathlib import Path

from textual.binding import Binding
from textual.containers import Container
from textual.geometry import Size
from textual.widgets import Input

from console.logbook.excerpts import in_words, save
from console.logbook.line import Level
from console.logbook.report import report_lines
from console.logbook.scan import ScanBudget
from console.logbook.search import BadPattern
from console.logbook.view import LogWindow
from console.tui.client.screen_state import ScreenState
from console.tui.input.keymap import LOG_ACTS
from console.tui.pages.log.crashes import CrashList, ReportView
from console.tui.pages.log.find_box import FindBox
from console.tui.pages.log.log_view import LogView
from console.tui.pages.log.reader import LogReader, LogRequest
from console.tui.pages.log.status_line import LogStatus
from console.tui.pages.log.tabs import LogTabs

_CLIPBOARD = 100_000
"""Bytes; terminals take no more at once."""
_NEXT_LEVEL = {Level.ALL: Level.ERROR, Level.ERROR: Level.WARNING, Level.WARNING: Level.ALL}


class LogController(Container):
    """The half of the log page that acts."""

    can_focus = True
    BINDINGS = [
        *(Binding(act.key, act.action, act.label, show=False) for act in LOG_ACTS),
        Binding("left", "log_service(-1)", show=False),
        Binding("N,shift+n", "log_next(1)", show=False),
        Binding("d", "log_crash(1)", show=False),
        Binding("shift+tab", "log_crashes", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("shift+up", "move(-1, True)", show=False),
        Binding("shift+down", "move(1, True)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "to_start", show=False),
        Binding("end", "follow", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picture = ScreenState()
        self._reader = LogReader()
        self._wishes: deque[LogRequest] = deque()
        self._woken = asyncio.Event()
        self._wrap = False
        self._awaited = ""
        self._room = Size(80, 20)
        self.idle = 0
        """Looks in a row that found nothing new."""
        self._tabs, self._view, self._status = LogTabs(), LogView(), LogStatus()
        self._list, self._report, self._find = CrashList(), ReportView(), FindBox()

    # What the keys do

    def show(self, picture: ScreenState) -> None:
        raise NotImplementedError

    def _want(self, wish: LogRequest) -> None:
        self._say("")
        self._wishes.append(wish)
        self._woken.set()

    def _say(self, word: str, style: str = "warn") -> None:
        self._status.word, self._status.word_style = word, style
        self._status.show(self._picture)

    def action_log_service(self, by: int = 1) -> None:
        self._choose((self._tabs.chosen + by) % len(self._tabs.names()))

    def _choose(self, number: int) -> None:
        self._tabs.chosen = number
        self._stop_reading()
        names = self._tabs.names()[1:]
        numbers = [number - 1] if number else list(range(len(names)))
        self._reader.only = names[number - 1] if number else ""
        self._want(LogRequest(lambda view, patience: view.choose(numbers, patience)))
        self.show(self._picture)

    def action_move(self, by: int, select: bool = False) -> None:
        if self._list.chosen is not None:
            self._read_report(self._list.chosen + by)
            return
        self._want(LogRequest(lambda view, patience: view.move(by, patience, select=select)))

    def action_page(self, pages: int) -> None:
        if self._list.chosen is not None:
            self._scroll(pages * max(1, self._report.content_size.height - 1))
        else:
            self._want(LogRequest(lambda view, patience: view.scroll(pages * max(1, view.room - 1), patience)))

    def _scroll(self, lines: int) -> None:
        if self._list.chosen is not None:
            self._report.back += lines
            self._report.show(self._picture)
        else:
            self._want(LogRequest(lambda view, patience: view.scroll(lines, patience)))

    def action_to_start(self) -> None:
        self._stop_reading()
        self._want(LogRequest(lambda view, patience: view.to_start(patience)))

    def action_follow(self) -> None:
        self._stop_reading()
        self._want(LogRequest(lambda view, patience: view.follow()))

    def action_log_pause(self) -> None:
        self._stop_reading()
        self._want(LogRequest(lambda view, patience: view.pause() if view.following else view.follow()))

    def action_log_level(self) -> None:
        self._stop_reading()
        self._want(LogRequest(lambda view, patience: view.filter(_NEXT_LEVEL[view.level], patience)))

    def action_log_wrap(self) -> None:
        self._wrap = not self._wrap
        self._woken.set()

    # Search

    def action_log_find(self) -> None:
        self._stop_reading()
        self._find.open()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._want(LogRequest(partial(_look_for, text=event.value), self._say_outcome))

    def on_find_box_done(self, event: FindBox.Done) -> None:
        self._want(LogRequest(lambda view, patience: view.found()))
        self.focus()

    def action_log_next(self, direction: int) -> None:
        self._want(LogRequest(lambda view, patience: _next_hit(view, direction, patience), self._say_outcome))

    def _say_outcome(self, word: str | None) -> None:
        self._say(word or "")

    # Crashes

    def action_log_crashes(self) -> None:
        if self._list.chosen is not None:
            self._stop_reading()
        elif self._reader.reports:
            self._read_report(0)
        else:
            self._say("No engine has crashed in this run.", "good")

    def read_newest(self, service: str) -> None:
        """Of this engine; as soon as the report is there."""
        self._awaited = service
        self._show_awaited()
        self._woken.set()

    def _show_awaited(self) -> None:
        found = [n for n, report in enumerate(self._reader.reports) if report.service == self._awaited]
        if self._awaited and found:
            self._awaited = ""
            self._read_report(found[0])

    def _read_report(self, number: int) -> None:
        reports = self._reader.reports
        if reports:
            self._list.chosen = min(max(0, number), len(reports) - 1)
            self._report.report, self._report.back = reports[self._list.chosen], 0
            self.add_class("-reading")
            self.call_after_refresh(lambda: self.show(self._picture))

    def _stop_reading(self) -> None:
        self._list.chosen = None
        self.remove_class("-reading")
        self.call_after_refresh(lambda: self.show(self._picture))

    def action_log_crash(self, direction: int) -> None:
        self._stop_reading()
        names, reports = self._tabs.names()[1:], self._reader.reports
        only = self._reader.only
        crashes = sorted((r.wall.encode(), names.index(r.service)) for r in reports if r.service in names)
        mine = [(wall, number) for wall, number in crashes if only in ("", names[number])]
        self._want(LogRequest(lambda view, patience: _to_crash(view, mine, direction, patience), self._say_outcome))

    # Taking away

    def action_log_copy(self) -> None:
        if self._list.chosen is not None and self._report.report is not None:
            self._copy(
                "\n".join(f"{part.label} {part.text}".strip() for part in report_lines(self._report.report)),
                "the report",
            )
            return
        self._want(LogRequest(lambda view, patience: _copied(view), lambda found: self._copy(*found)))

    def _copy(self, text: str, what: str) -> None:
        if len(text.encode()) > _CLIPBOARD:
            self._say("That is too much for a clipboard; O saves it into a file.")
            return
        self.app.copy_to_clipboard(text)
        self._say(f"Copied {what}.", "good")

    def action_log_save(self) -> None:
        run = Path(self._picture.state.logs)
        self._want(
            LogRequest(
                lambda view, patience: _saved(view, run), lambda said: self.app.notify(said, markup=False, timeout=8)
            )
        )

    # The mouse

    def on_log_tabs_chosen(self, event: LogTabs.Chosen) -> None:
        self._choose(event.number)

    def on_log_view_pointed(self, event: LogView.Pointed) -> None:
        self._want(LogRequest(lambda view, patience: view.point(event.row, select=event.select)))

    def on_log_view_jumped(self, event: LogView.Jumped) -> None:
        self._want(LogRequest(lambda view, patience: view.to_share(event.share, patience)))

    def on_crash_list_chosen(self, event: CrashList.Chosen) -> None:
        self._read_report(event.number)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-3)

    def on_mouse_scroll_down(self) -> None:
        self._scroll(3)


def _look_for(view: LogWindow, patience: ScanBudget, text: str) -> str | None:
    if view.pattern is None or view.pattern.text != text:  # else it is looked for already
        try:
            view.find(text)
        except BadPattern as error:
            return f"{str(error)[:1].upper()}{str(error)[1:]}."
    if view.pattern is None or view.nearest(patience):
        return None
    return f"“{text}” is nowhere in it."


def _next_hit(view: LogWindow, direction: int, patience: ScanBudget) -> str | None:
    if view.pattern is None:
        return "Nothing is looked for; F does."
    if view.next_hit(direction, patience):
        return None
    return "No more hits above." if direction < 0 else "No more hits below."


def _to_crash(view: LogWindow, crashes: list[tuple[bytes, int]], direction: int, patience: ScanBudget) -> str | None:
    """The crash before or after the line of the cursor; before the end while it follows."""
    if not crashes:
        return "No engine has crashed in this run."
    here = view.cursor.stamp if view.cursor is not None else b"~"
    beyond = [crash for crash in crashes if (crash[0] < here if direction < 0 else crash[0] > here)]
    if not beyond:
        return f"No crash {'above' if direction < 0 else 'below'}."
    view.to_time(*(beyond[-1] if direction < 0 else beyond[0]), patience)
    return None


def _copied(view: LogWindow) -> tuple[str, str]:
    lines = list(view.chosen_lines())
    return in_words(lines, view.book.names), "the line" if len(lines) == 1 else f"{len(lines)} lines"


def _saved(view: LogWindow, run: Path) -> str:
    lines = view.excerpt()
    try:
        path = save(run, in_words(lines, view.book.names))
    except OSError as error:
        return f"The lines could not be saved ({error.strerror}); free disk space, or look at the folder {run}."
    return f"Saved {len(lines)} lines to {path}"
