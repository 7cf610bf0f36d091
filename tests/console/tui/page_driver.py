"""A page of the screen in a window without a terminal: what a test types, clicks and sees there."""

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from console.tui.app.app import ConsoleApp
from console.tui.client.command_client import CommandClient
from tests.console.pictures.scenes import Row, Scene, StillLink, ended, settle


class Sight:
    """The App, and what it shows."""

    def __init__(self, pilot: Pilot[str], app: ConsoleApp) -> None:
        self.pilot, self.app = pilot, app

    @property
    def all(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settle(self.pilot, 1)

    async def click(self, words: str, nth: int = 0) -> None:
        """Where these words are on the screen."""
        await self.pilot.click(offset=self.where(words, nth))
        await settle(self.pilot, 1)

    def where(self, words: str, nth: int = 0) -> tuple[int, int]:
        places = [(row.index(words) + 1, y) for y, row in enumerate(self.all.split("\n")) if words in row]
        return places[nth]

    async def happens(self, *rows: Row) -> None:
        for row in rows:
            self.app.link._take({**row, "t_mono_ms": 0.0})
        self.app.draw()
        await settle(self.pilot, 1)

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not done():
                await asyncio.sleep(0.01)
        await settle(self.pilot, 1)


@asynccontextmanager
async def opened(
    run: Path, steering: CommandClient, size: tuple[int, int], page: str, *more: Row
) -> AsyncIterator[tuple[Pilot[str], ConsoleApp]]:
    """On the page of that key, after an evening of four turns and what `more` tells."""
    app = ConsoleApp(StillLink(Scene(until=ended(4), more=more), run), Namespace(rig=None, character=None))
    app.steering = steering
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press(page)
        yield pilot, app
