"""Events and turns on disk, one JSON line each, as they happen."""

import logging
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from types import TracebackType

import msgspec

from conversation.events import Event, TurnEnded

_LOG = logging.getLogger(__name__)


class EventLog:
    """`events.jsonl` and `turns.jsonl` of one run. A full disk costs the log, never the show."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: BufferedWriter | None = None
        self._turns: BufferedWriter | None = None

    def __enter__(self) -> "EventLog":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._events = (self._folder / "events.jsonl").open("ab")
        self._turns = (self._folder / "turns.jsonl").open("ab")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for file in (self._events, self._turns):
            if file is not None:
                with suppress(OSError):  # a full disk; each line was flushed, so only the last one can be missing
                    file.close()

    def write(self, event: Event, line: bytes) -> None:
        try:
            if self._events is not None:
                self._events.write(line)
                self._events.flush()
            if isinstance(event, TurnEnded) and self._turns is not None:
                self._turns.write(msgspec.json.encode(event) + b"\n")
                self._turns.flush()
        except OSError:
            _LOG.warning("an event could not be logged; free disk space")
