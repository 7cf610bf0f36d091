"""An event loop whose clock we turn: what waits for 30 s takes none, and happens at 30.000 s exactly.

For code that waits by asyncio and reads `loop.time()`, or a clock that it is given; never for processes and threads,
which live by the real clock.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

_P = ParamSpec("_P")
_REAL_S = 0.002
"""For bytes that are on their way within this process: they come before the clock is turned."""


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        return self.now


class _Leaping(selectors.DefaultSelector):
    """Does not wait for a timer: the clock leaps to it."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select()
        alone = len(self.get_map()) <= 1  # one is the loop's own
        found = super().select(0 if alone else min(timeout, _REAL_S))
        if not found:
            self._loop.now += timeout
        return found


def virtual_time(test: Callable[_P, Coroutine[Any, Any, None]]) -> Callable[_P, None]:
    """A test that runs on such a loop from 0 s on."""

    @functools.wraps(test)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now() -> float:
    """Seconds on the clock of the loop that runs; may be passed as a clock."""
    return asyncio.get_running_loop().time()
