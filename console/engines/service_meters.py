"""The meters of one show: the readings joined with its services, so that each byte has an owner."""

from collections.abc import Callable, Sequence
from time import monotonic

from supervisors.health import probes
from supervisors.meters.history import MemoryHistory
from supervisors.meters.inferred import InferredMemory
from supervisors.meters.memory_accounting import MemoryAccounting, allocate
from supervisors.meters.meter import CALM_S, FAST_S, MachineMeter
from supervisors.meters.readings import MeterReading
from supervisors.service.group import ServiceGroup
from supervisors.spec import ServiceStatus
from supervisors.states import ServiceState

_LOADING = (ServiceState.STARTING, ServiceState.LOADING)
_LOADED = (ServiceState.READY, ServiceState.DEGRADED, ServiceState.DRAINING)
Seated = tuple[str, ServiceStatus]
"""A seat (`llm`, `llm~2`) and who has it."""
_TREES_S = 2.0
"""A look at all trees costs 0.1 ms for each process; the lists of a GPU's processes are no newer."""


def _ignore() -> None:
    """Nobody looks."""


class Meters:
    """`run` it; then `accounting` and `history` are up to date."""

    def __init__(self) -> None:
        self.meter = MachineMeter(self._on_reading)
        self.history = MemoryHistory()
        self.accounting: MemoryAccounting | None = None
        self.on_reading: Callable[[], None] = _ignore
        self._statuses: Callable[[], Sequence[Seated]] = tuple
        self._deltas = InferredMemory()
        self._states: dict[str, ServiceState] = {}
        self._before: MeterReading | None = None
        self._trees: dict[str, frozenset[int]] = {}
        self._trees_at = float("-inf")

    async def run(self, group: ServiceGroup) -> None:
        """Until cancelled."""
        self._statuses = lambda: group.everyone
        await self.meter.run()

    def watched(self, yes: bool) -> None:
        """While nobody looks, readings are taken for the history and the status alone."""
        self.meter.pace(FAST_S if yes else CALM_S)

    def vram(self, service: str) -> int | None:
        """Bytes of its whole tree on all GPUs; None where there is none, or while nobody can tell."""
        return None if self.accounting is None or self.meter.stale else self.accounting.vram(service)

    def crashed(self, service: str) -> None:
        self.history.mark(monotonic(), "crash", service)

    def _on_reading(self, reading: MeterReading) -> None:
        seats = self._statuses()
        changed = self._follow(reading, seats)
        if reading.devices and (changed or reading.at - self._trees_at >= _TREES_S):
            self._trees = _trees(seats)
            self._trees_at = reading.at
        rss: dict[str, int] = {}
        for _, status in seats:
            if status.rss_bytes:
                rss[status.name] = rss.get(status.name, 0) + status.rss_bytes
        self.accounting = allocate(reading, self._trees, rss, _by_service(self._deltas.shares(), seats))
        self.history.note(self.accounting)
        self._before = reading
        self.on_reading()

    def _follow(self, reading: MeterReading, seats: Sequence[Seated]) -> bool:
        """Whether a service, or an understudy of it, came or went since the last reading."""
        states = {seat: status.state for seat, status in seats}
        changed = states != self._states
        for seat in self._states.keys() - states.keys():
            self._deltas.gone(seat, reading)
        for seat, state in states.items() if changed else ():
            before = self._states.get(seat)
            if state in _LOADING and before not in _LOADING:
                self._deltas.before(seat, self._before or reading)  # this one may be of the midst of its load
            elif state in _LOADED and before in _LOADING:
                self._deltas.after(seat, reading)
            elif state not in (*_LOADING, *_LOADED) and before in (*_LOADING, *_LOADED):
                self._deltas.gone(seat, reading)
        self._states = states
        return changed


def _trees(seats: Sequence[Seated]) -> dict[str, frozenset[int]]:
    """Both of a swap count as their service's."""
    trees: dict[str, frozenset[int]] = {status.name: frozenset() for _, status in seats}
    for _, status in seats:
        if status.pid:
            trees[status.name] |= frozenset(probes.tree(status.pid))
    return trees


def _by_service(shares: dict[str, dict[str, int]], seats: Sequence[Seated]) -> dict[str, dict[str, int]]:
    names = {seat: status.name for seat, status in seats}
    out: dict[str, dict[str, int]] = {}
    for device, parts in shares.items():
        summed = out.setdefault(device, {})
        for seat, size in parts.items():
            if (name := names.get(seat)) is not None:
                summed[name] = summed.get(name, 0) + size
    return out
