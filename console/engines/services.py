"""From a rig to its services: launchers, the specs the supervisors need, and what they report as events."""

import difflib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from clients.chat import ChatModel
from console.api.events import ServiceChanged
from console.engines.engine_overrides import EngineOverride, own
from console.engines.engine_registry import LiveEngines
from conversation.events import Event, StageFailed
from conversation.stages import Stage
from devices.boards import board
from devices.errors import DeviceError
from devices.hot_key import code_of
from devices.pan_tilt import head
from launchers import registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.model_launcher import ModelLauncher
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import LoadedProfile, role_of
from profiles.schema import Character, Engine, Rig
from supervisors.service.group import ServiceGroup
from supervisors.shim.reaper import token_prefix
from supervisors.spec import AttachedSpec, ServicePaths, ServiceSpec, ServiceStatus

_ROLES = {Stage.TRANSCRIBING: "stt", Stage.THINKING: "llm", Stage.SPEAKING: "tts"}


def workshop(home: Home, catalogue: Catalogue) -> LauncherContext:
    return LauncherContext(home, ModelStore(home, catalogue), Environments(home))


def launchers(
    rig: LoadedProfile[Rig], shop: LauncherContext, catalogue: Catalogue, *, keys: bool = True
) -> dict[str, BaseLauncher]:
    """One per enabled engine, in the rig's order. Raises ProfileError, with `keys` also for a key that is missing."""
    _check_devices(rig.file, rig.value)
    engines = rig.value.engines.items()
    made = {name: launcher(rig, name, engine, shop, catalogue) for name, engine in engines if engine.enabled}
    for keyless in (one.keyless for one in made.values() if keys and one.keyless):
        raise keyless
    for one in made.values():
        one.check_context(rig.file)
    return made


def _check_devices(file: str, rig: Rig) -> None:
    """What only the devices know: keys, boards, heads. Raises ProfileError."""
    boards, heads = _kinds(board.__file__, "open_board"), ["none", *_kinds(head.__file__, "open_head")]
    for key, name, kinds in (("jaw.board", rig.jaw.board, boards), ("pan_tilt.driver", rig.pan_tilt.driver, heads)):
        if name not in kinds:
            near = difflib.get_close_matches(name.lower(), kinds, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(kinds)}"
            raise ProfileError(file, key, f'there is no "{name}"', hint)
    if rig.talk.hot_key:
        try:
            code_of(rig.talk.hot_key)
        except DeviceError as error:
            raise ProfileError(file, "talk.hot_key", f'there is no key "{rig.talk.hot_key}"', error.hint) from None


def _kinds(beside: str, opener: str) -> list[str]:
    """The files that open a device, without running them."""
    return sorted(p.stem for p in Path(beside).parent.glob("*.py") if f"\ndef {opener}(" in p.read_text("utf-8"))


def chosen(rig: LoadedProfile[Rig], choices: Mapping[str, EngineOverride]) -> LoadedProfile[Rig]:
    """The rig with the models that its engines have now."""
    engines = {n: choices[n].applied(e) if n in choices else e for n, e in rig.value.engines.items()}
    return replace(rig, value=replace(rig.value, engines=engines))


def still_valid(
    choices: Mapping[str, EngineOverride], rig: LoadedProfile[Rig], shop: LauncherContext, catalogue: Catalogue
) -> dict[str, EngineOverride]:
    """Without those of engines or models that are gone meanwhile."""
    good: dict[str, EngineOverride] = {}
    for name, choice in choices.items():
        with suppress(ProfileError, KeyError):
            if own(rig.value.engines[name]) != choice.rig:
                continue
            launcher(rig, name, choice.applied(rig.value.engines[name]), shop, catalogue)
            good[name] = choice
    return good


def launcher(
    rig: LoadedProfile[Rig], name: str, engine: Engine, shop: LauncherContext, catalogue: Catalogue
) -> BaseLauncher:
    """Of one engine, with other settings than the rig's if need be. Raises ProfileError."""
    role = role_of(name, engine)
    shop.withheld.update(key_variables(rig))
    made = registry.launcher(rig.file, name, role, engine, shop)
    if engine.model and engine.launch == "process" and made.catalogued:
        _check_model(rig.file, f"engines.{name}.model", role, engine.model, catalogue)
        if (needs := catalogue[engine.model].engine) not in ("", engine.engine):
            raise ProfileError(
                rig.file, f"engines.{name}.model", f'"{engine.model}" is read by {needs} alone', f'engine = "{needs}"'
            )
        for step in engine.ladder:
            _check_model(rig.file, f"engines.{name}.ladder", role, step.model, catalogue)
    return made


