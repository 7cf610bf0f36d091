"""Keeps memory free: when it runs low, the engine that gives back most takes the next step of its ladder."""

import asyncio
import logging
import re
from time import monotonic

from console.api.commands import CommandError
from console.api.events import Note, ServiceCrashed, SwapEnded
from console.engines.engine_set import EngineSet
from console.engines.memory_forecast import Forecaster
from console.engines.memory_pressure import HYSTERESIS, Advice, MemoryPool, Pressure, neediest
from console.engines.swapper import Swapper, place
from conversation.events import Event
from profiles.errors import ProfileError
from profiles.schema import LadderStep
from supervisors.meters.memory_accounting import MemoryAccounting, Pool

_LOG = logging.getLogger(__name__)
WELL_S = 600.0
"""A larger model that had to go again sooner than this is not tried a second time."""
_LOOK_S = 0.5
_NO_MEMORY = re.compile(r"out of memory|cudaMalloc failed|bad_alloc|failed to allocate", re.IGNORECASE)


class MemoryGovernor:
    """`run` it; a rig without ladders has nothing that could be changed."""

    def __init__(self, engines: EngineSet, swapper: Swapper, forecaster: Forecaster) -> None:
        self._engines, self._swapper, self._forecaster = engines, swapper, forecaster
        self._pressures: dict[str, Pressure] = {}
        self._lacking: set[str] = set()
        """Services that have just died of it."""
        self._changing = ""
        self._stepped: dict[str, int] = {}
        """How many steps below the rig's choice we have put each."""
        self._raised: dict[str, float] = {}
        self._tired: set[str] = set()
        engines.bus.add_sink(self._on_event)

    def _on_event(self, event: Event, line: bytes) -> None:
        match event:
            case ServiceCrashed(auditioned=False) if _NO_MEMORY.search(f"{event.first_error} {event.end}"):
                self._lacking.add(event.name)
            case SwapEnded():
                self._lacking.discard(event.name)
                if event.name != self._changing:  # the operator's choice is not ours to go back from
                    self._stepped.pop(event.name, None)
                for pressure in self._pressures.values():
                    pressure.changed()

    async def run(self) -> None:
        """Until cancelled, or at once when no engine has a ladder."""
        if not any(made.settings.ladder for made in self._engines.launchers.values()):
            return
        seen: MemoryAccounting | None = None
        while True:
            await asyncio.sleep(_LOOK_S)
            accounting = self._engines.meters.accounting
            try:
                if self._lacking:
                    await self._step_down([self._lacking.pop()], None, "it ran out of memory")
                if accounting is not None and accounting is not seen and not self._engines.meters.meter.stale:
                    seen = accounting
                    for pool in (accounting.ram, *accounting.devices):
                        await self._feel(pool)
            except (CommandError, ProfileError) as error:
                _LOG.warning("memory is low and cannot be freed: %s", error)

    async def _feel(self, pool: Pool) -> None:
        name = pool.device.name if pool.device else "RAM"
        if not pool.total:
            return  # its driver does not tell
        if name not in self._pressures:
            self._pressures[name] = Pressure(self._engines.rig.value.memory, monotonic)
        gauge = MemoryPool(pool.share, pool.free)
        match self._pressures[name].feel(gauge, idle=self._engines.idle()):
            case Advice.DOWN:
                within = [n for n in self._engines.launchers if pool.device is None or pool.services.get(n)]
                await self._step_down(within, pool, f"{name} is {pool.share:.0%} full")
                self._pressures[name].changed()  # also when nothing could be done: not again at each reading
            case Advice.UP:
                await self._step_up(pool)

    async def _step_down(self, names: list[str], pool: Pool | None, why: str) -> None:
        steps = {name: step for name in names if (step := self._neighbour(name, 1)) and not self._engines.pinned(name)}
        freed = await asyncio.to_thread(self._freed, steps, pool)
        if (name := neediest(freed)) is None:
            return
        if monotonic() - self._raised.get(name, float("-inf")) < WELL_S:
            self._tired.add(name)  # it did not fit after all: this evening it stays below
        if await self._swap(name, steps[name], why):
            self._stepped[name] = self._stepped.get(name, 0) + 1

    async def _step_up(self, pool: Pool) -> None:
        """Only what we have put down ourselves, where nobody has to wait for it, and where it leaves room."""
        for name in [n for n, count in self._stepped.items() if count and n not in self._tired]:
            step = self._neighbour(name, -1)
            if step is None or self._engines.pinned(name):
                continue
            forecast = await asyncio.to_thread(self._swapper.forecast, name, step.model, step.device)
            more = -(await asyncio.to_thread(self._freed, {name: step}, pool))[name]
            roomy = pool.share + more / max(1, pool.total) < self._engines.rig.value.memory.warn_at - HYSTERESIS
            if forecast.beside and roomy and await self._swap(name, step, "there is room again"):
                self._stepped[name] -= 1
                self._raised[name] = monotonic()
                return

    async def _swap(self, name: str, step: LadderStep, why: str) -> bool:
        self._engines.bus.publish(Note(text=f"{name} changes to {step.model}: {why}", level="warning"))
        self._changing = name
        try:
            return (await self._swapper.swap(name, step.model, step.device)).swapped
        except CommandError:
            return False  # the swapper has said why
        finally:
            self._changing = ""

    def _freed(self, steps: dict[str, LadderStep], pool: Pool | None) -> dict[str, int]:
        """Bytes by service, in this pool; reads the heads of model files."""
        out = {}
        for name, step in steps.items():
            now = self._forecaster.need(self._engines.launchers[name])
            then = self._forecaster.need(self._swapper.wanted(name, step.model, step.device))
            ram, vram = now.ram_bytes - then.ram_bytes, now.vram_bytes - then.vram_bytes
            unified = pool is not None and pool.device is not None and pool.device.unified
            out[name] = ram + vram if pool is None or unified else vram if pool.device else ram
        return out

    def _neighbour(self, name: str, by: int) -> LadderStep | None:
        """The nearest step in that direction whose model is here: no download in the midst of a shortage."""
        launcher = self._engines.launchers[name]
        settings = launcher.settings
        at = place(settings)
        if at is None or settings.launch == "attach" or not launcher.catalogued:
            return None
        steps = settings.ladder[at + 1 :] if by > 0 else settings.ladder[:at][::-1]
        return next((step for step in steps if self._engines.shop.store.state(step.model) == "stored"), None)
