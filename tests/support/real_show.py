"""A real show for tests and benches: a home of its own that borrows the machine's models and environments."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psutil  # type: ignore[import-untyped]

from clients.http import EngineClient
from console.api.client import OperatorClient
from console.api.commands import Command, Status
from console.host.run_lock import ShowFile, alive
from profiles.home import CHECKOUT, Home
from profiles.loader import load_rig
from supervisors.shim.reaper import find, token_prefix

C = TypeVar("C", bound=EngineClient)
READY_S = 90.0


def borrowed_home(folder: Path) -> Path:
    """A GALACTUS_HOME whose state is fresh while weights and environments are those of `make setup`."""
    real = Home.from_environment().root
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("models", "envs", "cache"):
        (real / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(real / name)
    return folder


BRIEF = 'extends = "mr_bones"\n[thinking]\nmax_sentences = 1\nmax_tokens = 10\nseed = 3\n[voice]\nspeed = 2.0\n'
"""Short answers: for tests of how they end, not of how they sound."""


def with_brief(home: Path) -> Path:
    """Adds the character of that name."""
    folder = home / "profiles" / "characters"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "brief.toml").write_text(BRIEF)
    return home


class RealShow:
    """Runs `console.py run --headless` in the foreground of a child; `cli` runs other commands against it."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home, self.arguments = home, arguments
        self.environment = os.environ | {"GALACTUS_HOME": str(home)}
        self.program = str(CHECKOUT / "console.py")
        self.process: subprocess.Popen[bytes] | None = None
        given = dict(zip(arguments[::2], arguments[1::2], strict=True))
        with_home = Home(home)
        self._reading, self._read = threading.Lock(), 0
        self._rows: list[dict[str, Any]] = []
        self.rig = load_rig(given.get("--rig", "rehearsal"), with_home).name

    def start(self) -> "RealShow":
        """Returns once it is READY."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._read, self._rows = 0, []
        with (self.home / "show.out").open("wb") as out, (self.home / "show.err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, self.program, "run", "--headless", *self.arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_S
        while b'"ShowReady"' not in (self.home / "show.out").read_bytes():
            assert self.process.poll() is None, (self.home / "show.err").read_text()
            assert time.monotonic() < deadline, self.events()[-5:]
            time.sleep(0.05)
        return self

    def cli(self, *words: str, timeout: float = 120.0, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(CHECKOUT / "console.py"), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            **more,
        )

    def ask(self, *words: str) -> dict[str, Any]:
        done = self.cli("ask", "--json", *words)
        assert done.returncode in (0, 4), (done.returncode, done.stderr)
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def status(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.cli("status", "--json").stdout)
        return result

    def call_now_status(self) -> dict[str, Any]:
        """The same without the 0.2 s of a command."""
        result: dict[str, Any] = self.call_now(Status())
        return result

    def service(self, name: str) -> dict[str, Any]:
        return next(s for s in self.call_now_status()["services"] if s["name"] == name)

    @property
    def file(self) -> ShowFile:
        found = alive(Home(self.home).state(self.rig))
        assert found is not None
        return found

    async def call(self, command: Command[Any]) -> Any:
        """The answer as it is on the wire."""
        async with OperatorClient(Path(self.file.socket)) as client:
            return msgspec.to_builtins(await client.call(command))

    @property
    def key_file(self) -> Path:
        """The key that its engines want."""
        return Home(self.home).state(self.rig) / "engine.key"

    def introduced(self, client: C) -> C:
        """A client of one of its engines, let in."""
        client.http.headers["Authorization"] = f"Bearer {self.key_file.read_text()}"
        return client

    @property
    def stop_socket(self) -> Path:
        return Home(self.home).socket(self.rig, "estop")

    def call_now(self, command: Command[Any]) -> Any:
        return asyncio.run(self.call(command))

    def events(self) -> list[dict[str, Any]]:
        """All since its start; what was read before is not read again, for many wait by asking often."""
        out = self.home / "show.out"
        with self._reading:
            if out.stat().st_size < self._read:  # another start has emptied it
                self._read, self._rows = 0, []
            with out.open("rb") as file:
                file.seek(self._read)
                whole, end, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + len(end)
            self._rows += [json.loads(line) for line in whole.split(b"\n") if line]
            return list(self._rows)

    def leftovers(self) -> list[psutil.Process]:
        """Processes that carry this home's and rig's token."""
        return find(token_prefix(self.home, self.rig))

    def wait_nothing_left(self, within: float = 3.0) -> None:
        deadline = time.monotonic() + within
        while (left := self.leftovers()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not left, left

    def end(self) -> None:
        """Whatever a test did, nothing of it stays."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            self.process.kill()
            self.process.wait()
        for process in self.leftovers():
            process.kill()
