"""The last ten minutes, for sparklines: how full RAM and VRAM were, and what happened meanwhile."""

from collections import deque
from typing import Literal

from msgspec import Struct

from supervisors.meters.memory_accounting import MemoryAccounting

KEPT_S, STEP_S = 600.0, 1.0
"""600 moments, however fast the readings come."""
Kind = Literal["swap", "crash"]


class MemoryShares(Struct, frozen=True):
    """Shares of what is not free, 0 .. 1."""

    at: float
    """Monotonic time, seconds."""
    ram: float
    vram: float | None
    """Of all devices with memory of their own together; None: there is none."""


class Mark(Struct, frozen=True):
    """Something after which the memory looks different."""

    at: float
    kind: Kind
    service: str


class MemoryHistory:
    def __init__(self) -> None:
        self.moments: deque[MemoryShares] = deque()
        self.marks: deque[Mark] = deque()

    def note(self, accounting: MemoryAccounting) -> None:
        if self.moments and accounting.at - self.moments[-1].at < STEP_S * 0.9:
            return
        own = [pool for pool in accounting.devices if pool.device and not (pool.device.unified or pool.device.lost)]
        total = sum(pool.total for pool in own)
        vram = 1 - sum(pool.free for pool in own) / total if total else None
        self.moments.append(MemoryShares(accounting.at, accounting.ram.share, vram))
        self._forget(accounting.at)

    def mark(self, at: float, kind: Kind, service: str) -> None:
        self.marks.append(Mark(at, kind, service))
        self._forget(at)

    def columns(self, now: float, count: int) -> list[MemoryShares | None]:
        """The fullest moment of each of `count` equal parts of the time, the oldest first: a peak is what matters."""
        out: list[MemoryShares | None] = [None] * count
        for moment in self.moments:
            index = int((moment.at - (now - KEPT_S)) / KEPT_S * count)
            if 0 <= index < count or index == count:
                index = min(index, count - 1)
                known = out[index]
                out[index] = moment if known is None else _fuller(known, moment)
        return out

    def _forget(self, now: float) -> None:
        while self.moments and self.moments[0].at < now - KEPT_S:
            self.moments.popleft()
        while self.marks and self.marks[0].at < now - KEPT_S:
            self.marks.popleft()


def _fuller(one: MemoryShares, other: MemoryShares) -> MemoryShares:
    both = [share for share in (one.vram, other.vram) if share is not None]
    return MemoryShares(other.at, max(one.ram, other.ram), max(both, default=None))
