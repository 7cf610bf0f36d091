"""What the sampler wants of those who know GPUs."""

from typing import Protocol

from supervisors.meters.readings import GpuReading, Machine


class GpuSource(Protocol):
    """One make of GPU. It never raises: what cannot be read is not there, and `note` says why."""

    @property
    def note(self) -> str:
        """A plain sentence about what is wrong; "" when nothing is, or when there is nothing of this make."""
        ...

    def wakes(self, now: float) -> bool:
        """Whether the next `read` rouses a driver, which may take seconds."""
        ...

    def read(self, now: float, machine: Machine) -> tuple[GpuReading, ...]: ...


class SamplingPace:
    """When an expensive look is due: not before its period is over, nor before its cost is a small share of the time.

    A driver may hold a lock while it answers, which somebody who draws on the same card feels.
    """

    def __init__(self, period_s: float, share: float) -> None:
        self._period_s, self._share = period_s, share
        self._due = float("-inf")

    def due(self, now: float) -> bool:
        return now >= self._due

    def took(self, now: float, cost_s: float) -> None:
        """A look that began at `now` has cost so much."""
        self._due = now + max(self._period_s, cost_s / self._share)
