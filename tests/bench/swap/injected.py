"""Swaps of fake engines in real shows, with something going wrong at most of them; and who is in office after each."""

import asyncio
import hashlib
import json
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from console.api.client import NoShow, OperatorClient
from console.api.commands import CommandError, Status, Swap
from profiles.home import CHECKOUT
from supervisors.health.probes import free_port
from supervisors.service.swap import SwapStep
from tests.support.real_show import RealShow

MODELS = ("fake-a", "fake-b")
FAULTS = ("crash", "oom", "hang", "deaf", "truncated")
KILLED_AT = tuple(phase for phase in SwapStep if phase is not SwapStep.BACK)
_RIG = """title = "Fakes"
adopt_window_s = 20
[engines.llm]
engine = "llama_cpp"
model = "fake-a"
binary = "{binary}"
port = {port}
[memory]
swap_stall_s = 0.5
"""


class Tally(Struct):
    """What became of the swaps. `stories` tell what is not as it should be."""

    swaps: int = 0
    injected: int = 0
    ended_ready: int = 0
    ended_last_good: int = 0
    none: int = 0
    twice: int = 0
    overhead_ms: list[int] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)


def furnish(home: Path, port: int) -> Path:
    """A home with two models that are a few bytes long, and a rig whose model server is the fake; returns the rig."""
    server = home / "llama-server"
    rigs, store = home / "profiles" / "rigs", home / "models"
    for folder in (rigs, store, home / "sources"):
        folder.mkdir(parents=True)
    fake = CHECKOUT / "tests" / "fakes" / "llama_server.py"
    server.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {fake} "$@"\n')
    server.chmod(0o755)
    entries = []
    for model in MODELS:
        weights = f"GGUF {model} ".encode() * 1000
        (home / "sources" / f"{model}.gguf").write_bytes(weights)
        entries.append(
            f'[{model}]\nrole = "llm"\ntitle = "{model}"\nlicence = "none"\nprovenance = "a bench"\n[[{model}.files]]\n'
            f'name = "{model}.gguf"\nbytes = {len(weights)}\nsha256 = "{hashlib.sha256(weights).hexdigest()}"\n'
            f'[[{model}.files.sources]]\nfrom = "file"\npath = "{home}/sources/{model}.gguf"\n'
        )
    (home / "profiles" / "models.toml").write_text("\n".join(entries))
    rig = rigs / "fakes.toml"
    rig.write_text(_RIG.format(binary=server, port=port))
    return rig


class Booth:
    """One show that is swapped and hurt."""

    def __init__(self, home: Path, *, tight: bool, seed: int) -> None:
        furnish(home, free_port() if tight else 0)
        self.home, self.tight, self.dice = home, tight, random.Random(seed)
        self.show = RealShow(home, "--rig", "fakes")
        self.show.environment["FAKE_MOODS"] = str(home / "moods.json")
        self.tally = Tally()
        self.now = MODELS[0]

    async def run(self, swaps: int, tally: Tally) -> None:
        self.tally = tally
        await asyncio.to_thread(self.show.start)
        try:
            for _ in range(swaps):
                fault = self.dice.choice(("", "", "", *FAULTS, "killed", "killed"))
                await self._one(fault)
        finally:
            await asyncio.to_thread(self.show.end)

    async def _one(self, fault: str) -> None:
        wanted = MODELS[1 - MODELS.index(self.now)]
        self._prepare(wanted, fault)
        self.tally.swaps += 1
        self.tally.injected += bool(fault)
        self.tally.kinds[fault or "none"] += 1
        if fault == "killed":
            at = self.dice.choice(KILLED_AT)
            await self._killed(wanted, at)
            fault = f"killed at {at}"
        else:
            await self._swap(wanted)
        await self._audit(wanted, fault)
        self._prepare(wanted, "")

    def _prepare(self, wanted: str, fault: str) -> None:
        moods = {f"{wanted}.gguf": fault} if fault in FAULTS else {}
        (self.home / "moods.json").write_text(json.dumps(moods))
        source = self.home / "sources" / f"{wanted}.gguf"
        whole = f"GGUF {wanted} ".encode() * 1000
        source.write_bytes(whole[: len(whole) // 2] if fault == "truncated" else whole)
        stored = self.home / "models" / wanted / f"{wanted}.gguf"
        if fault == "truncated" and stored.exists():
            stored.write_bytes(stored.read_bytes()[:100])

    async def _swap(self, wanted: str) -> None:
        with suppress(CommandError):
            ended = await self.show.call(Swap(service="llm", model=wanted))
            self.tally.overhead_ms.append(ended["overhead_ms"])

    async def _killed(self, wanted: str, at: SwapStep) -> None:
        """The show dies as this phase begins; where there is none, at the end."""
        async with OperatorClient(Path(self.show.file.socket)) as watcher, asyncio.TaskGroup() as tasks:
            swapping = tasks.create_task(self._swap_or_die(wanted))
            events = watcher.events(telemetry=False)
            with suppress(NoShow, OSError):
                async for row in events:
                    if row.get("phase") == at or row.get("type") == "SwapEnded":
                        break
            assert self.show.process is not None
            self.show.process.kill()
            await asyncio.to_thread(self.show.process.wait)
            await swapping
        await asyncio.to_thread(self.show.start)

    async def _swap_or_die(self, wanted: str) -> None:
        with suppress(CommandError, NoShow, OSError):
            await self.show.call(Swap(service="llm", model=wanted))

    async def _audit(self, wanted: str, fault: str) -> None:
        """One model answers, it is one of the two, and no other is there."""
        due = time.monotonic() + 15
        while (row := (await self._row()))["state"] != "READY" and time.monotonic() < due:
            await asyncio.sleep(0.02)
        while len(servers := await asyncio.to_thread(self._servers)) > 1 and time.monotonic() < due:
            await asyncio.sleep(0.02)
        good = row["state"] == "READY" and servers == [row["model"]]
        self.tally.none += row["state"] != "READY" or not servers
        self.tally.twice += len(servers) > 1
        self.tally.ended_ready += good and row["model"] == wanted
        self.tally.ended_last_good += good and row["model"] == self.now
        right = fault.startswith("killed") or (row["model"] == wanted) is (not fault)
        if not good or not right:
            self.tally.stories.append(f"{fault or 'nothing'}: {row['state']} {row['model']} ({wanted}), runs {servers}")
        self.now = row["model"]

    async def _row(self) -> dict[str, Any]:
        return next(s for s in (await self.show.call(Status()))["services"] if s["name"] == "llm")

    def _servers(self) -> list[str]:
        """The models of the servers that run."""
        found = []
        for process in self.show.leftovers():
            with suppress(Exception):
                words = process.cmdline()
                if "-m" in words and "--port" in words:
                    found.append(Path(words[words.index("-m") + 1]).stem)
        return found


async def rampage(folder: Path, swaps: int, seed: int, homes: int = 3) -> Tally:
    """`swaps` in all; every third show has room for one model only."""
    tally, dice = Tally(), random.Random(seed)
    async with asyncio.TaskGroup() as tasks:
        for n in range(homes):
            home = folder / f"h{n}"
            home.mkdir()
            share = swaps // homes + (n < swaps % homes)
            tasks.create_task(Booth(home, tight=n % 3 == 2, seed=dice.randrange(10**6)).run(share, tally))
    return tally
