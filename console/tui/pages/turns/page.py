"""The last turns: what was asked and answered, and where the time went."""

from time import localtime, strftime

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.widgets import DataTable

from console.api.state import TurnView
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.styled_text import clean, cut, seconds
from console.tui.pages.turns import turn_stats
from console.tui.pages.turns.waterfall import Waterfall

_FIXED = 42
"""Cells of the columns before the words, with the gaps of all; the words take what is left to the last cell."""


class TurnTable(DataTable[Text]):
    BINDINGS = [Binding("enter", "app.fix", show=False)]
    """ENTER mends, on every page."""


class TurnsPage(Container):
    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._words = 0
        self._pid = 0

    def compose(self) -> ComposeResult:
        yield TurnTable(cursor_type="row", zebra_stripes=False)
        yield Waterfall()

    def show(self, picture: ScreenState) -> None:
        """Rows are added, never rebuilt, but for another width; the cursor stays with its turn."""
        table = self.query_one(DataTable)
        words = max(24, self.app.size.width - _FIXED)
        looked_at = table.cursor_row if words != self._words and self._words else None
        if words != self._words:
            self._lay_out(table, words)
        if picture.state.pid != self._pid:  # another show counts from 1 again
            table.clear()
            self._pid = picture.state.pid
        known = {str(key.value) for key in table.rows}
        for past in picture.state.history:
            if str(past.number) not in known:
                table.add_row(*_row(past, picture, words), key=str(past.number))
                table.move_cursor(row=table.row_count - 1)
        if looked_at is not None:
            table.move_cursor(row=looked_at)
        self._draw(picture)

    def _lay_out(self, table: DataTable[Text], words: int) -> None:
        self._words = words
        table.clear(columns=True)
        for name, cells in (
            ("turn", 5),
            ("time", 8),
            ("wait", 6),
            ("ended", 11),
            ("visitor", words // 2),
            ("reply", words - words // 2),
        ):
            table.add_column(name, width=cells)

    def on_resize(self) -> None:
        self.show(self.query_one(Waterfall)._picture)

    def on_data_table_row_highlighted(self) -> None:
        self._draw(self.query_one(Waterfall)._picture)

    def _draw(self, picture: ScreenState) -> None:
        table, chart = self.query_one(DataTable), self.query_one(Waterfall)
        numbers = [str(key.value) for key in table.rows]
        chosen = numbers[table.cursor_row] if 0 <= table.cursor_row < len(numbers) else ""
        chart.turn = next((past for past in picture.state.history if str(past.number) == chosen), None)
        chart.show(picture)


def _row(past: TurnView, picture: ScreenState, cells: int) -> list[Text]:
    """As text: as a string a cell would be read as markup."""
    ended = past.ended
    assert ended is not None
    wall = strftime("%H:%M:%S", localtime(picture.state.began + past.at / 1000))
    wait = "-" if past.source == "say" else seconds(turn_stats.wait_s(ended.marks))
    asked = "(the operator's line)" if past.source == "say" else ended.transcript or "-"
    words = (cut(clean(asked), cells // 2), cut(clean(ended.reply), cells - cells // 2))
    return [Text(cell) for cell in (f"{past.number:>5}", wall, f"{wait:>6}", str(ended.outcome), *words)]
