"""A head that is held in motion: told again and again while it is held, and then to stop. Knows no widgets."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from console.api.body_commands import Move

AGAIN_S = 0.3
"""A head ends a move by itself after 1 s."""
LOST_S = 1.0
"""A key that is held repeats itself sooner than this; one that does not, and was not let go either, is lost."""


class PanHold:
    """`run` until cancelled. `tell` must not raise."""

    def __init__(self, tell: Callable[[Move], Awaitable[Any]]) -> None:
        self._tell = tell
        self._wish = self._told = 0, 0
        self._until: float | None = None
        self._woken = asyncio.Event()

    @property
    def heading(self) -> tuple[int, int]:
        """Right, up."""
        return self._wish

    def hold(self, right: int, up: int, *, for_s: float | None = None) -> None:
        """`for_s`: of a key, which repeats itself while it is held."""
        self._wish = right, up
        self._until = None if for_s is None else asyncio.get_running_loop().time() + for_s
        self._woken.set()

    def stop(self) -> None:
        self._wish, self._until = (0, 0), None
        self._woken.set()

    async def run(self) -> None:
        """One command after another, so that a stop is never overtaken by a move."""
        while True:
            await self._pause()
            if self._until is not None and asyncio.get_running_loop().time() >= self._until:
                self._wish, self._until = (0, 0), None
            wish = self._wish
            if wish != (0, 0) or self._told != (0, 0):
                self._told = wish
                await self._tell(Move(pan=float(wish[0]), tilt=float(wish[1])))

    async def _pause(self) -> None:
        """Until there is something to tell: at once for another wish, in a while for the same."""
        wait = None if self._wish == self._told == (0, 0) else AGAIN_S
        if wait is not None and self._until is not None:
            wait = max(0.0, min(wait, self._until - asyncio.get_running_loop().time()))
        try:
            async with asyncio.timeout(wait):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()
