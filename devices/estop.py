"""The emergency stop: a datagram socket and a thread of its own, so that it works while everything else hangs."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_LOG = logging.getLogger(__name__)
STOP = b"stop"
DONE = b"stopped"


class EmergencyStop:
    """While entered, a datagram at `path` calls every one of `stops`, in order; `heard` follows, which may be slow.

    The folder of the socket protects it: only its owner gets in.
    """

    def __init__(self, path: Path, stops: Sequence[Callable[[], object]], heard: Callable[[], None]) -> None:
        self._path, self._stops, self._heard = path, stops, heard
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="e-stop", daemon=True)

    def __enter__(self) -> Self:
        """Raises OSError when the socket cannot be made."""
        self._path.unlink(missing_ok=True)
        self._socket.bind(os.fspath(self._path))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ending.set()
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(b"", os.fspath(self._path))  # wakes the thread
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def stop(self) -> None:
        """All motors, now; of several, one that fails does not keep the others from it."""
        for stop in self._stops:
            try:
                stop()
            except Exception:
                _LOG.exception("an emergency stop failed")
        self._heard()

    def _run(self) -> None:
        while True:
            try:
                word, sender = self._socket.recvfrom(64)
            except OSError:
                return
            if self._ending.is_set():
                return
            if word == STOP:
                self.stop()
                self._answer(sender)

    def _answer(self, sender: Any) -> None:
        if sender:
            try:
                self._socket.sendto(DONE, sender)
            except OSError as error:
                _LOG.info("whoever stopped us has gone: %s", error)


def request(path: Path, timeout_s: float = 1.0) -> bool:
    """Ask the show behind `path` to stop its motors; whether it said that it has. Raises OSError when none is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(timeout_s)
        with suppress(OSError):
            line.bind("")  # an address of its own, for the answer; only Linux gives one to whoever asks for none
        line.sendto(STOP, os.fspath(path))
        try:
            return bool(line.getsockname()) and line.recv(64) == DONE
        except TimeoutError:
            return False
