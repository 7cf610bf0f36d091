"""Which shows run on this machine: one lock and one small file per rig, both made again where they are taken away."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import msgspec
from msgspec import Struct, structs

from profiles.files import try_lock
from profiles.home import Home
from supervisors import kernel

_FAREWELL = "stopped-"
STOP_SIGNAL = signal.SIGUSR1
"""Motors off, for a show whose sockets are gone."""
_RECORD_BYTES = 256
"""Always as long, so that a full disk has no say in it."""


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
    started: str = ""
    boot_id: str = ""
    """With the pid: which process it is; see supervisors/kernel.py."""
    kept: bool = False
    """systemd keeps it alive (systemd.exec(5): SYSTEMD_EXEC_PID is its number); nobody else is to start it again."""

    @property
    def holder(self) -> "Holder":
        return Holder(pid=self.pid, started=self.started, boot_id=self.boot_id)


class Holder(Struct, frozen=True, kw_only=True):
    """Who holds the lock, as it stands in the lock's own file."""

    pid: int
    started: str = ""
    boot_id: str = ""
    takes_signal: bool = False
    """STOP_SIGNAL stops its motors; before that it would end it."""
    stopped_at: int = 0
    """When its motors were last stopped by the signal, ns of the monotonic clock."""

    @property
    def lives(self) -> bool:
        """Whether this very process does, not another with its number."""
        return bool(self.started) and self.boot_id == kernel.boot_id() and kernel.is_alive(self.pid, self.started)


class AlreadyRunning(Exception):
    """Another show of this rig holds the lock; `str()` says so plainly."""


class RunLock:
    """Holds the rig's lock while its block lasts. The kernel lets go of it however the show ends."""

    def __init__(self, home: Home, rig: str) -> None:
        self._folder = home.state(rig)
        self._rig = rig
        self._lock = -1
        self._signed = False
        """Whether the lock's file says who holds it; a full disk may keep it from that."""
        me = kernel.read_proc(os.getpid())
        self.holder = Holder(pid=os.getpid(), started=me.started if me else "", boot_id=kernel.boot_id())
        self._told: bytes = b""
        self._written: tuple[int, int, int] | None = None
        """The file that holds `_told`; None until it has been written."""
        self._turn = threading.Lock()
        """The show's loop and its lookout both write."""
        self.lost = False
        """Another show has taken the lock, after its file had been taken away from us."""

    def __enter__(self) -> "RunLock":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._open()
        other = _read(self._folder / "show.json")
        if not _lock_soon(self._lock) or (other is not None and other.holder.lives):
            os.close(self._lock)
            who = f" (pid {other.pid})" if other else ""
            raise AlreadyRunning(
                f"a show of the rig {self._rig} is running already{who}; stop it first: console.py stop"
            )
        (self._folder / "show.json").unlink(missing_ok=True)  # a killed show's: its pid may be anybody's by now
        for mark in self._folder.glob(f"{_FAREWELL}*"):  # its pid may come round again
            mark.unlink(missing_ok=True)
        self._sign()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with self._turn, suppress(OSError):
            if self._told and (self._folder / "show.json").read_bytes() == self._told:  # not another show's
                (self._folder / "show.json").unlink(missing_ok=True)
        os.close(self._lock)

    def announce(self, show: ShowFile) -> None:
        """Once the operator's socket listens, and whenever something has changed. Raises OSError."""
        with self._turn:
            self._told = msgspec.json.encode(show)
            self._tell()

    def restore(self, show: ShowFile | None = None) -> None:
        """Write again what others find us by, if it was taken away or changed, or is not `show`. Raises OSError."""
        with self._turn:
            if show is not None and (told := msgspec.json.encode(show)) != self._told:
                self._told, self._written = told, None
            if not self._holds():
                self._hold_again()
            if not self._signed and not self.lost:
                self._sign()
            if self._told and not self.lost and (self._written is None or self._written != self._seen()):
                self._tell()

    def take_signal(self) -> None:
        """From now on the emergency stop may come as a signal."""
        with self._turn:
            self.holder = structs.replace(self.holder, takes_signal=True)
            self._sign()

    def confirm_stop(self) -> None:
        """The sender of the signal waits for this."""
        with self._turn:
            self.holder = structs.replace(self.holder, stopped_at=time.monotonic_ns())
            self._sign()

    def _open(self) -> int:
        return os.open(self._folder / "show.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _holds(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._folder / "show.lock"), os.fstat(self._lock))
        except OSError:
            return False

    def _hold_again(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = self._open()
        if not _lock_soon(lock):
            os.close(lock)
            other = holder(self._folder)
            self.lost = other is not None and other.pid != self.holder.pid
            return
        before, self._lock = self._lock, lock
        self._signed = False
        os.close(before)

    def _sign(self) -> None:
        """Raises OSError; until it succeeds, `restore` tries again."""
        self._signed = False
        os.pwrite(self._lock, msgspec.json.encode(self.holder).ljust(_RECORD_BYTES), 0)
        self._signed = True

    def _tell(self) -> None:
        part = self._folder / "show.json.part"
        with part.open("wb") as file:
            file.write(self._told)
            file.flush()
            written = _which(os.fstat(file.fileno()))  # looked at once it stands there, it may be cut off already
        part.replace(self._folder / "show.json")
        self._written = written

    def _seen(self) -> tuple[int, int, int] | None:
        """Which file stands there now, and when it was last written: cheaper than to read it twice a second."""
        try:
            return _which((self._folder / "show.json").stat())
        except OSError:
            return None


def _which(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def farewell(folder: Path, pid: int) -> Path:
    """A mark that somebody wants the end of this show, whatever it takes; the next one clears it away."""
    return folder / f"{_FAREWELL}{pid}"


def running(home: Home) -> list[ShowFile]:
    """Every show of this home that lives now."""
    return [show for folder in sorted((home.root / "state").glob("*")) if (show := alive(folder)) is not None]


def starting(home: Home) -> bool:
    """Whether some show holds its lock, but cannot be asked yet."""
    return any(held(f) for f in (home.root / "state").glob("*") if _read(f / "show.json") is None)


def alive(folder: Path) -> ShowFile | None:
    """The show of one rig's state folder, if its lock is held."""
    show = _read(folder / "show.json")
    return show if show is not None and held(folder) else None


def held(folder: Path) -> bool:
    """Whether a show of this rig lives, ready to be asked or not.

    Looks with a shared lock: two who only look at the same moment do not take each other for a show.
    """
    try:
        lock = os.open(folder / "show.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return _is_written(folder)
    try:
        return not try_lock(lock, shared=True) or _is_written(folder)
    finally:
        os.close(lock)


def _is_written(folder: Path) -> bool:
    """For the moment in which the lock has been taken away: whether the process lives all the same."""
    show = _read(folder / "show.json")
    return show is not None and show.holder.lives


def holder(folder: Path) -> Holder | None:
    """The process behind a show of this rig, if it is known for sure."""
    if not held(folder):
        return None
    try:
        found = msgspec.json.decode((folder / "show.lock").read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        found = show.holder if (show := _read(folder / "show.json")) is not None else Holder(pid=0)
    return found if found.lives else None


def _lock_soon(lock: int) -> bool:
    """Somebody who only looks whether a show runs holds the lock for a moment."""
    for _ in range(10):
        if try_lock(lock):
            return True
        time.sleep(0.02)
    return False


def _read(path: Path) -> ShowFile | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ShowFile)
    except (OSError, msgspec.DecodeError):
        return None
