"""Counts the bytes of one fetch and tells the screen, ten times a second at most, how long it will yet take."""

import time
from collections.abc import Callable

from launchers.store.progress import OnProgress, Progress

INTERVAL_S = 0.1
SMOOTHING_S = 3.0
"""The rate is the mean of about the last three seconds: a stall shows, a hiccup does not."""


class FetchMeter:
    """Progress of one model: several downloads, one figure."""

    def __init__(self, what: str, on_progress: OnProgress, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._publish, self._clock = what, on_progress, clock
        self._totals: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._rate = 0.0
        self._told_at, self._told_done = clock(), 0

    def expect(self, part: str, total: int | None, done: int = 0) -> None:
        """A download of `total` bytes begins, `done` of which are here already: those say nothing about the rate."""
        if total is not None:
            self._totals[part] = total
        self._told_done += done - self._done.get(part, 0)
        self._done[part] = done

    def forget(self, part: str) -> None:
        """A download that came to nothing; another source takes its place."""
        self._totals.pop(part, None)
        self._told_done -= self._done.pop(part, 0)

    def add(self, part: str, count: int) -> None:
        self._done[part] = self._done.get(part, 0) + count
        if self._clock() - self._told_at >= INTERVAL_S:
            self.tell()

    def say(self, note: str) -> None:
        """A word that matters once."""
        self.tell(note)

    def tell(self, note: str = "") -> None:
        now, done = self._clock(), sum(self._done.values())
        elapsed = now - self._told_at
        if elapsed >= INTERVAL_S:
            rate, weight = (done - self._told_done) / elapsed, min(1.0, elapsed / SMOOTHING_S)
            self._rate = rate if not self._rate else self._rate + weight * (rate - self._rate)
            self._told_at, self._told_done = now, done
        total = sum(self._totals.values()) or None
        left = max(0, total - done) / self._rate if total and self._rate > 0 else None
        self._publish(Progress(what=self._what, unit="bytes", done=done, total=total, seconds_left=left, note=note))
