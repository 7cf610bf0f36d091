"""The show's own log, beside those of its services."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from time import gmtime

_MOST = 10_000
"""Lines that wait for a disk; what is said beyond is lost."""
_END_S = 1.0
"""The last lines get so long to be written."""


class _ShowLog(logging.FileHandler):
    """Opened with the first word, and again with the next where that failed: a full disk costs words alone."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)


class _Aside(logging.Handler):
    """Writes in a thread of its own: a disk may hang, and who stops a motor must not wait for it."""

    def __init__(self, file: logging.Handler) -> None:
        super().__init__()
        self._file = file
        self._lines: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="show log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() >= _MOST:
            return
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self._lines.put(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        """Raises OSError. A disk that still hangs keeps the last lines; the thread ends with the process."""
        self._lines.put(None)
        self._thread.join(_END_S)
        super().close()
        if not self._thread.is_alive():
            self._file.close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            self._file.handle(line)


@contextlib.contextmanager
def show_log(path: Path) -> Iterator[None]:
    """The show's own words and every traceback go here, never to an operator's screen."""
    handler = _Aside(_ShowLog(path, delay=True, encoding="utf-8", errors="backslashreplace"))
    words = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    words.converter = gmtime  # as the shims stamp the lines of the services: all logs are merged by it
    words.default_time_format, words.default_msec_format = "%Y-%m-%dT%H:%M:%S", "%s.%03dZ"
    handler.setFormatter(words)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
        with contextlib.suppress(OSError):  # a full disk must not hide why the show ended
            handler.close()
