"""The one door to every motor: travel, speed, and a closed jaw at the end. Nothing else may write to a board."""

import math
import threading
from time import monotonic
from typing import Protocol

from profiles.schema import Jaw as JawSettings


class Board(Protocol):
    """Moves one servo. Called only from here."""

    @property
    def name(self) -> str: ...

    def write_us(self, pulse_us: int) -> None:
        """Set the pulse width. Raises DeviceError."""

    def detach(self) -> None:
        """Stop the pulses: the servo goes limp."""


class LimitedJaw:
    """Clamps to the calibrated travel and to the slew rate; safe from any thread."""

    def __init__(self, board: Board, settings: JawSettings) -> None:
        self.board, self._settings = board, settings
        self._lock = threading.Lock()
        self._low = min(settings.closed_us, settings.open_us)
        self._high = max(settings.closed_us, settings.open_us)
        self._pulse = float(settings.closed_us)
        self._moved_at: float | None = None
        self.attached = False

    @property
    def opening(self) -> float:
        """Where the jaw was last sent, 0 closed .. 1 open."""
        span = self._settings.open_us - self._settings.closed_us
        return (self._pulse - self._settings.closed_us) / span if span else 0.0

    def open_to(self, opening: float) -> int:
        """Move towards `opening` (0..1, anything else is clamped) no faster than the slew limit; the pulse sent, us."""
        settings = self._settings
        opening = opening if math.isfinite(opening) else 0.0
        target = settings.closed_us + (settings.open_us - settings.closed_us) * opening
        with self._lock:
            now = monotonic()
            elapsed = 0.02 if self._moved_at is None else min(now - self._moved_at, 0.1)
            step = settings.slew_us_per_s * elapsed
            pulse = min(max(target, self._pulse - step), self._pulse + step)
            self._pulse = min(max(pulse, self._low), self._high)
            self._moved_at = now
            self.board.write_us(round(self._pulse))
            self.attached = True
            return round(self._pulse)

    def close(self) -> None:
        """Closed at once: ending safely matters more than the slew limit of a 200 us travel."""
        with self._lock:
            self._pulse = float(self._settings.closed_us)
            self._moved_at = monotonic()
            self.board.write_us(self._settings.closed_us)
            self.attached = True

    def detach(self) -> None:
        with self._lock:
            self.board.detach()
            self.attached = False
