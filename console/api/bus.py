"""One stream of events with many readers: publish here, subscribe = the state so far, then everything after it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic, time
from typing import Any

import msgspec

from console.api.state import ShowState, reduce
from conversation.events import Event

VERSION = 1
Telemetry = bool | frozenset[str]
"""All of it, none of it, or these kinds."""
_BACKLOG = 2000
"""Events a reader may lag behind before it is let go; it comes back and gets a snapshot."""


class Subscription:
    """One reader. Events come in order, none left out; telemetry is only the latest of each kind."""

    def __init__(self, telemetry: Telemetry, on_lag: Callable[[], None]) -> None:
        self._telemetry, self._on_lag = telemetry, on_lag
        self.lagged = self.closed = False
        self._lines: deque[bytes] = deque()
        self._latest: dict[tuple[str, str], bytes] = {}
        self._wake = asyncio.Event()

    def put(self, line: bytes) -> None:
        if len(self._lines) >= _BACKLOG:
            if not self.lagged:
                self._on_lag()
            self.lagged = True
        else:
            self._lines.append(line)
        self._wake.set()

    def wants(self, kind: str) -> bool:
        return self._telemetry is True or (self._telemetry is not False and kind in self._telemetry)

    def put_latest(self, kind: str, key: str, line: bytes) -> None:
        if self.wants(kind):
            self._latest[kind, key] = line
            self._wake.set()

    def close(self) -> None:
        """`lines` ends after what is already there."""
        self.closed = True
        self._wake.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """JSON lines, until closed, or until the reader lags too far behind."""
        while not self.lagged:
            await self._wake.wait()
            self._wake.clear()
            while self._lines:
                yield self._lines.popleft()
            if self.closed:
                return
            latest, self._latest = self._latest, {}
            for line in latest.values():
                yield line


class Bus:
    """Single-threaded: everything happens on the event loop, so no event falls between snapshot and stream."""

    def __init__(self) -> None:
        self.state = ShowState()
        self._seq = 0
        self._began = monotonic()
        self._latest: dict[tuple[str, str], bytes] = {}
        self._sinks: list[Callable[[Event, bytes], None]] = []
        self._subscribers: list[Subscription] = []
        self._arrivals: list[Callable[[], None]] = []

    def add_sink(self, sink: Callable[[Event, bytes], None]) -> None:
        """Called at once with each event and its JSON line; must be quick and must not raise."""
        self._sinks.append(sink)

    def on_arrival(self, call: Callable[[], None]) -> None:
        """Called whenever somebody subscribes."""
        self._arrivals.append(call)

    @contextmanager
    def listening(self, sink: Callable[[Event, bytes], None]) -> Iterator[None]:
        """A sink for the time of a block."""
        self._sinks.append(sink)
        try:
            yield
        finally:
            self._sinks.remove(sink)

    def publish(self, event: Event) -> None:
        self._seq += 1
        stamp = self._stamp()
        self.state = reduce(self.state, event, stamp["t_mono_ms"])
        line = msgspec.json.encode(stamp | msgspec.to_builtins(event)) + b"\n"
        for sink in tuple(self._sinks):
            sink(event, line)
        for subscriber in self._subscribers:
            subscriber.put(line)

    def telemetry(self, kind: str, key: str, value: Any) -> None:
        """Latest wins, per `kind` and `key`; never logged, never folded. A new reader gets the latest at once."""
        line = msgspec.json.encode({"telemetry": kind, "key": key, **msgspec.to_builtins(value)}) + b"\n"
        self._latest[kind, key] = line
        for subscriber in self._subscribers:
            subscriber.put_latest(kind, key, line)

    def forget(self, kind: str, key: str) -> None:
        """It is of no interest to those who come later."""
        self._latest.pop((kind, key), None)

    def watched(self, kind: str) -> bool:
        """Whether anybody reads this telemetry."""
        return any(s.wants(kind) for s in self._subscribers)

    @property
    def began(self) -> float:
        """Wall-clock time of ms 0, seconds since 1970."""
        return time() - self._ms() / 1000

    def snapshot(self) -> dict[str, Any]:
        """The state, and the `seq` of the last event in it."""
        return {"v": VERSION, "seq": self._seq, "t_mono_ms": self._ms(), "snapshot": msgspec.to_builtins(self.state)}

    @contextmanager
    def subscribe(
        self, telemetry: Telemetry = True, on_lag: Callable[[], None] = lambda: None
    ) -> Iterator[Subscription]:
        """The first line is the snapshot. `on_lag`: called once if the reader falls too far behind to be served."""
        subscriber = Subscription(telemetry, on_lag)
        subscriber.put(msgspec.json.encode(self.snapshot()) + b"\n")
        for (kind, key), line in self._latest.items():
            subscriber.put_latest(kind, key, line)
        self._subscribers.append(subscriber)
        for call in self._arrivals:
            call()
        try:
            yield subscriber
        finally:
            self._subscribers.remove(subscriber)

    def _stamp(self) -> dict[str, Any]:
        wall = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"v": VERSION, "seq": self._seq, "t_mono_ms": self._ms(), "wall": wall}

    def _ms(self) -> float:
        return round((monotonic() - self._began) * 1000, 1)
