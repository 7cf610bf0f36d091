"""The composition root: from a rig and a character to a running show, and back to silence."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Collection
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from console import services
from console.bus import Bus
from console.engines import LiveEngines
from console.event_log import EventLog
from console.events import (
    DeviceChanged,
    DeviceRole,
    DeviceState,
    Note,
    ServiceChanged,
    ShowNotReady,
    ShowReady,
    ShowStarted,
    ShowStopping,
)
from console.operate import Operator
from console.presence import Presence, ShowFile
from console.server import OperatorServer
from conversation import prompt
from conversation.history import History
from conversation.loop import ConversationLoop
from conversation.speech_player import SpeechPlayer
from conversation.turn import Stagehands
from devices import audio_devices
from devices.errors import DeviceError
from devices.jaw_player import JawPlayer
from devices.jaw_simulated import SimulatedBoard
from devices.limits import LimitedJaw
from devices.speech_detector import SileroDetector
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.loader import Loaded
from profiles.schema import Character, Rig
from supervisors.group import ServiceGroup
from supervisors.spec import ServiceStatus
from supervisors.states import ServiceState

_LOG = logging.getLogger(__name__)


class Show:
    """One rig, one character, until `stop` is called. Everything is opened in `run` and closed by it."""

    def __init__(self, home: Home, rig: Loaded[Rig], character: Loaded[Character], catalogue: Catalogue) -> None:
        self.home, self.rig, self.character = home, rig, character
        self.bus = Bus()
        self.began = monotonic()
        self.logs = home.logs / f"{datetime.now():%Y%m%d-%H%M%S}-{rig.name}-{os.getpid()}"
        self.launchers = services.launchers(rig, services.workshop(home, catalogue), catalogue)
        self._standbys = frozenset(n for n, made in self.launchers.items() if made.settings.standby)
        self.engines = LiveEngines(self.launchers, self._standbys)
        self._readiness = services.Readiness(self.launchers)
        self._stopping = asyncio.Event()
        self._not_fetched: dict[str, int] = {}
        self.was_ready = False
        """Whether the show has ever been READY; from then on a lost engine means a degraded turn, not a wait."""
        windows = [made.settings.context for made in self.launchers.values() if made.role == "llm"]
        budget = prompt.history_budget(character.value, min(windows, default=2048))
        self._history = History(character.value.thinking.history_turns, budget)
        for made in self.launchers.values():
            made.warm_with(prompt.messages(character.value, self._history, ""))

    def stop(self, reason: str) -> None:
        """Ask for the end; `run` returns when all is closed."""
        if not self._stopping.is_set():
            self.bus.publish(ShowStopping(reason=reason))
            self._stopping.set()

    async def run(self) -> None:
        """Raises AlreadyRunning, OSError (no room for the log)."""
        async with AsyncExitStack() as stack:
            presence = stack.enter_context(Presence(self.home, self.rig.name))
            log = stack.enter_context(EventLog(self.logs))
            self.bus.add_sink(log.write)
            stack.enter_context(_log_file(self.logs / "show.log"))
            loop, player = self._open_stage(stack)
            stack.push_async_callback(self.engines.aclose)
            group = await stack.enter_async_context(self._services())
            operator = Operator(self, loop, group)
            server = OperatorServer(self.home.socket(self.rig.name, "show"), operator)
            async with asyncio.TaskGroup() as tasks:
                listening = asyncio.Event()
                background = [tasks.create_task(server.serve(listening)), tasks.create_task(loop.run())]
                await listening.wait()
                self._announce(presence)
                if group.reaped:
                    text = f"{len(group.reaped)} processes of an earlier show were still there and have been ended"
                    self.bus.publish(Note(text=text, level="warning"))
                player.open()
                group.start()
                await self._stopping.wait()
                player.cancel()
                server.hang_up()
                for task in background:
                    task.cancel()

    def _announce(self, presence: Presence) -> None:
        socket = str(self.home.socket(self.rig.name, "show"))
        names = (self.rig.name, self.character.name)
        presence.announce(
            ShowFile(
                pid=os.getpid(),
                rig=names[0],
                rig_file=self.rig.file,
                character=names[1],
                socket=socket,
                logs=str(self.logs),
            )
        )
        self.bus.publish(
            ShowStarted(
                pid=os.getpid(),
                rig=names[0],
                character=names[1],
                character_name=self.character.value.name,
                logs=str(self.logs),
            )
        )

    def _open_stage(self, stack: AsyncExitStack) -> tuple[ConversationLoop, SpeechPlayer]:
        """Microphone, speaker and jaw; each says what it is. A device that fails is replaced by its stand-in."""
        settings = self.rig.value
        speaker = self._speaker(stack)
        microphone = self._microphone(stack)
        board = LimitedJaw(SimulatedBoard(), settings.jaw)
        look_ahead = settings.jaw.look_ahead_ms / 1000
        jaw = stack.enter_context(JawPlayer(board, speaker, look_ahead, settings.jaw.idle_detach_s))
        self.bus.publish(DeviceChanged(name=board.board.name, role="jaw", state="simulated"))
        player = SpeechPlayer(speaker, jaw)
        detector = SileroDetector()
        detector.warm()
        hands = Stagehands(
            engines=self.engines,
            character=self.character.value,
            history=self._history,
            player=player,
            detector=detector,
            audio=settings.audio,
            deadlines=settings.deadlines,
            emit=self.bus.publish,
        )
        return ConversationLoop(lambda: hands, microphone), player

    def _speaker(self, stack: AsyncExitStack) -> audio_devices.AnySpeaker:
        detail = ""
        try:
            speaker = audio_devices.speaker(self.rig.value.audio.speaker)
            stack.enter_context(speaker)
        except DeviceError as error:
            detail, speaker = str(error), audio_devices.speaker("null")
            stack.enter_context(speaker)
        self._tell_device("speaker", speaker, detail)
        return speaker

    def _microphone(self, stack: AsyncExitStack) -> audio_devices.AnyMicrophone:
        detail = ""
        try:
            microphone = audio_devices.microphone(self.rig.value.audio.microphone)
            stack.enter_context(microphone)
        except DeviceError as error:
            detail, microphone = str(error), audio_devices.microphone("recorded")
            stack.enter_context(microphone)
        self._tell_device("microphone", microphone, detail)
        return microphone

    def _tell_device(
        self, role: DeviceRole, device: audio_devices.AnySpeaker | audio_devices.AnyMicrophone, detail: str
    ) -> None:
        state: DeviceState = "fault" if detail else "simulated" if device.simulated else "ready"
        self.bus.publish(DeviceChanged(name=device.name, role=role, state=state, detail=detail))

    def _services(self) -> ServiceGroup:
        return ServiceGroup(
            services.places(self.home, self.rig.name, self.logs),
            services.specs(self.rig, self.launchers, self.engines.busy),
            self._on_status,
            on_progress=lambda name, progress: self.bus.telemetry("progress", name, progress),
        )

    def _on_status(self, status: ServiceStatus) -> None:
        launcher = self.launchers[status.name]
        attached = launcher.settings.launch == "attach"
        url = launcher.settings.url.rstrip("/") if attached else f"http://127.0.0.1:{status.port}"
        self.engines.note(status, url if status.port else None)
        self._count_fetches(status)
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


@contextlib.contextmanager
def _log_file(path: Path) -> Any:
    """The show's own words and every traceback go here, never to an operator's screen."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
        with contextlib.suppress(OSError):  # a full disk must not hide why the show ended
            handler.close()
