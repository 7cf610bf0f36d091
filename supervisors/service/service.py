"""One task owns one service: every verb is a message to it, and every wait in its life ends at a stop."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from typing import Any

from msgspec.structs import replace

from supervisors.spec import OnStatus, ServiceStatus
from supervisors.states import ServiceState

Gate = Callable[[], Awaitable[None]]
Clock = Callable[[], float]


NO_PROCESS: Mapping[str, None] = {"pid": None, "shim_pid": None, "rss_bytes": None}
"""What the status of a service says while it has no process."""


class Verb(Enum):
    START = auto()
    STOP = auto()
    RESTART = auto()
    QUIT = auto()


async def open_gate() -> None:
    """For a service that waits for nobody."""


class Service(ABC):
    """Something that lives between `start` and `stop`, while `run` runs."""

    def __init__(
        self,
        name: str,
        role: str,
        on_status: OnStatus,
        gate: Gate,
        clock: Clock = time.monotonic,
        port: int | None = None,
        key: str = "",
    ) -> None:
        self.name, self.key = name, key or name
        self._on_status, self._gate, self._clock = on_status, gate, clock
        self._inbox: asyncio.Queue[tuple[Verb, asyncio.Future[None] | None]] = asyncio.Queue()
        self._life: asyncio.Task[None] | None = None
        self._over = False
        self._leaving = False
        self._status = ServiceStatus(name=name, role=role, state=ServiceState.STOPPED, since=clock(), port=port)

    @property
    def status(self) -> ServiceStatus:
        return self._status

    @property
    @abstractmethod
    def base_url(self) -> str | None:
        """Where it is reached; None before its first start."""

    def report_to(self, on_status: OnStatus) -> None:
        """From now on another one hears of its changes."""
        self._on_status = on_status

    @abstractmethod
    async def _live(self) -> None:
        """From start to the end; a stop cancels it, and it leaves nothing behind."""

    def start(self) -> None:
        """Also starts a FAILED service again, and ends the wait of a BACKOFF; one that runs is left as it is."""
        self._inbox.put_nowait((Verb.START, None))

    def restart(self) -> None:
        """Stop and start, also of a service that does not run."""
        self._inbox.put_nowait((Verb.RESTART, None))

    async def stop(self) -> None:
        """Returns when nothing of it is left."""
        if self._over:
            return
        done = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait((Verb.STOP, done))
        await done

    @abstractmethod
    def suspect(self, why: str) -> None:
        """Something speaks against it ("THINKING failed"): it is asked for a real answer at once."""

    def leave(self) -> None:
        """The show is about to crash: what runs is not to be stopped any more, but left for the next show."""
        self._leaving = True

    def quit(self) -> None:
        """Ends `run`, and with it the service."""
        self._inbox.put_nowait((Verb.QUIT, None))

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._obey(tasks)
        finally:
            self._over = True
            while not self._inbox.empty():
                _answer(self._inbox.get_nowait()[1])

    async def _obey(self, tasks: asyncio.TaskGroup) -> None:
        verb = None
        while verb is not Verb.QUIT:
            verb, done = await self._inbox.get()
            try:
                begins = verb is Verb.RESTART or (verb is Verb.START and self._may_start())
                if begins or verb is not Verb.START:
                    await self._end()
                if begins:
                    self._forget()
                    self._life = tasks.create_task(self._live(), name=f"service {self.name}")
            finally:
                _answer(done)

    async def _wait_turn(self) -> None:
        if self._gate is not open_gate:
            self._become(ServiceState.WAITING)
            await self._gate()

    def _may_start(self) -> bool:
        return self._life is None or self._life.done() or self._status.state is ServiceState.BACKOFF

    def _forget(self) -> None:
        """The operator starts it: what was is forgotten."""
        self._status = replace(self._status, last_error=None)

    async def _end(self) -> None:
        if self._life:
            if not (self._life.done() or self._leaving):
                await self._drain()
            self._life.cancel()
            await asyncio.wait([self._life])
            self._life = None
        self._become(ServiceState.STOPPED, **NO_PROCESS)

    @abstractmethod
    async def _drain(self) -> None:
        """Let what it is doing for us come to its end; no longer than until the next verb."""

    def _become(self, state: ServiceState, **changes: Any) -> None:
        since = self._status.since if state is self._status.state else self._clock()
        changed = replace(self._status, state=state, since=since, **changes)
        if changed != self._status:
            self._status = changed
            self._on_status(changed)


def _answer(done: asyncio.Future[None] | None) -> None:
    if done and not done.done():
        done.set_result(None)
