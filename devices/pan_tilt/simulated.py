"""A head without a head: keeps what it was told and when, and where that would have turned it."""

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from devices.boards.board import BoardLink

BAUD = 0
USB_IDS: Sequence[tuple[int, int]] = ()
PER_S = 0.5
"""At full speed, of a travel that is 2 from end to end."""


def open_head(link: BoardLink | None, address: int) -> "SimulatedHead":
    """Needs no line."""
    return SimulatedHead()


class SimulatedHead:
    """Fits `devices.pan_tilt.head.Head`."""

    answers = True
    name = "simulated head"

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self.told: deque[tuple[float, float, float]] = deque(maxlen=5000)
        """(monotonic s, pan, tilt): speeds as told, newest last."""
        self.closed = False
        self._pan = self._tilt = 0.0
        self._speed = (0.0, 0.0)
        self._at = clock()

    def drive(self, pan: float, tilt: float) -> None:
        self._turn()
        self._speed = (pan, tilt)
        self.told.append((self._at, pan, tilt))

    def home(self) -> None:
        """At once."""
        self.drive(0.0, 0.0)
        self._pan = self._tilt = 0.0

    def position(self) -> tuple[float, float]:
        self._turn()
        return self._pan, self._tilt

    def close(self) -> None:
        self.closed = True

    def _turn(self) -> None:
        """Up to now; it stops at the ends of its travel."""
        now = self._clock()
        way = PER_S * (now - self._at)
        self._pan = min(max(self._pan + self._speed[0] * way, -1.0), 1.0)
        self._tilt = min(max(self._tilt + self._speed[1] * way, -1.0), 1.0)
        self._at = now
