"""What the tree of one service has in RAM: now, in the last minute, and whether that is too much."""

from collections import deque
from collections.abc import Callable

from supervisors.health import probes
from supervisors.spec import ServiceSpec

EAGER_S, CALM_S = 1.0, 4.0
"""Between two looks: while it loads or has a limit, and later. A look costs 0.1 ms for each process."""
KEPT_S = 60.0
Curve = tuple[tuple[float, int], ...]
STRIKES = 3
"""A peak that passes is no reason to end anybody."""


class MemoryMeter:
    def __init__(self, spec: ServiceSpec, clock: Callable[[], float]) -> None:
        self._limit, self._vram, self._clock = spec.memory_limit, spec.vram, clock
        self._seen: deque[tuple[float, int, int | None]] = deque()
        self._strikes = 0
        self._pid = 0
        self.pause = EAGER_S

    def measure(self, pid: int, *, ready: bool) -> int:
        """Bytes."""
        if pid != self._pid:
            self._pid, self._strikes = pid, 0
            self._seen.clear()
        now, rss = self._clock(), probes.tree_rss(pid)
        self._seen.append((now, rss, self._vram()))
        while self._seen[0][0] < now - KEPT_S:
            self._seen.popleft()
        self._strikes = self._strikes + 1 if 0 < self._limit < rss else 0
        self.pause = CALM_S if ready and not self._limit else EAGER_S
        return rss

    @property
    def too_much(self) -> bool:
        return self._strikes >= STRIKES

    @property
    def complaint(self) -> str:
        used = self._seen[-1][1] if self._seen else 0
        return f"it used {used / 1e9:.2f} GB of memory, more than its limit of {self._limit / 1e9:.2f} GB"

    def curve(self) -> Curve:
        """Of RAM: (seconds before now, bytes), oldest first."""
        now = self._clock()
        return tuple((round(now - at, 1), rss) for at, rss, _ in self._seen)

    def vram_curve(self) -> Curve:
        """The same of GPUs; empty where nobody measures them."""
        now = self._clock()
        return tuple((round(now - at, 1), vram) for at, _, vram in self._seen if vram is not None)
