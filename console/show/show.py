"""The composition root: from a rig and a character to a running show, and back to silence."""

import asyncio
import logging
import os
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

from console.api.bus import Bus
from console.api.events import (
    CharacterChanged,
    Note,
    ServiceCrashed,
    ShowStarted,
    ShowStopping,
)
from console.api.server import OperatorServer
from console.body.body_handler import BodyHandler
from console.body.camera_service import CameraService
from console.body.device_set import Booth, open_booth
from console.engines import engine_overrides, services
from console.engines.engine_set import EngineSet
from console.engines.model_handler import ModelHandler
from console.host import last_show
from console.host.disk_space import RoomWatch, places
from console.host.event_log import EventLog
from console.host.memory_footprint import HeapTrimmer
from console.host.run_lock import RunLock
from console.host.show_log import show_log
from console.host.stop_marks import StopMarks
from console.show.command_router import CommandRouter
from console.show.endpoint_guard import EndpointGuard
from console.show.telemetry_sampler import TelemetrySampler
from conversation.cast import Cast
from conversation.loop import ConversationLoop
from conversation.text.reply import ModelHabits
from conversation.turn_context import TurnDependencies
from devices.sound.speech_detector import SileroDetector
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.loader import LoadedProfile
from profiles.schema import Character, Rig
from supervisors.crash.crash_report import CrashReport
from supervisors.service.group import ServiceGroup
from supervisors.states import ServiceState

_ON_THE_WAY = (ServiceState.FETCHING, ServiceState.STARTING, ServiceState.LOADING)
_LOG = logging.getLogger(__name__)


