"""A service that somebody else runs: probed like our own, never started, never stopped."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from supervisors.errors import ServiceError
from supervisors.health import probes
from supervisors.service.service import Clock, Gate, Service, open_gate
from supervisors.spec import AttachedSpec, OnStatus
from supervisors.states import ServiceState

_log = logging.getLogger(__name__)

PROBE_S = 1.0
MISSES = 3
LOADS = (502, 503, 504)
"""What a server says that comes up, or a proxy before it."""
LOOK_S, DUE_S, SILENT_S = 5.0, 15.0, 60.0
"""While the canary is waited for: between two looks; until it is told; and of a server that gives no sign of life."""
LONGEST_PAUSE_S = 10.0
"""Between two canaries of a server that fails each: they cost it, and somebody may pay for them."""


class AttachedService(Service):
    """READY while it answers, DEGRADED while it does not, STOPPED while it is not probed; a restart probes it again."""

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
        self._failures, self._next_canary = 0, 0.0
        self._waiting = ""
        """The words that tell of a wait, while they are the last error."""

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
            if probes.lives(status):
                misses = 0
                due = self._clock() >= self._next_canary
                if self._suspicion or (self._status.state is not ServiceState.READY and due):
                    await self._greet()
            elif not self.spec.busy():
                misses += 1
                self._failures, self._next_canary = 0, 0.0
            if status in LOADS and self._status.state in (ServiceState.STARTING, ServiceState.LOADING):
                self._wait(ServiceState.LOADING, f"its server says {status}: it loads or has no time; it is waited for")
                misses = 0
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
            await self._sing()
        except Exception as error:  # The caller's, with errors of its own; `str()` of each is a plain line.
            self._failures += 1
            self._next_canary = self._clock() + min(PROBE_S * 2**self._failures, LONGEST_PAUSE_S) - PROBE_S
            self._become(ServiceState.DEGRADED, last_error=str(error) or type(error).__name__)
        else:
            self._failures, self._next_canary = 0, 0.0
            waited = bool(self._waiting) and self._status.last_error == self._waiting
            self._become(ServiceState.READY, **({"last_error": None} if waited else {}))

    async def _sing(self) -> None:
        """A model may load at the first question, for as long as its server lives; until then it is not READY."""
        song: asyncio.Task[Exception | None]
        url, began, heard = self.spec.base_url.rstrip("/") + self.spec.health_path, self._clock(), self._clock()
        async with asyncio.TaskGroup() as tasks:
            song = tasks.create_task(self._tried())
            while not (await asyncio.wait([song], timeout=LOOK_S))[0]:
                now = self._clock()
                if probes.lives(await probes.health(url, self.spec.key)):
                    heard = now
                if self.spec.busy():
                    began = now  # one request after the other
                if now - heard > SILENT_S:
                    song.cancel()
                elif now - began >= DUE_S:
                    ready = self._status.state is ServiceState.READY
                    words = f"no answer to a test question for {DUE_S:g} s, it may load its model; it is waited for"
                    self._wait(ServiceState.DEGRADED if ready else self._status.state, words)
        if song.cancelled():
            raise ServiceError(self.spec.name, f"nothing came of {url} for {SILENT_S:g} s", "look at that server")
        if error := song.result():
            raise error

    async def _tried(self) -> Exception | None:
        """Its error as a value, for in a TaskGroup it would come as a group."""
        try:
            await self.spec.canary(self.spec.base_url.rstrip("/"))
        except Exception as error:
            return error
        return None

    def _wait(self, state: ServiceState, words: str) -> None:
        self._waiting = f"{self.spec.name}: {words}"
        self._become(state, last_error=self._waiting)

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
