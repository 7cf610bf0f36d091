"""When a service that died may try again: pure on a clock and a source of chance that are given."""

import random
from collections import deque
from collections.abc import Callable

from msgspec import Struct


class RestartRules(Struct, frozen=True, kw_only=True):
    base_s: float = 0.5
    cap_s: float = 30.0
    jitter: float = 0.2
    good_s: float = 60.0
    """READY for so long is a good run: the next start comes at once, and the count begins again."""
    window_s: float = 300.0
    most: int = 5
    """More crashes than this within the window, and it waits for the operator; 0: it never does."""


class RestartPolicy:
    def __init__(self, rules: RestartRules, clock: Callable[[], float], rng: random.Random) -> None:
        self._rules, self._clock, self._rng = rules, clock, rng
        self._doublings = 0
        self._crashes: deque[float] = deque()

    def crashed(self, ready_s: float) -> float | None:
        """Seconds to wait before the next start of a service that had been READY for `ready_s`; None: hold it."""
        rules, now = self._rules, self._clock()
        self._crashes.append(now)
        while self._crashes[0] < now - rules.window_s:
            self._crashes.popleft()
        if rules.most and len(self._crashes) > rules.most:
            return None
        if ready_s >= rules.good_s:
            self._doublings = 0
            return 0.0
        delay = min(rules.cap_s, rules.base_s * float(2**self._doublings))
        self._doublings += 1
        return delay * self._rng.uniform(1 - rules.jitter, 1 + rules.jitter)

    def reset(self) -> None:
        """The operator starts it: what was is forgotten."""
        self._doublings = 0
        self._crashes.clear()
