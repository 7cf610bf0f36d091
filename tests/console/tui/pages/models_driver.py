"""The models page in a window without a terminal, and a show behind it that answers what a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from console.api import commands as cmd
from console.tui.app.app import ConsoleApp
from console.tui.client.command_client import CommandClient
from console.tui.pages.models.page import ModelsPage
from tests.console.pictures.model_scenes import CARDS, CPU_ONLY, Row
from tests.console.pictures.scenes import settle
from tests.console.tui.page_driver import Sight, opened
from tests.support.answers import typed


class Answering(CommandClient):
    """A show that tells these cards, and notes what it is told."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.cards: list[Row] = list(CARDS)
        self.told: list[cmd.Command[Any]] = []
        self.asked = 0
        self.error: Exception | None = None
        self.slow: asyncio.Event | None = None

    async def send(self, command: cmd.Command[Any]) -> Any:
        if not isinstance(command, cmd.Models):
            self.told.append(command)
            return {}
        self.asked += 1
        if self.slow is not None:
            await self.slow.wait()
        if self.error is not None:
            raise self.error
        return typed(command, self.cards)


class ModelsSight(Sight):
    """The page, and the show behind it."""

    def __init__(self, pilot: Pilot[str], app: ConsoleApp, show: Answering) -> None:
        super().__init__(pilot, app)
        self.show = show

    @property
    def page(self) -> ModelsPage:
        return self.app.screen_stack[0].query_one(ModelsPage)

    @property
    def here(self) -> str:
        """The line of the cursor."""
        return next(row for row in self.all.split("\n") if "› " in row)

    async def happens(self, *rows: Row) -> None:
        for row in rows:
            self.app.link._take({**row, "t_mono_ms": 0.0})
        await self.asked_again()

    async def asked_again(self) -> None:
        before = self.show.asked
        self.app.draw()
        await self.until(lambda: self.show.asked > before)


@asynccontextmanager
async def sight(
    run: Path, show: Answering | None = None, size: tuple[int, int] = (160, 48), memory: Row = CPU_ONLY
) -> AsyncIterator[ModelsSight]:
    show = show or Answering()
    async with opened(run, show, size, "4", memory) as (pilot, app):
        await settle(pilot)
        yield ModelsSight(pilot, app, show)
