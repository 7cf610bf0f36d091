"""The composition root: from a rig and a character to a running show, and back to silence."""

import asyncio
import logging
import os
from collections.abc import Collection
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic

from msgspec.structs import replace

from console.api.bus import Bus
from console.api.events import (
    CharacterChanged,
    Note,
    ServiceChanged,
    ServiceCrashed,
    ShowNotReady,
    ShowReady,
    ShowStarted,
    ShowStopping,
)
from console.api.server import OperatorServer
from console.body.body_handler import BodyDesk
from console.body.camera_service import Eyes
from console.body.device_set import Booth, open_booth
from console.engines import engine_overrides, services
from console.engines.engine_registry import LiveEngines
from console.engines.model_handler import ModelsDesk
from console.engines.service_meters import Meters
from console.host import last_show
from console.host.disk_space import RoomWatch, places
from console.host.memory_footprint import Trimmer
from console.host.run_lock import Presence
from console.host.show_log import show_log
from console.host.stop_marks import StopMarks
from console.show.command_router import Operator
from console.show.endpoint_guard import Lookout
from console.show.event_log import EventLog
from console.show.telemetry_sampler import Sampler
from conversation import prompt
from conversation.history import History
from conversation.loop import ConversationLoop
from conversation.ports import Message
from conversation.stages import Stage
from conversation.text.reply import Habits
from conversation.turn import Stagehands
from devices.sound.speech_detector import SileroDetector
from launchers.base import BaseLauncher
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.loader import Loaded
from profiles.schema import Character, Rig
from supervisors.crash.crash_report import CrashReport
from supervisors.service.group import ServiceGroup
from supervisors.spec import ServiceStatus
from supervisors.states import ServiceState

_ON_THE_WAY = (ServiceState.FETCHING, ServiceState.STARTING, ServiceState.LOADING)
_LOG = logging.getLogger(__name__)


