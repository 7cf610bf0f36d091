"""Two threads beside the event loop: one hears a signal, one looks around twice a second, also while the loop hangs.

Signals come by a pipe, whichever thread they hit: Python's own handlers wait for the main thread, which may be stuck.
Nothing is blocked or ignored for that, so nothing is inherited by child processes. Looking around means files, and a
disk may hang: what a signal asks for waits for neither.
"""

import logging
import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

_LOG = logging.getLogger(__name__)
_LOOK_S = 0.5
_END_S = 2.0


class SignalThread:
    """While its block lasts. Enter it in the main thread, or no signal is heard."""

    def __init__(self, number: signal.Signals, heard: Callable[[], None], look: Callable[[], None]) -> None:
        """`heard` is called at each signal, in a thread that must not wait; `look` soon after it, and twice a second,
        in another one. Neither must raise.
        """
        self._number, self._heard, self._look = number, heard, look
        self._hear, self._speak = os.pipe()
        self._before = -1
        """Where signals were told before: asyncio's loop, which goes on hearing of them."""
        self._ending = threading.Event()
        self._due = threading.Event()
        self.hears = threading.current_thread() is threading.main_thread()
        self._threads = [
            threading.Thread(target=self._listen, name="watch", daemon=True),
            threading.Thread(target=self._look_around, name="look around", daemon=True),
        ]

    def __enter__(self) -> Self:
        for end in (self._hear, self._speak):
            os.set_blocking(end, False)
        for thread in self._threads:
            thread.start()
        if self.hears:
            self._before = signal.set_wakeup_fd(self._speak, warn_on_full_buffer=False)
            signal.signal(self._number, lambda number, frame: None)  # stays: one that comes late must not kill us
            signal.siginterrupt(self._number, False)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {self._number})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.hears:
            signal.set_wakeup_fd(self._before)
        self._ending.set()
        self._due.set()
        with suppress(BlockingIOError):
            os.write(self._speak, b"\0")
        for thread in self._threads:
            thread.join(_END_S)
        if not self._threads[0].is_alive():
            os.close(self._hear)
            os.close(self._speak)

    def _listen(self) -> None:
        while not self._ending.is_set():
            select.select([self._hear], [], [])
            numbers = b""
            with suppress(BlockingIOError):
                numbers = os.read(self._hear, 512)
            if self._number in numbers:
                self._guarded(self._heard)
                self._due.set()
            if others := numbers.replace(bytes([self._number]), b"").replace(b"\0", b""):
                self._pass_on(others)

    def _look_around(self) -> None:
        while not self._ending.is_set():
            self._due.wait(_LOOK_S)
            self._due.clear()
            if not self._ending.is_set():
                self._guarded(self._look)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # without these threads no signal would be heard for the rest of the evening
            _LOG.exception("a look around failed")

    def _pass_on(self, numbers: bytes) -> None:
        if self._before >= 0:
            with suppress(OSError):
                os.write(self._before, numbers)
