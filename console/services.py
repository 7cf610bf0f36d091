"""From a rig to its services: launchers, the specs the supervisors need, and what they report as events."""

from collections.abc import Callable, Mapping
from pathlib import Path

from console.engines import LiveEngines
from console.events import ServiceChanged
from launchers import registry
from launchers.base import BaseLauncher, Workshop
from launchers.environments import Environments
from launchers.weights import ModelStore
from profiles.catalogue import Catalogue
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import Loaded, role_of
from profiles.schema import Rig
from supervisors.reaper import token_prefix
from supervisors.spec import AttachedSpec, Places, ServiceSpec, ServiceStatus


def workshop(home: Home, catalogue: Catalogue) -> Workshop:
    return Workshop(home, ModelStore(home, catalogue), Environments(home))


def launchers(rig: Loaded[Rig], shop: Workshop, catalogue: Catalogue) -> dict[str, BaseLauncher]:
    """One per enabled engine, in the rig's order. Raises ProfileError."""
    made: dict[str, BaseLauncher] = {}
    for name, engine in rig.value.engines.items():
        if not engine.enabled:
            continue
        role = role_of(name, engine)
        made[name] = registry.launcher(rig.file, name, role, engine, shop)
        if engine.model and engine.launch == "process" and made[name].catalogued:
            _check_model(rig.file, name, role, engine.model, catalogue)
    return made


def _check_model(file: str, name: str, role: str, model_id: str, catalogue: Catalogue) -> None:
    try:
        model = catalogue[model_id]
    except ProfileError as error:
        raise ProfileError(file, f"engines.{name}.model", f'there is no model "{model_id}"', error.hint) from None
    if model.role != role:
        hint = f"models for {role}: {', '.join(catalogue.role(role))}"  # type: ignore[arg-type]
        raise ProfileError(file, f"engines.{name}.model", f'"{model_id}" is a model for {model.role}', hint)


def specs(
    rig: Loaded[Rig],
    made: Mapping[str, BaseLauncher],
    busy: Callable[[str], Callable[[], bool]],
    idle: Callable[[], bool],
) -> list[ServiceSpec | AttachedSpec]:
    """What to supervise. `busy`: of each, whether a request of ours is on its way; `idle`: whether nobody is served."""
    out: list[ServiceSpec | AttachedSpec] = []
    for name, launcher in made.items():
        engine = launcher.settings
        role = role_of(name, engine)
        if engine.launch == "attach":
            url = engine.url.rstrip("/")
            out.append(
                AttachedSpec(
                    name=name,
                    role=role,
                    base_url=url,
                    prepare=launcher.attach,
                    canary=launcher.canary,
                    leave=launcher.leave,
                    health_path=launcher.health_path,
                    busy=busy(name),
                )
            )
            continue
        out.append(
            ServiceSpec(
                name=name,
                role=role,
                command=launcher.command,
                prepare=launcher.prepare,
                canary=launcher.canary,
                health_path=launcher.health_path,
                port=engine.port,
                adopt_window_s=rig.value.adopt_window_s,
                busy=busy(name),
                idle=idle,
                memory_limit=engine.memory_limit_mb * 1_000_000,
            )
        )
    return out


def places(home: Home, rig: str, logs: Path) -> Places:
    return Places(home.state(rig), logs, lambda name: home.socket(rig, "shim", name), token_prefix(home.root, rig))


def changed(status: ServiceStatus, launcher: BaseLauncher) -> ServiceChanged:
    """A supervisor's report as an event of the show."""
    return ServiceChanged(
        name=status.name,
        role=status.role,
        state=status.state,
        model=launcher.model,
        device=launcher.device,
        pid=status.pid,
        shim_pid=status.shim_pid,
        port=status.port,
        restarts=status.restarts,
        adopted=status.adopted,
        last_error=status.last_error,
    )


class Readiness:
    """Whether every role of the rig has an engine that answers."""

    def __init__(self, made: Mapping[str, BaseLauncher]) -> None:
        self.roles = tuple(dict.fromkeys(role_of(n, launcher.settings) for n, launcher in made.items()))

    def missing(self, engines: LiveEngines) -> tuple[str, ...]:
        have = {"stt": engines.stt() is not None, "llm": engines.llm() is not None, "tts": bool(engines.voices())}
        return tuple(role for role in self.roles if not have.get(role, True))
