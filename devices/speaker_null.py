"""A speaker without a device: keeps a real clock, so that timing, jaw and interruptions are true in rehearsal."""

import threading
from time import monotonic, sleep
from types import TracebackType
from typing import Self

from devices.output_queue import OutputQueue

_BLOCK_S = 0.010
_AHEAD_S = 0.020


class NullSpeaker(OutputQueue):
    """Plays to nobody in 10 ms blocks, at most 20 ms ahead of its clock; sleeps while there is nothing to play, so
    that the first block of a clause is audible at once.
    """

    simulated = True
    name = "null speaker (no sound device)"

    def __init__(self, rate: int) -> None:
        super().__init__(rate)
        self.underruns = 0
        """Times the thread came so late that a real device would have had a gap."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run_clock, name="null-speaker", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        with self._lock:
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join(1.0)

    def _run_clock(self) -> None:
        block = round(self.rate * _BLOCK_S)
        while not self._stop.is_set():
            with self._lock:
                self._lock.wait_for(lambda: self._stop.is_set() or self.busy())
            due = monotonic()
            while self.busy() and not self._stop.is_set():
                if (early := due - monotonic() - _AHEAD_S) > 0:
                    sleep(early)
                elif early < -2 * _AHEAD_S:
                    self.underruns += 1
                    due = monotonic()
                self.pull(block, due)
                due += block / self.rate
