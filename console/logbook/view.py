"""What somebody sees of a book: a window over its rows, a cursor, a filter, a search. Knows no screen, and no threads.

Each verb that may have to look far takes a Patience and raises Unfinished when that is spent; then nothing has changed,
and a second search goes on where it stopped, for what was looked at is remembered.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct

from console.logbook.book import LATER, Book, FilteredBook, Place, order
from console.logbook.line import Level, Line, level
from console.logbook.repeats import RepeatedLines, collapse
from console.logbook.scan import ScanBudget
from console.logbook.search import SearchPattern

_EVER_S = 1e9
EXCERPT = 1000
"""Lines that are saved where none were chosen."""
MOST_CHOSEN = 100_000


class LogRows(Struct, frozen=True):
    rows: tuple[RepeatedLines, ...]
    top: Place
    bottom: Place


class LogWindow:
    """`room` rows of a screen, of which a row of the log takes `height(row)`."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.room = 0
        self.height: Callable[[RepeatedLines], int] = _one
        self.window = LogRows((), book.start, book.end)
        self.following = True
        self.cursor: Line | None = None
        self.level = Level.ALL
        self.pattern: SearchPattern | None = None
        self.hits: int | None = None
        """None: not counted yet."""
        self._mark: Line | None = None
        self._matches: FilteredBook | None = None
        self._origin: tuple[bool, LogRows, Line | None] | None = None
        self._still = book.end
        self._new = 0

    @property
    def only(self) -> FilteredBook | None:
        return self.book.levels(self.level)

    @property
    def at_end(self) -> bool:
        return all(self.window.bottom[number] >= self.book.end[number] for number in self.book.chosen)

    def refill(self, patience: ScanBudget) -> None:
        """The window as the logs are now."""
        self._become(None if self.following else self.window.top, patience)

    # Where

    def follow(self) -> None:
        self.following, self.cursor, self._mark = True, None, None

    def pause(self) -> None:
        """Stay here, with the cursor on the last line."""
        if self.following and self.window.rows:
            self._stop()
            self.cursor = self.window.rows[-1].first

    def move(self, by: int, patience: ScanBudget, *, select: bool = False) -> None:
        """The cursor, row by row; below the last one it follows again."""
        self.pause()
        rows = self.window.rows
        at = self.index() + by
        if not rows or (at >= len(rows) and self.at_end and not select):
            return self.follow()
        before = self.cursor
        if not 0 <= at < len(rows):
            self._shift(at if at < 0 else at - len(rows) + 1, patience)
            rows = self.window.rows
        self.cursor = rows[min(max(0, at), len(rows) - 1)].first
        self._mark = (self._mark or before) if select else None

    def point(self, row: int, *, select: bool = False) -> None:
        """The cursor on a row of the window, counted from its top."""
        if 0 <= row < len(self.window.rows):
            self._mark = (self._mark or self.cursor) if select else None
            self._stop()
            self.cursor = self.window.rows[row].first

    def scroll(self, by: int, patience: ScanBudget) -> None:
        """The window; the cursor keeps its place in it."""
        if by > 0 and (self.following or self.at_end):
            return self.follow()
        self.pause()
        at = self.index()
        self._shift(by, patience)
        self.cursor = self.window.rows[min(at, len(self.window.rows) - 1)].first if self.window.rows else None

    def to_start(self, patience: ScanBudget) -> None:
        self._become(self.book.start, patience)
        self._stop(first=True)

    def to_share(self, share: float, patience: ScanBudget) -> None:
        self._become(self.book.at_share(share), patience)
        self._stop(first=True)

    def to_time(self, stamp: bytes, source: int, patience: ScanBudget) -> None:
        """The last words of a log that had been written by then in the middle of the window."""
        place = self.book.at_time(stamp + LATER)
        found = next(self.book.sources[source].backward(place[source]), None)
        if found is not None:
            self._go_to(found, patience)

    # What

    def choose(self, numbers: list[int], patience: ScanBudget) -> None:
        """Only these logs; what is being read stays where it is."""
        self.book.choose(numbers)
        self.hits = None
        self._keep_place(patience)

    def filter(self, least: Level, patience: ScanBudget) -> None:
        self.level = least
        self._keep_place(patience)

    def find(self, text: str) -> None:
        """What to look for from now on; "" = nothing. Raises BadPattern, and then nothing is looked for."""
        self.pattern = self._matches = self.hits = None
        if self._origin is None:
            self._origin = (self.following, self.window, self.cursor)
        self.following, self.window, self.cursor = self._origin
        if text:
            self.pattern = SearchPattern(text)
            self._matches = FilteredBook(self.book.sources, self.pattern)

    def found(self) -> None:
        """The search stands; the next one begins from here."""
        self._origin = None

    def nearest(self, patience: ScanBudget) -> bool:
        """To the hit that is the last to be seen here, else the next one above, else below."""
        return self._seek(self.window.bottom, -1, patience) or self._seek(self.window.bottom, 1, patience)

    def next_hit(self, direction: int, patience: ScanBudget) -> bool:
        """-1 = older, 1 = newer. False: there is none."""
        if self.cursor is None or not self.window.rows:
            return direction < 0 and self._seek(self.window.bottom, -1, patience)
        row = self.window.rows[self.index()]
        place = list(self.book.at_line(row.first))
        if direction > 0:
            place[row.first.source] = row.last.end
        return self._seek(tuple(place), direction, patience)

    def count(self, patience: ScanBudget) -> None:
        """`hits`, once all has been looked at."""
        if self._matches is not None and self.hits is None:
            self.hits = self._matches.count(patience, self.book.chosen)

    def searched(self) -> float:
        """How much has been looked at, 0..1, while something takes its time."""
        looked_through = self._matches if self._matches is not None and self.hits is None else self.only
        return looked_through.share(self.book.chosen) if looked_through else 1.0

    def chosen_lines(self) -> Iterator[Line]:
        """What is selected, else the line of the cursor, else the last one."""
        if self.cursor is None:
            yield from (row.first for row in self.window.rows[-1:])
            return
        first, last = sorted((self._mark or self.cursor, self.cursor), key=order)
        for number, line in enumerate(self.book.forward(self.book.at_line(first), self.only, ScanBudget(_EVER_S))):
            if order(line) > order(last) or number >= MOST_CHOSEN:
                return
            if order(line) >= order(first):
                yield line

    def excerpt(self) -> list[Line]:
        """What is selected, else the lines above the end of the window."""
        if self._mark is not None:
            return list(self.chosen_lines())
        lines = self.book.backward(self.window.bottom, self.only, ScanBudget(_EVER_S))
        return [line for _, line in zip(range(EXCERPT), lines, strict=False)][::-1]

    # For drawing

    def index(self) -> int:
        """Of the row with the cursor; of the last one above it where it is filtered away."""
        rows, here = self.window.rows, self.cursor
        if here is None:
            return len(rows) - 1
        at = order(here)
        above = sum(order(row.first) <= at for row in rows) - 1
        return next((number for number, row in enumerate(rows) if here in row), max(0, above))

    def selected(self) -> frozenset[int]:
        """Rows of the window."""
        if self._mark is None or self.cursor is None:
            return frozenset()
        first, last = sorted((order(self._mark), order(self.cursor)))
        rows = enumerate(self.window.rows)
        return frozenset(number for number, row in rows if order(row.last) >= first and order(row.first) <= last)

    def new_lines(self) -> int:
        """How many came since the window stands still."""
        self._new += self.book.lines_since(self._still)
        self._still = self.book.end
        return self._new

    # How

    def _become(self, top: Place | None, patience: ScanBudget) -> None:
        self.window = self._filled(top, patience)

    def _filled(self, top: Place | None, patience: ScanBudget) -> LogRows:
        """From a place on; from the end backward where nothing is left to fill it."""
        only = self.only
        if top is not None:
            top = self.book.within(top)
            rows = collapse(self.book.forward(top, only, patience), self.room, self.height)
            if sum(map(self.height, rows)) >= self.room:
                return LogRows(tuple(rows), top, _after(top, rows))
        end = self.book.end
        rows = collapse(self.book.backward(end, only, patience), self.room, self.height, backward=True)
        return LogRows(tuple(rows), _before(end, rows), end)

    def _shift(self, by: int, patience: ScanBudget) -> None:
        top, only = self.window.top, self.only
        if by < 0:
            rows = collapse(self.book.backward(top, only, patience), -by, _one, backward=True)
            self._become(_before(top, rows), patience)
        else:
            rows = collapse(self.book.forward(top, only, patience), by, _one)
            self._become(_after(top, rows), patience)

    def _stop(self, *, first: bool = False) -> None:
        if self.following:
            self.following, self._still, self._new = False, self.book.end, 0
        if first:
            self.cursor, self._mark = (self.window.rows[0].first if self.window.rows else None), None

    def _go_to(self, line: Line, patience: ScanBudget) -> None:
        """The cursor on it, and it in the middle, if it is not to be seen already."""
        if self.following or not any(line in row for row in self.window.rows):
            place = self.book.at_line(line)
            above = collapse(self.book.backward(place, self.only, patience), self.room // 2, self.height, backward=True)
            self._become(_before(place, above), patience)
        self._stop()
        self.cursor, self._mark = line, None

    def _keep_place(self, patience: ScanBudget) -> None:
        self._mark = self._origin = None
        if self.following or self.cursor is None or self.cursor.source not in self.book.chosen:
            return self.follow()
        line, self.window = self.cursor, LogRows((), self.window.top, self.window.bottom)
        self._go_to(line, patience)

    def _seek(self, place: Place, direction: int, patience: ScanBudget) -> bool:
        assert self._matches is not None
        look = self._matches.before if direction < 0 else self._matches.after
        found = []
        for source in (self.book.sources[number] for number in self.book.chosen):
            lines = look(source, place[source.number], patience)
            found += [line for line in (next(filter(self._passes, lines), None),) if line is not None]
        if not found:
            return False
        self._go_to(max(found, key=order) if direction < 0 else min(found, key=order), patience)
        return True

    def _passes(self, line: Line) -> bool:
        return self.level is Level.ALL or level(line.data) >= self.level


def _one(row: RepeatedLines) -> int:
    return 1


def _before(place: Place, rows: list[RepeatedLines]) -> Place:
    top = list(place)
    for row in reversed(rows):
        top[row.first.source] = row.first.at
    return tuple(top)


def _after(place: Place, rows: list[RepeatedLines]) -> Place:
    bottom = list(place)
    for row in rows:
        bottom[row.last.source] = row.last.end
    return tuple(bottom)
