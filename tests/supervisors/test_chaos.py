"""kill -9 at random, as `make bench-supervision` does a thousand times: nothing left, nothing twice, nothing stuck."""

import asyncio
import os
import random
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from supervisors.health.probes import free_port
from supervisors.kernel import TOKEN_VARIABLE
from tests.bench.supervision import chaos, process_scan
from tests.bench.supervision.chaos import FLAGS, House, Shows, Step, Tally, plan, rampage
from tests.bench.supervision.engines import Engine, engines
from tests.bench.supervision.process_scan import MARK
from tests.bench.supervision.reports import ear

HOMES, WINDOW_S = 3, 3.0


@pytest.fixture
def short() -> Iterator[Path]:
    """pytest's own folders are too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="gc-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("kills", [12, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.soak])])
async def test_kills(short: Path, kills: int) -> None:
    seed = int(os.environ.get("GALACTUS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"GALACTUS_SEED={seed}")
    tally = await rampage(short, kills, seed, homes=HOMES, window_s=WINDOW_S)
    assert (tally.orphans, tally.duplicates, tally.wedged) == (0, 0, 0), "\n".join(tally.stories)
    assert tally.kills >= kills and tally.back_ms


def test_the_seed_says_who_dies() -> None:
    steps = plan(400, random.Random(7))
    assert steps == plan(400, random.Random(7)) != plan(400, random.Random(8))
    assert sum(step.kind not in chaos.MOODS for step in steps) == 400
    count = {kind: sum(step.kind == kind for step in steps) for kind in (*chaos.WEIGHTS, *chaos.MOODS)}
    assert count["show"] < count["grandchild"] < count["shim"] < count["engine"] and all(
        count[mood] for mood in chaos.MOODS
    )
    assert any(step.hasty for step in steps) and any(step.late for step in steps)
    assert {step.service for step in steps} == set(FLAGS)


@pytest.fixture
async def house(short: Path) -> AsyncIterator[House]:
    """A show that is up, and nobody who kills anything yet."""
    async with ear(short / "h.sock") as heard:
        show = Shows(short / "h", engines(**FLAGS), short / "h.sock", heard, 0.2)
        house = House("h", show, [], Tally())
        try:
            await show.start()
            assert await house._well()
            yield house
        finally:
            await show.end()


def stray(house: House, engine: Engine, token: str = "") -> subprocess.Popen[bytes]:
    """A process of this home that no show keeps."""
    environment = os.environ | {MARK: house.show.mark, TOKEN_VARIABLE: token}
    return subprocess.Popen(engine.argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def test_who_is_left_is_counted_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "ORPHAN_GRACE_S", 0.1)
    await house._audit("before")
    assert house.tally == Tally(), house.tally.stories
    lost = stray(house, Engine(name="x", port=free_port()), token="some-x-1")
    try:
        for _ in range(2):
            await house._audit("now")
        assert (house.tally.orphans, house.tally.duplicates) == (1, 0), house.tally.stories
        assert str(lost.pid) in house.tally.stories[0]
        history = house.tally.histories[0]
        assert f"engine {lost.pid}" in history and "some-x-1" in history and "born at tick" in history
        assert f"child of {os.getpid()}" in history and "heard {'name': 'a'" in history, history
    finally:
        lost.kill()
        lost.wait()


async def test_a_service_that_is_there_twice_is_counted_once(house: House) -> None:
    first = house.show.engines[0]
    second = stray(house, Engine(name="a", port=first.port, flags=("--never-bind",)))
    try:
        due = time.monotonic() + 5
        while not house.tally.duplicates and time.monotonic() < due:
            house._count_twins(await asyncio.to_thread(house.show.scan), "now")
        house._count_twins(house.show.scan(), "again")
        assert house.tally.duplicates == 1, process_scan.scan(house.show.mark)
    finally:
        second.kill()
        second.wait()


async def test_what_does_not_come_back_is_wedged_and_built_anew(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "BOUND_S", 1.0)
    house._by_name["a"] = house._by_name["b"] = house.show.engines[0]
    house.show.engines.append(Engine(name="never", port=free_port()))
    await house._do(0, Step("engine", "a", 0.0))
    assert house.tally.wedged == 1 and house.tally.kills == 1, house.tally.stories
    assert "wedged" in house.tally.stories[0]
