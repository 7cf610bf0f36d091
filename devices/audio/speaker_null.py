"""A speaker without a device: keeps a real clock, so that timing, jaw and interruptions are true in rehearsal."""

import threading
from time import monotonic, sleep
from types import TracebackType
from typing import Self

from devices.audio.sound_device import Pull
from devices.sound.output_queue import OutputQueue

_BLOCK_S = 0.010
_AHEAD_S = 0.020


class NullClock:
    """Pulls 10 ms blocks for nobody, at most 20 ms ahead of its clock; sleeps while there is nothing to play, so that
    the first block of a clause is audible at once. May be started and stopped again and again.
    """

    def __init__(self, queue: OutputQueue, pull: Pull) -> None:
        self._queue, self._pull = queue, pull
        self.underruns = 0
        """Times the thread came so late that a real device would have had a gap."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Of one that runs, nothing."""
        if self._thread is None:
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="null-speaker", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._queue.wake()
        if self._thread is not None:
            self._thread.join(1.0)
            self._thread = None

    def _run(self, stop: threading.Event) -> None:
        block = round(self._queue.rate * _BLOCK_S)
        while not stop.is_set():
            self._queue.wait_busy(stop)
            due = monotonic()
            while self._queue.busy() and not stop.is_set():
                if (early := due - monotonic() - _AHEAD_S) > 0:
                    sleep(early)
                elif early < -2 * _AHEAD_S:
                    self.underruns += 1
                    due = monotonic()
                self._pull(block, due)
                due += block / self._queue.rate


class NullSpeaker(OutputQueue):
    """Plays to nobody."""

    simulated = True
    name = "null speaker (no sound device)"

    def __init__(self, rate: int) -> None:
        super().__init__(rate)
        self._clock = NullClock(self, self.pull)

    @property
    def underruns(self) -> int:
        return self._clock.underruns

    def __enter__(self) -> Self:
        self._clock.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._clock.stop()
