"""The rig page in a window without a terminal, and a show behind it that answers what a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.api import body_commands as body
from console.api import commands as cmd
from console.tui.app.app import ConsoleApp
from console.tui.client import poller
from console.tui.client.command_client import CommandClient
from console.tui.pages.rig.page import RigPage
from tests.console.pictures.rig_scenes import BODY, JAW, PREFLIGHT, Row
from tests.console.tui.page_driver import Sight, opened
from tests.support.answers import typed

_TRAVEL = ("closed_us", "open_us", "rest_us", "trim_us", "look_ahead_ms")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALACTUS_THEME", "booth-dark")
    monkeypatch.setenv("TERM", "xterm-256color")  # one that draws no pictures
    monkeypatch.setattr(poller, "REST_S", 0.01)


class Answering(CommandClient):
    """A show with a body: it does what it is told, and notes it. `refuse` maps a command's class to an error."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.body: Row = dict(BODY)
        self.answers: dict[type, Any] = {
            body.HearYourself: {"peak_db": -9.0, "floor_db": -33.0, "snr_db": 24.0, "clipped": False},
            body.Beep: {"heard": True, "snr_db": 18.0},
            body.Snapshot: {
                "jpeg": "/9j/4AAQ",
                "age_s": 0.1,
                "brightness": 46,
                "width": 640,
                "height": 480,
                "caption": "",
                "blind": "the model that thinks has no eyes",
            },
            body.SaveCalibration: {"file": "profiles/rigs/booth.toml"},
            body.Preflight: list(PREFLIGHT),
        }
        self.refuse: dict[type, Exception] = {}
        self.told: list[cmd.Command[Any]] = []
        self.kept: list[cmd.Command[Any]] = []
        """What was sent on the connection that stays."""
        self.asked = 0
        self.slow: dict[type, asyncio.Event] = {}

    async def send(self, command: cmd.Command[Any]) -> Any:
        return typed(command, await self._answer(command))

    async def _answer(self, command: cmd.Command[Any]) -> Any:
        if isinstance(command, body.Body):
            self.asked += 1
            return self.body
        self.told.append(command)
        if (slow := self.slow.get(type(command))) is not None:
            await slow.wait()
        if (error := self.refuse.get(type(command))) is not None:
            raise error
        if isinstance(command, body.Calibrate):
            new = {name: value for name in _TRAVEL if (value := getattr(command, name)) is not None}
            self.body |= new | ({"unsaved": True} if new else {})
            return self.body
        if isinstance(command, body.SaveCalibration):
            self.body["unsaved"] = False
        return self.answers.get(type(command), {})

    async def keep(self, command: cmd.Command[Any]) -> Any:
        self.kept.append(command)
        return await self.send(command)

    def of(self, kind: type[cmd.Command[Any]]) -> list[Any]:
        return [command for command in self.told if isinstance(command, kind)]


class RigSight(Sight):
    """The page, and the show behind it."""

    def __init__(self, pilot: Pilot[str], app: ConsoleApp, show: Answering) -> None:
        super().__init__(pilot, app)
        self.show = show

    @property
    def page(self) -> RigPage:
        return self.app.screen_stack[0].query_one(RigPage)

    @property
    def word(self) -> str:
        return self.page.desk.word[0]


@asynccontextmanager
async def sight(
    run: Path, size: tuple[int, int] = (160, 48), show: Answering | None = None, jaw: Row = JAW
) -> AsyncIterator[RigSight]:
    show = show or Answering()
    async with opened(run, show, size, "3", jaw) as (pilot, app):
        seen = RigSight(pilot, app, show)
        await seen.until(lambda: seen.page.desk.view is not None)
        yield seen
