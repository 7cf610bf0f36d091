"""A real little request to a server: before it is READY, now and then when nobody needs it, and when in doubt."""

import asyncio
import contextlib
from collections.abc import Callable

from supervisors.errors import ServiceError
from supervisors.health import probes
from supervisors.spec import ServiceSpec

LEAST_S = 4.0
FACTOR = 3.0
"""An answer is due within this multiple of the time that the first took: that one had to warm everything up."""
_LOOK_S, _PATIENCE_S = 0.1, 0.5
_TRIES, _AGAIN_S = 2, 0.5
"""A refusal may be a passing one; silence has been waited for long enough."""
BUSY = 0.3
"""Of a core: one that computes so much while we wait is at work on something, and gets the same time again."""


class SyntheticProbe:
    def __init__(
        self, spec: ServiceSpec, base_url: str, pid: int, clock: Callable[[], float], due_s: float = 0.0
    ) -> None:
        self._spec, self._base, self._pid, self._clock = spec, base_url, pid, clock
        self.due_s = max(LEAST_S, due_s)
        """An answer is due within so many seconds."""
        self._suspicion = ""
        self._doubted = asyncio.Event()
        self._last = clock()
        self.singing = False

    def suspect(self, why: str) -> None:
        self._suspicion = self._suspicion or why
        self._doubted.set()

    async def first(self, stalled: Callable[[], bool]) -> None:
        """For as long as the log shows that somebody works on it. Raises ServiceError."""
        began = self._clock()
        async with asyncio.TaskGroup() as tasks:
            song = tasks.create_task(self._sing())
            while not song.done():
                await asyncio.wait([song], timeout=1.0)
                if not song.done() and stalled():
                    song.cancel()
        if song.cancelled():
            waited = f"did not answer its first request, and said nothing for {self._spec.stall_s:g} s"
            raise ServiceError(self._spec.name, waited, "see its log")
        if error := song.result():
            raise (
                error
                if isinstance(error, ServiceError)
                else ServiceError(self._spec.name, f"the first request failed: {str(error) or type(error).__name__}")
            )
        self._last = self._clock()
        self.due_s = max(LEAST_S, FACTOR * (self._last - began))

    async def until_silent(self) -> str:
        """Returns why it is of no more use. A visitor who comes meanwhile is never kept waiting by a canary."""
        while True:
            await self._until_due()
            why, self._suspicion = self._suspicion, ""
            trouble = await self._ask(why)
            self._last = self._clock()
            if trouble:
                return f"{why}, and {trouble}" if why else trouble

    async def _until_due(self) -> None:
        """Asleep for nearly all of the evening: with four services even ten looks a second are 1 % of a core."""
        while True:
            left = self._spec.canary_every_s - (self._clock() - self._last)
            if not self._spec.busy() and (self._suspicion or (left <= 0 and self._spec.idle())):
                return
            self._doubted.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S if self._suspicion else max(left, _PATIENCE_S)):
                    await self._doubted.wait()

    async def _ask(self, why: str) -> str:
        """What is wrong; "" when it answered, or when somebody came who needs it more: a suspicion waits for that."""
        error: Exception | None = None
        for _ in range(_TRIES):
            self.singing = True
            async with asyncio.TaskGroup() as tasks:
                song = tasks.create_task(self._sing())
                await self._wait(song, urgent=bool(why))
                silent = not song.done()
                song.cancel()
            self.singing = False
            if silent and self._disturbs(urgent=bool(why)):
                self._suspicion = self._suspicion or why
                return ""
            if silent:
                return f"it did not answer a test request within {self.due_s:.0f} s"
            if (error := song.result()) is None:
                return ""
            await asyncio.sleep(_AGAIN_S)
        return f"it failed a test request ({str(error) or type(error).__name__})"

    async def _wait(self, song: asyncio.Task[Exception | None], *, urgent: bool) -> None:
        for _ in range(2):
            began, used = self._clock(), probes.tree_work_s(self._pid)
            while not song.done() and not self._disturbs(urgent=urgent) and self._clock() - began < self.due_s:
                await asyncio.wait([song], timeout=_LOOK_S)
            if song.done() or self._disturbs(urgent=urgent) or probes.tree_work_s(self._pid) - used < BUSY * self.due_s:
                return

    def _disturbs(self, *, urgent: bool) -> bool:
        return self._spec.busy() or not (urgent or self._spec.idle())

    async def _sing(self) -> Exception | None:
        """Its error as a value, for in a TaskGroup it would come as a group."""
        try:
            await self._spec.canary(self._base)
        except Exception as error:
            return error
        return None
