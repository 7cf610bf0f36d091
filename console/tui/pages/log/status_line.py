"""The last line of the log page: what is looked for, and the keys of the page."""

from console.tui.drawing.styled_text import Line
from console.tui.input.keymap import LOG_ACTS, KeyAction
from console.tui.pages.log.reader import VisibleLog
from console.tui.widgets.page_keys import PageKeys

_READING = [
    KeyAction("log_crashes", "", "TAB", 1, "back to the log", ""),
    KeyAction("move(1)", "", "↑↓", 2, "another crash", ""),
    KeyAction("page(1)", "", "PGDN", 3, "read on", ""),
    KeyAction("log_copy", "", "Y", 4, "copy", ""),
]


class LogStatus(PageKeys):
    def __init__(self) -> None:
        super().__init__(id="log-status")
        self.shown = VisibleLog()
        self.word = ""
        """What has just happened, or could not."""
        self.word_style = "warn"
        self.reading = False
        """A crash report, in place of the log."""

    def acts(self) -> list[KeyAction]:
        return _READING if self.reading else [act for act in LOG_ACTS if act.rank]

    def said(self) -> Line:
        shown = self.shown
        if self.word:
            return ((self.word, self.word_style),)
        if shown.looking is not None:
            return ((f"looking … {shown.looking:.0%}", "info"),)
        if not shown.pattern:
            return ()
        hits = "nothing" if shown.hits == 0 else "1 hit" if shown.hits == 1 else f"{shown.hits or 0:,} hits"
        return (f"“{shown.pattern}” ", "dim"), (hits, "bold" if shown.hits else "warn")
