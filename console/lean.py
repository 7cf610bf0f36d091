"""What a show does without, so that an evening fits into little memory."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from supervisors.kernel import give_back_memory, map_large_blocks

_PAUSE_S = 5.0


def import_httpx() -> None:
    """Without its own command line, which would read click, rich and pygments: 4.4 MB, and a tenth of a second at every
    start. None in `sys.modules` makes an import fail (the import system's documentation), which httpx expects of it.
    """
    modules: dict[str, Any] = sys.modules
    if "httpx" in modules or "click" in modules:
        return
    modules["click"] = None
    try:
        import httpx  # noqa: F401
    finally:
        del modules["click"]


class Trimmer:
    """Gives memory back in the pauses of an evening: what the start needed, and what each turn leaves behind.

    A start takes 20 MB that need not stay; without this the show had 86 to 94 MB after the same turns, by when it was
    READY and what had still to load then.
    """

    def __init__(self, resting: Callable[[], bool], loading: Callable[[], bool], turns: Callable[[], int]) -> None:
        self._resting, self._loading, self._turns = resting, loading, turns

    async def run(self) -> None:
        """Until cancelled. In a thread, for a trim takes some ms in which the loop has better things to do."""
        map_large_blocks()
        before = -1
        while True:
            await asyncio.sleep(_PAUSE_S)
            if self._turns() != before and self._resting() and not self._loading():
                before = self._turns()
                await asyncio.to_thread(give_back_memory)
