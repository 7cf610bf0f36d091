"""The engines of a rig: their launchers and clients, the models chosen for them, and the memory they take."""

from collections.abc import Collection
from time import monotonic

from msgspec.structs import replace

from console.api.bus import Bus
from console.api.commands import TURN_FAILED, USAGE, CommandError
from console.api.events import Note, ServiceChanged, ShowNotReady, ShowReady
from console.engines import engine_overrides, services
from console.engines.engine_registry import LiveEngines
from console.engines.service_meters import Meters
from conversation.cast import Cast
from launchers.base import BaseLauncher
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.loader import LoadedProfile
from profiles.schema import Rig
from supervisors.spec import ServiceStatus
from supervisors.states import ServiceState


class EngineSet:
    """What swaps, forecasts, checks and commands share of the engines. It starts and stops none of them."""

    def __init__(self, home: Home, rig: LoadedProfile[Rig], catalogue: Catalogue, bus: Bus, cast: Cast) -> None:
        """Raises ProfileError for an engine, a model or a device that the rig names and nobody has."""
        self.home, self.rig, self.catalogue, self.bus, self.cast = home, rig, catalogue, bus, cast
        self.began = monotonic()
        self.shop = services.workshop(home, catalogue)
        self.choices = services.still_valid(engine_overrides.recall(home.state(rig.name)), rig, self.shop, catalogue)
        self.launchers = services.launchers(services.chosen(rig, self.choices), self.shop, catalogue)
        self.live = LiveEngines(self.launchers, frozenset(n for n, m in self.launchers.items() if m.settings.standby))
        self.meters = Meters()
        self.senses = services.EngineProbes(busy=self.live.busy, idle=self.idle, vram=self.meters.vram)
        self._readiness = services.Readiness(self.launchers)
        self._not_fetched: dict[str, int] = {}
        self.was_ready = False
        """Whether all roles were ever filled; from then on a lost engine means a degraded turn, not a wait."""
        self.brief_all()

    def named(self, service: str) -> BaseLauncher:
        """Raises CommandError: this rig has no such service."""
        if service not in self.launchers:
            raise CommandError(USAGE, f"there is no service {service}; this rig has {', '.join(self.launchers)}")
        return self.launchers[service]

    def settled(self, service: str) -> BaseLauncher:
        """Raises CommandError: this rig has no such service, or its model is being exchanged."""
        if service in self.bus.state.swaps:
            raise CommandError(TURN_FAILED, f"{service} is being exchanged just now; wait for that")
        return self.named(service)

    def idle(self) -> bool:
        """Whether no visitor is being listened or talked to."""
        return self.bus.state.idle

    def brief_all(self) -> None:
        """Tell every engine which character plays now."""
        self._fit()
        for made in self.launchers.values():
            self.brief(made)

    def brief(self, launcher: BaseLauncher) -> None:
        """What the engine will be asked, for its canary to ask the same, and who hears what it cannot take."""
        launcher.warm_with(self.cast.head(), self.cast.character.value)
        launcher.tell = self._note

    def _fit(self) -> None:
        windows = [made.settings.context for made in self.launchers.values() if made.role == "llm"]
        self.cast.fit(min(windows, default=2048))

    def _note(self, text: str) -> None:
        self.bus.publish(Note(text=text, level="info"))

    def appoint(self, launcher: BaseLauncher, seat: int) -> None:
        """Its engine takes the place of the one that was; a show that comes after a crash goes on with it."""
        self.brief(launcher)  # the character may have changed while it loaded
        self.launchers[launcher.name] = launcher
        self._choose(launcher.name, self._choice(launcher, seat, self.pinned(launcher.name)))
        self._fit()
        self.meters.history.mark(monotonic(), "swap", launcher.name)

    def pin(self, name: str, on: bool) -> None:
        """A pinned engine keeps its model when memory runs low."""
        now = self.choices.get(name) or self._choice(self.launchers[name], 1, on)
        self._choose(name, replace(now, pinned=on))

    def pinned(self, name: str) -> bool:
        return name in self.choices and self.choices[name].pinned

    def _choice(self, launcher: BaseLauncher, seat: int, pinned: bool) -> engine_overrides.EngineOverride:
        return engine_overrides.choice(self.rig.value.engines[launcher.name], launcher.settings, seat, pinned)

    def _choose(self, name: str, choice: engine_overrides.EngineOverride) -> None:
        self.choices = {**self.choices, name: choice}
        engine_overrides.remember(self.home.state(self.rig.name), self.choices)

    def tell(self, status: ServiceStatus) -> None:
        """A service has changed: for the turns to come, and for everybody who looks."""
        launcher = self.launchers[status.name]
        attached = launcher.settings.launch == "attach"
        url = launcher.settings.url.rstrip("/") if attached else f"http://127.0.0.1:{status.port}"
        self.live.note(status, url if status.port else None)
        self._count_fetches(status)
        if status.state is not ServiceState.FETCHING:
            self.bus.forget("progress", status.name)
        self.bus.publish(services.changed(status, launcher))
        missing = self.missing()
        if not missing and not self.bus.state.ready:
            self.was_ready = True
            self.bus.publish(ShowReady(seconds=round(monotonic() - self.began, 2)))
        elif missing and self.bus.state.ready and not self.bus.state.stopping:
            self.bus.publish(ShowNotReady(roles=missing))

    def _count_fetches(self, status: ServiceStatus) -> None:
        before = self.bus.state.services.get(status.name)
        if status.state is ServiceState.BACKOFF and before is not None and before.state is ServiceState.FETCHING:
            self._not_fetched[status.name] = self._not_fetched.get(status.name, 0) + 1
        elif status.state is ServiceState.STARTING:
            self._not_fetched.pop(status.name, None)

    def missing(self) -> tuple[str, ...]:
        """Roles that no engine fills right now."""
        return self._readiness.missing(self.live)

    def hopeless(self, need: Collection[str]) -> ServiceChanged | None:
        """A service that will not come without help, while no other fills its role, one of those needed. It has
        FAILED, or what it wants could not be fetched twice in a row (each fetch has tried every source, several times).
        """
        missing = set(self.missing()) & set(need)
        rows = self.bus.state.services.values()
        lost = (s for s in rows if s.state is ServiceState.FAILED or self._not_fetched.get(s.name, 0) >= 2)
        return next((s for s in lost if s.role in missing), None)
