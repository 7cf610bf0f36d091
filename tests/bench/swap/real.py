"""Real models exchanged in a real show, beside what the same engines take when nobody is around them."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from console.api.commands import Ask, Say, Swap
from console.engines import services
from conversation import prompt
from conversation.history import History
from launchers.base import BaseLauncher
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.loader import load_character, load_rig
from supervisors.health.probes import free_port, health
from tests.support.real_show import RealShow, borrowed_home

MODELS = ("qwen-0.5b", "qwen-1.5b", "smollm2-135m")
LINE = "This line is said while another model comes, and nobody may hear a gap in it. " * 3
_TIGHT = 'extends = "quick"\ntitle = "Tight"\n[engines.llm]\nport = {port}\n'


class Times(Struct):
    """Of one model, seconds; `bare` is its engine alone: load, canary and prime."""

    bare: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    instead: list[float] = field(default_factory=list)


class Real(Struct):
    times: dict[str, Times]
    overhead_ms: list[float] = field(default_factory=list)
    phases: list[dict[str, int]] = field(default_factory=list)
    gap_ms: list[float] = field(default_factory=list)
    """Silence within a line that was being said while both models were there."""
    calm_gap_ms: list[float] = field(default_factory=list)
    """The same without a swap."""
    gone_ms: list[float] = field(default_factory=list)
    """How long there was no model, where both fitted."""
    silent_ms: list[float] = field(default_factory=list)
    """The same where only one fitted."""
    lost: int = 0
    """Questions asked during a swap that were not answered."""


async def measure(folder: Path, rounds: int) -> Real:
    real = Real(times={model: Times() for model in MODELS})
    for _ in range(rounds):
        for model in MODELS:
            real.times[model].bare.append(await _bare(_launcher(folder, model)))
    with _show(folder / "roomy", 'extends = "quick"\ntitle = "Roomy"\n') as show:
        real.calm_gap_ms = [_gap(await show.call(Say(text=LINE))) for _ in range(2)]
        for _ in range(rounds):
            for model in MODELS:
                ended = await _while_it_speaks(show, model, real)
                real.times[model].beside.append(ended["seconds"])
                real.gone_ms.append(ended["gone_ms"])
    with _show(folder / "tight", _TIGHT.format(port=free_port())) as show:
        for model in MODELS:
            ended = await _while_somebody_asks(show, model, real)
            real.times[model].instead.append(ended["seconds"])
            real.silent_ms.append(ended["gone_ms"])
    return real


@contextmanager
def _show(folder: Path, rig: str) -> Iterator[RealShow]:
    home = borrowed_home(folder)
    (home / "profiles" / "rigs").mkdir(parents=True)
    (home / "profiles" / "rigs" / "booth.toml").write_text(rig)
    show = RealShow(home, "--rig", "booth")
    try:
        yield show.start()
    finally:
        show.end()


async def _while_it_speaks(show: RealShow, model: str, real: Real) -> dict[str, Any]:
    async with asyncio.TaskGroup() as tasks:
        said = tasks.create_task(show.call(Say(text=LINE)))
        await asyncio.sleep(0.5)
        ended = await _swap(show, model, real)
    real.gap_ms.append(_gap(said.result()))
    return ended


def _gap(said: dict[str, Any]) -> float:
    """From the first sample to the last, beyond what the line lasts; blocks of 10 ms make some of it."""
    marks, seconds = said["marks"], said["audio"]["seconds"]
    gap: float = marks["last_audio"] - marks["first_audio"] - seconds * 1000
    return max(0.0, gap)


async def _while_somebody_asks(show: RealShow, model: str, real: Real) -> dict[str, Any]:
    async with asyncio.TaskGroup() as tasks:
        swapping = tasks.create_task(_swap(show, model, real))
        await asyncio.sleep(0.3)
        asked = [tasks.create_task(show.call(Ask(text=f"Question {n}?", timeout_s=120))) for n in range(2)]
    real.lost += sum(task.result()["outcome"] != "completed" for task in asked)
    return swapping.result()


async def _swap(show: RealShow, model: str, real: Real) -> dict[str, Any]:
    ended: dict[str, Any] = await show.call(Swap(service="llm", model=model))
    assert ended["swapped"], ended
    real.overhead_ms.append(ended["overhead_ms"])
    real.phases.append(ended["phases"])
    return ended


def _launcher(folder: Path, model: str) -> BaseLauncher:
    home = Home(borrowed_home(folder / f"bare-{model}-{time.monotonic_ns()}"))
    rig, catalogue = load_rig("quick", home), Catalogue.load(home)
    engine = replace(rig.value.engines["llm"], model=model)
    made = services.launcher(rig, "llm", engine, services.workshop(home, catalogue), catalogue)
    character = load_character("mr_bones", home).value
    made.warm_with(prompt.messages(character, History(character.thinking.history_turns), ""))
    return made


async def _bare(launcher: BaseLauncher) -> float:
    """From exec to the end of the canary, asked every 5 ms."""
    await launcher.prepare(lambda _: None)
    port = free_port()
    command = launcher.command(port)
    began = time.monotonic()
    engine = await asyncio.create_subprocess_exec(
        *command.argv,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | command.env,
    )
    try:
        while await health(f"http://127.0.0.1:{port}/health") != 200:
            await asyncio.sleep(0.005)
        await launcher.canary(f"http://127.0.0.1:{port}")
        return time.monotonic() - began
    finally:
        engine.kill()
        await engine.wait()
