"""Swaps models while the show is on: one at a time, in the order in which they were asked for, the same wish once."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from msgspec import Struct, structs

from console.api.commands import NO_ENGINE, USAGE, CommandError
from console.api.events import Note, SwapEnded, SwapPhase
from console.api.swap_forecast import SwapForecast
from console.engines import engine_overrides, services
from console.engines.engine_set import EngineSet
from console.engines.memory_forecast import Forecaster
from console.engines.swap_context import SwapContext
from launchers.base import BaseLauncher
from launchers.errors import FetchError
from profiles.errors import ProfileError
from profiles.schema import Device, Engine
from supervisors.errors import ServiceError
from supervisors.service.group import ServiceGroup
from supervisors.service.swap import EngineSwap, SwapResult

_LOG = logging.getLogger(__name__)
LEAST_CONTEXT = 512


class SwapRequest(Struct, frozen=True):
    """Another model for a service."""

    service: str
    model: str
    device: Device


class _Asked(Struct, eq=False):
    wish: SwapRequest
    done: asyncio.Future[SwapEnded]
    here: bool = False
    """Its weights have been brought."""


class Swapper:
    """`run` does what `swap` asks for."""

    def __init__(self, engines: EngineSet, group: ServiceGroup, forecaster: Forecaster) -> None:
        self._engines, self._group, self._forecaster = engines, group, forecaster
        self._latest: dict[str, _Asked] = {}
        """Of each service: the wish that will be done last."""
        self._queue: asyncio.Queue[_Asked] = asyncio.Queue()

    async def swap(self, service: str, model: str, device: Device | None = None) -> SwapEnded:
        """Returns when it is decided who is in office; no device means the rig's. Raises CommandError for what cannot
        be had.
        """
        wish, latest = self._request(service, model, device), self._latest.get(service)
        if latest is None or latest.wish != wish:
            self._check(wish)
            latest = self._latest[service] = _Asked(wish, asyncio.get_running_loop().create_future())
            self._queue.put_nowait(latest)
        return await asyncio.shield(latest.done)  # who asked may go; the swap goes on

    def forecast(self, service: str, model: str, device: Device | None = None) -> SwapForecast:
        """What a swap would mean for the memory, and so for the visitors. Raises CommandError."""
        wanted = self._wanted(self._request(service, model, device))
        return self._forecaster.forecast(wanted, self._engines.launchers[service], self.alternatives(service))

    def alternatives(self, service: str) -> list[BaseLauncher]:
        """Launchers of what else is stored for this role, the largest first."""
        engines, engine = self._engines, self._engines.rig.value.engines[service]
        store, known = engines.shop.store, engines.catalogue.role(engines.launchers[service].role)
        here = [model for model in known if store.state(model) == "stored"]
        made = [self._launcher(service, self._with(engine, model)) for model in here]
        return sorted(made, key=lambda launcher: -store.bytes(launcher.model))

    async def run(self) -> None:
        """Until cancelled. What has to be fetched first comes back into the line with it: others need not wait."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                asked = await self._queue.get()
                if asked.here or self._stored(asked.wish.model):
                    await self._guarded(asked, self._one(asked.wish))
                else:
                    tasks.create_task(self._guarded(asked, self._bring_first(asked)))

    async def _guarded(self, asked: _Asked, work: Coroutine[Any, Any, SwapEnded | None]) -> None:
        """A fault of ours must cost one swap, never the show."""
        try:
            if (ended := await work) is None:
                return
            asked.done.set_result(ended)
        except CommandError as error:
            self._refuse(asked, error)
        except Exception as error:
            _LOG.exception("swap of %s", asked.wish.service)
            self._refuse(asked, CommandError(NO_ENGINE, f"an error inside the show ({error}); see show.log"))
        except asyncio.CancelledError:
            asked.done.cancel()  # the show ends
            raise
        if self._latest.get(asked.wish.service) is asked:
            del self._latest[asked.wish.service]

    def _stored(self, model: str) -> bool:
        return model not in self._engines.catalogue or self._engines.shop.store.state(model) == "stored"

    async def _bring_first(self, asked: _Asked) -> None:
        name = asked.wish.service
        try:
            await self._bring(self._wanted(asked.wish))
        finally:
            self._tell(name, "", "")
        asked.here = True
        self._queue.put_nowait(asked)

    def _refuse(self, asked: _Asked, error: CommandError) -> None:
        self._engines.bus.publish(Note(text=f"{asked.wish.service} stays as it is: {error}", level="warning"))
        asked.done.set_exception(error)
        asked.done.exception()  # the client may have gone

    def _check(self, wish: SwapRequest) -> None:
        self._wanted(wish)
        now = self._engines.launchers[wish.service].settings
        if (now.model, now.device) == (wish.model, wish.device) and wish.service not in self._latest:
            raise CommandError(USAGE, f"{wish.service} has {wish.model} already; choose another model")

    def wanted(self, service: str, model: str, device: Device | None = None) -> BaseLauncher:
        """What a swap would start. Raises CommandError."""
        return self._wanted(self._request(service, model, device))

    def _request(self, service: str, model: str, device: Device | None) -> SwapRequest:
        engines = self._engines.rig.value.engines
        return SwapRequest(service, model, device or (engines[service].device if service in engines else "auto"))

    def _wanted(self, wish: SwapRequest) -> BaseLauncher:
        if self._engines.named(wish.service).settings.launch == "attach":
            raise CommandError(USAGE, f"{wish.service} is a server that somebody else runs; change its model there")
        rig = self._engines.rig.value.engines[wish.service]
        return self._launcher(wish.service, structs.replace(self._with(rig, wish.model), device=wish.device))

    def _with(self, rig: Engine, model: str) -> Engine:
        """A model that only another engine can read brings that along."""
        known = self._engines.catalogue
        return engine_overrides.with_model(rig, model, (model in known and known[model].engine) or rig.engine)

    def _launcher(self, name: str, engine: Engine) -> BaseLauncher:
        engines = self._engines
        try:
            made = services.launcher(engines.rig, name, engine, engines.shop, engines.catalogue)
        except ProfileError as error:
            raise CommandError(USAGE, f"{error.message}{f'; {error.hint}' if error.hint else ''}") from None
        engines.brief(made)
        return made

    async def _one(self, wish: SwapRequest) -> SwapEnded:
        engines, name = self._engines, wish.service
        before, first = engines.launchers[name], self._wanted(wish)
        try:
            await self._bring(first)
            others = [o for o in self.alternatives(name) if o.model != wish.model]
            forecast = await asyncio.to_thread(self._forecaster.forecast, first, before, others)
            if not forecast.fits:
                raise CommandError(NO_ENGINE, forecast.words)
            seat = 2 if self._group[name].key == name else 1
            change = SwapContext(
                engines, self._forecaster, self._ladder(first, before, forecast), seat, forecast.beside
            )
            result = await EngineSwap(self._group, change, change.candidates).run()
        except BaseException:
            self._tell(name, "", "")
            raise
        if result.label:
            await engines.live.retire(before)
        ended = _ended(name, before.model, change.model(result.label) if result.label else before.model, result)
        engines.bus.publish(ended)
        return ended

    async def _bring(self, launcher: BaseLauncher) -> None:
        """Weights that are not here are fetched while the old engine goes on."""
        self._tell(launcher.name, launcher.model, "fetching")
        bus, key = self._engines.bus, f"{launcher.name} swap"
        try:
            await launcher.prepare(lambda progress: bus.telemetry("progress", key, progress))
        except (FetchError, ServiceError, OSError) as error:
            raise CommandError(NO_ENGINE, f"{launcher.model} cannot be had ({error})") from None
        finally:
            bus.forget("progress", key)

    def _ladder(self, first: BaseLauncher, before: BaseLauncher, forecast: SwapForecast) -> list[BaseLauncher]:
        """Once more, with a smaller window, then the models of the rig's ladder that lie between; beside an engine that
        goes on, once more is enough.
        """
        name, settings = first.name, first.settings
        ladder = [first, self._launcher(name, settings)]
        if forecast.beside:
            return ladder
        if first.role == "llm" and settings.context // 2 >= LEAST_CONTEXT:
            smaller = self._launcher(name, structs.replace(settings, context=settings.context // 2))
            persona = self._engines.cast.character.value
            smaller.warm_with(self._engines.cast.persona(), persona)  # what has been said may not fit into it
            if not smaller.misfit(persona):
                ladder.append(smaller)
        at = place(settings)
        for step in settings.ladder[at + 1 :] if at is not None else ():
            if step.model == before.model:
                break
            if self._engines.shop.store.state(step.model) != "stored":
                continue  # no download while visitors wait
            ladder.append(self._launcher(name, structs.replace(self._with(settings, step.model), device=step.device)))
        return ladder

    def _tell(self, name: str, model: str, phase: str) -> None:
        self._engines.bus.publish(SwapPhase(name=name, model=model, phase=phase))


def place(settings: Engine) -> int | None:
    """On its ladder; where a model is on it several times, the step with the very device comes first."""
    same = [n for n, step in enumerate(settings.ladder) if step.model == settings.model]
    exact = [n for n in same if settings.ladder[n].device == settings.device]
    return next(iter((*exact, *same)), None)


def _ended(name: str, before: str, now: str, result: SwapResult) -> SwapEnded:
    return SwapEnded(
        name=name,
        before=before,
        model=now,
        swapped=bool(result.label),
        beside=result.beside,
        serving=result.serving,
        seconds=round(result.total_s, 3),
        gone_ms=round(result.gone_s * 1000),
        overhead_ms=round(result.overhead_s * 1000),
        phases={phase: round(s * 1000) for phase, s in result.phases.items()},
        errors=tuple(tried.error for tried in result.tries if tried.error),
    )
