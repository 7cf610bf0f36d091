"""A unix socket with a name, which anybody may take away: a login manager, a cleaner, a person (stdlib only)."""

import contextlib
import os
import socket
import stat

LONGEST = 100
"""Bytes of a path: the system's limit is 104 to 108, and `early` has one more."""


class NamedSocket:
    """Bound, and listening if it is a stream. What was there before is taken for a dead one's."""

    def __init__(self, path: str, kind: int = socket.SOCK_STREAM, backlog: int = 128) -> None:
        """Raises OSError. The name is given last: what is found by it takes calls already."""
        early = f"{path}~"
        make_folder(os.path.dirname(path))
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, kind)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(early)  # of one that was killed in this very place
            self.socket.bind(early)
            os.chmod(early, 0o600)
            if kind == socket.SOCK_STREAM:
                self.socket.listen(backlog)
            os.replace(early, path)
            self._known = _identity(path)
        except BaseException:
            self.socket.close()
            raise

    @property
    def stands(self) -> bool:
        """Whether its name still leads to it."""
        try:
            return _identity(self.path) == self._known
        except OSError:
            return False

    def forget(self) -> None:
        """Takes its name away, unless that is another one's by now."""
        with contextlib.suppress(OSError):
            if self.stands:
                os.unlink(self.path)

    def close(self) -> None:
        self.forget()
        self.socket.close()


def make_folder(folder: str) -> None:
    """For sockets: closed to others if it has to be made, and never one that another user has put there, neither as a
    folder nor as a link to one. Raises PermissionError.
    """
    with contextlib.suppress(FileExistsError):
        os.makedirs(folder, mode=0o700)
    named, found = os.lstat(folder), os.stat(folder)
    if not stat.S_ISDIR(found.st_mode) or {named.st_uid, found.st_uid} - {0, os.getuid()}:
        raise PermissionError(1, "this is not a folder of ours", folder)


def _identity(path: str) -> tuple[int, int, int]:
    """The number of a file comes round again, but not at the same moment."""
    found = os.lstat(path)
    return found.st_dev, found.st_ino, found.st_ctime_ns
