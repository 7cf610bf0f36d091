"""The emergency stop: a datagram socket and a thread of its own, so that it works while everything else hangs.

The name of the socket may be taken away; the thread looks twice a second, and makes it again.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from supervisors.shim.named_socket import NamedSocket

_LOG = logging.getLogger(__name__)
STOP = b"stop"
DONE = b"stopped"
_LOOK_S = 0.5


class EmergencyStop:
    """While entered, a datagram at `path` calls every one of `stops`, in order; `heard` follows, which may be slow.

    The folder of the socket protects it: only its owner gets in.
    """

    def __init__(
        self,
        path: Path,
        stops: Sequence[Callable[[], object]],
        heard: Callable[[], None],
        reopen_at: Callable[[], Path] | None = None,
    ) -> None:
        """`reopen_at`: where to listen when the name has been taken away; may raise OSError."""
        self._first, self._stops, self._heard = path, stops, heard
        self._reopen_at = reopen_at or (lambda: path)
        self._door: NamedSocket
        self._ending = threading.Event()
        self._missed = False
        self._thread = threading.Thread(target=self._run, name="e-stop", daemon=True)

    @property
    def path(self) -> Path:
        """Where it listens now."""
        return Path(self._door.path)

    def __enter__(self) -> Self:
        """Raises OSError when the socket cannot be made."""
        self._door = self._open(self._first)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ending.set()
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(b"", os.fspath(self.path))  # wakes the thread
        with suppress(OSError):
            self._door.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)
        self._door.close()

    def stop(self) -> None:
        """All motors, now; of several, one that fails does not keep the others from it."""
        for stop in self._stops:
            try:
                stop()
            except Exception:
                _LOG.exception("an emergency stop failed")
        # Neither the answer to a stop nor the next stop may hang on a disk.
        threading.Thread(target=self._heard, name="e-stop heard", daemon=True).start()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                word, sender = self._door.socket.recvfrom(64)
            except TimeoutError:
                word, sender = b"", None
            except OSError:
                return
            if word == STOP and not self._ending.is_set():
                self.stop()
                self._answer(sender)
            if not self._ending.is_set() and not self._door.stands:
                self._reopen()

    def _reopen(self) -> None:
        try:
            door = self._open(self._reopen_at())
        except OSError as error:
            if not self._missed:
                _LOG.warning("the emergency stop's socket is gone and cannot be made again: %s", error)
            self._missed = True
            return
        _LOG.warning("the emergency stop's socket was gone; it listens at %s now", door.path)
        before, self._door, self._missed = self._door, door, False
        before.close()

    def _open(self, path: Path) -> NamedSocket:
        door = NamedSocket(os.fspath(path), socket.SOCK_DGRAM)
        door.socket.settimeout(_LOOK_S)
        return door

    def _answer(self, sender: Any) -> None:
        if sender:
            try:
                self._door.socket.sendto(DONE, sender)
            except OSError as error:
                _LOG.info("the sender of the stop has gone: %s", error)


def request(path: Path, timeout_s: float = 1.0) -> bool:
    """Ask the show behind `path` to stop its motors; whether it said that it has. Raises OSError when none is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(timeout_s)
        with suppress(OSError):
            line.bind("")  # an address of its own, for the answer; only Linux gives one to a socket that asks for none
        line.sendto(STOP, os.fspath(path))
        try:
            return bool(line.getsockname()) and line.recv(64) == DONE
        except TimeoutError:
            return False
