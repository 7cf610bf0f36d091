"""How the jaw moved in the last seconds, in columns of a tenth of a second. Pure."""

from collections import deque

from msgspec import Struct

from console.api.telemetry_types import JawReading

MS = 100
"""Of a column."""
KEPT = 160
_STILL = 5
"""A rest is drawn so many columns long at most: the last movement stays in sight until there is another."""


class Column(Struct, frozen=True):
    """The widest of its time: a syllable is not lost between two of them."""

    us: int
    """0 = limp."""
    opening: float
    track: float


class JawCourse:
    def __init__(self) -> None:
        self._columns: deque[Column] = deque(maxlen=KEPT)
        self._at: int | None = None
        self._last = Column(0, 0.0, 0.0)
        self.columns: tuple[Column, ...] = ()
        """Oldest first."""

    def note(self, reading: JawReading, now_ms: float) -> None:
        """Between two readings the jaw stood as the first one says."""
        at, column = int(now_ms // MS), Column(reading.us, reading.opening, reading.track)
        if self._at is None:
            self._columns.append(column)
        elif at <= self._at:
            self._columns.append(_wider(self._columns.pop(), column))
        else:
            self._columns.extend([self._last] * min(at - self._at - 1, _STILL))
            self._columns.append(column)
        self._at, self._last = at if self._at is None else max(at, self._at), column
        self.columns = tuple(self._columns)


def _wider(one: Column, other: Column) -> Column:
    """Limp and not limp have no wider one: then the newer counts."""
    if not other.us or not one.us:
        return other
    wide = max(one, other, key=lambda column: column.opening)
    return Column(wide.us, wide.opening, max(one.track, other.track))
