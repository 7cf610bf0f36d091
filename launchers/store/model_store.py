"""The model store: which weights are here, verified; gets those that are not; never runs what it downloads."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import httpx
from msgspec import Struct

from launchers.errors import FetchError
from launchers.store import source_file
from launchers.store.download import SourceFailed, new_client
from launchers.store.fetch_meter import FetchMeter
from launchers.store.file_transfer import DiskFull, folder_bytes, held, plain_disk_errors, replace, sha256_of
from launchers.store.model_folder import ModelFolder
from launchers.store.progress import OnProgress
from launchers.store.sources import DownloadPaths, SourceClient
from profiles.catalogue import Catalogue, Model, ModelFile
from profiles.files import try_lock
from profiles.home import PROGRAM, Home
from profiles.schema import Role

State = Literal["absent", "partial", "stored"]


class ModelRow(Struct, frozen=True, kw_only=True):
    """One line of `models list`."""

    id: str
    role: Role
    bytes: int
    licence: str
    state: State


class CheckResult(Struct, frozen=True, kw_only=True):
    """What a full check found; `words` is one sentence for people."""

    id: str
    good: bool
    words: str


class ModelStore:
    """Models by id under `$GALACTUS_HOME/models/<id>/`. Any number of processes may use one store."""

    def __init__(self, home: Home, catalogue: Catalogue) -> None:
        self._home, self._catalogue, self._sources = home, catalogue, SourceClient()

    def state(self, model_id: str) -> State:
        """At the cost of a `stat` for each file: sizes and stamps, no hashing."""
        model, shelf = self._catalogue[model_id], self._shelf(model_id)
        if all(shelf.holds(file) for file in model.files):
            return "stored"
        return "partial" if shelf.has_anything() or self._wheels(model_id).exists() else "absent"

    def path(self, model_id: str, file: str | None = None) -> Path:
        """The file that an engine opens: the first of the model, or the one named. Raises FetchError if it is not
        stored, or no longer what was verified.
        """
        model, shelf = self._catalogue[model_id], self._shelf(model_id)
        wanted = model.file(file)
        if wanted is None:
            raise FetchError(f"{model_id} has no file {file}; it has {', '.join(f.name for f in model.files)}")
        for each in model.files:
            if trouble := shelf.trouble(each):
                raise FetchError(f"{each.name} of {model_id} {trouble}; run: {PROGRAM} models fetch {model_id}")
        return shelf.path(wanted)

    def files(self, model_id: str) -> Sequence[Path]:
        """All its files, whether they are here or not."""
        shelf = self._shelf(model_id)
        return tuple(shelf.path(file) for file in self._catalogue[model_id].files)

    def bytes(self, model_id: str) -> int:
        """Of the file that an engine opens, stored or not."""
        return self._catalogue[model_id].files[0].bytes

    def list(self) -> list[ModelRow]:
        return [self._row(model_id) for model_id in self._catalogue]

    def _row(self, model_id: str) -> ModelRow:
        model = self._catalogue[model_id]
        return ModelRow(
            id=model_id, role=model.role, bytes=model.bytes, licence=model.licence, state=self.state(model_id)
        )

    async def fetch(self, model_id: str, on_progress: OnProgress, *, from_file: Path | None = None) -> Path:
        """The model's first file, all of them stored and verified. Raises FetchError; may be cancelled, killed and
        run again at any time, by several processes at once.
        """
        shelf, meter = self._shelf(model_id), FetchMeter(self._catalogue[model_id].title, on_progress)
        if self.state(model_id) != "stored":
            busy = f"another fetch of {model_id} is running; waiting for it"
            with plain_disk_errors(shelf.folder):
                async with held(shelf.lock, lambda: meter.say(busy)):
                    await self._complete(model_id, shelf, meter, from_file)
        return self.path(model_id)

    async def _complete(self, model_id: str, shelf: ModelFolder, meter: FetchMeter, from_file: Path | None) -> None:
        wheels = self._wheels(model_id)
        shelf.folder.mkdir(parents=True, exist_ok=True)
        place = DownloadPaths(folder=shelf.folder, wheels=wheels, uv_cache=self._home.cache / "uv")
        shelf.sweep()
        model = self._catalogue[model_id]
        try:
            # A thread, because reading the certificates takes 30 ms.
            local = from_file is not None
            async with httpx.AsyncClient(verify=False) if local else await asyncio.to_thread(new_client) as client:
                for file in model.files:
                    if await self._settle(shelf, file, meter):
                        continue
                    if from_file:
                        got, sha256 = await _given(model, file, from_file, shelf, meter)
                    else:
                        got, sha256 = await self._sources.obtain(client, file, place, meter)
                    await asyncio.to_thread(replace, got, shelf.path(file))
                    await asyncio.to_thread(shelf.stamp, file, sha256)
        except DiskFull:
            # Give the room back: a show that cannot write its log is worse off than a download that starts again.
            await asyncio.to_thread(_clear, shelf, wheels)
            raise
        await asyncio.to_thread(_clear, shelf, wheels)
        meter.tell()

    async def _settle(self, shelf: ModelFolder, file: ModelFile, meter: FetchMeter) -> bool:
        """Whether the file is good, at the cost of a full hash if its stamp does not say so; a bad one is set aside."""
        trouble = shelf.trouble(file)
        if not trouble or not shelf.path(file).exists():
            return not trouble
        meter.say(f"{file.name} {trouble}; checking it")
        return not await self._judge(shelf, file, FetchMeter(file.name, lambda _: None))

    async def _judge(self, shelf: ModelFolder, file: ModelFile, meter: FetchMeter) -> str:
        """ "" if the bytes are right (and stamped so); else what is wrong with them, and they are set aside."""
        path = shelf.path(file)
        if path.stat().st_size != file.bytes:
            words = shelf.trouble(file)
        else:
            sha256 = await sha256_of(path, lambda count: meter.add(file.name, count))
            if sha256 in file.accepted:
                await asyncio.to_thread(shelf.stamp, file, sha256)
                return ""
            words = f"is damaged (its SHA-256 is {sha256[:12]}...)"
        shelf.set_aside(file)
        return words

    async def verify(self, model_id: str, on_progress: OnProgress) -> CheckResult:
        """Hash every byte. What is damaged is set aside, so that the next fetch gets it again."""
        model, shelf, wrong = self._catalogue[model_id], self._shelf(model_id), list[str]()
        if not shelf.has_anything():
            return CheckResult(id=model_id, good=False, words=f"{model_id} is not stored")
        meter = FetchMeter(model.title, on_progress)
        with plain_disk_errors(shelf.folder):
            async with held(shelf.lock, lambda: meter.say(f"a fetch of {model_id} is running; waiting for it")):
                for file in model.files:
                    meter.expect(file.name, file.bytes)
                for file in model.files:
                    here = shelf.path(file).exists()
                    if words := await self._judge(shelf, file, meter) if here else "is not stored":
                        wrong.append(f"{file.name} {words}")
        if not wrong:
            return CheckResult(id=model_id, good=True, words=f"{model_id} is as the catalogue says")
        return CheckResult(id=model_id, good=False, words=f"{'; '.join(wrong)}; run: {PROGRAM} models fetch {model_id}")

    def remove(self, model_id: str) -> int:
        """The bytes that are free now. Raises FetchError while a fetch runs."""
        shelf, wheels = self._shelf(model_id), self._wheels(model_id)
        if self.state(model_id) == "absent":
            return 0
        with plain_disk_errors(shelf.folder), shelf.lock.open("ab") as lock:
            if not try_lock(lock.fileno()):
                raise FetchError(f"a fetch of {model_id} is running; stop it, or wait for it, then remove it")
            freed = folder_bytes(shelf.folder) + folder_bytes(wheels)
            shutil.rmtree(wheels, ignore_errors=True)
            shutil.rmtree(shelf.folder, ignore_errors=True)
        return freed

    def _shelf(self, model_id: str) -> ModelFolder:
        return ModelFolder(self._home.models, model_id)

    def _wheels(self, model_id: str) -> Path:
        return self._home.cache / "wheels" / model_id


def _clear(shelf: ModelFolder, wheels: Path) -> None:
    shelf.sweep(all_parts=True)
    shutil.rmtree(wheels, ignore_errors=True)


async def _given(model: Model, file: ModelFile, path: Path, shelf: ModelFolder, meter: FetchMeter) -> tuple[Path, str]:
    """From what the operator pointed at: a folder, the file itself, or a sibling of it."""
    if path.is_dir():
        path = path / file.name
    elif file is not model.files[0] and path.name != file.name:
        path = path.with_name(file.name)
    try:
        return await source_file.get(path, file, file.accepted, shelf.folder, meter)
    except SourceFailed as error:
        raise FetchError(f"{error}; {model.title} needs {file.name}, SHA-256 {file.sha256[:12]}...") from error
