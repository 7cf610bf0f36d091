"""Buttons with wires: one on the jaw's board, a hot key or a foot pedal. Holding is talking."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class TalkTarget(Protocol):
    """Who opens and closes the microphone."""

    async def hold(self, holder: str) -> None:
        """Raises CommandError when nobody can be heard now."""

    def let_go(self, holder: str) -> None: ...


class TalkKeys:
    """Takes edges from any thread, in order; `run` presses and lets go."""

    def __init__(self) -> None:
        self._edges: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def key(self, holder: str) -> Callable[[bool], None]:
        """What the thread of `holder` calls with True for down and False for up."""

        def edge(down: bool) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._edges.put_nowait, (holder, down))

        return edge

    async def run(self, talker: TalkTarget, refused: Callable[[str], None]) -> None:
        """Until cancelled. A press that cannot be is told, not raised."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                holder, down = await self._edges.get()
                if down:
                    tasks.create_task(_press(talker, holder, refused))
                    await asyncio.sleep(0)  # it begins before the release that may be next
                else:
                    talker.let_go(holder)


async def _press(talker: TalkTarget, holder: str, refused: Callable[[str], None]) -> None:
    try:
        await talker.hold(holder)
    except Exception as error:
        refused(f"{holder}: {error}")
