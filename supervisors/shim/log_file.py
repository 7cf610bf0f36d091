"""The log of one service: every byte it says, one time stamp a line, in three files at most (stdlib only)."""

import os
import time

LINE_CAP = 64 * 1024
TAIL = 16 * 1024


class LogFile:
    """Writes what it is given and never fails: a full disk costs lines, which are counted, never the service."""

    def __init__(self, path: str, limit: int = 20_000_000, keep: int = 3) -> None:
        self.path, self._limit, self._keep = path, limit, keep
        self._file = -1
        self._size = 0
        self._column = 0
        self._tail = b""
        self.lost = 0
        self._open()

    def write(self, data: bytes) -> None:
        """`data` is one read from the pipe. Stamps cost one `replace` a read, whatever the number of lines."""
        self._tail = (self._tail + data)[-TAIL:]
        now = _head()
        head = data.find(b"\n")
        start = now if self._column == 0 else b""
        if self._column + (len(data) if head < 0 else head) > LINE_CAP and self._column:
            start = b"\n" + now
            self._column = 0
        ends = data.endswith(b"\n")
        body = data[:-1] if ends else data
        self._put(start + body.replace(b"\n", b"\n" + now) + (b"\n" if ends else b""))
        self._column = len(data) - data.rfind(b"\n") - 1 if head >= 0 else self._column + len(data)

    def note(self, text: str) -> None:
        """A line of our own, apart from what the service says."""
        self._put((b"\n" if self._column else b"") + _head() + b"[shim] " + text.encode() + b"\n")
        self._column = 0

    def move(self, path: str) -> None:
        """Go on in another file; both say so."""
        if path == self.path:
            return
        before = self.path
        self.note(f"goes on in {path}")
        self.close()
        self.path, self._column = path, 0
        self._open()
        self.note(f"began in {before}")

    @property
    def tail(self) -> str:
        """The last words, for the explanation of an exit; from memory, for the disk may be full."""
        return self._tail.decode("utf-8", "replace")

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _put(self, data: bytes) -> None:
        if self._size + len(data) > self._limit:
            self._rotate()
        try:
            if self._file < 0:
                self._open()
            self._size += os.write(self._file, data)
        except OSError:
            self.lost += data.count(b"\n")

    def _open(self) -> None:
        try:
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._file).st_size
        except OSError:
            self._file = -1

    def _rotate(self) -> None:
        self.close()
        for n in range(self._keep - 1, 0, -1):
            older = f"{self.path}.{n}"
            newer = f"{self.path}.{n - 1}" if n > 1 else self.path
            try:
                os.replace(newer, older)
            except OSError:
                continue
        self._size = 0
        self._open()


def stamp() -> str:
    """Now, as at the head of each line: UTC, ISO 8601 with milliseconds."""
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1_000_000:03d}Z"


def _head() -> bytes:
    return f"{stamp()} ".encode()
