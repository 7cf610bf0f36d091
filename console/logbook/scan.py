"""Which lines of a log match, found block by block and only where somebody looks; each block is read once."""

from array import array
from collections.abc import Iterator
from time import monotonic
from typing import Protocol

from console.logbook.line import Level, level, split_stamp, troubled
from console.logbook.source import LogSource

BLOCK = 256 << 10
_LONGEST = 256 << 10
_KEPT = 1_000_000
"""Matches that are remembered; what is beyond is looked for again."""


class LineFilter(Protocol):
    def line(self, data: bytes) -> bool: ...

    def block(self, data: bytes) -> bool:
        """False only if no line of these bytes is wanted."""


class AtLeast:
    """Lines that are as bad as this, or worse."""

    def __init__(self, least: Level) -> None:
        self._least = least

    def line(self, data: bytes) -> bool:
        return level(data) >= self._least

    def block(self, data: bytes) -> bool:
        return troubled(data, self._least)


class Unfinished(Exception):
    """The time is up; ask again, and it goes on from here."""


class ScanBudget:
    """How long one call may look, in seconds; it always gets one block further."""

    def __init__(self, seconds: float) -> None:
        self._until = monotonic() + seconds
        self._begun = False

    def spend(self) -> None:
        """Raises Unfinished."""
        if self._begun and monotonic() > self._until:
            raise Unfinished
        self._begun = True


class LogScan:
    """The lines of one log that are wanted. `before` and `after` raise Unfinished."""

    def __init__(self, source: LogSource, wanted: LineFilter) -> None:
        self._source, self._wanted = source, wanted
        self._found: dict[int, array[int]] = {}
        self._growing: dict[int, tuple[int, array[int]]] = {}
        """The last blocks, whose lines may still change: where the log ended then, and what was in them."""
        self.matches = 0

    def before(self, at: int, patience: ScanBudget) -> Iterator[int]:
        """Begins of lines before `at`, newest first."""
        for number in range(min(at, self._source.end) // BLOCK, self._source.start // BLOCK - 1, -1):
            yield from (begin for begin in reversed(self._block(number, patience)) if begin < at)

    def after(self, at: int, patience: ScanBudget) -> Iterator[int]:
        """Begins of lines from `at` on."""
        for number in range(max(at, self._source.start) // BLOCK, self._source.end // BLOCK + 1):
            yield from (begin for begin in self._block(number, patience) if begin >= at)

    def count(self, patience: ScanBudget) -> int:
        """All of them; raises Unfinished until every block has been looked at."""
        return sum(1 for _ in self.before(self._source.end, patience))

    @property
    def share(self) -> float:
        """How much has been looked at."""
        blocks = 1 + self._source.end // BLOCK - self._source.start // BLOCK
        return min(1.0, (len(self._found) + len(self._growing)) / max(1, blocks))

    def _block(self, number: int, patience: ScanBudget) -> "array[int]":
        if (known := self._found.get(number)) is not None:
            return known
        end = self._source.end
        if number in self._growing and self._growing[number][0] == end:
            return self._growing[number][1]
        patience.spend()
        found = array("q", self._look(number * BLOCK))
        if (number + 1) * BLOCK + _LONGEST > end:
            self._growing[number] = (end, found)
        elif self.matches + len(found) <= _KEPT or not len(found):
            self._growing.pop(number, None)
            self._found[number] = found
            self.matches += len(found)
        return found

    def _look(self, low: int) -> Iterator[int]:
        """The lines that begin in a block."""
        source = self._source
        begin, end = source.begin_of_line(low), source.begin_of_line(low + BLOCK)
        data = source.read(begin, end - begin)
        if not self._wanted.block(data):
            return
        rows = data.split(b"\n")
        if not rows[-1]:
            rows.pop()
        for row in rows:
            if self._wanted.line(split_stamp(row)[1]):
                yield begin
            begin += len(row) + 1
