"""A service that somebody else runs: probed like our own, never started, never stopped."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from msgspec.structs import replace

from supervisors import probes
from supervisors.spec import AttachedSpec, OnStatus, ServiceStatus
from supervisors.states import ServiceState

PROBE_S = 1.0
MISSES = 3


async def _at_once() -> None:
    """The gate of a service that waits for nobody."""


class AttachedService:
    """READY while it answers, DEGRADED while it does not, STOPPED while nobody looks."""

    def __init__(
        self,
        spec: AttachedSpec,
        client: httpx.AsyncClient,
        on_status: OnStatus,
        *,
        gate: Callable[[], Awaitable[None]] = _at_once,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec = spec
        self._client, self._on_status, self._gate, self._clock = client, on_status, gate, clock
        self._inbox: asyncio.Queue[tuple[bool | None, asyncio.Future[None] | None]] = asyncio.Queue()
        self._status = ServiceStatus(
            name=spec.name,
            role=spec.role,
            state=ServiceState.STOPPED,
            since=clock(),
            port=httpx.URL(spec.base_url).port,
        )

    @property
    def status(self) -> ServiceStatus:
        return self._status

    @property
    def base_url(self) -> str | None:
        return self.spec.base_url

    def start(self) -> None:
        self._inbox.put_nowait((True, None))

    def restart(self) -> None:
        """It is not ours to restart; it is asked anew whether it is ready."""
        self._inbox.put_nowait((False, None))
        self._inbox.put_nowait((True, None))

    async def stop(self) -> None:
        done = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait((False, done))
        await done

    def quit(self) -> None:
        self._inbox.put_nowait((None, None))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            life: asyncio.Task[None] | None = None
            wanted: bool | None = False
            while wanted is not None:
                wanted, done = await self._inbox.get()
                if not wanted and life:
                    life.cancel()
                    await asyncio.wait([life])
                    life = None
                    self._become(ServiceState.STOPPED)
                if wanted and life is None:
                    life = tasks.create_task(self._look(), name=f"attached {self.spec.name}")
                if done and not done.done():
                    done.set_result(None)

    async def _look(self) -> None:
        self._become(ServiceState.WAITING)
        await self._gate()
        self._become(ServiceState.STARTING)
        url = self.spec.base_url.rstrip("/") + self.spec.health_path
        misses = 0
        while True:
            status = await probes.health(self._client, url)
            if status == 200:
                misses = 0
                if self._status.state is not ServiceState.READY:
                    await self._greet()
            elif not self.spec.busy():
                misses += 1
            if misses >= MISSES or (misses and self._status.state is ServiceState.STARTING):
                self._become(ServiceState.DEGRADED, last_error=self._complaint(status, url))
            await asyncio.sleep(PROBE_S)

    async def _greet(self) -> None:
        if self._status.state is not ServiceState.DEGRADED:
            self._become(ServiceState.LOADING)
        try:
            await self.spec.canary(self.spec.base_url.rstrip("/"))
        except Exception as error:  # The caller's, with errors of its own; `str()` of each is a plain line.
            self._become(ServiceState.DEGRADED, last_error=str(error) or type(error).__name__)
        else:
            self._become(ServiceState.READY)

    def _complaint(self, status: int | None, url: str) -> str:
        said = f"{url} says {status} instead of 200" if status else f"nothing answers at {url}"
        return f"{self.spec.name}: {said}; start that server or correct its address in the rig"

    def _become(self, state: ServiceState, **changes: Any) -> None:
        since = self._status.since if state is self._status.state else self._clock()
        changed = replace(self._status, state=state, since=since, **changes)
        if changed != self._status:
            self._status = changed
            self._on_status(changed)
