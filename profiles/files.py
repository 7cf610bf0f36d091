"""Files that are replaced as a whole, and locks that the kernel lets go of."""

import fcntl
import os
from pathlib import Path


def replace_file(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write `content` beside `path` and put it in its place: a reader, and a crash, finds the old file or the new one.

    Two processes may do so at the same moment; the later one wins. `private`: only its owner may read it, from its
    first moment and whatever the umask says. Not synced to the disk, which may take a second on a memory card. Raises
    OSError; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if private else 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if private:
                os.fchmod(descriptor, 0o600)
            file.write(content)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file, without waiting: exclusively, or `shared` with others who only look."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