def _check_model(file: str, key: str, role: str, model_id: str, catalogue: Catalogue) -> None:
    try:
        model = catalogue[model_id]
    except ProfileError as error:
        raise ProfileError(file, key, f'there is no model "{model_id}"', error.hint) from None
    if model.role != role:
        hint = f"models for {role}: {', '.join(catalogue.role(role))}"  # type: ignore[arg-type]
        raise ProfileError(file, key, f'"{model_id}" is a model for {model.role}', hint)


class EngineProbes(Struct, frozen=True, kw_only=True):
    """What a supervisor asks the show about the engine of a launcher."""

    busy: Callable[[BaseLauncher], Callable[[], bool]]
    """Whether a request of ours is on its way to it."""
    idle: Callable[[], bool]
    """Whether nobody is served."""
    vram: Callable[[str], int | None]
    """By its name: bytes on GPUs."""


def specs(
    rig: LoadedProfile[Rig],
    made: Mapping[str, BaseLauncher],
    senses: EngineProbes,
    choices: Mapping[str, EngineOverride],
) -> list[ServiceSpec | AttachedSpec]:
    """What to supervise."""
    return [
        spec(rig, launcher, senses, choices[name].seat if name in choices else 1) for name, launcher in made.items()
    ]


def spec(
    rig: LoadedProfile[Rig], launcher: BaseLauncher, senses: EngineProbes, seat: int
) -> ServiceSpec | AttachedSpec:
    engine = launcher.settings
    if engine.launch == "attach":
        theirs = launcher.theirs
        return AttachedSpec(
            name=launcher.name,
            role=launcher.role,
            base_url=engine.url,
            key=theirs.key if theirs else None,
            locked=f"{theirs.locked}; {theirs.unlock}" if theirs else "wants a key",
            prepare=launcher.attach,
            canary=launcher.canary,
            leave=launcher.leave,
            health_path=launcher.health_path,
            busy=senses.busy(launcher),
        )
    return ServiceSpec(
        name=launcher.name,
        role=launcher.role,
        command=launcher.command,
        prepare=launcher.prepare,
        canary=launcher.canary,
        died_early=launcher.died_early,
        health_path=launcher.health_path,
        port=engine.port,
        adopt_window_s=rig.value.adopt_window_s,
        busy=senses.busy(launcher),
        idle=senses.idle,
        vram=partial(senses.vram, launcher.name),
        memory_limit=engine.memory_limit_mb * 1_000_000,
        seat=seat,
    )


async def misfit(made: Mapping[str, BaseLauncher], llm: ChatModel | None, character: Character) -> str:
    """Why the models cannot play that character, and what to do; "" if they can. `llm`: counts, if it is there."""
    for one in made.values():
        if why := one.misfit(character):
            return f"{one.name}: {why}"
    for one in made.values():
        if isinstance(one, ModelLauncher) and llm is not None and llm.name == one.name:
            why = await one.counted_misfit(llm, character)
            return why and f"{one.name}: {why}"
    return ""


def key_variables(rig: LoadedProfile[Rig]) -> frozenset[str]:
    """Those that hold keys for somebody else's servers, also for one that is not in use now."""
    return frozenset(engine.api_key_env for engine in rig.value.engines.values() if engine.api_key_env)


def places(home: Home, rig: LoadedProfile[Rig], logs: Path) -> ServicePaths:
    keys = key_variables(rig)
    name = rig.name
    return ServicePaths(
        home.state(name), logs, lambda service: home.socket(name, "shim", service), token_prefix(home.root, name), keys
    )


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


def doubt(group: ServiceGroup, event: Event, line: bytes) -> None:
    """An engine that failed a visitor is asked for a real answer at once; READY may be a lie."""
    if isinstance(event, StageFailed) and (role := _ROLES.get(event.stage)):
        for status in group.statuses:
            if status.role == role:
                group[status.name].suspect(f"{event.stage} failed")
