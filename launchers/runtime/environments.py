"""One Python environment per engine: made once from hashed pins by uv, then used without it."""

import asyncio
import contextlib
import hashlib
import os
import platform
import re
import signal
import sys
import sysconfig
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

from msgspec import Struct
from uv import find_uv_bin

from launchers.errors import FetchError
from launchers.store.network import any_proxy, uv_variables
from launchers.store.progress import OnProgress, Progress
from profiles.files import try_lock
from profiles.home import Home

ENGINES = Path(__file__).parent.parent / "engines"

POLL_S = 0.2
STALL_S = "15"
"""A package index that says nothing for so long counts as gone; a connection gets a third of it."""

_PLAIN = (
    (r"No space left on device|os error 28", "the disk is full; free 500 MB and start again"),
    (r"Permission denied|os error 13", "{envs} cannot be written; check whose it is"),
    (r"Hash mismatch", "a package is not the one that was pinned; delete {cache} and start again"),
    (
        r"no wheels? with a matching|no usable wheels|[Bb]uilding source distributions",
        "this machine has no ready package for it; give the rig a binary, or a URL to attach to",
    ),
    (
        r"not found in the package registry|no versions? of",
        "the package index that uv uses lacks one of its packages; check which index that is",
    ),
    (
        r"dns error|error sending request|[Cc]onnect|timed out|Failed to fetch|Network connectivity is disabled",
        "the package index does not answer{proxy}; check the network and start again",
    ),
)
"""What uv says, and what a person is told. The first that matches counts; the first two no network can mend."""


class EnvironmentState(Struct, frozen=True, kw_only=True):
    """One line of the preflight."""

    engine: str
    ready: bool
    folder: Path


