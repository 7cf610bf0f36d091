"""Whether an engine has room on this machine, beside the one that runs or in its place; said with the figures."""

from collections.abc import Callable

import psutil  # type: ignore[import-untyped]
from msgspec import Struct

from launchers.base import BaseLauncher


class Forecast(Struct, frozen=True, kw_only=True):
    """Bytes in RAM, as far as a CPU is concerned."""

    need: int
    available: int
    freed: int
    """What the one that runs would give back."""
    beside: bool
    fits: bool
    """At least in its place."""
    words: str
    """What it means for the show, in one plain sentence."""


class Forecaster:
    """Asks the machine each time: what others use is not ours to remember."""

    def __init__(self, rss: Callable[[str], int]) -> None:
        self._rss = rss

    def forecast(self, wanted: BaseLauncher, before: BaseLauncher) -> Forecast:
        """Reads headers of model files: some ms."""
        need = sum(path.stat().st_size for path in wanted.files()) * 13 // 10
        available = psutil.virtual_memory().available
        freed = self._rss(before.name)
        beside, fits = need <= available, need <= available + freed
        return Forecast(need=need, available=available, freed=freed, beside=beside, fits=fits, words="")

    async def settled(self) -> None:
        """RAM comes back with the process."""
