"""What a swap needs from the show: the end of a line, who takes over, and what is told of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from msgspec import structs

from console.api.events import SwapPhase
from console.engines import services
from console.engines.engine_set import EngineSet
from console.engines.memory_forecast import Forecaster
from conversation.events import Event
from conversation.stages import Stage
from launchers.base import BaseLauncher
from supervisors.kernel import read_ahead
from supervisors.service.swap import Candidate, SwapStep
from supervisors.spec import ServiceSpec

LINE_END_S = 60.0
"""A turn that takes longer than this is not waited for."""
_LOOK_S = 0.05
_FREE = {
    "stt": (Stage.IDLE, Stage.THINKING, Stage.SPEAKING),
    "llm": (Stage.IDLE, Stage.LISTENING, Stage.TRANSCRIBING),
    "tts": (Stage.IDLE, Stage.LISTENING, Stage.TRANSCRIBING),
}
"""Stages in which the engine of a role is not needed yet, or no more: a turn may begin to wait for it there."""


class SwapContext:
    """Fits supervisors.service.swap.SwapEnvironment; for one swap of one service."""

    def __init__(
        self, engines: EngineSet, forecaster: Forecaster, ladder: Sequence[BaseLauncher], seat: int, beside: bool
    ) -> None:
        """`beside`: the first of the ladder has room next to the one that runs."""
        self._engines, self._forecaster, self._seat = engines, forecaster, seat
        self._beside = beside and not ladder[0].settings.port  # one port cannot be had twice
        self._name, self._role = ladder[0].name, ladder[0].role
        self._before = engines.launchers[self._name]
        self._launchers = {str(n): launcher for n, launcher in enumerate(ladder)}
        self.candidates = [self._candidate(label, launcher) for label, launcher in self._launchers.items()]

    def _candidate(self, label: str, launcher: BaseLauncher) -> Candidate:
        spec = services.spec(self._engines.rig, launcher, self._engines.senses, self._seat)
        assert isinstance(spec, ServiceSpec)
        spec = structs.replace(spec, stall_s=self._engines.rig.value.memory.swap_stall_s)
        return Candidate(label=label, spec=spec, beside=self._beside)

    def tell(self, phase: SwapStep, label: str) -> None:
        model = (self._launchers[label] if label else self._before).model
        self._engines.bus.publish(SwapPhase(name=self._name, model=model, phase=phase))

    async def read_ahead(self, candidate: Candidate) -> None:
        """A favour to the engine, which will say itself what it cannot read."""
        for path in self._launchers[candidate.label].files():
            with contextlib.suppress(OSError):
                await asyncio.to_thread(read_ahead, str(path))

    @contextlib.asynccontextmanager
    async def interval(self) -> AsyncIterator[None]:
        """From the end of a line on, turns that need this engine wait."""
        with contextlib.ExitStack() as stack:
            if self._engines.live.another(self._role, self._name):
                yield  # a stand-by serves meanwhile
                return
            reached = asyncio.Event()

            def look(event: Event | None = None, line: bytes = b"") -> None:
                """At each event, so that not even a crowd that asks without a pause leaves no gap."""
                busy = self._engines.live.busy(self._before)()
                if not reached.is_set() and not busy and self._engines.bus.state.stage in _FREE[self._role]:
                    stack.enter_context(self._engines.live.exchanging(self._role))
                    reached.set()

            with self._engines.bus.listening(look), contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINE_END_S):
                    while not reached.is_set():
                        look()
                        await asyncio.sleep(_LOOK_S if not reached.is_set() else 0)
            if not reached.is_set():
                stack.enter_context(self._engines.live.exchanging(self._role))
            yield

    async def released(self) -> None:
        """A long reply that has begun with the old engine ends with it."""
        busy, due = self._engines.live.busy(self._before), asyncio.get_running_loop().time() + LINE_END_S
        while busy() and asyncio.get_running_loop().time() < due:
            await asyncio.sleep(_LOOK_S)

    async def settled(self) -> None:
        await self._forecaster.settled()

    def appoint(self, candidate: Candidate) -> None:
        self._engines.appoint(self._launchers[candidate.label], self._seat)

    def model(self, label: str) -> str:
        return self._launchers[label].model