class Show:
    """One rig, one character, until `stop` is called. Everything is opened in `run` and closed by it."""

    def __init__(self, home: Home, rig: Loaded[Rig], character: Loaded[Character], catalogue: Catalogue) -> None:
        self.home, self.rig = home, rig
        self.bus = Bus()
        self._habits = Habits()
        self.began = monotonic()
        self.logs = home.logs / f"{datetime.now():%Y%m%d-%H%M%S}-{rig.name}-{os.getpid()}"
        self.catalogue, self.shop = catalogue, services.workshop(home, catalogue)
        self.choices = services.still_valid(engine_overrides.recall(home.state(rig.name)), rig, self.shop, catalogue)
        self.launchers = services.launchers(services.chosen(rig, self.choices), self.shop, catalogue)
        self._standbys = frozenset(n for n, made in self.launchers.items() if made.settings.standby)
        self.engines = LiveEngines(self.launchers, self._standbys)
        self._readiness = services.Readiness(self.launchers)
        self.meters = Meters()
        self.senses = services.Senses(busy=self.engines.busy, idle=self.idle, vram=self.meters.vram)
        self._stopping = asyncio.Event()
        self._lookout: Lookout
        self._not_fetched: dict[str, int] = {}
        self.was_ready = False
        """Whether the show has ever been READY; from then on a lost engine means a degraded turn, not a wait."""
        self._cast(character)

    def stop(self, reason: str) -> None:
        """Ask for the end; `run` returns when all is closed."""
        if not self._stopping.is_set():
            self.bus.publish(ShowStopping(reason=reason))
            self._stopping.set()

    async def run(self) -> None:
        """Raises AlreadyRunning, OSError (no room for the log)."""
        async with AsyncExitStack() as stack:
            presence = stack.enter_context(Presence(self.home, self.rig.name))
            self._lookout = stack.enter_context(Lookout(self, presence))
            log = stack.enter_context(EventLog(self.logs))
            self.bus.add_sink(log.write)
            stack.enter_context(show_log(self.logs / "show.log"))
            stop_socket = partial(self.home.socket, self.rig.name, "estop")
            marks = StopMarks(self.home.state(self.rig.name))
            was_halted = marks.halted
            self.bus.add_sink(marks.note)
            booth = open_booth(self.rig.value, stop_socket, stack.enter_context(ExitStack()), self.bus.publish, marks)
            self._lookout.mind(booth.emergency)
            detector = SileroDetector()
            loop = ConversationLoop(lambda: self._hands(booth, detector), booth.microphone)
            group = await self._supervised(stack)
            desk = ModelsDesk(self, group)
            eyes = Eyes(self.rig.value, self.shop.environments, self.bus, booth.head)
            operator = Operator(self, loop, group, booth.jaw, desk, BodyDesk(self, booth, eyes))
            sampler = Sampler(self.bus, booth, group, self.meters, self.rig.value.memory)
            place = partial(self.home.socket, self.rig.name, "show")
            server = OperatorServer(place(), operator, place)
            room = RoomWatch(places(self.home, self.rig.name, self.logs), log, self.bus.publish)
            async with asyncio.TaskGroup() as tasks:
                listening = asyncio.Event()
                forever = (
                    server.serve(listening),
                    loop.run(),
                    sampler.run(),
                    self.meters.run(group),
                    desk.run(),
                    room.run(),
                    Trimmer(self.idle, self._loading, lambda: loop.turns).run(),
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

    async def _supervised(self, stack: AsyncExitStack) -> ServiceGroup:
        """Open until the stack closes; not started yet."""
        stack.push_async_callback(self.engines.aclose)
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

    def _hands(self, booth: Booth, detector: SileroDetector) -> Stagehands:
        """Made anew for each turn: the character may have changed."""
        return Stagehands(
            engines=self.engines,
            character=self.character.value,
            history=self._history,
            player=booth.player,
            detector=detector,
            audio=self.rig.value.audio,
            deadlines=self.rig.value.deadlines,
            emit=self.bus.publish,
            habits=self._habits,
        )

    def _cast(self, character: Loaded[Character]) -> None:
        """Who speaks from now on; what was said to the one before is forgotten."""
        self.character = character
        self._history = History(character.value.thinking.history_turns, self._budget())
        for made in self.launchers.values():
            self.brief(made)

    def head(self) -> list[Message]:
        """The frozen beginning of every prompt."""
        return prompt.messages(self.character.value, self._history, "")

    def persona(self) -> list[Message]:
        """The same without what has been said so far."""
        return prompt.messages(self.character.value, History(0), "")

    def play(self, character: Loaded[Character]) -> None:
        """Change the character between two turns; one that runs ends in the old one's voice."""
        self._cast(character)
        self._lookout.announce()
        last_show.remember(self.home, self.rig, self.character)
        self.bus.publish(CharacterChanged(character=character.name, character_name=character.value.name))

    def brief(self, launcher: BaseLauncher) -> None:
        """What the engine will be asked, for its canary to ask the same, and who hears what it cannot take."""
        launcher.warm_with(self.head(), self.character.value)
        launcher.tell = self.note

    def note(self, text: str) -> None:
        self.bus.publish(Note(text=text, level="info"))

    def warn(self, text: str) -> None:
        self.bus.publish(Note(text=text, level="warning"))

    def idle(self) -> bool:
        """Whether nobody is being listened or talked to."""
        return self.bus.state.stage is Stage.IDLE

    def _loading(self) -> bool:
        """Whether a service is still on its way."""
        return any(s.state in _ON_THE_WAY for s in self.bus.state.services.values())

    def appoint(self, launcher: BaseLauncher, seat: int) -> None:
        """Its engine takes the place of the one that was; a show that comes after a crash goes on with it."""
        self.brief(launcher)  # the character may have changed while it loaded
        self.launchers[launcher.name] = launcher
        self._choose(launcher.name, self._choice(launcher, seat, self.pinned(launcher.name)))
        self._history.budget = self._budget()
        self.meters.history.mark(monotonic(), "swap", launcher.name)

    def pin(self, name: str, on: bool) -> None:
        """A pinned engine keeps its model when memory runs low."""
        now = self.choices.get(name) or self._choice(self.launchers[name], 1, on)
        self._choose(name, replace(now, pinned=on))

    def pinned(self, name: str) -> bool:
        return name in self.choices and self.choices[name].pinned

    def _choice(self, launcher: BaseLauncher, seat: int, pinned: bool) -> engine_overrides.Choice:
        return engine_overrides.choice(self.rig.value.engines[launcher.name], launcher.settings, seat, pinned)

    def _choose(self, name: str, choice: engine_overrides.Choice) -> None:
        self.choices = {**self.choices, name: choice}
        engine_overrides.remember(self.home.state(self.rig.name), self.choices)

    def _budget(self) -> int:
        windows = [made.settings.context for made in self.launchers.values() if made.role == "llm"]
        return prompt.history_budget(self.character.value, min(windows, default=2048))

    def _services(self) -> ServiceGroup:
        return ServiceGroup(
            services.places(self.home, self.rig.name, self.logs),
            services.specs(self.rig, self.launchers, self.senses, self.choices),
            self.tell,
            on_progress=lambda name, progress: self.bus.telemetry("progress", name, progress),
            on_crash=self._on_crash,
            during=lambda: self.bus.state.doing,
        )

    def _on_crash(self, report: CrashReport, path: Path | None) -> None:
        self.meters.crashed(report.service)
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

    def tell(self, status: ServiceStatus) -> None:
        """A service has changed: for the turns to come, and for everybody who looks."""
        launcher = self.launchers[status.name]
        attached = launcher.settings.launch == "attach"
        url = launcher.settings.url.rstrip("/") if attached else f"http://127.0.0.1:{status.port}"
        self.engines.note(status, url if status.port else None)
        self._count_fetches(status)
        if status.state is not ServiceState.FETCHING:
            self.bus.forget("progress", status.name)
        self.bus.publish(services.changed(status, launcher))
        missing = self._readiness.missing(self.engines)
        if not missing and not self.bus.state.ready:
            self.was_ready = True
            self.bus.publish(ShowReady(seconds=round(monotonic() - self.began, 2)))
        elif missing and self.bus.state.ready and not self._stopping.is_set():
            self.bus.publish(ShowNotReady(roles=missing))

    def _count_fetches(self, status: ServiceStatus) -> None:
        before = self.bus.state.services.get(status.name)
        if status.state is ServiceState.BACKOFF and before is not None and before.state is ServiceState.FETCHING:
            self._not_fetched[status.name] = self._not_fetched.get(status.name, 0) + 1
        elif status.state is ServiceState.STARTING:
            self._not_fetched.pop(status.name, None)

    def missing(self) -> tuple[str, ...]:
        """Roles that nobody fills right now."""
        return self._readiness.missing(self.engines)

    def hopeless(self, need: Collection[str]) -> ServiceChanged | None:
        """A service that will not come without help, while nobody else fills its role, one of those needed. It is HELD,
        or what it wants could not be fetched twice in a row (each fetch has tried every source, several times).
        """
        missing = set(self.missing()) & set(need)
        rows = self.bus.state.services.values()
        lost = (s for s in rows if s.state is ServiceState.HELD or self._not_fetched.get(s.name, 0) >= 2)
        return next((s for s in lost if s.role in missing), None)
