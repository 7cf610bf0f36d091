"""Events and turns on disk, one JSON line each, as they happen."""

import logging
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType

import msgspec

from conversation.events import Event, TurnEnded

_LOG = logging.getLogger(__name__)


class EventLog:
    """`events.jsonl` and `turns.jsonl` of one run. A full disk costs what is said meanwhile, never the show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, FileIO] = {}
        self.missed = False
        """The last event could not be kept."""

    def __enter__(self) -> "EventLog":
        with suppress(OSError):  # tried again with each event
            for name in ("events", "turns"):
                self._open(name)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for file in self._files.values():
            with suppress(OSError):
                file.close()

    def write(self, event: Event, line: bytes) -> None:
        try:
            self._append("events", line)
            if isinstance(event, TurnEnded):
                self._append("turns", msgspec.json.encode(event) + b"\n")
        except OSError as error:
            if not self.missed:
                _LOG.warning("events cannot be logged (%s); free disk space", error)
            self.missed = True
        else:
            self.missed = False

    def _append(self, name: str, line: bytes) -> None:
        """All of a line or nothing: a half one would spoil the next."""
        file = self._files.get(name) or self._open(name)
        size = os.fstat(file.fileno()).st_size
        if (file.write(line) or 0) < len(line):
            file.truncate(size)
            raise OSError("a line did not fit")

    def _open(self, name: str) -> FileIO:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self._files[name] = FileIO(self.folder / f"{name}.jsonl", "ab")
        return file
