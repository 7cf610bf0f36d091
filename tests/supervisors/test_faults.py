"""Every way in which the fake engine misbehaves, and what the supervisor makes of it."""

import asyncio
import os
import signal
import time
from collections.abc import Callable

import pytest

from supervisors.errors import NeedsRepair, ServiceError
from supervisors.health.restart_policy import RestartRules
from supervisors.service.group import ServiceGroup
from supervisors.shim import engine_process
from supervisors.spec import Command, ServicePaths, ServiceSpec, ServiceStatus
from supervisors.states import ServiceState
from tests.supervisors.conftest import EAGER, Fake, Story

ONE_CRASH = RestartRules(base_s=0.02, most=1)


async def until(group: ServiceGroup, wanted: Callable[[ServiceStatus], bool], within_s: float = 8.0) -> ServiceStatus:
    async with asyncio.timeout(within_s):
        while not wanted(group["a"].status):
            await asyncio.sleep(0.01)
    return group["a"].status


def held(status: ServiceStatus) -> bool:
    return status.state is ServiceState.FAILED


def down(status: ServiceStatus) -> bool:
    return status.state in (ServiceState.BACKOFF, ServiceState.FAILED)


async def test_well_behaved(places: ServicePaths, fake: Fake, story: Story) -> None:
    async with ServiceGroup(places, [fake("a")], story) as group:
        group.start()
        await group.wait_ready(timeout=30)
        status = await until(group, lambda s: bool(s.rss_bytes))
        assert status.pid and status.shim_pid and status.port and status.rss_bytes
        assert status.restarts == 0 and status.last_error is None
        assert places.state_file("a").exists()
        assert os.getsid(status.pid) == status.pid != status.shim_pid
    assert story.states() == "FETCHING STARTING LOADING READY STOPPING STOPPED".split()
    assert "engine" in places.log("a").read_text()


async def test_slow_start_and_503_are_loading_not_failing(places: ServicePaths, fake: Fake, story: Story) -> None:
    async with ServiceGroup(places, [fake("a", "--slow-start", "0.4", "--health-503", "1")], story) as group:
        group.start()
        await until(group, lambda s: s.state is ServiceState.LOADING)
        assert group["a"].status.state is ServiceState.LOADING
        await group.wait_ready(timeout=30)
    assert "BACKOFF" not in story.states()


async def test_never_binds(places: ServicePaths, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a", "--never-bind", stall_s=0.5)], rules=ONE_CRASH) as group:
        group.start()
        status = await until(group, held)
        assert "opened no port, and said nothing for 0.5 s" in str(status.last_error)


async def test_words_in_the_log_put_the_stall_off(places: ServicePaths, fake: Fake) -> None:
    spec = fake("a", "--slow-start", "2.2", "--chatter", "0.1", stall_s=1.5)
    async with ServiceGroup(places, [spec], rules=ONE_CRASH) as group:
        group.start()
        await group.wait_ready(timeout=30)


async def test_ignores_term(places: ServicePaths, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a", "--ignore-term", stop_grace_s=0.3)]) as group:
        group.start()
        await group.wait_ready(timeout=30)
        began = time.monotonic()
        await group.stop()
        assert 0.3 <= time.monotonic() - began < engine_process.KILL_PATIENCE_S


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--exit-code", "3"), "exited with code 3: engine"),
        (("--exit-code", "0"), "exited with code 0: engine"),
        (("--oom-text",), "exited with code 1: CUDA error: out of memory"),
    ],
)
async def test_crash_in_words(places: ServicePaths, fake: Fake, flags: tuple[str, ...], words: str) -> None:
    async with ServiceGroup(places, [fake("a", "--crash-after", "0.3", *flags)], rules=ONE_CRASH) as group:
        group.start()
        status = await until(group, held)
        assert words in str(status.last_error) and "\n" not in str(status.last_error)
        assert status.restarts == 1 and status.pid is None
        with pytest.raises(ServiceError, match="then restart it"):
            await group.wait_ready(timeout=1)


async def test_killed_is_seen_at_once(places: ServicePaths, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a", "--fork-grandchild")], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        took = []
        for kills in range(1, 4):  # one of them is seen undisturbed, also on a machine that is busy
            first = group["a"].status
            began = time.monotonic()
            os.kill(first.pid or 0, signal.SIGKILL)
            await until(group, down)
            took.append(time.monotonic() - began)
            await group.wait_ready(timeout=30)
            again = group["a"].status
            assert again.pid != first.pid and again.port == first.port and again.restarts == kills
            assert again.last_error == "a: killed by SIGKILL"
        assert min(took) < 0.3


async def test_flood_neither_blocks_the_engine_nor_the_stop(places: ServicePaths, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a", "--flood-log")]) as group:
        group.start()
        await group.wait_ready(timeout=30)
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await group.stop()
        assert time.monotonic() - began < 1.5
    assert sum(file.stat().st_size for file in places.logs.iterdir()) < 61_000_000


async def test_not_there(places: ServicePaths) -> None:
    spec = ServiceSpec(name="a", role="a", command=lambda port: Command(("/nowhere/engine",)))
    async with ServiceGroup(places, [spec], rules=ONE_CRASH) as group:
        group.start()
        status = await until(group, held)
        assert "a: /nowhere/engine cannot be started: No such file or directory" in str(status.last_error)


async def test_canary_decides(places: ServicePaths, fake: Fake) -> None:
    asked: list[str] = []

    async def canary(base_url: str) -> None:
        asked.append(base_url)
        if len(asked) == 1:
            raise ServiceError("a", "the first word came out wrong")

    async with ServiceGroup(places, [fake("a", canary=canary)]) as group:
        group.start()
        await group.wait_ready(timeout=30)
        assert asked == [group["a"].base_url] * 2


async def test_prepare_that_fails(places: ServicePaths, fake: Fake) -> None:
    async def prepare(on_progress: Callable[[object], None]) -> None:
        on_progress("half")
        raise RuntimeError("tiny.en: the disk is full; make room")

    told: list[tuple[str, object]] = []
    spec = fake("a", prepare=prepare)
    on_progress = lambda name, progress: told.append((name, progress))  # noqa: E731
    async with ServiceGroup(places, [spec], on_progress=on_progress, rules=ONE_CRASH) as group:
        group.start()
        status = await until(group, held)
        assert str(status.last_error).startswith("tiny.en: the disk is full; make room")
    assert told == [("a", "half")] * 2


@pytest.mark.parametrize("where", ["prepare", "canary"])
async def test_what_a_person_must_change_first_is_held_at_once(
    places: ServicePaths, fake: Fake, story: Story, where: str
) -> None:
    async def refuse(_: object) -> None:
        raise NeedsRepair("a", "persona is 15,059 tokens, the window 2,048: shorten it")

    crashes: list[object] = []
    group = ServiceGroup(places, [fake("a", **{where: refuse})], story, on_crash=lambda *told: crashes.append(told))
    async with group:
        group.start()
        status = await until(group, held)
        assert status.last_error == "a: persona is 15,059 tokens, the window 2,048: shorten it"
    assert "BACKOFF" not in story.states() and status.restarts == 0 and crashes == []
