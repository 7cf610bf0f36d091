"""What one process is asked on its way to READY, and afterwards."""

import asyncio
import time
from collections.abc import Callable

from supervisors.errors import NeedsRepair, ServiceError
from supervisors.health import probes
from supervisors.health.synthetic_probe import BUSY, SyntheticProbe
from supervisors.shim.process import ShimProcess
from supervisors.spec import ServiceSpec

EAGER_S, EAGER_POLL_S, POLL_S = 2.0, 0.05, 0.25
LIVENESS_S = 1.0
MISSES = 3
CANARIES = 3
SHIM_S, SHIM_EVERY_S = 3.0, 15.0
BUSY_S, AGAIN_S = 30.0, 0.5
"""How long an adopted engine may be at work on what a dead show asked, and the pause between two questions."""
DEATH_NOTICE_S = 0.25
STRANGER_S = 2.0
"""How long a stranger may answer on the port before we say so; our child mostly exits by itself before."""


class _Deaf(Exception):
    """Ends the probes that are still under way; `str()` is what is wrong."""


class HealthMonitor:
    def __init__(
        self,
        spec: ServiceSpec,
        process: ShimProcess,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec, self._process, self._clock = spec, process, clock
        self._born = clock()
        self._misses = 0
        self._base = f"http://127.0.0.1:{process.port}"
        self._health = self._base + spec.health_path
        self._canary = SyntheticProbe(spec, self._base, process.pid, clock, process.found_ready)
        process.on_rule = lambda line: self.suspect(f'its log says "{line}"')
        for line in process.early_rules:
            process.on_rule(line)

    def suspect(self, why: str) -> None:
        """It is asked for a real answer at once, once it has been READY."""
        self._canary.suspect(why)

    async def until_it_listens(self) -> None:
        while not self._owns_port():
            self._mind_stall("opened no port")
            self._mind_stranger()
            await asyncio.sleep(self._pause())

    async def still_answers(self) -> bool:
        """Of one that had been READY before this show: it is not asked for more than a sign of life.

        Raises ServiceError when it gives none: it is deaf, not loading.
        """
        give_up, misses = self._clock() + BUSY_S, 0
        while misses < MISSES and self._clock() < give_up:
            used = probes.tree_work_s(self._process.pid)
            if probes.lives(await probes.health(self._health)):
                return self._owns_port()
            await asyncio.sleep(AGAIN_S)
            # It may still be at work for the show that is gone.
            misses = 0 if probes.tree_work_s(self._process.pid) - used > BUSY * AGAIN_S else misses + 1
        raise ServiceError(self._spec.name, f"no answer to {MISSES} probes of {self._spec.health_path} in a row")

    async def until_it_answers(self) -> None:
        """A sign of life from our own process, and the canary."""
        while not probes.lives(status := await probes.health(self._health)) or not self._owns_port():
            self._mind_stall(f"answers {status} at {self._spec.health_path}" if status else "answers nothing")
            await asyncio.sleep(self._pause())
        for attempt in range(1, CANARIES + 1):
            try:
                return await self._canary.first(self._stalled)
            except ServiceError as error:
                if attempt == CANARIES or isinstance(error, NeedsRepair):
                    raise
            await asyncio.sleep(LIVENESS_S)

    async def until_it_is_deaf(self) -> str:
        """Returns what is wrong with it. Probes overlap: three of 2 s are missed after 4 s."""
        complaint = ""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen_for_canaries())
                tasks.create_task(self._mind_shim())
                while True:
                    tasks.create_task(self._probe())
                    await asyncio.sleep(LIVENESS_S)
        except* _Deaf as deaf:
            complaint = str(deaf.exceptions[0])
        return complaint

    async def _probe(self) -> None:
        """A miss does not count while a request of ours is under way, or the canary: it may be merely busy."""
        heard = probes.lives(await probes.health(self._health))
        self._misses = 0 if heard or self._spec.busy() or self._canary.singing else self._misses + 1
        if self._misses >= MISSES:
            raise _Deaf(f"{self._spec.name}: no answer to {MISSES} probes of {self._spec.health_path} in a row")

    async def _listen_for_canaries(self) -> None:
        """A sign of life at /health says little: servers have been seen that say it and answer nothing else."""
        raise _Deaf(f"{self._spec.name}: {await self._canary.until_silent()}")

    async def _mind_shim(self) -> None:
        misses = 0
        while misses < MISSES:  # it may wait for a slow disk
            misses = 0 if await self._process.shim_answers(SHIM_S) else misses + 1
            await asyncio.sleep(0 if misses else SHIM_EVERY_S)
        self._process.give_up_shim()
        raise _Deaf(f"{self._spec.name}: its shim does not answer any more")

    @property
    def due_s(self) -> float:
        return self._canary.due_s

    def _owns_port(self) -> bool:
        return probes.owns_port(self._process.port, probes.tree(self._process.shim_pid))

    def _pause(self) -> float:
        return EAGER_POLL_S if self._clock() - self._born < EAGER_S else POLL_S

    def _stalled(self) -> bool:
        return self._clock() - max(self._born, self._process.last_output) > self._spec.stall_s

    def _mind_stall(self, what: str) -> None:
        if self._stalled():
            raise ServiceError(self._spec.name, f"{what}, and said nothing for {self._spec.stall_s:g} s", "see its log")

    def _mind_stranger(self) -> None:
        late = self._clock() - self._born > STRANGER_S
        if late and probes.is_listening(self._process.port) and not self._owns_port():
            raise probes.taken(self._spec.name, self._process.port)
