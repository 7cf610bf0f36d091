"""The line to the show: finds it or starts it, folds what it tells, comes back when it breaks. Knows no widgets."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from time import monotonic, time
from typing import Any

import msgspec

from console.api.bus import VERSION
from console.api.client import NoShow, OperatorClient
from console.api.command import A, Command
from console.api.commands import USAGE, CommandError
from console.api.events import AnyEvent
from console.api.state import ShowState, reduce
from console.api.telemetry_types import CameraReading, JawReading, Levels, Memory, MemoryTrace
from console.host import show_finder
from console.host.run_lock import ShowFile, alive, held
from console.tui.client.jaw_trace import JawCourse
from console.tui.client.screen_state import Fetching, LinkState, ScreenState
from profiles.errors import ProfileError
from profiles.home import Home
from supervisors.health.restart_policy import RestartPolicy, RestartRules

_LOG = logging.getLogger(__name__)
SHOW_RULES = RestartRules(good_s=5.0, cap_s=10.0)
KEPT_S = 5.0
"""How long systemd may take to start again what it keeps."""
HANGS_S = 8.0
"""A show has a pulse every 2 s."""
_LOOK_S = 0.25
"""How often we look for a show that is gone: somebody may start it elsewhere."""


class ShowConnection:
    """`picture` is always the whole of what is known; `on_change` says that it is another one."""

    def __init__(self, folder: Path, newborn: show_finder.PendingShow | None = None) -> None:
        self._folder, self._newborn = folder, newborn
        self.on_change: Callable[[], None] = lambda: None
        self.revive: Callable[[], show_finder.PendingShow | None] = lambda: None
        """Starts a show in place of one that crashed. Raises ProfileError, OSError."""
        self._policy = RestartPolicy(SHOW_RULES, monotonic, Random())
        self._live_since = 0.0
        self._crashed = self._heard = 0.0
        self._state = ShowState()
        self._levels = Levels()
        self._jaw: JawReading | None = None
        self._course = JawCourse()
        self._camera: CameraReading | None = None
        self._memory: Memory | None = None
        self._history = MemoryTrace()
        self._fetching: dict[str, Fetching] = {}
        self._link: LinkState = "starting"
        self._trouble = ""
        self._zero = monotonic()
        self.show: ShowFile | None = None
        self.before: ShowFile | None = None
        """The one that was, while another comes up in its place."""
        self.born: show_finder.PendingShow | None = None
        """The last that this screen started."""
        self._client: OperatorClient | None = None

    @property
    def picture(self) -> ScreenState:
        return ScreenState(
            state=self._state,
            now=(monotonic() - self._zero) * 1000,
            clock=time(),
            levels=self._levels,
            jaw=self._jaw,
            course=self._course.columns,
            camera=self._camera,
            memory=self._memory,
            history=self._history,
            fetching=self._fetching,
            link=self._link,
            trouble=self._trouble,
            crashed=self._crashed,
            hangs=(self._client is not None or self._link == "live") and monotonic() - self._heard > HANGS_S,
        )

    @property
    def folder(self) -> Path:
        """The state folder of the rig, whether a show of it can be reached or not."""
        return self._folder

    def take_over(self, folder: Path, newborn: show_finder.PendingShow) -> None:
        """Another show has been started in place of the one that is gone."""
        self._folder, self._newborn = folder, newborn
        self.before, self.show = self.show or self.before, None
        self._state = ShowState(rig=self._state.rig, character_name=self._state.character_name)
        self._zero = monotonic()
        self._become("starting")

    async def call(self, command: Command[A]) -> A:
        """Over the line that we have: for when no other can be had. Raises CommandError, NoShow."""
        if self._client is None:
            raise NoShow("there is no line to a show")
        return await self._client.call_beside(command)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._find()
                assert self.show is not None
                async with OperatorClient(Path(self.show.socket)) as client:
                    self._client, self._heard = client, monotonic()
                    async for row in client.events():
                        self._take(row)
            except (NoShow, OSError):
                pass
            except (msgspec.MsgspecError, ValueError, KeyError) as error:
                _LOG.warning("a line of the show could not be read: %s", error)  # a new snapshot puts it right
            except CommandError as error:
                self._become("failed", str(error))
            finally:
                self._client = None
            if self._link == "live":
                await self._on_connection_lost()
            else:
                await asyncio.sleep(_LOOK_S)

    async def _on_connection_lost(self) -> None:
        """A show that was not stopped has crashed, and is started again: its engines wait for it, but not for long."""
        assert self.show is not None
        if self._state.stopping or show_finder.was_stopped(self.show, Home.from_environment()):
            return self._become("stopped")
        if (now := alive(self._folder)) is not None and now.pid == self.show.pid:
            return await asyncio.sleep(_LOOK_S)  # only the line was lost
        self._crashed = time()
        delay = self._policy.crashed(monotonic() - self._live_since)
        self._become("lost" if delay is None else "reviving")
        if delay is None:
            return
        await asyncio.sleep(KEPT_S if self.show.kept else delay)
        if self._newborn is not None or self._link != "reviving":
            return  # the operator was quicker
        while held(self._folder):
            if alive(self._folder) is not None:
                return  # another screen was quicker, or systemd
            await asyncio.sleep(_LOOK_S)  # somebody starts one
        try:
            newborn = self.revive()
        except (ProfileError, OSError) as error:
            return self._become("failed", str(error))
        if newborn is not None:
            self.take_over(self._folder, newborn)

    async def _find(self) -> None:
        """Raises CommandError when a show that we started does not come up, NoShow when the one that was has gone."""
        if self._newborn is not None:
            newborn, self._newborn = self._newborn, None
            self.born = newborn
            self.show, _ = await show_finder.until_it_answers(newborn)
            return
        while (show := alive(self._folder)) is None or not Path(show.socket).exists():
            if self._newborn is not None:
                return await self._find()
            if show is None and self._link == "live":  # its line broke a moment before its lock did
                raise NoShow("the show has gone")
            self._mind_born()
            await asyncio.sleep(_LOOK_S)
        self.show = show

    def _mind_born(self) -> None:
        """A show of ours that has ended must not stay as a zombie. Raises CommandError if it never spoke to us."""
        ended = self.born is not None and self.born.child.poll() is not None
        if self.born and ended and self._link == "starting" and not held(self._folder):
            born, self.born = self.born, None
            raise show_finder.last_words(born.child.returncode, born.words)

    def _take(self, row: dict[str, Any]) -> None:
        self._heard = monotonic()
        if "snapshot" in row:
            self._begin(row)
        elif row.get("telemetry") == "pulse":
            return
        elif "telemetry" in row:
            self._measure(row)
        else:
            with suppress(msgspec.ValidationError):  # a newer show may tell of things that we cannot draw
                self._state = reduce(self._state, msgspec.convert(row, AnyEvent), row["t_mono_ms"])
        self.on_change()

    def _begin(self, row: dict[str, Any]) -> None:
        if row["v"] != VERSION:
            raise CommandError(USAGE, "the show that runs is of another version; stop it and start it again")
        self._state = msgspec.convert(row["snapshot"], ShowState)
        self._zero = monotonic() - row["t_mono_ms"] / 1000
        self._levels, self._memory, self._history, self._fetching = Levels(), None, MemoryTrace(), {}
        self._jaw, self._course, self._camera = None, JawCourse(), None
        self._live_since = monotonic()
        self._become("live")

    def _measure(self, row: dict[str, Any]) -> None:
        match row["telemetry"]:
            case "levels":
                self._levels = msgspec.convert(row, Levels)
            case "jaw":
                self._jaw = msgspec.convert(row, JawReading)
                self._course.note(self._jaw, (monotonic() - self._zero) * 1000)
            case "camera":
                self._camera = msgspec.convert(row, CameraReading)
            case "memory":
                self._memory = msgspec.convert(row, Memory)
            case "history":
                self._history = msgspec.convert(row, MemoryTrace)
            case "progress":
                self._fetching = {**self._fetching, row["key"]: msgspec.convert(row, Fetching)}

    def _become(self, link: LinkState, trouble: str = "") -> None:
        self._link, self._trouble = link, trouble.rstrip(".")
        if link != "live":
            self._levels, self._fetching = Levels(), {}
            self._jaw, self._camera = None, None
        self.on_change()
