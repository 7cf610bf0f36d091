"""The crashes of this run: a list, and the report of the one that is chosen. It never stands in front of the show."""

from textual.events import Click
from textual.message import Message

from console.logbook import report
from console.logbook.report import Kind, ReportLine
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.ansi import spans
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, clean, column, spread, wrap
from console.tui.pages.log.row_drawing import folded
from supervisors.crash.crash_report import CrashReport

_INKS: dict[Kind, str] = {"title": "bold", "fact": "", "error": "bad", "heading": "info", "line": ""}
_LABEL = 10


class CrashList(Panel):
    class Chosen(Message):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__(id="crashes", classes="box")
        self.reports: list[CrashReport] = []
        self.chosen: int | None = None

    def title(self, picture: ScreenState) -> str:
        return f"crashes · {len(self.reports)}" if self.reports else "crashes"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        if not self.reports:
            return [(("None in this run.", "dim"),)]
        each = 1 if height < 6 else 2
        first = max(0, min((self.chosen or 0) - height // each // 2, len(self.reports) - height // each))
        lines: list[Line] = []
        for number in range(first, min(len(self.reports), first + height // each)):
            lines += self._entry(number, width)[:each]
        return lines

    def _entry(self, number: int, width: int) -> list[Line]:
        """The end of one, over two lines where there is room."""
        found, here = self.reports[number], number == self.chosen
        head: Line = (("›" if here else " ", "key"), ("✖ ", "bad"), (found.service, "bold"))
        words = clean(found.end)
        if self.content_size.height < 6:
            head = (*head, (f"  {words}", "dim"))
        lines = [spread(head, ((report.when(found), "dim"),), width), ((column("   " + words, width), "dim"),)]
        if not here:
            return lines
        return [tuple((text, f"cursor {names}") for text, names in line) for line in lines]

    def on_click(self, event: Click) -> None:
        at = event.get_content_offset(self)
        each = 1 if self.content_size.height < 6 else 2
        if at is not None and at.y // each < len(self.reports):
            first = max(0, (self.chosen or 0) - self.content_size.height // each // 2)
            first = min(first, max(0, len(self.reports) - self.content_size.height // each))
            self.post_message(self.Chosen(first + at.y // each))


class ReportView(Panel):
    """One report in plain words, from what matters most."""

    def __init__(self) -> None:
        super().__init__(id="report", classes="box")
        self.report: CrashReport | None = None
        self.back = 0
        """Lines above the first one that is seen."""
        self._made: tuple[CrashReport, int, list[Line]] | None = None

    def title(self, picture: ScreenState) -> str:
        return "crash report"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        lines = self._whole(width)
        self.back = max(0, min(self.back, len(lines) - height))
        return lines[self.back : self.back + height]

    def _whole(self, width: int) -> list[Line]:
        """Laid out once for each report and width."""
        if self.report is None:
            return []
        if self._made is None or self._made[:2] != (self.report, width):
            lines = [line for part in report.report_lines(self.report) for line in _laid_out(part, width)]
            self._made = (self.report, width, lines)
        return self._made[2]


def _laid_out(part: ReportLine, width: int) -> list[Line]:
    ink = _INKS[part.kind]
    match part.kind:
        case "title":
            return [*(((row, "bold"),) for row in wrap(part.text, width)), ()]
        case "heading":
            return [(), ((part.text, ink),)]
        case "line" | "error" if not part.label:
            inked = [(text, names or ink) for text, names in spans(part.text)]
            return folded(inked, width, width)
    rows = wrap(part.text, max(10, width - _LABEL))
    first: Line = ((column(part.label, _LABEL), "dim"), (rows[0], ink))
    return [first, *(((" " * _LABEL + row, ink),) for row in rows[1:])]
