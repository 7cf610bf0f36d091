"""The plot of the jaw: what it did as a filled shape, what the voice asked for as a line, the limits as marks. Pure."""

from collections.abc import Sequence

from console.api.body_status import BodyStatus
from console.tui.client.jaw_trace import MS, Column
from console.tui.drawing.styled_text import Line, Span, column, spread, width

_LABEL = 12
_AIR = 0.06
"""So much is drawn beyond the limits, for the limits to be seen as such."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_THIRDS = "▁▁▁──▔▔▔"
"""A line in the lower, the middle or the upper part of its row, by eighths from below."""


def plot(columns: Sequence[Column], view: BodyStatus | None, cells: int, height: int) -> list[Line]:
    """`height` lines: the last of them says what is what."""
    rows, room = height - 1, cells - _LABEL
    if rows < 1 or room < 4:
        return []
    shown = [(_place(one, view), one.track, one.us) for one in columns[-room:]]
    places = [place for place, _, us in shown if us]
    scale = _Scale(min([0.0, *places]) - _AIR, max([1.0, *places]) + _AIR, rows)
    labels = _labels(view, scale)
    lines: list[Line] = []
    for row in range(rows):
        word, limit = labels.get(row, ("", False))
        axis = column(word, _LABEL - 1, right=True) + ("┤" if word else "│")
        lines.append(((axis, "" if limit else "dim"), *_row(shown, row, scale, room, limit)))
    if not columns and rows > 2:
        words = " it has not moved since this screen looks "
        lines[rows // 2] = ((" " * (_LABEL - 1) + "│", "dim"), (words[:room], "dim"))
    return [*lines, _legend(len(columns[-room:]), cells)]


class _Scale:
    """From an opening to a row, counted from above, and eighths of it, counted from below."""

    def __init__(self, low: float, high: float, rows: int) -> None:
        self.low, self.high, self.rows = low, high, rows

    def eighths(self, place: float) -> int:
        share = (place - self.low) / (self.high - self.low)
        return max(0, min(self.rows * 8 - 1, round(share * self.rows * 8)))

    def row(self, place: float) -> int:
        return self.rows - 1 - self.eighths(place) // 8


def _place(one: Column, view: BodyStatus | None) -> float:
    """By the pulse, which the wizard may bring beyond the limits, and which stays true when they change."""
    if view is None or not one.us or view.open_us == view.closed_us:
        return one.opening
    return (one.us - view.trim_us - view.closed_us) / (view.open_us - view.closed_us)


def _labels(view: BodyStatus | None, scale: _Scale) -> dict[int, tuple[str, bool]]:
    """Of each row that has one: the words, and whether it is a limit."""
    if view is None:
        return {scale.row(1.0): ("open", True), scale.row(0.0): ("closed", True)}
    marks = {}
    if view.open_us != view.closed_us:
        rest = (view.rest_us - view.closed_us) / (view.open_us - view.closed_us)
        marks[scale.row(rest)] = (f"rest {view.rest_us + view.trim_us}", False)
    marks[scale.row(1.0)] = (f"open {view.open_us + view.trim_us}", True)
    marks[scale.row(0.0)] = (f"closed {view.closed_us + view.trim_us}", True)
    return marks


def _row(shown: Sequence[tuple[float, float, int]], row: int, scale: _Scale, room: int, limit: bool) -> list[Span]:
    """The newest at the right end; where nothing is known, or the jaw is limp, there is nothing but the marks."""
    empty = ("┄", "faint") if limit else (" ", "")
    base = (scale.rows - 1 - row) * 8
    spans: list[Span] = [(empty[0] * (room - len(shown)), empty[1])]
    for place, track, us in shown:
        full = max(0, min(8, scale.eighths(place) - base)) if us else 0
        line = scale.eighths(track) - base
        if 0 <= line < 8 and track > 0:
            cell = (_THIRDS[line], "cut" if full == 8 else "info")
        else:
            cell = (_EIGHTHS[full], "fill") if full else empty
        if cell[1] == spans[-1][1]:
            spans[-1] = (spans[-1][0] + cell[0], cell[1])
        else:
            spans.append(cell)
    return spans


def _legend(count: int, cells: int) -> Line:
    words = f"{count * MS / 1000:.0f} s of movement" if count * MS >= 1000 else ""
    left: Line = ((" " * _LABEL, ""), (words, "dim"))
    right: Line = (("▄", "fill"), (" jaw  ", "dim"), ("─", "info"), (" what the voice asks for", "dim"))
    return spread(left, right, cells) if cells >= width(left) + width(right) + 2 else ((" " * _LABEL, ""), *right)
