"""The models page in a window without a terminal, and a show behind it that answers what a test says."""

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from console import commands as cmd
from console.tui.app import ConsoleApp
from console.tui.screens.models import ModelsPage
from console.tui.steering import Steering
from tests.console.model_scenes import CARDS, CPU_ONLY, Row
from tests.console.scenes import Scene, StillLink, ended, settle


class Answering(Steering):
    """A show that tells these cards, and notes what it is told."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.cards: list[Row] = list(CARDS)
        self.told: list[cmd.Command] = []
        self.asked = 0
        self.error: Exception | None = None
        self.slow: asyncio.Event | None = None

    async def send(self, command: cmd.Command) -> Any:
        if not isinstance(command, cmd.Models):
            self.told.append(command)
            return {}
        self.asked += 1
        if self.slow is not None:
            await self.slow.wait()
        if self.error is not None:
            raise self.error
        return self.cards


class Sight:
    """The page, what it shows, and the show behind it."""

    def __init__(self, pilot: Pilot[str], app: ConsoleApp, show: Answering) -> None:
        self.pilot, self.app, self.show = pilot, app, show

    @property
    def page(self) -> ModelsPage:
        return self.app.screen_stack[0].query_one(ModelsPage)

    @property
    def all(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    @property
    def here(self) -> str:
        """The line of the cursor."""
        return next(row for row in self.all.split("\n") if "› " in row)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settle(self.pilot)

    async def happens(self, *rows: Row) -> None:
        for row in rows:
            self.app.link._take({**row, "t_mono_ms": 0.0})
        await self.asked_again()

    async def asked_again(self) -> None:
        before = self.show.asked
        self.app.draw()
        async with asyncio.timeout(3):
            while self.show.asked == before:
                await asyncio.sleep(0.005)
        await settle(self.pilot)


@asynccontextmanager
async def sight(
    run: Path, show: Answering | None = None, size: tuple[int, int] = (160, 48), memory: Row = CPU_ONLY
) -> AsyncIterator[Sight]:
    app = ConsoleApp(StillLink(Scene(until=ended(4), more=(memory,)), run), Namespace(rig=None, character=None))
    app.steering = show = show or Answering()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("4")
        seen = Sight(pilot, app, show)
        await settle(pilot)
        yield seen
