"""Which shows run on this machine: one lock and one small file per rig."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

import msgspec
from msgspec import Struct

from profiles.home import Home

_FAREWELL = "stopped-"


class ShowFile(Struct, frozen=True, kw_only=True):
    """`show.json`: what others need to know of a running show."""

    pid: int
    rig: str
    rig_file: str
    character: str
    socket: str
    logs: str
    character_given: str = ""
    """As `--character` takes it: a name, or a file."""
    stop_socket: str = ""
    """Where the emergency stop listens; see devices/estop.py."""
    kept: bool = False
    """systemd keeps it alive (systemd.exec(5): SYSTEMD_EXEC_PID is its number); nobody else is to start it again."""


class AlreadyRunning(Exception):
    """Another show of this rig holds the lock; `str()` says so plainly."""


class Presence:
    """Holds the rig's lock while its block lasts. The kernel lets go of it however the show ends."""

    def __init__(self, home: Home, rig: str) -> None:
        self._folder = home.state(rig)
        self._rig = rig
        self._lock = -1

    def __enter__(self) -> "Presence":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder / "show.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock_soon(self._lock):
            os.close(self._lock)
            other = _read(self._folder / "show.json")
            who = f" (pid {other.pid})" if other else ""
            raise AlreadyRunning(
                f"a show of the rig {self._rig} is running already{who}; stop it first: console.py stop"
            )
        (self._folder / "show.json").unlink(missing_ok=True)  # a killed show's: its pid may be anybody's by now
        for mark in self._folder.glob(f"{_FAREWELL}*"):  # its pid may come round again
            mark.unlink(missing_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        (self._folder / "show.json").unlink(missing_ok=True)
        os.close(self._lock)

    def announce(self, show: ShowFile) -> None:
        """Once the operator's socket listens."""
        part = self._folder / "show.json.part"
        part.write_bytes(msgspec.json.encode(show))
        part.replace(self._folder / "show.json")


def farewell(folder: Path, pid: int) -> Path:
    """A mark that somebody wants the end of this show, whatever it takes; the next one clears it away."""
    return folder / f"{_FAREWELL}{pid}"


def running(home: Home) -> list[ShowFile]:
    """Every show of this home that lives now."""
    return [show for folder in sorted((home.root / "state").glob("*")) if (show := alive(folder)) is not None]


def starting(home: Home) -> bool:
    """Whether some show holds its lock, but cannot be asked yet."""
    return any(held(f) for f in (home.root / "state").glob("*") if not (f / "show.json").exists())


def alive(folder: Path) -> ShowFile | None:
    """The show of one rig's state folder, if its lock is held."""
    show = _read(folder / "show.json")
    return show if show is not None and held(folder) else None


def held(folder: Path) -> bool:
    """Whether a show of this rig lives, ready to be asked or not.

    Looks with a shared lock: two who only look at the same moment do not take each other for a show.
    """
    try:
        lock = os.open(folder / "show.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _try_lock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def _lock_soon(lock: int) -> bool:
    """Somebody who only looks whether a show runs holds the lock for a moment."""
    for _ in range(10):
        if _try_lock(lock, fcntl.LOCK_EX):
            return True
        time.sleep(0.02)
    return False


def _try_lock(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> ShowFile | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ShowFile)
    except (OSError, msgspec.DecodeError):
        return None
