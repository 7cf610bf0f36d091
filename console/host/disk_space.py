"""Whether there is room where a show writes, in plain words; and a watch over it while a show runs."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from console.api.events import DiskChanged
from console.host.event_log import EventLog
from profiles.home import Home

_LITTLE, _FEW, _FEW_SHARE = 64 << 10, 50_000_000, 0.05
_PROBE = bytes(8192)
_LOOK_S = 5.0


class DiskProblem(Struct, frozen=True):
    """What is wrong with a place, and what to do."""

    detail: str
    mend: str
    low: bool = False
    """It only becomes scarce."""


def places(home: Home, rig: str, logs: Path) -> list[Path]:
    """Where a show of this rig writes; of several on one disk the first speaks for all."""
    found = [home.root, home.state(rig), logs, home.models, home.envs, home.cache]
    with suppress(OSError):
        found.append(home.socket(rig, "show").parent)
    return found


def lacks(folders: Iterable[Path], look: Callable[[Path], DiskProblem | None]) -> dict[Path, DiskProblem]:
    """What is wrong with each of these; the same of two on one disk is told once."""
    found, told = dict[Path, DiskProblem](), set[tuple[int, str]]()
    for folder in folders:
        try:
            lack = look(folder)
            disk = nearest(folder).stat().st_dev if lack is not None else 0
        except OSError as error:  # a disk that dies, a mount that is gone: to be told, and no reason to end a show
            lack, disk = words(error, folder), 0
        if lack is not None and (key := (disk, lack.mend)) not in told:
            told.add(key)
            found[folder] = lack
    return found


def nearest(folder: Path) -> Path:
    """Itself, or the folder above it that is there."""
    return next(place for place in (folder, *folder.parents) if os.path.exists(place))  # which never raises


def glance(folder: Path) -> DiskProblem | None:
    """Without writing: what the system says of the disk."""
    there = nearest(folder)
    try:
        disk = os.statvfs(there)
    except OSError as error:
        return words(error, folder)
    free = disk.f_frsize * (disk.f_bfree if os.getuid() == 0 else disk.f_bavail)
    if disk.f_flag & os.ST_RDONLY:
        return words(OSError(errno.EROFS, ""), folder)
    if free < _LITTLE or (disk.f_files and not (disk.f_ffree if os.getuid() == 0 else disk.f_favail)):
        return words(OSError(errno.ENOSPC, ""), folder)
    if not there.is_dir():
        return words(OSError(errno.ENOTDIR, ""), there)
    if not os.access(there, os.W_OK | os.X_OK):
        return words(OSError(errno.EACCES, ""), folder)
    if free < min(_FEW, _FEW_SHARE * disk.f_frsize * disk.f_blocks):
        return DiskProblem(f"the disk of {folder} is nearly full", "free some space there", low=True)
    return None


def trial(folder: Path) -> DiskProblem | None:
    """By writing: a quota, too, and whatever else nobody tells."""
    path = nearest(folder) / f".galactus-{os.getpid()}~"
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if os.write(file, _PROBE) < len(_PROBE):
                raise OSError(errno.ENOSPC, "")
        finally:
            os.close(file)  # some network disks only tell now
    except OSError as error:
        return words(error, folder)
    finally:
        with suppress(OSError):
            path.unlink()
    return glance(folder)


def words(error: OSError, folder: Path) -> DiskProblem:
    """Why nothing can be written there."""
    elsewhere = "or set GALACTUS_HOME to another one"
    match error.errno:
        case errno.ENOSPC if _no_files_left(folder):
            return DiskProblem(f"the disk of {folder} can take no more files", f"delete some there, {elsewhere}")
        case errno.ENOSPC:
            return DiskProblem(f"the disk of {folder} is full", f"free some space there, {elsewhere}")
        case errno.EDQUOT:
            return DiskProblem(f"your share of the disk of {folder} is used up", f"free some space there, {elsewhere}")
        case errno.EROFS:
            return DiskProblem(f"the disk of {folder} can only be read", f"mount it for writing, {elsewhere}")
        case errno.EACCES | errno.EPERM:
            return DiskProblem(f"{folder} cannot be written", f"give it to you, {elsewhere}")
        case errno.ENOTDIR | errno.EEXIST:
            return DiskProblem(f"{folder} is not a folder", f"remove it, {elsewhere}")
    return DiskProblem(f"{folder} cannot be written ({os.strerror(error.errno or 0)})", f"mend that disk, {elsewhere}")


def of_error(error: OSError, otherwise: Path) -> DiskProblem:
    """The same for an error that has happened: its file says which disk."""
    name = error.filename if isinstance(error.filename, str) else ""
    return words(error, Path(name).absolute().parent if name else otherwise)


def _no_files_left(folder: Path) -> bool:
    with suppress(OSError):
        disk = os.statvfs(nearest(folder))
        return bool(disk.f_files) and not disk.f_ffree and disk.f_bfree * disk.f_frsize > _LITTLE
    return False


class RoomWatch:
    """Tells of each place that can no longer be written, and when it can again."""

    def __init__(self, folders: Iterable[Path], log: "EventLog", publish: Callable[[DiskChanged], None]) -> None:
        self._folders, self._log, self._publish = tuple(folders), log, publish
        self._told: dict[Path, DiskProblem] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._tell(await asyncio.to_thread(lacks, self._folders, self._look))
            await asyncio.sleep(_LOOK_S)

    def _look(self, folder: Path) -> DiskProblem | None:
        """A glance costs nothing; what only shows in writing has shown in the log."""
        lack = glance(folder)
        return trial(folder) if lack is None and folder == self._log.folder and self._log.missed else lack

    def _tell(self, now: dict[Path, DiskProblem]) -> None:
        for folder in self._told.keys() - now.keys():
            self._publish(DiskChanged(folder=str(folder)))
        for folder, lack in now.items():
            if self._told.get(folder) != lack:
                self._publish(DiskChanged(folder=str(folder), detail=lack.detail, mend=lack.mend, low=lack.low))
        self._told = now
