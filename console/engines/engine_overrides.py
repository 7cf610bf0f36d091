"""Which model each engine was last given by hand or for want of memory: `engines.json` in the rig's state folder.

It holds until the show is stopped in order. One that comes after a crash goes on with it, and so finds the engines that
wait for it to be those that it wants.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from profiles.files import replace_file
from profiles.schema import Device, Engine


class EngineOverride(Struct, frozen=True, kw_only=True):
    rig: tuple[str, str, str, int]
    """What the rig said then (see `own`): once it says something else, that counts."""
    engine: str
    model: str
    device: Device
    context: int
    seat: int
    """Of the service; see ServiceSpec.seat."""
    pinned: bool = False
    """It keeps its model when memory runs low."""

    def applied(self, engine: Engine) -> Engine:
        return structs.replace(with_model(engine, self.model, self.engine), device=self.device, context=self.context)


def with_model(settings: Engine, model: str, engine: str) -> Engine:
    """Also of another engine of the same role, whose options are not those of this one."""
    if engine == settings.engine:
        return structs.replace(settings, model=model)
    return structs.replace(settings, model=model, engine=engine, options={}, binary="auto")


def own(engine: Engine) -> tuple[str, str, str, int]:
    """What a choice replaces of a rig."""
    return engine.engine, engine.model, engine.device, engine.context


def choice(rig: Engine, engine: Engine, seat: int, pinned: bool = False) -> EngineOverride:
    return EngineOverride(
        rig=own(rig),
        engine=engine.engine,
        model=engine.model,
        device=engine.device,
        context=engine.context,
        seat=seat,
        pinned=pinned,
    )


def recall(folder: Path) -> dict[str, EngineOverride]:
    """By the engine's name; nothing when there is none, or none that can be read."""
    try:
        return msgspec.json.decode(_file(folder).read_bytes(), type=dict[str, EngineOverride])
    except (OSError, msgspec.DecodeError):
        return {}


def remember(folder: Path, choices: Mapping[str, EngineOverride]) -> None:
    """Never raises: a full disk costs the memory of it, not the swap."""
    with suppress(OSError):
        replace_file(_file(folder), msgspec.json.encode(choices))


def forget(folder: Path) -> None:
    """The show was stopped in order: the next one plays what the rig says."""
    with suppress(OSError):  # a disk that can only be read by now must not turn an end into a crash
        _file(folder).unlink(missing_ok=True)


def _file(folder: Path) -> Path:
    return folder / "engines.json"
