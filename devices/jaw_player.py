"""The jaw's own thread: sends each frame of a track when the speaker's clock says so, less the look-ahead."""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from time import monotonic
from types import TracebackType

import numpy as np

from conversation.events import JawFigures
from conversation.ports import Speaker
from devices.limits import LimitedJaw

_LOG = logging.getLogger(__name__)
HOP_S = 0.020
_NEAR_S = 0.002


class JawPlayer:
    """Fits `conversation.ports.Jaw`. Frames late by more than a hop are dropped, never queued.

    A board that fails costs the jaw, never the voice: `fault` says why, and the next utterance tries again.
    """

    def __init__(self, jaw: LimitedJaw, speaker: Speaker, look_ahead_s: float, idle_detach_s: float) -> None:
        self.jaw = jaw
        self._speaker = speaker
        self._look_ahead_s, self._idle_detach_s = look_ahead_s, idle_detach_s
        self.fault = ""
        self._lock = threading.Condition()
        self._epoch = 0
        """Counts tracks begun and cancelled, so that a frame on its way to the board knows that it is too late."""
        self._generation = 0
        self._track: list[float] = []
        self._next = 0
        self._close_now = self._relax_now = self._stop = False
        self._errors: deque[float] = deque(maxlen=3000)
        self._sent = 0
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
        try:
            if self.jaw.attached:
                self.jaw.close()
            self.jaw.detach()
        except Exception as error:
            self._lose_board(error)

    def begin(self, generation: int) -> None:
        with self._lock:
            self._generation, self._track, self._next = generation, [], 0
            self._epoch += 1
            self.fault = ""
            self._errors.clear()
            self._sent = 0

    def track(self, generation: int, openings: Sequence[float]) -> None:
        with self._lock:
            if generation == self._generation and not self.fault:
                self._track.extend(openings)
                self._lock.notify_all()

    def cancel(self) -> None:
        with self._lock:
            self._track, self._next = [], 0
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
                return JawFigures()
            p95 = float(np.percentile(np.abs(self._errors), 95)) * 1000
            return JawFigures(frames=self._sent, sync_p95_ms=round(p95, 2))

    def _run(self) -> None:
        while not self._stop:
            with self._lock:
                pending = self._lock.wait_for(self._has_work, timeout=self._idle_detach_s or None)
                closing, self._close_now = self._close_now, False
                relaxing, self._relax_now = self._relax_now, False
            try:
                self._act(bool(pending), closing)
                if relaxing and self.jaw.attached:
                    self.jaw.close()
                    self.jaw.detach()
            except Exception as error:
                self._lose_board(error)

    def _act(self, pending: bool, closing: bool) -> None:
        if closing:
            self.jaw.close()
        elif pending:
            self._step()
        elif self.jaw.attached:
            self.jaw.close()
            self.jaw.detach()

    def _lose_board(self, error: Exception) -> None:
        _LOG.warning("the jaw is lost: %s", error)
        with self._lock:
            self.fault = str(error) or type(error).__name__
            self._track, self._next, self._close_now = [], 0, False
            self._epoch += 1
        self.jaw.attached = False

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
        late = self._look_ahead_s - ahead
        if late < -_NEAR_S:
            self._pause(min(-late, 0.010))
            return
        last = index == len(self._track) - 1
        if late <= HOP_S or last:
            self.jaw.open_to(opening)
        with self._lock:
            if epoch != self._epoch:  # cancelled while the board was being told: what we sent must not stand
                self._close_now = True
                return
            self._next += 1
            if late <= HOP_S:
                self._sent += 1
                self._errors.append(late + (monotonic() - now.at))

    def _pause(self, seconds: float) -> None:
        with self._lock:
            self._lock.wait_for(lambda: self._stop or self._close_now, timeout=seconds)
