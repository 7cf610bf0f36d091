"""The jaw's own thread: sends each frame of a track when the speaker's clock says so, less the look-ahead."""

import threading
from collections import deque
from collections.abc import Sequence
from time import monotonic
from types import TracebackType

import numpy as np

from conversation.audio import quantile
from conversation.events import JawFigures
from conversation.ports import Speaker
from devices.limits import LimitedJaw

HOP_S = 0.020
_NEAR_S = 0.002


class JawPlayer:
    """Fits `conversation.ports.Jaw`. Frames late by more than a hop are dropped, never queued.

    A board that fails costs the jaw, never the voice: the track goes on, so that it is there when the board is back.
    """

    def __init__(self, jaw: LimitedJaw, speaker: Speaker) -> None:
        self.jaw = jaw
        self._speaker = speaker
        self._lock = threading.Condition()
        self._epoch = 0
        """Counts tracks begun and cancelled, so that a frame on its way to the board knows that it is too late."""
        self._generation = 0
        self._track: list[float] = []
        self._next = 0
        self._close_now = self._relax_now = self._stop = False
        self._errors: deque[float] = deque(maxlen=3000)
        self._sent = self.dropped = 0
        self.wanted = 0.0
        """What the voice asks for at this moment, 0 .. 1, before any limit."""
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "JawPlayer":
        self._thread = threading.Thread(target=self._run, name="jaw", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with self._lock:
            self._stop = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join(1.0)
        self.jaw.release(wait=True)

    def begin(self, generation: int) -> None:
        with self._lock:
            self._generation, self._track, self._next = generation, [], 0
            self._epoch += 1
            self._errors.clear()
            self._sent = self.dropped = 0

    def track(self, generation: int, openings: Sequence[float]) -> None:
        with self._lock:
            if generation == self._generation:
                self._track.extend(openings)
                self._lock.notify_all()

    def cancel(self) -> None:
        with self._lock:
            self._track, self._next, self.wanted = [], 0, 0.0
            self._epoch += 1
            self._close_now = self.jaw.attached and self.jaw.opening > 0
            self._lock.notify_all()

    def relax(self) -> None:
        """Close, and stop the pulses at once."""
        self.cancel()
        with self._lock:
            self._relax_now = True
            self._lock.notify_all()

    def figures(self, generation: int) -> JawFigures:
        with self._lock:
            if generation != self._generation or not self._errors:
                return JawFigures(dropped=self.dropped if generation == self._generation else 0)
            p95 = quantile(np.abs(self._errors), 0.95) * 1000
            return JawFigures(frames=self._sent, sync_p95_ms=round(p95, 2), dropped=self.dropped)

    def sync_ms(self) -> float | None:
        """Of this line so far, or of the last one: p95 of how far frames were sent off their time; negative when most
        of them were early.
        """
        with self._lock:
            if not self._errors:
                return None
            far = quantile(np.abs(self._errors), 0.95) * 1000
            return round(far if quantile(self._errors, 0.5) >= 0 else -far, 1)

    @property
    def playing(self) -> bool:
        return self._next < len(self._track)

    def _run(self) -> None:
        while not self._stop:
            with self._lock:
                self._lock.wait_for(self._has_work)
                closing, self._close_now = self._close_now, False
                relaxing, self._relax_now = self._relax_now, False
            if relaxing:
                self.jaw.release()
            elif closing:
                self.jaw.close()
            else:
                self._step()

    def _has_work(self) -> bool:
        return self._stop or self._close_now or self._relax_now or self._next < len(self._track)

    def _step(self) -> None:
        """Send the next frame if it is due, drop it if it is late, else wait a little: audio may stall."""
        now = self._speaker.playback()
        with self._lock:
            if self._next >= len(self._track):
                return
            epoch, generation, index, opening = self._epoch, self._generation, self._next, self._track[self._next]
        if now.generation != generation or (not now.running and now.position == 0):
            self._pause(0.005)
            return
        ahead = index * HOP_S - now.position / self._speaker.rate
        late = self.jaw.settings.look_ahead_ms / 1000 - ahead
        if late < -_NEAR_S:
            self._pause(min(-late, 0.010))
            return
        if late <= HOP_S:
            self.wanted = opening
            self.jaw.open_to(opening)
        elif index == len(self._track) - 1:
            self.jaw.close()
        with self._lock:
            if epoch != self._epoch:  # cancelled while the board was being told: what we sent must not stand
                self._close_now = True
                return
            self._next += 1
            if late <= HOP_S:
                self._sent += 1
                self._errors.append(late + (monotonic() - now.at))
            else:
                self.dropped += 1

    def _pause(self, seconds: float) -> None:
        with self._lock:
            self._lock.wait_for(lambda: self._stop or self._close_now or self._relax_now, timeout=seconds)
