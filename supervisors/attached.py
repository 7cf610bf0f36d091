"""A service that somebody else runs: probed like our own, never started, never stopped."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from supervisors import probes
from supervisors.service import Clock, Gate, Service, open_gate
from supervisors.spec import AttachedSpec, OnStatus
from supervisors.states import ServiceState

_log = logging.getLogger(__name__)

PROBE_S = 1.0
MISSES = 3


class AttachedService(Service):
    """READY while it answers, DEGRADED while it does not, STOPPED while nobody looks; to restart it is to look anew."""

    def __init__(
        self,
        spec: AttachedSpec,
        on_status: OnStatus,
        *,
        on_progress: Callable[[str, Any], None] = lambda name, progress: None,
        gate: Gate = open_gate,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(spec.name, spec.role, on_status, gate, clock, probes.port_of(spec.base_url))
        self.spec, self._on_progress = spec, on_progress
        self._suspicion = ""
        self._met = False

    @property
    def base_url(self) -> str | None:
        return self.spec.base_url.rstrip("/")

    async def _live(self) -> None:
        await self._wait_turn()
        self._become(ServiceState.STARTING)
        url = self.spec.base_url.rstrip("/") + self.spec.health_path
        misses = 0
        while True:
            status = await probes.health(url, self.spec.key)
            if status == 200:
                misses = 0
                if self._status.state is not ServiceState.READY or self._suspicion:
                    await self._greet()
            elif not self.spec.busy():
                misses += 1
            if misses >= MISSES or (misses and self._status.state is ServiceState.STARTING):
                self._become(ServiceState.DEGRADED, last_error=self._complaint(status, url))
            await asyncio.sleep(PROBE_S)

    def suspect(self, why: str) -> None:
        self._suspicion = why

    async def _drain(self) -> None:
        """It goes on without us."""

    async def _end(self) -> None:
        await super()._end()
        met, self._met = self._met, False
        if met and not self._leaving:
            try:
                await self.spec.leave(self.spec.base_url.rstrip("/"))
            except Exception:  # The caller's; our own end must not wait for what is wrong there.
                _log.info("no farewell from %s", self.spec.name, exc_info=True)

    async def _greet(self) -> None:
        if self._status.state not in (ServiceState.DEGRADED, ServiceState.READY):
            self._become(ServiceState.LOADING)
        self._suspicion, self._met = "", True
        try:
            await self.spec.prepare(self._tell)
            if self._status.state is ServiceState.FETCHING:
                self._become(ServiceState.LOADING)
            await self.spec.canary(self.spec.base_url.rstrip("/"))
        except Exception as error:  # The caller's, with errors of its own; `str()` of each is a plain line.
            self._become(ServiceState.DEGRADED, last_error=str(error) or type(error).__name__)
        else:
            self._become(ServiceState.READY)

    def _tell(self, progress: Any) -> None:
        """Only what takes its time shows; one that fails at once again and again shall not flicker."""
        self._become(ServiceState.FETCHING)
        self._on_progress(self.spec.name, progress)

    def _complaint(self, status: int | None, url: str) -> str:
        if status in (401, 403):
            return f"{self.spec.name}: the server {self.spec.locked}"
        silent = f"nothing answers at {url}"
        if url.startswith("https:"):
            silent += ", or its certificate is not trusted here"
        said = f"{url} says {status} instead of 200" if status else silent
        return f"{self.spec.name}: {said}; start that server or correct its address in the rig"
