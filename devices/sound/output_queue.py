"""Samples on their way to a DAC: what every speaker shares, with the clock that the jaw follows."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

import numpy as np

from conversation.audio import SILENCE, Samples
from conversation.ports import Playback

FADE_S = 0.010
"""A cancelled sentence fades this long: a hard cut clicks."""
_JITTER_S = 0.020
"""A device that tells the time of a block by so much too early or too late is only imprecise; more is a stall."""
OnSample = Callable[[int, float], None]


class OutputQueue:
    """The event loop writes, the audio thread pulls, the jaw thread reads the clock; one lock between them.

    Only one generation is open; samples of any other are dropped, so a late writer can never be heard.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.dropped = 0
        """Samples that came too late to be wanted."""
        self._lock = threading.Condition()
        self._blocks: deque[Samples] = deque()
        self._fade: Samples = SILENCE
        self._generation = 0
        self._open = self._finished = self._drained = False
        self._played = 0
        self._told = 0
        self._dry = True
        """Whether the last pull got less than it wanted: what comes next begins after a gap."""
        self._run = (0, 0, 0.0, 0)  # position where this unbroken run began; of its last block: position, time, length
        self._callbacks: tuple[asyncio.AbstractEventLoop, OnSample | None, OnSample | None] | None = None

    def listen(self, on_first: OnSample | None, on_drained: OnSample | None) -> None:
        self._callbacks = (asyncio.get_running_loop(), on_first, on_drained)

    def begin(self, generation: int) -> None:
        with self._lock:
            self._generation, self._open = generation, True
            self._finished = self._drained = False
            self._blocks.clear()
            self._played, self._told, self._dry, self._run = 0, 0, True, (0, 0, 0.0, 0)
            self._lock.notify_all()

    def write(self, generation: int, pcm: Samples) -> None:
        with self._lock:
            if generation != self._generation or not self._open or self._finished:
                self.dropped += len(pcm)
                return
            if len(pcm):
                self._blocks.append(pcm)
                self._lock.notify_all()

    def finish(self, generation: int) -> None:
        with self._lock:
            if generation == self._generation and self._open:
                self._finished = True
                self._lock.notify_all()

    def cancel(self) -> int:
        """Samples that had gone to the device; what follows is a 10 ms fade, then silence."""
        with self._lock:
            if self._open and self._blocks:
                head = np.concatenate(self._blocks)[: round(self.rate * FADE_S)]
                self._fade = (head * np.linspace(1.0, 0.0, len(head), dtype=np.float32)).astype(np.int16)
            self._open = False
            self._blocks.clear()
            return self._played

    def busy(self) -> bool:
        """Whether pulling now would give sound, or the news that all was heard."""
        return bool(self._fade.size) or (self._open and (bool(self._blocks) or (self._finished and not self._drained)))

    def wait_busy(self, stop: threading.Event) -> None:
        """Returns once there is something to pull, or when `stop` is set and `wake` called."""
        with self._lock:
            self._lock.wait_for(lambda: stop.is_set() or self.busy())

    def wake(self) -> None:
        with self._lock:
            self._lock.notify_all()

    def pull(self, count: int, at: float) -> Samples:
        """`count` samples for the device, whose first will be audible at monotonic time `at`."""
        out = np.zeros(count, np.int16)
        if not self.busy():  # most of an evening: what is written meanwhile begins with the next block, after a gap
            self._dry = True
            return out
        with self._lock:
            faded = min(count, len(self._fade))
            out[:faded], self._fade = self._fade[:faded], self._fade[faded:]
            start = faded
            filled = self._take(out, start) if self._open else 0
            if filled:
                self._advance(at + start / self.rate, filled)
            self._dry = start + filled < count
            if self._open and self._finished and not self._blocks and not self._drained:
                self._drained = True
                self._tell(2, at + (start + filled) / self.rate)
        return out

    def playback(self) -> Playback:
        """Where the listener is now; between blocks the position runs with the clock, and never backwards."""
        now = monotonic()
        with self._lock:
            began, position, at, length = self._run
            moved = min(length, int((now - at) * self.rate)) if length else 0
            self._told = max(self._told, began, position + moved)
            return Playback(
                generation=self._generation,
                position=self._told,
                at=now,
                running=self._open and length > 0 and moved < length,
            )

    def _take(self, out: Samples, start: int) -> int:
        filled = start
        while filled < len(out) and self._blocks:
            block = self._blocks.popleft()
            taken = min(len(out) - filled, len(block))
            out[filled : filled + taken] = block[:taken]
            if taken < len(block):
                self._blocks.appendleft(block[taken:])
            filled += taken
        return filled - start

    def _advance(self, at: float, filled: int) -> None:
        """A tenth of a device's jitter is believed, so that its clock is smooth and yet follows the true rate."""
        began, _, before, length = self._run
        expected = before + length / self.rate
        unbroken = length > 0 and not self._dry and abs(at - expected) < _JITTER_S
        if unbroken:
            at = expected + (at - expected) / 10
        if self._played == 0:
            self._tell(1, at)
        self._run = (began if unbroken else self._played, self._played, at, filled)
        self._played += filled

    def _tell(self, which: int, at: float) -> None:
        if self._callbacks is None:
            return
        loop, *calls = self._callbacks
        call = calls[which - 1]
        if call is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call, self._generation, at)
