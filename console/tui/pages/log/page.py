"""The logs of a run, merged or one by one, as they are written; and why an engine crashed."""

import asyncio
from contextlib import suppress
from pathlib import Path
from time import monotonic

from textual.app import ComposeResult
from textual.containers import Horizontal

from console.tui.client.screen_state import ScreenState
from console.tui.input.keymap import LOG_ACTS, KeyAction
from console.tui.pages.log.controller import LogController
from console.tui.pages.log.row_drawing import RowLayout

_FRAME_S, _QUIET_S = 0.1, 0.25
"""How often the files are looked at while they grow, and while they do not; a key is answered at once."""


class LogPage(LogController):
    def compose(self) -> ComposeResult:
        yield self._tabs
        with Horizontal(id="log-body"):
            yield self._view
            yield self._report
            yield self._list
        yield self._find
        yield self._status

    def acts(self) -> tuple[KeyAction, ...]:
        """For the palette."""
        return LOG_ACTS

    def on_mount(self) -> None:
        self.run_worker(self._read(), name="log", exit_on_error=True)

    def on_unmount(self) -> None:
        self._reader.close()

    def on_show(self) -> None:
        self._woken.set()

    def on_resize(self) -> None:
        self._woken.set()

    # What is drawn

    def show(self, picture: ScreenState) -> None:
        """Called for each frame of the show; the logs have a rhythm of their own."""
        if picture.state.logs != self._picture.state.logs:
            self._woken.set()
        self._picture = picture
        self._paint()

    def _paint(self) -> None:
        shown, picture = self._reader.shown, self._picture
        reports = self._reader.reports
        self._list.reports, self._status.shown, self._view.shown = reports, shown, shown
        self._tabs.crashed = {name: sum(r.service == name for r in reports) for name in {r.service for r in reports}}
        self._status.reading = self._list.chosen is not None
        self._tabs.show(picture)
        names = self._tabs.names()
        self._view.name_of_log = names[self._tabs.chosen] if self._tabs.chosen else "all logs"
        for panel in (self._view, self._report, self._list, self._status):
            panel.show(picture)

    async def _read(self) -> None:
        """Looks at the files, ten times a second, and never while nobody looks at us."""
        changed_at = 0.0
        while True:
            quiet = monotonic() - changed_at > 1
            with suppress(TimeoutError):
                async with asyncio.timeout((_QUIET_S if quiet else _FRAME_S) if self._seen() else None):
                    await self._woken.wait()
            self._woken.clear()
            if self._seen() and await self._step():
                changed_at, self.idle = monotonic(), 0
            else:
                self.idle += 1

    def _seen(self) -> bool:
        return self.is_on_screen and bool(self._picture.state.logs)

    async def _step(self) -> bool:
        """Whether there was something new."""
        wish = self._wishes[0] if self._wishes else None
        before, reports = self._reader.shown, self._reader.reports
        if self._view.is_on_screen:  # else a report stands in its place
            self._room = self._view.content_size
        look, names = RowLayout(width=max(8, self._room.width - 2), wrap=self._wrap), tuple(self._tabs.names()[1:])
        try:
            done, answer = await asyncio.to_thread(
                self._reader.step, Path(self._picture.state.logs), names, look, max(1, self._room.height), wish
            )
        except OSError as error:
            self._say(f"The log cannot be read: {error.strerror or error}.")
            done, answer = True, None
        if wish is not None and (done or len(self._wishes) > 1):  # what takes long gives way to what came later
            self._wishes.popleft()
            if done and wish.then is not None:
                wish.then(answer)
        if self._wishes:
            self._woken.set()
        if self._reader.shown is before and self._reader.reports is reports:
            return False
        self._show_awaited()
        self._paint()
        return True
