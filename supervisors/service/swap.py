"""One engine takes over from another: beside it where both have room, else in its place; never none, never two.

Whatever happens, somebody is in office at the end: the newcomer once it has answered, else the one that was.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from supervisors.service.group import ServiceGroup
from supervisors.service.service import Service
from supervisors.spec import ServiceSpec, ServiceStatus
from supervisors.states import ServiceState

_LOOK_S = 0.02
BACK_S = 60.0
"""How long the last known good may take to come back before its supervisor is left alone with it."""


class SwapStep(StrEnum):
    READ_AHEAD = "reading ahead"
    """The file comes into the page cache while the old engine still talks."""
    LINE_END = "waiting for the line's end"
    STOP = "stopping the old one"
    SETTLE = "waiting for the memory"
    START = "starting"
    LOAD = "loading"
    TRY = "trying it out"
    FLIP = "changing over"
    LAST_WORDS = "letting the old one end its line"
    CLEAR = "clearing up"
    BACK = "going back"


ENGINES_OWN = frozenset(
    {SwapStep.READ_AHEAD, SwapStep.LOAD, SwapStep.TRY, SwapStep.BACK, SwapStep.LINE_END, SwapStep.LAST_WORDS}
)
"""Reading, loading, canary and prime are the engine's time, and the end of a line the visitor's; the rest is ours."""
_PHASES = {
    ServiceState.STARTING: SwapStep.LOAD,
    ServiceState.LOADING: SwapStep.TRY,
}


class Candidate(Struct, frozen=True, kw_only=True):
    """One that may take the office."""

    label: str
    spec: ServiceSpec
    """In a seat that the one in office does not have."""
    beside: bool
    """Both have room at the same time."""


class SwapAttempt(Struct, frozen=True, kw_only=True):
    label: str
    error: str = ""
    """Why it is not in office, in one plain line."""


class SwapResult(Struct, frozen=True, kw_only=True):
    label: str
    """Who is in office; "" when that is the one that was."""
    beside: bool
    total_s: float
    gone_s: float
    """How long nobody in office was READY: the dead air, if anybody listened; seen every 20 ms."""
    serving: bool
    """Somebody in office is READY now."""
    phases: dict[str, float]
    """Seconds in each phase, summed over all tries."""
    tries: tuple[SwapAttempt, ...]

    @property
    def overhead_s(self) -> float:
        return sum(s for phase, s in self.phases.items() if phase not in ENGINES_OWN)


class SwapEnvironment(Protocol):
    """What a swap needs from the show."""

    def tell(self, phase: SwapStep, label: str) -> None:
        """A phase begins."""

    async def read_ahead(self, candidate: Candidate) -> None: ...

    def interval(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Entered at the end of a line; until it is left, turns that need this engine wait."""

    async def settled(self) -> None:
        """Returns when the memory of what has been stopped is free."""

    async def released(self) -> None:
        """Returns when the one that was in office has ended what it was doing for us."""

    def appoint(self, candidate: Candidate) -> None:
        """From now on requests go to this one; also remembers it for a show that comes after a crash."""


