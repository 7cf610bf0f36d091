"""The models of a running show: which there are, what each would take, and getting those that are not here."""

import asyncio
from pathlib import Path

from console.api import commands as cmd
from console.api.answers import Fetching, Pinned, Unloading
from console.api.command import Handlers
from console.api.commands import USAGE, CommandError
from console.api.events import Note, SwapEnded
from console.api.model_card import CardState, ModelCard
from console.api.swap_forecast import SwapForecast
from console.engines.engine_set import EngineSet
from console.engines.measurement_recorder import MeasurementRecorder
from console.engines.memory_forecast import Forecaster
from console.engines.memory_governor import MemoryGovernor
from console.engines.swapper import Swapper
from launchers.base import BaseLauncher
from launchers.errors import FetchError
from profiles.errors import ProfileError
from profiles.schema import Role
from supervisors.service.group import ServiceGroup


class ModelHandler:
    """`run` swaps and fetches what is asked for, learns what engines take, and steps down when memory is low."""

    def __init__(self, engines: EngineSet, group: ServiceGroup, logs: Path) -> None:
        """`logs`: the folder of this run, where engines say what they loaded and where."""
        self._engines, self._group = engines, group
        self._forecaster = Forecaster(engines.home, engines.meters, lambda name: group[name].status.rss_bytes or 0)
        self._swapper = Swapper(engines, group, self._forecaster)
        self._learner = MeasurementRecorder(engines, group, self._forecaster, logs)
        self._keeper = MemoryGovernor(engines, self._swapper, self._forecaster)
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._fetching: dict[str, asyncio.Task[None] | None] = {}
        self._unloading: asyncio.Queue[str] = asyncio.Queue()

    @property
    def handlers(self) -> Handlers:
        return {
            cmd.Swap: self._swap,
            cmd.Forecast: self._forecast,
            cmd.Models: self._models,
            cmd.Fetch: self._fetch_or_cancel,
            cmd.Pin: self._pin,
            cmd.Unload: self._unload_soon,
        }

    async def _swap(self, command: cmd.Swap, holder: str) -> SwapEnded:
        return await self._swapper.swap(command.service, command.model, command.device)

    async def _forecast(self, command: cmd.Forecast, holder: str) -> SwapForecast:
        return await asyncio.to_thread(self._swapper.forecast, command.service, command.model, command.device)

    async def _models(self, command: cmd.Models, holder: str) -> list[ModelCard]:
        return await asyncio.to_thread(self.cards)

    async def _fetch_or_cancel(self, command: cmd.Fetch, holder: str) -> Fetching:
        if command.cancel:
            return Fetching(fetching=not self.cancel(command.model))
        self.fetch(command.model)
        return Fetching(fetching=True)

    async def _pin(self, command: cmd.Pin, holder: str) -> Pinned:
        self._engines.pin(self._engines.named(command.service).name, command.on)
        return Pinned(pinned=command.on)

    async def _unload_soon(self, command: cmd.Unload, holder: str) -> Unloading:
        self._unloading.put_nowait(self._engines.settled(command.service).name)
        return Unloading(unloading=command.service)

    def cards(self) -> list[ModelCard]:
        """Reads the heads of all files that are here: call it in a thread."""
        return [self._card(model_id) for model_id in self._engines.catalogue]

    def _card(self, model_id: str) -> ModelCard:
        engines, model = self._engines, self._engines.catalogue[model_id]
        loaded = next((n for n, made in engines.launchers.items() if made.model == model_id), "")
        service = loaded or next((n for n, made in engines.launchers.items() if self._takes(made, model.role)), "")
        state: CardState = (
            "loaded" if loaded else "fetching" if model_id in self._fetching else engines.shop.store.state(model_id)
        )
        wanted = self._launcher(service, model_id)
        if wanted is None:
            return _plain(model_id, model.role, model.title, model.bytes, model.licence, state)
        forecast = self._forecaster.forecast(wanted, engines.launchers[service], self._swapper.alternatives(service))
        need = forecast.need
        return ModelCard(
            id=model_id,
            role=model.role,
            title=model.title,
            bytes=model.bytes,
            licence=model.licence,
            state=state,
            service=service,
            pinned=bool(loaded) and engines.pinned(loaded),
            need_ram=need.ram_bytes,
            need_vram=need.vram_bytes,
            source=need.source,
            error_pct=need.error_pct,
            speed=need.speed,
            load_s=need.load_s,
            free_ram=forecast.room.ram,
            free_vram=forecast.room.vram,
            freed_ram=0 if loaded else forecast.freed_ram,
            freed_vram=0 if loaded else forecast.freed_vram,
            beside=forecast.beside,
            fits=forecast.fits,
            words=f"{loaded} has it now" if loaded else forecast.words,
        )

    def _takes(self, launcher: BaseLauncher, role: Role) -> bool:
        settings = launcher.settings
        return launcher.role == role and settings.launch == "process" and launcher.catalogued and not settings.standby

    def _launcher(self, service: str, model_id: str) -> BaseLauncher | None:
        try:
            return self._swapper.wanted(service, model_id) if service else None
        except CommandError:
            return None

    def fetch(self, model_id: str) -> None:
        """In the background; its progress is telemetry under "model <id>". Raises CommandError."""
        try:
            self._engines.catalogue[model_id]
        except ProfileError as error:
            raise CommandError(USAGE, f"{error.message}; {error.hint}") from None
        if model_id not in self._fetching:
            self._fetching[model_id] = None
            self._queue.put_nowait(model_id)

    def cancel(self, model_id: str) -> bool:
        """What has come so far is kept for the next time. False when it was not being fetched."""
        if model_id not in self._fetching:
            return False
        task = self._fetching.pop(model_id)
        if task is not None:
            task.cancel()
        return True

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for work in (self._swapper.run(), self._learner.run(), self._keeper.run(), self._unload()):
                tasks.create_task(work)
            while True:
                model_id = await self._queue.get()
                if model_id not in self._fetching:
                    continue
                task = self._fetching[model_id] = tasks.create_task(self._fetch(model_id))
                await asyncio.wait([task])
                if self._fetching.get(model_id) is task:  # else it was cancelled, and asked for again
                    del self._fetching[model_id]

    async def _unload(self) -> None:
        while True:
            await self._group[await self._unloading.get()].stop()

    async def _fetch(self, model_id: str) -> None:
        bus, key = self._engines.bus, f"model {model_id}"
        try:
            await self._engines.shop.store.fetch(model_id, lambda progress: bus.telemetry("progress", key, progress))
            bus.publish(Note(text=f"{model_id} is stored and can be used now"))
        except (FetchError, OSError) as error:
            bus.publish(Note(text=f"{model_id} cannot be had: {error}", level="warning"))
        finally:
            bus.forget("progress", key)


def _plain(model_id: str, role: Role, title: str, size: int, licence: str, state: CardState) -> ModelCard:
    """Nobody in this rig could use it."""
    return ModelCard(
        id=model_id,
        role=role,
        title=title,
        bytes=size,
        licence=licence,
        state=state,
        service="",
        pinned=False,
        need_ram=0,
        need_vram=0,
        source="formula",
        error_pct=None,
        speed=None,
        load_s=None,
        free_ram=0,
        free_vram=0,
        freed_ram=0,
        freed_vram=0,
        beside=False,
        fits=False,
        words="no engine of this rig can use it",
    )
