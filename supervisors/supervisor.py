"""One task that owns one service: every verb is a message to it, and every wait in it ends at a stop."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Any

import httpx
from msgspec.structs import replace

from supervisors import probes, tending
from supervisors.errors import ServiceError
from supervisors.exits import describe
from supervisors.probes import PortTaken
from supervisors.process import ShimProcess, spawn
from supervisors.restart import RestartPolicy, RestartRules
from supervisors.spec import OnStatus, Places, ServiceSpec, ServiceStatus
from supervisors.states import ServiceState

_log = logging.getLogger(__name__)

PORT_PATIENCE_S = 1.0
"""A tree that has just been killed may hold its port a moment longer."""


class Verb(Enum):
    START = auto()
    STOP = auto()
    RESTART = auto()
    QUIT = auto()


async def _at_once() -> None:
    """The gate of a service that waits for nobody."""


class Supervisor:
    """Starts, watches, restarts and stops the service of one spec while `run` runs."""

    def __init__(
        self,
        spec: ServiceSpec,
        places: Places,
        client: httpx.AsyncClient,
        on_status: OnStatus,
        *,
        on_progress: Callable[[str, Any], None] = lambda name, progress: None,
        gate: Callable[[], Awaitable[None]] = _at_once,
        rules: RestartRules | None = None,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec = spec
        self._places, self._client = places, client
        self._on_status, self._on_progress, self._gate = on_status, on_progress, gate
        self._clock = clock
        self._policy = RestartPolicy(rules or RestartRules(), clock, rng or random.Random())
        self._inbox: asyncio.Queue[tuple[Verb, asyncio.Future[None] | None]] = asyncio.Queue()
        self._port = spec.port
        self._ready_at: float | None = None
        self._life: asyncio.Task[None] | None = None
        self._status = ServiceStatus(
            name=spec.name, role=spec.role, state=ServiceState.STOPPED, since=clock(), port=spec.port or None
        )

    @property
    def status(self) -> ServiceStatus:
        return self._status

    @property
    def base_url(self) -> str | None:
        return f"http://127.0.0.1:{self._port}" if self._port else None

    def start(self) -> None:
        """Also lets a HELD service go, and ends the wait of a BACKOFF; one that runs is left as it is."""
        self._inbox.put_nowait((Verb.START, None))

    def restart(self) -> None:
        self._inbox.put_nowait((Verb.RESTART, None))

    async def stop(self) -> None:
        """Returns when nothing of it is left."""
        done = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait((Verb.STOP, done))
        await done

    def quit(self) -> None:
        """Ends `run`, and with it the service."""
        self._inbox.put_nowait((Verb.QUIT, None))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            verb = None
            while verb is not Verb.QUIT:
                verb, done = await self._inbox.get()
                if verb in (Verb.STOP, Verb.QUIT, Verb.RESTART):
                    await self._end()
                if verb is Verb.RESTART or (verb is Verb.START and self._may_start()):
                    await self._end()
                    self._policy.reset()
                    self._status = replace(self._status, last_error=None)
                    self._life = tasks.create_task(self._live(), name=f"service {self.spec.name}")
                if done and not done.done():
                    done.set_result(None)

    def _may_start(self) -> bool:
        return self._life is None or self._life.done() or self._status.state is ServiceState.BACKOFF

    async def _end(self) -> None:
        if self._life:
            self._life.cancel()
            await asyncio.wait([self._life])
            self._life = None
        self._become(ServiceState.STOPPED)

    # The life of the service: one pass is one process.

    async def _live(self) -> None:
        while True:
            held = False
            self._ready_at = None
            try:
                reason = await self._once()
            except PortTaken as taken:
                reason, held = str(taken), True
            except ServiceError as error:
                reason = str(error)
            except Exception as error:  # `prepare` and `command` are the caller's, with errors of their own.
                _log.info("service %s failed", self.spec.name, exc_info=True)
                reason = str(error).strip() or type(error).__name__
            ready_s = self._clock() - self._ready_at if self._ready_at is not None else 0.0
            delay = None if held else self._policy.crashed(ready_s)
            if delay is None:
                self._become(ServiceState.HELD, last_error=reason, pid=None, shim_pid=None, rss_bytes=None)
                return
            self._become(
                ServiceState.BACKOFF,
                last_error=reason,
                pid=None,
                shim_pid=None,
                rss_bytes=None,
                restarts=self._status.restarts + 1,
            )
            await asyncio.sleep(delay)

    async def _once(self) -> str:
        """From WAITING to the end of one process; returns why it ended."""
        self._become(ServiceState.WAITING)
        await self._gate()
        self._become(ServiceState.FETCHING)
        await self.spec.prepare(lambda progress: self._on_progress(self.spec.name, progress))
        self._become(ServiceState.STARTING)
        process = await self._spawn()
        self._become(ServiceState.STARTING, pid=process.pid, shim_pid=process.shim_pid, port=process.port)
        try:
            complaint = await self._watch(process)
        except BaseException:
            self._become(ServiceState.STOPPING)
            await process.stop(self.spec.stop_grace_s)
            raise
        crashed = not process.running
        end = await process.stop(self.spec.stop_grace_s)
        return f"{self.spec.name}: {describe(end)}" if crashed or complaint is None else complaint

    async def _spawn(self) -> ShimProcess:
        port = await self._choose_port()
        self._port = port
        spec = self.spec
        return await spawn(
            spec.name,
            spec.command(port),
            self._places,
            port,
            stop_grace_s=spec.stop_grace_s,
            adopt_window_s=spec.adopt_window_s,
        )

    async def _choose_port(self) -> int:
        if not self.spec.port:
            return self._port if self._port and probes.is_free(self._port) else probes.free_port()
        due = self._clock() + PORT_PATIENCE_S
        while not probes.is_free(self.spec.port) and self._clock() < due:
            await asyncio.sleep(0.05)
        if not probes.is_free(self.spec.port):
            raise probes.taken(self.spec.name, self.spec.port)
        return self.spec.port

    async def _watch(self, process: ShimProcess) -> str | None:
        """Until it exits, or until there is a reason to end it, which is returned."""
        async with asyncio.TaskGroup() as tasks:
            tend = tasks.create_task(self._tend(process))
            ended = tasks.create_task(process.wait_exit())
            await asyncio.wait([tend, ended], return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                # What looked like a failed request may be the first sign of a death that is told in a moment.
                await asyncio.wait([ended], timeout=tending.DEATH_NOTICE_S)
            ended.cancel()
            tend.cancel()
        return tend.result() if not tend.cancelled() else None

    async def _tend(self, process: ShimProcess) -> str:
        """Brings it to READY and watches it there; returns what is wrong with it."""
        tender = tending.Tender(self.spec, process, self._client, self._clock)
        try:
            await tender.until_it_listens()
            self._become(ServiceState.LOADING)
            await tender.until_it_answers()
            self._ready_at = self._clock()
            self._become(ServiceState.READY)
            async with asyncio.TaskGroup() as tasks:
                metering = tasks.create_task(self._meter(process))
                complaint = await tender.until_it_is_deaf()
                metering.cancel()
        except ServiceError as error:
            return str(error)
        self._become(ServiceState.DEGRADED, last_error=complaint)
        return complaint

    async def _meter(self, process: ShimProcess) -> None:
        while True:
            self._status = replace(self._status, rss_bytes=probes.tree_rss(process.pid))
            await asyncio.sleep(1.0)

    def _become(self, state: ServiceState, **changes: Any) -> None:
        if state is ServiceState.STOPPED:
            changes |= {"pid": None, "shim_pid": None, "rss_bytes": None}
        since = self._status.since if state is self._status.state else self._clock()
        changed = replace(self._status, state=state, since=since, **changes)
        if changed != self._status:
            self._status = changed
            self._on_status(changed)
