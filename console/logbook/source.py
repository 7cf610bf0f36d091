"""One log and the older files it was rotated into, as one long row of bytes; what is on the disk is the truth.

Positions are bytes since the oldest byte that was there when we came. They only grow: a rotation moves no line, and
what is gone is missing at the front. Nothing is indexed: a place is found by reading around it, also in a file of 1 GB.
"""

import os
import stat
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType

from console.logbook.line import STAMP, Line, split_stamp

_FIRST, _MOST = 4 << 10, 256 << 10
"""Bytes of the first read, and of the largest; a line that is longer still is broken."""
_KEPT = 6
"""Files. Those beyond the writer's three live only as long as we hold them: 60 MB for a reader who is behind."""
_OLDEST = 9
_MARK = 16
_TRACEBACK = 64 << 10
"""Bytes above a line in which its time is looked for."""
_UNSTAMPED = 200
"""Lines without a time that are looked at before they are taken for old."""


class _Piece:
    """One file."""

    def __init__(self, file: int, base: int) -> None:
        self.file, self.base = file, base
        found = os.fstat(file)
        self.id = (found.st_dev, found.st_ino)
        self.size = found.st_size
        self.mark = b""
        self.remember()

    def remember(self) -> None:
        self.mark = os.pread(self.file, _MARK, max(0, self.size - _MARK))

    def same(self) -> bool:
        """Whether what we have seen is still there; a file that was emptied may have grown again meanwhile."""
        return os.pread(self.file, len(self.mark), max(0, self.size - _MARK)) == self.mark


