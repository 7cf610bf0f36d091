"""The meters of one show: the readings joined with its services, so that each byte has an owner."""

from collections.abc import Callable, Sequence
from time import monotonic

from supervisors import probes
from supervisors.group import ServiceGroup
from supervisors.meters.history import History
from supervisors.meters.inferred import Deltas
from supervisors.meters.ledger import Ledger, draw_up
from supervisors.meters.meter import CALM_S, FAST_S, Meter
from supervisors.meters.readings import Reading
from supervisors.spec import ServiceStatus
from supervisors.states import ServiceState

_LOADING = (ServiceState.STARTING, ServiceState.LOADING)
_LOADED = (ServiceState.READY, ServiceState.DEGRADED, ServiceState.DRAINING)
_TREES_S = 2.0
"""A look at all trees costs 0.1 ms for each process; the lists of a GPU's processes are no newer."""


def _ignore() -> None:
    """Nobody looks."""


class Meters:
    """`run` it; then `ledger` and `history` are up to date."""

    def __init__(self) -> None:
        self.meter = Meter(self._on_reading)
        self.history = History()
        self.ledger: Ledger | None = None
        self.on_reading: Callable[[], None] = _ignore
        self._statuses: Callable[[], Sequence[ServiceStatus]] = tuple
        self._deltas = Deltas()
        self._states: dict[str, ServiceState] = {}
        self._before: Reading | None = None
        self._trees: dict[str, frozenset[int]] = {}
        self._trees_at = float("-inf")

    async def run(self, group: ServiceGroup) -> None:
        """Until cancelled."""
        self._statuses = lambda: group.statuses
        await self.meter.run()

    def watched(self, yes: bool) -> None:
        """While nobody looks, readings are taken for the history and the status alone."""
        self.meter.pace(FAST_S if yes else CALM_S)

    def vram(self, service: str) -> int | None:
        """Bytes of its whole tree on all GPUs; None where there is none, or while nobody can tell."""
        return None if self.ledger is None or self.meter.stale else self.ledger.vram(service)

    def crashed(self, service: str) -> None:
        self.history.mark(monotonic(), "crash", service)

    def _on_reading(self, reading: Reading) -> None:
        statuses = self._statuses()
        changed = self._follow(reading, statuses)
        if reading.devices and (changed or reading.at - self._trees_at >= _TREES_S):
            self._trees = {s.name: frozenset(probes.tree(s.pid)) if s.pid else frozenset() for s in statuses}
            self._trees_at = reading.at
        rss = {s.name: s.rss_bytes for s in statuses if s.rss_bytes}
        self.ledger = draw_up(reading, self._trees, rss, self._deltas.shares())
        self.history.note(self.ledger)
        self._before = reading
        self.on_reading()

    def _follow(self, reading: Reading, statuses: Sequence[ServiceStatus]) -> bool:
        """Whether a service came or went since the last reading."""
        states = {s.name: s.state for s in statuses}
        changed = states != self._states
        for name, state in states.items() if changed else ():
            before = self._states.get(name)
            if state in _LOADING and before not in _LOADING:
                self._deltas.before(name, self._before or reading)  # this one may be of the midst of its load
            elif state in _LOADED and before in _LOADING:
                self._deltas.after(name, reading)
            elif state not in (*_LOADING, *_LOADED) and before in (*_LOADING, *_LOADED):
                self._deltas.gone(name, reading)
        self._states = states
        return changed
