"""Moving many bytes without stopping the show: copying, hashing, room on the disk, one writer at a time."""

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from launchers.errors import FetchError
from profiles.files import try_lock

CHUNK = 1 << 20
RESERVE = 64 << 20
"""Left free on the disk: the show's own logs need room too."""

OnBytes = Callable[[int], None]


class DiskFull(FetchError):
    """No other source can help; the fetch ends here."""


async def pump(read: Callable[[int], bytes], *sinks: Callable[[bytes], object], on_bytes: OnBytes) -> None:
    """From `read` into every sink, a chunk at a time, each in a thread (0.1 ms a chunk, and cancellable between)."""

    def step() -> int:
        data = read(CHUNK)
        for sink in sinks:
            sink(data)
        return len(data)

    while count := await asyncio.to_thread(step):
        on_bytes(count)


async def sha256_of(path: Path, on_bytes: OnBytes = lambda _: None) -> str:
    """The hash of a whole file; about 1 s a gigabyte."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        await pump(file.read, digest.update, on_bytes=on_bytes)
    return digest.hexdigest()


def sync_to_disk(path: Path) -> None:
    """Bytes, then the name: after a power cut there is the whole file or none."""
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace(part: Path, final: Path) -> None:
    """`part` becomes `final` in one step."""
    sync_to_disk(part)
    os.replace(part, final)
    sync_to_disk(final)


def need_room(folder: Path, needed: int) -> None:
    """Raises DiskFull before the first byte, when `needed` cannot fit."""
    free = shutil.disk_usage(folder).free
    if free < needed + RESERVE:
        raise DiskFull(
            f"the disk is too full: {size(needed + RESERVE)} are needed in {folder} and {size(free)} are free; "
            "make room and fetch again"
        )


@contextmanager
def plain_disk_errors(folder: Path) -> Iterator[None]:
    """An OSError of writing, as one sentence."""
    try:
        yield
    except TimeoutError:
        raise  # an OSError by birth, but it speaks of the network
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull(f"the disk became full while writing to {folder}; make room and fetch again") from error
        shut = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        mend = "check whose it is, or set GALACTUS_HOME" if shut else "mend that and fetch again"
        raise FetchError(f"{error.filename or folder} cannot be used ({error.strerror or error}); {mend}") from error


@asynccontextmanager
async def held(path: Path, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Hold the lock file `path`; `waiting` is called once if another process has it. A killed holder frees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if not try_lock(file.fileno()):
            waiting()
            while not try_lock(file.fileno()):
                await asyncio.sleep(0.2)
        yield


def folder_bytes(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def size(count: int) -> str:
    """For people: 491 MB, 4.8 kB."""
    value, units = float(count), ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}" if value < 1000 else f"{value:.0f} {units[0]}"
