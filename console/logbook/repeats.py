"""The same line again and again, told once with its count."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from console.logbook.line import Line, last_state

_LOOKED_AT = 5000
"""Lines for one screen: a log that says nothing else but the same line costs no more than this."""


class RepeatedLines(Struct, frozen=True):
    """Lines of one log that say the same, one after another."""

    first: Line
    last: Line
    count: int = 1
    more: bool = False
    """There may be more of them than were counted."""

    @property
    def key(self) -> tuple[int, int]:
        return self.first.source, self.first.at

    def __contains__(self, line: Line) -> bool:
        return line.source == self.first.source and self.first.at <= line.at <= self.last.at


def collapse(
    lines: Iterable[Line], room: int, height: Callable[[RepeatedLines], int], *, backward: bool = False
) -> list[RepeatedLines]:
    """As many rows as fit into `room`, in the order they are to be read. `lines` come newest first if `backward`."""
    rows: list[RepeatedLines] = []
    used, run = 0, 0
    for looked, line in enumerate(lines):
        if rows and _same(rows[-1].first, line) and looked < _LOOKED_AT:
            first, last = (line, rows[-1].last) if backward else (rows[-1].first, line)
            run += 1
            rows[-1] = RepeatedLines(first, last, run)
            continue
        if looked >= _LOOKED_AT:
            rows[-1] = RepeatedLines(rows[-1].first, rows[-1].last, run, more=True)
            break
        used += height(rows[-1]) if rows else 0
        if used >= room:
            break
        rows.append(RepeatedLines(line, line))
        run = 1
    return rows[::-1] if backward else rows


def _same(a: Line, b: Line) -> bool:
    return a.source == b.source and a.whole and b.whole and last_state(a.data) == last_state(b.data)
