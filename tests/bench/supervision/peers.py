"""The three supervisors behind one face: start, kill, ask to stop; what each says is heard elsewhere."""

import asyncio
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from profiles.home import CHECKOUT
from supervisors import kernel
from supervisors.health.restart_policy import RestartRules
from tests.bench.supervision import process_scan
from tests.bench.supervision.engines import Engine, answerer, served_by_another
from tests.bench.supervision.process_scan import MARK, Found
from tests.bench.supervision.reports import Ear, Row
from tests.bench.supervision.stand_in import Order, forget

GRACE_S = 1.0
START_S = 20.0


class Peer(ABC):
    """One supervisor with its engines in a folder of its own."""

    name: str
    setting: str
    """Its configuration in words, for the table."""

    def __init__(self, folder: Path, engines: Sequence[Engine], reports: Path, ear: Ear) -> None:
        self.folder, self.engines, self.reports, self.ear = folder, list(engines), reports, ear
        self.mark = f"{os.getpid()}-{folder.name}"
        self.process: asyncio.subprocess.Process | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def argv(self) -> list[str]:
        """How it is started."""

    @abstractmethod
    def left_service(self, row: Row, engine: Engine) -> bool:
        """Whether this report says that the engine is no longer up."""

    async def start(self) -> None:
        with (self.folder / "said.txt").open("ab") as said:
            self.process = await asyncio.create_subprocess_exec(
                *self.argv(),
                cwd=CHECKOUT,
                env=os.environ | {MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    async def start_and_serve(self) -> None:
        """Raises RuntimeError when an engine does not answer in time."""
        await self.start()
        for engine in self.engines:
            if await served_by_another(engine.port, None, START_S) is None:
                said = (self.folder / "said.txt").read_text("utf-8", "replace")[-500:]
                raise RuntimeError(f"{self.name} did not bring up {engine.name}: {said}")

    async def seen(self, engine: Engine, since: float, within_s: float) -> float | None:
        return await self.ear.first(since, lambda row: self.left_service(row, engine), within_s)

    async def kill(self) -> None:
        """The supervisor itself, as the kernel does when memory is short."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def ask_to_stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def scan(self) -> list[Found]:
        return process_scan.scan(self.mark)

    def orphans(self, found: Sequence[Found]) -> list[Found]:
        """Those that nobody keeps any more."""
        kept = process_scan.trees([self.process.pid]) if self.process else set()
        return [one for one in found if one.proc.pid not in kept]

    async def end(self) -> int:
        """Whatever happened, nothing of it stays; returns how many had to be killed."""
        killed = await asyncio.to_thread(process_scan.end, self.mark)
        if self.process is not None:
            await self.process.wait()
            self.process = None
        return killed

    async def server(self, engine: Engine) -> kernel.Proc | None:
        """The process that answers for this engine now."""
        pid = await answerer(engine.port)
        return kernel.read_proc(pid) if pid else None


class Ours(Peer):
    name = "galactus"
    setting = "restart at once (good_s 0), stop_grace_s 1"
    rules = RestartRules(base_s=0.02, cap_s=0.5, good_s=0.0, most=0)

    def __init__(self, folder: Path, engines: Sequence[Engine], reports: Path, ear: Ear, window_s: float) -> None:
        super().__init__(folder, engines, reports, ear)
        self.window_s = window_s
        self.statuses: dict[str, Row] = {}
        ear.on_row = self._note

    def argv(self) -> list[str]:
        self.statuses.clear()
        order = Order(
            folder=str(self.folder),
            reports=str(self.reports),
            engines=self.engines,
            grace_s=GRACE_S,
            window_s=self.window_s,
            rules=self.rules,
        )
        return [sys.executable, "-m", "tests.bench.supervision.stand_in", msgspec.json.encode(order).decode()]

    def left_service(self, row: Row, engine: Engine) -> bool:
        return row.get("name") == engine.name and row["status"]["state"] != "READY"

    def orphans(self, found: Sequence[Found]) -> list[Found]:
        """A shim that the show has adopted is nobody's child, but the show knows it."""
        shims = [pid for status in self.statuses.values() if (pid := status["shim_pid"])]
        kept = process_scan.trees([*shims, *([self.process.pid] if self.process else [])])
        return [one for one in found if one.proc.pid not in kept]

    @property
    def ready(self) -> bool:
        return len(self.statuses) == len(self.engines) and all(s["state"] == "READY" for s in self.statuses.values())

    async def end(self) -> int:
        killed = await super().end()
        forget(self.folder, self.engines)
        return killed

    def _note(self, row: Row) -> None:
        if self.process is not None and row["by"] == self.process.pid and "status" in row:
            self.statuses[row["name"]] = row["status"]