class LogSource:
    """`with Source(path, number) as source`; then `refresh` tells whether there is more, or less."""

    def __init__(self, path: Path, number: int = 0) -> None:
        self.path, self.number = path, number
        self._pieces: list[_Piece] = []
        self._end = 0
        self.emptied = 0
        """How often a file was cut off under our hands."""

    def __enter__(self) -> "LogSource":
        self.refresh()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for piece in self._pieces:
            os.close(piece.file)
        self._pieces = []

    @property
    def start(self) -> int:
        return self._pieces[0].base if self._pieces else self._end

    @property
    def end(self) -> int:
        return self._end

    @property
    def newest(self) -> int:
        """Where the file begins that is written now."""
        return self._pieces[-1].base if self._pieces else self._end

    def refresh(self) -> bool:
        """Look again. True: something is different. Costs one stat while nothing is."""
        before = (self.start, self._end)
        newest = self._pieces[-1] if self._pieces else None
        try:
            now = os.stat(self.path)
        except OSError:
            now = None
        if newest is not None:
            self._grow(newest)
        if newest is None or (now is not None and newest.id != (now.st_dev, now.st_ino)):
            self._take_new()
        return before != (self.start, self._end)

    def _grow(self, piece: _Piece) -> None:
        size = os.fstat(piece.file).st_size
        if size == piece.size:
            return
        if size < piece.size or not piece.same():
            self._emptied(piece)
            size = os.fstat(piece.file).st_size
        piece.size = size
        piece.remember()
        self._end = piece.base + size

    def _emptied(self, piece: _Piece) -> None:
        """What stands in it now is another text: all that is left begins again, and no position means two things."""
        piece.size = 0
        self.emptied += 1
        for each in self._pieces:
            each.base = self._end
            self._end += each.size

    def _take_new(self) -> None:
        """The files that came since, oldest first: a rotation may happen while we look, or several since we did."""
        known, new = {piece.id for piece in self._pieces}, dict[tuple[int, int], int]()
        for number in range(_OLDEST + 1):
            file = _opened(f"{self.path}.{number}" if number else str(self.path))
            if file is None:
                if number:
                    break
                continue  # between two moments of a rotation
            found = os.fstat(file)
            id = (found.st_dev, found.st_ino)
            if id in known or id in new:
                os.close(file)
                if id in known:
                    break
                continue  # it was rotated while we looked
            new[id] = file
        for file in reversed(new.values()):
            self._pieces.append(_Piece(file, self._end))
            self._end += self._pieces[-1].size
        self._let_go()

    def _let_go(self) -> None:
        while len(self._pieces) > _KEPT and os.fstat(self._pieces[0].file).st_nlink == 0:
            os.close(self._pieces.pop(0).file)

    def read(self, at: int, size: int) -> bytes:
        """Less at the end, and where a file was cut off under our hands."""
        parts: list[bytes] = []
        number = max(0, bisect_right(self._pieces, at, key=lambda piece: piece.base) - 1)
        for piece in self._pieces[number:]:
            wanted = min(size, piece.base + piece.size - at)
            if at < piece.base or size <= 0:
                break
            if wanted <= 0:
                continue
            parts.append(os.pread(piece.file, wanted, at - piece.base))
            if len(parts[-1]) < wanted:
                break
            at, size = at + wanted, size - wanted
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def backward(self, at: int) -> Iterator[Line]:
        """The lines that begin before `at` (the begin of a line, or the end), newest first."""
        at, span = min(at, self._end), _FIRST
        while at > self.start:
            low = max(self.start, at - span)
            data = self.read(low, at - low)
            if not data:
                return
            cut = 0 if low == self.start else data.find(b"\n") + 1
            if cut in (0, len(data)) and low > self.start:
                if span < _MOST:
                    span *= 4
                    continue
                cut = 0
            yield from reversed(self._lines(data[cut:], low + cut))
            at, span = low + cut, min(_MOST, span * 2)

    def forward(self, at: int) -> Iterator[Line]:
        """The lines from `at` (the begin of a line) on; the last one may be half-written."""
        at, span = max(at, self.start), _FIRST
        while at < self._end:
            data = self.read(at, span)
            if not data:
                return
            cut = data.rfind(b"\n") + 1
            if cut == 0 or at + len(data) >= self._end:
                if span < _MOST and at + len(data) < self._end:
                    span *= 4
                    continue
                cut = len(data)
            yield from self._lines(data[:cut], at)
            at, span = at + cut, min(_MOST, span * 2)

    def line(self, at: int) -> Line | None:
        return next(self.forward(at), None)

    def begin_of_line(self, at: int) -> int:
        """Of the first line that begins at `at` or after it; where there is no end of line for long, it is broken."""
        at = max(at, self.start)
        last = at + _MOST
        while self.start < at < min(last, self._end):
            data = self.read(at - 1, _FIRST)
            found = data.find(b"\n")
            if found >= 0 or not data:
                return min(self._end, at + found)
            at += len(data)
        return min(at, self._end)

    def at_time(self, stamp: bytes) -> int:
        """The begin of the first line that was written then or later; halving, so some 20 reads in a file of 1 GB."""
        low, high = self.start, self._end
        while high - low > _FIRST:
            middle = (low + high) // 2
            begin = self.begin_of_line(middle)
            found = next((line.stamp for line in islice(self.forward(begin), _UNSTAMPED) if line.stamp), b"")
            if begin >= high or found >= stamp:
                high = middle
            else:
                low = begin
        return next((line.at for line in self.forward(low) if line.stamp >= stamp), self._end)

    def count(self, begin: int, end: int) -> int:
        """Lines that end between two positions."""
        total, at = 0, max(begin, self.start)
        while at < end and (data := self.read(at, min(_MOST, end - at))):
            total, at = total + data.count(b"\n"), at + len(data)
        return total

    def _lines(self, data: bytes, at: int) -> list[Line]:
        """`data` begins with a line."""
        rows = data.split(b"\n")
        last = rows.pop()
        stamp, number = b"", self.number
        out: list[Line] = []
        for row in rows:
            own, said = split_stamp(row)
            if own or not stamp:
                stamp = own or (self._stamp_before(at) if not out else stamp)
            out.append(Line(number, at, at + len(row) + 1, stamp, said))
            at += len(row) + 1
        if last:
            own, said = split_stamp(last)
            stamp = own or stamp or (self._stamp_before(at) if not out else b"")
            out.append(Line(number, at, at + len(last), stamp, said, at + len(last) < self._end))
        return out

    def _stamp_before(self, at: int) -> bytes:
        """Of a line without a time: that of the one above it; a traceback is as old as its first line."""
        low = max(self.start, at - _TRACEBACK)
        for row in reversed(self.read(low, at - low).split(b"\n")):
            if row[23:25] == b"Z " and (own := split_stamp(row)[0]) and len(own) == STAMP:
                return own
        return b""


def _opened(path: str) -> int | None:
    """Only what is a file; to open a pipe would wait for ever."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    return None