class Show:
    """One rig, one character, until `stop` is called. Everything is opened in `run` and closed by it."""

    def __init__(
        self, home: Home, rig: LoadedProfile[Rig], character: LoadedProfile[Character], catalogue: Catalogue
    ) -> None:
        self.home, self.rig = home, rig
        self.logs = home.logs / f"{datetime.now():%Y%m%d-%H%M%S}-{rig.name}-{os.getpid()}"
        self.bus = Bus()
        self.cast = Cast(character)
        self.engines = EngineSet(home, rig, catalogue, self.bus, self.cast)
        self._habits = ModelHabits()
        self._stopping = asyncio.Event()
        self._lookout: EndpointGuard

    @property
    def character(self) -> LoadedProfile[Character]:
        return self.cast.character

    def stop(self, reason: str) -> None:
        """Ask for the end; `run` returns when all is closed."""
        if not self._stopping.is_set():
            self.bus.publish(ShowStopping(reason=reason))
            self._stopping.set()

    async def run(self) -> None:
        """Raises AlreadyRunning, OSError (no room for the log)."""
        async with AsyncExitStack() as stack:
            presence = stack.enter_context(RunLock(self.home, self.rig.name))
            self._lookout = stack.enter_context(EndpointGuard(self, presence))
            log = self._logged(stack)
            marks = StopMarks(self.home.state(self.rig.name))
            was_halted = marks.halted
            booth = self._devices(stack, marks)
            detector = SileroDetector()
            loop = ConversationLoop(lambda: self._hands(booth, detector), booth.microphone)
            group = await self._supervised(stack)
            desk = ModelHandler(self.engines, group, self.logs)
            eyes = CameraService(self.rig.value, self.engines.shop.environments, self.bus, booth.head)
            body = BodyHandler(self.engines, booth, eyes, self.logs)
            operator = CommandRouter(self, self.engines, loop, group, booth.jaw, desk, body)
            place = partial(self.home.socket, self.rig.name, "show")
            server = OperatorServer(place(), operator, place)
            room = RoomWatch(places(self.home, self.rig.name, self.logs), log, self.bus.publish)
            async with asyncio.TaskGroup() as tasks:
                listening = asyncio.Event()
                forever = (
                    server.serve(listening),
                    loop.run(),
                    TelemetrySampler(self.bus, booth, group, self.engines.meters, self.rig.value.memory).run(),
                    self.engines.meters.run(group),
                    desk.run(),
                    room.run(),
                    HeapTrimmer(self.engines.idle, self._loading, lambda: loop.turns).run(),
                    booth.keys.run(operator, self.warn),
                    eyes.run(),
                )
                background = [tasks.create_task(work) for work in forever]
                tasks.create_task(asyncio.to_thread(detector.warm))  # 0.15 s that no adopted engine should wait for
                try:
                    await listening.wait()
                    self._lookout.announce(server)
                    self._tell_started(group)
                    if was_halted:
                        operator.halt("the show that was halted before")
                    await self._until_stopped(booth, group)
                finally:
                    server.hang_up()  # also in a crash: nobody may keep it from its end
                for task in background:
                    task.cancel()

    def _logged(self, stack: AsyncExitStack) -> EventLog:
        log = stack.enter_context(EventLog(self.logs))
        self.bus.add_sink(log.write)
        stack.enter_context(show_log(self.logs / "show.log"))
        return log

    def _devices(self, stack: AsyncExitStack, marks: StopMarks) -> Booth:
        """Opened, and within reach of the emergency stop."""
        self.bus.add_sink(marks.note)
        stop_socket = partial(self.home.socket, self.rig.name, "estop")
        booth = open_booth(self.rig.value, stop_socket, stack.enter_context(ExitStack()), self.bus.publish, marks)
        self._lookout.mind(booth.emergency)
        return booth

    def _lock_engines(self, stack: AsyncExitStack) -> None:
        """Their key outlives a crash, as they do, and goes after them when the show is stopped."""
        folder, key = self.home.state(self.rig.name), self.engines.shop.key
        if complaint := key.obtain(folder):
            self.warn(complaint)

        def forget() -> None:
            if self._stopping.is_set():
                key.forget(folder)

        stack.callback(forget)

    async def _supervised(self, stack: AsyncExitStack) -> ServiceGroup:
        """Open until the stack closes; not started yet."""
        self._lock_engines(stack)
        stack.push_async_callback(self.engines.live.aclose)
        group = await stack.enter_async_context(self._services())
        self.bus.add_sink(partial(services.doubt, group))
        return group

    async def _until_stopped(self, booth: Booth, group: ServiceGroup) -> None:
        """With sound and engines; a stop that somebody asked for forgets which models were swapped in."""
        last_show.remember(self.home, self.rig, self.character)
        booth.player.open()
        group.start()
        await self._stopping.wait()
        engine_overrides.forget(self.home.state(self.rig.name))
        booth.player.cancel()

    def _tell_started(self, group: ServiceGroup) -> None:
        self.bus.publish(
            ShowStarted(
                pid=os.getpid(),
                rig=self.rig.name,
                character=self.character.name,
                character_name=self.character.value.name,
                logs=str(self.logs),
                began=self.bus.began,
            )
        )
        if group.reaped:
            self.warn(f"{len(group.reaped)} processes of an earlier show were still there and have been ended")

    def _hands(self, booth: Booth, detector: SileroDetector) -> TurnDependencies:
        """Made again for each turn: the character may have changed."""
        return TurnDependencies(
            engines=self.engines.live,
            character=self.character.value,
            history=self.cast.history,
            player=booth.player,
            detector=detector,
            audio=self.rig.value.audio,
            deadlines=self.rig.value.deadlines,
            emit=self.bus.publish,
            habits=self._habits,
        )

    def play(self, character: LoadedProfile[Character]) -> None:
        """Change the character between two turns; one that runs ends in the old one's voice."""
        self.cast.play(character)
        self.engines.brief_all()
        self._lookout.announce()
        last_show.remember(self.home, self.rig, self.character)
        self.bus.publish(CharacterChanged(character=character.name, character_name=character.value.name))

    def warn(self, text: str) -> None:
        self.bus.publish(Note(text=text, level="warning"))

    def _loading(self) -> bool:
        """Whether a service is still on its way."""
        return any(s.state in _ON_THE_WAY for s in self.bus.state.services.values())

    def _services(self) -> ServiceGroup:
        return ServiceGroup(
            services.places(self.home, self.rig, self.logs),
            services.specs(self.rig, self.engines.launchers, self.engines.senses, self.engines.choices),
            self.engines.tell,
            on_progress=lambda name, progress: self.bus.telemetry("progress", name, progress),
            on_crash=self._on_crash,
            during=lambda: self.bus.state.doing,
        )

    def _on_crash(self, report: CrashReport, path: Path | None) -> None:
        self.engines.meters.crashed(report.service)
        self.bus.publish(
            ServiceCrashed(
                name=report.service,
                end=report.end,
                during=report.during,
                first_error=report.first_error,
                report=str(path or ""),
                auditioned=report.auditioned,
            )
        )
