"""The show's own log, beside those of its services."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from time import gmtime


class _ShowLog(logging.FileHandler):
    """Opened with the first word, and again with the next where that failed: a full disk costs words alone."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)


@contextlib.contextmanager
def show_log(path: Path) -> Iterator[None]:
    """The show's own words and every traceback go here, never to an operator's screen."""
    handler = _ShowLog(path, delay=True, encoding="utf-8", errors="backslashreplace")
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