class EngineSwap:
    """One exchange; `run` once. An error of the surroundings goes on to the caller, with somebody in office."""

    def __init__(
        self,
        group: ServiceGroup,
        around: SwapEnvironment,
        candidates: Sequence[Candidate],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._group, self._around, self._candidates, self._clock = group, around, candidates, clock
        self._name = candidates[0].spec.name
        self._phases: dict[str, float] = {}
        self._tries: list[SwapAttempt] = []
        self._phase: SwapStep | None = None
        self._since = self._began = clock()
        self._gone_s = 0.0

    async def run(self) -> SwapResult:
        """In order of preference; a cancellation leaves understudies to the group, which ends them."""
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch_office())
                chosen = await self._choose()
                watching.cancel()
        finally:
            self._enter(None, "")
        return SwapResult(
            label=chosen.label if chosen else "",
            beside=chosen is not None and chosen.beside,
            total_s=self._clock() - self._began,
            gone_s=self._gone_s,
            serving=self._served,
            phases=self._phases,
            tries=tuple(self._tries),
        )

    async def _choose(self) -> Candidate | None:
        for candidate in self._candidates:
            if candidate.beside and await self._succeeds(candidate):
                return candidate
        others = [candidate for candidate in self._candidates if not candidate.beside]
        return await self._in_its_place(others) if others else None

    @property
    def _served(self) -> bool:
        return self._group[self._name].status.state in (ServiceState.READY, ServiceState.DRAINING)

    async def _watch_office(self) -> None:
        while True:
            before = self._clock()
            await asyncio.sleep(_LOOK_S)
            if not self._served:
                self._gone_s += self._clock() - before

    async def _in_its_place(self, candidates: Sequence[Candidate]) -> Candidate | None:
        """Whatever goes wrong, the one that was comes back; unless nobody was there before."""
        self._enter(SwapStep.READ_AHEAD, candidates[0].label)
        await self._around.read_ahead(candidates[0])
        self._enter(SwapStep.LINE_END, candidates[0].label)
        old = self._group[self._name]
        was_there = old.status.state not in (ServiceState.STOPPED, ServiceState.FAILED)
        async with self._around.interval():
            try:
                self._enter(SwapStep.STOP, candidates[0].label)
                await old.stop()
                self._enter(SwapStep.SETTLE, candidates[0].label)
                await self._around.settled()
                for candidate in candidates:
                    if await self._succeeds(candidate):
                        return candidate
            finally:
                if was_there and self._group[self._name] is old:
                    await self._bring_back(old)
        return None

    async def _succeeds(self, candidate: Candidate) -> bool:
        if candidate.beside:
            self._enter(SwapStep.READ_AHEAD, candidate.label)
            await self._around.read_ahead(candidate)
        self._enter(SwapStep.START, candidate.label)
        audition = _Audition(lambda phase: self._enter(phase, candidate.label))
        newcomer = self._group.understudy(candidate.spec, audition.note)
        error = await audition.verdict()
        if not error and newcomer.status.state is not ServiceState.READY:
            error = "it was gone again at once"
        self._tries.append(SwapAttempt(label=candidate.label, error=error))
        if error:
            self._enter(SwapStep.CLEAR, candidate.label)
            await self._group.dismiss(newcomer)
            return False
        await self._take_over(candidate, newcomer)
        return True

    async def _take_over(self, candidate: Candidate, newcomer: Service) -> None:
        self._enter(SwapStep.FLIP, candidate.label)
        self._around.appoint(candidate)
        before = self._group.promote(newcomer)
        self._enter(SwapStep.LAST_WORDS, candidate.label)
        await self._around.released()
        self._enter(SwapStep.CLEAR, candidate.label)
        await self._group.dismiss(before)

    async def _bring_back(self, old: Service) -> None:
        """The last known good; should even that fail, it is restarted by the rules that hold for every service."""
        self._enter(SwapStep.BACK, "")
        old.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BACK_S):
                while old.status.state not in (ServiceState.READY, ServiceState.FAILED):
                    await asyncio.sleep(0.01)

    def _enter(self, phase: SwapStep | None, label: str) -> None:
        now = self._clock()
        if self._phase is not None:
            self._phases[self._phase] = self._phases.get(self._phase, 0.0) + now - self._since
        if phase is not None and phase is not self._phase:
            self._around.tell(phase, label)
        self._phase, self._since = phase, now


class _Audition:
    """Hears what an understudy reports: READY is a success, and the first sign of a failure is one."""

    def __init__(self, enter: Callable[[SwapStep], None]) -> None:
        self._enter = enter
        self._decided: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def note(self, status: ServiceStatus) -> None:
        if self._decided.done():
            return
        if status.state in _PHASES and status.pid is not None:
            self._enter(_PHASES[status.state])
        elif status.state is ServiceState.READY:
            self._decided.set_result("")
        elif status.state is ServiceState.FAILED or (status.state is ServiceState.BACKOFF and status.restarts):
            # Not at the first word of its death: what it died of is still to be written down.
            self._decided.set_result((status.last_error or "it ended").removeprefix(f"{status.name}: ").rstrip("."))

    async def verdict(self) -> str:
        """ "" when it is READY; else what is wrong with it."""
        return await self._decided