class Environments:
    """The environments under GALACTUS_HOME/envs. Nothing is made before `ensure`."""

    def __init__(self, home: Home, engines: Path = ENGINES) -> None:
        self._home = home
        self._engines = engines

    def states(self) -> list[EnvironmentState]:
        """Every engine that we can make an environment for."""
        names = sorted(path.stem for path in self._engines.glob("*.req"))
        return [
            EnvironmentState(engine=name, ready=self.python(name) is not None, folder=self.folder(name))
            for name in names
        ]

    def script(self, engine: str) -> Path:
        """The server to run with that environment's `python -I`."""
        return self._engines / f"{engine}.py"

    def folder(self, engine: str) -> Path:
        """Named after all that decides its contents: other pins or another Python are another environment."""
        pins = self._pins(engine).read_bytes()
        machine = f"{platform.python_version()} {sysconfig.get_platform()}\n".encode()
        return self._home.envs / f"{engine}-{hashlib.sha256(machine + pins).hexdigest()[:12]}"

    def python(self, engine: str) -> Path | None:
        """The python of a finished environment. A dangling link (its base Python was removed) is not one."""
        folder = self.folder(engine)
        python = folder / "bin" / "python"
        return python if (folder / ".ready").exists() and python.exists() else None

    async def ensure(self, engine: str, on_progress: OnProgress) -> Path:
        """The python of the ready environment, made first where needed; the lock keeps two makers apart."""
        if (python := self.python(engine)) is not None:
            return python
        folder = self.folder(engine)
        report = _Report(engine, self._pins(engine), self._cache, on_progress)
        with _plain_disk_errors(engine):
            self._home.envs.mkdir(parents=True, exist_ok=True)
            with (self._home.envs / f"{engine}.lock").open("a") as lock:
                await _take(lock, report)
                if self.python(engine) is None:
                    await self._make(engine, lock, report)
                    (folder / ".ready").write_text(f"{platform.python_version()}\n")
        report.finished()
        return folder / "bin" / "python"

    async def _make(self, engine: str, lock: IO[str], report: "_Report") -> None:
        """Offline first: with a filled cache that takes a second, and a dead index would cost ten."""
        folder, pins = str(self.folder(engine)), str(self._pins(engine))
        sync = ["pip", "sync", "--require-hashes", "--no-build", "--compile-bytecode", "--python", folder, pins]
        failure = await self._uv(["venv", "--clear", "--python", sys.executable, folder], lock, report, offline=True)
        if failure is None:
            failure = await self._uv(sync, lock, report, offline=True)
            if failure is not None and not any(re.search(words, failure) for words, _ in _PLAIN[:2]):
                failure = await self._uv(sync, lock, report, offline=False)
        if failure is not None:
            reason = next((plain for words, plain in _PLAIN if re.search(words, failure)), _last_line(failure))
            reason = (
                reason.replace("{cache}", str(self._cache))
                .replace("{envs}", str(self._home.envs))
                .replace("{proxy}", any_proxy())
            )
            raise FetchError(f"The environment of {engine} could not be made: {reason}.")

    async def _uv(self, arguments: list[str], lock: IO[str], report: "_Report", *, offline: bool) -> str | None:
        """Runs uv; None when it is done, else what it said."""
        ours = {
            "UV_CACHE_DIR": str(self._cache),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
            "UV_HTTP_TIMEOUT": STALL_S,
            "UV_HTTP_CONNECT_TIMEOUT": str(int(STALL_S) // 3),
            "UV_HTTP_RETRIES": "1",
        }
        variables = uv_variables(ours)
        variables.pop("UV_OFFLINE", None)
        if offline:
            variables["UV_OFFLINE"] = "1"
        said = ""
        async with _process([find_uv_bin(), *arguments], variables, self._home.envs, lock) as uv:
            assert uv.stderr is not None
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        line = await uv.stderr.readline()
                    if not line:
                        break
                    said += line.decode(errors="replace")
                report.look(said)
            return None if await uv.wait() == 0 else said

    def _pins(self, engine: str) -> Path:
        pins = self._engines / f"{engine}.req"
        if not pins.exists():
            known = ", ".join(sorted(path.stem for path in self._engines.glob("*.req")))
            raise FetchError(f"There is no engine called {engine}; the known ones are {known}.")
        return pins

    @property
    def _cache(self) -> Path:
        """uv's cache, on the file system of the environments: hard links, which outlive `uv cache clean`."""
        return self._home.cache / "uv"


class _Report:
    """Counts packages: one is done when uv's cache holds it unpacked; linking them all takes 20 ms after that."""

    def __init__(self, engine: str, pins: Path, cache: Path, on_progress: OnProgress) -> None:
        self._what = f"environment of {engine}"
        self._cache = cache
        self._tell = on_progress
        pinned = re.findall(r"^([\w.-]+)==([^\s;]+)", pins.read_text(encoding="utf-8"), re.MULTILINE)
        self._wanted = {_key(f"{name}-{version}") for name, version in pinned}
        self._total: int | None = None
        self._last = ""

    def waiting(self) -> None:
        self._send(0, "another Galactus is making it; waiting")

    def look(self, said: str) -> None:
        """`said` is uv's output so far; only it knows how many of the pins are for this platform."""
        if (resolved := re.search(r"Resolved (\d+) package", said)) is None:
            return
        self._total = int(resolved[1])
        unpacked = {_key(path.stem) for path in self._cache.glob("archive-v*/*/*.dist-info")}
        loads = re.findall(r"^Downloading (.+)$", said, re.MULTILINE)
        fetched = re.findall(r"^ Downloaded (\S+)$", said, re.MULTILINE)
        left = [load for load in loads if load.split()[0] not in fetched]
        self._send(min(len(self._wanted & unpacked), self._total), f"downloading {', '.join(left)}" if left else "")

    def finished(self) -> None:
        total = self._total if self._total is not None else len(self._wanted)
        self._total = total
        self._send(total, "")

    def _send(self, done: int, note: str) -> None:
        if self._last != (key := f"{done} {self._total} {note}"):
            self._last = key
            self._tell(Progress(what=self._what, unit="packages", done=done, total=self._total, note=note))


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _last_line(said: str) -> str:
    """uv's own last word, for a trouble that nobody foresaw."""
    lines = [line.strip(" ×╰─▶├│").rstrip(".") for line in said.splitlines() if line.strip()]
    return f"uv said {lines[-1]!r}" if lines else "uv stopped without a word; start again"


@contextlib.asynccontextmanager
async def _process(
    argv: list[str], variables: dict[str, str], folder: Path, lock: IO[str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child with its own group, dead when the block ends. It holds the lock too: when we are killed, the next maker
    waits until the orphaned uv has left the folder."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=variables,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        pass_fds=(lock.fileno(),),
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _take(lock: IO[str], report: _Report) -> None:
    """Polled, because a blocking flock cannot be cancelled."""
    while not try_lock(lock.fileno()):
        report.waiting()
        await asyncio.sleep(POLL_S)


@contextlib.contextmanager
def _plain_disk_errors(engine: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FetchError(
            f"The environment of {engine} could not be made: {error.strerror or error}; mend that and start again."
        ) from error
