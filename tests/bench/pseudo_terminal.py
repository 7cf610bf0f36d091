"""A terminal of 160x48 that nobody sees: what a program draws there, and when."""

import bisect
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread

import psutil  # type: ignore[import-untyped]

from profiles.home import CHECKOUT

COLUMNS, ROWS = 160, 48
FULL_SCREEN = b"\x1b[?1049h"
"""Begins the alternate screen."""
_GONE_S = 5.0
_NOT_OURS = ("SSH_CONNECTION", "COLORFGBG", "GALACTUS_THEME", "LC_ALL", "LC_CTYPE")
"""They change what is drawn, or how often."""


class PseudoTerminal:
    """Runs Python with these words, and `more` in its environment; a thread reads all the time, as a terminal does."""

    def __init__(self, words: Sequence[str], home: Path, **more: str) -> None:
        environment = {key: value for key, value in os.environ.items() if key not in _NOT_OURS}
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        environment |= {"GALACTUS_HOME": str(home)} | more
        self._seen = bytearray()
        self._ends: list[int] = []
        self._times: list[float] = []
        self._more = Condition()
        self.launched = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            _become([sys.executable, *words], environment)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # the last one at the other end has gone
            while data := os.read(self._fd, 1 << 16):
                with self._more:
                    self._times.append(time.monotonic())
                    self._seen += data
                    self._ends.append(len(self._seen))
                    self._more.notify_all()

    def drawn(self, *words: str, within: float = 30.0) -> float:
        """The moment at which the last of these words came, since the full screen began."""
        deadline = time.monotonic() + within
        with self._more:
            while (moments := [self._moment(word.encode()) for word in words]) and None in moments:
                left = deadline - time.monotonic()
                assert left > 0 and self._reader.is_alive(), (words, bytes(self._seen[-2000:]))
                self._more.wait(min(left, 0.5))
        return max(moment for moment in moments if moment is not None)

    def _moment(self, word: bytes) -> float | None:
        begin = self._seen.find(FULL_SCREEN)
        at = self._seen.find(word, begin) if begin >= 0 else -1
        return None if at < 0 else self._times[bisect.bisect_left(self._ends, at + len(word))]

    def bytes_per_s(self, windows: list[tuple[float, float]]) -> float:
        with self._more:
            sizes = [end - begin for begin, end in zip([0, *self._ends], self._ends, strict=False)]
            counted = sum(
                size
                for at, size in zip(self._times, sizes, strict=True)
                if any(begin <= at <= end for begin, end in windows)
            )
        return counted / sum(end - begin for begin, end in windows)

    @property
    def parent(self) -> psutil.Process:
        """The process that was launched."""
        return psutil.Process(self.pid)

    @property
    def screen(self) -> psutil.Process:
        """The one that draws: the parent's only child."""
        (child,) = self.parent.children()
        return child

    def wait(self, within: float) -> None:
        """Until the program has ended by itself."""
        deadline = time.monotonic() + within
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            assert time.monotonic() < deadline, bytes(self._seen[-2000:])
            time.sleep(0.02)
        self._close()

    def type(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def end(self) -> None:
        """Whatever runs in it, nothing stays; a show in the background does."""
        with suppress(ChildProcessError, ProcessLookupError, psutil.NoSuchProcess):
            family = [*self.parent.children(recursive=True), self.parent]
            inside = [process for process in family if os.getsid(process.pid) == self.pid]
            os.kill(self.pid, signal.SIGTERM)
            deadline = time.monotonic() + _GONE_S
            while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    for process in inside:
                        process.kill()
                time.sleep(0.02)
        self._close()

    def _close(self) -> None:
        self._reader.join(_GONE_S)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _become(argv: list[str], environment: dict[str, str]) -> None:
    """The child's whole life: the size is there before the program can ask for it."""
    try:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.chdir(CHECKOUT)
        os.execve(argv[0], argv, environment)
    finally:
        os._exit(127)
