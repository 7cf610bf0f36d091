"""`make recording`: docs/live.svg, a real show of the rehearsal rig on its real screen while a visitor asks something.

Engines, model, voice and frames are real; what the screen showed is looked at eight times a second. A key that is
pressed here is one that an operator can press.
"""

import asyncio
import os
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.strip import Strip

from console.tui.app.app import ConsoleApp
from console.tui.client.show_connection import ShowConnection
from profiles.home import CHECKOUT, Home
from tests.console.pictures.animated_svg import Frame, animated
from tests.support.real_show import RealShow, borrowed_home

SIZE = (120, 36)
EVERY_S = 0.125
TITLE = "Galactus: a visitor asks, the character answers, and the operator's screen shows every stage"
OUT = CHECKOUT / "docs/live.svg"
MOST_BYTES = 1_500_000


class Camera:
    """Looks at the screen again and again, and keeps what has changed."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app, self._began = app, time.monotonic()
        self.frames: list[Frame] = []

    @property
    def now_s(self) -> float:
        return round(time.monotonic() - self._began, 3)

    async def run(self) -> None:
        while True:
            rows = self._rows()
            if not self.frames or rows != self.frames[-1].rows:
                self.frames.append(Frame(self.now_s if self.frames else 0.0, rows))
            await asyncio.sleep(EVERY_S)

    def _rows(self) -> tuple[Strip, ...]:
        screen = self._app.screen
        update = screen._compositor.render_update(full=True, screen_stack=self._app._background_screens)
        rows: list[Iterable[Strip]] = update.strips  # type: ignore[union-attr]
        return tuple(Strip.join(row) for row in rows)


@asynccontextmanager
async def watched(app: ConsoleApp) -> AsyncIterator[Camera]:
    camera = Camera(app)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(camera.run())
        try:
            yield camera
        finally:
            task.cancel()


async def until(done: Callable[[], bool], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not done():
            await asyncio.sleep(0.05)


async def scene(pilot: Pilot[str], app: ConsoleApp, ended: Callable[[], int]) -> None:
    """A visitor asks, the character answers; then the times of the turn, the models, and back."""
    before = ended()
    await asyncio.sleep(1.0)
    await pilot.press("space")
    await until(lambda: ended() > before)
    await asyncio.sleep(1.5)
    for page in "54":
        await pilot.press(page)
        await asyncio.sleep(2.5)
    await pilot.press("1")
    await asyncio.sleep(1.0)


async def record(show: RealShow, home: Home) -> str:
    app = ConsoleApp(ShowConnection(home.state(show.rig), None), Namespace(rig=None, character=None))
    turns = lambda: sum(row.get("type") == "TurnEnded" for row in show.events())  # noqa: E731
    async with app.run_test(size=SIZE) as pilot:
        await until(lambda: app.link.picture.link == "live")
        await asyncio.sleep(2.0)
        async with watched(app) as camera:
            await scene(pilot, app, turns)
            end_s = camera.now_s
    return animated(camera.frames, end_s, TITLE)


def main() -> int:
    os.environ |= {"GALACTUS_THEME": "booth-dark", "COLORTERM": "truecolor"}
    with tempfile.TemporaryDirectory(prefix="gr-") as folder:
        home = borrowed_home(Path(folder) / "home")
        show = RealShow(home)
        try:
            picture = asyncio.run(record(show.start(), Home(home)))
        finally:
            show.end()
    if len(picture) > MOST_BYTES:
        print(f"The recording has {len(picture)} bytes, more than {MOST_BYTES}; it is not kept.", file=sys.stderr)
        return 1
    OUT.write_text(picture, "utf-8")
    print(f"{OUT.relative_to(CHECKOUT)}: {len(picture) / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
