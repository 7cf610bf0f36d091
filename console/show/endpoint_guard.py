"""Keeps the show findable, and stops the motors at a signal: in threads of its own, for the loop may hang."""

import asyncio
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

from console.api.server import OperatorServer
from console.host import last_show
from console.host.run_lock import STOP_SIGNAL, RunLock, ShowFile
from devices.estop import EmergencyStop
from devices.signal_thread import SignalThread
from profiles.loader import LoadedProfile
from profiles.schema import Character, Rig

_LOG = logging.getLogger(__name__)


class FoundShow(Protocol):
    """The show, as far as others must know it to find it."""

    rig: LoadedProfile[Rig]
    logs: Path

    @property
    def character(self) -> LoadedProfile[Character]: ...

    def stop(self, reason: str) -> None: ...


class EndpointGuard:
    """While its block lasts. Enter it in the main thread, or no signal is heard; it needs a running event loop."""

    def __init__(self, show: FoundShow, presence: RunLock) -> None:
        self._show, self._presence = show, presence
        self._loop = asyncio.get_running_loop()
        self._server: OperatorServer | None = None
        self._emergency: EmergencyStop | None = None
        self._stopped_early = self._unconfirmed = False
        self._missed = ""
        self._told: tuple[Path, Path, LoadedProfile[Character]] | None = None
        self._turn = threading.Lock()
        """The loop and the thread both tell where the show is; the older word must not be written last."""
        self._watch = SignalThread(STOP_SIGNAL, self._stop, self._look)

    def mind(self, emergency: EmergencyStop) -> None:
        """What a signal stops from now on; one that came before there were motors counts, too."""
        self._emergency = emergency
        if self._stopped_early:
            emergency.stop()

    def announce(self, server: OperatorServer | None = None) -> None:
        """For those who look for a show: once it listens at `server`, and when what is told has changed. A disk that is
        full keeps the old words; the thread tries again.
        """
        first, self._server = self._server is None, server or self._server
        try:
            self._tell()
        except OSError:
            if first:
                raise

    def __enter__(self) -> "EndpointGuard":
        self._watch.__enter__()
        if self._watch.hears:
            self._presence.take_signal()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._watch.__exit__(kind, error, tb)

    def _stop(self) -> None:
        self._stopped_early = True  # first: the motors may appear in this very moment
        if self._emergency is not None:
            self._emergency.stop()
        self._unconfirmed = True  # told by the thread that looks around, which may wait for a disk

    def _look(self) -> None:
        confirm, self._unconfirmed = self._unconfirmed, False
        self._restore()  # who waits for our word looks for it in the lock's file
        if confirm:
            try:
                self._presence.confirm_stop()
            except OSError as error:
                _LOG.warning("the motors were stopped by a signal, which could not be confirmed: %s", error)

    def _restore(self) -> None:
        was_lost = self._presence.lost
        try:
            self._tell()
            self._missed = ""
        except OSError as error:
            if str(error) != self._missed:
                _LOG.warning("others may not find this show: %s", error)
            self._missed = str(error)
        if self._presence.lost and not was_lost:
            why = "another show of this rig has taken its place"
            with suppress(RuntimeError):  # its loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._show.stop, why)

    def _tell(self) -> None:
        """Raises OSError."""
        with self._turn:
            self._presence.restore(self._file())

    def _file(self) -> ShowFile | None:
        """None before it listens, and while nothing in it has changed."""
        show = self._show
        if self._server is None or self._emergency is None:
            return None
        told = self._server.path, self._emergency.path, show.character
        if told == self._told:
            return None
        self._told = told
        return ShowFile(
            pid=os.getpid(),
            started=self._presence.holder.started,
            boot_id=self._presence.holder.boot_id,
            rig=show.rig.name,
            rig_file=show.rig.file,
            character=show.character.name,
            character_given=last_show.given(show.character),
            socket=str(self._server.path),
            logs=str(show.logs),
            stop_socket=str(self._emergency.path),
            kept=os.environ.get("SYSTEMD_EXEC_PID") == str(os.getpid()),
        )
