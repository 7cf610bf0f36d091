"""Keeps memory free: when it runs low, the engine that gives back most takes the next step of its ladder."""

import asyncio
import re
from time import monotonic
from typing import TYPE_CHECKING

from console.commands import CommandError
from console.events import Note, ServiceCrashed
from console.forecast import Forecaster
from console.pressure import Advice, Gauge, Pressure, neediest
from console.swapper import Swapper
from conversation.events import Event
from profiles.schema import Step
from supervisors.meters.ledger import Ledger, Pool

if TYPE_CHECKING:
    from console.show import Show

_LOOK_S = 0.5
_NO_MEMORY = re.compile(r"out of memory|cudaMalloc failed|bad_alloc|failed to allocate", re.IGNORECASE)


class Keeper:
    """`run` it; a rig without ladders has nothing that could be changed."""

    def __init__(self, show: "Show", swapper: Swapper, forecaster: Forecaster) -> None:
        self._show, self._swapper, self._forecaster = show, swapper, forecaster
        self._pressures: dict[str, Pressure] = {}
        self._lacking: list[str] = []
        """Services that have just died of it."""
        self._stepped: dict[str, int] = {}
        """How many steps below the rig's choice we have put each."""
        show.bus.add_sink(self._on_event)

    def _on_event(self, event: Event, line: bytes) -> None:
        if isinstance(event, ServiceCrashed) and _NO_MEMORY.search(f"{event.first_error} {event.end}"):
            self._lacking.append(event.name)

    async def run(self) -> None:
        """Until cancelled, or at once when no engine has a ladder."""
        if not any(made.settings.ladder for made in self._show.launchers.values()):
            return
        seen: Ledger | None = None
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._lacking:
                await self._step_down([self._lacking.pop()], "it ran out of memory")
            ledger = self._show.meters.ledger
            if ledger is not None and ledger is not seen and not self._show.meters.meter.stale:
                seen = ledger
                for pool in (ledger.ram, *ledger.devices):
                    await self._feel(pool)

    async def _feel(self, pool: Pool) -> None:
        name = pool.device.name if pool.device else "RAM"
        if name not in self._pressures:
            self._pressures[name] = Pressure(self._show.rig.value.memory, monotonic)
        gauge = Gauge(pool.share, pool.free)
        match self._pressures[name].feel(gauge, idle=self._show.idle()):
            case Advice.DOWN:
                within = [n for n in self._show.launchers if pool.device is None or pool.services.get(n)]
                await self._step_down(within, f"{name} is {pool.share:.0%} full")
            case Advice.UP:
                await self._step_up()

    async def _step_down(self, names: list[str], why: str) -> None:
        steps = {name: step for name in names if (step := self._below(name)) and not self._show.pinned(name)}
        freed = await asyncio.to_thread(self._freed, steps)
        if (name := neediest(freed)) is not None and await self._swap(name, steps[name], why):
            self._stepped[name] = self._stepped.get(name, 0) + 1

    async def _step_up(self) -> None:
        """Only what we have put down ourselves, and only where nobody has to wait for it."""
        for name in [n for n, count in self._stepped.items() if count]:
            step = self._neighbour(name, -1)
            if step is None or self._show.pinned(name):
                continue
            forecast = await asyncio.to_thread(self._swapper.forecast, name, step.model, step.device)
            if forecast.beside and await self._swap(name, step, "there is room again"):
                self._stepped[name] -= 1
                return

    async def _swap(self, name: str, step: Step, why: str) -> bool:
        self._show.bus.publish(Note(text=f"{name} changes to {step.model}: {why}", level="warning"))
        try:
            return (await self._swapper.swap(name, step.model, step.device)).swapped
        except CommandError:
            return False  # the swapper has said why
        finally:
            for pressure in self._pressures.values():
                pressure.changed()

    def _freed(self, steps: dict[str, Step]) -> dict[str, int]:
        """Bytes by service; reads the heads of model files."""
        out = {}
        for name, step in steps.items():
            now = self._forecaster.need(self._show.launchers[name])
            then = self._forecaster.need(self._swapper.wanted(name, step.model))
            out[name] = now.ram_bytes + now.vram_bytes - then.ram_bytes - then.vram_bytes
            out[name] = max(out[name], now.vram_bytes - then.vram_bytes)
        return out

    def _below(self, name: str) -> Step | None:
        return self._neighbour(name, 1)

    def _neighbour(self, name: str, by: int) -> Step | None:
        """The nearest step in that direction whose model is here: no download in the midst of a shortage."""
        launcher = self._show.launchers[name]
        ladder = launcher.settings.ladder
        device = launcher.settings.device
        now = next((n for n, s in enumerate(ladder) if s.model == launcher.model and _same(s, device)), None)
        if now is None:
            return None
        steps = ladder[now + 1 :] if by > 0 else ladder[:now][::-1]
        return next((s for s in steps if self._show.shop.store.state(s.model) == "stored"), None)


def _same(step: Step, device: str) -> bool:
    return "auto" in (step.device, device) or step.device == device
