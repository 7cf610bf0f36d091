"""Keeps what is measured of each engine for the next forecast, and says where it really runs."""

import asyncio
from pathlib import Path
from time import monotonic

from console.api.events import Note, ServiceChanged, SwapEnded
from console.engines.engine_set import EngineSet
from console.engines.memory_forecast import Forecaster
from conversation.events import Event, TurnEnded
from conversation.stages import Outcome
from launchers.base import BaseLauncher
from launchers.memory.dry_run import listen
from launchers.memory.estimate import learn, load_of
from launchers.memory.learned import Measurement
from launchers.memory.placement import Placement, fell_back
from supervisors.crash.crash_analysis import last_words
from supervisors.health.probes import tree_rss
from supervisors.service.group import ServiceGroup
from supervisors.service.swap import SwapStep
from supervisors.states import ServiceState

AGAIN_S = 60.0
"""Between two measurements of the same engine: what it holds changes slowly, and each is a write to the disk."""
_GROWN_S = 1.0
"""After a turn, until the supervisor's next look at its memory is of that turn."""
_BEGAN = (ServiceState.STARTING, ServiceState.LOADING)


class MeasurementRecorder:
    """`run` it beside the show."""

    def __init__(self, engines: EngineSet, group: ServiceGroup, forecaster: Forecaster, logs: Path) -> None:
        self._engines, self._group, self._forecaster, self._logs = engines, group, forecaster, logs
        self._queue: asyncio.Queue[tuple[BaseLauncher, Measurement | None]] = asyncio.Queue()
        self._started: dict[int, float] = {}
        """When the engines that load now were started, by pid."""
        self._placed: set[int] = set()
        self._measured_at: dict[BaseLauncher, float] = {}
        engines.bus.add_sink(self._on_event)

    def _on_event(self, event: Event, line: bytes) -> None:
        match event:
            case ServiceChanged(pid=int(pid)) if event.state in _BEGAN:
                self._started.setdefault(pid, monotonic())
            case ServiceChanged(pid=int(pid), state=ServiceState.READY) if pid not in self._placed:
                self._placed.add(pid)
                began = self._started.pop(pid, None)
                seen = Measurement(after="ready", load_s=None if began is None else monotonic() - began)
                self._queue.put_nowait((self._engines.launchers[event.name], None if event.adopted else seen))
            case SwapEnded(swapped=True, errors=()):  # what it did before it was in office only the swap has seen
                load_s = (event.phases.get(SwapStep.LOAD, 0) + event.phases.get(SwapStep.TRY, 0)) / 1000
                self._queue.put_nowait((self._engines.launchers[event.name], Measurement(after="ready", load_s=load_s)))
            case TurnEnded(outcome=Outcome.COMPLETED):
                self._after_turn(event)

    def _after_turn(self, event: TurnEnded) -> None:
        speeds = {"llm": event.llm.tokens_per_s, "tts": event.audio.rtf, "stt": None}
        for launcher in self._engines.launchers.values():
            used = launcher.role in speeds and not launcher.settings.standby
            if used and monotonic() - self._measured_at.get(launcher, float("-inf")) > AGAIN_S:
                self._measured_at[launcher] = monotonic()
                self._queue.put_nowait((launcher, Measurement(after="work", speed=speeds[launcher.role])))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            launcher, seen = await self._queue.get()
            if seen is None or seen.after == "ready":
                await self._place(launcher)
            if seen is None or not launcher.catalogued or launcher.settings.launch == "attach":
                continue
            if seen.after == "work":
                await asyncio.sleep(_GROWN_S)
            if self._engines.launchers.get(launcher.name) is launcher:  # else it has been exchanged meanwhile
                await asyncio.to_thread(self._learn, launcher, seen)

    def _learn(self, launcher: BaseLauncher, seen: Measurement) -> None:
        pid = self._group[launcher.name].status.pid
        if pid is None:
            return
        load = load_of(launcher, device=self._forecaster.device_of(launcher))
        vram = self._engines.meters.vram(launcher.name)
        whole = Measurement(after=seen.after, ram=tree_rss(pid), vram=vram, load_s=seen.load_s, speed=seen.speed)
        learn(self._forecaster.learned, load, whole)

    async def _place(self, launcher: BaseLauncher) -> None:
        """A GPU in the machine and an engine on the CPU is a fault that nobody hears, but everybody waits for."""
        service = self._group[launcher.name]
        pid = service.status.pid
        if pid is None or not launcher.catalogued:
            return
        lines = await asyncio.to_thread(last_words, self._logs / f"{service.key}.log", pid)
        placement = await asyncio.to_thread(listen, lines)
        device = _device(placement)
        if device and device != launcher.device and self._group[launcher.name] is service:
            launcher.device = device
            self._engines.tell(service.status)
        words = fell_back(
            placement,
            service=launcher.name,
            gpu=self._forecaster.gpu(),
            wanted=launcher.settings.device,
            ours=launcher.needs_environment(),
        )
        if words:
            self._engines.bus.publish(Note(text=words, level="warning"))


def _device(placement: Placement) -> str:
    """For a column of the screen; "" when the engine did not say."""
    if placement.backend == "both" and placement.layers:
        return f"gpu {placement.layers_offloaded}/{placement.layers}"
    return {"cpu": "cpu", "gpu": "gpu", "both": "gpu, cpu"}.get(placement.backend, "")
