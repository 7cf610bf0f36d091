"""When memory runs low: what to do about it, reading after reading. Pure, on a clock that is given."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct

from profiles.schema import MemoryRules

SAMPLES = 3
"""A peak that passes is no reason to change anything."""
HYSTERESIS = 0.10
"""What has been too much is well again only so far below."""
ROOM_S = 60.0
"""How long there must have been room before a larger model is tried again."""


class MemoryPool(Struct, frozen=True):
    """One pool of memory: "RAM", or a GPU."""

    used: float
    """0..1"""
    free: int
    """Bytes."""


class Advice(StrEnum):
    CALM = "calm"
    WARN = "warn"
    """It runs low; nothing is done yet."""
    DOWN = "down"
    """An engine in this pool should take the next smaller step of its ladder."""
    UP = "up"
    """For a while there has been room."""


class Pressure:
    """Feels one pool. `feel` is called for each reading."""

    def __init__(self, rules: MemoryRules, clock: Callable[[], float]) -> None:
        self._rules, self._clock = rules, clock
        self._high = 0
        self._warned = False
        self._roomy_since: float | None = None
        self._changed_at = float("-inf")

    def changed(self) -> None:
        """A model has just come or gone: what is felt now is of that."""
        self._changed_at = self._clock()
        self._high, self._roomy_since = 0, None

    def feel(self, gauge: MemoryPool, *, idle: bool, out_of_memory: bool = False) -> Advice:
        """`idle`: no visitor is being served; `out_of_memory`: an engine has already said so, which does not wait."""
        rules, now = self._rules, self._clock()
        too_much = gauge.used >= rules.act_at or gauge.free < rules.margin_mb * 1_000_000
        self._high = self._high + 1 if too_much else 0
        self._warned = gauge.used >= (rules.warn_at - HYSTERESIS if self._warned else rules.warn_at)
        roomy = gauge.used < rules.warn_at - HYSTERESIS
        if not roomy:
            self._roomy_since = None
        elif self._roomy_since is None:
            self._roomy_since = now
        rested = now - self._changed_at >= rules.residency_s
        if out_of_memory or (self._high >= SAMPLES and idle and rested):
            return Advice.DOWN
        if too_much or self._warned:
            return Advice.WARN
        if rules.step_up and idle and rested and self._roomy_since is not None and now - self._roomy_since >= ROOM_S:
            return Advice.UP
        return Advice.CALM


def neediest(freed: Mapping[str, int]) -> str | None:
    """Of the engines that have a smaller step: whose would give back the most; None when there is none."""
    useful = {name: size for name, size in freed.items() if size > 0}
    return max(useful, key=lambda name: useful[name], default=None)
