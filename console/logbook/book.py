"""Several logs as one, merged by time; or one alone. A place in it is one position per log."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from console.logbook.line import Level, Line
from console.logbook.scan import AtLeast, LineFilter, LogScan, ScanBudget, Unfinished
from console.logbook.source import LogSource

Place = tuple[int, ...]
"""Of each log, how far; lines are told apart by it, also where clocks were put back."""

LATER = b"~"
"""Behind a time: everything of that moment lies before it."""


class FilteredBook:
    """The lines of a book that are wanted, each log scanned only as far as somebody looks."""

    def __init__(self, sources: Sequence[LogSource], wanted: LineFilter) -> None:
        self._scans = [LogScan(source, wanted) for source in sources]

    def before(self, source: LogSource, at: int, patience: ScanBudget) -> Iterator[Line]:
        for begin in self._scans[source.number].before(at, patience):
            if (line := source.line(begin)) is not None:
                yield line

    def after(self, source: LogSource, at: int, patience: ScanBudget) -> Iterator[Line]:
        for begin in self._scans[source.number].after(at, patience):
            if (line := source.line(begin)) is not None:
                yield line

    def count(self, patience: ScanBudget, numbers: Iterable[int]) -> int:
        """Raises Unfinished."""
        return sum(self._scans[number].count(patience) for number in numbers)

    def share(self, numbers: Sequence[int]) -> float:
        return sum(self._scans[number].share for number in numbers) / max(1, len(numbers))


class Book:
    """`with Book({name: path})`. Not for two threads at once."""

    def __init__(self, paths: dict[str, Path]) -> None:
        self.names = list(paths)
        self.sources = [LogSource(path, number) for number, path in enumerate(paths.values())]
        self._open = list(self.sources)
        self._levels: dict[Level, FilteredBook] = {}

    def __enter__(self) -> "Book":
        self.refresh()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for source in self.sources:
            source.close()

    def refresh(self) -> bool:
        """Whether any log has changed since."""
        return any([source.refresh() for source in self.sources])

    def choose(self, numbers: Iterable[int]) -> None:
        """Only these logs from now on."""
        self._open = [self.sources[number] for number in numbers]

    @property
    def chosen(self) -> list[int]:
        return [source.number for source in self._open]

    @property
    def start(self) -> Place:
        return tuple(source.start for source in self.sources)

    @property
    def end(self) -> Place:
        return tuple(source.end for source in self.sources)

    def levels(self, least: Level) -> FilteredBook | None:
        """What has been found once is known for the evening."""
        if least is Level.ALL:
            return None
        return self._levels.setdefault(least, FilteredBook(self.sources, AtLeast(least)))

    def backward(self, place: Place, only: FilteredBook | None, patience: ScanBudget) -> Iterator[Line]:
        """The lines before a place, newest first. Raises Unfinished."""
        if only is None:
            parts = [source.backward(place[source.number]) for source in self._open]
        else:
            parts = [only.before(source, place[source.number], patience) for source in self._open]
        return parts[0] if len(parts) == 1 else heapq.merge(*parts, key=order, reverse=True)

    def forward(self, place: Place, only: FilteredBook | None, patience: ScanBudget) -> Iterator[Line]:
        """The lines from a place on. Raises Unfinished."""
        if only is None:
            parts = [source.forward(place[source.number]) for source in self._open]
        else:
            parts = [only.after(source, place[source.number], patience) for source in self._open]
        return parts[0] if len(parts) == 1 else heapq.merge(*parts, key=order)

    def at_line(self, line: Line) -> Place:
        """The place before it; of lines of the same moment those of the first log come first."""
        return tuple(
            line.at if s.number == line.source else s.at_time(line.stamp + (LATER if s.number < line.source else b""))
            for s in self.sources
        )

    def at_time(self, stamp: bytes) -> Place:
        return tuple(source.at_time(stamp) for source in self.sources)

    def at_share(self, share: float) -> Place:
        """So far into the longest log, by bytes; the others by its time. No more work in a long one than in a short."""
        longest = max(self._open, key=lambda source: source.end - source.start)
        at = longest.begin_of_line(longest.start + int((longest.end - longest.start) * min(1.0, max(0.0, share))))
        line = longest.line(at)
        return self.end if line is None else self.at_line(line)

    def share(self, place: Place) -> float:
        """How far a place is, 0..1, by bytes."""
        whole = sum(source.end - source.start for source in self._open)
        done = sum(max(0, place[source.number] - source.start) for source in self._open)
        return done / whole if whole else 1.0

    def within(self, place: Place) -> Place:
        """The same place, where what it meant is still there; else the oldest that is."""
        return tuple(min(max(at, s.start), s.end) for at, s in zip(place, self.sources, strict=True))

    def lines_since(self, place: Place) -> int:
        return sum(source.count(place[source.number], source.end) for source in self._open)


def order(line: Line) -> tuple[bytes, int, int]:
    """By time, then by log, then by place."""
    return line.stamp, line.source, line.at


__all__ = ["LATER", "Book", "FilteredBook", "ScanBudget", "Place", "Unfinished", "order"]
