"""Samples from a live microphone: a short memory of the past, and a recording while the button is held."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

import numpy as np

from conversation.audio import HEARING_RATE, SILENCE, Samples
from devices.sound.levels import clipped, level_db

_MEMORY_S = 2.5
_BLOCK_S = 0.1
"""No device delivers in longer blocks."""
_CLIP_SHOWN_S = 1.0


class InputRing:
    """The audio thread pushes blocks for as long as the show runs; `record` looks back for the pre-roll.

    `last_block_at` stays None until the first block: a microphone that never delivers can be told from a quiet one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._past: deque[tuple[float, Samples]] = deque()
        self._takers: list[LiveRecording] = []
        self._last: Samples = SILENCE
        self._clipped_at = float("-inf")
        self.last_block_at: float | None = None

    @property
    def level_db(self) -> float | None:
        """Of the last block; computed only when somebody looks."""
        return level_db(self._last)

    @property
    def clipped(self) -> bool:
        """Within the last second somebody was too loud for the converter."""
        return monotonic() - self._clipped_at < _CLIP_SHOWN_S

    def push(self, pcm: Samples) -> None:
        """16 kHz samples whose last one was just heard."""
        now = monotonic()
        if clipped(pcm):
            self._clipped_at = now
        pcm = self.cleaned(pcm)
        with self._lock:
            self.last_block_at = now
            self._last = pcm
            self._past.append((now, pcm))
            while self._past and now - self._past[0][0] > _MEMORY_S:
                self._past.popleft()
            for taker in self._takers:
                taker.take(now, pcm)

    def cleaned(self, pcm: Samples) -> Samples:
        """What is kept of it; the same number of samples, give or take a block."""
        return pcm

    def lose(self) -> None:
        """The device has gone: a recording goes on with what there is."""
        with self._lock:
            takers, self._takers = self._takers, []
            self._last = SILENCE
        for taker in takers:
            taker.cut_off()

    def record(self, pre_roll_s: float) -> "LiveRecording":
        oldest = monotonic() - pre_roll_s - _BLOCK_S
        with self._lock:
            past = [pcm for at, pcm in self._past if at >= oldest]  # a microphone may have been away
            keep = round(pre_roll_s * HEARING_RATE)
            before = np.concatenate([SILENCE, *past])[-keep:] if keep else SILENCE
            recording = LiveRecording(self, before)
            self._takers.append(recording)
            return recording

    def leave(self, recording: "LiveRecording") -> None:
        with self._lock:
            if recording in self._takers:
                self._takers.remove(recording)


class LiveRecording:
    """One visitor's words from a live microphone; fits `conversation.ports.Recording`."""

    def __init__(self, ring: InputRing, before: Samples) -> None:
        self._ring = ring
        self._blocks: list[Samples] = [before]
        self._first_at: float | None = None
        self._lock = threading.Lock()
        self._over = False
        self._wake: Callable[[], object] | None = None

    @property
    def first_sample_at(self) -> float | None:
        return self._first_at

    def take(self, at: float, pcm: Samples) -> None:
        if self._first_at is None:
            self._first_at = at - len(pcm) / HEARING_RATE
        self._blocks.append(pcm)

    def pcm(self) -> Samples:
        return np.concatenate(self._blocks[:])

    async def ended(self) -> None:
        """Only when the microphone has gone."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            if self._over:
                return
            self._wake = lambda: loop.call_soon_threadsafe(over.set)
        await over.wait()

    def cut_off(self) -> None:
        """From any thread: nothing more will come."""
        with self._lock:
            self._over, wake = True, self._wake
        if wake is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                wake()

    def close(self) -> None:
        self._ring.leave(self)
