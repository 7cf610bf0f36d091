"""kill -9 on show, shim, engine and grandchild, at random: nothing is left, and nothing is there twice."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from supervisors.kernel import TOKEN_VARIABLE
from supervisors.service.group import ServiceGroup
from supervisors.shim import reaper
from supervisors.spec import ServicePaths, ServiceStatus
from supervisors.states import ServiceState
from tests.supervisors.conftest import EAGER, Fake, eventually_gone, places_in, working

KILLS = 21


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("GALACTUS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"GALACTUS_SEED={seed}")
    return random.Random(seed)


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


async def test_shim_engine_grandchild(places: ServicePaths, fake: Fake, rng: random.Random) -> None:
    specs = [fake("a", "--fork-grandchild"), fake("b", "--fork-grandchild", "--ignore-term", stop_grace_s=0.2)]
    async with ServiceGroup(places, specs, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=60)
        for _ in range(KILLS):
            name = rng.choice("ab")
            before = group[name].status
            kin = psutil.Process(before.shim_pid).children(recursive=True)
            victim = rng.choice([before.shim_pid, before.pid, *(p.pid for p in kin if p.pid != before.pid)])
            os.kill(victim or 0, signal.SIGKILL)
            if victim in (before.shim_pid, before.pid):
                await came_back(group, before)
                assert not any(map(lives, kin)), f"left of {name} after {victim} was killed"
            await asyncio.sleep(rng.uniform(0, 0.05))
        tokens = [p.environ()["GALACTUS_SERVICE"] for p in working(places.prefix)]
        assert len(set(tokens)) == 2 and len(tokens) <= 6, "a service is there twice"
    assert eventually_gone(places.prefix, 0.0) == []


async def came_back(group: ServiceGroup, before: ServiceStatus) -> None:
    async with asyncio.timeout(60):
        while (now := group[before.name].status).pid in (None, before.pid) or now.state is not ServiceState.READY:
            await asyncio.sleep(0.01)


async def start_show(folder: Path, *arguments: str) -> tuple[asyncio.subprocess.Process, list[int]]:
    program = ("-m", "tests.supervisors.show_stand_in", str(folder), *arguments)
    piped: dict[str, Any] = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    show = await asyncio.create_subprocess_exec(sys.executable, *program, stdin=asyncio.subprocess.PIPE, **piped)
    assert show.stdout
    async with asyncio.timeout(90):
        return show, [int(word) for word in (await show.stdout.readline()).split()]


@pytest.mark.parametrize("also", ["nobody", "one shim", "all shims", "the engines", "everybody"])
async def test_show(home: Path, also: str) -> None:
    prefix = places_in(home).prefix
    show, (shim_a, engine_a, shim_b, engine_b) = await start_show(home)
    victims = {
        "nobody": [],
        "one shim": [shim_b],
        "all shims": [shim_a, shim_b],
        "the engines": [engine_a, engine_b],
        "everybody": [shim_a, engine_a, shim_b, engine_b],
    }[also]
    assert len(working(prefix)) == 6
    for pid in (show.pid, *victims):
        os.kill(pid, signal.SIGKILL)
    await show.wait()
    if "shim" not in also and also != "everybody":
        assert eventually_gone(prefix, 1.0) == [], "the shims end what they keep by themselves"
    else:
        reaper.reap(prefix)
        assert reaper.find(prefix) == []


async def test_next_show_ends_what_the_last_one_left(home: Path) -> None:
    places = places_in(home)
    show, (shim_a, _, shim_b, _) = await start_show(home)
    for pid in (show.pid, shim_a, shim_b):
        os.kill(pid, signal.SIGKILL)
    await show.wait()
    began = time.monotonic()
    async with ServiceGroup(places, []) as group:
        assert time.monotonic() - began < reaper.PATIENCE_S, "killed at once, and not waited for"
        assert len(group.reaped) >= 2 and reaper.find(places.prefix) == []


async def test_interrupted_show_leaves_in_order(home: Path) -> None:
    show, _ = await start_show(home)
    show.send_signal(signal.SIGINT)
    await asyncio.wait_for(show.wait(), 10)
    assert eventually_gone(places_in(home).prefix, 0.0) == []


async def test_we_never_kill_ourselves(places: ServicePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import os, sys; sys.path.insert(0, '.'); from supervisors.shim import reaper; print(reaper.reap(sys.argv[1]))"
    )
    monkeypatch.setenv("GALACTUS_SERVICE", f"{places.prefix}-a-0")
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}, sys.argv[1]], check=True)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", nested, places.prefix, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0 and said.strip() == b"[]"


def test_one_in_the_midst_of_a_slow_exec_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows no token for a while, and looks like anybody's."""
    token = reaper.token_prefix(tmp_path, "exec")
    environment = os.environ | {TOKEN_VARIABLE: f"{token}-a"}
    shows_from = time.monotonic() + 0.4
    carries = reaper._carries
    monkeypatch.setattr(reaper, "_carries", lambda p, t: time.monotonic() > shows_from and carries(p, t))
    monkeypatch.setattr(reaper, "_shows_nothing", lambda p: time.monotonic() < shows_from and carries(p, token))
    with subprocess.Popen(["sleep", "60"], env=environment) as child:
        assert reaper.reap(token) == [child.pid]
    assert reaper.reap(token) == []


def test_nobody_waits_for_those_who_show_no_environment_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, find = list[str](), reaper.find

    def look(token: str, spare: Iterable[int] = ()) -> list[psutil.Process]:
        looks.append(token)
        return find(token, spare)

    monkeypatch.setattr(reaper, "find", look)
    with subprocess.Popen(["/bin/sleep", "60"], env={}) as child:
        try:
            assert reaper.reap(reaper.token_prefix(tmp_path, "none")) == []
        finally:
            child.kill()
    assert len(looks) == 2, "a look and a second one, and no wait for an end of its exec"
