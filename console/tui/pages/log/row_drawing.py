"""A row of a log as lines of the screen. Pure; done beside the screen, in the thread that reads."""

from functools import lru_cache
from itertools import pairwise

from msgspec import Struct
from rich.cells import cell_len, get_character_cell_size

from console.logbook.line import Level, coloured, level, local_time
from console.logbook.repeats import RepeatedLines
from console.logbook.search import SearchPattern
from console.tui.drawing.ansi import spans
from console.tui.drawing.styled_text import Line, Span, clean, column, fit
from console.tui.drawing.styled_text import width as cells_of

_MARKS = {Level.ALL: ("  ", ""), Level.WARNING: ("▲ ", "warn"), Level.ERROR: ("✖ ", "bad")}
_NAMES = ("info", "good", "magenta", "bone")
_LONGEST_NAME = 10


class RowLayout(Struct, frozen=True):
    """How rows are laid out."""

    width: int = 80
    names: tuple[str, ...] = ()
    """Of the logs, where several are shown; else none."""
    wrap: bool = False
    pattern: SearchPattern | None = None

    @property
    def exact(self) -> bool:
        """Times with milliseconds."""
        return self.width >= 100


def lines_of(row: RepeatedLines, look: RowLayout) -> list[Line]:
    """One, or as many as it takes where lines are wrapped; each exactly so wide: nobody has to measure it again."""
    first = row.first
    bad = level(first.data)
    body = spans(coloured(first.data))
    if len(body) == 1 and not body[0][1]:
        body = [(body[0][0], _MARKS[bad][1])]
    if look.pattern is not None:
        body = _marked(body, look.pattern)
    body = [(text if text.isascii() else clean(text), ink) for text, ink in body]
    names, name_cells = _columns(look.names)
    second = _clock(first.stamp[:19])
    clock = second + first.stamp[19:23].decode() if second and look.exact else second
    time_cells = 13 if look.exact else 9
    head = (clock.ljust(time_cells), "dim"), *names[first.source : first.source + 1], _MARKS[bad]
    indent = time_cells + name_cells + 2
    count = _count(row)
    room = max(8, look.width - indent - cells_of(count))
    if look.wrap:
        rows = folded(body, max(8, look.width - indent), room)
        more: list[Line] = [((" " * indent, ""), *rest) for rest in rows[1:]]
        return [_padded(line, look.width) for line in ((*head, *rows[0], *count), *more)]
    used = cells_of(body)
    if used > room:
        body = list(fit(tuple(body), room))
        used = cells_of(body)
    left = look.width - indent - used - cells_of(count)
    return [(*head, *body, *count, (" " * left, ""))] if left >= 0 else [_padded((*head, *body, *count), look.width)]


@lru_cache(16)
def _columns(names: tuple[str, ...]) -> tuple[tuple[Span, ...], int]:
    """The names of the logs as one column, and its cells."""
    cells = min(_LONGEST_NAME, max(map(len, names))) + 2 if names else 0
    return tuple((column(name, cells), _NAMES[n % len(_NAMES)]) for n, name in enumerate(names)), cells


def _padded(line: Line, cells: int) -> Line:
    left = cells - cells_of(line)
    return (*line, (" " * left, "")) if left >= 0 else fit(line, cells)


@lru_cache(1000)
def _clock(second: bytes) -> str:
    """On the wall here; a busy log says the same second a thousand times."""
    at = local_time(second + b".000Z")
    return f"{at:%H:%M:%S}" if at else ""


def _count(row: RepeatedLines) -> Line:
    return ((f" × {row.count}{'+' if row.more else ''}", "key"),) if row.count > 1 else ()


def _marked(body: list[Span], pattern: SearchPattern) -> list[Span]:
    """What was looked for, wherever it is; also where its letters have several colours."""
    found = list(pattern.spans("".join(text for text, _ in body)))
    out: list[Span] = []
    at = 0
    for text, names in body:
        edges = {0, len(text)}
        for edge in (edge for span in found for edge in span if at < edge < at + len(text)):
            edges.add(edge - at)
        for a, b in pairwise(sorted(edges)):
            inside = any(begin <= at + a < end for begin, end in found)
            out.append((text[a:b], "hit" if inside else names))
        at += len(text)
    return out


def folded(body: list[Span], cells: int, first: int) -> list[Line]:
    """Broken at the cell, as a terminal does it: a log is no prose."""
    rows: list[list[Span]] = [[]]
    left = first
    for text, names in body:
        while text:
            taken = text[:left] if text.isascii() else _fitting(text, left)
            if not taken and left < cells:
                rows.append([])
                left = cells
                continue
            taken = taken or text[0]
            rows[-1].append((taken, names))
            left -= cell_len(taken)
            text = text[len(taken) :]
            if text and left <= 0:
                rows.append([])
                left = cells
    return [tuple(row) for row in rows]


def _fitting(text: str, cells: int) -> str:
    for number, character in enumerate(text):
        cells -= get_character_cell_size(character)
        if cells < 0:
            return text[:number]
    return text
