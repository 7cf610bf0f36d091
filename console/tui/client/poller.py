"""Keeps what a page shows fresh: the show is asked while somebody looks, and no oftener than is any use."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from console.tui.client.screen_state import ScreenState
from conversation.stages import Stage

ASK_S, REST_S = 5.0, 0.5
"""How often the show is asked while somebody looks; and how often at most, however much happens."""


class Poller:
    """`run` until cancelled. `picture` is the newest; `ask` is called while `seen`."""

    def __init__(
        self, picture: Callable[[], ScreenState], seen: Callable[[], bool], ask: Callable[[], Awaitable[None]]
    ) -> None:
        self._picture, self._seen, self._ask = picture, seen, ask
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There may be news."""
        self._woken.set()

    async def run(self) -> None:
        """Never while nobody looks; the clock also not while a visitor is served, whose answer comes first."""
        while True:
            idle = self._picture().state.stage is Stage.IDLE
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_S if self._seen() and idle else None):
                    await self._woken.wait()
            self._woken.clear()
            if self._seen():
                await self._ask()
                await asyncio.sleep(REST_S)
