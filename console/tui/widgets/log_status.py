"""The last line of the log page: what is looked for, and the keys of the page, each where the mouse can press it."""

from textual.events import Click
from textual.widget import Widget

from console.tui.actions import LOG_ACTS, Act
from console.tui.ink import Line, spread, width
from console.tui.log_reader import Shown
from console.tui.panel import Panel
from console.tui.picture import Picture

_READING = [
    Act("log_crashes", "", "TAB", 1, "back to the log", ""),
    Act("move(1)", "", "↑↓", 2, "another crash", ""),
    Act("page(1)", "", "PGDN", 3, "read on", ""),
    Act("log_copy", "", "Y", 4, "copy", ""),
]


class LogStatus(Panel):
    def __init__(self) -> None:
        super().__init__(id="log-status")
        self.shown = Shown()
        self.word = ""
        """What has just happened, or could not."""
        self.word_style = "warn"
        self.reading = False
        """A crash report, in place of the log."""

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        keys = tuple(span for act in self._acts(width) for span in _key(act))
        return [spread(keys, (*self._found(), (" ", "")), width)]

    def _found(self) -> Line:
        shown = self.shown
        if self.word:
            return ((self.word, self.word_style),)
        if shown.looking is not None:
            return ((f"looking … {shown.looking:.0%}", "info"),)
        if not shown.pattern:
            return ()
        hits = "nothing" if shown.hits == 0 else "1 hit" if shown.hits == 1 else f"{shown.hits or 0:,} hits"
        return (f"“{shown.pattern}” ", "dim"), (hits, "bold" if shown.hits else "warn")

    def _acts(self, cells: int) -> list[Act]:
        shown = _READING if self.reading else [act for act in LOG_ACTS if act.rank]
        room = cells - width(self._found()) - 2
        shown = list(shown)
        while shown and sum(width(_key(act)) for act in shown) > room:
            shown.remove(max(shown, key=lambda act: act.rank))
        return shown

    async def on_click(self, event: Click) -> None:
        at, left = event.get_content_offset(self), 0
        for act in self._acts(self.content_size.width):
            if at is not None and left <= at.x < left + width(_key(act)):
                assert isinstance(self.parent, Widget)
                await self.parent.run_action(act.action)
                return
            left += width(_key(act))


def _key(act: Act) -> Line:
    return (f" {act.shown} ", "key"), (f"{act.label} ", "")
